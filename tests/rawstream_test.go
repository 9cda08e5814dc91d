package tests

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

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
	const moment = 100 * time.Microsecond // a deadline that is over reads nothing at all
	buf := make([]byte, 64<<10)
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(moment)); err != nil {
			t.Fatal(err)
		}
		n, err := s.conn.Read(buf)
		s.got.Write(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return s.got.String()
		}
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
	}
}

// await waits until the stream has said something.
func (s *rawStream) await(t *testing.T, what string) {
	t.Helper()
	harness.Eventually(t, endTime, what, func() bool { return strings.Contains(s.here(t), what) })
}
