package znode

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// compareRank holds the place of a name among the children of p, and one child by its place, to what is known.
func compareRank(t *rapid.T, tree *Tree, p Path, name string, children []string, rank int) {
	if got := tree.Rank(p, name); got != rank {
		t.Fatalf("the rank of %q in %s is %d, with the twin %d", name, p, got, rank)
	}
	i := rapid.IntRange(-1, len(children)+1).Draw(t, "place")
	want := ""
	if i >= 0 && i < len(children) {
		want = children[i]
	}
	if n := tree.Nth(p, i); (n == nil) != (want == "") || n != nil && n.Name() != want {
		t.Fatalf("child %d of %s is %v, with the twin %q", i, p, n, want)
	}
}

// A tree of many leaves, with directories whose paths sort into one another: every place is what counting gives.
func TestRanksAreWhatCountingGives(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 1))
	r := newRig(t)
	dirs := []string{"/"}
	letters := []string{"a", "b", "!", "é", "0", "\U0010ffff"}
	for range 4000 {
		dir := dirs[chance.IntN(len(dirs))]
		name := ""
		for range 1 + chance.IntN(4) {
			name += letters[chance.IntN(len(letters))]
		}
		p := strings.TrimSuffix(dir, "/") + "/" + name
		if !r.has(p) && strings.Count(p, "/") < 8 {
			r.do(create(p))
			if chance.IntN(8) == 0 {
				dirs = append(dirs, p)
			}
		}
	}
	for _, dir := range append(dirs, "/missing", "/zzz") {
		children := names(r.tree.Children(path(dir), ""))
		for i, name := range children {
			if n := r.tree.Nth(path(dir), i); n == nil || n.Path().String() != strings.TrimSuffix(dir, "/")+"/"+name {
				t.Fatalf("child %d of %s is %v, want %q", i, dir, n, name)
			}
			if got := r.tree.Rank(path(dir), name); got != i+1 {
				t.Fatalf("the rank of %q in %s is %d, want %d", name, dir, got, i+1)
			}
		}
		for _, i := range []int{-1, len(children), len(children) + 1, 1 << 62} {
			if n := r.tree.Nth(path(dir), i); n != nil {
				t.Errorf("%s has %d children, and child %d is %s", dir, len(children), i, n.Path())
			}
		}
		for _, name := range []string{"", "!", "a", "aa!", "\U0010ffff", "a\xff", "b!"} {
			want := 0
			if name != "" {
				want, _ = slices.BinarySearch(children, name+"\x00")
			}
			if got := r.tree.Rank(path(dir), name); got != want {
				t.Errorf("the rank of %q in %s is %d, want %d", name, dir, got, want)
			}
		}
	}
}

// A page of 200 from anywhere in a directory of a million, as a person who drags the scroll bar asks for it.
func BenchmarkPageInTheMiddle(b *testing.B) {
	const children, page = 1_000_000, 200
	m := NewMachine()
	m.Advance(1, 1)
	mustApply(b, m, &Txn{Ops: []Op{create("/p")}})
	for i := 0; i < children; i += MaxTxnOps {
		txn := &Txn{}
		for j := i; j < min(i+MaxTxnOps, children); j++ {
			txn.Ops = append(txn.Ops, create(fmt.Sprintf("/p/%09d", j)))
		}
		mustApply(b, m, txn)
	}
	tree, dir, chance := m.State().Tree, path("/p"), rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		at := chance.IntN(children - page)
		n, seen := tree.Nth(dir, at), 0
		for range tree.Children(dir, n.Name()) {
			if seen++; seen == page {
				break
			}
		}
		if tree.Rank(dir, n.Name()) != at+1 {
			b.Fatalf("child %d is %s", at, n.Name())
		}
	}
}
