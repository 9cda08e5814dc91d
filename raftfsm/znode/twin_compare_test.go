package znode

import (
	"bytes"
	"reflect"
	"slices"

	"pgregory.net/rapid"
)

// compareResult says whether the transaction was carried out.
func compareResult(t *rapid.T, got *Result, tw *twin, txn *Txn) bool {
	want, code, failed := tw.apply(txn)
	if got.Code.String() != code || got.Failed != failed || int64(got.Zxid) != tw.zxid || len(got.Ops) != len(want) {
		t.Fatalf("ended with %s at op %d of %d, zxid %d; the twin with %s at op %d of %d, zxid %d",
			got.Code, got.Failed, len(got.Ops), got.Zxid, code, failed, len(want), tw.zxid)
	}
	for i, w := range want {
		g := got.Ops[i]
		if g.Code.String() != w.code || g.Created != w.created {
			t.Fatalf("op %d: %s, created %t; the twin %s, %t", i, g.Code, g.Created, w.code, w.created)
		}
		if w.at != "" && g.Path.String() != w.at {
			t.Fatalf("op %d: %s arose at %s, with the twin at %s", i, g.Code, g.Path, w.at)
		}
		if g.Session != nil && int64(g.Session.Owner) != w.session || g.Session == nil && w.session != 0 {
			t.Fatalf("op %d: its session is %+v, the twin's %d", i, g.Session, w.session)
		}
		if listed := op0Children(g, txn); !slices.Equal(listed, w.listed) {
			t.Fatalf("op %d: the children are %q, with the twin %q", i, listed, w.listed)
		}
		if (g.Node == nil) != (w.path == "") {
			t.Fatalf("op %d: it shows %v, the twin %q", i, g.Node, w.path)
		}
		if g.Node == nil {
			continue
		}
		if g.Node.Path().String() != w.path || g.Node.Data() != w.node.data || g.Node.Stat() != w.stat {
			t.Fatalf("op %d: %s %q %+v\nthe twin: %s %q %+v", i, g.Node.Path(), g.Node.Data(), g.Node.Stat(), w.path, w.node.data, w.stat)
		}
	}
	return code == "ok"
}

// op0Children are the children that a watch of them answers.
func op0Children(r OpResult, txn *Txn) []string {
	if r.Tree == nil {
		return nil
	}
	return names(r.Tree.Children(txn.Ops[0].Path, ""))
}

func compareState(t *rapid.T, m *Machine, tw *twin) {
	s := m.State()
	compareTree(t, s, tw)
	compareSessions(t, s.Sessions, tw)
	compareHistory(t, &s.History, tw)
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
	for _, p := range all {
		n := s.Tree.Get(path(p))
		if n == nil || n.Data() != tw.nodes[p].data || n.Stat() != tw.stat(p) {
			t.Fatalf("%s is %+v, with the twin %+v", p, n, tw.stat(p))
		}
		want := tw.children(p)
		after := rapid.SampledFrom(append([]string{"", "a!", "b"}, want...)).Draw(t, "after")
		want = slices.DeleteFunc(want, func(name string) bool { return name <= after })
		if got := names(s.Tree.Children(path(p), after)); !slices.Equal(got, want) {
			t.Fatalf("the children of %s after %q are %q, with the twin %q", p, after, got, want)
		}
	}
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
