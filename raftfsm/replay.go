package raftfsm

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"

	"github.com/hashicorp/raft"

	"holt/raftfsm/guard"
)

// replayBatch is how many entries are applied at a time.
const replayBatch = 256

// held is all that a member's folder holds.
type held struct {
	view          *view
	snapshot      raft.SnapshotMeta  // the newest; of index 0 if there is none
	configuration raft.Configuration // the last in it, be it committed or not
	index, term   uint64             // of the last entry applied, or of the snapshot
	last          uint64             // index of the last entry there is, of the log or the snapshot
	stale         uint64             // entries behind index that were left out
	halted        error              // why applying it stopped; nil if it did not
}

// replay reads what a member's folder holds: the newest snapshot, then all of the log behind it.
func replay(logs raft.LogStore, snaps raft.SnapshotStore, dir string) (*held, error) {
	first, err1 := logs.FirstIndex()
	last, err2 := logs.LastIndex()
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	f := newFSM(slog.New(slog.DiscardHandler), &progress{}, newCalls(newOrigin()), newOutbox(), &logSize{
		limit: math.MaxInt64, state: func() int64 { return 0 }, due: func() {},
	})
	h := &held{}
	f.fatal = func(err error) { h.halted = err }
	defer f.dropStaging() // of a restore the rest of which is nowhere
	if err := h.restore(f, snaps, dir, first, last); err != nil {
		return nil, err
	}
	if h.last = max(last, h.index); h.last == 0 {
		return nil, fmt.Errorf("there is nothing to recover in %s: its member never had a log or a snapshot", dir)
	}
	if last > h.index && first > h.index+1 {
		return nil, guard.Damaged(filepath.Join(dir, guard.BoltFile), nil, "the log begins at %d, but what comes before it is known up to %d only", first, h.index)
	}
	switch err := h.apply(f, logs, last); {
	case errors.Is(h.halted, ErrTooOld):
		return nil, h.halted
	case h.halted != nil:
		return nil, guard.Damaged(dir, h.halted, "what it holds is wrong")
	case err != nil:
		return nil, guard.Damaged(filepath.Join(dir, guard.BoltFile), err, "the log cannot be read to its end")
	}
	h.view = f.progress.now.Load()
	return h, nil
}

// restore loads the newest snapshot that can be read, as long as the log goes on from it to where the newest ends.
func (h *held) restore(f *fsm, snaps raft.SnapshotStore, dir string, first, last uint64) error {
	dir = filepath.Join(dir, guard.SnapshotDir)
	names, err := snapshotNames(dir)
	if err != nil {
		return err
	}
	newest := uint64(0)
	for _, n := range names {
		newest = max(newest, n.index)
	}
	list, err := snaps.List() // newest first, without those it cannot read the head of
	if err != nil {
		return fmt.Errorf("listing the snapshots: %w", err)
	}
	var failed error
	for _, meta := range list {
		if meta.Index < newest && (first == 0 || first > meta.Index+1 || last < newest) {
			break // what lies between it and the newest is not in the log
		}
		if err := restoreOne(f, snaps, meta.ID); err != nil {
			failed = errors.Join(failed, fmt.Errorf("snapshot %s: %w", meta.ID, err))
			continue
		}
		h.snapshot, h.configuration, h.index, h.term = *meta, meta.Configuration, meta.Index, meta.Term
		return nil
	}
	if newest > 0 {
		return guard.Damaged(dir, failed, "the newest snapshot, up to %d, cannot be read", newest)
	}
	return nil
}

func restoreOne(f *fsm, snaps raft.SnapshotStore, id string) error {
	_, r, err := snaps.Open(id)
	if err != nil {
		return err
	}
	return f.Restore(r)
}

// apply applies the log behind the snapshot, committed or not. Entries of an earlier term than what is before them are the remains of
// another log, which a leader would have replaced.
func (h *held) apply(f *fsm, logs raft.LogStore, last uint64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p) // applying what cannot be applied panics, as does reading a damaged page
		}
	}()
	var batch []*raft.Log
	flush := func() {
		if len(batch) > 0 {
			f.ApplyBatch(batch)
		}
		batch = batch[:0]
	}
	for i := h.index + 1; i <= last; i++ {
		var l raft.Log
		if err := logs.GetLog(i, &l); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if err := checkEntry(&l); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if l.Term < h.term {
			h.stale = last - i + 1
			break
		}
		if l.Type == raft.LogConfiguration {
			h.configuration = raft.DecodeConfiguration(l.Data)
		}
		h.index, h.term = i, l.Term
		if batch = append(batch, &l); len(batch) == replayBatch {
			flush()
		}
	}
	flush()
	return nil
}
