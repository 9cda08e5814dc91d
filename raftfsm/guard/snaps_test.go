package guard

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// sinkStore is a snapshot store whose sinks answer Close with err the first time and with success later, as the file store's do.
type sinkStore struct {
	*raft.InmemSnapshotStore
	err error
}

func (s *sinkStore) Create(v raft.SnapshotVersion, i, term uint64, c raft.Configuration, ci uint64, tr raft.Transport) (raft.SnapshotSink, error) {
	inner, err := s.InmemSnapshotStore.Create(v, i, term, c, ci, tr)
	return &failingSink{SnapshotSink: inner, err: s.err}, err
}

type failingSink struct {
	raft.SnapshotSink
	err error
}

func (s *failingSink) Close() error {
	err := s.err
	s.err = nil
	return err
}

func TestOnlyADurableSnapshotMovesTheBoundary(t *testing.T) {
	full := errors.New("no space")
	for _, c := range []struct {
		name     string
		closeErr error
		end      func(raft.SnapshotSink) error
		wantErr  bool
		moved    bool
	}{
		{"closed", nil, func(s raft.SnapshotSink) error { return s.Close() }, false, true},
		{"closed twice", nil, func(s raft.SnapshotSink) error { return errors.Join(s.Close(), s.Close()) }, false, true},
		{"cancelled", nil, func(s raft.SnapshotSink) error { return s.Cancel() }, false, false},
		{"cancelled, then closed", nil, func(s raft.SnapshotSink) error { must(t, s.Cancel()); return s.Close() }, true, false},
		{"close fails", full, func(s raft.SnapshotSink) error { return s.Close() }, true, false},
		{"close fails, then does not", full, func(s raft.SnapshotSink) error { _ = s.Close(); return s.Close() }, true, false},
		{"still open", nil, func(raft.SnapshotSink) error { return nil }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			logs := newLogs(t, raft.NewInmemStore())
			must(t, logs.StoreLogs(entries(1, 20, 1))) // of a term that lost
			snaps, err := NewSnaps(&sinkStore{raft.NewInmemSnapshotStore(), c.closeErr}, logs)
			must(t, err)
			_, trans := raft.NewInmemTransport("a")
			sink, err := snaps.Create(1, 10, 2, raft.Configuration{}, 1, trans)
			must(t, err)
			if err := c.end(sink); (err != nil) != c.wantErr {
				t.Errorf("error %v, want one: %v", err, c.wantErr)
			}
			first, err := logs.FirstIndex()
			must(t, err)
			if moved := first == 11; moved != c.moved {
				t.Errorf("log begins at %d, want it moved: %v", first, c.moved)
			}
		})
	}
}

func TestBoundaryIsFoundAgainAtStart(t *testing.T) {
	store := raft.NewInmemSnapshotStore()
	_, trans := raft.NewInmemTransport("a")
	_, err := store.Create(1, 10, 2, raft.Configuration{}, 1, trans)
	must(t, err)
	raw := raft.NewInmemStore()
	must(t, raw.StoreLogs(entries(1, 20, 1))) // the process died before it could drop them
	logs := newLogs(t, raw)
	_, err = NewSnaps(store, logs)
	must(t, err)
	var e raft.Log
	if err := logs.GetLog(10, &e); err != nil || e.Term != 2 {
		t.Errorf("entry 10: term %d, %v; want term 2", e.Term, err)
	}
	if first, _ := raw.FirstIndex(); first != 11 {
		t.Errorf("log begins at %d, want 11", first)
	}
}

func TestReapTmp(t *testing.T) {
	dir := t.TempDir()
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, hclog.NewNullLogger())
	must(t, err)
	_, trans := raft.NewInmemTransport("a")
	whole, err := snaps.Create(1, 10, 2, raft.Configuration{}, 1, trans)
	must(t, err)
	must(t, whole.Close())
	half, err := snaps.Create(1, 20, 2, raft.Configuration{}, 1, trans)
	must(t, err)
	_, err = half.Write([]byte("half"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, SnapshotDir, "note.tmp"), nil, 0o600)) // a file is not ours to remove

	reaped, err := ReapTmp(filepath.Join(dir, SnapshotDir))
	must(t, err)
	if want := []string{half.ID() + tmpSuffix}; !slices.Equal(reaped, want) {
		t.Errorf("reaped %v, want %v", reaped, want)
	}
	list, err := snaps.List()
	must(t, err)
	if len(list) != 1 || list[0].ID != whole.ID() {
		t.Errorf("left %v, want %s", list, whole.ID())
	}
	if reaped, err = ReapTmp(filepath.Join(dir, SnapshotDir)); err != nil || len(reaped) != 0 {
		t.Errorf("second time: %v, %v", reaped, err)
	}
	if reaped, err = ReapTmp(filepath.Join(dir, "no such folder")); err != nil || len(reaped) != 0 {
		t.Errorf("no folder: %v, %v", reaped, err)
	}
}
