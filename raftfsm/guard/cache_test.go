package guard

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"
)

// flakyStore is an in-memory store whose next append fails when told so, and that counts reads.
type flakyStore struct {
	*raft.InmemStore
	fail  bool
	reads int
}

func (s *flakyStore) StoreLogs(entries []*raft.Log) error {
	if s.fail {
		return errors.New("refused")
	}
	return s.InmemStore.StoreLogs(entries)
}

func (s *flakyStore) GetLog(index uint64, out *raft.Log) error {
	s.reads++
	return s.InmemStore.GetLog(index, out)
}

// Whatever is appended, overwritten, refused and deleted: the cache answers as the store below would, within its bounds.
func TestCacheAnswersAsTheStore(t *testing.T) {
	const maxEntries, maxBytes = 8, 100
	rapid.Check(t, func(t *rapid.T) {
		store := &flakyStore{InmemStore: raft.NewInmemStore()}
		c := newCache(store, maxEntries, maxBytes)
		version := byte(0)
		next := uint64(rapid.IntRange(1, 1000).Draw(t, "first"))
		lowest := next
		appendRun := func(t *rapid.T, from uint64) {
			version++
			var run []*raft.Log
			for i := range rapid.IntRange(1, 12).Draw(t, "count") {
				data := make([]byte, rapid.IntRange(1, 2*maxBytes).Draw(t, "size"))
				data[0] = version
				run = append(run, &raft.Log{Index: from + uint64(i), Data: data})
			}
			store.fail = rapid.IntRange(0, 9).Draw(t, "fails") == 0
			if c.StoreLogs(run) == nil {
				next = max(next, from+uint64(len(run)))
			}
			store.fail = false
		}
		t.Repeat(map[string]func(*rapid.T){
			"append":    func(t *rapid.T) { appendRun(t, next) },
			"overwrite": func(t *rapid.T) { appendRun(t, rapid.Uint64Range(lowest, next).Draw(t, "from")) },
			"gap":       func(t *rapid.T) { appendRun(t, next+5) },
			"suffix": func(t *rapid.T) {
				from := rapid.Uint64Range(lowest, next).Draw(t, "from")
				must2(t, c.DeleteRange(from, next))
				next = from
			},
			"prefix": func(t *rapid.T) {
				to := rapid.Uint64Range(lowest, next).Draw(t, "to")
				must2(t, c.DeleteRange(lowest, to))
				next = max(next, to+1)
			},
			"": func(t *rapid.T) {
				if c.count > maxEntries || c.bytes > maxBytes || c.bytes < 0 {
					t.Fatalf("%d entries, %d bytes held", c.count, c.bytes)
				}
				for i := lowest - 1; i <= next+1; i++ {
					var got, want raft.Log
					gotErr, wantErr := c.GetLog(i, &got), store.InmemStore.GetLog(i, &want)
					if gotErr != wantErr || (wantErr == nil && (got.Index != want.Index || got.Data[0] != want.Data[0] || len(got.Data) != len(want.Data))) {
						t.Fatalf("entry %d: %d bytes, %v; the store has %d bytes, %v", i, len(got.Data), gotErr, len(want.Data), wantErr)
					}
				}
			},
		})
	})
}

func must2(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func TestCacheHoldsTheNewest(t *testing.T) {
	sized := func(index uint64, size int) *raft.Log { return &raft.Log{Index: index, Data: make([]byte, size)} }
	for _, c := range []struct {
		name     string
		appended []*raft.Log
		wantHeld []uint64
	}{
		{"bounded by count", entries(1, 10, 1), []uint64{7, 8, 9, 10}},
		{"bounded by bytes", []*raft.Log{sized(1, 40), sized(2, 40), sized(3, 40)}, []uint64{2, 3}},
		{"one too large for the cache", []*raft.Log{sized(1, 10), sized(2, 101), sized(3, 10)}, []uint64{3}},
		{"one that fills it", []*raft.Log{sized(1, 10), sized(2, 100)}, []uint64{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := &flakyStore{InmemStore: raft.NewInmemStore()}
			cached := newCache(store, 4, 100)
			must(t, cached.StoreLogs(c.appended))
			var held []uint64
			for _, e := range c.appended {
				before := store.reads
				must(t, cached.GetLog(e.Index, &raft.Log{}))
				if store.reads == before {
					held = append(held, e.Index)
				}
			}
			if len(held) != len(c.wantHeld) || held[0] != c.wantHeld[0] {
				t.Errorf("held %v, want %v", held, c.wantHeld)
			}
		})
	}
}
