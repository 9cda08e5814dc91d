package raftfsm

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// fsm applies committed entries, in order, on raft's one goroutine for that. Nothing in it can fail: a refusal is a
// result, and an entry that cannot be decoded means a damaged disk or a bug, where going on would let members differ.
type fsm struct {
	log      *slog.Logger
	progress *progress
	calls    *calls
	outbox   *outbox
	machine  *znode.Machine
	size     *logSize
	watchers Watchers // may be nil
	sessions Sessions // may be nil
	digests  *digests
	version  uint8       // of the log, which is the newest it reads
	fatal    func(error) // may be nil
	halted   bool        // see halt
	staging  stagings
	counts   *counts
	meter    Meter

	// Reused from entry to entry.
	entry   command.Entry
	cmd     command.Command
	answers []answer
	voided  []uint64
	replies []any
	changes []command.SessionChange
	batch   batchCounts
}

func newFSM(log *slog.Logger, p *progress, cs *calls, out *outbox, size *logSize) *fsm {
	f := &fsm{log: log, progress: p, calls: cs, outbox: out, machine: znode.NewMachine(), size: size, digests: &digests{}, version: command.LogVersion, counts: &counts{}, meter: unmetered{}}
	p.publish(&view{state: f.machine.State()})
	return f
}

// tell shows a published state, and what came with it, to whoever is not the log's business.
func (f *fsm) tell(v *view) {
	if f.watchers != nil {
		f.watchers.Publish(v.state)
	}
	if f.sessions != nil && len(f.changes) > 0 {
		f.sessions.Applied(f.changes)
	}
	clear(f.changes)
	f.changes = f.changes[:0]
	f.progress.told.Store(v.index)
}

// Apply is not used: raft prefers ApplyBatch.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies entries, publishes the state they lead to, and only then answers: whoever is answered reads a state
// that has the answer in it.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	begun, before, fired := time.Now(), f.machine.Zxid(), f.machine.Fired()
	for _, l := range logs {
		if l.Type == raft.LogCommand && !f.halted {
			f.apply(l)
		}
	}
	if f.halted {
		return make([]any, len(logs))
	}
	last, old := logs[len(logs)-1], f.progress.now.Load()
	v := &view{index: last.Index, term: last.Term, state: old.state}
	if f.machine.Zxid() != before {
		v.state = f.machine.State()
	}
	f.progress.publish(v)
	f.tell(v)
	f.counts.applied(&f.batch, fired, f.machine.Fired())
	f.meter.Applied(time.Since(begun))
	f.outbox.again(f.calls.answerAll(f.answers, v.index))
	clear(f.answers)
	f.answers = f.answers[:0]
	if v.term > old.term {
		f.outbox.again(f.calls.sentBefore(v.term))
	}
	f.size.applied(logs)
	for len(f.replies) < len(logs) {
		f.replies = append(f.replies, nil)
	}
	return f.replies[:len(logs)]
}

// apply carries out the commands of one entry.
func (f *fsm) apply(l *raft.Log) {
	if err := f.entry.Decode(l.Data); err != nil {
		panic(fmt.Sprintf("raftfsm: committed entry %d of term %d: %v", l.Index, l.Term, err))
	}
	f.machine.Advance(f.entry.Time, l.Term)
	if f.staging.over(l.Term, f.machine.Now()) {
		f.dropStaging()
	}
	void := f.entry.Term != l.Term
	for i, b := range f.entry.Commands {
		if f.aside(l, b, void) {
			continue
		}
		if err := f.cmd.Decode(b); err != nil {
			panic(fmt.Sprintf("raftfsm: command %d of committed entry %d: %v", i, l.Index, err))
		}
		mine := f.cmd.Origin == f.calls.origin
		switch {
		case void && mine:
			f.voided = append(f.voided, f.cmd.Seq)
		case !void:
			results := f.carryOut(mine, l.Term)
			if mine {
				f.answers = append(f.answers, answer{f.cmd.Seq, results})
			}
		}
		f.cmd.Release()
	}
	clear(f.entry.Commands)
	if len(f.voided) > 0 {
		f.outbox.again(f.calls.unsend(f.calls.find(f.voided), way{term: f.entry.Term}))
		f.voided = f.voided[:0]
	}
}

// carryOut applies the transactions of the command, and gives the results if somebody here waits for them.
func (f *fsm) carryOut(wanted bool, term uint64) (results []*znode.Result) {
	if f.cmd.Restore != nil {
		if r := f.restoreStep(f.cmd.Restore, term); wanted {
			results = append(results, r)
		}
		return results
	}
	if wanted {
		results = make([]*znode.Result, 0, len(f.cmd.Txns))
	}
	for i := range f.cmd.Txns {
		r := f.machine.Apply(&f.cmd.Txns[i])
		f.batch.note(&f.cmd.Txns[i], r)
		if f.sessions != nil && !r.Replayed {
			f.noteSession(r)
		}
		if wanted {
			results = append(results, r)
		}
	}
	return results
}

// noteSession notes what a transaction meant for a session's lease.
func (f *fsm) noteSession(r *znode.Result) {
	note := func(s *znode.Session, kind command.ChangeKind) {
		f.changes = append(f.changes, command.SessionChange{Session: s, Kind: kind})
	}
	if r.Session != nil {
		note(r.Session, command.SessionUsed)
	}
	if s := r.Ops[0].Session; s != nil && r.Code == znode.OK {
		if f.machine.Lives(s.Owner) {
			note(s, command.SessionOpened)
		} else {
			note(s, command.SessionClosed)
		}
	}
}

// Snapshot is O(1): the state is immutable, and written out beside further Applys.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if f.staging.now != nil {
		return nil, errStaging
	}
	if f.halted {
		return nil, errHalted
	}
	v := f.progress.now.Load()
	return &snapshot{view: v, log: f.log, progress: f.progress}, nil
}

// Restore replaces everything with a snapshot, at start or when this member was away too long.
func (f *fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	if f.halted {
		return errHalted
	}
	v, err := readSnapshot(r)
	if err != nil {
		return fmt.Errorf("restoring a snapshot: %w", err)
	}
	f.dropStaging()
	f.machine = znode.FromState(v.state)
	f.digests.forget()
	f.progress.saved.Store(&SnapshotMark{v.state.Zxid, v.state.Time})
	f.progress.publish(v)
	f.tell(v)
	// Results that the snapshot covers were never seen here.
	f.calls.endSent(v.index)
	f.log.Info("restored a snapshot", "zxid", v.state.Zxid, "znodes", v.state.Tree.Len(), "index", v.index)
	return nil
}
