package znode

import (
	"bytes"
	"slices"
	"testing"
)

// Containers and znodes with a time to live: what ZooKeeper's CreateContainerTest and CreateTTLTest say of when they go.

const minute = 60_000

func container(p string) Op { return CreateOp(path(p), "", Container) }

// reap proposes to delete all that is due at a time, as a leader does that sees the state now; it gives what went.
func (r *rig) reap(now int64) (gone []string) {
	r.Helper()
	var ops []Op
	for n := range r.tree.Copy().Due(now) {
		ops = append(ops, ReapOp(n.Path(), Tag{n.Version(), n.Czxid()}))
	}
	for _, op := range ops {
		r.at(now).do(op)
		gone = append(gone, op.Path.String())
	}
	return gone
}

func (r *rig) wantReaped(now int64, want ...string) {
	r.Helper()
	if got := r.reap(now); !slices.Equal(got, want) {
		r.Errorf("at %d there go %q, want %q", now, got, want)
	}
}

func TestContainerGoesWithItsLastChild(t *testing.T) {
	r := newRig(t)
	r.at(0).do(container("/foo"), create("/foo/bar"))
	r.wantReaped(100 * minute)
	r.at(100 * minute).do(remove("/foo/bar"))
	r.wantReaped(100*minute + ContainerLinger - 1)
	r.at(100*minute+ContainerLinger-1).do(create("/foo/bar"), remove("/foo/bar")) // whoever comes back in time finds it, and has as long again
	r.wantReaped(100*minute + 2*ContainerLinger - 2)
	r.wantReaped(100*minute+2*ContainerLinger-1, "/foo")
	r.wantEvents("NodeDeleted /foo", "NodeChildrenChanged /")
}

func TestContainersGoInCascades(t *testing.T) {
	r := newRig(t)
	r.at(7).do(container("/a"), container("/a/b"), container("/a/b/c"), create("/a/b/c/d"))
	r.do(remove("/a/b/c/d"))
	for i, p := range []string{"/a/b/c", "/a/b", "/a"} {
		r.wantReaped(7+int64(i+1)*ContainerLinger, p)
	}
	r.wantReaped(100 * minute)
}

// A container that was never used is left alone for a while, so that its first child finds it.
func TestContainerThatWasNeverUsed(t *testing.T) {
	r := newRig(t)
	r.at(1000).do(container("/c"))
	r.wantReaped(1000 + ContainerGrace - 1)
	r.refusesAt(1000+ContainerGrace-1, BadVersion, ReapOp(path("/c"), exactly(0, 1)))
	r.wantReaped(1000+ContainerGrace, "/c")

	t.Log("its data does not count as use")
	r.at(0).do(container("/d"))
	made := r.stat("/d").Ctime
	r.at(made + ContainerGrace - 1).do(set("/d", "x"))
	r.wantReaped(made+ContainerGrace, "/d")
}

// refusesAt is refuses, of one op at its path, at a time.
func (r *rig) refusesAt(now int64, code Code, op Op) {
	r.Helper()
	r.at(now).refuses(code, op.Path.String(), op)
}

// What became of the znode since the leader looked: a child came, it was set, it went, or it went and came again.
func TestReapHoldsToWhatWasSeen(t *testing.T) {
	r := newRig(t)
	r.at(0).do(container("/c"), create("/c/x"), brief("/t", 10))
	r.do(remove("/c/x"))
	seen := ReapOp(path("/c"), exactly(0, 1))
	r.do(create("/c/y"))
	r.refusesAt(minute, NotEmpty, seen)
	r.do(remove("/c/y"))
	r.do(set("/c", "x"))
	r.refusesAt(minute, BadVersion, seen)
	r.do(remove("/c"))
	r.refusesAt(minute, NoNode, seen)
	r.do(container("/c"), create("/c/x"), remove("/c/x"))
	r.refusesAt(minute, BadVersion, seen)

	t.Log("whether it is time is said by the log, whoever proposes it")
	newRig(t).refusesAt(1000*minute, BadVersion, ReapOp(Root, version(0)))
	r.do(set("/t", "x")) // at one minute
	r.refusesAt(minute+9, BadVersion, ReapOp(path("/t"), version(1)))
	r.at(minute + 10).do(ReapOp(path("/t"), version(1)))

	t.Log("what stays is never reaped")
	r.open("ann")
	r.by("ann", fleeting("/e"))
	r.do(create("/p"))
	for _, p := range []string{"/e", "/p"} {
		r.refusesAt(1000*minute, BadVersion, ReapOp(path(p), version(0)))
	}
}

func TestTTL(t *testing.T) {
	r := newRig(t)
	r.at(0).do(brief("/foo", 100))
	if n := r.tree.Get(path("/foo")); n.Mode() != PersistentWithTTL || n.TTL() != 100 || n.Owner() != 0 || n.Stat().EphemeralOwner != "" {
		t.Errorf("it is %s for %d ms of %s", n.Mode(), n.TTL(), n.Owner())
	}
	r.wantReaped(99)
	r.wantReaped(100, "/foo")

	t.Log("a set begins its time anew, and so does nothing else")
	r.do(brief("/foo", 100))
	for now := int64(150); now < 1000; now += 50 {
		r.at(now).do(set("/foo", "x"))
		r.wantReaped(now + 49)
	}
	r.at(1000).do(check("/foo"), create("/foo/bar"), GetOp(path("/foo")))
	r.wantReaped(100 * minute)
	r.at(100 * minute).do(remove("/foo/bar"))
	r.wantReaped(100*minute, "/foo")

	t.Log("a sequential one; the longest")
	op := CreateSequentialOp(prefix("/n-"), "", PersistentSequentialWithTTL)
	op.TTL = 5
	if got := r.do(op).Ops[0].Where(); got != path("/n-0000000002") {
		t.Errorf("it is called %s", got)
	}
	r.wantReaped(100*minute+5, "/n-0000000002")
	r.do(brief("/long", MaxTTL))
	made := r.stat("/long").Ctime
	r.wantReaped(made + MaxTTL - 1)
	r.wantReaped(made+MaxTTL, "/long")
}

// An existing znode keeps its kind whatever a put says.
func TestPutMakesEveryMode(t *testing.T) {
	r := newRig(t)
	r.open("ann")
	for p, op := range map[string]Op{
		"/c": {Kind: Put, Mode: Container}, "/t": {Kind: Put, Mode: PersistentWithTTL, TTL: 5}, "/e": {Kind: Put, Mode: Ephemeral}, "/p": {Kind: Put},
	} {
		op.Path = path(p)
		if res := r.by("ann", op); !res.Ops[0].Created || r.tree.Get(op.Path).Mode() != op.Mode || r.tree.Get(op.Path).TTL() != op.TTL {
			t.Errorf("a put of %s makes %s", op.Mode, r.tree.Get(op.Path).Mode())
		}
		for _, other := range []Op{{Kind: Put, Mode: Container}, {Kind: Put, Mode: PersistentWithTTL, TTL: 7}, {Kind: Put, Mode: Ephemeral}, {Kind: Put}} {
			other.Path = op.Path
			if res := r.by("ann", other); res.Ops[0].Created || r.tree.Get(op.Path).Mode() != op.Mode || r.tree.Get(op.Path).TTL() != op.TTL {
				t.Errorf("a put of %s over %s leaves %s", other.Mode, op.Mode, r.tree.Get(op.Path).Mode())
			}
		}
	}
	r.wantCounts()
}

// What a refused transaction did to znodes that go of themselves is taken back, in the list of them too.
func TestDueIsRolledBack(t *testing.T) {
	r := newRig(t)
	r.at(10).do(container("/c"), brief("/t", 100), container("/u"), create("/u/x"), brief("/v", 50), create("/v/x"))
	r.at(20).do(set("/t", "x"))
	due := func(tree *Tree) (s string) {
		for n := range tree.Due(1 << 50) {
			if n != tree.Get(n.Path()) {
				t.Errorf("%s is listed as it was once", n.Path())
			}
			s += " " + n.Path().String()
		}
		return s
	}
	r.do(remove("/u/x"))
	r.do(remove("/v/x"))
	want := " /v /t /u /c" // at 60, 120, 20 and the linger of an emptied container, 10 and the grace of one that was not used
	if got := due(r.tree); got != want {
		t.Fatalf("there go%s, want%s", got, want)
	}
	r.at(70)
	for _, ops := range [][]Op{
		{create("/c/x"), remove("/c/x")},
		{set("/t", "y"), set("/t", "z"), create("/t/x")},
		{remove("/t"), create("/t"), remove("/t"), brief("/t", 7)},
		{DeleteTreeOp(path("/c")), container("/c"), create("/c/x")},
		{create("/u/x"), container("/u/y"), brief("/u/y/z", 3), DeleteTreeOp(path("/u"))},
		{ReapOp(path("/v"), version(0)), brief("/v", 2)},
		{RaiseOp(path("/c"), 7), LoadOp(path("/t"), "y", PersistentWithTTL, 100, true), LoadOp(path("/n"), "", Container, 0, false)},
	} {
		for _, n := range []int{1, len(ops)} {
			r.refuses(NodeExists, "/", append(slices.Clone(ops[:n]), absent("/"))...)
			if got := due(r.tree); got != want || r.tree.NumDue() != 4 {
				t.Errorf("after %d ops that are taken back there go%s, want%s", n, got, want)
			}
		}
	}
	back := &rig{t, FromState(decode(t, r.encoded()))}
	if got := due(back.tree); got != want {
		t.Errorf("restored, there go%s, want%s", got, want)
	}
	s := r.State()
	for _, r := range []*rig{r, back} {
		r.at(30).do(create("/c/x"), set("/t", "y"), remove("/u"))
	}
	if due(r.tree) != " /v /t" || due(back.tree) != " /v /t" || due(s.Tree) != want || !bytes.Equal(r.encoded(), back.encoded()) {
		t.Errorf("in the end there go%s, and%s; in the state before%s", due(r.tree), due(back.tree), due(s.Tree))
	}
}

func TestContainersInTransactions(t *testing.T) {
	r := newRig(t)
	r.do(container("/multi"), create("/multi/child"), container("/multi/c2"), remove("/multi/child"))
	r.refuses(NodeExists, "/multi", container("/other"), container("/multi"))
	if n := r.tree.Get(path("/multi")); n.Mode() != Container || r.has("/other") {
		t.Errorf("it is %s", n.Mode())
	}
	r.do(remove("/multi/c2"), remove("/multi"))
}
