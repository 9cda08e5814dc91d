package guard

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// Logs is the log store raft gets. Its own task is #697.
//
// A follower whose log went another way, and reaches past the snapshot its leader sends, keeps its own entry at the snapshot's
// index. The leader's next append names the snapshot's term there, the follower finds its own, refuses, and is sent the snapshot again, for
// ever. The stale entries before it stay as well, and might be replicated if that follower led one day.
//
// So when a snapshot (index K, term T) is durable and the log does not hold (K, T), everything up to K is stale: it is deleted, and
// the question for entry K is answered with term T, which is all that the check of an append needs. Entries after K stay: the
// usual conflict rule deals with them.
type Logs struct {
	store raft.LogStore

	mu    sync.Mutex // guards index and term
	index uint64     // K of the newest snapshot that the log did not agree with, 0: none
	term  uint64     // its T
}

var _ raft.LogStore = (*Logs)(nil)

// Boundary says that a snapshot ending in index and term is durable. Snaps calls it; calling it again is harmless.
func (l *Logs) Boundary(index, term uint64) error {
	var e raft.Log
	err := l.store.GetLog(index, &e)
	if err == nil && e.Term == term {
		return nil // the log agrees, as it always does with a snapshot this member took itself
	}
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		return fmt.Errorf("compare log with snapshot at %d: %w", index, err)
	}
	if err := l.dropThrough(index); err != nil {
		return fmt.Errorf("drop log up to snapshot at %d: %w", index, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if index > l.index { // a slow snapshot of our own may end after a newer one was installed
		l.index, l.term = index, term
	}
	return nil
}

// dropThrough deletes everything up to index. Entry index itself goes last, even when the whole log goes: should the process die in
// between, the next start compares it again and goes on from there.
func (l *Logs) dropThrough(index uint64) error {
	first, err := l.store.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.store.LastIndex()
	if err != nil {
		return err
	}
	if first == 0 || first > index {
		return nil
	}
	if last <= index && first < last {
		// All but the last is a prefix, which is deleted in chunks; a whole log would go in one long transaction.
		if err := l.store.DeleteRange(first, last-1); err != nil {
			return err
		}
		first = last
	}
	return l.store.DeleteRange(first, index)
}

// GetLog reads one entry, raft.ErrLogNotFound when there is none. For the boundary of an installed snapshot it makes one up: an
// empty no-op with the right term. It can never be replicated, since a leader sends entry K only after entry K-1, which is not there.
// (K = 1 has no entry before it, and so gets no boundary.)
func (l *Logs) GetLog(index uint64, out *raft.Log) error {
	err := l.store.GetLog(index, out)
	if !errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if index == l.index && index > 1 {
		*out = raft.Log{Index: index, Term: l.term, Type: raft.LogNoop}
		return nil
	}
	return err
}

// FirstIndex is the oldest index in the log, 0 when it is empty.
func (l *Logs) FirstIndex() (uint64, error) { return l.store.FirstIndex() }

// LastIndex is the newest index in the log, 0 when it is empty.
func (l *Logs) LastIndex() (uint64, error) { return l.store.LastIndex() }

// StoreLog appends one entry durably.
func (l *Logs) StoreLog(entry *raft.Log) error { return l.store.StoreLog(entry) }

// StoreLogs appends entries durably and in one transaction.
func (l *Logs) StoreLogs(entries []*raft.Log) error { return l.store.StoreLogs(entries) }

// DeleteRange deletes from lo to hi, both included.
func (l *Logs) DeleteRange(lo, hi uint64) error { return l.store.DeleteRange(lo, hi) }
