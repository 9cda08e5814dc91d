package apitest

import (
	"fmt"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// TestEveryModeCanBeMade, by PUT where the server does not name the znode, by POST and in a transaction, and is told.
func TestEveryModeCanBeMade(t *testing.T) {
	for _, c := range []struct {
		mode, query, field string // how the mode is asked for
		told               string // as GET has it
		sequential         bool
	}{
		{"persistent", "", "", "persistent 0", false},
		{"ephemeral", "", "", "ephemeral 0", false},
		{"container", "", "", "container 0", false},
		{"persistent_with_ttl", "&ttl=1h30m", `,"ttl_ms":5400000`, "persistent_with_ttl 5400000", false},
		{"persistent_with_ttl", "&ttl=1ms", `,"ttl_ms":1`, "persistent_with_ttl 1", false},
		{"persistent_with_ttl", "&ttl=1099511627775ms", `,"ttl_ms":1099511627775`, "persistent_with_ttl 1099511627775", false},
		{"persistent_sequential", "", "", "persistent 0", true},
		{"ephemeral_sequential", "", "", "ephemeral 0", true},
		{"persistent_sequential_with_ttl", "&ttl=10s", `,"ttl_ms":10000`, "persistent_with_ttl 10000", true},
	} {
		t.Run(c.mode+c.query, func(t *testing.T) {
			s := start(t)
			o := s.open()
			paths := []string{"/post", "/txn", "/deep/er/post"}
			if c.sequential {
				paths = []string{"/post0000000000", "/txn0000000002", "/deep/er/post0000000000"} // /deep is the one between
				s.do("PUT /v1/znodes/put?mode="+c.mode+c.query+as(o)).fails(400, wire.BadArguments)
			} else {
				paths = append(paths, "/put", "/only", "/deep/put")
				s.do("PUT /v1/znodes/put?mode=" + c.mode + c.query + as(o)).is(201)
				s.do("PUT /v1/znodes/only?mode=" + c.mode + c.query + as(o) + "\nIf-None-Match: *").is(201)
				s.do("PUT /v1/znodes/deep/put?parents&mode=" + c.mode + c.query + as(o)).is(201)
			}
			s.do("POST /v1/znodes/post?mode="+c.mode+c.query+as(o)).is(201).has("Location", "/v1/znodes"+paths[0])
			s.do("POST /v1/znodes/deep/er/post?parents=true&mode="+c.mode+c.query+as(o)).is(201).has("Location", "/v1/znodes"+paths[2])
			s.do(strings.Replace(txn(`{"op":"create","path":"/txn","mode":"`+c.mode+`"`+c.field+`}`), "\n", as(o)+"\n", 1)).is(200)
			for _, path := range paths {
				z := read[wire.Znode](s.do("GET /v1/znodes" + path + "?format=json").is(200))
				if got := fmt.Sprint(z.Mode, " ", z.TTLMs); got != c.told {
					t.Errorf("%s is %s, want %s", path, got, c.told)
				}
				got := read[wire.TxnDone](s.do(txn(`{"op":"get","path":"` + path + `"}`)).is(200)).Results[0]
				if got.Mode != z.Mode || *got.TTLMs != z.TTLMs || *got.Stat != z.Stat {
					t.Errorf("in a transaction %s is %+v", path, got)
				}
			}
			for _, child := range read[wire.ChildrenWith](s.do("GET /v1/children/deep/er?include=stat").is(200)).Children {
				if got := fmt.Sprint(child.Mode, " ", child.TTLMs); got != c.told {
					t.Errorf("the child is %s, want %s", got, c.told)
				}
			}
			above := read[wire.Znode](s.do("GET /v1/znodes/deep/er?format=json").is(200))
			if above.Mode != "persistent" || above.Data != "" || above.Stat.NumChildren != 1 {
				t.Errorf("the parent that was missing is %+v", above)
			}
		})
	}
}

func TestWhatIsThereKeepsItsMode(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a?mode=container").is(201)
	s.do("PUT /v1/znodes/a?mode=persistent_with_ttl&ttl=5s&parents=true\n\nx").is(200)
	if z := read[wire.Znode](s.do("GET /v1/znodes/a?format=json").is(200)); z.Mode != "container" || z.Data != "x" {
		t.Errorf("it is %+v", z)
	}
}

func TestBadWaysOfMaking(t *testing.T) {
	s := start(t)
	o := s.open()
	s.do("PUT /v1/znodes/a").is(201)
	s.do("POST /v1/znodes/e?mode=ephemeral" + as(o)).is(201)
	before := s.bytes()
	for _, query := range []string{
		"ttl=5s", "mode=persistent&ttl=5s", "mode=container&ttl=5s", "mode=persistent&ttl=0", "mode=persistent_with_ttl",
		"mode=persistent_with_ttl&ttl=", "mode=persistent_with_ttl&ttl=5", "mode=persistent_with_ttl&ttl=0s", "mode=persistent_with_ttl&ttl=-5s",
		"mode=persistent_with_ttl&ttl=1us", "mode=persistent_with_ttl&ttl=1.5ms", "mode=persistent_with_ttl&ttl=1099511627776ms",
		"mode=persistent_with_ttl&ttl=1000000h", "mode=persistent_with_ttl&ttl=9999999999h", "mode=persistent_with_ttl&ttl_ms=5",
		"mode=Container", "mode=", "mode=ephemeral", "mode=ttl", "parents=yes", "parents=1", "parents=true&parents=true", "recursive=true",
	} {
		s.do("POST /v1/znodes/new?"+query).fails(400, wire.BadArguments)
		s.do("PUT /v1/znodes/new?"+query).fails(400, wire.BadArguments)
		s.do("PUT /v1/znodes/a?"+query).fails(400, wire.BadArguments)
	}
	for _, query := range []string{"parents=true", "mode=container", "mode=persistent_with_ttl&ttl=5s"} {
		s.do("PUT /v1/znodes/a?"+query+"\nIf-Match: *").fails(400, wire.BadArguments)
	}
	for _, query := range []string{"recursive=yes", "recursive=1", "recursive&recursive", "parents=true"} {
		s.do("DELETE /v1/znodes/a?"+query).fails(400, wire.BadArguments)
	}
	if p := s.do("PUT /v1/znodes/e/x/y?parents=true").fails(409, wire.NoChildrenEphemerals); p.Path != "/e" {
		t.Errorf("the problem is about %s", p.Path)
	}
	s.do("POST /v1/znodes/e/x/y?parents=true").fails(409, wire.NoChildrenEphemerals)
	if s.bytes() != before {
		t.Error("what was refused changed something")
	}
}

func TestATreeIsDeletedWhole(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.RequirePrecondition = true })
	for _, path := range []string{"/a/b/c", "/a/b/d", "/a/e", "/ab", "/b"} {
		s.do("PUT /v1/znodes" + path + "?parents=true\nIf-None-Match: *").is(201)
	}
	s.do("DELETE /v1/znodes/a?recursive=true").fails(428, wire.PreconditionRequired)
	s.do("DELETE /v1/znodes/a?recursive=true\nIf-Match: 7").fails(412, wire.BadVersion)
	s.do("DELETE /v1/znodes/none?recursive=true\nIf-Match: *").fails(412, wire.NoNode)
	s.do("DELETE /v1/znodes/a?recursive=false\nIf-Match: *").fails(409, wire.NotEmpty)
	s.do("DELETE /v1/znodes?recursive=true\nIf-Match: *").fails(400, wire.BadArguments)
	s.do("DELETE /v1/znodes/a?recursive\nIf-Match: \"0.1\"").is(204).has("Holt-Zxid", "6").says("")
	if got := fmt.Sprint(read[wire.Children](s.do("GET /v1/children").is(200)).Children); got != "[ab b]" {
		t.Errorf("left are %s", got)
	}
	done := read[wire.TxnDone](s.do(txn(`{"op":"create","path":"/b/c","parents":true}`, `{"op":"delete","path":"/b","recursive":true,"version":0}`)).is(200))
	if *done.Results[1].Deleted != 2 || done.Results[1].Stat != nil {
		t.Errorf("the result is %+v", done.Results[1])
	}
}

// TestATreeThatIsTooLargeIsNotDeleted, and the answer says how large it is.
func TestATreeThatIsTooLargeIsNotDeleted(t *testing.T) {
	s := start(t)
	made := 0
	for made < znode.MaxTreeDelete {
		var ops []znode.Op
		for ; len(ops) < znode.MaxTxnOps && made < znode.MaxTreeDelete; made++ {
			path := "/top"
			if made > 0 {
				path = fmt.Sprintf("/top/%d", made)
			}
			ops = append(ops, znode.CreateOp(znode.MustPath(path), "", znode.Persistent))
		}
		if res, err := s.Propose(t.Context(), &znode.Txn{Ops: ops}); err != nil || res.Code != znode.OK {
			t.Fatal(res, err)
		}
	}
	s.do("PUT /v1/znodes/top/1/more").is(201)
	first := s.do(keyed("DELETE /v1/znodes/top?recursive=true", "k"))
	before := s.bytes()
	p := first.fails(413, wire.TooLarge)
	if *p.Limit != znode.MaxTreeDelete || *p.Size != znode.MaxTreeDelete+1 || p.Path != "/top" || !strings.Contains(p.Detail, "10001") {
		t.Errorf("the problem is %s", first.body)
	}
	p = s.do(txn(`{"op":"delete","path":"/top/1","recursive":true}`, `{"op":"delete","path":"/top","recursive":true}`)).fails(413, wire.TooLarge)
	if *p.Failed != 1 || *p.Limit != znode.MaxTreeDelete || p.Path != "/top" {
		t.Errorf("the problem is %+v", p)
	}
	if s.bytes() != before {
		t.Error("what was refused changed something")
	}
	s.do("DELETE /v1/znodes/top/1/more").is(204)
	// How large it was is no more known, and how large it is would not be the answer of then.
	p = s.do(keyed("DELETE /v1/znodes/top?recursive=true", "k")).has("Idempotent-Replayed", "true").fails(413, wire.TooLarge)
	if p.Size != nil || *p.Limit != znode.MaxTreeDelete {
		t.Errorf("the problem replayed is %+v", p)
	}
	s.do("DELETE /v1/znodes/top?recursive=true").is(204)
	s.do("GET /v1/znodes").is(200).has("Znode-Num-Children", "0")
}

// TestTooManyParentsAreNotMade by one transaction: they are no part of the request's size.
func TestTooManyParentsAreNotMade(t *testing.T) {
	s := start(t)
	const each = 100
	deep := strings.Repeat("/p", each)
	var ops []string
	for i := range znode.MaxParents/each + 1 {
		ops = append(ops, fmt.Sprintf(`{"op":"create","path":"/%d%s/x","parents":true}`, i, deep))
	}
	before := s.bytes()
	p := s.do(txn(ops...)).fails(413, wire.TooLarge)
	if *p.Limit != znode.MaxParents || !strings.Contains(p.Detail, "parents") || *p.Failed >= len(ops) || s.bytes() != before {
		t.Errorf("the problem is %+v", p)
	}
	s.do(txn(ops[:len(ops)/2]...)).is(200)
}
