package raftfsm

import (
	"context"
	"errors"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/peer"
)

// askTimeout bounds one question to the leader.
const askTimeout = 2 * time.Second

// errNoSessions says that this member keeps no leases.
var errNoSessions = errors.New("this member keeps no leases")

// Office says whether this member leads, in which term, and has applied an entry of that term: its state then holds all
// that was committed before it came into office. It may have ceased to lead without knowing; see Confirm.
func (n *Node) Office() (term uint64, leads bool) {
	v := n.progress.now.Load()
	// The role's term is read before whether it leads; if a term began in between, it is not the same any more.
	if r := n.role(); r.leads && r.term == v.term && r.term == n.raft.CurrentTerm() {
		return r.term, true
	}
	return 0, false
}

// Confirm returns nil once a quorum has confirmed, after the call, that this member leads, and all that was committed
// before is applied here and told to Sessions. It gives up soon: the error is command.ErrNoLeader or ErrShuttingDown.
func (n *Node) Confirm(ctx context.Context) error {
	index, err := n.leaderRounds.index(ctx)
	if err == nil {
		if n.progress.atIndex(ctx, index) != nil && n.told(ctx, index) {
			return nil
		}
		err = errNotReady
	}
	if n.ctx.Err() != nil {
		return command.ErrShuttingDown
	}
	return errors.Join(command.ErrNoLeader, err)
}

// toldPause is between two looks at what leases were told, which follows publishing at once.
const toldPause = 100 * time.Microsecond

// told waits until leases have heard of what was applied up to index.
func (n *Node) told(ctx context.Context, index uint64) bool {
	for n.progress.told.Load() < index {
		if ctx.Err() != nil || !n.sleep(toldPause) {
			return false
		}
	}
	return true
}

// AskLeader hands a question to the Sessions of the member that leads, maybe this one, and gives the answer. Any error
// wraps command.ErrNoLeader or ErrShuttingDown; the question may have been heard all the same.
func (n *Node) AskLeader(ctx context.Context, payload []byte) ([]byte, error) {
	if n.ctx.Err() != nil {
		return nil, command.ErrShuttingDown
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r := n.role()
	if !r.leads {
		go n.whileLeads(ctx, r, cancel) // ends with ctx
	}
	var answer []byte
	err := errNotReady
	switch {
	case n.cfg.Sessions == nil:
		err = errNoSessions
	case r.leads:
		answer, err = n.cfg.Sessions.OnAsk(ctx, payload)
	case r.leader != "":
		if conn, ok := n.asks.Try(r.target()); ok {
			answer, err = conn.Call(ctx, kindAsk, payload)
		}
	}
	if err != nil {
		return nil, errors.Join(command.ErrNoLeader, err)
	}
	return answer, nil
}

// roleEvery is between two looks at who leads while the leader is asked something.
const roleEvery = 50 * time.Millisecond

// whileLeads ends a question to a leader that is not the leader any more: it may be frozen, and its successor has answers.
func (n *Node) whileLeads(ctx context.Context, r role, cancel context.CancelFunc) {
	for {
		t := time.NewTimer(roleEvery)
		select {
		case <-t.C:
			if n.role() != r {
				cancel()
				return
			}
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// onAsk answers another member's AskLeader.
func (n *Node) onAsk(ctx context.Context, _ peer.Peer, _ byte, payload []byte) ([]byte, error) {
	if n.cfg.Sessions == nil || !n.leads() {
		return nil, errNotReady
	}
	return n.cfg.Sessions.OnAsk(ctx, payload)
}
