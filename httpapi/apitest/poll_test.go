package apitest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// poll sends a request that is to be held, and waits until it is.
func (s *server) poll(request string) <-chan answer {
	s.t.Helper()
	before, _ := s.Hub.Streams()
	answered := make(chan answer, 1)
	go func() {
		defer close(answered)
		answered <- s.do(request)
	}()
	eventually(s.t, "the answer to "+request+" is held", func() bool { n, _ := s.Hub.Streams(); return n == before+1 })
	return answered
}

// got is the answer, once it is no longer held.
func (s *server) got(held <-chan answer) answer {
	s.t.Helper()
	a, ok := <-held
	if !ok {
		s.t.Fatal("there was no answer")
	}
	return a
}

func TestAnAnswerIsHeldUntilThereIsSomethingNew(t *testing.T) {
	for _, c := range []struct {
		name, request string
		others        []string // which it is not about
		event         string
		status        int
		body          string
	}{
		{"data", "GET /v1/znodes/a?wait=1m\nIf-None-Match: \"0.1\"", []string{"PUT /v1/znodes/a/x", "PUT /v1/znodes/b"}, "PUT /v1/znodes/a\n\nnew", 200, "new"},
		{"the end", "GET /v1/znodes/a?wait=1m\nIf-None-Match: \"0.1\"", nil, "DELETE /v1/znodes/a", 404, ""},
		{"any tag", "GET /v1/znodes/a?wait=1m\nIf-None-Match: *", []string{"PUT /v1/znodes/a\n\nnew"}, "DELETE /v1/znodes/a", 404, ""},
		{"the version alone", "GET /v1/znodes/a?wait=1m\nIf-None-Match: 0", []string{"PUT /v1/znodes/a/x"}, "PUT /v1/znodes/a\n\nnew", 200, "new"},
		{"one of many tags", "GET /v1/znodes/a?wait=1m\nIf-None-Match: \"0.1\", \"1.1\"", []string{"PUT /v1/znodes/a"}, "PUT /v1/znodes/a\n\nnew", 200, "new"},
		{"the beginning", "GET /v1/znodes/n?wait=1m", []string{"PUT /v1/znodes/a", "PUT /v1/znodes/n2"}, "PUT /v1/znodes/n\n\nnew", 200, "new"},
		{"no data", "HEAD /v1/znodes/n?wait=1m", nil, "PUT /v1/znodes/n\n\nnew", 200, ""},
		{"a preference", "GET /v1/znodes/n\nPrefer: respond-async, Wait = \"60\"; x=1", nil, "PUT /v1/znodes/n\n\nnew", 200, "new"},
		{"children", "GET /v1/children/a?wait=1m\nIf-None-Match: \"c0.1\"", []string{"PUT /v1/znodes/a\n\nnew"}, "PUT /v1/znodes/a/c", 200, `["c"]`},
		{"the end of children", "GET /v1/children/a?wait=1m\nIf-None-Match: \"c0.1\"", nil, "DELETE /v1/znodes/a", 404, ""},
		{"the beginning of children", "GET /v1/children/n?wait=1m", []string{"PUT /v1/znodes/m"}, "PUT /v1/znodes/n", 200, `[]`},
		{"children with data", "GET /v1/children/n?wait=1m&include=data,stat", nil, "PUT /v1/znodes/n", 200, `[]`},
		{"another in its place", "GET /v1/znodes/a?wait=1m\nIf-None-Match: \"0.1\"", nil,
			"POST /v1/txn\nContent-Type: application/json\n\n" + `{"ops":[{"op":"delete","path":"/a"},{"op":"create","path":"/a","data":"new"}]}`, 200, "new"},
		{"of a quorum", "GET /v1/znodes/n?wait=1m&consistency=linearizable\nHolt-Zxid: 1", nil, "PUT /v1/znodes/n\n\nnew", 200, "new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.do("PUT /v1/znodes/a\n\nold").is(201)
			held := s.poll(c.request)
			for _, other := range c.others {
				s.do(other)
				select {
				case a := <-held:
					t.Fatalf("%s was answered with %d %s", other, a.status, a.body)
				case <-time.After(10 * time.Millisecond):
				}
			}
			zxid := s.do(c.event).header.Get("Holt-Zxid")
			a := s.got(held).is(c.status).has("Holt-Zxid", zxid)
			if !strings.Contains(a.body, c.body) {
				t.Errorf("the body is %s", a.body)
			}
			eventually(t, "the subscription is given back", func() bool { n, _ := s.Hub.Streams(); return n == 0 })
			if want := ""; strings.Contains(c.request, "Prefer") {
				a.has("Preference-Applied", "wait=60")
			} else {
				a.has("Preference-Applied", want)
			}
		})
	}
}

func TestWhenTimeIsUpThereIsNothingNew(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nx").is(201)
	for request, status := range map[string]int{
		"GET /v1/znodes/a?wait=5ms\nIf-None-Match: \"0.1\"": 304, "GET /v1/znodes/n?wait=5ms": 404, "HEAD /v1/znodes/n?wait=5ms": 404,
		"GET /v1/children/a?wait=5ms\nIf-None-Match: \"c0.1\"": 304, "GET /v1/children/n?wait=5ms": 404,
		"GET /v1/znodes/a?wait=0s\nIf-None-Match: \"0.1\"": 304, "GET /v1/znodes/n\nPrefer: wait=0": 404,
	} {
		s.do(request).is(status).has("Holt-Zxid", "1")
	}
	a := s.do("GET /v1/znodes/a\nPrefer: wait=1\nIf-None-Match: \"0.1\"").is(304)
	a.has("Preference-Applied", "wait=1").has("ETag", `"0.1"`)
	for request, status := range map[string]int{ // what need not be waited for
		"GET /v1/znodes/a?wait=5m": 200, "GET /v1/znodes/a?wait=5m\nIf-None-Match: \"9.9\"": 200, "GET /v1/znodes/n?wait=5m\nIf-None-Match: \"0.1\"": 404,
		"GET /v1/children/a?wait=5m": 200, "GET /v1/znodes/a\nPrefer: wait=300": 200, "GET /v1/children/a?wait=5m&include=stat": 200,
		"PUT /v1/znodes/a\nPrefer: wait=5": 200, "GET /v1/cluster\nPrefer: wait=5": 200, // not where waiting means nothing
	} {
		s.do(request).is(status)
	}
	if n, _ := s.Hub.Streams(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestWaitHasItsLimits(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a").is(201)
	for _, path := range []string{"/v1/znodes/a", "/v1/znodes/n", "/v1/children/a", "/v1/children/n"} {
		for _, bad := range []string{"", "x", "30", "-1s", "5m1ns", "301s", "1h", "99999999h"} {
			s.do("GET "+path+"?wait="+bad).fails(400, wire.BadArguments)
		}
		for _, bad := range []string{"", "x", "-1", "301", "1.5", "99999999999999999999", "1s"} {
			s.do("GET "+path+"\nPrefer: wait="+bad).fails(400, wire.BadArguments)
		}
		s.do("GET "+path+"?wait=1s&wait=1s").fails(400, wire.BadArguments)
	}
	s.do("GET /v1/znodes/a\nPrefer: wait=0, wait=x").is(200).has("Preference-Applied", "wait=0") // the first counts
	s.do("GET /v1/znodes/a?wait=0s\nPrefer: wait=x").is(200).has("Preference-Applied", "")
	s.do("GET /v1/znodes/a?wait=5m\nIf-None-Match: \"").fails(400, wire.BadArguments)
	for _, request := range []string{"GET /v1/children/a?wait=5m&include=stat\nIf-None-Match: \"c0.1\"", "PUT /v1/znodes/a?wait=1s", "GET /v1/snapshot?wait=1s"} {
		s.do(request).fails(400, wire.BadArguments)
	}
}

func TestHeldAnswersAreCountedByThemselves(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.MaxRequests, c.MaxStreams = 1, 2 })
	first, second := s.poll("GET /v1/znodes/n?wait=1m"), s.poll("GET /v1/znodes/n?wait=1m")
	s.do("GET /v1/cluster").is(200)
	if p := s.do("GET /v1/znodes/n?wait=1m").fails(429, wire.Throttled); !p.Retryable || !strings.Contains(p.Detail, "2 streams") {
		t.Errorf("the problem is %+v", p)
	}
	s.do("GET /v1/watch/n").fails(429, wire.Throttled)
	s.do("PUT /v1/znodes/n").is(201)
	s.got(first).is(200)
	s.got(second).is(200)
	third := s.poll("GET /v1/znodes/m?wait=1m")
	s.do("PUT /v1/znodes/m").is(201)
	s.got(third).is(200)
}

func TestAHeldAnswerEndsWithItsClient(t *testing.T) {
	s := start(t)
	o := s.open()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/v1/znodes/n?wait=5m", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Holt-Session", o.ID)
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			_ = res.Body.Close()
		}
		done <- err
	}()
	eventually(t, "it is held", func() bool { n, _ := s.Hub.Streams(); return n == 1 })
	cancel()
	if <-done == nil {
		t.Error("there was an answer")
	}
	eventually(t, "its place is free", func() bool { n, _ := s.Hub.Streams(); return n == 0 })
	if s.Renewed() != 1 {
		t.Errorf("%d renewals: one that is gone does not renew its session", s.Renewed())
	}
}

func TestAHeldAnswerEndsWhenItsMemberStops(t *testing.T) {
	s := start(t)
	held := s.poll("GET /v1/znodes/n?wait=5m")
	s.api.EndStreams()
	s.api.EndStreams()
	if p := s.got(held).fails(503, wire.ShuttingDown); !p.Retryable {
		t.Errorf("the problem is %+v", p)
	}
	s.do("GET /v1/znodes/n?wait=5m").fails(503, wire.ShuttingDown)
	s.do("GET /v1/znodes/n").fails(404, wire.NoNode)

	s = start(t)
	held = s.poll("GET /v1/children/n?wait=5m")
	s.Hub.Close()
	s.got(held).fails(503, wire.ShuttingDown)
	s.do("GET /v1/children/n?wait=5m").fails(503, wire.ShuttingDown)
}

func TestAHeldAnswerOfASessionEndsWithIt(t *testing.T) {
	s := start(t)
	o := s.open()
	held := s.poll("GET /v1/znodes/n?wait=5m" + as(o))
	s.Expire(ownerOf(t, o))
	s.do("PUT /v1/znodes/n").is(201)
	if p := s.got(held).fails(410, wire.SessionExpired); p.Reason != "expired" {
		t.Errorf("the problem is %+v", p)
	}
}

func TestAHeldAnswerWaitsForNoLeader(t *testing.T) {
	s := start(t)
	held := s.poll("GET /v1/znodes/n?wait=5m")
	s.Fail(Faults{Sessions: command.ErrNoLeader, NoLeader: true, Linearizable: command.ErrNoLeader})
	propose(t, s.Node, &znode.Txn{Ops: []znode.Op{znode.PutOp(znode.MustPath("/n"), "x")}})
	s.got(held).is(200).says("x")
}

func TestAHeldAnswerOverHTTP2(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.AnswerTimeout = time.Second })
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	for _, client := range []*http.Client{s.client, {Transport: newContract(t, transport), Timeout: s.client.Timeout}} {
		s.client = client
		held := s.poll("GET /v1/znodes/n?wait=1m")
		later := time.NewTimer(2 * time.Second) // than an answer may otherwise take
		<-later.C
		s.do("PUT /v1/znodes/n\n\nx").is(201)
		s.got(held).is(200).says("x")
		s.do("DELETE /v1/znodes/n").is(204)
	}
}
