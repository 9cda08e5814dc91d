package guard

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// pipeNet connects members by name with net.Pipe, so that raft's network transport runs on a bubble's clock.
type pipeNet struct {
	mu     sync.Mutex // guards layers
	layers map[raft.ServerAddress]*pipeLayer
}

// pipeLayer is one member's end of a pipeNet, a raft.StreamLayer.
type pipeLayer struct {
	net    *pipeNet
	addr   raft.ServerAddress
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (n *pipeNet) layer(addr raft.ServerAddress) *pipeLayer {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &pipeLayer{net: n, addr: addr, accept: make(chan net.Conn), closed: make(chan struct{})}
	n.layers[addr] = l
	return l
}

func (l *pipeLayer) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeLayer) Dial(addr raft.ServerAddress, _ time.Duration) (net.Conn, error) {
	l.net.mu.Lock()
	peer := l.net.layers[addr]
	l.net.mu.Unlock()
	ours, theirs := net.Pipe()
	select {
	case peer.accept <- theirs:
		return ours, nil
	case <-peer.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeLayer) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeLayer) Addr() net.Addr { return pipeAddr(l.addr) }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

// freeable is a network transport that can release a replication stuck in a pipeline, so that the test can end.
type freeable struct {
	*raft.NetworkTransport
	mu    sync.Mutex // guards pipes
	pipes []raft.AppendPipeline
}

func (f *freeable) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := f.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pipes = append(f.pipes, p)
	return p, nil
}

func (f *freeable) free() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pipes {
		_ = p.Close()
	}
}

// stumblingStore is an in-memory store that can be slow, and whose next append fails when told so; after that it is well again.
type stumblingStore struct {
	*raft.InmemStore
	slow    atomic.Bool
	stumble atomic.Bool
}

func (s *stumblingStore) StoreLogs(entries []*raft.Log) error {
	if s.slow.Load() {
		<-time.After(5 * time.Millisecond)
	}
	if s.stumble.CompareAndSwap(true, false) {
		return errors.New("one append refused")
	}
	return s.InmemStore.StoreLogs(entries)
}

// stumbles is #612 in steps: while a leader writes steadily, a follower refuses a single append now and then. It reports after how many
// of these replication to the follower stood still for good, or rounds if it never did.
func stumbles(t *testing.T, inFlight, rounds int) (survived int) {
	synctest.Test(t, func(t *testing.T) {
		wires := &pipeNet{layers: map[raft.ServerAddress]*pipeLayer{}}
		var carriers []*freeable
		all := cluster(t, 3, func(i int) parts {
			f := &freeable{NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
				Stream: wires.layer(raft.ServerAddress(rune('a' + i))), MaxPool: 3, Timeout: 5 * time.Second,
				MaxRPCsInFlight: inFlight, Logger: hclog.NewNullLogger(),
			})}
			carriers = append(carriers, f)
			return parts{raw: &stumblingStore{InmemStore: raft.NewInmemStore()}, carrier: func(Underlying) Underlying { return f }}
		})
		lead := leader(10*time.Second, all...)
		follower := without(all, lead)[0]
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(200 * time.Microsecond):
					lead.raft.Apply([]byte("steady"), 0)
				}
			}
		}()
		store := follower.raw.(*stumblingStore)
		store.slow.Store(true) // so that another request is under way when one is refused
		for survived < rounds {
			store.stumble.Store(true)
			goal := lead.raft.LastIndex() + 5
			if !eventually(time.Second, func() bool { return !store.stumble.Load() && follower.raft.LastIndex() >= goal }) {
				break
			}
			survived++
		}
		close(stop)
		<-done
		store.slow.Store(false)
		for _, f := range carriers {
			f.free()
		}
		for _, m := range all {
			m.stop(t)
		}
		for _, f := range carriers {
			f.CloseStreams()
		}
	})
	return survived
}

func TestReplicationSurvivesRefusedAppends(t *testing.T) {
	const rounds = 15
	if n := stumbles(t, 2, rounds); n == rounds {
		t.Errorf("with two requests under way, replication survived %d refused appends; is MaxRPCsInFlight = 1 still needed?", n)
	}
	if n := stumbles(t, MaxRPCsInFlight, rounds); n < rounds {
		t.Errorf("with %d request under way, replication stood still after %d refused appends", MaxRPCsInFlight, n)
	}
}
