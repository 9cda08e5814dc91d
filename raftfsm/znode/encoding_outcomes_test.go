package znode

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

// goldenSeal stands for the id of a session that only who has the key can read.
var goldenSeal = Seal{1, 2, 3, 31: 4}

// goldenOutcomes leads to the state in the golden file of version 3: znodes that go of themselves, and an outcome of every shape.
func goldenOutcomes(t testing.TB) *rig {
	r := newRig(t)
	r.at(1000).do(CreateOp(path("/c"), "", Container), CreateOp(path("/d"), "x", Container), create("/d/e"), brief("/t", 60_000))
	r.once("created", createWith("/a", "é"))
	open := OpenSessionOp(key("ann"), 10_000)
	open.Session.Seal = goldenSeal
	r.once("opened", open)
	r.onceBy("ann", "numbered", fleetingNumbered("/a/n-"), numbered("/a/"), GetOp(path("/a")), ChildrenOp(path("/a")), ExistsOp(path("/b")))
	r.at(4000).once("refused", check("/a"), create("/a"), create("/b"))
	r.once("no parent", create("/no/way"))
	r.once("loaded", LoadOp(path("/l"), "", PersistentWithTTL, 5, false), LoadOp(path("/a"), "o", Persistent, 0, true),
		LoadOp(path("/c"), "", Container, 0, false), LoadOp(path("/d"), "y", Persistent, 0, true), LoadOp(path("/x/y"), "", Persistent, 0, true),
		RaiseOp(path("/l"), 300))
	// What is kept first is forgotten now; that of ann, who is alive, is kept for another while.
	r.at(603_000).once("deleted", DeleteTreeOp(path("/a")), ExistsOp(path("/l")))
	r.once("ended", CloseSessionOp(key("ann")))
	return r
}

// brief makes a znode with a time to live in ms.
func brief(p string, ttl int64) Op {
	op := CreateOp(path(p), "", PersistentWithTTL)
	op.TTL = ttl
	return op
}

// once applies a transaction under a key, which may be refused.
func (r *rig) once(key string, ops ...Op) *Result {
	r.Helper()
	return r.applyOnce(key, transaction(ops))
}

// onceBy is once of a session.
func (r *rig) onceBy(name, key string, ops ...Op) *Result {
	r.Helper()
	return r.applyOnce(key, of(name, ops...))
}

func (r *rig) applyOnce(key string, txn *Txn) *Result {
	r.Helper()
	txn.Once = NewOnce(key, txn)
	return r.Apply(r.accepted(txn))
}

func TestStateFormatThreeIsFixed(t *testing.T) {
	want := golden(t, "testdata/state-v3.hex")
	r := goldenOutcomes(t)
	if got := r.encoded(); !bytes.Equal(got, want) {
		t.Errorf("the state is written as\n%s\nand not as in the golden file\n%s", hex.Dump(got), hex.Dump(want))
	}
	s := decode(t, want)
	if s.Zxid != 9 || s.Time != 603_000 || s.Tree.Len() != 6 || s.Tree.NumDue() != 3 || s.Outcomes.Len() != 7 {
		t.Errorf("zxid %d, time %d, %d znodes, %d go of themselves, %d outcomes",
			s.Zxid, s.Time, s.Tree.Len(), s.Tree.NumDue(), s.Outcomes.Len())
	}
	for p, want := range map[string]Mode{"/c": Container, "/d": Container, "/d/e": Persistent, "/t": PersistentWithTTL} {
		if n := s.Tree.Get(path(p)); n == nil || n.Mode() != want {
			t.Errorf("%s is %v", p, n)
		}
	}
	if l := s.Tree.Get(path("/l")); l.TTL() != 5 || l.Created() != 300 {
		t.Errorf("/l lives for %d ms and had %d children", l.TTL(), l.Created())
	}

	r.Machine = FromState(s)
	res := r.onceBy("ann", "numbered", fleetingNumbered("/a/n-"), numbered("/a/"), GetOp(path("/a")), ChildrenOp(path("/a")), ExistsOp(path("/b")))
	if !res.Replayed || res.Zxid != 4 || res.Code != OK || res.Ops[0].Where() != path("/a/n-0000000000") || res.Ops[2].Data() != "é" ||
		!slices.Equal(slices.Collect(res.Ops[3].Names()), []string{"0000000001", "n-0000000000"}) {
		t.Errorf("the transaction in the golden file comes back as %+v", res)
	}
	if res := r.once("created", createWith("/a", "é")); res.Replayed || res.Code != OK {
		t.Errorf("a transaction that was forgotten comes back as %+v", res)
	}
	if !bytes.Equal(want, encode(t, s)) {
		t.Error("a state changed after it was read")
	}
}
