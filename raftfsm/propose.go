package raftfsm

import (
	"errors"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
)

// bundle is commands another member forwarded to this one, meant for one term.
type bundle struct {
	way      way
	origin   command.Origin
	commands [][]byte
	grows    []bool
	seqs     []uint64
	refuse   func(reason byte, seqs []uint64)
}

// propose puts what is waiting into one entry and hands it to raft.
func (o *outbox) propose(term uint64) bool {
	n := o.node
	if o.epoch.Load() != term {
		o.open(term)
	}
	if o.held == nil && len(o.bundles) == 0 && o.empty() {
		return false
	}
	if len(o.slots) > 0 && !o.plenty() {
		return false // the entry in flight wakes the outbox, and more has gathered by then
	}
	select {
	case o.slots <- struct{}{}:
	case <-n.stop:
		return false
	}
	e := o.gather(term)
	if len(e.commands) == 0 {
		<-o.slots
		return true
	}
	now := n.cfg.Now().UnixMilli()
	entry := command.Entry{Term: term, Time: now, Commands: e.commands}
	size := entry.Size()
	n.cfg.Meter.Proposed(len(e.commands), size)
	f := n.raft.Apply(entry.Append(make([]byte, 0, size)), enqueueTimeout)
	o.follow(f, func(err error) {
		n.logEntry(f, e, term, err)
		select {
		case n.nudge <- struct{}{}:
		default:
		}
		o.failed(err, e, term)
	})
	return true
}

// follow calls ended once raft knows what became of an entry, and gives its slot back. It is no goroutine the node waits
// for: a raft that is shut down does not answer for what was committed and not yet applied.
func (o *outbox) follow(f raft.Future, ended func(error)) {
	go func() {
		ended(f.Error())
		<-o.slots
		o.poke()
	}()
}

// plenty says whether enough is waiting for an entry that need not wait for the one before it. Entries that are not full
// cost more than they gain: each is a sync on every member. With 64 writers on three members, one at a time took 84 µs
// of CPU a write and 4.7 ms, three at a time 111 µs and 5.5 ms.
func (o *outbox) plenty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) >= command.MaxEntryCommands/2 || o.bytes >= command.SoftEntryBytes/2 || len(o.bundles) >= MaxBundles/2
}

// open proposes the Epoch of a term that this member has begun to lead.
func (o *outbox) open(term uint64) {
	n := o.node
	select {
	case o.slots <- struct{}{}:
	case <-n.stop:
		return
	}
	entry := command.Entry{Term: term, Time: n.cfg.Now().UnixMilli()}
	o.epoch.Store(term)
	o.follow(n.raft.Apply(entry.Append(nil), enqueueTimeout), func(err error) {
		if err != nil {
			n.log.Warn("the first entry of the term was not committed", "term", term, "error", err)
			o.epoch.CompareAndSwap(term, 0)
			o.pause()
		}
	})
}

// batch is what went into an entry, so that it can be taken back.
type batch struct {
	commands [][]byte
	own      []*call
	bundles  []*bundle
}

// gather collects the commands of one entry: those of this member and those of others, up to the limits.
func (o *outbox) gather(term uint64) *batch {
	n, e, bytes := o.node, &batch{}, 0
	full := n.disk.full.Load()
	share := command.MaxEntryCommands
	if !o.empty() {
		share /= 2 // the rest is for this member's own
	}
	for !o.mine || o.empty() {
		b := o.held
		if b == nil {
			select {
			case b = <-o.bundles:
			default:
			}
		}
		if b == nil {
			break
		}
		o.held = nil
		if b.way.term != term || o.fences.bar(b) {
			b.refuse(reasonNotLeader, b.seqs)
			continue
		}
		if full {
			b = b.withoutGrowth()
		}
		size := b.bytes()
		if len(e.commands) > 0 && (len(e.commands)+len(b.commands) > share || bytes+size > command.SoftEntryBytes) {
			o.held = b
			break
		}
		e.commands = append(e.commands, b.commands...)
		e.bundles = append(e.bundles, b)
		bytes += size
	}
	room, left := command.MaxEntryCommands-len(e.commands), command.SoftEntryBytes-bytes
	if o.mine = room <= 0 || left <= 0 && len(e.commands) > 0; o.mine {
		return e
	}
	own := o.take(room, left)
	if full {
		own = n.refuseGrowth(own)
	}
	e.own = n.calls.send(own, way{term: term})
	for _, c := range e.own {
		e.commands = append(e.commands, c.body)
	}
	return e
}

// failed takes back an entry that is certainly not in the log. Of every other failure the log will tell: the entry is
// applied here, or one of a later term is, or the callers stop waiting.
func (o *outbox) failed(err error, e *batch, term uint64) {
	n := o.node
	switch {
	case err == nil:
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		o.pause()
		o.again(n.calls.unsend(e.own, way{term: term}))
		for _, b := range e.bundles {
			b.refuse(reasonNotLeader, b.seqs)
		}
	case errors.Is(err, raft.ErrRaftShutdown):
	default:
		n.log.Warn("an entry was not acknowledged", "term", term, "commands", len(e.commands), "error", err)
	}
}

// refuseGrowth ends the calls that would make the state larger.
func (n *Node) refuseGrowth(own []*call) []*call {
	kept := own[:0]
	for _, c := range own {
		if c.grows {
			n.calls.end(c, outcome{err: command.ErrDiskFull})
		} else {
			kept = append(kept, c)
		}
	}
	return kept
}

func (b *bundle) bytes() (n int) {
	for _, c := range b.commands {
		n += len(c)
	}
	return n
}

// withoutGrowth is the part of the bundle that does not make the state larger; the rest is refused.
func (b *bundle) withoutGrowth() *bundle {
	kept, refused := &bundle{way: b.way, origin: b.origin, refuse: b.refuse}, []uint64(nil)
	for i, c := range b.commands {
		if b.grows[i] {
			refused = append(refused, b.seqs[i])
			continue
		}
		kept.commands = append(kept.commands, c)
		kept.grows = append(kept.grows, false)
		kept.seqs = append(kept.seqs, b.seqs[i])
	}
	if len(refused) > 0 {
		b.refuse(reasonDiskFull, refused)
	}
	return kept
}
