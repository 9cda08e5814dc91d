package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	bolterrors "go.etcd.io/bbolt/errors"
)

// faultyStore is an in-memory store that fails or panics on demand and notes its deletions.
type faultyStore struct {
	*raft.InmemStore
	err      error  // answer of every write, nil: do it
	panics   string // panic of every call, "": none
	calls    int    // writes that came this far
	deleted  [][2]uint64
	onDelete func() // called within each deletion, may be nil
}

func (s *faultyStore) fault() error {
	s.calls++
	if s.panics != "" {
		panic(s.panics)
	}
	return s.err
}

func (s *faultyStore) StoreLogs(entries []*raft.Log) error {
	return errors.Join(s.fault(), s.InmemStore.StoreLogs(entries))
}

func (s *faultyStore) DeleteRange(lo, hi uint64) error {
	s.deleted = append(s.deleted, [2]uint64{lo, hi})
	if s.onDelete != nil {
		s.onDelete()
	}
	return errors.Join(s.fault(), s.InmemStore.DeleteRange(lo, hi))
}

func (s *faultyStore) Set(key, val []byte) error {
	return errors.Join(s.fault(), s.InmemStore.Set(key, val))
}

func (s *faultyStore) SetUint64(key []byte, val uint64) error {
	return errors.Join(s.fault(), s.InmemStore.SetUint64(key, val))
}

func (s *faultyStore) GetLog(index uint64, out *raft.Log) error {
	if s.panics != "" {
		panic(s.panics)
	}
	return s.InmemStore.GetLog(index, out)
}

// guarded is the stores over raw and what they reported as fatal.
type guarded struct {
	*Logs
	stable *Stable
	fatal  []error
}

func guardStores(t *testing.T, c Config) *guarded {
	t.Helper()
	g := &guarded{}
	c.Stall = &Stall{}
	c.Fatal = func(err error) { g.fatal = append(g.fatal, err) }
	var err error
	g.Logs, g.stable, err = NewStores(c)
	must(t, err)
	return g
}

func TestFirstWriteErrorIsTheLast(t *testing.T) {
	syncFailed := errors.New("fdatasync: input/output error")
	writes := map[string]func(*guarded) error{
		"append":    func(g *guarded) error { return g.StoreLogs(entries(4, 4, 1)) },
		"append 1":  func(g *guarded) error { return g.StoreLog(entries(4, 4, 1)[0]) },
		"delete":    func(g *guarded) error { return g.DeleteRange(2, 3) },
		"set":       func(g *guarded) error { return g.stable.Set([]byte("k"), []byte("v")) },
		"set int":   func(g *guarded) error { return g.stable.SetUint64([]byte("k"), 1) },
		"vote term": func(g *guarded) error { return g.stable.SetUint64([]byte(keyVoteTerm), 1) },
		"read":      func(g *guarded) error { return g.GetLog(1, &raft.Log{}) },
		"first":     func(g *guarded) error { _, err := g.FirstIndex(); return err },
		"get":       func(g *guarded) error { _, err := g.stable.Get([]byte("k")); return err },
	}
	for _, first := range []string{"append", "append 1", "delete", "set", "set int"} {
		t.Run(first, func(t *testing.T) {
			raw := &faultyStore{InmemStore: raft.NewInmemStore()}
			must(t, raw.InmemStore.StoreLogs(entries(1, 3, 1)))
			g := guardStores(t, Config{Raw: raw})
			raw.err = syncFailed
			if err := writes[first](g); !errors.Is(err, syncFailed) {
				t.Fatalf("got %v, want the disk's error", err)
			}
			raw.err = nil // the disk claims to be well again, as it does after a failed fsync
			raw.calls = 0
			for name, write := range writes {
				if err := write(g); !errors.Is(err, syncFailed) {
					t.Errorf("%s afterwards: %v, want the first error", name, err)
				}
			}
			if raw.calls != 0 {
				t.Errorf("the disk was tried %d times more", raw.calls)
			}
			if len(g.fatal) != 1 || !errors.Is(g.fatal[0], syncFailed) {
				t.Errorf("fatal was told %v, want the first error once", g.fatal)
			}
		})
	}
}

func TestWhichWriteErrorsAreFatal(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		fatal bool
	}{
		{"disk full", &fs.PathError{Op: "write", Path: BoltFile, Err: syscall.ENOSPC}, false},
		{"disk full, wrapped", fmt.Errorf("commit: %w", &fs.PathError{Op: "write", Path: BoltFile, Err: syscall.ENOSPC}), false},
		{"disk full, told by a sync", &fs.PathError{Op: "sync", Path: BoltFile, Err: syscall.ENOSPC}, true},
		{"disk full, told by fdatasync", syscall.ENOSPC, true},
		{"input/output error", &fs.PathError{Op: "write", Path: BoltFile, Err: syscall.EIO}, true},
		{"closed by its owner", bolterrors.ErrDatabaseNotOpen, false},
		{"unknown", errors.New("unknown"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := &faultyStore{InmemStore: raft.NewInmemStore(), err: c.err}
			g := guardStores(t, Config{Raw: raw})
			if err := g.StoreLogs(entries(1, 1, 1)); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			raw.err = nil
			again := g.StoreLogs(entries(1, 1, 1))
			if got := len(g.fatal) == 1; got != c.fatal || (again != nil) != c.fatal {
				t.Errorf("fatal %v, next append %v; want fatal: %v", g.fatal, again, c.fatal)
			}
		})
	}
}

func TestPanicOfTheRawStoreIsFatalNotAPanic(t *testing.T) {
	for name, call := range map[string]func(*guarded) error{
		"read":  func(g *guarded) error { return g.GetLog(1, &raft.Log{}) },
		"write": func(g *guarded) error { return g.StoreLogs(entries(1, 1, 1)) },
	} {
		raw := &faultyStore{InmemStore: raft.NewInmemStore(), panics: "page 7 is no leaf"}
		g := guardStores(t, Config{Raw: raw})
		if err := call(g); err == nil || len(g.fatal) != 1 {
			t.Errorf("%s: %v, fatal %v", name, err, g.fatal)
		}
	}
}

func TestDeleteRangeInChunks(t *testing.T) {
	const last = 12500
	for _, c := range []struct {
		name   string
		lo, hi uint64
		want   [][2]uint64
	}{
		{"long prefix", 1, 12000, [][2]uint64{{1, 5000}, {5001, 10000}, {10001, 12000}}},
		{"prefix of two whole chunks", 1, 10000, [][2]uint64{{1, 5000}, {5001, 10000}}},
		{"short prefix", 1, 10, [][2]uint64{{1, 10}}},
		{"suffix", 10, last, [][2]uint64{{10, last}}},
		{"middle", 10, 12000, [][2]uint64{{10, 12000}}},
		{"all", 1, last, [][2]uint64{{1, last}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := &faultyStore{InmemStore: raft.NewInmemStore()}
			must(t, raw.InmemStore.StoreLogs(entries(1, last, 1)))
			g := guardStores(t, Config{Raw: raw})
			must(t, g.DeleteRange(c.lo, c.hi))
			if !slices.Equal(raw.deleted, c.want) {
				t.Errorf("deleted %v, want %v", raw.deleted, c.want)
			}
		})
	}
}

func TestAppendGetsBetweenTheChunks(t *testing.T) {
	raw := &faultyStore{InmemStore: raft.NewInmemStore()}
	must(t, raw.InmemStore.StoreLogs(entries(1, 12500, 1)))
	g := guardStores(t, Config{Raw: raw})
	next := uint64(12501)
	raw.onDelete = func() { // no guard holds a lock while the raw store works
		must(t, g.StoreLogs(entries(next, next, 1)))
		next++
	}
	must(t, g.DeleteRange(1, 12000))
	if last, err := g.LastIndex(); err != nil || last != 12503 {
		t.Errorf("last index %d, %v; want 12503", last, err)
	}
}

func TestWholeLogBehindASnapshotGoesInChunksToo(t *testing.T) {
	raw := &faultyStore{InmemStore: raft.NewInmemStore()}
	must(t, raw.InmemStore.StoreLogs(entries(1, 7000, 1)))
	g := guardStores(t, Config{Raw: raw})
	must(t, g.Boundary(9000, 2))
	if want := [][2]uint64{{1, 5000}, {5001, 6999}, {7000, 9000}}; !slices.Equal(raw.deleted, want) {
		t.Errorf("deleted %v, want %v", raw.deleted, want)
	}
}

func TestObserveAndStallSeeAnAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := &hangingStore{InmemStore: raft.NewInmemStore()}
		gate := make(chan struct{})
		raw.gate.Store(&gate)
		var took time.Duration
		var count, bytes int
		stall := &Stall{}
		logs, _, err := NewStores(Config{
			Raw: raw, Stall: stall, Fatal: func(err error) { t.Errorf("fatal: %v", err) },
			Observe: func(d time.Duration, n, b int) { took, count, bytes = d, n, b },
		})
		must(t, err)
		done := make(chan error)
		go func() {
			done <- logs.StoreLogs([]*raft.Log{{Index: 1, Data: make([]byte, 100)}, {Index: 2, Data: make([]byte, 20), Extensions: make([]byte, 3)}})
		}()
		<-time.After(3 * time.Second)
		if got := stall.Longest(); got != 3*time.Second {
			t.Errorf("stalled for %v, want 3s", got)
		}
		close(gate)
		must(t, <-done)
		if took != 3*time.Second || count != 2 || bytes != 123 {
			t.Errorf("observed %v, %d entries, %d bytes", took, count, bytes)
		}
		if stall.Longest() != 0 {
			t.Error("still stalled")
		}
	})
}

// A flipped bit in an entry on disk: bolt has no checksum over it and returns it as if nothing were.
func TestFlippedBitInAnEntryIsNeverReturned(t *testing.T) {
	path := filepath.Join(t.TempDir(), BoltFile)
	db, err := OpenBolt(path)
	must(t, err)
	data := []byte("the value a client was promised")
	must(t, db.StoreLogs([]*raft.Log{{Index: 1, Term: 1, Data: data}, {Index: 2, Term: 1, Data: []byte("fine")}}))
	must(t, db.Close())
	damage(t, path, func(b []byte) []byte {
		i := slices.Index(b, data[0])
		for i >= 0 && !slices.Equal(b[i:i+len(data)], data) {
			i += 1 + slices.Index(b[i+1:], data[0])
		}
		b[i] ^= 1
		return b
	})

	db, err = OpenBolt(path)
	must(t, err)
	defer db.Close()
	var e raft.Log
	must(t, db.GetLog(1, &e))
	if slices.Equal(e.Data, data) {
		t.Fatal("the entry is not damaged: nothing is tested")
	}
	g := guardStores(t, Config{Raw: db, CheckEntry: func(l *raft.Log) error {
		if s := string(l.Data); s != string(data) && s != "fine" {
			return errors.New("checksum differs")
		}
		return nil
	}})
	must(t, g.GetLog(2, &e))
	if err := g.GetLog(1, &e); err == nil || e.Data != nil || len(g.fatal) != 1 {
		t.Errorf("got %q, error %v, fatal %v; want no entry and one fatal error", e.Data, err, g.fatal)
	}
}

func TestConfigIsChecked(t *testing.T) {
	whole := Config{Raw: raft.NewInmemStore(), Stall: &Stall{}, Fatal: func(error) {}}
	for name, spoil := range map[string]func(*Config){
		"no raw":         func(c *Config) { c.Raw = nil },
		"no stall":       func(c *Config) { c.Stall = nil },
		"no fatal":       func(c *Config) { c.Fatal = nil },
		"negative cache": func(c *Config) { c.CacheBytes = -1 },
		"monotonic raw":  func(c *Config) { c.Raw = monotonicStore{raft.NewInmemStore()} },
	} {
		c := whole
		spoil(&c)
		if _, _, err := NewStores(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, _, err := NewStores(whole); err != nil {
		t.Errorf("whole: %v", err)
	}
	if _, err := NewTransport(TransportConfig{Stall: &Stall{}}); err == nil {
		t.Error("transport without an inner one: accepted")
	}
}

type monotonicStore struct{ *raft.InmemStore }

func (monotonicStore) IsMonotonic() bool { return true }

// A read of a page that the file no longer has would fault and end the process without a word.
func TestFileCutUnderARunningMember(t *testing.T) {
	path := filepath.Join(t.TempDir(), BoltFile)
	db, err := OpenBolt(path)
	must(t, err)
	defer db.Close()
	must(t, db.StoreLogs(entries(1, 5000, 1)))
	g := guardStores(t, Config{Raw: db})
	must(t, os.Truncate(path, int64(4*os.Getpagesize())))
	failed := false
	for i := uint64(1); i <= 5000 && !failed; i++ {
		failed = g.GetLog(i, &raft.Log{}) != nil
	}
	if !failed || len(g.fatal) != 1 {
		t.Errorf("reads failed: %v, fatal: %v; want both", failed, g.fatal)
	}
}
