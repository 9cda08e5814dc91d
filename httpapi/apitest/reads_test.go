package apitest

import (
	"fmt"
	"strings"
	"testing"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// TestATransactionReadsWhatItsOpsLeft: each op sees those before it and none behind it.
func TestATransactionReadsWhatItsOpsLeft(t *testing.T) {
	s := start(t)
	o := s.open()
	s.do("PUT /v1/znodes/a\n\nold").is(201)
	a := s.do(strings.Replace(txn(
		`{"op":"get","path":"/a"}`, `{"op":"set","path":"/a","data":"/w==","encoding":"base64"}`, `{"op":"get","path":"/a"}`,
		`{"op":"exists","path":"/a/b/n-0000000000"}`, `{"op":"create","path":"/a/b/n-","mode":"ephemeral_sequential","parents":true}`,
		`{"op":"exists","path":"/a/b/n-0000000000"}`, `{"op":"children","path":"/a/b"}`, `{"op":"check_session"}`, `{"op":"check_session","owner":"`+o.Owner+`"}`,
		`{"op":"delete","path":"/a/b","recursive":true}`, `{"op":"children","path":"/a"}`, `{"op":"check","path":"/a/b","absent":true}`,
	), "\n", as(o)+"\n", 1)).is(200)
	results := read[wire.TxnDone](a).Results
	var got []string
	for _, r := range results {
		text := r.Op + " " + r.Path
		switch {
		case r.Data != nil:
			text += " " + *r.Data + " " + r.Encoding + " " + r.Mode
		case r.Children != nil:
			text += " " + fmt.Sprint(*r.Children)
		case r.Exists != nil:
			text += " " + fmt.Sprint(*r.Exists, r.Stat != nil)
		case r.Owner != nil:
			text += *r.Owner
		case r.Deleted != nil:
			text += " " + fmt.Sprint(*r.Deleted)
		}
		got = append(got, text)
	}
	want := []string{
		"get /a old utf8 persistent", "set /a", "get /a /w== base64 persistent", "exists /a/b/n-0000000000 false false", "create /a/b/n-0000000000",
		"exists /a/b/n-0000000000 true true", "children /a/b [n-0000000000]", "check_session ", "check_session s1", "delete /a/b 2",
		"children /a []", "check /a/b",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if results[4].Stat.EphemeralOwner != "s1" || results[2].Stat.Version != 1 || results[0].Stat.Version != 0 {
		t.Errorf("the stats are %+v %+v %+v", results[4].Stat, results[2].Stat, results[0].Stat)
	}
}

func TestATransactionThatOnlyReadsChangesNothing(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nx").is(201)
	before := s.bytes()
	s.do(txn(`{"op":"get","path":"/a"}`, `{"op":"children","path":"/"}`, `{"op":"exists","path":"/b"}`)).is(200).has("Holt-Zxid", "1")
	p := s.do(txn(`{"op":"get","path":"/a"}`, `{"op":"get","path":"/none"}`, `{"op":"exists","path":"/a"}`)).fails(404, wire.NoNode)
	if *p.Failed != 1 || p.Path != "/none" || fmt.Sprint(p.Results) != "[{ok} {no_node} {rolled_back}]" {
		t.Errorf("the problem is %+v", p)
	}
	s.do(txn(`{"op":"children","path":"/a/b"}`)).fails(404, wire.NoNode)
	if s.bytes() != before {
		t.Error("a read changed something")
	}
}

// TestReadsInATransactionHaveALimit, and another where the outcome is to be kept.
func TestReadsInATransactionHaveALimit(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\n" + strings.Repeat("x", znode.MaxDataBytes)).is(201)
	s.do("PUT /v1/znodes/b\n\n" + strings.Repeat("\xff", znode.MaxKeptReadBytes)).is(201)
	get := `{"op":"get","path":"/a"}`
	s.do(txn(get, get, get, get)).is(200)
	before := s.bytes()
	p := s.do(txn(get, get, get, get, `{"op":"create","path":"/c"}`, `{"op":"get","path":"/b"}`)).fails(413, wire.TooLarge)
	if *p.Limit != znode.MaxReadBytes || *p.Failed != 5 || p.Size != nil {
		t.Errorf("the problem is %+v", p)
	}
	if s.bytes() != before {
		t.Error("what was refused changed something")
	}
	s.do(keyed(txn(`{"op":"get","path":"/b"}`), "fits")).is(200)
	p = s.do(keyed(txn(`{"op":"get","path":"/b"}`, `{"op":"children","path":"/"}`), "does-not")).fails(413, wire.TooLarge)
	if *p.Limit != znode.MaxKeptReadBytes || *p.Failed != 1 {
		t.Errorf("the problem is %+v", p)
	}
}

// TestASessionIsAskedFor: a transaction of none, or of another, can depend on a session.
func TestASessionIsAskedFor(t *testing.T) {
	s := start(t)
	mine, other := s.open(), s.open()
	create := func(path, check string) string { return txn(`{"op":"create","path":"`+path+`"}`, check) }
	asked := `{"op":"check_session","owner":"` + other.Owner + `"}`
	s.do(create("/a", asked)).is(200)
	s.do(strings.Replace(create("/b", asked), "\n", as(mine)+"\n", 1)).is(200)
	s.do("DELETE /v1/sessions/" + other.ID).is(204)
	for _, request := range []string{
		create("/c", asked), strings.Replace(create("/c", asked), "\n", as(mine)+"\n", 1),
		txn(asked, `{"op":"create","path":"/c"}`), strings.Replace(txn(asked, `{"op":"create","path":"/c"}`), "\n", as(mine)+"\n", 1),
		txn(`{"op":"check_session","owner":"s999"}`),
	} {
		p := s.do(request).fails(410, wire.SessionExpired)
		if p.Failed == nil || p.Results == nil || p.Reason != "closed" && p.Reason != "unknown" || !strings.Contains(p.Detail, "session s") {
			t.Errorf("%s: the problem is %+v", request, p)
		}
	}
	s.do("GET /v1/znodes").is(200).has("Znode-Num-Children", "2")
	// One's own session being over is another thing: no op is to blame.
	s.do("DELETE /v1/sessions/" + mine.ID).is(204)
	for _, request := range []string{create("/c", `{"op":"check_session"}`), txn(`{"op":"check_session"}`), keyed(txn(asked), "k")} {
		p := s.do(strings.Replace(request, "\n", as(mine)+"\n", 1)).fails(410, wire.SessionExpired)
		if p.Failed != nil || p.Reason != "closed" || p.Detail != "the session was closed" {
			t.Errorf("%s: the problem is %+v", request, p)
		}
	}
}

func TestLimitsOfWritesAreTold(t *testing.T) {
	s := start(t)
	l := read[wire.Limits](s.do("GET /v1/limits").is(200))
	for name, c := range map[string][2]int64{
		"idempotency_key_bytes": {l.IdempotencyKeyBytes, 128}, "outcomes": {l.Outcomes, znode.MaxOutcomes}, "outcome_bytes": {l.OutcomeBytes, znode.MaxOutcomeBytes},
		"outcome_ms": {l.OutcomeMs, 600_000}, "tree_delete": {l.TreeDelete, znode.MaxTreeDelete}, "missing_parents": {l.MissingParents, znode.MaxParents}, "txn_read_bytes": {l.TxnReadBytes, znode.MaxReadBytes},
		"kept_read_bytes": {l.KeptReadBytes, znode.MaxKeptReadBytes}, "ttl_ms": {l.TTLMs, znode.MaxTTL}, "container_grace_ms": {l.ContainerGraceMs, 300_000},
		"container_linger_ms": {l.ContainerLingerMs, 10_000},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %d, want %d", name, c[0], c[1])
		}
	}
}
