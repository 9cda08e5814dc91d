package raftfsm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/raft"

	"holt/raftfsm/guard"
)

func three() []Member {
	return []Member{{"a", "a:7", "http://a"}, {"b", "b:7", "http://b"}, {"c", "c:7", "http://c"}}
}

func TestWhichListsOfMembersAreTaken(t *testing.T) {
	many := make([]Member, MaxMembers+1)
	for i := range many {
		many[i] = Member{Name: string(rune('a' + i)), RaftAddr: string(rune('a'+i)) + ":7"}
	}
	tests := []struct {
		name string
		ms   []Member
		ok   bool
	}{
		{"none", nil, false},
		{"one", three()[:1], true},
		{"three", three(), true},
		{"as many as there may be", many[:MaxMembers], true},
		{"one too many", many, false},
		{"no name", []Member{{"", "a:7", ""}}, false},
		{"no address", []Member{{"a", "", ""}}, false},
		{"no URL", []Member{{"a", "a:7", ""}}, true},
		{"a name twice", []Member{{"a", "a:7", ""}, {"a", "b:7", ""}}, false},
		{"an address twice", []Member{{"a", "a:7", ""}, {"b", "a:7", ""}}, false},
	}
	for _, tt := range tests {
		if err := ValidateMembers(tt.ms); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestClusterID(t *testing.T) {
	ms := three()
	id := ClusterID(ms)
	if id != "aa3e48c36032570e7f554a6cdccfbea3" {
		t.Errorf("%s: members of another version would find themselves in another cluster", id)
	}
	turned := slices.Clone(ms)
	slices.Reverse(turned)
	turned[0].URL = "http://elsewhere"
	if ClusterID(turned) != id {
		t.Error("order or URL changes it")
	}
	ms[1].RaftAddr = "b:8"
	if ClusterID(ms) == id {
		t.Error("an address does not change it")
	}
}

// open opens a folder that the test closes.
func open(t *testing.T, cfg FolderConfig) (*Folder, error) {
	t.Helper()
	cfg.Logger = quiet
	cfg.Fatal = func(err error) { t.Errorf("fatal: %v", err) }
	return OpenFolder(cfg)
}

func TestAFolderIsItsMembersForEver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if lived, err := Lived(dir); lived || err != nil {
		t.Fatalf("before: %t, %v", lived, err)
	}
	if _, err := open(t, FolderConfig{Dir: dir, Name: "a"}); err == nil {
		t.Fatal("a first start without a list of members")
	}
	f, err := open(t, FolderConfig{Dir: dir, Name: "a", Members: three()})
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "a" || f.Cluster != ClusterID(three()) || !slices.Equal(f.Members, three()) {
		t.Errorf("first start: %+v", f)
	}
	if free, err := f.FreeBytes(); err != nil || free == 0 {
		t.Errorf("room: %d, %v", free, err)
	}
	if err := f.Logs.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogNoop}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if lived, err := Lived(dir); !lived || err != nil {
		t.Errorf("after: %t, %v", lived, err)
	}

	// Later the folder knows who lives there, and another list of members changes nothing.
	f, err = open(t, FolderConfig{Dir: dir, Members: three()[:1]})
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "a" || f.Cluster != ClusterID(three()) || !slices.Equal(f.Members, three()) {
		t.Errorf("second start: %+v", f)
	}
	if last, err := f.Logs.LastIndex(); last != 1 || err != nil {
		t.Errorf("the log ends at %d, %v", last, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	var refused *guard.StoreError
	if _, err := open(t, FolderConfig{Dir: dir, Name: "b", Members: three()}); !errors.As(err, &refused) || refused.Reason != guard.ReasonName {
		t.Errorf("another member's name: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, MembersFile), []byte("[{]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, FolderConfig{Dir: dir, Name: "a"}); err == nil {
		t.Error("a damaged list of members")
	}
}
