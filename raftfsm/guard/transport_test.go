package guard

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// heartbeatGoesTo sends a heartbeat over TCP and reports whether it came to the handler raft registers or to the consumer.
func heartbeatGoesTo(t *testing.T, wrap func(*raft.NetworkTransport) raft.Transport) string {
	t.Helper()
	network := func() *raft.NetworkTransport {
		n, err := raft.NewTCPTransport("127.0.0.1:0", nil, 1, 10*time.Second, io.Discard)
		must(t, err)
		return n
	}
	sender, receiver := network(), network()
	defer sender.Close()
	trans := wrap(receiver)
	defer trans.(raft.WithClose).Close()

	went := make(chan string, 1)
	answer := func(where string, rpc raft.RPC) {
		went <- where
		rpc.Respond(&raft.AppendEntriesResponse{Success: true}, nil)
	}
	trans.SetHeartbeatHandler(func(rpc raft.RPC) { answer("handler", rpc) })
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case rpc := <-trans.Consumer():
			answer("consumer", rpc)
		case <-stop:
		}
	}()
	var resp raft.AppendEntriesResponse
	heartbeat := &raft.AppendEntriesRequest{RPCHeader: raft.RPCHeader{Addr: []byte("a")}, Term: 9, Leader: []byte("a")}
	must(t, sender.AppendEntries("b", receiver.LocalAddr(), heartbeat, &resp))
	close(stop)
	<-done
	if !resp.Success {
		t.Error("the answer was lost")
	}
	return <-went
}

func guardTransport(t *testing.T, inner Underlying) *Transport {
	t.Helper()
	g, err := NewTransport(TransportConfig{Inner: inner, Stall: &Stall{}, MaxStall: time.Second})
	must(t, err)
	return g
}

// #695: what goes to the handler is dealt with on the connection's goroutine, beside the main loop.
func TestHeartbeatWaitsItsTurn(t *testing.T) {
	stock := heartbeatGoesTo(t, func(n *raft.NetworkTransport) raft.Transport { return n })
	if stock != "handler" {
		t.Errorf("stock heartbeat went to the %s; is the guard for #695 still needed?", stock)
	}
	if got := heartbeatGoesTo(t, func(n *raft.NetworkTransport) raft.Transport { return guardTransport(t, n) }); got != "consumer" {
		t.Errorf("guarded heartbeat went to the %s, want the consumer", got)
	}
}

// hangingStore is an in-memory store whose appends hang while the gate is closed.
type hangingStore struct {
	*raft.InmemStore
	gate atomic.Pointer[chan struct{}] // nil: open
}

func (s *hangingStore) StoreLogs(entries []*raft.Log) error {
	if gate := s.gate.Load(); gate != nil {
		<-*gate
	}
	return s.InmemStore.StoreLogs(entries)
}

func (s *hangingStore) StoreLog(entry *raft.Log) error { return s.StoreLogs([]*raft.Log{entry}) }

// hangingLeader is #503 in steps: the disk of the leader hangs within an append. It reports whether the others find a new leader
// within eight seconds and accept a write.
func hangingLeader(t *testing.T, guarded bool) (replaced bool) {
	synctest.Test(t, func(t *testing.T) {
		disks := make([]*hangingStore, 3)
		all := cluster(t, 3, func(i int) parts {
			disks[i] = &hangingStore{InmemStore: raft.NewInmemStore()}
			return parts{guarded: guarded, raw: disks[i]}
		})
		old := leader(10*time.Second, all...)
		write(t, old, "before", 3)
		gate := make(chan struct{})
		old.raw.(*hangingStore).gate.Store(&gate)
		old.raft.Apply([]byte("hangs"), 0)

		if next := leader(8*time.Second, without(all, old)...); next != nil {
			replaced = true
			write(t, next, "after", 3)
		}
		old.raw.(*hangingStore).gate.Store(nil)
		close(gate)
		for _, m := range all {
			m.stop(t)
		}
	})
	return replaced
}

func TestLeaderWithHangingDiskIsReplaced(t *testing.T) {
	if hangingLeader(t, false) {
		t.Error("stock raft replaced a leader whose disk hangs; is the guard for #503 still needed?")
	}
	if !hangingLeader(t, true) {
		t.Error("guarded: a leader whose disk hangs kept the cluster for eight seconds")
	}
}

func TestEverythingThatQuietsFollowersIsWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a := raft.NewInmemTransport("a")
		_, b := raft.NewInmemTransport("b")
		a.Connect("b", b)
		stall := &Stall{}
		g, err := NewTransport(TransportConfig{Inner: a, Stall: stall, MaxStall: time.Second})
		must(t, err)
		defer g.Close()
		pipe, err := g.AppendEntriesPipeline("b", "b")
		must(t, err)

		end := stall.begin()
		<-time.After(2 * time.Second)
		sends := map[string]error{
			"append":   g.AppendEntries("b", "b", &raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{}),
			"snapshot": g.InstallSnapshot("b", "b", &raft.InstallSnapshotRequest{}, &raft.InstallSnapshotResponse{}, nil),
		}
		_, sends["pipeline"] = pipe.AppendEntries(&raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{})
		for what, err := range sends {
			if !errors.Is(err, ErrStalled) {
				t.Errorf("%s while stalled: %v, want ErrStalled", what, err)
			}
		}
		if n := len(b.Consumer()); n != 0 {
			t.Errorf("%d RPCs reached the peer", n)
		}
		end()
		if _, err := pipe.AppendEntries(&raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{}); err != nil {
			t.Errorf("pipeline after the stall: %v", err)
		}
		must(t, pipe.Close())
	})
}

// preVotes counts the PreVote requests sent through a transport.
type preVotes struct {
	*raft.InmemTransport
	sent *atomic.Int64
}

func (p preVotes) RequestPreVote(id raft.ServerID, target raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	p.sent.Add(1)
	return p.InmemTransport.RequestPreVote(id, target, req, resp)
}

func TestPreVoteIsNotLostOnTheWay(t *testing.T) {
	elect := func(hide bool) (sent int64) {
		synctest.Test(t, func(t *testing.T) {
			var count atomic.Int64
			all := cluster(t, 3, func(int) parts {
				return parts{guarded: true, hide: hide, carrier: func(u Underlying) Underlying {
					return preVotes{u.(*raft.InmemTransport), &count}
				}}
			})
			if leader(10*time.Second, all...) == nil {
				t.Error("no leader")
			}
			for _, m := range all {
				m.stop(t)
			}
			sent = count.Load()
		})
		return sent
	}
	if sent := elect(true); sent != 0 {
		t.Errorf("%d PreVotes although raft cannot see that the transport has them", sent)
	}
	if sent := elect(false); sent == 0 {
		t.Error("raft sent no PreVote through the guard")
	}
}

func TestElectNowDoesNotWaitForTheTimeout(t *testing.T) {
	const soon = testHeartbeat / 5
	elect := func(now bool) (led bool) {
		synctest.Test(t, func(t *testing.T) {
			all := cluster(t, 3, func(int) parts { return parts{guarded: true} })
			old := leader(10*time.Second, all...)
			write(t, old, "before", 3)
			rest := without(all, old)
			for rest[0].raft.LastIndex() < old.raft.LastIndex() {
				time.Sleep(time.Millisecond) // a voter without the last entry would not be voted for
			}
			part(old, all)
			if now {
				must(t, rest[0].guard.ElectNow())
			}
			led = leader(soon, rest...) != nil
			for _, m := range all {
				m.stop(t)
			}
		})
		return led
	}
	if elect(false) {
		t.Errorf("a new leader within %v without being told: nothing is tested", soon)
	}
	if !elect(true) {
		t.Errorf("no new leader within %v", soon)
	}
}

func TestInjectIsBoundedAndEndsWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, inner := raft.NewInmemTransport("a")
		g := guardTransport(t, inner)
		must(t, g.Inject("first"))
		synctest.Wait() // the pump holds it
		must(t, g.Inject("second"))
		if err := g.Inject("third"); !errors.Is(err, ErrInjectBusy) {
			t.Errorf("third: %v, want ErrInjectBusy", err)
		}
		for _, want := range []string{"first", "second"} {
			rpc := <-g.Consumer()
			if rpc.Command != want {
				t.Errorf("got %v, want %s", rpc.Command, want)
			}
			rpc.Respond(nil, nil) // nobody listens, and it must not block
		}
		must(t, g.Inject("never taken"))
		synctest.Wait()
		must(t, g.Close())
		must(t, g.Close())
		if err := g.Inject("late"); !errors.Is(err, raft.ErrTransportShutdown) {
			t.Errorf("after close: %v", err)
		}
	}) // a goroutine left behind would fail the bubble
}

func TestTransportConnectsThroughTheGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a := raft.NewInmemTransport("a")
		_, b := raft.NewInmemTransport("b")
		ga, gb := guardTransport(t, a), guardTransport(t, b)
		defer ga.Close()
		defer gb.Close()
		ga.Connect("b", gb)
		go func() {
			rpc := <-gb.Consumer()
			rpc.Respond(&raft.AppendEntriesResponse{Term: 4}, nil)
		}()
		var resp raft.AppendEntriesResponse
		if err := ga.AppendEntries("b", "b", &raft.AppendEntriesRequest{}, &resp); err != nil || resp.Term != 4 {
			t.Errorf("append: term %d, %v", resp.Term, err)
		}
		ga.Disconnect("b")
		if err := ga.AppendEntries("b", "b", &raft.AppendEntriesRequest{}, &resp); err == nil {
			t.Error("append to a disconnected peer went through")
		}
	})
}
