package peertest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect opens a connection from host a to host b.
func connect(t *testing.T, n *Network) (a, b net.Conn) {
	t.Helper()
	ln, err := n.Listen("b:1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	if a, err = n.Dialer("a")(t.Context(), "tcp", "b:1"); err != nil {
		t.Fatal(err)
	}
	if b, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b, err, want)
	}
}

func TestWhatIsWrittenIsReadThenTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := connect(t, n)
		io.WriteString(a, "hello ")
		io.WriteString(a, "there")
		read(t, b, "hello there")
		io.WriteString(b, "yes?")
		b.Close()
		read(t, a, "yes?")
		if _, err := a.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing to a closed end: %v", err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading a closed conn: %v", err)
		}
		a.Close()
		if n.Conns() != 0 {
			t.Errorf("%d connections left", n.Conns())
		}
	})
}

func TestAFullBufferMakesTheWriterWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := connect(t, New())
		big := strings.Repeat("x", 3*Buffer)
		written := make(chan int)
		go func() {
			n, _ := io.WriteString(a, big)
			written <- n
		}()
		synctest.Wait()
		select {
		case <-written:
			t.Fatal("the writer did not wait")
		default:
		}
		read(t, b, big)
		if n := <-written; n != len(big) {
			t.Errorf("wrote %d", n)
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := connect(t, New())
		start := time.Now()
		a.SetReadDeadline(start.Add(3 * time.Second))
		_, err := a.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		a.SetReadDeadline(time.Time{})
		io.WriteString(b, "x")
		read(t, a, "x")
		a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write(make([]byte, Buffer+1)); n != Buffer || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
}

func TestACutSwallowsAndAHealDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := connect(t, n)
		n.Cut("a", "b")
		io.WriteString(a, "late")
		a.Close()
		b.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read across a cut: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Dialer("b")(ctx, "tcp", "a:9"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial across a cut: %v", err)
		}
		n.Heal("b", "a")
		b.SetReadDeadline(time.Time{})
		read(t, b, "late")
		if _, err := b.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestACutOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := connect(t, n)
		n.CutOneWay("a", "b")
		io.WriteString(a, "lost")
		io.WriteString(b, "heard")
		read(t, a, "heard")
		b.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read across a cut: %v", err)
		}
		n.HealAll()
		b.SetReadDeadline(time.Time{})
		read(t, b, "lost")
	})
}

func TestALongCutBreaksConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		n.DeadAfter = 5 * time.Second
		a, b := connect(t, n)
		n.Cut("a", "b")
		time.Sleep(4 * time.Second) // virtual
		n.HealAll()
		io.WriteString(a, "alive")
		read(t, b, "alive")
		start := time.Now()
		n.Isolate("a", "a", "b")
		_, err := b.Read(make([]byte, 1))
		if !errors.Is(err, syscall.ETIMEDOUT) || time.Since(start) != n.DeadAfter {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("other end: %v", err)
		}
	})
}

func TestAKilledHostResetsAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := connect(t, n)
		n.Kill("b")
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the survivor reads %v", err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the killed writes: %v", err)
		}
		if _, err := n.Dialer("a")(t.Context(), "tcp", "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: %v", err)
		}
		ln, err := n.Listen("b:1")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		c, err := n.Dialer("a")(t.Context(), "tcp", "b:1")
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

func TestAKillBehindACutIsNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, _ := connect(t, n)
		n.Cut("a", "b")
		n.Kill("b")
		a.SetDeadline(time.Now().Add(time.Second))
		if _, err := a.Write([]byte("x")); err != nil {
			t.Errorf("write: %v", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		n.HealAll()
		a.SetDeadline(time.Time{})
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after heal: %v", err)
		}
	})
}

func TestOneListenerAPort(t *testing.T) {
	n := New()
	ln, err := n.Listen("b:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen("b:1"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second listener: %v", err)
	}
	ln.Close()
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}
