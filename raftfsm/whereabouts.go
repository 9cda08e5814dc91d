package raftfsm

import (
	"context"
	"encoding/json"
	"time"

	"holt/raftfsm/peer"
)

// membership is what a member says to another that asks whether it belongs to the cluster. Members of other versions may know other
// fields, so it goes over the wire as JSON.
type membership struct {
	Sure   bool // the one who answers has a leader, and has caught up
	Member bool
}

// maxMembershipBytes bounds it, encoded.
const maxMembershipBytes = 1 << 10

// onMember answers a member that wonders.
func (n *Node) onMember(_ context.Context, from peer.Peer, _ byte, _ []byte) ([]byte, error) {
	r := n.role()
	return json.Marshal(membership{
		Sure:   n.Ready() && n.IsMember() && r.leader != "" && r.leader != from.Name,
		Member: find(n.servers(), from.Name) >= 0,
	})
}

// whereabouts notices that this member was removed. Mostly its log says so; but who was down or cut off then would wait for a leader for
// ever, and so asks. It is told apart from one that is merely cut off, and does nothing but say so.
func (n *Node) whereabouts() {
	tick := time.NewTicker(whereaboutsEvery / 10)
	defer tick.Stop()
	lonely, was := time.Now(), false
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		if n.role().leader != "" {
			lonely = time.Now()
			n.out.Store(false)
		} else if time.Since(lonely) >= whereaboutsEvery {
			lonely = time.Now()
			n.out.Store(n.removed())
		}
		is := n.IsMember()
		if was && !is {
			n.log.Error("this member has been removed from the cluster: stop it; to have it back, empty its folder and let it join")
		}
		was = is
	}
}

// removed asks the other members this one knows. One that is sure is enough: it can only be wrong for a moment.
func (n *Node) removed() bool {
	ctx, cancel := context.WithTimeout(n.ctx, reachTimeout)
	defer cancel()
	all := n.servers()
	answers := make(chan bool, len(all))
	asked := 0
	for _, s := range all {
		if s.Name == n.cfg.Name {
			continue
		}
		asked++
		n.wg.Go(func() { answers <- n.disownedBy(ctx, s.target()) })
	}
	out := false
	for range asked {
		out = <-answers || out
	}
	return out
}

// disownedBy says whether a member is sure that this one is none.
func (n *Node) disownedBy(ctx context.Context, by peer.Target) bool {
	conn, err := n.asks.Get(ctx, by)
	if err != nil {
		return false
	}
	b, err := conn.Call(ctx, kindMember, nil)
	var m membership
	if err != nil || len(b) > maxMembershipBytes || json.Unmarshal(b, &m) != nil {
		return false
	}
	return m.Sure && !m.Member
}
