package raftfsm

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// Meter is told how large things were and how long they took, by the goroutines that do them: it must be quick and must not block.
type Meter interface {
	// Proposed is an entry that this member, which leads, gave to raft: so many commands, so many bytes in all.
	Proposed(commands, bytes int)
	// Applied is how long it took to apply entries and to publish the state they led to.
	Applied(took time.Duration)
	// ReadIndex is how long it took until a quorum had confirmed a read index for readers on this member.
	ReadIndex(took time.Duration)
}

// unmetered is the Meter of a member that has none.
type unmetered struct{}

func (unmetered) Proposed(int, int)       {}
func (unmetered) Applied(time.Duration)   {}
func (unmetered) ReadIndex(time.Duration) {}

// WriteEnd is how a transaction ended for whoever proposed it on this member.
type WriteEnd uint8

// How a transaction can end. Those from WriteNoLeader on were not carried out and never will be.
const (
	WriteDone     WriteEnd = iota
	WriteRefused           // by what the tree was like: nothing was changed
	WriteReplayed          // the outcome of an earlier one under the same key
	WriteUnknown
	WriteNoLeader
	WriteThrottled
	WriteDiskFull
	WriteShuttingDown
	WriteFailed // for another reason
	WriteEnds   // how many there are
)

var writeEnds = [WriteEnds]string{"done", "refused", "replayed", "unknown", "no_leader", "throttled", "disk_full", "shutting_down", "failed"}

func (e WriteEnd) String() string { return writeEnds[e] }

// SessionEnds are the reasons sessions end for, the index of Counts.SessionsEnded.
var SessionEnds = [...]znode.Reason{znode.Closed, znode.Expired, znode.Killed}

// Counts is what a member has counted since it started. What is counted while entries are applied is counted from when the member was
// ready: what a start reads again from the log was counted before.
type Counts struct {
	Writes        [WriteEnds]uint64 // transactions proposed on this member
	Transactions  uint64            // applied, those that were refused too
	WatchesFired  uint64            // of sessions
	SessionsOpen  uint64            // that were opened
	SessionsEnded [len(SessionEnds)]uint64

	Forwarded    uint64 // commands sent to another member that leads
	TakenBack    uint64 // of those: refused there, to be sent again
	Elections    uint64 // that this member started
	Leaders      uint64 // times that this member heard of a new leader, or became it
	Leaderless   time.Duration
	ReadIndexes  uint64 // rounds of asking for one
	NoReadIndex  uint64 // of those: in vain
	PeersLost    uint64 // connections to other members that ended
	DialsFailed  uint64
	Snapshots    uint64 // taken by this member
	SnapshotErrs uint64
	SnapshotTook time.Duration // of the last
}

// counts is where Counts come from.
type counts struct {
	live atomic.Bool // whether what is applied counts

	writes        [WriteEnds]atomic.Uint64
	transactions  atomic.Uint64
	fired         atomic.Uint64
	opened        atomic.Uint64
	ended         [len(SessionEnds)]atomic.Uint64
	forwarded     atomic.Uint64
	takenBack     atomic.Uint64
	elections     atomic.Uint64
	readIndexes   atomic.Uint64
	noReadIndex   atomic.Uint64
	snapshots     atomic.Uint64
	snapshotFails atomic.Uint64
	snapshotTook  atomic.Int64 // ns

	mu         sync.Mutex // guards what follows
	leaders    uint64
	leaderless time.Duration // before since
	since      time.Time     // when there was no leader any more; zero while there is one
}

// wrote counts transactions that were proposed together.
func (c *counts) wrote(results []*znode.Result, err error, txns int) {
	if err != nil {
		c.writes[writeEnd(err)].Add(uint64(txns))
		return
	}
	for _, r := range results {
		switch {
		case r.Replayed:
			c.writes[WriteReplayed].Add(1)
		case r.Code != znode.OK:
			c.writes[WriteRefused].Add(1)
		default:
			c.writes[WriteDone].Add(1)
		}
	}
}

func writeEnd(err error) WriteEnd {
	for _, known := range []struct {
		err error
		end WriteEnd
	}{
		{command.ErrUnknown, WriteUnknown}, // first: it must not pass for one that was not carried out
		{command.ErrNoLeader, WriteNoLeader}, {command.ErrThrottled, WriteThrottled}, {command.ErrDiskFull, WriteDiskFull},
		{command.ErrShuttingDown, WriteShuttingDown},
	} {
		if errors.Is(err, known.err) {
			return known.end
		}
	}
	return WriteFailed
}

// batchCounts gathers what applying some entries did, on the goroutine that applies.
type batchCounts struct {
	transactions, opened uint64
	ended                [len(SessionEnds)]uint64
}

// note counts one transaction.
func (b *batchCounts) note(txn *znode.Txn, r *znode.Result) {
	b.transactions++
	if r.Code != znode.OK || r.Replayed {
		return
	}
	switch txn.Ops[0].Kind { // what ends or opens a session is alone
	case znode.OpenSession:
		b.opened++
	case znode.CloseSession:
		if i := slices.Index(SessionEnds[:], txn.Ops[0].Session.Reason); i >= 0 {
			b.ended[i]++
		}
	}
}

// applied takes over what was gathered, and forgets it there; and the watches that a machine had fired before and has now, which is less
// where another has taken its place.
func (c *counts) applied(b *batchCounts, before, now uint64) {
	if c.live.Load() {
		c.transactions.Add(b.transactions)
		if now > before {
			c.fired.Add(now - before)
		}
		if b.opened > 0 {
			c.opened.Add(b.opened)
		}
		for i, n := range b.ended {
			if n > 0 {
				c.ended[i].Add(n)
			}
		}
	}
	*b = batchCounts{}
}

// leader notes that there is one now, another than before, or none.
func (c *counts) leader(is bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case is:
		c.leaders++
		if !c.since.IsZero() {
			c.leaderless += now.Sub(c.since)
			c.since = time.Time{}
		}
	case c.since.IsZero():
		c.since = now
	}
}

// observed counts elections; raft calls it for everything that it shows to observers.
func (c *counts) observed(o *raft.Observation) {
	if state, ok := o.Data.(raft.RaftState); ok && state == raft.Candidate {
		c.elections.Add(1)
	}
}

// countRound counts a round of asking for a read index.
func (n *Node) countRound(took time.Duration, err error) {
	n.counts.readIndexes.Add(1)
	if err != nil {
		n.counts.noReadIndex.Add(1)
		return
	}
	n.cfg.Meter.ReadIndex(took)
}

// snapshot counts one that was to be taken.
func (c *counts) snapshot(took time.Duration, err error) {
	if err != nil {
		c.snapshotFails.Add(1)
		return
	}
	c.snapshots.Add(1)
	c.snapshotTook.Store(int64(took))
}

// counted is Counts now.
func (n *Node) counted() Counts {
	c := &n.counts
	out := Counts{
		Transactions: c.transactions.Load(), WatchesFired: c.fired.Load(), SessionsOpen: c.opened.Load(), Forwarded: c.forwarded.Load(),
		TakenBack: c.takenBack.Load(), Elections: c.elections.Load(), ReadIndexes: c.readIndexes.Load(), NoReadIndex: c.noReadIndex.Load(),
		Snapshots: c.snapshots.Load(), SnapshotErrs: c.snapshotFails.Load(), SnapshotTook: time.Duration(c.snapshotTook.Load()),
	}
	for i := range out.Writes {
		out.Writes[i] = c.writes[i].Load()
	}
	for i := range out.SessionsEnded {
		out.SessionsEnded[i] = c.ended[i].Load()
	}
	c.mu.Lock()
	out.Leaders, out.Leaderless = c.leaders, c.leaderless
	if !c.since.IsZero() {
		out.Leaderless += time.Since(c.since)
	}
	c.mu.Unlock()
	writes, asks := n.writes.Counts(), n.asks.Counts()
	out.PeersLost, out.DialsFailed = writes.Lost+asks.Lost, writes.Failed+asks.Failed
	return out
}

// Disk is how much a member has on its disk.
type Disk struct {
	LogEntries    uint64
	SnapshotBytes int64 // of the newest; 0 before the first
}

// Disk asks the stores, which reads some small files: it is for who asks now and then.
func (n *Node) Disk() (d Disk, err error) {
	first, err := n.cfg.Storage.Logs.FirstIndex()
	if err != nil {
		return d, err
	}
	last, err := n.cfg.Storage.Logs.LastIndex()
	if err != nil {
		return d, err
	}
	if first > 0 && last >= first {
		d.LogEntries = last - first + 1
	}
	snaps, err := n.cfg.Storage.Snaps.List()
	if err == nil && len(snaps) > 0 {
		d.SnapshotBytes = snaps[0].Size
	}
	return d, err
}

// lastContact is how long ago this member heard of its leader; 0 if it leads.
func (n *Node) lastContact(leads bool) time.Duration {
	if leads {
		return 0
	}
	last := n.raft.LastContact()
	if last.IsZero() {
		last = n.started
	}
	return max(0, time.Since(last))
}

// logProposal says, for who looks for one request in the logs of members, how a proposal of this member ended: under which zxid an
// access log has it, and as what the leader's log has it.
func (n *Node) logProposal(c *call, o *outcome) {
	if !n.log.Enabled(n.ctx, slog.LevelDebug) {
		return
	}
	if o.err != nil {
		n.log.Debug("proposal", "origin", originName(n.calls.origin), "seq", c.seq, "error", o.err)
		return
	}
	n.log.Debug("proposal", "origin", originName(n.calls.origin), "seq", c.seq, "zxid", uint64(o.results[len(o.results)-1].Zxid))
}

// logEntry says on the leader which proposals are in an entry.
func (n *Node) logEntry(f raft.ApplyFuture, e *batch, term uint64, err error) {
	if !n.log.Enabled(n.ctx, slog.LevelDebug) {
		return
	}
	args := []any{"term", term, "commands", len(e.commands)}
	if err != nil {
		args = append(args, "error", err)
	} else {
		args = append(args, "index", f.Index())
	}
	from := make([]string, 0, 1+len(e.bundles))
	if len(e.own) > 0 {
		from = append(from, span(n.calls.origin, e.own[0].seq, e.own[len(e.own)-1].seq))
	}
	for _, b := range e.bundles {
		if len(b.seqs) > 0 {
			from = append(from, span(b.origin, b.seqs[0], b.seqs[len(b.seqs)-1]))
		}
	}
	n.log.Debug("entry", append(args, "from", from)...)
}

// originName is how logs have an origin.
func originName(o command.Origin) string { return fmt.Sprintf("%016x", uint64(o)) }

// span is the commands of one origin in an entry: its name, and the first and the last number.
func span(origin command.Origin, first, last uint64) string {
	return fmt.Sprintf("%s:%d-%d", originName(origin), first, last)
}
