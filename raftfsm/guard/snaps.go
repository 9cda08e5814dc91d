package guard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
)

// tmpSuffix marks a folder in which raft.FileSnapshotStore was still writing.
const tmpSuffix = ".tmp"

// Snaps is a snapshot store that tells Logs where each durable snapshot ends (#697), and never goes back.
//
// Raft installs whatever snapshot its leader of this term sends. One that was held up in a broken connection, and comes after its
// successor, would take the member back to an older state, which it would serve until the next commit.
type Snaps struct {
	raft.SnapshotStore
	logs *Logs

	mu     sync.Mutex // guards newest
	newest uint64     // index of the newest durable snapshot, 0: none
}

// NewSnaps wraps store and at once tells logs of the newest snapshot in it: a crash may have come between making it durable and
// saying so. Call it before raft.NewRaft.
func NewSnaps(store raft.SnapshotStore, logs *Logs) (*Snaps, error) {
	list, err := store.List()
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	s := &Snaps{SnapshotStore: store, logs: logs}
	if len(list) > 0 {
		s.newest = list[0].Index
		if err := logs.Boundary(list[0].Index, list[0].Term); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Create begins a snapshot, unless there is one already that ends where this one does or later. Its sink's Close makes it durable, then
// tells the log, and fails if either does, or if a later one became durable meanwhile.
func (s *Snaps) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	s.mu.Lock()
	newest := s.newest
	s.mu.Unlock()
	if index <= newest {
		return nil, fmt.Errorf("snapshot up to %d: there is one up to %d", index, newest)
	}
	inner, err := s.SnapshotStore.Create(version, index, term, conf, confIndex, trans)
	if err != nil {
		return nil, err
	}
	return &sink{SnapshotSink: inner, durable: func() error { return s.durable(index, term) }}, nil
}

func (s *Snaps) durable(index, term uint64) error {
	s.mu.Lock()
	newest := s.newest
	s.newest = max(index, newest)
	s.mu.Unlock()
	if index < newest {
		return fmt.Errorf("snapshot up to %d: overtaken by one up to %d", index, newest)
	}
	return s.logs.Boundary(index, term)
}

// sink remembers how its first Close or Cancel went. raft closes a sink that the FSM may have closed already, and the file store
// answers a second Close with success whatever the first said: that must not pass for a durable snapshot.
type sink struct {
	raft.SnapshotSink
	durable func() error

	once sync.Once
	err  error // written once under once
}

func (s *sink) Close() error {
	s.once.Do(func() {
		if s.err = s.SnapshotSink.Close(); s.err == nil {
			s.err = s.durable()
		}
	})
	return s.err
}

func (s *sink) Cancel() error {
	var err error
	s.once.Do(func() {
		s.err = errors.New("snapshot was cancelled")
		err = s.SnapshotSink.Cancel()
	})
	return err
}

// ReapTmp removes the snapshot folders that a crash left half written, which raft.FileSnapshotStore never does. dir is the folder that
// holds the snapshots; one that does not exist holds none. It returns the names removed. Call it before raft runs.
func ReapTmp(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reap unfinished snapshots: %w", err)
	}
	var reaped []string
	for _, e := range entries {
		if !e.IsDir() || !strings.HasSuffix(e.Name(), tmpSuffix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return reaped, fmt.Errorf("reap unfinished snapshot: %w", err)
		}
		reaped = append(reaped, e.Name())
	}
	return reaped, nil
}
