package znode

import (
	"bytes"
	"slices"
	"testing"
)

func TestNestedCreate(t *testing.T) {
	r := newRig(t)
	r.at(7).do(create("/a"), create("/a/b"), create("/a/b/c"))
	for _, p := range []string{"/a", "/a/b", "/a/b/c"} {
		if s := r.stat(p); s.Czxid != 1 || s.Mzxid != 1 || s.Pzxid != 1 || s.Ctime != 7 {
			t.Errorf("%s does not share the transaction's zxid and time: %+v", p, s)
		}
	}
	r.do(remove("/a/b/c"), remove("/a/b"), remove("/a"))
	if r.tree.Len() != 1 {
		t.Errorf("%d znodes are left", r.tree.Len())
	}
	r.wantStat("/", Stat{Pzxid: 2, Cversion: 2})
}

func TestLaterOpsSeeEarlierOnes(t *testing.T) {
	r := newRig(t)
	r.do(
		absent("/a"), createWith("/a", "0"), check("/a", version(0)), set("/a", "1", version(0)), set("/a", "2", version(1)),
		check("/a", exactly(2, 1)), create("/a/b"), remove("/a/b"), absent("/a/b"),
	)
	r.wantStat("/a", Stat{Version: 2, Czxid: 1, Mzxid: 1, Pzxid: 1, Cversion: 2, DataLength: 1})

	r.refuses(BadVersion, "/a", set("/a", "3", version(2)), set("/a", "4", version(2)))
	r.refuses(NoNode, "/a", remove("/a"), set("/a", "3"))
	r.refuses(NodeExists, "/b", create("/b"), create("/b"))
	r.refuses(NotEmpty, "/a", create("/a/c"), remove("/a"))
	r.refuses(NodeExists, "/d", put("/d", ""), absent("/d"))
	r.refuses(NoNode, "/e", create("/e"), remove("/e"), create("/e/f"))
}

func TestMadeAgainWithinATransaction(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/a", "old"))
	r.do(set("/a", "older"))
	r.do(remove("/a"), createWith("/a", "new"))
	r.wantStat("/a", Stat{Czxid: 3, Mzxid: 3, Pzxid: 3, DataLength: 3})
	r.wantStat("/", Stat{Pzxid: 3, Cversion: 3, NumChildren: 1})
	r.refuses(BadVersion, "/a", set("/a", "x", exactly(0, 1)))
}

// Before the refused op ok, then its own code, rolled_back after.
func TestRefusalShape(t *testing.T) {
	ops := []Op{create("/a"), check("/a"), create("/a"), create("/b"), remove("/")}
	r := newRig(t)
	r.do(create("/x"))
	res := r.try(ops...)
	if want := []Code{OK, OK, NodeExists, RolledBack, RolledBack}; !slices.Equal(codesOf(res), want) {
		t.Errorf("the codes are %v, want %v", codesOf(res), want)
	}
	if res.Code != NodeExists || res.Failed != 2 || res.Ops[2].Path.String() != "/a" || res.Zxid != 1 {
		t.Errorf("it ended with %s at op %d, %s, zxid %d", res.Code, res.Failed, res.Ops[2].Path, res.Zxid)
	}
	if r.has("/a") || r.has("/b") {
		t.Error("a part of the transaction happened")
	}

	res = r.try(remove("/"), create("/b"))
	if want := []Code{BadArguments, RolledBack}; !slices.Equal(codesOf(res), want) || res.Failed != 0 {
		t.Errorf("the codes are %v, want %v", codesOf(res), want)
	}
	res = r.do(create("/a"), set("/a", "x"))
	if want := []Code{OK, OK}; !slices.Equal(codesOf(res), want) {
		t.Errorf("the codes are %v, want %v", codesOf(res), want)
	}
}

// Each op alone and all together, taken back by the last: the state must be the same to the byte, and go on as if
// nothing had been.
func TestRollBack(t *testing.T) {
	steps := []Op{
		create("/new"), createWith("/new/child", "x"), set("/p", "other"), set("/p", "again"), remove("/q"), createWith("/q", "made again"),
		remove("/p/c"), numbered("/p/"), put("/put", "x"), set("/", "root"), remove("/put"), remove("/q"),
	}
	var txns [][]Op
	for i := range steps {
		txns = append(txns, steps[:i+1])
	}
	for _, op := range []Op{set("/p", "x"), remove("/q"), remove("/p/c"), numbered("/p/"), put("/p", "x")} {
		txns = append(txns, []Op{op})
	}
	for _, ops := range txns {
		r, control := forest(t), forest(t)
		bytesBefore, lenBefore := r.tree.Bytes(), r.tree.Len()
		r.refuses(NodeExists, "/", append(slices.Clone(ops), absent("/"))...)
		if r.tree.Bytes() != bytesBefore || r.tree.Len() != lenBefore {
			t.Errorf("rolled back, there are %d znodes with %d bytes", r.tree.Len(), r.tree.Bytes())
		}
		r.do(numbered("/p/"))
		control.do(numbered("/p/"))
		if !bytes.Equal(r.encoded(), control.encoded()) {
			t.Errorf("a transaction of %d ops left something behind", len(ops))
		}
	}
}

func TestUndoIsNotKept(t *testing.T) {
	r := forest(t)
	r.try(set("/p", "x"), set("/p", "y"), create("/p"))
	r.do(set("/p", "z"))
	for _, c := range r.undo[:cap(r.undo)] {
		if c.node != nil || c.old != nil {
			t.Error("a replaced znode is kept alive by the list of what can be undone")
		}
	}
}

func TestEmptyTransaction(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	if res := r.do(); res.Zxid != 1 || r.Zxid() != 1 {
		t.Errorf("nothing was done at zxid %d", res.Zxid)
	}
}
