package znode

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"testing"
)

func names(nodes iter.Seq[*Node]) (names []string) {
	for n := range nodes {
		names = append(names, n.Name())
	}
	return names
}

// The children of one znode, whatever sorts between its path and theirs.
func TestChildren(t *testing.T) {
	r := newRig(t)
	for _, p := range []string{"/a", "/a/z", "/a/b", "/a/b/x", "/a/B", "/a/é", "/a/b!", "/a!", "/a!/n", "/a0", "/a0/n", "/b", "/b/n"} {
		r.do(create(p))
	}
	for _, tt := range []struct {
		path, after string
		want        []string
	}{
		{"/", "", []string{"a", "a!", "a0", "b"}},
		{"/", "a", []string{"a!", "a0", "b"}},
		{"/", "b", nil},
		{"/a", "", []string{"B", "b", "b!", "z", "é"}},
		{"/a", "B", []string{"b", "b!", "z", "é"}},
		{"/a", "C", []string{"b", "b!", "z", "é"}},
		{"/a", "b/", []string{"z", "é"}},
		{"/a", "é", nil},
		{"/a", "\U0010ffff", nil},
		{"/a/b", "", []string{"x"}},
		{"/a/z", "", nil},
		{"/a0", "", []string{"n"}},
		{"/missing", "", nil},
	} {
		if got := names(r.tree.Children(path(tt.path), tt.after)); !slices.Equal(got, tt.want) {
			t.Errorf("children of %s after %q: %q, want %q", tt.path, tt.after, got, tt.want)
		}
	}
}

func TestChildrenByPages(t *testing.T) {
	r := newRig(t)
	r.do(create("/p"))
	var want, got []string
	for i := range 1000 {
		want = append(want, fmt.Sprintf("%03d", i))
		r.do(create(fmt.Sprintf("/p/%03d", i*7%1000)))
	}
	for after, pages := "", 0; pages < len(want); pages++ {
		var page []string
		for n := range r.tree.Children(path("/p"), after) {
			if page = append(page, n.Name()); len(page) == 7 {
				break
			}
		}
		if len(page) == 0 {
			break
		}
		got, after = append(got, page...), page[len(page)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages give %d children, want %d", len(got), len(want))
	}
}

func TestAllGivesParentsFirst(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"), create("/a/b"), create("/a/b/c"), create("/a!"), create("/a!/x"), create("/a-"), create("/a-/b"))
	seen := map[string]bool{}
	for n := range r.tree.All() {
		if p := n.Path(); !p.IsRoot() && !seen[p.Parent().String()] {
			t.Errorf("%s comes before its parent", p)
		}
		seen[n.Path().String()] = true
	}
	if len(seen) != 8 || r.tree.Len() != 8 {
		t.Errorf("%d znodes, Len says %d, want 8", len(seen), r.tree.Len())
	}
}

func TestGetFindsOnlyWhatIsThere(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"), create("/a/b"))
	if n := r.tree.Get(Path{}); n == nil || !n.Path().IsRoot() {
		t.Error("the zero path does not find the root")
	}
	for _, p := range []string{"/a/", "/b", "/a/b/c", "/a/bb", "/A", "//a"} {
		if n := r.tree.Get(Path{p}); n != nil {
			t.Errorf("%s finds %s", p, n.Path())
		}
	}
}

// A state once given out stays what it was, whatever the machine does next, rolling back included.
func TestStatesNeverChange(t *testing.T) {
	r := forest(t)
	old := r.State()
	before := encode(t, old)
	r.do(set("/p", "changed"), remove("/q"), create("/r"))
	r.try(set("/p", "more"), remove("/p"))
	other := FromState(old)
	other.Advance(99, 1)
	other.Apply(transaction([]Op{set("/", "elsewhere"), remove("/p/c")}))
	if !bytes.Equal(before, encode(t, old)) {
		t.Error("a state changed after it was given out")
	}
	if n := r.tree.Get(path("/")); n.Data() != "" || other.tree.Get(path("/")).Data() != "elsewhere" {
		t.Error("two machines from one state are not apart")
	}
}
