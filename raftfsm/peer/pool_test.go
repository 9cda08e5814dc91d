package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/peer/peertest"
)

// pool is a pool that the test closes, before the members it uses.
func pool(t *testing.T, m *Mux, cfg PoolConfig) *Pool {
	t.Helper()
	p := NewPool(m, cfg)
	t.Cleanup(func() { p.Close() })
	return p
}

func TestAPoolKeepsOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", echoes())
		p := pool(t, member(t, n, "birch", nil), PoolConfig{})
		if c, ok := p.Try(at("ash")); ok {
			t.Errorf("a connection before it was dialed: %v", c)
		}
		first, err := p.Get(t.Context(), at("ash"))
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if c, err := p.Get(t.Context(), at("ash")); c != first || err != nil {
				t.Errorf("another connection, %v", err)
			}
		}
		if c, ok := p.Try(at("ash")); !ok || c != first {
			t.Error("Try finds none")
		}
		if n.Conns() != 1 {
			t.Errorf("%d connections", n.Conns())
		}
	})
}

func TestAPoolRedialsAndTellsWhatWentDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		ash := member(t, n, "ash", echoes())
		var birch *Mux
		downs := make(chan Target, 10)
		dead := make(chan bool, 10)
		birch = member(t, n, "birch", nil)
		p := pool(t, birch, PoolConfig{OnDown: func(to Target) {
			downs <- to
			dead <- birch.Refused(context.Background(), to.Addr)
		}})
		old, err := p.Get(t.Context(), at("ash"))
		if err != nil {
			t.Fatal(err)
		}
		n.Kill("ash")
		ash.Close()
		if to := <-downs; to != at("ash") {
			t.Errorf("%v went down", to)
		}
		if !<-dead {
			t.Error("a dead process was not recognised")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := p.Get(ctx, at("ash")); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrNotSent) {
			t.Errorf("get while it is down: %v", err)
		}

		member(t, n, "ash", echoes())
		start := time.Now()
		c, err := p.Get(t.Context(), at("ash"))
		if err != nil || c == old {
			t.Fatalf("same connection %v, %v", c == old, err)
		}
		if took := time.Since(start); took > BackoffMax {
			t.Errorf("redialed after %v", took)
		}
		if _, err := c.Call(t.Context(), kindEcho, nil); err != nil {
			t.Error(err)
		}
		if len(downs) != 0 {
			t.Errorf("also down: %v", <-downs)
		}
	})
}

func TestAPoolDialsLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		cfg := configOf(t, n, "birch")
		var dials []time.Duration
		start := time.Now()
		inner := cfg.Dial
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials = append(dials, time.Since(start))
			return inner(ctx, network, addr)
		}
		p := pool(t, listen(t, cfg), PoolConfig{})
		p.Try(at("ash"))
		time.Sleep(10 * time.Second) // virtual
		p.Close()
		want := BackoffMin
		for i := 1; i < len(dials); i++ {
			if gap := dials[i] - dials[i-1]; gap < want/2 || gap > want {
				t.Errorf("dial %d came after %v, want %v to %v", i, gap, want/2, want)
			}
			want = min(2*want, BackoffMax)
		}
		if len(dials) < 20 || len(dials) > 50 {
			t.Errorf("%d dials in 10 s", len(dials))
		}
	})
}

func TestDroppingATargetIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", echoes())
		var downs atomic.Int64
		p := pool(t, member(t, n, "birch", nil), PoolConfig{OnDown: func(Target) { downs.Add(1) }})
		c, err := p.Get(t.Context(), at("ash"))
		if err != nil {
			t.Fatal(err)
		}
		p.Drop(at("ash"))
		p.Drop(at("nobody"))
		<-c.Closed()
		time.Sleep(time.Minute) // virtual
		if n.Conns() != 0 || downs.Load() != 0 {
			t.Errorf("%d connections, %d downs", n.Conns(), downs.Load())
		}
		waiting := make(chan error)
		go func() {
			_, err := p.Get(t.Context(), at("nobody"))
			waiting <- err
		}()
		synctest.Wait()
		p.Drop(at("nobody"))
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("waiting for a dropped target: %v", err)
		}
	})
}

func TestAPoolIsLimitedAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		p := pool(t, member(t, n, "birch", nil), PoolConfig{})
		for i := range MaxTargets {
			p.Try(at(fmt.Sprint("m", i)))
		}
		if _, err := p.Get(t.Context(), at("ash")); !errors.Is(err, ErrTooManyTargets) {
			t.Errorf("one too many: %v", err)
		}
		p.Close()
		if _, err := p.Get(t.Context(), at("m1")); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if _, ok := p.Try(at("m1")); ok {
			t.Error("Try after Close")
		}
	})
}

func TestPushesNameTheirTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", map[byte]Route{kindOrdered: {Ordered: true, Handler: func(ctx context.Context, from Peer, kind byte, p []byte) ([]byte, error) {
			return nil, from.Send(ctx, 7, p)
		}}})
		got := make(chan string, 1)
		p := pool(t, member(t, n, "birch", nil), PoolConfig{OnPush: func(from Target, kind byte, p []byte) {
			got <- fmt.Sprint(from, kind, string(p))
		}})
		c, err := p.Get(t.Context(), at("ash"))
		if err != nil {
			t.Fatal(err)
		}
		c.Send(t.Context(), kindOrdered, []byte("hi"))
		if s := <-got; s != "ash@ash:7 7hi" {
			t.Errorf("pushed %q", s)
		}
	})
}

// Only a refusal is one: an unknown host, a silent link or a listener is not.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", nil)
		birch := member(t, n, "birch", nil)
		if birch.Refused(t.Context(), "ash:7") {
			t.Error("a listener refuses")
		}
		if !birch.Refused(t.Context(), "ash:8") {
			t.Error("an unused port does not refuse")
		}
		n.Cut("ash", "birch")
		start := time.Now()
		if birch.Refused(t.Context(), "ash:8") || time.Since(start) != DialTimeout {
			t.Errorf("a silent link: after %v", time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if birch.Refused(ctx, "ash:8") {
			t.Error("a dead context refuses")
		}
	})
}
