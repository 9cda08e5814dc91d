package znode

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// What ZooKeeper's own tests say of multi (MultiOperationTest, MultiAsyncTransactionTest), and what transactions do here beyond it.

func TestUpdateConflict(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/multi", "old"))
	res := r.refuses(BadVersion, "/multi", set("/multi", "a", version(0)), set("/multi", "b", version(0)))
	if got := res.Ops[1].Node.Version(); got != 1 {
		t.Errorf("the second set is held to version %d, not to what the first left", got)
	}
	if n := r.tree.Get(path("/multi")); n.Data() != "old" || n.Version() != 0 {
		t.Errorf("the znode is %q at version %d", n.Data(), n.Version())
	}
	r.do(set("/multi", "a", version(0)), set("/multi", "b", version(1)))
	if n := r.tree.Get(path("/multi")); n.Data() != "b" || n.Version() != 2 {
		t.Errorf("the znode is %q at version %d", n.Data(), n.Version())
	}
}

func TestDeleteUpdateConflict(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/multi", "old"))
	r.refuses(NoNode, "/multi", remove("/multi", version(0)), set("/multi", "x", version(0)))
	if n := r.tree.Get(path("/multi")); n == nil || n.Data() != "old" {
		t.Errorf("the znode is %v", n)
	}
}

// The changes of a transaction fire together, at one zxid; those of one that is refused fire nothing, and leave the watch.
func TestWatchesAndTransactions(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.do(create("/a"))
	r.by("ann", watch("/a", DataWatch))
	r.by("ann", watch("/new", ExistsWatch))
	r.by("ann", watch("/", ChildrenWatch))

	r.refuses(NoNode, "/missing", set("/a", "x"), create("/new"), remove("/a"), DeleteTreeOp(path("/new")), remove("/missing"))
	r.wantWatches("ann", "children /", "data /a", "exists /new")

	r.do(create("/new"), set("/a", "x"), remove("/a"), GetOp(path("/new")))
	r.wantEvents("NodeCreated /new", "NodeDataChanged /a", "NodeDeleted /a", "NodeChildrenChanged /")
	r.wantTold(ann, "NodeCreated /new", "NodeDataChanged /a", "NodeChildrenChanged /")
	r.wantWatches("ann")
}

// Four equal transactions on their way together: the first is carried out, and the others fail at what it made, not at the number.
func TestSequentialNodesInPipelinedTransactions(t *testing.T) {
	r := newRig(t)
	r.do(create("/queue"))
	ops := []Op{numbered("/queue/n-"), create("/dup")}
	r.do(ops...)
	for range 3 {
		r.refuses(NodeExists, "/dup", ops...)
	}
	r.wantNext("/queue/n-", "/queue/n-0000000001")
	if got := names(r.tree.Children(path("/queue"), "")); len(got) != 2 {
		t.Errorf("the queue holds %q", got)
	}
}

// Reads in a transaction see what the ops before them did, and not what those behind them do.
func TestReadsSeeTheOpsBefore(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/a", "old"), create("/a/x"))
	res := r.do(
		GetOp(path("/a")), set("/a", "new"), GetOp(path("/a")), ChildrenOp(path("/a")), numbered("/a/n"), remove("/a/x"),
		ChildrenOp(path("/a")), ExistsOp(path("/a/x")), create("/a/x"), ExistsOp(path("/a/x")), ChildrenOp(path("/a")),
	)
	if old, now := res.Ops[0].Data(), res.Ops[2].Data(); old != "old" || now != "new" {
		t.Errorf("before the set it reads %q, after it %q", old, now)
	}
	for i, want := range map[int][]string{3: {"x"}, 6: {"n0000000001"}, 10: {"n0000000001", "x"}} {
		if got := slices.Collect(res.Ops[i].Names()); !slices.Equal(got, want) {
			t.Errorf("op %d finds the children %q, want %q", i, got, want)
		}
	}
	if res.Ops[7].Found() || !res.Ops[9].Found() || res.Ops[9].Stat().Czxid != 2 {
		t.Errorf("/a/x is said to exist: %t, then %t", res.Ops[7].Found(), res.Ops[9].Found())
	}

	t.Log("a read of what is missing refuses the transaction, but for Exists")
	r.refuses(NoNode, "/b", create("/c"), GetOp(path("/b")))
	r.refuses(NoNode, "/b", remove("/a/x"), ChildrenOp(path("/b")))
	before, zxid := r.encoded(), r.Zxid()
	r.do(ExistsOp(path("/b")), GetOp(path("/a")), ChildrenOp(Root), CheckSessionOp(r.open("ann")))
	if r.Zxid() != zxid+1 || bytes.Equal(before, r.encoded()) {
		t.Error("the session was not opened")
	}
	zxid = r.Zxid()
	if res := r.do(GetOp(path("/a"))); r.Zxid() != zxid || res.Zxid != zxid {
		t.Error("a read took a zxid")
	}
}

// The list of children an op read stays what it was, whatever becomes of the tree.
func TestReadChildrenDoNotChange(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"), create("/a/1"), create("/a/2"))
	res := r.do(ChildrenOp(path("/a")))
	for i := range 200 {
		r.do(create(fmt.Sprint("/a/later", i)))
	}
	r.do(DeleteTreeOp(path("/a")))
	if got := slices.Collect(res.Ops[0].Names()); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the children were %q", got)
	}
	again := r.once("k", create("/a"), create("/a/1"), create("/a/2"), ChildrenOp(path("/a")))
	for _, res := range []*Result{again, r.once("k", create("/a"), create("/a/1"), create("/a/2"), ChildrenOp(path("/a")))} {
		for name := range res.Ops[3].Names() {
			if name != "1" {
				t.Errorf("the first child is %q", name)
			}
			break // whoever reads may stop early
		}
	}
}

func TestCheckSession(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.open("bob")
	r.do(CheckSessionOp(ann), create("/a"))
	r.by("bob", CheckSessionOp(ann), CheckSessionOp(0), create("/b"))
	r.refuses(SessionExpired, "/", create("/c"), CheckSessionOp(ann+100))
	r.do(CloseSessionOp(key("ann")))
	r.refusesTo(SessionExpired, 1, transaction([]Op{create("/c"), CheckSessionOp(ann)}))
	r.refusesTo(SessionExpired, 1, of("bob", create("/c"), CheckSessionOp(ann), create("/d")))
	r.refusesTo(SessionExpired, 0, of("ann", CheckSessionOp(0)))
	if got := names(r.tree.Children(Root, "")); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("there are %q", got)
	}
}

// parents is a create that makes what is missing above it.
func parents(op Op) Op {
	op.Parents = true
	return op
}

func TestParentsAreMadeInTheSameTransaction(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	r.at(7).do(parents(CreateOp(path("/a/b/c/d"), "x", Container)))
	r.wantEvents("NodeCreated /a/b", "NodeChildrenChanged /a", "NodeCreated /a/b/c", "NodeChildrenChanged /a/b", "NodeCreated /a/b/c/d",
		"NodeChildrenChanged /a/b/c")
	for p, mode := range map[string]Mode{"/a/b": Persistent, "/a/b/c": Persistent, "/a/b/c/d": Container} {
		if n := r.tree.Get(path(p)); n.Mode() != mode || n.Czxid() != 2 || n.Stat().Ctime != 7 {
			t.Errorf("%s is %s, made at zxid %d", p, n.Mode(), n.Czxid())
		}
	}
	r.wantStat("/a/b", Stat{Czxid: 2, Mzxid: 2, Pzxid: 2, Ctime: 7, Mtime: 7, Cversion: 1, NumChildren: 1})

	t.Log("none is missing: as without; a sequential one gets its number; a put makes them too")
	r.do(parents(create("/a/b/e")))
	if got := r.do(parents(numbered("/q/w/"))).Ops[0].Where(); got != path("/q/w/0000000000") {
		t.Errorf("it is called %s", got)
	}
	if got := r.do(parents(numbered("/q/w/"))).Ops[0].Where(); got != path("/q/w/0000000001") {
		t.Errorf("it is called %s", got)
	}
	r.do(parents(put("/r/s", "x")))
	r.do(parents(put("/r/s", "y")))
	if n := r.tree.Get(path("/r/s")); n.Version() != 1 {
		t.Errorf("/r/s is at version %d", n.Version())
	}

	t.Log("refused, nothing of it is left")
	r.refuses(NodeExists, "/a/b", parents(create("/x/y/z")), parents(create("/a/b")))
	r.refuses(NodeExists, "/", parents(create("/")))
	r.open("ann")
	r.by("ann", fleeting("/e"))
	r.refuses(NoChildrenForEphemerals, "/e", create("/x"), parents(create("/e/a")))
	r.refuses(NoChildrenForEphemerals, "/e", create("/x"), parents(create("/e/a/b/c")))
	if r.has("/x") {
		t.Error("/x is there")
	}
}

// A recursive delete is the deletes of all that is below, what is deepest first, and goes or fails as one.
func TestDeleteTree(t *testing.T) {
	grown := func() *rig {
		r := newRig(t)
		r.open("ann")
		r.do(create("/a"), create("/a/b"), create("/a/b/c"), create("/a/b/d"), create("/a/e"), create("/a!"), create("/a!/b"))
		r.by("ann", fleeting("/a/b/f"))
		return r
	}
	r, twin := grown(), grown()
	res := r.do(DeleteTreeOp(path("/a"), version(0)))
	if op := res.Ops[0]; op.Deleted != 6 || op.Where() != path("/a") || op.Stat().NumChildren != 2 {
		t.Errorf("%d are deleted with %s, which had %d children", op.Deleted, op.Where(), op.Stat().NumChildren)
	}
	r.wantEvents("NodeDeleted /a/e", "NodeDeleted /a/b/f", "NodeDeleted /a/b/d", "NodeDeleted /a/b/c", "NodeChildrenChanged /a/b",
		"NodeDeleted /a/b", "NodeChildrenChanged /a", "NodeDeleted /a", "NodeChildrenChanged /")
	r.wantCounts()
	twin.do(remove("/a/e"), remove("/a/b/f"), remove("/a/b/d"), remove("/a/b/c"), remove("/a/b"), remove("/a"))
	if !bytes.Equal(r.encoded(), twin.encoded()) {
		t.Error("it is not what its deletes are")
	}

	r = grown()
	r.refuses(BadVersion, "/a", DeleteTreeOp(path("/a"), version(1)))
	r.refuses(BadArguments, "/", DeleteTreeOp(Root))
	r.refuses(NoNode, "/b", DeleteTreeOp(path("/a")), DeleteTreeOp(path("/b")))
	r.refuses(NoNode, "/a/b", create("/x"), DeleteTreeOp(path("/a")), set("/a/b", ""))
	r.wantCounts()
	r.do(DeleteTreeOp(path("/a/b")), DeleteTreeOp(path("/a")), create("/a"), create("/a/b"))
	r.wantStat("/a", Stat{Czxid: 4, Mzxid: 4, Pzxid: 4, Cversion: 1, NumChildren: 1})
}
