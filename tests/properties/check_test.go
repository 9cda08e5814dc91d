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
