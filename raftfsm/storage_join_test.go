package raftfsm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holt/raftfsm/guard"
)

// there is what a member that joins is told of a cluster.
func there() *Join {
	j := &Join{Cluster: "c0ffee"}
	for _, m := range three() {
		j.Members = append(j.Members, MemberStatus{Member: m, Voter: true})
	}
	return j
}

func TestAFolderThatJoinedNeverBeginsACluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f, err := open(t, FolderConfig{Dir: dir, Name: "d", Join: there()})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Joined || f.Cluster != "c0ffee" || !slices.Equal(f.Members, three()) {
		t.Errorf("first start: %+v", f)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// Later nothing has to be said, and another list changes nothing.
	for _, members := range [][]Member{nil, three()[:1]} {
		if f, err = open(t, FolderConfig{Dir: dir, Members: members}); err != nil {
			t.Fatal(err)
		}
		if !f.Joined || f.Name != "d" || f.Cluster != "c0ffee" || !slices.Equal(f.Members, three()) {
			t.Errorf("a later start: %+v", f)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, MembersFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", MembersFile, err)
	}
	other := there()
	other.Cluster = "decaf"
	var refused *guard.StoreError
	if _, err := open(t, FolderConfig{Dir: dir, Join: other}); !errors.As(err, &refused) || refused.Reason != guard.ReasonCluster {
		t.Errorf("another cluster: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, JoinFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, FolderConfig{Dir: dir}); err == nil || !strings.Contains(err.Error(), JoinFile) {
		t.Errorf("a damaged file: %v", err)
	}
}

// A voter that lost its disk has forgotten its vote and what it acknowledged.
func TestAnEmptyFolderIsNoVoterThatIsThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	_, err := open(t, FolderConfig{Dir: dir, Name: "a", Join: there()})
	if err == nil || !strings.Contains(err.Error(), "holt cluster remove a") {
		t.Errorf("as a voter that is there: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left a folder: %v", err)
	}
	// One that was added and has never voted may begin now.
	j := there()
	j.Members[0].Voter = false
	f, err := open(t, FolderConfig{Dir: dir, Name: "a", Join: j})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for _, j := range []*Join{{Members: there().Members}, {Cluster: "c0ffee"}} {
		if _, err := open(t, FolderConfig{Dir: filepath.Join(t.TempDir(), "data"), Name: "d", Join: j}); err == nil {
			t.Errorf("joined %+v", j)
		}
	}
}

// What a start left that died before it had made the folder a member's does not bind the next.
func TestAStartThatCameToNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(filepath.Join(dir, JoinFile), there()); err != nil {
		t.Fatal(err)
	}
	f, err := open(t, FolderConfig{Dir: dir, Name: "a", Members: three()})
	if err != nil {
		t.Fatal(err)
	}
	if f.Joined || f.Cluster != ClusterID(three()) {
		t.Errorf("%+v", f)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
