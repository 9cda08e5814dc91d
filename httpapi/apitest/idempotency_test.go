package apitest

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// keyed is a request with an Idempotency-Key.
func keyed(request, key string) string {
	head, body, ok := strings.Cut(request, "\n\n")
	if head += "\nIdempotency-Key: " + key; ok {
		head += "\n\n" + body
	}
	return head
}

// again sends a request a second time and holds the answer to that of the first time.
func (s *server) again(request string, first answer) {
	s.t.Helper()
	before := s.bytes()
	a := s.do(request).is(first.status).has("Idempotent-Replayed", "true")
	headers := maps.Clone(a.header)
	delete(headers, "Idempotent-Replayed")
	for _, h := range []map[string][]string{headers, first.header} {
		delete(h, "Date")
	}
	if got, want := fmt.Sprint(headers), fmt.Sprint(first.header); got != want {
		s.t.Errorf("%s: headers\n%s, at first\n%s", a.request, got, want)
	}
	if a.body != first.body {
		s.t.Errorf("%s: body\n%s, at first\n%s", a.request, a.body, first.body)
	}
	if s.bytes() != before {
		s.t.Errorf("%s: the second time changed something", a.request)
	}
}

// TestAWriteUnderAKeyIsDoneOnce: whatever happened in between, to the tree and to the member.
func TestAWriteUnderAKeyIsDoneOnce(t *testing.T) {
	emptied := []string{"DELETE /v1/znodes/x?recursive=true", "PUT /v1/znodes/y/n-0000000009"}
	filled := []string{"PUT /v1/znodes/none/none?parents=true", "PUT /v1/znodes/y\n\nother", "DELETE /v1/znodes/x/leaf"}
	for _, c := range []struct {
		request string
		status  int
		between []string // what would have it end otherwise
	}{
		{"PUT /v1/znodes/new\n\nä", 201, []string{"DELETE /v1/znodes/new"}},
		{"PUT /v1/znodes/x\n\n\xff", 200, emptied},
		{"PUT /v1/znodes\n\nroot", 200, nil},
		{"PUT /v1/znodes/x\nIf-Match: \"0.1\"\n\nx", 200, emptied},
		{"PUT /v1/znodes/new\nIf-None-Match: *\n\nx", 201, nil},
		{"PUT /v1/znodes/deep/a/b?parents=true\n\nx", 201, []string{"DELETE /v1/znodes/deep?recursive=true"}},
		{"PUT /v1/znodes/new?mode=persistent_with_ttl&ttl=5s", 201, nil},
		{"POST /v1/znodes/y/n-?mode=persistent_sequential\n\nx", 201, []string{"POST /v1/znodes/y/n-?mode=persistent_sequential", "DELETE /v1/znodes/y/n-0000000000"}},
		{"POST /v1/znodes/y/?mode=persistent_sequential_with_ttl&ttl=1h", 201, nil},
		{"POST /v1/znodes/q/n-?mode=persistent_sequential&parents=true", 201, nil},
		{"POST /v1/znodes/new?mode=container", 201, nil},
		{"POST /v1/znodes/new?mode=ephemeral\nHolt-Session: $", 201, []string{"PUT /v1/znodes/new\n\nother"}},
		{"DELETE /v1/znodes/x/leaf", 204, []string{"PUT /v1/znodes/x/leaf"}},
		{"DELETE /v1/znodes/x/leaf\nIf-Match: 0", 204, nil},
		{"DELETE /v1/znodes/x?recursive=true", 204, []string{"PUT /v1/znodes/x"}},
		{txn(`{"op":"get","path":"/x"}`), 200, emptied},
		{txn(`{"op":"create","path":"/x/n-","mode":"ephemeral_sequential"}`, `{"op":"children","path":"/x"}`, `{"op":"set","path":"/y","data":"/w==","encoding":"base64"}`,
			`{"op":"get","path":"/y"}`, `{"op":"exists","path":"/none"}`, `{"op":"check_session"}`, `{"op":"check_session","owner":"s4"}`,
			`{"op":"check","path":"/none","absent":true}`, `{"op":"delete","path":"/x","recursive":true}`), 200, filled[:1]},

		{"PUT /v1/znodes/none/a", 404, filled},
		{"PUT /v1/znodes/none\nIf-Match: *", 412, filled},
		{"PUT /v1/znodes/none/none\nIf-Match: *", 404, filled},
		{"PUT /v1/znodes/none/none\nIf-Match: *", 404, []string{"PUT /v1/znodes/none"}}, // then it would be 412
		{"PUT /v1/znodes/x\nIf-None-Match: *", 412, emptied},
		{"PUT /v1/znodes/y\nIf-Match: \"1.3\"", 412, filled}, // then it would fit
		{"PUT /v1/znodes/y\nIf-Match: 1", 412, filled},
		{"POST /v1/znodes/x", 409, emptied},
		{"POST /v1/znodes/none/a", 404, filled},
		{"POST /v1/znodes/x/e/a", 409, []string{"DELETE /v1/znodes/x/e", "PUT /v1/znodes/x/e"}},
		{"DELETE /v1/znodes/x", 409, emptied},
		{"DELETE /v1/znodes/none", 404, filled},
		{"DELETE /v1/znodes/none\nIf-Match: *", 412, filled},
		{"DELETE /v1/znodes", 400, nil},
		{txn(`{"op":"create","path":"/new"}`, `{"op":"check","path":"/y","version":1}`, `{"op":"get","path":"/x"}`), 412, filled},
		{txn(`{"op":"get","path":"/x"}`, `{"op":"children","path":"/none"}`), 404, filled},
		{"POST /v1/sessions?timeout=10s", 201, nil},
	} {
		t.Run(c.request, func(t *testing.T) {
			s := start(t)
			s.do("PUT /v1/znodes/x").is(201)
			s.do("PUT /v1/znodes/x/leaf").is(201)
			s.do("PUT /v1/znodes/y").is(201)
			o := s.open()
			s.do("POST /v1/znodes/x/e?mode=ephemeral\nHolt-Session: " + o.ID).is(201)
			request := strings.ReplaceAll(c.request, "$", o.ID)
			if strings.Contains(request, "ephemeral_sequential") {
				request = strings.Replace(request, "\n", "\nHolt-Session: "+o.ID+"\n", 1)
			}
			request = keyed(request, "a-key")
			first := s.do(request).is(c.status).has("Idempotent-Replayed", "")
			s.again(request, first)
			for _, r := range c.between {
				if a := s.do(r); a.status >= 300 {
					t.Fatalf("%s: %s", r, a.body)
				}
			}
			s.do("PUT /v1/znodes/meanwhile").is(201)
			s.again(request, first)
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			s.again(strings.Replace(request, "a-key", `"a-key"`, 1), first)
			if strings.Contains(s.bytes(), "a-key") {
				t.Error("the key is in the state")
			}
		})
	}
}

// TestAKeyIsForOneRequest: what else comes under it is refused, and does nothing.
func TestAKeyIsForOneRequest(t *testing.T) {
	s := start(t)
	o := s.open()
	s.do(keyed("PUT /v1/znodes/a\n\nx", "k")).is(201)
	s.do(keyed("PUT /v1/znodes/none/a\n\nx", "refused")).is(404)
	s.do(keyed("POST /v1/sessions?timeout=10s", "opened")).is(201)
	before := s.bytes()
	for _, request := range []string{
		keyed("PUT /v1/znodes/a\n\ny", "k"),
		keyed("PUT /v1/znodes/b\n\nx", "k"),
		keyed("PUT /v1/znodes/a\nIf-Match: *\n\nx", "k"),
		keyed("PUT /v1/znodes/a\nIf-None-Match: *\n\nx", "k"),
		keyed("PUT /v1/znodes/a?parents=true\n\nx", "k"),
		keyed("PUT /v1/znodes/a?mode=container\n\nx", "k"),
		keyed("PUT /v1/znodes/a\nHolt-Session: "+o.ID+"\n\nx", "k"),
		keyed("POST /v1/znodes/a\n\nx", "k"),
		keyed("POST /v1/znodes/a?mode=persistent_sequential\n\nx", "k"),
		keyed("DELETE /v1/znodes/a", "k"),
		keyed("DELETE /v1/znodes/a?recursive=true", "k"),
		keyed(txn(`{"op":"set","path":"/a","data":"x"}`), "k"),
		keyed(txn(`{"op":"get","path":"/a"}`), "k"),
		keyed("POST /v1/sessions", "k"),
		keyed("DELETE /v1/sessions/"+o.Owner, "k"),
		keyed("DELETE /v1/sessions/"+o.ID, "k"),
		keyed("PUT /v1/znodes/a\n\nx", "refused"),
		keyed("POST /v1/sessions?timeout=20s", "opened"),
	} {
		a := s.do(request)
		p := a.fails(422, wire.IdempotencyMismatch)
		if p.Retryable || p.Failed != nil || strings.Contains(request, "/v1/sessions") != (p.Path == "") || p.Path == "/" {
			t.Errorf("%s: the problem is %+v", request, p)
		}
		a.has("Idempotent-Replayed", "")
	}
	if s.bytes() != before {
		t.Error("what was refused changed something")
	}
	s.do(keyed("PUT /v1/znodes/a\n\nx", "k")).is(201).has("Idempotent-Replayed", "true")
	s.do(keyed("PUT /v1/znodes/a\n\nx", "K")).is(200).has("Idempotent-Replayed", "")
}

func TestWhatComesTwiceAtOnceIsDoneOnce(t *testing.T) {
	s := start(t)
	s.Fail(Faults{Hold: true})
	const clients = 8
	var held []<-chan answer
	for range clients {
		answered := make(chan answer, 1)
		held = append(held, answered)
		go func() {
			defer close(answered)
			answered <- s.do(keyed("POST /v1/znodes/n-?mode=persistent_sequential\n\nx", "k"))
		}()
	}
	eventually(t, "all of them are in flight", func() bool { return s.Asked() == clients })
	s.Fail(Faults{})
	fresh := 0
	for _, answered := range held {
		a := s.got(answered)
		a.is(201).has("Location", "/v1/znodes/n-0000000000").has("Holt-Zxid", "1")
		if a.header.Get("Idempotent-Replayed") == "" {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("it was done %d times", fresh)
	}
	s.do("GET /v1/znodes").is(200).has("Znode-Num-Children", "1")
}

// TestAnUnknownOutcomeIsFoundOutUnderTheKey, and one that is none is not kept.
func TestAnUnknownOutcomeIsFoundOutUnderTheKey(t *testing.T) {
	s := start(t)
	for i, request := range []string{"POST /v1/znodes/n-?mode=persistent_sequential", "POST /v1/sessions", txn(`{"op":"create","path":"/t"}`)} {
		request = keyed(request, fmt.Sprint("key-", i))
		for _, err := range []error{command.ErrNoLeader, command.ErrThrottled, command.ErrDiskFull, command.ErrShuttingDown} {
			s.Fail(Faults{Propose: err})
			if a := s.do(request); a.status < 400 || a.header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%s: %d %v", request, a.status, a.header)
			}
		}
		s.Fail(Faults{Swallow: command.ErrUnknown})
		s.do(request).fails(504, wire.OutcomeUnknown)
		s.Fail(Faults{})
		if a := s.do(request); a.status > 201 || a.header.Get("Idempotent-Replayed") != "true" || a.header.Get("Holt-Zxid") != fmt.Sprint(i+1) {
			t.Errorf("%s: %d %v", request, a.status, a.header)
		}
	}
	s.do("GET /v1/znodes").is(200).has("Znode-Num-Children", "2").has("Holt-Zxid", "3")
}

// TestASessionOpenedTwiceIsOne: whoever lost the answer gets the id again, though the state does not hold it.
func TestASessionOpenedTwiceIsOne(t *testing.T) {
	s := start(t)
	request := keyed("POST /v1/sessions?timeout=10s", "open-me")
	first := s.do(request).is(201).has("Location", "/v1/sessions/s1")
	s.again(request, first)
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	s.again(request, first)
	o := read[wire.SessionOpened](s.do(request).is(201))
	s.do("POST /v1/znodes/e?mode=ephemeral\nHolt-Session: "+o.ID).is(201).has("Znode-Ephemeral-Owner", "s1")
	s.do("POST /v1/sessions/" + o.ID + "/keepalive").is(200)
	other := read[wire.SessionOpened](s.do(keyed("POST /v1/sessions?timeout=10s", "open-another")).is(201).has("Idempotent-Replayed", ""))
	if other.ID == o.ID || other.Owner == o.Owner {
		t.Errorf("two keys, one session: %v %v", o, other)
	}
	if state := s.bytes(); strings.Contains(state, o.ID) || strings.Contains(state, "open-me") || strings.Contains(s.log.String(), o.ID) {
		t.Error("the id or the key is in the state or the log")
	}
}

// TestTheEndOfASessionIsToldAgain: also to a request of the session itself, which by then is over.
func TestTheEndOfASessionIsToldAgain(t *testing.T) {
	s := start(t)
	o, other := s.open(), s.open()
	write := keyed("POST /v1/znodes/e?mode=ephemeral\nHolt-Session: "+o.ID, "write")
	written := s.do(write).is(201)
	closing, killing := keyed("DELETE /v1/sessions/"+o.ID, "close"), keyed("DELETE /v1/sessions/"+other.Owner, "kill")
	closed, killed := s.do(closing).is(204), s.do(killing).is(204)
	late := keyed("PUT /v1/znodes/late\nHolt-Session: "+o.ID, "late")
	refused := s.do(late)
	if p := refused.fails(410, wire.SessionExpired); p.Reason != "closed" {
		t.Errorf("the session is over: %+v", p)
	}
	gone := keyed(txn(`{"op":"create","path":"/t"}`, `{"op":"check_session","owner":"`+other.Owner+`"}`), "gone")
	asked := s.do(gone)
	if p := asked.fails(410, wire.SessionExpired); p.Reason != "killed" || *p.Failed != 1 || fmt.Sprint(p.Results) != "[{ok} {session_expired}]" {
		t.Errorf("the other session is over: %+v", p)
	}
	for request, first := range map[string]answer{write: written, closing: closed, killing: killed, late: refused, gone: asked} {
		s.again(request, first)
	}
	s.do(keyed("DELETE /v1/sessions/"+o.ID, "close-again")).fails(410, wire.SessionExpired)
	s.do("GET /v1/znodes").is(200).has("Znode-Num-Children", "0")
}

// TestKeysWhereThereIsNothingToKeep are refused: a key that goes unheard would be a promise that is not kept.
func TestKeysWhereThereIsNothingToKeep(t *testing.T) {
	s := start(t)
	o := s.open()
	before := s.bytes()
	if p := s.do(keyed("POST /v1/pipeline\n\n{}", "k")).fails(400, wire.BadArguments); !strings.Contains(p.Detail, "each of its lines") {
		t.Errorf("a pipeline: %q", p.Detail)
	}
	for _, request := range []string{
		"GET /v1/znodes", "HEAD /v1/znodes", "GET /v1/children", "GET /v1/sessions", "GET /v1/sessions/" + o.ID, "GET /v1/cluster",
		"GET /v1/limits", "GET /v1/watches", "GET /v1/watch", "POST /v1/sync", "POST /v1/sessions/" + o.ID + "/keepalive",
		setWatch(o, "/a", "exists"), "DELETE /v1/sessions/" + o.ID + "/watches?path=/a", "POST /v1/keepalive\n\n[]",
	} {
		a := s.do(keyed(request, "k")).is(400)
		if !strings.HasPrefix(request, "HEAD") && !strings.Contains(a.fails(400, wire.BadArguments).Detail, "Idempotency-Key") {
			t.Errorf("%s: %s", request, a.body)
		}
	}
	for _, key := range []string{"", " ", `""`, `"`, `"a`, `a"`, "a b", `"a b"`, "ä", "k\nIdempotency-Key: k", strings.Repeat("k", 129)} {
		for _, request := range []string{
			"PUT /v1/znodes/a\n\nx", "POST /v1/znodes/a", "DELETE /v1/znodes/a", txn(`{"op":"create","path":"/a"}`), "POST /v1/sessions",
			"DELETE /v1/sessions/" + o.ID,
		} {
			s.do(keyed(request, key)).fails(400, wire.BadArguments)
		}
	}
	if s.bytes() != before {
		t.Error("what was refused changed something")
	}
	s.do(keyed("PUT /v1/znodes/a", strings.Repeat("k", 128))).is(201)
}

// TestAReplayIsOfAStateThatThisServerHas: the answer of long ago comes with the zxid of then, and only to who has not seen more than
// this server knows of.
func TestAReplayIsOfAStateThatThisServerHas(t *testing.T) {
	s := start(t)
	request := keyed("PUT /v1/znodes/a", "k")
	s.do(request).is(201).has("Holt-Zxid", "1")
	for range 3 {
		s.do("PUT /v1/znodes/b").has("Idempotent-Replayed", "")
	}
	s.do(strings.Replace(request, "\n", "\nHolt-Zxid: 4\n", 1)).is(201).has("Holt-Zxid", "1").has("Idempotent-Replayed", "true")
	if now, err := s.State(); err != nil || now.Zxid != znode.Zxid(4) || now.Outcomes.Len() != 1 {
		t.Errorf("the state is at %d with %d outcomes (%v)", now.Zxid, now.Outcomes.Len(), err)
	}
}
