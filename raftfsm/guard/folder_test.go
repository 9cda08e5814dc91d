package guard

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

var here = Identity{Cluster: "c1", Name: "a"}

// damage rewrites the file at path.
func damage(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, how(b), 0o600))
}

// livedIn is a folder in which member a of cluster c1 ran: it holds entries, a term and a vote.
func livedIn(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "holt")
	store, err := OpenStore(dir, here)
	must(t, err)
	must(t, store.StoreLogs(entries(1, 200, 1)))
	must(t, store.SetUint64([]byte(keyCurrentTerm), 3))
	must(t, store.Close())
	return dir
}

// reasonOf is why OpenStore refused, "" when it did not.
func reasonOf(t *testing.T, store *Store, err error) Reason {
	t.Helper()
	if err == nil {
		must(t, store.Close())
		return ""
	}
	var refused *StoreError
	if !errors.As(err, &refused) {
		t.Fatalf("not a StoreError: %v", err)
	}
	if refused.Advice == "" || !strings.Contains(err.Error(), refused.Path) || !strings.Contains(err.Error(), refused.Advice) {
		t.Errorf("the message lacks the path or what to do: %v", err)
	}
	return refused.Reason
}

func TestFolderRemembersItsMember(t *testing.T) {
	dir := livedIn(t)
	for _, want := range []Identity{here, {Name: "a"}, {Cluster: "c1"}, {}} {
		store, err := OpenStore(dir, want)
		must(t, err)
		if got := store.Identity; got.Name != "a" || got.Cluster != "c1" || len(got.Store) != 2*storeIDBytes {
			t.Errorf("asked for %+v, got %+v", want, got)
		}
		if last, err := store.LastIndex(); err != nil || last != 200 {
			t.Errorf("log ends at %d, %v", last, err)
		}
		must(t, store.Close())
	}
}

func TestNewFolderNeedsAName(t *testing.T) {
	for _, want := range []Identity{{}, {Name: "a"}, {Cluster: "c1"}} {
		dir := t.TempDir()
		if _, err := OpenStore(dir, want); err == nil {
			t.Errorf("%+v moved in", want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%+v left %v behind", want, left)
		}
	}
}

func TestFolderIsRefused(t *testing.T) {
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, name))) }
	}
	change := func(name string, how func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) { damage(t, filepath.Join(dir, name), how) }
	}
	page := os.Getpagesize()
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  Identity
		why   Reason
	}{
		{"untouched", func(*testing.T, string) {}, here, ""},
		{"another name", func(*testing.T, string) {}, Identity{Cluster: "c1", Name: "b"}, ReasonName},
		{"another cluster", func(*testing.T, string) {}, Identity{Cluster: "c2", Name: "a"}, ReasonCluster},
		{"raft.db gone", remove(BoltFile), here, ReasonAmnesia},
		{"raft.db of length zero", change(BoltFile, func([]byte) []byte { return nil }), here, ReasonAmnesia},
		{"raft.db cut short", change(BoltFile, func(b []byte) []byte { return b[:4*page] }), here, ReasonDamaged},
		{"raft.db cut within the first page", change(BoltFile, func(b []byte) []byte { return b[:100] }), here, ReasonDamaged},
		{"a few bytes of raft.db", change(BoltFile, func(b []byte) []byte { return b[:20] }), here, ReasonDamaged},
		{"first meta page zeroed", change(BoltFile, func(b []byte) []byte { clear(b[:page]); return b }), here, ReasonDamaged},
		{"second meta page zeroed", change(BoltFile, func(b []byte) []byte { clear(b[page : 2*page]); return b }), here, ReasonDamaged},
		{"a bit of the first meta page", change(BoltFile, func(b []byte) []byte { b[pageHeaderSize+40] ^= 4; return b }), here, ReasonDamaged},
		{"raft.db is no bolt file", change(BoltFile, func([]byte) []byte { return make([]byte, 8*page) }), here, ReasonDamaged},
		{"identity gone", remove(IdentityFile), here, ReasonForeign},
		{"identity empty", change(IdentityFile, func([]byte) []byte { return nil }), here, ReasonDamaged},
		{"identity cut", change(IdentityFile, func(b []byte) []byte { return b[:len(b)/2] }), here, ReasonDamaged},
		{"identity of the future", change(IdentityFile, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `"version": 1`, `"version": 2`, 1))
		}), here, ReasonDamaged},
		{"raft.db of another folder", func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(livedIn(t), BoltFile))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, BoltFile), b, 0o600))
		}, here, ReasonForeign},
		{"raft.db made anew", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, BoltFile)))
			db, err := OpenBolt(filepath.Join(dir, BoltFile))
			must(t, err)
			must(t, db.Close())
		}, here, ReasonForeign},
		{"only snapshots left", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, BoltFile)))
			must(t, os.Remove(filepath.Join(dir, IdentityFile)))
			must(t, os.MkdirAll(filepath.Join(dir, SnapshotDir, "3-200-1"), 0o700))
		}, here, ReasonForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := livedIn(t)
			c.spoil(t, dir)
			store, err := OpenStore(dir, c.want)
			if got := reasonOf(t, store, err); got != c.why {
				t.Errorf("reason %q, want %q (%v)", got, c.why, err)
			}
		})
	}
}

// Without the guard, the emptied file opens as a new store: no vote, no log.
func TestBoltTakesAnEmptyFileForANewStore(t *testing.T) {
	path := filepath.Join(livedIn(t), BoltFile)
	damage(t, path, func([]byte) []byte { return nil })
	db, err := OpenBolt(path)
	must(t, err)
	defer db.Close()
	if last, err := db.LastIndex(); err != nil || last != 0 {
		t.Errorf("log ends at %d, %v; is the guard still needed?", last, err)
	}
}

func TestFirstStartMayDieAtAnyMoment(t *testing.T) {
	for name, left := range map[string]func(t *testing.T, dir string){
		"nothing":                 func(*testing.T, string) {},
		"empty raft.db":           func(t *testing.T, dir string) { must(t, os.WriteFile(filepath.Join(dir, BoltFile), nil, 0o600)) },
		"raft.db never used":      func(t *testing.T, dir string) { leftover(t, dir, "") },
		"raft.db with a store id": func(t *testing.T, dir string) { leftover(t, dir, "1234") },
		"identity not yet renamed": func(t *testing.T, dir string) {
			leftover(t, dir, "1234")
			must(t, os.WriteFile(filepath.Join(dir, IdentityFile+tmpSuffix), []byte(`{"vers`), 0o600))
		},
		"snapshots made but empty": func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, SnapshotDir), 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			left(t, dir)
			store, err := OpenStore(dir, here)
			must(t, err)
			must(t, store.Close())
			store, err = OpenStore(dir, Identity{})
			must(t, err)
			must(t, store.Close())
		})
	}
}

// leftover makes a raft.db that no raft ever ran on.
func leftover(t *testing.T, dir, storeID string) {
	t.Helper()
	db, err := OpenBolt(filepath.Join(dir, BoltFile))
	must(t, err)
	if storeID != "" {
		must(t, db.Set([]byte(keyStore), []byte(storeID)))
	}
	must(t, db.Close())
}

func TestUsedStoreIsRecognised(t *testing.T) {
	for name, use := range map[string]func(Raw) error{
		"an entry": func(s Raw) error { return s.StoreLogs(entries(1, 1, 1)) },
		"a term":   func(s Raw) error { return s.SetUint64([]byte(keyCurrentTerm), 1) },
		"a vote": func(s Raw) error {
			return s.Set([]byte(keyVote), encodeVote(1, []byte("b")))
		},
		"a vote of the library": func(s Raw) error { return s.SetUint64([]byte(keyVoteTerm), 1) },
	} {
		dir := t.TempDir()
		db, err := OpenBolt(filepath.Join(dir, BoltFile))
		must(t, err)
		must(t, use(db))
		must(t, db.Close())
		store, err := OpenStore(dir, here)
		if got := reasonOf(t, store, err); got != ReasonForeign {
			t.Errorf("%s: reason %q, want %q", name, got, ReasonForeign)
		}
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := livedIn(t)
	store, err := OpenStore(dir, here)
	must(t, err)
	defer store.Close()
	other, err := OpenStore(dir, here)
	if got := reasonOf(t, other, err); got != ReasonLocked {
		t.Errorf("reason %q, want %q", got, ReasonLocked)
	}
	if !strings.Contains(err.Error(), "another holt holds this folder") {
		t.Errorf("message: %v", err)
	}
}

func TestIdentityFileIsPlainJSON(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(livedIn(t), IdentityFile))
	must(t, err)
	var f map[string]any
	must(t, json.Unmarshal(b, &f))
	if f["version"] != 1.0 || f["cluster"] != "c1" || f["name"] != "a" {
		t.Errorf("identity file: %s", b)
	}
}

var _ Raw = (*Store)(nil)
var _ raft.LogStore = (*Store)(nil)
