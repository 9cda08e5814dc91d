package apitest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

func TestChildrenAreListedPageByPage(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/dir").is(201)
	for _, name := range []string{"c", "a", "b2", "b1", "%C3%A4"} {
		s.do("PUT /v1/znodes/dir/" + name + "\n\nof " + name).is(201)
	}
	all := read[wire.Children](s.do("GET /v1/children/dir").is(200).has("Link", "").has("ETag", `"c5.1"`))
	if fmt.Sprint(all.Children) != "[a b1 b2 c ä]" || all.Next != "" || all.Path != "/dir" || all.Stat.NumChildren != 5 {
		t.Errorf("the children are %+v", all)
	}
	var pages []string
	for next := "/v1/children/dir?limit=2"; next != ""; {
		a := s.do("GET " + next).is(200)
		page := read[wire.Children](a)
		pages = append(pages, strings.Join(page.Children, " ")+" → "+page.Next)
		next, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	}
	if got := strings.Join(pages, ", "); got != "a b1 → b1, b2 c → c, ä → " {
		t.Errorf("the pages are %s", got)
	}
	for query, want := range map[string]string{
		"prefix=b": "[b1 b2]", "prefix=b&after=b1": "[b2]", "prefix=b&after=a": "[b1 b2]", "prefix=b&after=c": "[]",
		"prefix=b1": "[b1]", "prefix=%C3%A4": "[ä]", "prefix=zz": "[]", "after=b": "[b1 b2 c ä]", "after=zzz&limit=1": "[ä]",
		"limit=5": "[a b1 b2 c ä]", "limit=9999999": "[a b1 b2 c ä]", "prefix=b&limit=1": "[b1]", "prefix=%00": "[]", "prefix=": "[a b1 b2 c ä]",
	} {
		if got := fmt.Sprint(read[wire.Children](s.do("GET /v1/children/dir?" + query).is(200)).Children); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"": "[a b1 b2 c ä] 0 ", "offset=0": "[a b1 b2 c ä] 0 ", "offset=1&limit=2": "[b1 b2] 1 b2", "offset=3": "[c ä] 3 ", "offset=3&limit=2": "[c ä] 3 ",
		"offset=5": "[] 5 ", "offset=6&limit=1": "[] 5 ", "offset=9223372036854775807": "[] 5 ",
		"after=b1": "[b2 c ä] 2 ", "after=b": "[b1 b2 c ä] 1 ", "after=zzz": "[ä] 4 ", "prefix=b": "[b1 b2] 1 ", "prefix=b&after=b1": "[b2] 2 ",
		"prefix=%C3%A4": "[ä] 4 ", "prefix=zz": "[] 4 ", "after=%C3%A4": "[] 5 ",
	} {
		c := read[wire.Children](s.do("GET /v1/children/dir?" + query).is(200))
		if got := fmt.Sprint(c.Children, c.Offset, " ", c.Next); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	s.do("GET /v1/children/dir?offset=1&limit=2").is(200).has("Link", `</v1/children/dir?after=b2&limit=2>; rel="next"`)
	if c := read[wire.ChildrenWith](s.do("GET /v1/children/dir?offset=4&include=data").is(200)); c.Offset != 4 || c.Children[0].Name != "ä" {
		t.Errorf("the page with data is %+v", c)
	}
	if c := read[wire.Children](s.do("GET /v1/children?offset=1").is(200)); c.Offset != 1 || len(c.Children) != 0 {
		t.Errorf("the page behind the last child of the root is %+v", c)
	}
	with := read[wire.ChildrenWith](s.do("GET /v1/children/dir?include=stat,data&limit=1").is(200).has("ETag", ""))
	if c := with.Children[0]; c.Name != "a" || *c.Data != "of a" || c.Encoding != wire.UTF8 || c.Stat.Mzxid != 3 {
		t.Errorf("the child is %+v", c)
	}
	if c := read[wire.ChildrenWith](s.do("GET /v1/children/dir?include=data&limit=1")).Children[0]; c.Stat != nil || c.Data == nil {
		t.Errorf("the child with data alone is %+v", c)
	}
	s.do("GET /v1/children/dir/a").is(200)
	s.do("GET /v1/children/none").fails(404, wire.NoNode)
	s.do("HEAD /v1/children/dir").is(200).says("").has("ETag", `"c5.1"`)
}

func TestManyChildrenAreStreamed(t *testing.T) {
	s := start(t)
	const children = 20_000
	txn := &znode.Txn{Ops: []znode.Op{znode.PutOp(znode.MustPath("/dir"), "")}}
	for i := range children {
		if txn.Ops = append(txn.Ops, znode.CreateOp(znode.MustPath(fmt.Sprintf("/dir/child-%07d", i)), "x", znode.Persistent)); len(txn.Ops) == znode.MaxTxnOps {
			propose(t, s.Node, txn)
			txn.Ops = nil
		}
	}
	propose(t, s.Node, txn)
	a := s.do("GET /v1/children/dir").is(200).has("Content-Length", "")
	if got := read[wire.Children](a); len(got.Children) != children || got.Stat.NumChildren != children {
		t.Errorf("%d children", len(got.Children))
	}
	s.do("HEAD /v1/children/dir").is(200).says("")
}

func propose(t *testing.T, n *Node, txn *znode.Txn) {
	t.Helper()
	if res, err := n.Propose(t.Context(), txn); err != nil || res.Code != znode.OK {
		t.Fatal(res, err)
	}
}

func TestAReadWaitsForTheStateItsClientHasSeen(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.ZxidWait = 20 * time.Millisecond })
	s.do("PUT /v1/znodes/a").is(201).has("Holt-Zxid", "1")
	s.do("GET /v1/znodes/a\nHolt-Zxid: 1").is(200)
	p := s.do("GET /v1/znodes/a\nHolt-Zxid: 2").fails(503, wire.Behind)
	if !p.Retryable || p.Zxid != 1 {
		t.Errorf("behind at %d, retryable %v", p.Zxid, p.Retryable)
	}
	s.do("GET /v1/children/a\nHolt-Zxid: 2").fails(503, wire.Behind)
	s.do("GET /v1/znodes/a?consistency=linearizable\nHolt-Zxid: 2").fails(503, wire.Behind)
	s.do("POST /v1/sync\nHolt-Zxid: 2").fails(503, wire.Behind)
	s.do("GET /v1/snapshot\nHolt-Zxid: 2").fails(503, wire.Behind)
	s.do("PUT /v1/znodes/a\nHolt-Zxid: 2").fails(503, wire.Behind)
	s.do("DELETE /v1/znodes/a\nHolt-Zxid: 2").fails(503, wire.Behind)
	if s.Proposed() != 1 {
		t.Error("a write was proposed before its time")
	}
	s.do("PUT /v1/znodes/a\nHolt-Zxid: 1").is(200).has("Holt-Zxid", "2")
	for _, bad := range []string{"x", "-1", "1.0", "", "99999999999999999999", "1\nHolt-Zxid: 1"} {
		for _, request := range []string{"GET /v1/znodes/a", "PUT /v1/znodes/a", "GET /v1/children", "POST /v1/sync"} {
			s.do(request+"\nHolt-Zxid: "+bad).fails(400, wire.BadArguments)
		}
	}
}

func TestAReadThatIsEarlyGetsTheStateWhenItComes(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nold").is(201)
	early := make(chan answer)
	go func() { early <- s.do("GET /v1/znodes/a\nHolt-Zxid: 2") }()
	s.do("PUT /v1/znodes/a\n\nnew").is(200)
	(<-early).is(200).says("new").has("Holt-Zxid", "2")
}

func TestConsistency(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.LinearWait = 20 * time.Millisecond })
	s.do("PUT /v1/znodes/a").is(201)
	for _, path := range []string{"/v1/znodes/a", "/v1/children/a", "/v1/snapshot"} {
		s.do("GET " + path + "?consistency=local").is(200)
		s.do("GET " + path + "?consistency=linearizable").is(200)
		s.do("GET "+path+"?consistency=eventual").fails(400, wire.BadArguments)
	}
	if got := read[wire.Sync](s.do("POST /v1/sync").is(200)); got.Zxid != 1 {
		t.Errorf("synced to %d", got.Zxid)
	}
	s.Fail(Faults{Hold: true, NoLeader: true})
	s.do("GET /v1/znodes/a").is(200)
	s.do("GET /v1/cluster").is(200)
	s.do("GET /v1/znodes/a?consistency=linearizable").fails(503, wire.NoLeader)
	s.do("GET /v1/znodes/a?consistency=linearizable\nHolt-Zxid: 1").fails(503, wire.NoLeader) // the zxid is no quorum
	s.do("POST /v1/sync").fails(503, wire.NoLeader)
	s.do("POST /v1/sync\nHolt-Zxid: 1").fails(503, wire.NoLeader)
	s.Fail(Faults{State: command.ErrBehind})
	s.do("GET /v1/znodes/a").fails(503, wire.Behind)
}

func TestASnapshotIsTheState(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\n" + strings.Repeat("x", 300_000)).is(201)
	a := s.do("GET /v1/snapshot").is(200).has("Holt-Zxid", "1").has("Content-Disposition", `attachment; filename="holt-1.snapshot"`)
	state, err := znode.DecodeState(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := s.State()
	var got, wanted bytes.Buffer
	if state.Encode(&got) != nil || want.Encode(&wanted) != nil || !bytes.Equal(got.Bytes(), wanted.Bytes()) {
		t.Error("the snapshot holds another state")
	}
	s.do("HEAD /v1/snapshot").is(200).says("")
}
