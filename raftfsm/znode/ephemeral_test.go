package znode

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEphemeralsGoWithTheirSession(t *testing.T) {
	r := newRig(t)
	r.do(create("/p"), create("/q"))
	ann, bob := r.open("ann"), r.open("bob")
	r.by("ann", fleeting("/q/z"), fleeting("/p/b"), create("/p/stays"))
	r.by("ann", fleeting("/p/a"), fleetingNumbered("/p/n-"))
	r.by("bob", fleeting("/p/bob"))
	if got := r.stat("/p/b").EphemeralOwner; got != ann.String() {
		t.Errorf("/p/b belongs to %q", got)
	}
	if r.stat("/p/stays").EphemeralOwner != "" || r.stat("/p/b").Pzxid != r.stat("/p/b").Czxid {
		t.Error("the stats of what was made with ephemerals are wrong")
	}
	if got, want := pathsOf(r.State().Sessions, ann), []string{"/p/a", "/p/b", "/p/n-0000000003", "/q/z"}; !slices.Equal(got, want) {
		t.Errorf("the ephemerals are %q, want %q", got, want)
	}
	r.wantCounts()

	r.at(9000).do(KillSessionOp(ann))
	r.wantEvents(
		"NodeDeleted /p/a killed", "NodeDeleted /p/b killed", "NodeDeleted /p/n-0000000003 killed", "NodeChildrenChanged /p",
		"NodeDeleted /q/z killed", "NodeChildrenChanged /q", "SessionEnded killed",
	)
	if r.has("/p/a") || r.has("/q/z") || !r.has("/p/stays") || !r.has("/p/bob") || r.sessions.NumEphemerals() != 1 {
		t.Errorf("the wrong ones went: %q are left", names(r.tree.Children(path("/p"), "")))
	}
	if s := r.stat("/p"); s.Pzxid != r.Zxid() || s.NumChildren != 2 || s.Cversion != 5+3 {
		t.Errorf("their parent: %+v", s)
	}
	if got := pathsOf(r.sessions, bob); !slices.Equal(got, []string{"/p/bob"}) {
		t.Errorf("the other session has %q", got)
	}
	r.wantCounts()
	r.wantNext("/p/n-", "/p/n-0000000005")
}

// Who else may change an ephemeral, and what becomes of it.
func TestEphemeralsInOtherHands(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.open("bob")
	r.by("ann", fleeting("/a"), fleeting("/b"), fleeting("/c"))

	t.Log("a set, by whomever, leaves it its owner")
	for _, set := range []func(){func() { r.do(put("/a", "nobody")) }, func() { r.by("bob", set("/a", "bob")) }, func() { r.by("ann", set("/a", "ann")) }} {
		set()
		if s := r.stat("/a"); s.EphemeralOwner != ann.String() {
			t.Errorf("after a set it belongs to %q", s.EphemeralOwner)
		}
	}
	t.Log("deleted by another it is gone for its owner")
	r.by("bob", remove("/b"))
	r.wantEvents("NodeDeleted /b", "NodeChildrenChanged /")
	t.Log("made again it belongs to who made it, or to nobody")
	r.by("bob", fleeting("/b"))
	r.by("bob", remove("/c"), put("/c", ""))
	if got := pathsOf(r.sessions, ann); !slices.Equal(got, []string{"/a"}) {
		t.Errorf("its owner has %q", got)
	}
	r.wantCounts()
	r.do(CloseSessionOp(key("ann")))
	if r.has("/a") || !r.has("/b") || !r.has("/c") {
		t.Error("the wrong ones went with the session")
	}
	r.do(CloseSessionOp(key("bob")))
	if r.has("/b") || !r.has("/c") || r.sessions.NumEphemerals() != 0 {
		t.Error("the wrong ones went with the other session")
	}
}

// ZooKeeper's order of refusals (reference 1.3): parent, existence, ephemeral parent, quota.
func TestNoChildrenForEphemerals(t *testing.T) {
	r := newRig(t)
	r.open("ann")
	r.by("ann", fleeting("/e"))
	for _, tt := range []struct {
		op   Op
		code Code
		at   string
	}{
		{create("/e/c"), NoChildrenForEphemerals, "/e"},
		{put("/e/c", ""), NoChildrenForEphemerals, "/e"},
		{fleeting("/e/c"), NoChildrenForEphemerals, "/e"},
		{numbered("/e/"), NoChildrenForEphemerals, "/e"},
		{fleetingNumbered("/e/c-"), NoChildrenForEphemerals, "/e"},
		{create("/e/c/d"), NoNode, "/e/c"},
		{fleeting("/no/c"), NoNode, "/no"},
		{set("/e/c", ""), NoNode, "/e/c"},
		{fleeting("/e"), NodeExists, "/e"},
		{fleeting("/"), NodeExists, "/"},
	} {
		res := r.refusesTo(tt.code, 0, of("ann", tt.op))
		if got := res.Ops[0].Path.String(); got != tt.at {
			t.Errorf("%s of %s: %s arose at %s, want %s", tt.op.Kind, tt.op.Path, tt.code, got, tt.at)
		}
		if n := res.Ops[0].Node; n != nil && n != r.tree.Get(path(tt.at)) {
			t.Errorf("%s of %s shows %s", tt.op.Kind, tt.op.Path, n.Path())
		}
	}
	r.refusesTo(NoChildrenForEphemerals, 1, of("ann", fleeting("/f"), create("/f/c"), create("/g")))
}

func TestEphemeralsOfASessionAreBounded(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.open("bob")
	r.by("ann", fleeting("/a"), fleeting("/b"))
	c := r.countOf(ann)
	c.ephemerals = MaxSessionEphemerals - 1
	r.by("ann", fleeting("/c"))

	// The count is not the table's now: compare by hand.
	for _, tt := range []struct {
		op   Op
		code Code
	}{
		{fleeting("/d"), QuotaExceeded}, {fleetingNumbered("/d"), QuotaExceeded}, {fleeting("/c"), NodeExists}, {fleeting("/no/d"), NoNode},
		{fleeting("/c/d"), NoChildrenForEphemerals},
	} {
		if res := r.Apply(r.accepted(of("ann", tt.op))); res.Code != tt.code {
			t.Errorf("%s of %s: %s, want %s", tt.op.Kind, tt.op.Path, res.Code, tt.code)
		}
	}
	if res := r.Apply(of("ann", remove("/a"), fleeting("/d"), fleeting("/e"))); res.Code != QuotaExceeded || res.Failed != 2 {
		t.Errorf("two for one: %s at op %d", res.Code, res.Failed)
	}
	if c.ephemerals != MaxSessionEphemerals || !r.has("/a") || r.has("/d") {
		t.Errorf("after that it has %d", c.ephemerals)
	}
	r.by("ann", create("/stays"))
	r.by("bob", fleeting("/bob"))
	r.by("ann", remove("/a"), fleeting("/d"))
	r.do(remove("/b"))
	r.by("ann", fleeting("/e"))
	if c.ephemerals != MaxSessionEphemerals {
		t.Errorf("it has %d", c.ephemerals)
	}
}

// The largest session that can be goes at once.
func TestTheMostEphemeralsGoInOneTransaction(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	txn := of("ann")
	for len(txn.Ops) < MaxTxnOps {
		txn.Ops = append(txn.Ops, fleetingNumbered("/"))
	}
	made := 0
	for made < MaxSessionEphemerals {
		txn.Ops = txn.Ops[:min(MaxTxnOps, MaxSessionEphemerals-made)]
		if res := r.Apply(txn); res.Code != OK {
			t.Fatalf("%d made, then %s", made, res.Code)
		}
		made += len(txn.Ops)
	}
	if res := r.Apply(of("ann", fleeting("/more"))); res.Code != QuotaExceeded {
		t.Errorf("another one: %s", res.Code)
	}
	r.Machine = FromState(decode(t, r.encoded())) // which counts again
	if res := r.Apply(of("ann", fleeting("/more"))); res.Code != QuotaExceeded {
		t.Errorf("another one, once restored: %s", res.Code)
	}
	z := r.Zxid()
	r.do(CloseSessionOp(key("ann")))
	rec := r.last()
	if r.Zxid() != z+1 || r.tree.Len() != 1 || rec == nil || len(rec.Events) != MaxSessionEphemerals+2 {
		t.Fatalf("%d transactions, %d znodes are left", r.Zxid()-z, r.tree.Len())
	}
	for i, e := range rec.Events[:MaxSessionEphemerals] {
		if want := fmt.Sprintf("NodeDeleted /%010d closed", i); e.text() != want {
			t.Fatalf("event %d is %s, want %s", i, e.text(), want)
		}
	}
	r.wantTold(ann, "SessionEnded closed")
	r.wantStat("/", Stat{Pzxid: z + 1, Cversion: 2 * MaxSessionEphemerals})
}

// Refused, a transaction leaves ephemerals, their index and their counts as they were.
func TestRollBackOfEphemerals(t *testing.T) {
	steps := []Op{
		fleeting("/e"), set("/e", "x"), fleetingNumbered("/p/"), remove("/mine"), fleeting("/mine"), remove("/hers"), create("/hers"),
		remove("/hers"), fleeting("/hers"), set("/hers", "y"), remove("/e"), create("/p/c"), remove("/hers"), remove("/mine"),
	}
	grown := func() *rig {
		r := newRig(t)
		r.do(create("/p"))
		r.open("ann", "bob")
		r.by("ann", fleeting("/mine"))
		r.by("bob", fleeting("/hers"))
		return r
	}
	for n := range steps {
		r, control := grown(), grown()
		r.refusesTo(NodeExists, n+1, of("ann", append(slices.Clone(steps[:n+1]), absent("/"))...))
		for _, r := range []*rig{r, control} {
			r.by("bob", fleetingNumbered("/p/"))
			r.wantCounts()
			r.do(CloseSessionOp(key("ann")))
			if r.sessions.NumEphemerals() != 2 {
				t.Errorf("after %d steps taken back, %d ephemerals are left", n+1, r.sessions.NumEphemerals())
			}
		}
		if !bytes.Equal(r.encoded(), control.encoded()) {
			t.Errorf("%d steps that were taken back left something behind", n+1)
		}
	}
	r := grown()
	r.by("ann", steps...)
	r.wantCounts()
	if r.sessions.NumEphemerals() != 1 { // of steps, /p/0
		t.Errorf("carried out, %d ephemerals are left", r.sessions.NumEphemerals())
	}
}

// The table must not keep the data of its znodes alive, nor the request they came in.
func TestTheTableCopiesPaths(t *testing.T) {
	r := newRig(t)
	request := strings.Repeat("/a", 2)
	r.open("ann")
	p := path(request[:2])
	r.Apply(of("ann", CreateOp(p, strings.Repeat("x", 100), Ephemeral)))
	r.Apply(of("ann", AddWatchOp(p, DataWatch)))
	for got := range r.sessions.Ephemerals(r.owner("ann")) {
		if sameBytes(got.s, r.tree.Get(p).text) || sameBytes(got.s, request) {
			t.Error("the path of an ephemeral in the table is a part of something larger")
		}
	}
	for w := range r.sessions.WatchesAt(p) {
		if sameBytes(w.Path.s, request) || sameBytes(w.Path.s, r.tree.Get(p).text) {
			t.Error("the path of a watch is a part of something larger")
		}
	}
}
