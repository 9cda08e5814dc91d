package znode

import (
	"strings"
	"testing"
)

func TestModes(t *testing.T) {
	for _, tt := range []struct {
		mode            Mode
		name            string
		sequential, ttl bool
	}{
		{Persistent, "persistent", false, false},
		{Ephemeral, "ephemeral", false, false},
		{PersistentSequential, "persistent_sequential", true, false},
		{EphemeralSequential, "ephemeral_sequential", true, false},
		{Container, "container", false, false},
		{PersistentWithTTL, "persistent_with_ttl", false, true},
		{PersistentSequentialWithTTL, "persistent_sequential_with_ttl", true, true},
	} {
		if m, ok := ParseMode(tt.name); !ok || m != tt.mode {
			t.Errorf("%q reads as %v, %t", tt.name, m, ok)
		}
		m := tt.mode
		if m.String() != tt.name || m.Sequential() != tt.sequential || m.HasTTL() != tt.ttl {
			t.Errorf("%s: sequential %t, has a TTL %t", m, m.Sequential(), m.HasTTL())
		}
	}
	for _, s := range []string{"", "Persistent", "persistent ", "unknown", "0"} {
		if m, ok := ParseMode(s); ok {
			t.Errorf("%q reads as mode %s", s, m)
		}
	}
	if modes.String() != "unknown" {
		t.Errorf("a mode beyond the last is called %s", modes)
	}
}

// The numbers are in logs and snapshots, the names on the wire: neither may change.
func TestNumbersAndNamesAreFixed(t *testing.T) {
	for i, want := range []string{
		"ok", "rolled_back", "bad_arguments", "no_node", "node_exists", "bad_version", "not_empty",
		"no_children_for_ephemerals", "session_expired", "no_watch", "quota_exceeded", "stale_term", "session_used", "too_large",
		"idempotency_mismatch", "unknown",
	} {
		if got := Code(i).String(); got != want {
			t.Errorf("code %d is called %s, want %s", i, got, want)
		}
	}
	for i, want := range []string{
		"unknown", "create", "put", "set", "delete", "check", "open_session", "close_session", "add_watch", "remove_watch", "check_session",
		"get", "children", "exists", "load", "raise", "reap", "unknown",
	} {
		if got := Kind(i).String(); got != want {
			t.Errorf("kind %d is called %s, want %s", i, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	a := path("/a")
	full, over := strings.Repeat("x", MaxDataBytes), strings.Repeat("x", MaxDataBytes+1)
	tags := make([]Tag, MaxTags+1)
	for _, tt := range []struct {
		name string
		ok   bool
		op   Op
	}{
		{"create", true, CreateOp(a, "x", Persistent)},
		{"create sequential", true, CreateSequentialOp(prefix("/a/"), "x", PersistentSequential)},
		{"put", true, PutOp(a, "x")},
		{"set", true, SetOp(a, "x", version(3))},
		{"delete", true, DeleteOp(a, exactly(1, 2))},
		{"check", true, CheckOp(a, version(0))},
		{"check of presence", true, CheckOp(a)},
		{"check of absence", true, CheckAbsentOp(a)},
		{"no kind", false, Op{Path: a}},
		{"a kind beyond the last", false, Op{Kind: kinds, Path: a}},
		{"an ephemeral", true, CreateOp(a, "x", Ephemeral)},
		{"a sequential ephemeral", true, CreateSequentialOp(prefix("/a/"), "x", EphemeralSequential)},
		{"a container", true, CreateOp(a, "x", Container)},
		{"a mode beyond the last", false, CreateOp(a, "", modes)},
		{"a put with a sequential mode", false, Op{Kind: Put, Mode: PersistentSequential, Path: a}},
		{"a set with a mode", false, Op{Kind: Set, Mode: PersistentSequential, Path: a}},
		{"the largest data", true, SetOp(a, full)},
		{"larger data", false, SetOp(a, over)},
		{"larger data of a create", false, CreateOp(a, over, Persistent)},
		{"as many tags as can be", true, SetOp(a, "", tags[:MaxTags]...)},
		{"a tag more", false, SetOp(a, "", tags...)},
		{"a create with a precondition", false, Op{Kind: Create, Path: a, If: tags[:1]}},
		{"a put with a precondition", false, Op{Kind: Put, Path: a, If: tags[:1]}},
		{"absent at a version", false, Op{Kind: Check, Path: a, Absent: true, If: tags[:1]}},
		{"a delete of what is absent", false, Op{Kind: Delete, Path: a, Absent: true}},
		{"a create of what is absent", false, Op{Kind: Create, Path: a, Absent: true}},
	} {
		if err := tt.op.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What a transaction may say about sessions. What Validate lets through, Apply relies on.
func TestValidateOfSessions(t *testing.T) {
	a := path("/a")
	nobodys := func(ops ...Op) *Txn { return &Txn{Ops: ops} }
	anns := func(ops ...Op) *Txn { return of("ann", ops...) }
	with := func(op Op, change func(*SessionOp)) Op {
		s := *op.Session
		change(&s)
		op.Session = &s
		return op
	}
	open, end, add, take := OpenSessionOp(key("ann"), 1000), CloseSessionOp(key("ann")), AddWatchOp(a, DataWatch), RemoveWatchOp(a, AnyWatch)
	for _, tt := range []struct {
		name string
		ok   bool
		txn  *Txn
	}{
		{"open", true, nobodys(open)},
		{"open of a session", false, anns(open)},
		{"open beside another op", false, nobodys(check("/"), open)},
		{"the shortest timeout", true, nobodys(OpenSessionOp(key("ann"), MinSessionTimeout))},
		{"a shorter timeout", false, nobodys(OpenSessionOp(key("ann"), MinSessionTimeout-1))},
		{"the longest timeout", true, nobodys(OpenSessionOp(key("ann"), MaxSessionTimeout))},
		{"a longer timeout", false, nobodys(OpenSessionOp(key("ann"), MaxSessionTimeout+1))},
		{"close", true, nobodys(end)},
		{"close of a session", false, anns(end)},
		{"close for no reason", false, nobodys(with(end, func(s *SessionOp) { s.Reason = 0 }))},
		{"close for an unknown reason", false, nobodys(with(end, func(s *SessionOp) { s.Reason = reasons }))},
		{"close by two names", false, nobodys(with(end, func(s *SessionOp) { s.Owner = 1 }))},
		{"kill", true, nobodys(KillSessionOp(7))},
		{"kill in a term", false, nobodys(with(KillSessionOp(7), func(s *SessionOp) { s.Term = 1 }))},
		{"expire in no term", false, nobodys(ExpireSessionOp(7, 7, 0))},
		{"expire", true, nobodys(ExpireSessionOp(7, 7, 1))},
		{"watch", true, anns(add)},
		{"watch of nobody", false, nobodys(add)},
		{"watch of any mode", false, anns(AddWatchOp(a, AnyWatch))},
		{"watch of no mode", false, anns(AddWatchOp(a, watchModes))},
		{"two watches", false, anns(add, add)},
		{"watch with data", false, anns(Op{Kind: AddWatch, Path: a, Data: "x", Session: add.Session})},
		{"watch at a version", false, anns(Op{Kind: AddWatch, Path: a, If: []Tag{version(1)}, Session: add.Session})},
		{"watch that says nothing", false, anns(Op{Kind: AddWatch, Path: a})},
		{"unwatch", true, anns(take)},
		{"unwatch of nobody", false, nobodys(take)},
		{"unwatch of no mode", false, anns(RemoveWatchOp(a, watchModes))},
		{"create about a session", false, anns(Op{Kind: Create, Path: a, Session: add.Session})},
		{"ephemeral", true, anns(fleeting("/a"), fleetingNumbered("/a"), set("/a", "x"))},
		{"ephemeral of nobody", false, nobodys(fleeting("/a"))},
		{"sequential ephemeral of nobody", false, nobodys(check("/"), fleetingNumbered("/a"))},
		{"ephemeral put", true, anns(Op{Kind: Put, Mode: Ephemeral, Path: a})},
		{"ephemeral put of nobody", false, nobodys(Op{Kind: Put, Mode: Ephemeral, Path: a})},
		{"nothing", false, anns()},
	} {
		if err := tt.txn.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestGrows(t *testing.T) {
	for _, tt := range []struct {
		ops  []Op
		want bool
	}{
		{nil, false},
		{[]Op{create("/a")}, true},
		{[]Op{put("/a", "")}, true},
		{[]Op{set("/a", "")}, true},
		{[]Op{remove("/a")}, false},
		{[]Op{check("/a"), absent("/b"), remove("/a")}, false},
		{[]Op{remove("/a"), check("/a"), create("/a")}, true},
		{[]Op{OpenSessionOp(key("ann"), 1000)}, true},
		{[]Op{watch("/a", DataWatch)}, true},
		{[]Op{CloseSessionOp(key("ann"))}, false},
		{[]Op{ExpireSessionOp(7, 7, 1)}, false},
		{[]Op{unwatch("/a", DataWatch)}, false},
	} {
		if got := transaction(tt.ops).Grows(); got != tt.want {
			t.Errorf("%v grows the state: %t", tt.ops, got)
		}
	}
}

func TestApplyOfAnUnknownKindPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an op of a kind that nobody knows was applied")
		}
	}()
	newRig(t).try(Op{Kind: kinds, Path: path("/a")})
}
