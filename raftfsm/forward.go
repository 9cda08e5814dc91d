package raftfsm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/peer"
)

// What members ask of one another. A number is never used twice.
const (
	kindForward   = 1 // one-way, ordered: commands for the leader to propose
	kindRefused   = 2 // pushed back: numbers of commands that will not be proposed, and why
	kindReadIndex = 3 // call: the leader's read index
	kindTerm      = 4 // call: the current term of a member
)

// Why a leader does not propose a forwarded command.
const (
	reasonNotLeader = 1
	reasonDiskFull  = 2
)

// Limits of a frame of forwarded commands; one command alone may be larger. Half an entry, so that the leader can put
// its own beside them.
const (
	MaxForwardCommands = command.MaxEntryCommands / 2
	SoftForwardBytes   = command.SoftEntryBytes / 2
)

// forwardTimeout bounds how long a frame may wait for room in the connection to the leader.
const forwardTimeout = 5 * time.Second

// forward sends the next calls to the leader in one frame, and says whether there may be more to do.
func (n *Node) forward(r role) bool {
	o := n.outbox
	if r.leader == "" {
		return false // the observer of leadership wakes the outbox
	}
	conn, ok := n.writes.Try(r.target())
	if !ok {
		o.pause()
		return true
	}
	batch := n.calls.send(o.take(MaxForwardCommands, SoftForwardBytes), r.term)
	if len(batch) == 0 {
		return true
	}
	b := binary.AppendUvarint(make([]byte, 0, frameSize(batch)), r.term)
	for _, c := range batch {
		b = binary.AppendUvarint(b, uint64(len(c.body)))
		b = append(b, c.body...)
	}
	ctx, cancel := context.WithTimeout(n.ctx, forwardTimeout)
	defer cancel()
	if err := conn.Send(ctx, kindForward, b); err != nil {
		if errors.Is(err, peer.ErrNotSent) {
			o.again(n.calls.unsend(batch, r.term))
		}
		o.pause()
	}
	return true
}

func frameSize(batch []*call) int {
	size := binary.MaxVarintLen64
	for _, c := range batch {
		size += binary.MaxVarintLen32 + len(c.body)
	}
	return size
}

// onForward takes another member's frame. It checks every command before it goes near the log, and waits while too many
// bundles are waiting, which holds the sender back.
func (n *Node) onForward(ctx context.Context, from peer.Peer, _ byte, frame []byte) ([]byte, error) {
	term, k := binary.Uvarint(frame)
	if k <= 0 {
		return nil, fmt.Errorf("forwarded frame from %s: no term", from.Name)
	}
	b := &bundle{term: term, refuse: func(reason byte, term uint64, seqs []uint64) {
		n.refuse(from, reason, term, seqs)
	}}
	for frame = frame[k:]; len(frame) > 0; {
		size, k := binary.Uvarint(frame)
		if k <= 0 || size > uint64(len(frame)-k) || len(b.commands) == MaxForwardCommands {
			return nil, fmt.Errorf("forwarded frame from %s: malformed", from.Name)
		}
		body := frame[k : k+int(size)]
		var c command.Command
		if err := c.Decode(body); err != nil {
			return nil, fmt.Errorf("command forwarded by %s: %w", from.Name, err)
		}
		b.commands = append(b.commands, body)
		b.grows = append(b.grows, c.Txn.Grows())
		b.seqs = append(b.seqs, c.Seq)
		frame = frame[k+int(size):]
	}
	select {
	case n.outbox.bundles <- b:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.stop:
		return nil, command.ErrShuttingDown
	}
}

// refuse tells a member which of its commands will not be proposed. If it cannot be told, its connection is gone, and it
// finds out from the terms in its log.
func (n *Node) refuse(to peer.Peer, reason byte, term uint64, seqs []uint64) {
	if len(seqs) == 0 {
		return
	}
	b := binary.AppendUvarint([]byte{reason}, term)
	for _, seq := range seqs {
		b = binary.AppendUvarint(b, seq)
	}
	n.wg.Go(func() {
		ctx, cancel := context.WithTimeout(n.ctx, forwardTimeout)
		defer cancel()
		if err := to.Send(ctx, kindRefused, b); err != nil {
			n.log.Debug("a member could not be told that its commands are refused", "peer", to.Name, "error", err)
		}
	})
}

// onRefused takes back commands the leader does not propose.
func (n *Node) onRefused(from peer.Target, kind byte, b []byte) {
	if kind != kindRefused || len(b) == 0 {
		return
	}
	reason, rest := b[0], b[1:]
	term, k := binary.Uvarint(rest)
	var seqs []uint64
	for k > 0 && len(rest) > k {
		rest = rest[k:]
		var seq uint64
		if seq, k = binary.Uvarint(rest); k > 0 {
			seqs = append(seqs, seq)
		}
	}
	back := n.calls.unsend(n.calls.find(seqs), term)
	if reason == reasonDiskFull {
		for _, c := range back {
			n.calls.end(c, outcome{err: command.ErrDiskFull})
		}
		return
	}
	n.outbox.pause()
	n.outbox.again(back)
}
