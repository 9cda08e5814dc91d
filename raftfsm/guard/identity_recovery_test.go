package guard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFolderInRecoveryIsForItsRecoveryAlone(t *testing.T) {
	dir := livedIn(t)
	store, err := OpenToRecover(dir)
	must(t, err)
	old := store.Identity
	if err := store.EndRecovery(); err == nil {
		t.Error("a recovery ended that was not begun")
	}
	for _, half := range []Recovery{{}, {Index: 1, Term: 1}, {Cluster: "c2", Index: 1}, {Cluster: "c2", Term: 1}} {
		if err := store.BeginRecovery(half); err == nil {
			t.Errorf("%+v was begun", half)
		}
	}
	must(t, store.BeginRecovery(Recovery{Cluster: "c2", Index: 201, Term: 4}))
	must(t, store.BeginRecovery(Recovery{Cluster: "c3", Index: 202, Term: 5}))
	must(t, store.Close())

	for _, want := range []Identity{{}, here, {Cluster: "c3"}} {
		store, err := OpenStore(dir, want)
		reason := reasonOf(t, store, err)
		if reason != ReasonRecovery && !(want.Cluster == "c3" && reason == ReasonCluster) {
			t.Errorf("opened as %+v: %q", want, reason)
		}
	}

	store, err = OpenToRecover(dir)
	must(t, err)
	if r := store.Identity.Recovery; r == nil || *r != (Recovery{"c3", 202, 5}) || store.Identity.Cluster != "c1" {
		t.Errorf("%+v, %+v", store.Identity, r)
	}
	must(t, store.EndRecovery())
	must(t, store.Close())
	store, err = OpenStore(dir, Identity{Name: "a", Cluster: "c3"})
	must(t, err)
	if store.Identity.Store != old.Store || store.Identity.Recovery != nil {
		t.Errorf("%+v, was %+v", store.Identity, old)
	}
	must(t, store.Close())
	other, err := OpenStore(dir, here)
	if reason := reasonOf(t, other, err); reason != ReasonCluster {
		t.Errorf("as a member of the old cluster: %q", reason)
	}
}

func TestHalfARecoveryIsDamage(t *testing.T) {
	dir := livedIn(t)
	damage(t, filepath.Join(dir, IdentityFile), func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `"version": 1`, `"recovery": {"cluster": "c2"}, "version": 1`, 1))
	})
	store, err := OpenToRecover(dir)
	if reason := reasonOf(t, store, err); reason != ReasonDamaged {
		t.Errorf("%q", reason)
	}
}

func TestNothingIsRecoveredWhereNobodyLived(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenToRecover(dir); err == nil {
		t.Error("opened")
	}
	if made, _ := os.ReadDir(dir); len(made) > 0 {
		t.Errorf("%v was made", made)
	}
}
