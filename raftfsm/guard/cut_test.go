package guard

import (
	"io/fs"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"
)

// Raft deletes entries that were replaced and stores the new ones in two steps. If the second finds no room, raft goes on
// with a wrong idea of where its log ends, so that is fatal; a full disk at any other moment is not.
func TestFullDiskAfterTheLogWasCutIsFatal(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: BoltFile, Err: syscall.ENOSPC}
	for _, c := range []struct {
		name   string
		before func(*guarded) error
		fatal  bool
	}{
		{"the end was deleted", func(g *guarded) error { return g.DeleteRange(8, 10) }, true},
		{"the beginning was deleted", func(g *guarded) error { return g.DeleteRange(1, 5) }, false},
		{"the end was deleted and replaced", func(g *guarded) error {
			if err := g.DeleteRange(8, 10); err != nil {
				return err
			}
			return g.StoreLogs(entries(8, 10, 2))
		}, false},
		{"nothing was deleted", func(*guarded) error { return nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := &faultyStore{InmemStore: raft.NewInmemStore()}
			g := guardStores(t, Config{Raw: raw})
			must(t, g.StoreLogs(entries(1, 10, 1)))
			must(t, c.before(g))
			raw.err = full
			if err := g.StoreLogs(entries(11, 11, 2)); err == nil {
				t.Fatal("stored on a full disk")
			}
			if got := len(g.fatal) == 1; got != c.fatal {
				t.Errorf("fatal %v, want fatal: %v", g.fatal, c.fatal)
			}
		})
	}
}
