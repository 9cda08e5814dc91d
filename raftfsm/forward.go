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
	kindFence     = 5 // call: the index after which nothing more comes of what was sent over lost connections
	kindAsk       = 6 // call: something about sessions, for the leader to answer
	kindReport    = 7 // call: how a member is
	kindNote      = 8 // call: what a member noted at a mark
	// 9 to 15 are for others
	kindChange = 16 // call: a change of the members, for the leader to make
	kindMember = 17 // call: whether the caller is a member
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

// The largest command must fit into a frame: it could never be sent, and what waits behind it neither.
const _ = uint(peer.MaxPayload - 4*binary.MaxVarintLen64 - command.MaxCommandBytes)

const (
	// sendTimeout bounds how long the outbox waits for room in the connection to the leader. It can do nothing else
	// meanwhile, and if that leader is gone this member may be the next: what had no room is not sent, and comes again.
	sendTimeout = 100 * time.Millisecond
	// forwardTimeout bounds how long a refusal or a fence may take.
	forwardTimeout = 5 * time.Second
)

// forward sends the next calls to the leader in one frame, and says whether there may be more to do.
func (n *Node) forward(r role) bool {
	o := n.outbox
	if r.leader == "" {
		return false // the observer of leadership wakes the outbox
	}
	w := way{r.term, n.links.Load() + 1} // before Try, see onLost
	conn, ok := n.writes.Try(r.target())
	if !ok {
		o.pause()
		return true
	}
	batch := n.calls.send(o.take(MaxForwardCommands, SoftForwardBytes), w)
	if len(batch) == 0 {
		return true
	}
	if n.progress.now.Load().term > r.term {
		// A new leader's first entry was applied since the role was asked for, and with it the calls of earlier terms
		// were taken back, but not these.
		o.pause()
		o.again(n.calls.unsend(batch, w))
		return true
	}
	b := binary.AppendUvarint(make([]byte, 0, frameSize(batch)), w.term)
	b = binary.AppendUvarint(b, w.link)
	for _, c := range batch {
		b = binary.AppendUvarint(b, uint64(len(c.body)))
		b = append(b, c.body...)
	}
	ctx, cancel := context.WithTimeout(n.ctx, sendTimeout)
	defer cancel()
	n.counts.forwarded.Add(uint64(len(batch)))
	if err := conn.Send(ctx, kindForward, b); err != nil {
		if errors.Is(err, peer.ErrNotSent) {
			o.again(n.calls.unsend(batch, w))
		}
		o.pause()
	}
	return true
}

func frameSize(batch []*call) int {
	size := 2 * binary.MaxVarintLen64
	for _, c := range batch {
		size += binary.MaxVarintLen32 + len(c.body)
	}
	return size
}

// onForward takes another member's frame. It checks every command before it goes near the log, and waits while too many
// bundles are waiting, which holds the sender back.
func (n *Node) onForward(ctx context.Context, from peer.Peer, _ byte, frame []byte) ([]byte, error) {
	nums, frame, ok := uvarints(frame, 2)
	if !ok {
		return nil, fmt.Errorf("forwarded frame from %s: no term", from.Name)
	}
	b := &bundle{way: way{nums[0], nums[1]}}
	b.refuse = func(reason byte, seqs []uint64) { n.refuse(from, reason, b.way, seqs) }
	for len(frame) > 0 {
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
		b.grows = append(b.grows, c.Grows())
		b.seqs = append(b.seqs, c.Seq)
		b.origin = c.Origin // all are the sender's
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

// uvarints reads so many numbers from the front of b and gives the rest.
func uvarints(b []byte, count int) (nums []uint64, rest []byte, ok bool) {
	for range count {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			return nil, nil, false
		}
		nums, b = append(nums, v), b[k:]
	}
	return nums, b, true
}

// refuse tells a member which of its commands will not be proposed. If it cannot be told, its connection is gone, and it
// asks for a fence over the next, or finds out from the terms in its log.
func (n *Node) refuse(to peer.Peer, reason byte, w way, seqs []uint64) {
	if len(seqs) == 0 {
		return
	}
	b := binary.AppendUvarint([]byte{reason}, w.term)
	b = binary.AppendUvarint(b, w.link)
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
	nums, rest, ok := uvarints(b[1:], 2)
	var seqs []uint64
	for ok && len(rest) > 0 {
		var seq []uint64
		if seq, rest, ok = uvarints(rest, 1); ok {
			seqs = append(seqs, seq[0])
		}
	}
	if !ok {
		n.log.Warn("a refusal cannot be read", "peer", from.Name)
		return
	}
	back := n.calls.unsend(n.calls.find(seqs), way{nums[0], nums[1]})
	n.counts.takenBack.Add(uint64(len(back)))
	if b[0] == reasonDiskFull {
		for _, c := range back {
			n.calls.end(c, outcome{err: command.ErrDiskFull})
		}
		return
	}
	n.outbox.pause()
	n.outbox.again(back)
}
