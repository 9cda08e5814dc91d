package raftfsmtest

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// snapshotsKept is how many snapshots a member's disk holds.
const snapshotsKept = 2

// snapshots is a snapshot store in memory that outlives the member, and shows a snapshot only once it is whole.
type snapshots struct {
	disk *Disk // a frozen one takes no snapshots

	mu   sync.Mutex  // guards the fields below
	all  []*snapshot // newest first, at most snapshotsKept
	made int
	read int
}

type snapshot struct {
	meta raft.SnapshotMeta
	data []byte
}

// Create begins a snapshot.
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return &sink{store: s, meta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, s.made), Index: index, Term: term,
		Configuration: conf, ConfigurationIndex: confIndex,
	}}, nil
}

// List is what there is, newest first.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*raft.SnapshotMeta
	for _, snap := range s.all {
		meta := snap.meta
		out = append(out, &meta)
	}
	return out, nil
}

// Open reads one.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read++
	for _, snap := range s.all {
		if snap.meta.ID == id {
			meta := snap.meta
			return &meta, io.NopCloser(bytes.NewReader(snap.data)), nil
		}
	}
	return nil, nil, fmt.Errorf("no snapshot %s", id)
}

func (s *snapshots) add(snap *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append([]*snapshot{snap}, s.all...)
	s.all = s.all[:min(len(s.all), snapshotsKept)]
}

// sink is a snapshot being written, by one goroutine.
type sink struct {
	store *snapshots
	meta  raft.SnapshotMeta
	buf   bytes.Buffer
	done  bool
}

// Write never fails.
func (s *sink) Write(p []byte) (int, error) { return s.buf.Write(p) }

// Close makes the snapshot one of the store's.
func (s *sink) Close() error {
	if s.store.disk.isFrozen() {
		return errFrozen
	}
	if !s.done {
		s.done = true
		s.meta.Size = int64(s.buf.Len())
		s.store.add(&snapshot{s.meta, s.buf.Bytes()})
	}
	return nil
}

// ID is the snapshot's.
func (s *sink) ID() string { return s.meta.ID }

// Cancel forgets it.
func (s *sink) Cancel() error {
	s.done = true
	return nil
}
