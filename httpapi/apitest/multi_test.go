package apitest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// What follows is what ZooKeeper's own tests of transactions ask for (MultiOperationTest, MultiAsyncTransactionTest), over HTTP.

// TestOneOfFourPipelinedTransactionsSucceeds: the others fail for the znode that they all make, and take back the number that they had
// drawn by then.
func TestOneOfFourPipelinedTransactionsSucceeds(t *testing.T) {
	const four = `{"txn":[{"op":"create","path":"/node-","mode":"persistent_sequential"},{"op":"create","path":"/dup"}]}` + "\n"
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			s.Fail(Faults{Hold: true}) // until all are there
			p := s.pipeline(protocol)
			p.send(strings.Repeat(four, 4))
			eventually(t, "the first is under way", func() bool { return s.Asked() == 1 })
			s.Fail(Faults{})
			lines := p.all()
			if len(lines) != 4 {
				t.Fatalf("%+v", lines)
			}
			var made []wire.TxnResult
			if err := json.Unmarshal(lines[0].Results, &made); err != nil || lines[0].Code != "ok" || made[0].Path != "/node-0000000000" || made[1].Path != "/dup" {
				t.Errorf("%s: %v", lines[0].raw, err)
			}
			for _, l := range lines[1:] {
				if l.Code != wire.NodeExists || l.Status != 409 || l.Path != "/dup" || or(l.Failed, -1) != 1 || l.Zxid != 1 ||
					string(l.Results) != `[{"code":"ok"},{"code":"node_exists"}]` {
					t.Errorf("%s", l.raw)
				}
			}
			got := read[wire.Children](s.do("GET /v1/children").is(200))
			if fmt.Sprint(got.Children) != "[dup node-0000000000]" || got.Stat.Cversion != 2 {
				t.Errorf("%+v", got)
			}
			s.do("POST /v1/znodes/node-?mode=persistent_sequential").is(201).has("Location", "/v1/znodes/node-0000000002") // /dup was the one between
		})
	}
}

// TestTransactionsOfSeveralOps: each as a request and as the line of a pipeline, to a tree of /a at version 0 and /a/b.
func TestTransactionsOfSeveralOps(t *testing.T) {
	for name, c := range map[string]struct {
		ops    string
		code   wire.Code
		failed int
		path   string
		codes  string
		paths  string // all there are, then
	}{
		"nested creates":           {`create /p, create /p/q, delete /p/q, delete /p`, "ok", -1, "", "", "/a@0 /a/b@0"},
		"nested creates that stay": {`create /p, create /p/q, set /p/q 0, set /p/q 1`, "ok", -1, "", "", "/a@0 /a/b@0 /p@0 /p/q@2"},
		"a version of before":      {`set /a 0, set /a 0`, wire.BadVersion, 1, "/a", "ok bad_version", "/a@0 /a/b@0"},
		"a version of the other":   {`set /a 0, set /a 1, check /a 2`, "ok", -1, "", "", "/a@2 /a/b@0"},
		"a set of what is deleted": {`delete /a/b 0, set /a/b 0`, wire.NoNode, 1, "/a/b", "ok no_node", "/a@0 /a/b@0"},
		"made anew it is another":  {`set /a/b 0, delete /a/b 1, create /a/b, set /a/b 1`, wire.BadVersion, 3, "/a/b", "ok ok ok bad_version", "/a@0 /a/b@0"},
		"made anew it begins at 0": {`set /a/b 0, delete /a/b 1, create /a/b, set /a/b 0`, "ok", -1, "", "", "/a@0 /a/b@1"},
		"the last fails": {`create /p, create /p/q, set /a 0, delete /a/b, delete /none`, wire.NoNode, 4, "/none",
			"ok ok ok ok no_node", "/a@0 /a/b@0"},
		"the first fails":         {`delete /a, set /a 0, create /p`, wire.NotEmpty, 0, "/a", "not_empty rolled_back rolled_back", "/a@0 /a/b@0"},
		"one in the middle fails": {`create /p, check /a 1, create /q`, wire.BadVersion, 1, "/a", "ok bad_version rolled_back", "/a@0 /a/b@0"},
		"a check alone":           {`check /a 0`, "ok", -1, "", "", "/a@0 /a/b@0"},
		"a check alone fails":     {`check /a 3`, wire.BadVersion, 0, "/a", "bad_version", "/a@0 /a/b@0"},
		"deleted from below":      {`delete /a/b, delete /a`, "ok", -1, "", "", ""},
		"deleted from above":      {`delete /a, delete /a/b`, wire.NotEmpty, 0, "/a", "not_empty rolled_back", "/a@0 /a/b@0"},
		"reads between writes":    {`get /a, set /a 0, get /a, children /none`, wire.NoNode, 3, "/none", "ok ok ok no_node", "/a@0 /a/b@0"},
	} {
		t.Run(name, func(t *testing.T) {
			ops := opsOf(c.ops)
			for _, line := range []bool{false, true} {
				s := start(t)
				s.do("PUT /v1/znodes/a").is(201)
				s.do("PUT /v1/znodes/a/b").is(201)
				before, y := s.bytes(), try{many: true}
				var v verdict
				if line {
					_, lines := s.run(`{"txn":[` + strings.Join(ops, ",") + `]}`)
					v = y.answered(&lines[0])
				} else if err := json.Unmarshal([]byte("["+strings.Join(ops, ",")+"]"), &y.ops); err == nil {
					v = y.posted(s, "")
				}
				if v.Code != c.code || v.Failed != c.failed || v.Path != c.path || len(v.Results) != len(ops) {
					t.Errorf("line %v: %+v", line, v)
				}
				if want := `{"code":"` + strings.ReplaceAll(c.codes, " ", `"} {"code":"`) + `"}`; c.code != "ok" && strings.Join(v.Results, " ") != want {
					t.Errorf("line %v: %v", line, v.Results)
				}
				if c.code != "ok" && s.bytes() != before {
					t.Errorf("line %v: what was refused left a trace", line)
				}
				var paths []string
				for l := range strings.Lines(s.do("GET /v1/tree").is(200).body) {
					var z wire.TreeLine
					if err := json.Unmarshal([]byte(l), &z); err != nil {
						t.Fatal(err)
					}
					if z.Path != "/" {
						paths = append(paths, fmt.Sprint(z.Path, "@", z.Stat.Version))
					}
				}
				if strings.Join(paths, " ") != c.paths {
					t.Errorf("line %v: there are %v", line, paths)
				}
			}
		})
	}
}

// opsOf are ops written as "kind path version", with commas between them.
func opsOf(text string) (ops []string) {
	for one := range strings.SplitSeq(text, ", ") {
		word := strings.Fields(one)
		op := `{"op":"` + word[0] + `","path":"` + word[1] + `"`
		if word[0] == "set" {
			op += `,"data":"x"`
		}
		if len(word) > 2 {
			op += `,"version":` + word[2]
		}
		ops = append(ops, op+"}")
	}
	return ops
}

// TestATransactionFiresAllAtOnce: what its ops fire is one message at one zxid. One that is refused fires nothing, and leaves the watches.
func TestATransactionFiresAllAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /a 1", "create /b 1")
	id, key, owner := w.openSession(1)
	for path, mode := range map[string]znode.WatchMode{"/a": znode.DataWatch, "/b": znode.DataWatch, "/c": znode.ExistsWatch, "/": znode.ChildrenWatch} {
		w.run(&key, znode.AddWatchOp(znode.MustPath(path), mode))
	}
	post := func(text string, status int) {
		t.Helper()
		res, err := w.clients.Post("http://localhost/v1/txn", "application/json", strings.NewReader(`{"ops":[`+strings.Join(opsOf(text), ",")+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != status {
			t.Errorf("%s: %s", text, res.Status)
		}
	}
	c := w.watch(events(id))
	c.says(mark("open", znode.Zxid(owner)))
	post("set /a, create /c, delete /b, delete /none", 404)
	post("set /a, create /c, delete /b 7", 412)
	if s, _ := w.State(); s.Sessions.NumWatches() != 4 {
		t.Errorf("%d watches are left of 4", s.Sessions.NumWatches())
	}
	post("set /a, create /c, delete /b, set /a", 200)
	now, _ := w.State()
	c.says(message(now.Zxid, "NodeDataChanged /a", "NodeCreated /c", "NodeDeleted /b", "NodeChildrenChanged /"))
	if n := now.Sessions.NumWatches(); n != 0 {
		t.Errorf("%d watches are left that have fired", n)
	}
}

// TestReadsInAPipelineAreEachForItself: as ZooKeeper's multi-read, one that is refused says so and ends nothing. In a transaction, where
// ZooKeeper has no reads beside writes, it refuses all.
func TestReadsInAPipelineAreEachForItself(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nx").is(201)
	s.do("PUT /v1/znodes/a/b").is(201)
	reads := []string{`{"op":"children","path":"/a"}`, `{"op":"children","path":"/none"}`, `{"op":"get","path":"/none"}`, `{"op":"get","path":"/a"}`,
		`{"op":"exists","path":"/none"}`, `{"op":"exists","path":"/a/b"}`}
	_, lines := s.run(strings.Join(reads, "\n"))
	var got []string
	for _, l := range lines {
		text := fmt.Sprint(l.Code)
		switch r := l.Result; {
		case r == nil:
			text += " " + l.Path
		case r.Children != nil:
			text += fmt.Sprint(" ", *r.Children)
		case r.Data != nil:
			text += " " + *r.Data
		case r.Exists != nil:
			text += fmt.Sprint(" ", *r.Exists)
		}
		got = append(got, text)
	}
	if want := "ok [b], no_node /none, no_node /none, ok x, ok false, ok true"; strings.Join(got, ", ") != want {
		t.Errorf("%v", got)
	}
	p := s.do(txn(append([]string{`{"op":"set","path":"/a","data":"y"}`}, reads...)...)).fails(404, wire.NoNode)
	if *p.Failed != 2 || p.Path != "/none" {
		t.Errorf("%+v", p)
	}
	s.do("GET /v1/znodes/a").says("x")
}
