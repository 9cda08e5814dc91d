package peer

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// overTCP is a member on a loopback port of its own.
func overTCP(t testing.TB, name string, table map[byte]Route) *Mux {
	t.Helper()
	m, err := Listen(Config{
		Name: name, Secret: []byte(secret), BindAddr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Serve(table); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCallsOverTCP(t *testing.T) {
	ash := overTCP(t, "ash", echoes())
	birch := overTCP(t, "birch", echoes())
	to := Target{Name: "ash", Addr: ash.Addr().String()}
	c, err := birch.Dial(t.Context(), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			payload := bytes.Repeat([]byte{byte(g)}, 1+g*100_000)
			for range 20 {
				if got, err := c.Call(t.Context(), kindEcho, payload); err != nil || !bytes.Equal(got, payload) {
					t.Errorf("%d bytes came back of %d, %v", len(got), len(payload), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestAMemberThatGoesAndComesBackOverTCP(t *testing.T) {
	ash := overTCP(t, "ash", echoes())
	birch := overTCP(t, "birch", echoes())
	to := Target{Name: "ash", Addr: ash.Addr().String()}
	down := make(chan Target, 100)
	p := NewPool(birch, PoolConfig{OnDown: func(to Target) { down <- to }})
	defer p.Close()
	if _, err := p.Get(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if birch.Refused(t.Context(), to.Addr) {
		t.Error("refused while it listens")
	}
	ash.Close()
	<-down
	if !birch.Refused(t.Context(), to.Addr) {
		t.Error("not refused when it is gone")
	}
	var ln net.Listener
	eventually(t, "the port can be bound again", func() (ok bool) {
		var err error
		ln, err = net.Listen("tcp", to.Addr)
		return err == nil
	})
	back, err := Listen(Config{Name: "ash", Secret: []byte(secret), Listener: ln, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	back.Serve(echoes())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if c, err := p.Get(ctx, to); err != nil || c.Name() != "ash" {
		t.Errorf("after it came back: %v", err)
	}
}

func TestWithoutASecretOnlyThisMachine(t *testing.T) {
	open := Config{Name: "ash", LoopbackOnly: true, Logger: slog.New(slog.DiscardHandler)}
	open.BindAddr = "0.0.0.0:0"
	if m, err := Listen(open); err == nil {
		m.Close()
		t.Error("listens to everybody")
	}
	open.BindAddr = "127.0.0.1:0"
	ash, err := Listen(open)
	if err != nil {
		t.Fatal(err)
	}
	defer ash.Close()
	ash.Serve(echoes())
	open.Name = "birch"
	// A name that leads to another machine: the connection says where it went.
	open.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, ash.Addr().String())
		if addr == "far:7" && err == nil {
			return elsewhere{c}, nil
		}
		return c, err
	}
	birch, err := Listen(open)
	if err != nil {
		t.Fatal(err)
	}
	defer birch.Close()
	c, err := birch.Dial(t.Context(), Target{Name: "ash", Addr: "near:7"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := birch.Dial(t.Context(), Target{Addr: "far:7"}, nil); err == nil || !strings.Contains(err.Error(), "another machine") {
		t.Errorf("dials another machine: %v", err)
	}
}

// elsewhere is a connection that claims to lead to another machine.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7} }

func TestTheUserTimeoutCanBeSet(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := setUserTimeout(c.(*net.TCPConn)); err != nil {
		t.Error(err)
	}
	c.Close()
	if err := setUserTimeout(c.(*net.TCPConn)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("on a closed connection: %v", err)
	}
}

// A listener that fails once in a while goes on accepting.
func TestAFailedAcceptIsWaitedOut(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ash, err := Listen(Config{Name: "ash", Secret: []byte(secret), Listener: &flaky{Listener: ln, failures: 3}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer ash.Close()
	ash.Serve(echoes())
	c, err := overTCP(t, "birch", nil).Dial(t.Context(), Target{Addr: ln.Addr().String()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

type flaky struct {
	net.Listener
	failures int // touched by the accept loop only
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}
