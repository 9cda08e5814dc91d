package znode

import (
	"strings"
	"testing"
)

func TestModes(t *testing.T) {
	for _, tt := range []struct {
		mode                  Mode
		name                  string
		sequential, supported bool
	}{
		{Persistent, "persistent", false, true},
		{Ephemeral, "ephemeral", false, true},
		{PersistentSequential, "persistent_sequential", true, true},
		{EphemeralSequential, "ephemeral_sequential", true, true},
		{Container, "container", false, false},
		{PersistentWithTTL, "persistent_with_ttl", false, false},
		{PersistentSequentialWithTTL, "persistent_sequential_with_ttl", true, false},
	} {
		if m, ok := ParseMode(tt.name); !ok || m != tt.mode {
			t.Errorf("%q reads as %v, %t", tt.name, m, ok)
		}
		m := tt.mode
		if m.String() != tt.name || m.Sequential() != tt.sequential || m.Supported() != tt.supported {
			t.Errorf("%s: sequential %t, supported %t", m, m.Sequential(), m.Supported())
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
		"no_children_for_ephemerals", "session_expired", "no_watch", "quota_exceeded", "stale_term", "unknown",
	} {
		if got := Code(i).String(); got != want {
			t.Errorf("code %d is called %s, want %s", i, got, want)
		}
	}
	for i, want := range []string{
		"unknown", "create", "put", "set", "delete", "check", "open_session", "close_session", "add_watch", "remove_watch", "unknown",
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
		{"a mode not supported yet", false, CreateOp(a, "", Container)},
		{"a mode beyond the last", false, CreateOp(a, "", modes)},
		{"a put with a mode", false, Op{Kind: Put, Mode: PersistentSequential, Path: a}},
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
