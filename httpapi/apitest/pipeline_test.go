package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// One line, one answer, while the request goes on: nothing waits for its end.
func TestPipelineAnswersWhileTheRequestGoesOn(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			p := s.pipeline(protocol)
			if p.res.StatusCode != http.StatusOK || p.res.Header.Get("Holt-Zxid") != "0" {
				t.Fatalf("%s %v", p.res.Status, p.res.Header)
			}
			p.send(`{"id":"first","op":"create","path":"/a","data":"1"}` + "\n")
			if l := p.next(); string(l.ID) != `"first"` || l.Line != 1 || l.Zxid != 1 || l.Code != "ok" || l.Result.Path != "/a" {
				t.Errorf("%s", l.raw)
			}
			p.send("\n" + `{"op":"get",`)
			p.send(`"path":"/a"}` + "\r\n")
			if l := p.next(); l.ID != nil || l.Line != 3 || *l.Result.Data != "1" || l.Result.Mode != "persistent" {
				t.Errorf("%s", l.raw)
			}
			p.send(`{"id":2.5e3,"txn":[{"op":"set","path":"/a","data":"2"},{"op":"create","path":"/a/b"}]}`) // without a line break
			rest := p.all()
			if len(rest) != 1 || string(rest[0].ID) != "2.5e3" || rest[0].Zxid != 2 {
				t.Fatalf("%+v", rest)
			}
			var results []wire.TxnResult
			if err := json.Unmarshal(rest[0].Results, &results); err != nil || len(results) != 2 || results[1].Path != "/a/b" {
				t.Errorf("%s: %v", rest[0].raw, err)
			}
		})
	}
}

// Thousands of lines are carried out in their order and answered in it.
func TestPipelineKeepsTheOrder(t *testing.T) {
	const lines = 5000
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			s.do("PUT /v1/znodes/q")
			p := s.pipeline(protocol)
			go func() {
				var block strings.Builder
				for i := range lines {
					fmt.Fprintf(&block, `{"id":%d,"op":"create","path":"/q/n-","mode":"persistent_sequential","data":"%d"}`+"\n", i, i)
					if (i+1)%100 == 0 {
						p.send(block.String())
						block.Reset()
					}
				}
				_ = p.in.Close()
			}()
			for i := range lines {
				l := p.next()
				if string(l.ID) != fmt.Sprint(i) || l.Line != uint64(i+1) || l.Code != "ok" || l.Result.Path != fmt.Sprintf("/q/n-%010d", i) {
					t.Fatalf("answer %d: %s", i, l.raw)
				}
			}
			if rest := p.all(); rest != nil {
				t.Errorf("%+v", rest)
			}
			if n := s.Asked(); n > lines/10 {
				t.Errorf("%d proposals for %d lines: they are not gathered", n, lines)
			}
		})
	}
}

// What a line is answered is what POST /v1/txn says of the same op.
func TestPipelineAnswersAsTransactionsDo(t *testing.T) {
	a, b := start(t), start(t)
	ops := []string{
		`{"op":"create","path":"/a","data":"x"}`, `{"op":"create","path":"/a/b/c","parents":true,"data":"/w==","encoding":"base64"}`,
		`{"op":"create","path":"/a/t","mode":"persistent_with_ttl","ttl_ms":1000}`, `{"op":"create","path":"/a/n-","mode":"persistent_sequential"}`,
		`{"op":"set","path":"/a","data":"\"\\\n\u0001é😀"}`, `{"op":"set","path":"/a","data":"y","version":1,"czxid":1}`, `{"op":"get","path":"/a"}`,
		`{"op":"get","path":"/a/b/c"}`, `{"op":"children","path":"/a"}`, `{"op":"exists","path":"/a/t"}`, `{"op":"exists","path":"/none"}`,
		`{"op":"check","path":"/a","version":2}`, `{"op":"check","path":"/none","absent":true}`, `{"op":"delete","path":"/a/t"}`,
		`{"op":"create","path":"/a"}`, `{"op":"set","path":"/a","data":"z","version":7}`, `{"op":"delete","path":"/a"}`, `{"op":"get","path":"/none"}`,
		`{"op":"check","path":"/a","absent":true}`, `{"op":"create","path":"/x/y"}`, `{"op":"check_session","owner":"s9"}`,
		`{"op":"set","path":"/a"}`, `{"op":"move","path":"/a"}`, `{"op":"set_acl","path":"/a"}`, `{"op":"create","path":"a"}`,
		`{"op":"create","path":"/e","mode":"ephemeral"}`, `{"op":"delete","path":"/a","recursive":true}`, `{"op":"delete","path":"/"}`,
	}
	p := b.pipeline("HTTP/1.1")
	for i, op := range ops {
		p.send(op + "\n")
		want, got := a.do("POST /v1/txn\nContent-Type: application/json\n\n"+`{"ops":[`+op+`]}`), p.next()
		if want.status == http.StatusOK {
			var done struct {
				Zxid    uint64
				Results []json.RawMessage
			}
			if err := json.Unmarshal([]byte(want.body), &done); err != nil {
				t.Fatal(err)
			}
			if all := fmt.Sprintf(`{"line":%d,"zxid":%d,"code":"ok","result":%s}`, i+1, done.Zxid, done.Results[0]); got.raw != all {
				t.Errorf("%s:\n got %s\nwant %s", op, got.raw, all)
			}
			continue
		}
		var refused wire.Problem
		if err := json.Unmarshal([]byte(want.body), &refused); err != nil {
			t.Fatal(err)
		}
		refused.Detail = strings.TrimPrefix(refused.Detail, "op 0: ")
		if got.Code != refused.Code || got.Status != refused.Status || got.Zxid != refused.Zxid || got.Detail != refused.Detail || got.Path != refused.Path ||
			fmt.Sprint(got.Limit, got.CurrentVersion) != fmt.Sprint(refused.Limit, refused.CurrentVersion) && *got.CurrentVersion != *refused.CurrentVersion {
			t.Errorf("%s:\n got %s\nwant %s", op, got.raw, want.body)
		}
		if got.Failed != nil || got.Results != nil {
			t.Errorf("a single op has no list: %s", got.raw)
		}
	}
}

// A transaction that fails says which op, and what became of the others.
func TestPipelineTransactionRefused(t *testing.T) {
	s := start(t)
	_, lines := s.run(`{"id":true,"txn":[{"op":"create","path":"/a"},{"op":"set","path":"/b","data":""},{"op":"create","path":"/c"}]}` + "\n" +
		`{"op":"exists","path":"/a"}`)
	if l := lines[0]; l.Code != wire.NoNode || l.Status != 404 || l.Path != "/b" || l.Failed == nil || *l.Failed != 1 || string(l.ID) != "true" ||
		string(l.Results) != `[{"code":"ok"},{"code":"no_node"},{"code":"rolled_back"}]` {
		t.Errorf("%s", l.raw)
	}
	if l := lines[1]; *l.Result.Exists {
		t.Errorf("half a transaction was carried out: %s", l.raw)
	}
}

// Every line has its own key: what comes again is answered as the first time.
func TestPipelineKeys(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/q")
	body := `{"id":1,"idempotency_key":"k-1","op":"create","path":"/q/n-","mode":"persistent_sequential"}
{"id":2,"idempotency_key":"k-2","op":"create","path":"/q"}
{"id":3,"idempotency_key":"k-3","txn":[{"op":"set","path":"/q","data":"x"},{"op":"get","path":"/q"}]}
{"id":4,"op":"create","path":"/q/n-","mode":"persistent_sequential"}
`
	_, first := s.run(body)
	_, again := s.run(body)
	for i := range 3 {
		want := strings.Replace(first[i].raw, `"code":"`+string(first[i].Code)+`"`, `"code":"`+string(first[i].Code)+`","replayed":true`, 1)
		if first[i].Replayed || again[i].raw != want {
			t.Errorf("first %s\nagain %s", first[i].raw, again[i].raw)
		}
	}
	if again[3].Result.Path != "/q/n-0000000002" {
		t.Errorf("without a key it is done again: %s", again[3].raw)
	}
	// The same key is the same for every other request, and another request under it is none.
	if a := s.do("POST /v1/znodes/q/n-?mode=persistent_sequential\nIdempotency-Key: k-1"); a.status != http.StatusCreated || a.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s", a.status, a.body)
	}
	_, lines := s.run(`{"idempotency_key":"\"k-1\"","op":"delete","path":"/q/n-0000000000"}` + "\n" + `{"op":"exists","path":"/q/n-0000000000"}`)
	if lines[0].Code != wire.IdempotencyMismatch || lines[0].Status != 422 || !*lines[1].Result.Exists {
		t.Errorf("%s %s", lines[0].raw, lines[1].raw)
	}
}

// The lines belong to the request's session. When it is over each is refused, which is an answer, and all are answered.
func TestPipelineOfASession(t *testing.T) {
	s := start(t)
	o := s.open()
	p := s.pipeline("HTTP/1.1", "Holt-Session: "+o.ID)
	p.send(`{"op":"create","path":"/e","mode":"ephemeral"}` + "\n")
	if l := p.next(); l.Code != "ok" || l.Result.Stat.EphemeralOwner != o.Owner {
		t.Fatalf("%s", l.raw)
	}
	if a := s.do("DELETE /v1/sessions/" + o.ID); a.status != http.StatusNoContent {
		t.Fatal(a.body)
	}
	p.send(`{"id":1,"op":"set","path":"/e","data":"x"}` + "\n" + `{"id":2,"txn":[{"op":"check_session"},{"op":"create","path":"/a"}]}` + "\n{}\n")
	lines := p.all()
	if len(lines) != 3 || lines[2].Code != wire.BadArguments {
		t.Fatalf("%+v", lines)
	}
	for _, l := range lines[:2] {
		if l.Code != wire.SessionExpired || l.Status != 410 || l.Reason != "closed" {
			t.Errorf("%s", l.raw)
		}
	}
	if st, _ := s.State(); st.Tree.Get(znode.MustPath("/a")) != nil {
		t.Error("a line of a session that is over was carried out")
	}
}

// A pipeline waits for the state it was told of, and is refused as a whole where what it says of itself cannot be heeded.
func TestPipelineHeaders(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.ZxidWait = 1 })
	for _, tt := range []struct {
		headers string
		status  int
	}{
		{"Content-Type: application/x-ndjson; charset=utf-8", 200},
		{"Content-Type: application/x-www-form-urlencoded", 400},
		{"Content-Type: application/json", 400},
		{"Content-Encoding: gzip", 400},
		{"Idempotency-Key: k", 400},
		{"Holt-Zxid: 7", 503},
		{"Holt-Zxid: seven", 400},
		{"Holt-Session: s1", 400},
		{"If-Match: 1", 400},
	} {
		if a := s.do("POST /v1/pipeline\n" + tt.headers + "\n\n" + `{"op":"exists","path":"/a"}`); a.status != tt.status {
			t.Errorf("%s: %d %s", tt.headers, a.status, a.body)
		}
	}
	if p := s.pipeline("h2c", "Content-Type: application/jsonl"); p.res.StatusCode != http.StatusOK {
		t.Errorf("another name for the same lines: %s", p.res.Status)
	}
}
