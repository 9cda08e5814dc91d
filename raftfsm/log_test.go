package raftfsm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// What raft calls errors and is none is not told as such, and what is one is.
func TestHowLoudRaftIs(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		msg  string
		err  error
		want string // level, "" if nothing is told
	}{
		{"failed to decode incoming command", reset, ""},
		{"failed to decode incoming command", fmt.Errorf("in the middle: %w", io.ErrUnexpectedEOF), ""},
		{"failed to decode incoming command", net.ErrClosed, ""},
		{"failed to flush response", syscall.EPIPE, ""},
		{"failed to decode incoming command", errors.New("unknown rpc type 9"), "ERROR"},
		{"failed to get previous log", errors.New("not found"), ""},
		{"failed to appendEntries to", reset, "WARN"},
		{"failed to take snapshot", reset, "ERROR"},
	} {
		var out bytes.Buffer
		raftLogger(slog.New(slog.NewTextHandler(&out, nil))).Error(c.msg, "error", c.err)
		if got := out.String(); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %v: %q, want level %q", c.msg, c.err, got, c.want)
		}
	}
}
