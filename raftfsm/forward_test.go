package raftfsm

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"

	"holt/raftfsm/peer"
	"holt/raftfsm/peer/peertest"
	"holt/raftfsm/znode"
)

// lane is a node without raft that forwards to a leader that is only a handler.
func lane(t *testing.T) (n *Node, frames chan []byte) {
	t.Helper()
	network := peertest.New()
	mux := func(name string) *peer.Mux {
		ln, err := network.Listen(name + ":7")
		if err != nil {
			t.Fatal(err)
		}
		m, err := peer.Listen(peer.Config{Name: name, Secret: []byte("in the bubble"), Listener: ln, Dial: network.Dialer(name), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	frames = make(chan []byte, 10)
	err := mux("leader").Serve(map[byte]peer.Route{kindForward: {Ordered: true, Handler: func(_ context.Context, _ peer.Peer, _ byte, b []byte) ([]byte, error) {
		frames <- b
		return nil, nil
	}}})
	if err != nil {
		t.Fatal(err)
	}
	_, n = newBox()
	n.ctx = t.Context()
	n.writes = peer.NewPool(mux("follower"), peer.PoolConfig{})
	t.Cleanup(func() { n.writes.Close() })
	return n, frames
}

// The role is asked for, then an entry of a later term is applied, then the call is marked as sent: nobody would ever
// take it back.
func TestACallIsNotSentInATermThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, frames := lane(t)
		n.progress.publish(&view{state: &znode.State{}, term: 6})
		c := startAll(t, n.calls, 1)[0]
		n.outbox.add(c)
		r := role{term: 5, leader: "leader", addr: "leader:7"}
		if _, err := n.writes.Get(t.Context(), r.target()); err != nil {
			t.Fatal(err)
		}
		n.forward(r)
		synctest.Wait()
		if len(frames) != 0 || c.stage != waiting || len(n.outbox.queue) != 1 {
			t.Fatalf("in a term that is over: %d frames, stage %d, %d in the outbox", len(frames), c.stage, len(n.outbox.queue))
		}
		r.term = 6
		n.forward(r)
		synctest.Wait()
		if len(frames) != 1 || c.stage != sent || c.way != (way{6, 1}) {
			t.Fatalf("in the present term: %d frames, stage %d, way %v", len(frames), c.stage, c.way)
		}
	})
}

// Frames and refusals come from members, but a damaged one must not do damage.
func TestDamagedFramesAreRefusedWhole(t *testing.T) {
	n, _ := withCalls(t)
	good := binary.AppendUvarint(nil, 5)
	good = binary.AppendUvarint(good, 1)
	for _, c := range startAll(t, n.calls, 2) {
		good = binary.AppendUvarint(good, uint64(len(c.body)))
		good = append(good, c.body...)
	}
	if _, err := n.onForward(t.Context(), peer.Peer{}, kindForward, good); err != nil {
		t.Fatal(err)
	}
	if b := <-n.outbox.bundles; len(b.commands) != 2 || b.way != (way{5, 1}) || b.origin != n.calls.origin || !b.grows[0] {
		t.Errorf("%+v", b)
	}
	for k := range len(good) - 1 {
		n.onForward(t.Context(), peer.Peer{}, kindForward, good[:k])
		for len(n.outbox.bundles) > 0 {
			// A frame cut between two commands is a shorter frame; it is the connection that keeps frames whole.
			if b := <-n.outbox.bundles; len(b.commands) > 1 {
				t.Errorf("cut to %d bytes: %d commands", k, len(b.commands))
			}
		}
	}
}

func TestARefusalTakesBackOnlyWhatItRefuses(t *testing.T) {
	n, all := withCalls(t)
	refusal := func(reason byte, w way, seqs ...uint64) []byte {
		b := binary.AppendUvarint([]byte{reason}, w.term)
		b = binary.AppendUvarint(b, w.link)
		for _, s := range seqs {
			b = binary.AppendUvarint(b, s)
		}
		return b
	}
	n.calls.send(copyOf(all), way{5, 2})
	n.onRefused(peer.Target{}, kindRefused, refusal(reasonNotLeader, way{5, 1}, all[0].seq)) // late: it went again meanwhile
	n.onRefused(peer.Target{}, kindRefused, refusal(reasonNotLeader, way{4, 2}, all[0].seq))
	n.onRefused(peer.Target{}, kindRefused, []byte{reasonNotLeader, 0x80})
	if stages(all) != "sss" {
		t.Fatalf("stages %s", stages(all))
	}
	n.onRefused(peer.Target{}, kindRefused, refusal(reasonNotLeader, way{5, 2}, all[0].seq, 4711))
	n.onRefused(peer.Target{}, kindRefused, refusal(reasonDiskFull, way{5, 2}, all[1].seq))
	if stages(all) != "wes" || len(n.outbox.queue) != 1 {
		t.Errorf("stages %s, %d in the outbox", stages(all), len(n.outbox.queue))
	}
}

// withCalls is a node without raft or network, with three calls.
func withCalls(t *testing.T) (*Node, []*call) {
	t.Helper()
	_, n := newBox()
	return n, startAll(t, n.calls, 3)
}
