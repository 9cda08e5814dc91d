package znode

import (
	"strings"
	"testing"
)

// What a log may hold of the ops that came with the third format.
func TestValidateOfKinds(t *testing.T) {
	a, over := path("/a"), strings.Repeat("x", MaxDataBytes+1)
	seen := []Tag{exactly(1, 2)}
	for _, tt := range []struct {
		name string
		ok   bool
		op   Op
	}{
		{"a put of a container", true, Op{Kind: Put, Path: a, Mode: Container}},
		{"a create with its parents", true, Op{Kind: Create, Path: a, Parents: true}},
		{"a put with its parents", true, Op{Kind: Put, Path: a, Parents: true}},
		{"a set with its parents", false, Op{Kind: Set, Path: a, Parents: true}},
		{"a load with its parents", false, Op{Kind: Load, Path: a, Parents: true}},

		{"a ttl", true, brief("/a", 1)},
		{"the longest ttl", true, brief("/a", 1<<40-1)},
		{"a longer ttl", false, brief("/a", 1<<40)},
		{"a ttl of 0", false, brief("/a", 0)},
		{"a ttl below 0", false, brief("/a", -1)},
		{"a sequential ttl", true, Op{Kind: Create, Path: a, Mode: PersistentSequentialWithTTL, TTL: 5}},
		{"a sequential ttl of 0", false, Op{Kind: Create, Path: a, Mode: PersistentSequentialWithTTL}},
		{"a put with a ttl", true, Op{Kind: Put, Path: a, Mode: PersistentWithTTL, TTL: 5}},
		{"a ttl of a persistent znode", false, Op{Kind: Create, Path: a, TTL: 5}},
		{"a ttl of a container", false, Op{Kind: Create, Path: a, Mode: Container, TTL: 5}},
		{"a ttl of a set", false, Op{Kind: Set, Path: a, TTL: 5}},
		{"a set of a container", false, Op{Kind: Set, Path: a, Mode: Container}},

		{"delete of a tree", true, DeleteTreeOp(a, seen...)},
		{"a set that is recursive", false, Op{Kind: Set, Path: a, Recursive: true}},
		{"a check that is recursive", false, Op{Kind: Check, Path: a, Recursive: true}},

		{"get", true, GetOp(a)},
		{"children", true, ChildrenOp(a)},
		{"exists", true, ExistsOp(a)},
		{"get at a version", false, Op{Kind: Get, Path: a, If: seen}},
		{"get with data", false, Op{Kind: Get, Path: a, Data: "x"}},
		{"exists of what is absent", false, Op{Kind: Exists, Path: a, Absent: true}},
		{"children of a mode", false, Op{Kind: Children, Path: a, Mode: Container}},

		{"check of a session", true, CheckSessionOp(7)},
		{"check of a session that says nothing", false, Op{Kind: CheckSession}},
		{"check of a session with data", false, Op{Kind: CheckSession, Session: &SessionOp{Owner: 7}, Data: "x"}},
		{"check of a session at a version", false, Op{Kind: CheckSession, Session: &SessionOp{Owner: 7}, If: seen}},
		{"check of a session with a seal", false, Op{Kind: CheckSession, Session: &SessionOp{Owner: 7, Seal: goldenSeal}}},
		{"get about a session", false, Op{Kind: Get, Path: a, Session: &SessionOp{Owner: 7}}},

		{"load", true, LoadOp(a, "x", Persistent, 0, false)},
		{"load over what is there", true, LoadOp(a, "x", Container, 0, true)},
		{"load with a ttl", true, LoadOp(a, "x", PersistentWithTTL, 5, true)},
		{"load without its ttl", false, LoadOp(a, "x", PersistentWithTTL, 0, true)},
		{"load of an ephemeral", false, LoadOp(a, "x", Ephemeral, 0, false)},
		{"load of a sequential znode", false, LoadOp(a, "x", PersistentSequential, 0, false)},
		{"load at a version", false, Op{Kind: Load, Path: a, If: seen}},
		{"load of larger data", false, LoadOp(a, over, Persistent, 0, false)},
		{"a put that replaces", false, Op{Kind: Put, Path: a, Replace: true}},

		{"raise", true, RaiseOp(a, MaxCreated)},
		{"raise to nothing", true, RaiseOp(a, 0)},
		{"raise to more than there can be", false, RaiseOp(a, MaxCreated+1)},
		{"raise with data", false, Op{Kind: Raise, Path: a, Data: "x"}},
		{"a create with a number of children", false, Op{Kind: Create, Path: a, Created: 1}},

		{"reap", true, ReapOp(a, seen[0])},
		{"reap of any version", false, Op{Kind: Reap, Path: a}},
		{"reap of two versions", false, Op{Kind: Reap, Path: a, If: []Tag{seen[0], seen[0]}}},
		{"reap of a tree", false, Op{Kind: Reap, Path: a, If: seen, Recursive: true}},
		{"a session opened with parents", false, Op{Kind: OpenSession, Parents: true, Session: OpenSessionOp(key("ann"), 1000).Session}},
	} {
		if err := tt.op.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What may be in a transaction, and what may be kept of it.
func TestValidateOfTransactions(t *testing.T) {
	a := path("/a")
	many := func(n int, op Op) (ops []Op) {
		for range n {
			ops = append(ops, op)
		}
		return ops
	}
	keyed := func(txn *Txn) *Txn {
		txn.Once = NewOnce("k", txn)
		return txn
	}
	sealed := OpenSessionOp(key("ann"), 1000)
	sealed.Session.Seal = goldenSeal
	largest := createWith("/a", strings.Repeat("x", MaxDataBytes))
	for _, tt := range []struct {
		name string
		ok   bool
		txn  *Txn
	}{
		{"no ops", false, transaction(nil)},
		{"as many ops as can be", true, transaction(many(1024, check("/")))},
		{"an op more", false, transaction(many(1025, check("/")))},
		{"as much data as can be", true, transaction(many(4, largest))},
		{"more data", false, transaction(append(many(4, largest), createWith("/b", "x")))},
		{"a malformed op among others", false, transaction([]Op{check("/"), brief("/a", 0)})},
		{"reads and writes", true, transaction([]Op{create("/a"), GetOp(a), remove("/a"), ExistsOp(a), CheckSessionOp(7)})},
		{"a check of its own session", true, of("ann", CheckSessionOp(0), create("/a"))},
		{"a check of its own session without one", false, transaction([]Op{CheckSessionOp(0)})},
		{"an ephemeral among others without a session", false, transaction([]Op{check("/"), {Kind: Put, Path: a, Mode: Ephemeral}})},

		{"kept", true, keyed(transaction([]Op{create("/a"), GetOp(a)}))},
		{"a load that is kept", true, keyed(transaction([]Op{LoadOp(a, "", Persistent, 0, false)}))},
		{"a watch that is kept", false, keyed(of("ann", watch("/a", ExistsWatch)))},
		{"a watch taken back that is kept", false, keyed(of("ann", unwatch("/a", ExistsWatch)))},
		{"a reap that is kept", false, keyed(transaction([]Op{check("/"), ReapOp(a, version(0))}))},
		{"a session that is kept", true, keyed(transaction([]Op{sealed}))},
		{"a session that is kept without its id", true, keyed(transaction([]Op{OpenSessionOp(key("ann"), 1000)}))},
		{"a sealed id that is not kept", false, transaction([]Op{sealed})},
		{"the end of a session that is kept", true, keyed(transaction([]Op{CloseSessionOp(key("ann"))}))},
	} {
		if err := tt.txn.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestReadsAndGrowth(t *testing.T) {
	a := path("/a")
	for _, tt := range []struct {
		op           Op
		reads, grows bool
	}{
		{GetOp(a), true, false},
		{ChildrenOp(a), true, false},
		{ExistsOp(a), true, false},
		{check("/a"), false, false},
		{CheckSessionOp(7), false, false},
		{LoadOp(a, "", Persistent, 0, false), false, true},
		{RaiseOp(a, 7), false, false},
		{ReapOp(a, version(0)), false, false},
		{DeleteTreeOp(a), false, false},
		{create("/a"), false, true},
	} {
		if tt.op.Reads() != tt.reads || tt.op.Grows() != tt.grows {
			t.Errorf("%s reads: %t, grows: %t", tt.op.Kind, tt.op.Reads(), tt.op.Grows())
		}
	}
}

// Whatever is meant differently has another fingerprint, and what is new with each request to open a session is not in it.
func TestFingerprint(t *testing.T) {
	a, b := path("/a"), path("/b")
	seen := map[[16]byte]string{}
	for _, tt := range []struct {
		name string
		txn  *Txn
	}{
		{"create", transaction([]Op{create("/a")})},
		{"create of a session", of("ann", create("/a"))},
		{"create of another session", of("bob", create("/a"))},
		{"create elsewhere", transaction([]Op{create("/b")})},
		{"create with data", transaction([]Op{createWith("/a", "x")})},
		{"path and data divided otherwise", transaction([]Op{createWith("/ax", "")})},
		{"create twice", transaction([]Op{create("/a"), create("/a")})},
		{"create in another order", transaction([]Op{create("/b"), create("/a")})},
		{"create in an order", transaction([]Op{create("/a"), create("/b")})},
		{"create with parents", transaction([]Op{{Kind: Create, Path: a, Parents: true}})},
		{"put", transaction([]Op{put("/a", "")})},
		{"create of a container", transaction([]Op{CreateOp(a, "", Container)})},
		{"create with a ttl", transaction([]Op{brief("/a", 5)})},
		{"create with another ttl", transaction([]Op{brief("/a", 6)})},
		{"set", transaction([]Op{set("/a", "")})},
		{"set at a version", transaction([]Op{set("/a", "", version(1))})},
		{"set at a version and czxid", transaction([]Op{set("/a", "", exactly(1, 1))})},
		{"set at two versions", transaction([]Op{set("/a", "", version(1), version(2))})},
		{"delete", transaction([]Op{remove("/a")})},
		{"delete of a tree", transaction([]Op{DeleteTreeOp(a)})},
		{"check", transaction([]Op{check("/a")})},
		{"check of absence", transaction([]Op{absent("/a")})},
		{"load", transaction([]Op{LoadOp(b, "", Persistent, 0, false)})},
		{"load over", transaction([]Op{LoadOp(b, "", Persistent, 0, true)})},
		{"raise", transaction([]Op{RaiseOp(b, 1)})},
		{"raise further", transaction([]Op{RaiseOp(b, 2)})},
		{"check of a session", transaction([]Op{CheckSessionOp(7)})},
		{"check of another", transaction([]Op{CheckSessionOp(8)})},
		{"close", transaction([]Op{CloseSessionOp(key("ann"))})},
		{"close another", transaction([]Op{CloseSessionOp(key("bob"))})},
		{"kill", transaction([]Op{KillSessionOp(7)})},
		{"open", transaction([]Op{OpenSessionOp(key("ann"), 1000)})},
		{"open for longer", transaction([]Op{OpenSessionOp(key("ann"), 1001)})},
	} {
		print := tt.txn.Fingerprint()
		if other := seen[print]; other != "" {
			t.Errorf("%s has the fingerprint of %s", tt.name, other)
		}
		seen[print] = tt.name
	}
	again := OpenSessionOp(key("another id"), 1000)
	again.Session.Seal = goldenSeal
	if print := transaction([]Op{again}).Fingerprint(); seen[print] != "open" {
		t.Error("a session to open is another one with another id")
	}
	x, y := NewOnce("x", transaction([]Op{create("/a")})), NewOnce("y", transaction([]Op{create("/a")}))
	if x.Key == y.Key || x.Print != y.Print || seen[x.Print] != "create" {
		t.Errorf("under two keys one transaction is %v and %v", x, y)
	}
}
