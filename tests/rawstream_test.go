package tests

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"holt/tests/harness"
)

// rawStream is a connection with a stream, read as bytes, head and chunks included.
type rawStream struct {
	conn *net.TCPConn
	got  bytes.Buffer
}

// dialStream asks a member for a stream. The connection is closed with the test.
func dialStream(t *testing.T, m *harness.Member, target string) *rawStream {
	t.Helper()
	c, err := net.DialTimeout("tcp", m.HTTPAddr, endTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	return &rawStream{conn: c.(*net.TCPConn)}
}

// here is all that has come, without waiting for more than what the kernel already has.
func (s *rawStream) here(t *testing.T) string {
	t.Helper()
	raw, err := s.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	for {
		var n int
		var why error
		if err := raw.Read(func(fd uintptr) bool {
			n, why = syscall.Read(int(fd), buf) // the descriptor never blocks
			return true
		}); err != nil {
			t.Fatal(err)
		}
		switch {
		case errors.Is(why, syscall.EAGAIN):
			return s.got.String()
		case errors.Is(why, syscall.EINTR):
		case why != nil || n == 0:
			t.Fatalf("the stream ended: %v", why)
		default:
			s.got.Write(buf[:n])
		}
	}
}

// await waits until the stream has said something.
func (s *rawStream) await(t *testing.T, what string) {
	t.Helper()
	harness.Eventually(t, endTime, what, func() bool { return strings.Contains(s.here(t), what) })
}
