package znode

import (
	"slices"
	"testing"
)

func TestWatchModesHaveNames(t *testing.T) {
	for i, want := range []string{"any", "data", "exists", "children", "persistent", "persistent_recursive", "unknown"} {
		m := WatchMode(i)
		if m.String() != want {
			t.Errorf("mode %d is called %s, want %s", i, m, want)
		}
		if got, ok := ParseWatchMode(want); ok != (i >= 1 && i <= 5) || ok && got != m {
			t.Errorf("%s reads as %d, %t", want, got, ok)
		}
		if got := m.OneShot(); got != (i >= 1 && i <= 3) {
			t.Errorf("%s goes when it fires: %t", m, got)
		}
	}
	for i, want := range []string{"", "NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged", "SessionEnded", "unknown"} {
		if got := EventType(i).String(); got != want {
			t.Errorf("event type %d is called %q, want %q", i, got, want)
		}
	}
}

// What is read and what is told later have nothing between them: one zxid.
func TestAWatchReadsWhatItIsAbout(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.do(createWith("/a", "x"), create("/a/b"), create("/a/c"))
	res := r.by("ann", watch("/a", DataWatch))
	if n := res.Ops[0].Node; res.Zxid != 3 || n == nil || n.Data() != "x" || res.Ops[0].Tree != nil || res.Session.Owner != ann {
		t.Errorf("a data watch answers %+v at zxid %d", res.Ops[0], res.Zxid)
	}
	r.wantEvents()

	res = r.by("ann", watch("/a", ChildrenWatch))
	r.do(create("/a/d"), remove("/a/b"), set("/a", "y"))
	r.wantTold(ann, "NodeChildrenChanged /a", "NodeDataChanged /a")
	if got := names(res.Ops[0].Tree.Children(path("/a"), "")); res.Zxid != 4 || !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("a children watch answers, at zxid %d, %q", res.Zxid, got)
	}
	if n := res.Ops[0].Tree.Get(path("/a")); n != res.Ops[0].Node || n.Data() != "x" {
		t.Errorf("its tree has %q at /a", n.Data())
	}

	res = r.by("ann", watch("/no/way", ExistsWatch))
	if res.Ops[0].Node != nil {
		t.Errorf("a watch on what is missing shows %s", res.Ops[0].Node.Path())
	}
	r.refusesTo(NoNode, 0, of("ann", watch("/no/way", DataWatch)))
	r.refusesTo(NoNode, 0, of("ann", watch("/no/way", ChildrenWatch)))
	r.wantWatches("ann", "exists /no/way")
}

func TestAWatchThatIsThereChangesNothing(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	for _, m := range []WatchMode{DataWatch, ChildrenWatch, PersistentWatch} {
		first := r.by("ann", watch("/", m))
		before := r.encoded()
		again := r.by("ann", watch("/", m))
		if string(r.encoded()) != string(before) || again.Zxid != first.Zxid || again.Ops[0].Node == nil {
			t.Errorf("set once more, a %s watch moved the state to zxid %d", m, again.Zxid)
		}
	}
	r.wantCounts()
	r.do(create("/a"))
	r.wantTold(ann, "NodeChildrenChanged /")
}

// All kinds on one path are told once for each event, and go one by one (PersistentRecursiveWatcherTest,
// testSamePathWithDifferentWatchModes).
func TestModesOnOnePath(t *testing.T) {
	r := newRig(t)
	ann, bob := r.open("ann"), r.open("bob")
	r.do(create("/a"))
	for _, m := range []WatchMode{PersistentRecursive, DataWatch, PersistentWatch, ChildrenWatch, ExistsWatch} {
		r.by("ann", watch("/a", m))
	}
	r.by("ann", watch("/", PersistentRecursive))
	r.by("bob", watch("/a", DataWatch))
	all := []string{"persistent_recursive /", "data /a", "exists /a", "children /a", "persistent /a", "persistent_recursive /a"}
	r.wantWatches("ann", all...)

	r.do(set("/a", "x"))
	r.wantTold(ann, "NodeDataChanged /a")
	r.wantTold(bob, "NodeDataChanged /a")
	r.wantWatches("ann", "persistent_recursive /", "children /a", "persistent /a", "persistent_recursive /a")
	r.wantWatches("bob")

	r.do(create("/a/b"))
	r.wantTold(ann, "NodeCreated /a/b", "NodeChildrenChanged /a")
	r.wantTold(bob)
	r.do(remove("/a/b"))
	r.wantTold(ann, "NodeDeleted /a/b", "NodeChildrenChanged /a")
	r.by("ann", watch("/a", ChildrenWatch))
	r.by("ann", watch("/a", DataWatch))
	r.do(remove("/a"))
	r.wantTold(ann, "NodeDeleted /a")
	r.wantWatches("ann", "persistent_recursive /", "persistent /a", "persistent_recursive /a")
	r.do(create("/a"))
	r.wantTold(ann, "NodeCreated /a")
	r.wantCounts()
}

func TestOneShotsFireOnce(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.by("ann", watch("/a", ExistsWatch))
	r.do(create("/a"))
	r.wantTold(ann, "NodeCreated /a")
	r.do(set("/a", "x"))
	r.wantTold(ann)
	r.by("ann", watch("/a", DataWatch))
	r.by("ann", set("/a", "y")) // its own changes too
	r.wantTold(ann, "NodeDataChanged /a")
	r.by("ann", watch("/a", ChildrenWatch))
	r.do(set("/a", "z"))
	r.wantTold(ann)
	r.do(create("/a/b"))
	r.wantTold(ann, "NodeChildrenChanged /a")
	r.do(create("/a/c"))
	r.wantTold(ann)
}

// In a transaction each op fires what it would alone, at one zxid; a one-shot is spent by the first event that fires it;
// a parent's list is told of once, behind the last of its children that came or went.
func TestTransactionsFire(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ops    []Op
		events []string
		told   map[WatchMode][]string // to a watch at /a
	}{
		{"a set after a set", []Op{set("/a", "1"), set("/a", "2")},
			[]string{"NodeDataChanged /a", "NodeDataChanged /a"},
			map[WatchMode][]string{DataWatch: {"NodeDataChanged /a"}, PersistentWatch: {"NodeDataChanged /a", "NodeDataChanged /a"}}},
		{"two children come", []Op{create("/a/b"), set("/a", "1"), create("/a/c")},
			[]string{"NodeCreated /a/b", "NodeDataChanged /a", "NodeCreated /a/c", "NodeChildrenChanged /a"},
			map[WatchMode][]string{
				DataWatch: {"NodeDataChanged /a"}, ExistsWatch: {"NodeDataChanged /a"}, ChildrenWatch: {"NodeChildrenChanged /a"},
				PersistentWatch:     {"NodeDataChanged /a", "NodeChildrenChanged /a"},
				PersistentRecursive: {"NodeCreated /a/b", "NodeDataChanged /a", "NodeCreated /a/c"},
			}},
		{"a child comes and goes", []Op{create("/a/b"), remove("/a/b")},
			[]string{"NodeCreated /a/b", "NodeDeleted /a/b", "NodeChildrenChanged /a"},
			map[WatchMode][]string{ChildrenWatch: {"NodeChildrenChanged /a"}}},
		{"it goes and comes back", []Op{remove("/a"), create("/a"), set("/a", "1")},
			[]string{"NodeDeleted /a", "NodeCreated /a", "NodeChildrenChanged /", "NodeDataChanged /a"},
			map[WatchMode][]string{
				DataWatch: {"NodeDeleted /a"}, ExistsWatch: {"NodeDeleted /a"}, ChildrenWatch: {"NodeDeleted /a"},
				PersistentWatch:     {"NodeDeleted /a", "NodeCreated /a", "NodeDataChanged /a"},
				PersistentRecursive: {"NodeDeleted /a", "NodeCreated /a", "NodeDataChanged /a"},
			}},
		{"it goes with its child, and all comes back",
			[]Op{create("/a/b"), remove("/a/b"), remove("/a"), create("/a"), create("/a/b"), create("/a/c")},
			[]string{
				"NodeCreated /a/b", "NodeDeleted /a/b", "NodeChildrenChanged /a", "NodeDeleted /a", "NodeCreated /a", "NodeChildrenChanged /",
				"NodeCreated /a/b", "NodeCreated /a/c", "NodeChildrenChanged /a",
			},
			map[WatchMode][]string{
				ChildrenWatch:   {"NodeChildrenChanged /a"},
				PersistentWatch: {"NodeChildrenChanged /a", "NodeDeleted /a", "NodeCreated /a", "NodeChildrenChanged /a"},
			}},
		{"nothing but checks", []Op{check("/a"), absent("/a/b")}, nil, map[WatchMode][]string{PersistentWatch: nil}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.do(create("/a"))
			for m := range tt.told {
				r.open(m.String())
				r.by(m.String(), watch("/a", m))
			}
			r.do(tt.ops...)
			r.wantEvents(tt.events...)
			for m, want := range tt.told {
				r.wantTold(r.owner(m.String()), want...)
			}
			r.wantCounts()
		})
	}
}

// A transaction that fails fires nothing and spends nothing, though the ops before the last would have.
func TestFailedTransactionsFireNothing(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.do(create("/a"))
	for _, m := range []WatchMode{DataWatch, ExistsWatch, ChildrenWatch, PersistentWatch, PersistentRecursive} {
		r.by("ann", watch("/a", m))
	}
	watches := watchesOf(r.sessions, ann)
	r.refuses(NodeExists, "/", set("/a", "x"), create("/a/b"), remove("/a/b"), remove("/a"), create("/"))
	r.wantWatches("ann", watches...)
	r.do(set("/", "x")) // whose events must not be joined by those of what failed
	r.wantEvents("NodeDataChanged /")
	r.wantTold(ann)
}

func TestRemovingWatches(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.open("bob")
	r.do(create("/a"), create("/a/b"), create("/ab"))
	for _, p := range []string{"/a", "/a/b", "/ab"} {
		for _, m := range []WatchMode{DataWatch, ChildrenWatch, PersistentWatch} {
			r.by("ann", watch(p, m))
		}
	}
	r.by("bob", watch("/a", DataWatch))
	for _, op := range []Op{unwatch("/a", ExistsWatch), unwatch("/a", PersistentRecursive), unwatch("/", AnyWatch), unwatch("/no", DataWatch)} {
		if res := r.refusesTo(NoWatch, 0, of("ann", op)); res.Ops[0].Path != op.Path {
			t.Errorf("it is missed at %s", res.Ops[0].Path)
		}
	}
	r.refusesTo(NoWatch, 0, of("bob", unwatch("/a", PersistentWatch)))
	z := r.Zxid()
	r.by("ann", unwatch("/a", DataWatch))
	r.wantEvents()
	if r.Zxid() != z+1 {
		t.Errorf("a removal moved the state from zxid %d to %d", z, r.Zxid())
	}
	r.refusesTo(NoWatch, 0, of("ann", unwatch("/a", DataWatch)))
	r.by("ann", unwatch("/a/b", AnyWatch))
	r.wantWatches("ann", "children /a", "persistent /a", "data /ab", "children /ab", "persistent /ab")
	r.wantWatches("bob", "data /a")
	r.wantCounts()
	r.by("ann", unwatch("/a", PersistentWatch))
	r.do(set("/a", "x"))
	r.wantTold(ann)
	r.wantTold(r.owner("bob"), "NodeDataChanged /a")
}

// Watches go with their session, and are not told of what goes with it too.
func TestWatchesGoWithTheirSession(t *testing.T) {
	r := newRig(t)
	ann, bob := r.open("ann"), r.open("bob")
	r.by("ann", fleeting("/a"))
	for _, m := range []WatchMode{DataWatch, PersistentWatch, PersistentRecursive} {
		r.by("ann", watch("/a", m))
	}
	r.by("ann", watch("/", PersistentRecursive))
	r.by("bob", watch("/a", ExistsWatch))
	r.by("bob", watch("/", ChildrenWatch))
	r.do(CloseSessionOp(key("ann")))
	r.wantEvents("NodeDeleted /a closed", "NodeChildrenChanged /", "SessionEnded closed")
	r.wantTold(ann, "SessionEnded closed")
	r.wantTold(bob, "NodeDeleted /a closed", "NodeChildrenChanged /")
	r.wantWatches("bob")
	if n := r.sessions.NumWatches(); n != 0 {
		t.Errorf("%d watches are left", n)
	}
	r.wantCounts()
	r.by("bob", create("/a"))
	r.wantTold(ann)
}

func TestWatchesAreBounded(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.open("bob")
	r.by("ann", watch("/", DataWatch))
	r.countOf(ann).watches = MaxSessionWatches - 1
	r.by("ann", watch("/", ChildrenWatch))
	try := func(name string, op Op) Code { return r.Apply(r.accepted(of(name, op))).Code }
	if got := try("ann", watch("/", PersistentWatch)); got != QuotaExceeded {
		t.Errorf("a watch more: %s", got)
	}
	if got := try("ann", watch("/", DataWatch)); got != OK {
		t.Errorf("one that is there: %s", got)
	}
	if got := try("ann", watch("/no", DataWatch)); got != NoNode {
		t.Errorf("one at nothing: %s", got)
	}
	if got := try("bob", watch("/", PersistentWatch)); got != OK {
		t.Errorf("another session's: %s", got)
	}
	r.by("ann", unwatch("/", DataWatch))
	if got := try("ann", watch("/", PersistentWatch)); got != OK {
		t.Errorf("once one is gone: %s", got)
	}
	r.do(create("/a")) // spends one
	if got := try("ann", watch("/a", DataWatch)); got != OK || r.countOf(ann).watches != MaxSessionWatches {
		t.Errorf("once one is spent: %s, %d", got, r.countOf(ann).watches)
	}
}

func TestWatchesOfAllAreBounded(t *testing.T) {
	r := newRig(t)
	r.open("ann")
	s := r.changeSessions()
	for i := range Owner(MaxWatches - 1) {
		s.byOwner.Load(&Watch{Mode: PersistentWatch, Owner: 2 + i}) // the other index is not asked
	}
	if res := r.Apply(of("ann", watch("/", DataWatch))); res.Code != OK {
		t.Errorf("the last watch that fits: %s", res.Code)
	}
	if res := r.Apply(of("ann", watch("/", ChildrenWatch))); res.Code != QuotaExceeded {
		t.Errorf("a watch more: %s", res.Code)
	}
	if res := r.Apply(of("ann", watch("/", DataWatch))); res.Code != OK {
		t.Errorf("one that is there: %s", res.Code)
	}
}
