package raftfsm

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/peer"
)

const (
	// electionStep is how much later each further voter starts an election when its leader's process has died. An
	// election takes two round trips and a few syncs on two members, which a busy disk draws out.
	electionStep = 120 * time.Millisecond
	// settleTime is how long a survivor waits before it asks how long the logs are: entries that the dead leader sent last
	// are still being written.
	settleTime = 6 * time.Millisecond
	// refusedTries is how often a dead leader's port is tried.
	refusedTries = 3
	// handOverReach bounds how long a leader that stops looks for a voter that answers.
	handOverReach = 200 * time.Millisecond
	// nudgePauseMin and nudgePauseMax bound the pauses between telling a member of a commit again; they double.
	nudgePauseMin = 500 * time.Microsecond
	nudgePauseMax = 16 * time.Millisecond
)

// observe wakes the outbox when the leader changes and keeps connections to whom this member will want to talk to.
func (n *Node) observe() {
	ch := make(chan raft.Observation, 16)
	o := raft.NewObserver(ch, false, func(o *raft.Observation) bool {
		n.counts.observed(o)
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	n.raft.RegisterObserver(o)
	defer n.raft.DeregisterObserver(o)
	// An observation can be dropped when many come at once; the tick makes up for it.
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	led, known := "", make(map[peer.Target]bool)
	n.counts.leader(false, n.started)
	for {
		r := n.role()
		if r.leader != led {
			n.counts.leader(r.leader != "", time.Now())
			if r.leader == "" {
				n.log.Warn("no leader", "term", r.term)
			} else {
				n.log.Info("leader", "leader", r.leader, "term", r.term)
			}
			led = r.leader
		}
		known = n.connect(r, known)
		select {
		case <-ch:
		case <-tick.C:
			n.electAlone()
		case <-n.stop:
			return
		}
		n.outbox.poke()
	}
}

// connect opens the connections this member needs in its role before the first request does. The one to the leader also
// tells of its death. Those to whom it knew and who is not there any more are given up.
func (n *Node) connect(r role, known map[peer.Target]bool) (now map[peer.Target]bool) {
	now = make(map[peer.Target]bool)
	if !r.leads && r.leader != "" {
		n.writes.Try(r.target())
		now[r.target()] = true
	}
	for _, s := range n.servers() {
		if s.Name != n.cfg.Name {
			n.asks.Try(s.target())
			now[s.target()] = true
		}
	}
	for t := range known {
		if !now[t] {
			n.asks.Drop(t)
			n.writes.Drop(t)
		}
	}
	return now
}

// electAlone makes the only voter lead: there is nobody to hear from first.
func (n *Node) electAlone() {
	if n.raft.State() != raft.Follower || !n.franchise.granted.Load() {
		return
	}
	if vs := n.voters(); len(vs) != 1 || vs[0].Name != n.cfg.Name {
		return
	}
	if err := n.trans.ElectNow(); err != nil {
		n.log.Debug("could not start an election", "error", err)
	}
}

// onDown is called when the connection to a member ended. If that was the leader and nobody listens at its address any
// more, its process is dead, and there is no point in waiting out the heartbeats.
func (n *Node) onDown(t peer.Target) {
	n.wg.Go(func() {
		if r := n.role(); r.leads || r.leader != t.Name {
			return
		}
		if !n.gone(t.Addr) || !n.sleep(settleTime) {
			return
		}
		rank, voters := n.rank(t.Name)
		if rank < 0 || !n.franchise.granted.Load() {
			return
		}
		// In turn, since two elections at once split the vote; and again, since the turns are only a good guess.
		for turn := range 2 * voters {
			if turn%voters == rank {
				if r := n.role(); r.leads || r.leader != "" && r.leader != t.Name {
					return
				}
				n.log.Info("the leader's process is gone: starting an election", "leader", t.Name)
				if err := n.trans.ElectNow(); err != nil {
					n.log.Debug("could not start an election", "error", err)
				}
			}
			// Should two have come to the same turn, chance parts them.
			if !n.sleep(electionStep + rand.N(electionStep/4)) {
				return
			}
		}
	})
}

// gone says whether nobody listens at a member's address. The connections of a process that was killed can end a moment
// before its port closes, so it is asked more than once.
func (n *Node) gone(addr string) bool {
	for range refusedTries {
		if n.mux.Refused(n.ctx, addr) {
			return true
		}
		if !n.sleep(refusedPause) {
			return false
		}
	}
	return false
}

// sleep waits, and says whether the node still runs.
func (n *Node) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-n.stop:
		return false
	}
}

// rank is this voter's turn among those that survive the leader, and how many they are: -1 if it does not vote. Whoever
// has the longest log comes first, since a voter does not vote for a log that ends before its own; of equal ones the first
// by name. The name also decides where a survivor does not say how long its log is.
func (n *Node) rank(dead string) (turn, of int) {
	ctx, cancel := context.WithTimeout(n.ctx, electionStep/2)
	defer cancel()
	turn, mine := -1, n.raft.LastIndex()
	var others []server
	for _, s := range n.voters() {
		switch s.Name {
		case dead:
		case n.cfg.Name:
			turn = 0
		default:
			others = append(others, s)
		}
	}
	if turn < 0 {
		return -1, 0
	}
	before := make(chan bool, len(others))
	for _, s := range others {
		go func() {
			last, ok := n.lastIndex(ctx, s.target())
			if !ok {
				last = mine
			}
			before <- last > mine || last == mine && s.Name < n.cfg.Name
		}()
	}
	for range others {
		if <-before {
			turn++
		}
	}
	return turn, len(others) + 1
}

// lastIndex asks a member for the last index of its log.
func (n *Node) lastIndex(ctx context.Context, of peer.Target) (index uint64, ok bool) {
	conn, ok := n.asks.Try(of)
	if !ok {
		return 0, false
	}
	b, err := conn.Call(ctx, kindTerm, nil)
	if err != nil {
		return 0, false
	}
	nums, _, ok := uvarints(b, 2)
	if !ok {
		return 0, false
	}
	return nums[1], true
}

// nudges tells followers of a commit at once. Raft tells them with the next entry or after its CommitTimeout, and a
// request to a follower waits for that. A nudge is the empty append raft would send, made from facts alone: this entry is
// committed, in the term this member led. Whenever it arrives it is true; where it does not fit it is refused.
func (n *Node) nudges() {
	for {
		select {
		case <-n.nudge:
		case <-n.stop:
			return
		}
		if n.newsFor(0) == nil {
			continue
		}
		for _, s := range n.servers() {
			if s.Name != n.cfg.Name {
				n.nudgeOne(s)
			}
		}
	}
}

// newsFor is what a member that was last told of an index should be told now: nil if this member does not lead, or if an
// entry on its way will carry the news.
func (n *Node) newsFor(told uint64) *view {
	v := n.progress.now.Load()
	if v.index <= told || !n.leads() || n.raft.CurrentTerm() != v.term || n.raft.LastIndex() != v.index {
		return nil
	}
	return v
}

// nudgeOne nudges a member until it has the news; one at a time. A member that was not needed for the quorum may get the
// entry a moment later than the nudge, so it is tried a few times.
func (n *Node) nudgeOne(s server) {
	n.nudgeMu.Lock()
	defer n.nudgeMu.Unlock()
	if n.nudging[s.Name] {
		return
	}
	n.nudging[s.Name] = true
	n.wg.Go(func() {
		defer func() {
			n.nudgeMu.Lock()
			delete(n.nudging, s.Name)
			n.nudgeMu.Unlock()
		}()
		told, pause := uint64(0), nudgePauseMin
		for {
			v := n.newsFor(told)
			if v == nil {
				return
			}
			if n.tell(s, v) {
				told, pause = v.index, nudgePauseMin
				continue
			}
			if pause > nudgePauseMax {
				return // it lags or is away: leave it to raft
			}
			if !n.sleep(pause) {
				return
			}
			pause *= 2
		}
	})
}

// tell sends one nudge and says whether it was taken.
func (n *Node) tell(s server, v *view) bool {
	self := n.trans.EncodePeer(raft.ServerID(n.cfg.Name), n.trans.LocalAddr())
	req := &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(n.cfg.Name), Addr: self},
		Term:      v.term, Leader: self,
		PrevLogEntry: v.index, PrevLogTerm: v.term, LeaderCommitIndex: v.index,
	}
	var resp raft.AppendEntriesResponse
	err := n.trans.AppendEntries(raft.ServerID(s.Name), raft.ServerAddress(s.Addr), req, &resp)
	return err == nil && resp.Success
}

// HandOver gives leadership to another voter, if this member leads and there is one. It is for a member that stops:
// requests under way then go to the new leader.
func (n *Node) HandOver(ctx context.Context) error {
	voters := n.voters()
	if !n.leads() || len(voters) < 2 {
		return nil
	}
	brief, cancel := context.WithTimeout(ctx, handOverReach)
	next, ok := n.successor(brief, voters)
	cancel()
	done := make(chan error, 1)
	go func() {
		if ok {
			done <- n.raft.LeadershipTransferToServer(raft.ServerID(next.Name), next.raw).Error()
			return
		}
		done <- n.raft.LeadershipTransfer().Error() // whoever raft takes for the best
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
