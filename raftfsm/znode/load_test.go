package znode

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func load(p, data string, m Mode, ttl int64, replace bool) Op {
	return LoadOp(path(p), data, m, ttl, replace)
}

// What a load does to what is there, and to what is not.
func TestLoad(t *testing.T) {
	r := newRig(t)
	r.open("ann")
	r.by("ann", create("/p"), createWith("/p/data", "x"), container("/c"), brief("/t", 7), fleeting("/e"))
	for _, tt := range []struct {
		op   Op
		want Loaded
	}{
		{load("/new", "x", Persistent, 0, false), LoadedNew},
		{load("/new/c", "", Container, 0, true), LoadedNew},
		{load("/new/c/t", "y", PersistentWithTTL, 9, false), LoadedNew},
		{load("/no/way", "x", Persistent, 0, true), LoadedNot},
		{load("/e/below", "x", Persistent, 0, true), LoadedNot},

		{load("/p/data", "x", Persistent, 0, false), LoadedSame},
		{load("/p/data", "x", Persistent, 0, true), LoadedSame},
		{load("/p/data", "y", Persistent, 0, false), LoadedKept},
		{load("/p/data", "y", Persistent, 0, true), LoadedOver},
		{load("/p/data", "y", Container, 0, true), LoadedKept},
		{load("/c", "", Container, 0, true), LoadedSame},
		{load("/c", "", Persistent, 0, true), LoadedKept},
		{load("/c", "x", Container, 0, true), LoadedOver},
		{load("/t", "", PersistentWithTTL, 7, true), LoadedSame},
		{load("/t", "", PersistentWithTTL, 8, true), LoadedKept},
		{load("/t", "x", PersistentWithTTL, 7, true), LoadedOver},
		{load("/e", "", Persistent, 0, true), LoadedKept},

		{load("/", "", Container, 0, true), LoadedSame}, // the root is what it is
		{load("/", "x", Persistent, 0, false), LoadedKept},
		{load("/", "x", Persistent, 0, true), LoadedOver},
	} {
		before, was := r.Zxid(), r.tree.Get(tt.op.Path)
		op := r.do(tt.op).Ops[0]
		n := r.tree.Get(tt.op.Path)
		if op.Loaded != tt.want || op.Node != n || op.Created != (tt.want == LoadedNew) {
			t.Errorf("%s %s %q, replace %t: it did %d, want %d", tt.op.Path, tt.op.Mode, tt.op.Data, tt.op.Replace, op.Loaded, tt.want)
		}
		switch tt.want {
		case LoadedNew, LoadedOver:
			if r.Zxid() != before+1 || n.Data() != tt.op.Data || !n.Path().IsRoot() && (n.Mode() != tt.op.Mode || n.TTL() != tt.op.TTL) {
				t.Errorf("%s is %s %q for %d ms", tt.op.Path, n.Mode(), n.Data(), n.TTL())
			}
		default:
			if r.Zxid() != before || n != was {
				t.Errorf("%s changed", tt.op.Path)
			}
		}
	}
	r.wantCounts()
}

// One odd line does not hold up a batch.
func TestLoadGoesOn(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/a", "old"))
	res := r.do(
		load("/a", "new", Persistent, 0, false), load("/x/y", "", Persistent, 0, false), load("/b", "1", Persistent, 0, false),
		load("/b/c", "2", Persistent, 0, false), RaiseOp(path("/b"), 9), RaiseOp(path("/x"), 9), load("/b/c", "3", Persistent, 0, true),
	)
	var did []Loaded
	for _, op := range res.Ops {
		did = append(did, op.Loaded)
	}
	if want := []Loaded{LoadedKept, LoadedNot, LoadedNew, LoadedNew, 0, 0, LoadedOver}; !slices.Equal(did, want) {
		t.Errorf("it did %v, want %v", did, want)
	}
	if op := res.Ops[1]; op.Found() || op.Path != path("/x/y") {
		t.Errorf("of what has no parent it shows %v at %s", op.Node, op.Path)
	}
	r.wantNext("/b/n-", "/b/n-0000000009")
}

func TestRaise(t *testing.T) {
	r := newRig(t)
	r.do(create("/q"), create("/q/a"), create("/q/b"), remove("/q/a"))
	r.do(RaiseOp(path("/q"), 10))
	r.wantEvents("NodeChildrenChanged /q")
	if s := r.stat("/q"); s.Cversion != 19 || s.NumChildren != 1 || s.Pzxid != 2 || s.Mzxid != 1 || s.Version != 0 {
		t.Errorf("its stat is %+v", s)
	}
	zxid := r.Zxid()
	for _, created := range []uint64{0, 9, 10} {
		if res := r.do(RaiseOp(path("/q"), created)); !res.Ops[0].Found() || r.Zxid() != zxid {
			t.Errorf("raised to %d it changes", created)
		}
	}
	r.wantNext("/q/n-", "/q/n-0000000010")
	r.do(RaiseOp(path("/q"), MaxCreated))
	r.wantNext("/q/n-", fmt.Sprintf("/q/n-%d", uint64(MaxCreated)))
	r.Machine = FromState(decode(t, r.encoded()))
	r.wantNext("/q/n-", fmt.Sprintf("/q/n-%d", uint64(MaxCreated)+1))

	t.Log("neither what is missing nor an ephemeral has a number to raise")
	r.open("ann")
	r.by("ann", fleeting("/e"))
	zxid = r.Zxid()
	r.do(RaiseOp(path("/e"), 7), RaiseOp(path("/missing"), 7))
	if r.Zxid() != zxid || r.tree.Get(path("/e")).Created() != 0 {
		t.Error("it was raised")
	}
	r.do(RaiseOp(Root, 100))
	r.wantNext("/n", "/n0000000100")
}

// Limits that only Apply can hold a transaction to.

func TestTreeDeleteIsBounded(t *testing.T) {
	r := newRig(t)
	for i, most := range []int{MaxTreeDelete - 1, MaxTreeDelete, 6000} {
		top := fmt.Sprint("/", i)
		ops := []Op{create(top)}
		for j := range most {
			if ops = append(ops, create(fmt.Sprintf("%s/%d", top, j))); len(ops) == MaxTxnOps || j == most-1 {
				r.do(ops...)
				ops = nil
			}
		}
	}
	res := r.refuses(TooLarge, "/1", DeleteTreeOp(path("/1")))
	if res.Ops[0].Stat().NumChildren != MaxTreeDelete {
		t.Errorf("refused, it shows %+v", res.Ops[0].Stat())
	}
	r.refuses(TooLarge, "/0", DeleteTreeOp(path("/2")), DeleteTreeOp(path("/0")))
	if got := r.do(DeleteTreeOp(path("/0"))).Ops[0].Deleted; got != MaxTreeDelete || r.has("/0") {
		t.Errorf("%d are deleted", got)
	}
	r.do(DeleteTreeOp(path("/2")))
	if r.tree.Len() != 1+1+MaxTreeDelete {
		t.Errorf("%d znodes are left", r.tree.Len())
	}
}

func TestParentsAreBounded(t *testing.T) {
	r := newRig(t)
	deep := func(n, levels int) (ops []Op) {
		for i := range n {
			ops = append(ops, parents(create(fmt.Sprintf("/%d%s/x", i, strings.Repeat("/d", levels-1)))))
		}
		return ops
	}
	r.refuses(TooLarge, "/100"+strings.Repeat("/d", 99), deep(101, MaxParents/100)...)
	r.do(deep(100, MaxParents/100)...)
	r.do(parents(create("/100/x")), parents(create("/0/d/y")))
	if got := r.tree.Len(); got != 1+MaxParents+100+3 {
		t.Errorf("there are %d znodes", got)
	}
}

func TestReadsAreBounded(t *testing.T) {
	r := newRig(t)
	full := strings.Repeat("x", MaxDataBytes)
	r.do(createWith("/full", full), createWith("/small", "x"), createWith("/kept", full[:MaxKeptReadBytes]), create("/dir"))
	get := GetOp(path("/full"))
	r.do(get, get, get, get, ExistsOp(path("/full")))
	r.refuses(TooLarge, "/small", get, get, get, get, GetOp(path("/small")))
	r.refuses(TooLarge, "/", get, get, get, get, ChildrenOp(Root))

	t.Log("what is kept is less; whatever is not read is not counted")
	kept := GetOp(path("/kept"))
	if res := r.once("all", kept, ExistsOp(path("/full"))); res.Code != OK {
		t.Errorf("all that can be kept: %s", res.Code)
	}
	before := r.State().Outcomes.Bytes()
	if res := r.once("more", create("/x"), kept, GetOp(path("/small"))); res.Code != TooLarge || res.Failed != 2 || r.has("/x") {
		t.Errorf("more than can be kept: %s", res.Code)
	}
	if res := r.once("more", create("/x"), kept, GetOp(path("/small"))); !res.Replayed || res.Code != TooLarge {
		t.Errorf("and again: %+v", res)
	}
	if more := r.State().Outcomes.Bytes() - before; more > 200 {
		t.Errorf("the refusal takes %d bytes", more)
	}

	t.Log("names count with what they cost beside their bytes")
	const count = MaxKeptReadBytes / (nameOverhead + 10)
	ops := []Op{}
	for range count {
		if ops = append(ops, numbered("/dir/")); len(ops) == MaxTxnOps {
			r.do(ops...)
			ops = nil
		}
	}
	r.do(ops...)
	list := ChildrenOp(path("/dir"))
	first := r.once("as many names as can be", list)
	if first.Code != OK {
		t.Fatalf("as many names as can be: %s", first.Code)
	}
	again := r.once("as many names as can be", list)
	if got := slices.Collect(again.Ops[0].Names()); !again.Replayed || len(got) != count || !slices.Equal(got, slices.Collect(first.Ops[0].Names())) {
		t.Errorf("again there are %d", len(got))
	}
	r.do(numbered("/dir/"))
	if res := r.once("a name more", list); res.Code != TooLarge {
		t.Errorf("a name more: %s", res.Code)
	}
	r.do(list)
}

// An outcome is never longer than what a reader of states takes for one.
func TestLongestOutcome(t *testing.T) {
	r := newRig(t)
	r.at(1 << 60)
	zxid := Zxid(1 << 62)
	r.zxid = zxid // far on, so that numbers are long
	txn := transaction(nil)
	for range MaxTxnOps / 2 {
		txn.Ops = append(txn.Ops, numbered("/n"), RaiseOp(Root, MaxCreated))
	}
	if res := r.applyOnce("numbers", txn); res.Code != OK {
		t.Fatal(res.Code)
	}
	wide := strings.Repeat("d", MaxPathBytes-3)
	if res := r.once("elsewhere", create("/"+wide+"/x")); res.Code != NoNode {
		t.Fatal(res.Code)
	}
	for _, b := range r.outcomes.all() {
		if len(b) > maxOneOutcomeBytes {
			t.Errorf("an outcome takes %d bytes", len(b))
		}
	}
	decode(t, r.encoded())
}
