package raftfsm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
)

const (
	// roundTimeout bounds one round of asking for a read index.
	roundTimeout = 2 * time.Second
	// roundPause is between two rounds when the first found no leader, or not yet one that can answer.
	roundPause = 5 * time.Millisecond
)

// errNotReady says that no read index can be had from this member now: it does not lead, or has not committed anything
// in its term, or lost its quorum.
var errNotReady = errors.New("no read index at the moment")

// rounds shares one round of asking among all who were waiting when it began: whoever comes while it runs waits for the
// next, since its own read may be newer than what this round found.
type rounds struct {
	ask   func(ctx context.Context) (index uint64, err error)
	ctx   context.Context // ends all rounds
	spawn func(func())
	ended func(took time.Duration, err error) // told of each round; nil: nobody is

	mu      sync.Mutex // guards what follows
	running bool
	closed  bool
	next    *round // gathers who waits for the next round; nil if nobody does
}

type round struct {
	done  chan struct{}
	index uint64
	err   error
}

// index is a read index asked for after the call began.
func (rs *rounds) index(ctx context.Context) (uint64, error) {
	rs.mu.Lock()
	if rs.closed {
		rs.mu.Unlock()
		return 0, command.ErrShuttingDown
	}
	if rs.next == nil {
		rs.next = &round{done: make(chan struct{})}
	}
	r := rs.next
	if !rs.running {
		rs.running = true
		rs.spawn(rs.run)
	}
	rs.mu.Unlock()
	select {
	case <-r.done:
		return r.index, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// close lets no further round begin; one that runs ends by itself, with rs.ctx.
func (rs *rounds) close() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.closed = true
}

// run does rounds until nobody waits.
func (rs *rounds) run() {
	for {
		rs.mu.Lock()
		r := rs.next
		rs.next = nil
		if r == nil {
			rs.running = false
			rs.mu.Unlock()
			return
		}
		rs.mu.Unlock()
		ctx, cancel := context.WithTimeout(rs.ctx, roundTimeout)
		begun := time.Now()
		r.index, r.err = rs.ask(ctx)
		cancel()
		if rs.ended != nil {
			rs.ended(time.Since(begun), r.err)
		}
		close(r.done)
	}
}

// Linearizable is a state that holds every write acknowledged by any member before the call.
func (n *Node) Linearizable(ctx context.Context) (*znode.State, error) {
	for {
		if n.ctx.Err() != nil {
			return nil, command.ErrShuttingDown
		}
		index, err := n.reads.index(ctx)
		if err == nil {
			if v := n.progress.atIndex(ctx, index); v != nil {
				return v.state, nil
			}
			if n.ctx.Err() != nil {
				return nil, command.ErrShuttingDown
			}
			return nil, command.ErrNoLeader // ctx ended
		}
		pause := time.NewTimer(roundPause)
		select {
		case <-pause.C:
		case <-n.stop:
			pause.Stop()
			return nil, command.ErrShuttingDown
		case <-ctx.Done():
			pause.Stop()
			return nil, command.ErrNoLeader
		}
	}
}

// readIndex asks whoever leads: this member itself, or another.
func (n *Node) readIndex(ctx context.Context) (uint64, error) {
	r := n.role()
	if r.leads {
		return n.leaderIndex(ctx)
	}
	if r.leader == "" {
		return 0, errNotReady
	}
	conn, ok := n.asks.Try(r.target())
	if !ok {
		return 0, errNotReady
	}
	b, err := conn.Call(ctx, kindReadIndex, nil)
	if err != nil {
		return 0, err
	}
	index, k := binary.Uvarint(b)
	if k <= 0 {
		return 0, errNotReady
	}
	return index, nil
}

// leaderIndex is this leader's commit index, once a quorum of voters has been seen in this very term after it was taken.
//
// That is enough: a member that was elected later was voted for by a quorum, whose members had entered its term before,
// and one of them would have been asked here. And the index covers all that earlier leaders committed, since an entry
// of this term is applied. Non-voters are not asked (the library's VerifyLeader counts them).
func (n *Node) leaderIndex(ctx context.Context) (uint64, error) {
	v := n.progress.now.Load()
	term := n.raft.CurrentTerm()
	if v.term != term || !n.leads() {
		return 0, errNotReady
	}
	index := n.raft.CommitIndex()
	voters := n.voters()
	acks, needed := make(chan bool, len(voters)), len(voters)/2+1
	for _, m := range voters {
		if m.Name == n.cfg.Name {
			acks <- true
			continue
		}
		n.wg.Go(func() { acks <- n.sameTerm(ctx, m.target(), term) })
	}
	for range voters {
		select {
		case ok := <-acks:
			if ok {
				needed--
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if needed == 0 {
			if n.raft.CurrentTerm() != term || !n.leads() {
				return 0, errNotReady
			}
			return index, nil
		}
	}
	return 0, errNotReady
}

// sameTerm asks a voter whether it is still in this term.
func (n *Node) sameTerm(ctx context.Context, to peer.Target, term uint64) bool {
	conn, ok := n.asks.Try(to)
	if !ok {
		return false
	}
	b, err := conn.Call(ctx, kindTerm, nil)
	if err != nil {
		return false
	}
	theirs, k := binary.Uvarint(b)
	return k > 0 && theirs == term
}

// askStanding asks a member for its term and the last index of its log, and whether it has never voted.
func (n *Node) askStanding(ctx context.Context, to peer.Target) (s standing, err error) {
	conn, err := n.asks.Get(ctx, to)
	if err != nil {
		return s, err
	}
	b, err := conn.Call(ctx, kindTerm, nil)
	if err != nil {
		return s, err
	}
	nums, rest, ok := uvarints(b, 2)
	if !ok {
		return s, fmt.Errorf("%s answered what is not a term", to.Name)
	}
	s.term, s.last = nums[0], nums[1]
	if nums, _, ok = uvarints(rest, 1); ok { // older programs do not say
		s.unborn = nums[0] == 1
	}
	return s, nil
}

// onTerm answers with this member's term, read after it was asked, and the last index of its log.
func (n *Node) onTerm(context.Context, peer.Peer, byte, []byte) ([]byte, error) {
	s := n.standing()
	b := binary.AppendUvarint(nil, s.term)
	b = binary.AppendUvarint(b, s.last)
	if s.unborn {
		return binary.AppendUvarint(b, 1), nil
	}
	return binary.AppendUvarint(b, 0), nil
}

// onReadIndex answers another member that serves a linearizable read.
func (n *Node) onReadIndex(ctx context.Context, _ peer.Peer, _ byte, _ []byte) ([]byte, error) {
	if !n.leads() {
		return nil, errNotReady
	}
	index, err := n.leaderRounds.index(ctx)
	if err != nil {
		return nil, err
	}
	return binary.AppendUvarint(nil, index), nil
}
