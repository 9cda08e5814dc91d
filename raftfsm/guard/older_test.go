package guard

import (
	"testing"

	"github.com/hashicorp/raft"
)

// A snapshot that was held up on its way, or took long to write, must not take the member back behind the newest one.
func TestSnapshotsNeverGoBack(t *testing.T) {
	logs := newLogs(t, raft.NewInmemStore())
	store, err := raft.NewFileSnapshotStore(t.TempDir(), 2, nil)
	must(t, err)
	snaps, err := NewSnaps(store, logs)
	must(t, err)
	_, trans := raft.NewInmemTransport("a")
	create := func(s *Snaps, index uint64) (raft.SnapshotSink, error) {
		return s.Create(1, index, 2, raft.Configuration{}, 1, trans)
	}
	slow, err := create(snaps, 8)
	must(t, err)
	ten, err := create(snaps, 10)
	must(t, err)
	must(t, ten.Close())
	if err := slow.Close(); err == nil {
		t.Error("a snapshot that was overtaken passes for the newest")
	}
	restarted, err := NewSnaps(store, logs)
	must(t, err)
	for _, s := range []*Snaps{snaps, restarted} {
		for _, late := range []uint64{9, 10} {
			if _, err := create(s, late); err == nil {
				t.Errorf("a snapshot up to %d is taken although there is one up to 10", late)
			}
		}
		next, err := create(s, 11)
		must(t, err)
		must(t, next.Cancel())
	}
}
