package znode

import (
	"bytes"
	"iter"
	"math"
	"reflect"
	"slices"

	"pgregory.net/rapid"
)

// compareResult holds the result of a transaction to that of the twin.
func compareResult(t *rapid.T, got *Result, tw *twin, txn *Txn) {
	want := tw.apply(txn)
	if got.Code.String() != want.code || got.Failed != want.failed || int64(got.Zxid) != want.zxid || got.Replayed != want.replayed ||
		len(got.Ops) != len(want.ops) {
		t.Fatalf("ended with %s at op %d of %d, zxid %d, replayed %t; the twin with %s at op %d of %d, zxid %d, replayed %t",
			got.Code, got.Failed, len(got.Ops), got.Zxid, got.Replayed, want.code, want.failed, len(want.ops), want.zxid, want.replayed)
	}
	for i := range want.ops {
		if want.code != "ok" && i != want.failed {
			// What was done before is taken back, and not remembered.
			if !got.Replayed && got.Ops[i].Code.String() != want.ops[i].code {
				t.Fatalf("op %d of one that was refused: %s; the twin %s", i, got.Ops[i].Code, want.ops[i].code)
			}
			continue
		}
		compareOp(t, i, &got.Ops[i], &want.ops[i], &txn.Ops[i])
	}
}

func compareOp(t *rapid.T, i int, g *OpResult, w *twinResult, op *Op) {
	if g.Code.String() != w.code || g.Created != w.created || g.Deleted != w.deleted || g.Loaded != w.loaded || g.Seal != w.seal {
		t.Fatalf("op %d, %s: %+v; the twin %+v", i, op.Kind, g, w)
	}
	if w.at != "" && g.Path.String() != w.at {
		t.Fatalf("op %d: %s arose at %s, with the twin at %s", i, g.Code, g.Path, w.at)
	}
	if g.Session != nil && int64(g.Session.Owner) != w.session || g.Session == nil && w.session != 0 {
		t.Fatalf("op %d: its session is %+v, the twin's %d", i, g.Session, w.session)
	}
	if g.Found() != (w.path != "") {
		t.Fatalf("op %d: it shows %v, the twin %q", i, g.Node, w.path)
	}
	if w.path == "" {
		return
	}
	mode, ttl := g.Mode()
	wantMode, wantTTL := w.node.mode()
	if g.Where().String() != w.path || g.Stat() != w.stat || mode != wantMode || ttl != wantTTL {
		t.Fatalf("op %d: %s %+v %s %d\nthe twin: %s %+v %s %d", i, g.Where(), g.Stat(), mode, ttl, w.path, w.stat, wantMode, wantTTL)
	}
	if g.Code == OK && op.Kind == Get && g.Data() != w.node.data || g.Node != nil && g.Node.Data() != w.node.data {
		t.Fatalf("op %d: the data is %q, with the twin %q", i, g.Data(), w.node.data)
	}
	if g.Code == OK && (op.Kind == Children || op.Kind == AddWatch && op.Session.Watch == ChildrenWatch) {
		if listed := slices.Collect(g.Names()); !slices.Equal(listed, w.listed) {
			t.Fatalf("op %d: the children are %q, with the twin %q", i, listed, w.listed)
		}
	} else if g.Tree != nil {
		t.Fatalf("op %d: a tree nobody asked for", i)
	}
}

func compareState(t *rapid.T, m *Machine, tw *twin) {
	s := m.State()
	compareTree(t, s, tw)
	compareSessions(t, s.Sessions, tw)
	compareHistory(t, &s.History, tw)
	compareOutcomes(t, m, tw)
}

// compareOutcomes holds what is kept, and where it is said to be found, to the twin's.
func compareOutcomes(t *rapid.T, m *Machine, tw *twin) {
	s := m.State()
	var got []twinOutcome
	last, size := map[[16]byte]outcome{}, 0
	for o, b := range s.Outcomes.all() {
		got = append(got, twinOutcome{key: o.key, zxid: int64(o.zxid), due: o.due, owner: int64(o.owner)})
		last[o.key] = o
		size += len(b)
	}
	var want []twinOutcome
	for _, o := range tw.outcomes {
		want = append(want, twinOutcome{key: o.key, zxid: o.zxid, due: o.due, owner: o.owner})
	}
	if !reflect.DeepEqual(got, want) || s.Outcomes.Len() != len(got) || s.Outcomes.Bytes() != size {
		t.Fatalf("%d outcomes of %d bytes are kept: %+v\nthe twin: %+v", s.Outcomes.Len(), s.Outcomes.Bytes(), got, want)
	}
	for k, o := range last {
		if found, ok := m.outcomes.find(k, &m.index); !ok || !reflect.DeepEqual(found, o) {
			t.Fatalf("under a key there is %+v, found is %+v, %t", o, found, ok)
		}
	}
	if len(m.index.byKey) != len(last) {
		t.Fatalf("%d keys lead to %d outcomes", len(m.index.byKey), len(last))
	}
}

func compareTree(t *rapid.T, s *State, tw *twin) {
	if int64(s.Zxid) != tw.zxid || s.Tree.Len() != len(tw.nodes) || s.Tree.Bytes() != tw.bytes() {
		t.Fatalf("zxid %d, %d znodes, %d bytes; the twin %d, %d, %d",
			s.Zxid, s.Tree.Len(), s.Tree.Bytes(), tw.zxid, len(tw.nodes), tw.bytes())
	}
	var all []string
	for n := range s.Tree.All() {
		all = append(all, n.Path().String())
	}
	if !slices.Equal(all, tw.paths()) {
		t.Fatalf("the tree is %q, the twin's %q", all, tw.paths())
	}
	compareGoing(t, s.Tree, tw)
	for _, p := range all {
		n := s.Tree.Get(path(p))
		if n == nil || n.Data() != tw.nodes[p].data || n.Stat() != tw.stat(p) {
			t.Fatalf("%s is %+v, with the twin %+v", p, n, tw.stat(p))
		}
		want := tw.children(p)
		after := rapid.SampledFrom(append([]string{"", "a!", "b"}, want...)).Draw(t, "after")
		all := slices.Clone(want)
		want = slices.DeleteFunc(want, func(name string) bool { return name <= after })
		compareRank(t, s.Tree, path(p), after, all, len(all)-len(want))
		if got := names(s.Tree.Children(path(p), after)); !slices.Equal(got, want) {
			t.Fatalf("the children of %s after %q are %q, with the twin %q", p, after, got, want)
		}
	}
}

// compareGoing holds the znodes that go of themselves, and one subtree, to the twin's.
func compareGoing(t *rapid.T, tree *Tree, tw *twin) {
	then := tw.time + int64(rapid.IntRange(-1000, 400_000).Draw(t, "then"))
	if got, want := pathsIn(tree.Due(then)), tw.goers(then); !slices.Equal(got, want) {
		t.Fatalf("at %d there go %q, with the twin %q", then, got, want)
	}
	if got, want := tree.NumDue(), len(tw.goers(math.MaxInt64)); got != want {
		t.Fatalf("%d go of themselves, with the twin %d", got, want)
	}
	p := rapid.SampledFrom(tw.paths()).Draw(t, "top")
	if got, want := pathsIn(tree.Subtree(path(p))), tw.below(p); !slices.Equal(got, want) {
		t.Fatalf("below %s there are %q, with the twin %q", p, got, want)
	}
}

func pathsIn(nodes iter.Seq[*Node]) (paths []string) {
	for n := range nodes {
		paths = append(paths, n.Path().String())
	}
	return paths
}

func rapidEncode(t *rapid.T, s *State) []byte {
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatalf("encode: %v", err)
	}
	return b.Bytes()
}

func compareSessions(t *rapid.T, s *Sessions, tw *twin) {
	if s.Len() != len(tw.sessions) || s.ended.Len() != len(tw.ended) || len(s.endings) != len(tw.ended) {
		t.Fatalf("%d sessions, %d ended; with the twin %d, %d", s.Len(), len(s.endings), len(tw.sessions), len(tw.ended))
	}
	ephemerals, watches := 0, map[twinWatch]bool{}
	for k, want := range tw.sessions {
		o := Owner(want.owner)
		got := s.ByKey(k)
		if got == nil || *got != (Session{k, o, want.timeout, want.opened, Zxid(want.used)}) || s.Get(o) != got || s.EndedByKey(k) != nil {
			t.Fatalf("session %s is %+v, with the twin %+v", o, got, want)
		}
		if got, want := pathsOf(s, o), tw.ephemerals(want.owner); !slices.Equal(got, want) {
			t.Fatalf("session %s has %q, with the twin %q", o, got, want)
		}
		ephemerals += len(pathsOf(s, o))
		for w := range s.Watches(o) {
			watches[twinWatch{int64(w.Owner), w.Path.String(), w.Mode.String()}] = true
		}
	}
	at := 0
	for _, p := range universe() {
		for w := range s.WatchesAt(path(p)) {
			if at++; w.Path.String() != p || !watches[twinWatch{int64(w.Owner), p, w.Mode.String()}] {
				t.Fatalf("at %s there is the watch %+v", p, w)
			}
		}
	}
	for _, w := range tw.watches {
		if !watches[w] {
			t.Fatalf("the watch %+v is missing", w)
		}
	}
	if n := len(tw.watches); len(watches) != n || at != n || s.NumWatches() != n || s.byPath.Len() != n || s.NumEphemerals() != ephemerals {
		t.Fatalf("%d watches, %d at their paths, the twin %d; %d ephemerals of %d", len(watches), at, n, ephemerals, s.NumEphemerals())
	}
	for i, want := range tw.ended {
		got := s.Ended(Owner(want.owner))
		if got == nil || got != s.endings[i] || got != s.EndedByKey(want.key) || s.ByKey(want.key) != nil ||
			got.Reason.String() != want.reason || int64(got.Zxid) != want.zxid || got.Time != want.time {
			t.Fatalf("ended session %d is %+v, with the twin %+v", want.owner, got, want)
		}
	}
}

// compareHistory holds what is left of the history to the end of the twin's, which forgets nothing.
func compareHistory(t *rapid.T, h *History, tw *twin) {
	floor := max(h.Floor(), Zxid(tw.began))
	want := tw.records
	for len(want) > 0 && want[0].zxid <= int64(floor) {
		want = want[1:]
	}
	after := Zxid(rapid.Uint64Range(uint64(floor), uint64(tw.zxid)).Draw(t, "after"))
	for len(want) > 0 && want[0].zxid <= int64(after) {
		want = want[1:]
	}
	records, whole := h.After(after)
	if !whole {
		t.Fatalf("the history after %d is not whole, it begins at %d", after, floor)
	}
	for rec := range records {
		if len(want) == 0 {
			t.Fatalf("there is a record of %d, with the twin none", rec.Zxid)
		}
		got := twinRecord{zxid: int64(rec.Zxid)}
		for _, e := range rec.Events {
			got.events = append(got.events, twinEvent{e.Type.String(), e.Path.String(), e.Cause.String()})
		}
		for _, told := range rec.Told {
			got.told = append(got.told, twinTold{int64(told.Owner), int64(told.Event)})
		}
		if !reflect.DeepEqual(got, want[0]) {
			t.Fatalf("after %d: %+v\nthe twin: %+v", after, got, want[0])
		}
		want = want[1:]
	}
	if len(want) > 0 {
		t.Fatalf("after %d there is no record of %d", after, want[0].zxid)
	}
}
