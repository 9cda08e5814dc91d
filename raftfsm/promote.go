package raftfsm

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
)

const (
	// lookEvery is between two looks of the leader at members that are to get a vote.
	lookEvery = time.Second
	// steadyLooks is how many of them in a row must find a member caught up.
	steadyLooks = 3
	// patienceEvery is between two complaints about a member that does not catch up.
	patienceEvery = time.Minute
	// whereaboutsEvery is how long a member is without a leader before it asks the others whether it still belongs to them, and between
	// two times it asks.
	whereaboutsEvery = 5 * time.Second
)

// tend makes, on the leader, what raft's configuration says the members are to be: who joined gets a vote once it has caught up, and who
// is marked as an observer loses the one it has.
func (n *Node) tend() {
	looks := make(map[string]*look)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		if _, leads := n.Office(); !leads {
			clear(looks)
			continue
		}
		n.tendAll(looks)
	}
}

// look is what the leader has seen of a member that is not yet what it is to be.
type look struct {
	good       int       // looks in a row
	complained time.Time // at first, when it was first seen
}

// complain says whether it is time to log again that a member is not what it is to be.
func (l *look) complain() bool {
	if time.Since(l.complained) < patienceEvery {
		return false
	}
	l.complained = time.Now()
	return true
}

// tendAll is one round of looks.
func (n *Node) tendAll(looks map[string]*look) {
	all := n.servers()
	for name := range looks {
		if i := find(all, name); i < 0 || all[i].Voter != all[i].Observer {
			delete(looks, name)
		}
	}
	var said map[string]Report // asked for once, and only if somebody is to be looked at
	commit := n.raft.CommitIndex()
	for _, s := range all {
		if s.Voter != s.Observer {
			continue
		}
		l := looks[s.Name]
		if l == nil {
			l = &look{complained: time.Now()}
			looks[s.Name] = l
		}
		if s.Voter {
			n.settle(l, s, func(ctx context.Context, e *edit, i int) error { return e.demote(ctx, i, s.raw) })
			continue
		}
		if said == nil {
			said = n.Reports(n.ctx)
		}
		r, answers := said[s.Name]
		if n.steady(l, s, r, answers, commit) {
			n.settle(l, s, func(ctx context.Context, e *edit, i int) error { return e.promote(ctx, i) })
		}
	}
}

// steady notes a look and says whether there were enough good ones.
func (n *Node) steady(l *look, s server, r Report, answers bool, commit uint64) bool {
	if answers && r.Ready && r.AppliedIndex+caughtUp >= commit {
		l.good++
		return l.good >= steadyLooks
	}
	l.good = 0
	if l.complain() {
		n.log.Warn("a member that joined does not catch up and has no vote yet", "member", s.Name, "answers", answers,
			"applied", r.AppliedIndex, "committed", commit)
	}
	return false
}

// settle makes a change that nobody asked for just now, unless one that somebody did is under way. What does not work is tried again at
// the next look.
func (n *Node) settle(l *look, s server, do func(ctx context.Context, e *edit, i int) error) {
	select {
	case n.changing <- struct{}{}:
		defer func() { <-n.changing }()
	default:
		return
	}
	ctx, cancel := context.WithTimeout(n.ctx, changeTimeout)
	defer cancel()
	e, err := n.edit(ctx)
	if err == nil {
		if i := find(e.all, s.Name); i >= 0 && e.all[i] == s {
			err = do(ctx, e, i)
		}
	}
	if err != nil && l.complain() {
		n.log.Warn("a member is not what it is to be yet", "member", s.Name, "voter", s.Voter, "error", err)
	}
}

// promote gives member i its vote, if the cluster can count on it.
func (e *edit) promote(ctx context.Context, i int) error {
	s := e.all[i]
	commit := e.raft.CommitIndex()
	if a, answers := e.reach(ctx, e.all[i:i+1])[s.Name]; !answers || a.last+caughtUp < commit {
		return command.Refuse(command.ChangeUnsafe, "%q has fallen behind", s.Name)
	}
	if err := e.safe(ctx, append(votersOf(slices.Clone(e.all)), s)); err != nil {
		return err
	}
	return e.step(ctx, "votes", s.Name, func() raft.IndexFuture {
		return e.raft.AddVoter(raft.ServerID(s.Name), s.raw, e.index, enqueueTimeout)
	})
}
