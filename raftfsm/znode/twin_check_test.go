package znode

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// universe is few enough paths that most ops meet what others left behind. "!" sorts before "/", "~" after.
func universe() []string {
	paths := []string{"/"}
	for _, a := range []string{"a", "a!", "a~"} {
		paths = append(paths, "/"+a)
		for _, b := range []string{"b", "c"} {
			paths = append(paths, "/"+a+"/"+b, "/"+a+"/"+b+"/d")
		}
	}
	return paths
}

func drawTags(t *rapid.T, tw *twin, p string) []Tag {
	n := tw.nodes[p]
	one := rapid.Custom(func(t *rapid.T) Tag {
		tag := Tag{Version: n.version + int64(rapid.SampledFrom([]int{0, 0, 0, 1, -1}).Draw(t, "off"))}
		switch rapid.IntRange(0, 3).Draw(t, "czxid") {
		case 0, 1:
			tag.Czxid = Zxid(n.czxid)
		case 2:
			tag.Czxid = Zxid(n.czxid + 1)
		}
		return tag
	})
	return rapid.SliceOfN(one, 0, 2).Draw(t, "tags")
}

func drawOp(t *rapid.T, tw *twin) Op {
	p := rapid.SampledFrom(universe()).Draw(t, "path")
	if rapid.IntRange(0, 2).Draw(t, "there") == 0 {
		p = rapid.SampledFrom(tw.paths()).Draw(t, "path")
	}
	data := rapid.StringN(0, 4, 8).Draw(t, "data")
	switch rapid.SampledFrom([]string{
		"create", "create", "sequential", "put", "put", "set", "set", "delete", "delete", "check", "absent",
	}).Draw(t, "op") {
	case "create":
		return createWith(p, data)
	case "sequential":
		if p != "/" {
			p += rapid.SampledFrom([]string{"", "/", "/b"}).Draw(t, "suffix")
		}
		return CreateSequentialOp(prefix(p), data, PersistentSequential)
	case "put":
		return put(p, data)
	case "set":
		return set(p, data, drawTags(t, tw, p)...)
	case "delete":
		return remove(p, drawTags(t, tw, p)...)
	case "check":
		return check(p, drawTags(t, tw, p)...)
	}
	return absent(p)
}

// drawOps draws ops that seldom are refused as well as ones that often are: the longer a transaction, the likelier
// something in it is, so each op looks at the state the ones before it would leave.
func drawOps(t *rapid.T, tw *twin) []Op {
	n := rapid.IntRange(1, 20).Draw(t, "ops")
	careful := rapid.Bool().Draw(t, "careful")
	ahead := newTwin()
	*ahead = *tw
	ops := make([]Op, 0, n)
	for range n {
		op := drawOp(t, ahead)
		if careful {
			if _, code, _ := ahead.apply([]Op{op}); code != "ok" {
				continue
			}
			ahead.zxid = tw.zxid // all share one
		}
		ops = append(ops, op)
	}
	return ops
}

// The machine and its twin agree on every result and every state, and a state given out never changes.
func TestMachineAgreesWithTwin(t *testing.T) {
	refusals, agreed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m, tw := NewMachine(), newTwin()
		type kept struct {
			state *State
			bytes []byte
		}
		var old []kept
		for range rapid.IntRange(1, 30).Draw(t, "transactions") {
			now := tw.time + int64(rapid.IntRange(-2, 5).Draw(t, "passed"))
			m.Advance(now, 1)
			tw.now = max(tw.time, now)
			ops := drawOps(t, tw)
			if compareResult(t, m.Apply(transaction(ops)), tw, ops) {
				agreed++
			} else {
				refusals++
			}
			switch rapid.IntRange(0, 9).Draw(t, "look") {
			case 0, 1, 2:
				compareTree(t, m, tw)
			case 3:
				s := m.State()
				old = append(old, kept{s, rapidEncode(t, s)})
			case 4:
				m = FromState(m.State())
			case 5:
				s, err := DecodeState(bytes.NewReader(rapidEncode(t, m.State())))
				if err != nil {
					t.Fatalf("a state does not decode: %v", err)
				}
				m = FromState(s)
			}
		}
		compareTree(t, m, tw)
		for _, k := range old {
			if !bytes.Equal(k.bytes, rapidEncode(t, k.state)) {
				t.Fatalf("the state of zxid %d changed after it was given out", k.state.Zxid)
			}
		}
	})
	t.Logf("%d transactions were carried out, %d refused", agreed, refusals)
	if agreed < 100 || refusals < 100 {
		t.Errorf("too few transactions were carried out (%d) or refused (%d) to say much", agreed, refusals)
	}
}

// compareResult says whether the transaction was carried out.
func compareResult(t *rapid.T, got *Result, tw *twin, ops []Op) bool {
	want, code, failed := tw.apply(ops)
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

func compareTree(t *rapid.T, m *Machine, tw *twin) {
	s := m.State()
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
