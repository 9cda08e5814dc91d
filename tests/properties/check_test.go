package properties

import (
	"slices"
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

// course is what happens in these tests, a transaction a line, beginning at zxid 1. The session s1 is told of /a.
func course(t *testing.T) *Truth {
	t.Helper()
	p := znode.MustPath
	key := znode.SessionKey{1}
	var w Witness
	m := znode.NewMachine()
	apply := func(s *znode.SessionKey, ops ...znode.Op) {
		m.Advance(int64(m.Zxid()), 1)
		if r := m.Apply(&znode.Txn{Ops: ops, Session: s}); r.Code != znode.OK {
			t.Fatalf("%s", r.Code)
		}
		w.Publish(m.State())
	}
	apply(nil, znode.OpenSessionOp(key, 1000))
	apply(&key, znode.AddWatchOp(p("/a"), znode.PersistentRecursive))
	apply(&key, znode.AddWatchOp(p("/"), znode.ChildrenWatch))
	apply(nil, znode.CreateOp(p("/a"), "", znode.Persistent)) // 4
	apply(nil, znode.CreateOp(p("/b"), "", znode.Persistent))
	apply(nil, znode.CreateOp(p("/a/x"), "", znode.Persistent), znode.CreateOp(p("/a/y"), "", znode.Persistent), znode.SetOp(p("/a"), "1"))
	apply(nil, znode.SetOp(p("/a"), "2"))
	apply(nil, znode.SetOp(p("/b"), "2")) // 8
	apply(nil, znode.SetOp(p("/a/x"), "2"), znode.SetOp(p("/b"), "3"), znode.SetOp(p("/a/x"), "3"))
	apply(nil, znode.DeleteOp(p("/a/x")))
	apply(nil, znode.CreateOp(p("/a/x"), "", znode.Persistent), znode.DeleteOp(p("/a/x")), znode.CreateOp(p("/a/x"), "", znode.Persistent))
	apply(&key, znode.CreateOp(p("/a/e"), "", znode.Ephemeral)) // 12
	apply(nil, znode.SetOp(p("/a"), "3"))
	apply(nil, znode.CloseSessionOp(key))
	apply(nil, znode.DeleteOp(p("/a/x")), znode.DeleteOp(p("/a/y")), znode.DeleteOp(p("/a")))
	apply(nil, znode.SetOp(p("/b"), "4")) // 16
	truth, err := w.Truth()
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// ideal is what a watcher should receive that begins at one zxid and reconnects at others.
func ideal(truth *Truth, f Filter, from znode.Zxid, reconnects ...znode.Zxid) *Recording {
	r := &Recording{Name: "test", Filter: f}
	r.Resume(from, "m0")
	r.Open(from)
	for z := from + 1; z <= truth.Last; z++ {
		if rec := truth.record(z); rec != nil && len(f.Of(rec)) > 0 {
			r.Message(z, f.Of(rec))
		}
		if slices.Contains(reconnects, z) {
			r.Resume(r.Position(), "m1")
			r.Open(max(r.Position(), z))
		}
	}
	r.Bookmark(truth.Last)
	return r
}

var (
	subtree  = Filter{Paths: []znode.Path{znode.MustPath("/a")}, Recursive: true, Data: true}
	exact    = Filter{Paths: []znode.Path{znode.MustPath("/a"), znode.MustPath("/b")}, Data: true, Children: true}
	children = Filter{Paths: []znode.Path{znode.MustPath("/a"), znode.Root}, Children: true}
	session  = Filter{Session: 1}
)

func TestWhatShouldComePasses(t *testing.T) {
	truth := course(t)
	for _, f := range []Filter{subtree, exact, children, session, {Paths: []znode.Path{znode.Root}, Recursive: true, Data: true}} {
		for from := range truth.Last {
			r := ideal(truth, f, from, 6, 9, 14)
			if err := All(truth, r); err != nil {
				t.Fatal(err)
			}
			if from < 12 && len(r.received()) == 0 {
				t.Errorf("filter %+v from %d: only %v", f, from, r.Steps)
			}
		}
	}
}

func TestAFilterAsksForWhatTheContractSays(t *testing.T) {
	truth := course(t)
	tests := []struct {
		name   string
		filter Filter
		zxid   znode.Zxid
		want   string
	}{
		{"subtree", subtree, 6, "NodeCreated /a/x NodeCreated /a/y NodeDataChanged /a"},
		{"exact, below", exact, 6, "NodeDataChanged /a NodeChildrenChanged /a"},
		{"exact, parent", exact, 4, "NodeCreated /a"},
		{"children", children, 15, "NodeChildrenChanged /a NodeDeleted /a NodeChildrenChanged /"},
		{"the session's end", exact, 14, "NodeChildrenChanged /a"},
		{"the session's end, from the root", Filter{Paths: []znode.Path{znode.Root}, Recursive: true, Data: true}, 14, "NodeDeleted /a/e"},
		{"told", session, 14, "SessionEnded /"},
		{"told once", session, 4, "NodeCreated /a NodeChildrenChanged /"},
		{"not told again", session, 5, ""},
	}
	for _, tt := range tests {
		var got []string
		for _, e := range tt.filter.Of(truth.record(tt.zxid)) {
			got = append(got, e.Type.String()+" "+e.Path.String())
		}
		// The order of events is the domain's, and not what this is about.
		want := strings.Fields(strings.ReplaceAll(tt.want, " /", "|/"))
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], " /", "|/")
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s at %d: %v, want %v", tt.name, tt.zxid, got, want)
		}
	}
}

// Each fault is planted in a recording that is right, and found by the checks that are named, at least.
func TestEveryCheckFindsWhatItIsThereFor(t *testing.T) {
	truth := course(t)
	message := func(r *Recording, z znode.Zxid) int {
		i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Kind == Message && s.Zxid == z })
		if i < 0 {
			t.Fatalf("there is no message of %d", z)
		}
		return i
	}
	event := func(ty znode.EventType, p string) znode.Event { return znode.Event{Type: ty, Path: znode.MustPath(p)} }
	cut := func(r *Recording, from, to znode.Zxid) { // the messages between go
		r.Steps = slices.DeleteFunc(r.Steps, func(s Step) bool { return s.Kind == Message && s.Zxid > from && s.Zxid <= to })
	}
	put := func(r *Recording, i int, s ...Step) { r.Steps = slices.Insert(r.Steps, i, s...) }
	tests := []struct {
		name   string
		filter Filter
		plant  func(r *Recording)
		found  string
	}{
		{"a message is dropped", subtree, func(r *Recording) { cut(r, 8, 9) }, "reliable"},
		{"the first message is dropped", subtree, func(r *Recording) { cut(r, 3, 4) }, "resumable reliable"},
		{"the first message after a reconnect is dropped", exact, func(r *Recording) { cut(r, 6, 7) }, "resumable reliable"},
		{"the last message is dropped", exact, func(r *Recording) { cut(r, 15, 16) }, "reliable"},
		{"a message is there twice", exact, func(r *Recording) {
			i := message(r, 8)
			put(r, i+1, r.Steps[i])
		}, "unique ordered"},
		{"a message comes again after a reconnect", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i-2].Zxid, r.Steps[i-1].Zxid = 5, 5
			put(r, i, r.Steps[message(r, 6)])
		}, "unique ordered resumable"},
		{"two messages are swapped", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i], r.Steps[i+1] = r.Steps[i+1], r.Steps[i]
		}, "ordered resumable"},
		{"a transaction is split", subtree, func(r *Recording) {
			i := message(r, 6)
			head, tail := r.Steps[i], r.Steps[i]
			head.Events, tail.Events = head.Events[:1], tail.Events[1:]
			r.Steps[i] = head
			put(r, i+1, tail)
		}, "atomic ordered"},
		{"half a transaction is missing", subtree, func(r *Recording) {
			i := message(r, 6)
			r.Steps[i].Events = r.Steps[i].Events[:1]
		}, "atomic reliable"},
		{"a transaction is in the wrong order", subtree, func(r *Recording) {
			e := slices.Clone(r.Steps[message(r, 6)].Events)
			slices.Reverse(e)
			r.Steps[message(r, 6)].Events = e
		}, "atomic"},
		{"two transactions are one message", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i].Events = slices.Concat(r.Steps[i].Events, r.Steps[i+1].Events)
			r.Steps = slices.Delete(r.Steps, i+1, i+2)
		}, "atomic reliable"},
		{"a message is empty", subtree, func(r *Recording) { put(r, message(r, 9), Step{Kind: Message, Zxid: 8}) }, "atomic"},
		{"an event of another path", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i].Events = append(slices.Clone(r.Steps[i].Events), event(znode.NodeDataChanged, "/a/x"))
		}, "filter atomic"},
		{"a path with the same beginning", subtree, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i].Events = append(slices.Clone(r.Steps[i].Events), event(znode.NodeDataChanged, "/ab"))
		}, "filter"},
		{"a list of children for a subtree", subtree, func(r *Recording) {
			i := message(r, 10)
			r.Steps[i].Events = append(slices.Clone(r.Steps[i].Events), event(znode.NodeChildrenChanged, "/a"))
		}, "filter atomic"},
		{"an event that never happened", subtree, func(r *Recording) {
			put(r, message(r, 9), Step{Kind: Message, Zxid: 8, Events: []znode.Event{event(znode.NodeDataChanged, "/a")}})
		}, "atomic"},
		{"an event under a later zxid", subtree, func(r *Recording) { r.Steps[message(r, 7)].Zxid = 8 }, "atomic reliable resumable"},
		{"an event twice in its message", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i].Events = append(slices.Clone(r.Steps[i].Events), r.Steps[i].Events...)
		}, "unique atomic"},
		{"a foreign event in a reset", exact, func(r *Recording) {
			put(r, message(r, 7), Step{Kind: Reset, Zxid: 7, Reason: ReasonHistory, Events: []znode.Event{event(znode.NodeDeleted, "/c")}})
		}, "filter"},

		{"a bookmark before its events", exact, func(r *Recording) { put(r, message(r, 8), Step{Kind: Bookmark, Zxid: 8}) }, "bookmarkable"},
		{"an opening before its events", exact, func(r *Recording) { r.Steps[message(r, 7)-1].Zxid = 7 }, "bookmarkable"},
		{"a bookmark goes back", exact, func(r *Recording) { put(r, message(r, 9), Step{Kind: Bookmark, Zxid: 7}) }, "bookmarkable"},
		{"a bookmark of the future", exact, func(r *Recording) { r.Bookmark(17) }, "bookmarkable"},
		{"a bookmark hides a loss", exact, func(r *Recording) {
			cut(r, 7, 16)
			r.Steps = r.Steps[:message(r, 7)+1]
			r.Bookmark(16)
		}, "reliable"},

		{"a stream is resumed too early", exact, func(r *Recording) { r.Steps[message(r, 7)-1].Zxid = 3 }, "resumable bookmarkable"},
		{"the watcher resumes elsewhere", exact, func(r *Recording) { r.Steps[message(r, 7)-2].Zxid = 7 }, "resumable"},
		{"what it resumes at comes again", exact, func(r *Recording) {
			i := message(r, 7)
			put(r, i, r.Steps[message(r, 6)])
		}, "resumable unique ordered bookmarkable"},

		{"created instead of set", subtree, func(r *Recording) {
			r.Steps[message(r, 7)].Events = []znode.Event{event(znode.NodeCreated, "/a")}
		}, "is-create atomic reliable"},
		{"set instead of created", subtree, func(r *Recording) {
			r.Steps[message(r, 4)].Events = []znode.Event{event(znode.NodeDataChanged, "/a")}
		}, "is-create atomic reliable"},
		{"deleted instead of created", exact, func(r *Recording) {
			r.Steps[message(r, 5)].Events = []znode.Event{event(znode.NodeDeleted, "/b")}
		}, "is-create"},
		{"created twice in a transaction", subtree, func(r *Recording) {
			i := message(r, 11)
			r.Steps[i].Events = []znode.Event{r.Steps[i].Events[0], r.Steps[i].Events[2], r.Steps[i].Events[1]}
		}, "is-create atomic"},
		{"children of what is gone", children, func(r *Recording) {
			put(r, len(r.Steps)-1, Step{Kind: Message, Zxid: 16, Events: []znode.Event{event(znode.NodeChildrenChanged, "/a")}})
		}, "is-create atomic"},

		{"a reset for nothing", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 8, Reason: ReasonHistory})
			cut(r, 7, 8)
		}, "reset-justified"},
		{"a reset that hides a loss", exact, func(r *Recording) {
			cut(r, 6, 15)
			put(r, message(r, 16), Step{Kind: Reset, Zxid: 15, Reason: ReasonLagged})
		}, "reset-justified"},
		{"a reset without a reason", exact, func(r *Recording) { put(r, message(r, 8), Step{Kind: Reset, Zxid: 7}) }, "reset-justified"},
		{"a reset to where the stream stood", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 7, Reason: ReasonHistory})
		}, "reset-justified"},
		{"restored, though the cluster was there", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 7, Reason: ReasonRestored})
		}, "reset-justified"},
		{"an event that a reset has covered", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 8, Reason: ReasonHistory})
		}, "bookmarkable"},

		{"told what was told another", session, func(r *Recording) {
			put(r, message(r, 6), Step{Kind: Message, Zxid: 5, Events: []znode.Event{event(znode.NodeCreated, "/b")}})
		}, "told filter"},
		{"not told", session, func(r *Recording) { cut(r, 6, 7) }, "told reliable"},
		{"not told all", session, func(r *Recording) {
			i := message(r, 6)
			r.Steps[i].Events = r.Steps[i].Events[:1]
		}, "told atomic"},
		{"told after the end", session, func(r *Recording) {
			put(r, len(r.Steps)-1, Step{Kind: Message, Zxid: 15, Events: []znode.Event{event(znode.NodeDeleted, "/a")}})
		}, "told filter"},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ideal(truth, tt.filter, 3, 6)
			if err := All(truth, r); err != nil {
				t.Fatalf("without the fault: %v", err)
			}
			tt.plant(r)
			for _, c := range Checks() {
				err := c.Of(truth, r)
				expected := slices.Contains(strings.Fields(tt.found), c.Name)
				if expected && err == nil {
					t.Errorf("%s finds nothing in %v", c.Name, r.Steps)
				}
				if expected && err != nil {
					covered[c.Name] = true
					if !strings.HasPrefix(err.Error(), c.Name+": recording test, step ") {
						t.Errorf("the error does not say where: %v", err)
					}
				}
			}
		})
	}
	for _, c := range Checks() {
		if !covered[c.Name] {
			t.Errorf("nothing shows that %s can fail", c.Name)
		}
	}
}

func TestAResetCoversWhatTheHistoryHasForgotten(t *testing.T) {
	whole := course(t)
	truth, err := NewTruth(whole.Records, whole.Last, []Floor{{At: 12, Zxid: 9}, {At: 14, Zxid: 11}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		at, to znode.Zxid
		reason string
		fine   bool
	}{
		{5, 12, ReasonHistory, true},
		{8, 13, ReasonLagged, true},
		{9, 13, ReasonLagged, false}, // the history of 13 begins behind 9
		{10, 14, ReasonLagged, true},
		{11, 14, ReasonLagged, false},
		{5, 11, ReasonHistory, true}, // a stream may go on from the floor itself
		{5, 10, ReasonHistory, false},
	}
	for _, tt := range tests {
		r := &Recording{Name: "test", Filter: exact}
		r.Resume(tt.at, "m0")
		r.Reset(tt.to, tt.reason)
		r.Open(tt.to)
		for z := tt.to + 1; z <= truth.Last; z++ {
			if events := exact.Of(truth.record(z)); len(events) > 0 {
				r.Message(z, events)
			}
		}
		if err := All(truth, r); (err == nil) != tt.fine {
			t.Errorf("from %d to %d, %s: %v", tt.at, tt.to, tt.reason, err)
		}
	}
}

func TestAResetLeadsBackOnlyToAClusterThatWasNeverThere(t *testing.T) {
	truth := course(t)
	r := &Recording{Name: "test", Filter: exact}
	r.Resume(100, "m0")
	r.Reset(7, ReasonRestored)
	r.Open(7)
	r.Message(8, exact.Of(truth.record(8)))
	if err := All(truth, r); err != nil {
		t.Error(err)
	}
	r.Bookmark(9)
	if err := Reliable(truth, r); err == nil {
		t.Error("what follows the reset is owed as ever")
	}
}

func TestATruthThatContradictsItselfIsRefused(t *testing.T) {
	ev := func(ty znode.EventType, p string) znode.Event { return znode.Event{Type: ty, Path: znode.MustPath(p)} }
	tests := []struct {
		name   string
		events []znode.Event
	}{
		{"created twice", []znode.Event{ev(znode.NodeCreated, "/a"), ev(znode.NodeCreated, "/a")}},
		{"created without a parent", []znode.Event{ev(znode.NodeCreated, "/a/b")}},
		{"deleted where none is", []znode.Event{ev(znode.NodeDeleted, "/a")}},
		{"deleted with children", []znode.Event{ev(znode.NodeCreated, "/a"), ev(znode.NodeCreated, "/a/b"), ev(znode.NodeDeleted, "/a")}},
		{"set where none is", []znode.Event{ev(znode.NodeDataChanged, "/a")}},
		{"children of none", []znode.Event{ev(znode.NodeChildrenChanged, "/a")}},
	}
	for _, tt := range tests {
		for split := range len(tt.events) { // in one transaction, and in two
			records := []znode.Record{{Zxid: 1, Events: tt.events[:split]}, {Zxid: 2, Events: tt.events[split:]}}
			if _, err := NewTruth(records, 2, nil); err == nil {
				t.Errorf("%s is a truth", tt.name)
			}
		}
	}
	for _, zxids := range [][2]znode.Zxid{{2, 1}, {1, 1}, {1, 3}} {
		if _, err := NewTruth([]znode.Record{{Zxid: zxids[0]}, {Zxid: zxids[1]}}, 2, nil); err == nil {
			t.Errorf("zxids %v, the last is 2, are a truth", zxids)
		}
	}
}

func TestAWitnessThatMissedSomethingSaysSo(t *testing.T) {
	m := znode.NewMachine()
	data := strings.Repeat("x", 4000)
	ops := make([]znode.Op, znode.MaxTxnOps)
	for i := range ops {
		ops[i] = znode.SetOp(znode.MustPath("/"+data), "")
	}
	var all, late Witness
	apply := func(ops ...znode.Op) {
		m.Advance(1, 1)
		if r := m.Apply(&znode.Txn{Ops: ops}); r.Code != znode.OK {
			t.Fatal(r.Code)
		}
		all.Publish(m.State())
	}
	apply(znode.CreateOp(znode.MustPath("/"+data), "", znode.Persistent))
	for range 6 {
		apply(ops...)
	}
	truth, err := all.Truth()
	if err != nil || len(truth.Records) != 7 || truth.Last != 7 || len(truth.Floors) == 0 {
		t.Errorf("%+v, %v", truth, err)
	}
	late.Publish(m.State())
	if _, err := late.Truth(); err == nil {
		t.Error("the first transactions are in no history any more")
	}
}

func TestFiredPlaysWatchesThrough(t *testing.T) {
	truth := course(t)
	right := []Watch{
		{Path: znode.MustPath("/a"), Mode: znode.PersistentRecursive, Set: 2},
		{Path: znode.Root, Mode: znode.ChildrenWatch, Set: 3},
	}
	if err := Fired(truth, 1, right); err != nil {
		t.Error(err)
	}
	wrong := map[string]func(w []Watch) []Watch{
		"a watch nobody set":      func(w []Watch) []Watch { return w[:1] },
		"one that never fired":    func(w []Watch) []Watch { return append(w, Watch{znode.MustPath("/b"), znode.DataWatch, 7, 0}) },
		"set later than it was":   func(w []Watch) []Watch { w[0].Set = 6; return w },
		"removed before it was":   func(w []Watch) []Watch { w[0].Removed = 9; return w },
		"of another mode":         func(w []Watch) []Watch { w[0].Mode = znode.PersistentWatch; return w },
		"one that fires again":    func(w []Watch) []Watch { w[1].Mode = znode.PersistentWatch; return w },
		"set again once it fired": func(w []Watch) []Watch { return append(w, Watch{znode.Root, znode.ChildrenWatch, 4, 0}) },
	}
	for name, change := range wrong {
		if Fired(truth, 1, change(slices.Clone(right))) == nil {
			t.Errorf("%s: nothing found", name)
		}
	}
	if err := Fired(truth, 2, nil); err != nil {
		t.Errorf("a session that never was: %v", err)
	}
}
