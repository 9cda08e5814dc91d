package apitest

import (
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
)

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nx").is(201)
	for _, c := range []struct {
		request string
		status  int
		code    wire.Code
	}{
		{"GET /", 404, wire.NoRoute},
		{"GET /v1", 404, wire.NoRoute},
		{"GET /v1/", 404, wire.NoRoute},
		{"GET /v2/znodes/a", 404, wire.NoRoute},
		{"GET /v1/znodesa", 404, wire.NoRoute},
		{"GET /v1/znodes%2Fa", 404, wire.NoRoute},
		{"GET /v1/%7Anodes/a", 404, wire.NoRoute},
		{"GET /V1/znodes/a", 404, wire.NoRoute},
		{"GET /v1/txn/", 404, wire.NoRoute},
		{"GET /readyz/", 404, wire.NoRoute},
		{"PATCH /v1/znodes/a", 405, wire.MethodNotAllowed},
		{"FROB /v1/znodes/a", 405, wire.MethodNotAllowed},
		{"OPTIONS /v1/znodes/a", 405, wire.MethodNotAllowed},
		{"PUT /v1/children/a", 405, wire.MethodNotAllowed},
		{"GET /v1/txn", 405, wire.MethodNotAllowed},
		{"GET /v1/sync", 405, wire.MethodNotAllowed},
		{"DELETE /v1/cluster", 405, wire.MethodNotAllowed},
		{"POST /livez", 405, wire.MethodNotAllowed},

		{"GET /v1/znodes/a?x=1", 400, wire.BadArguments},
		{"GET /v1/znodes/a?format=json&format=json", 400, wire.BadArguments},
		{"GET /v1/znodes/a?format=xml", 400, wire.BadArguments},
		{"GET /v1/znodes/a?format", 400, wire.BadArguments},
		{"GET /v1/znodes/a?Format=json", 400, wire.BadArguments},
		{"GET /v1/znodes/a?format=json;x=1", 400, wire.BadArguments},
		{"GET /v1/znodes/a?%zz=1", 400, wire.BadArguments},
		{"GET /v1/znodes/a?format=%zz", 400, wire.BadArguments},
		{"GET /v1/znodes/a?version=1", 400, wire.BadArguments},
		{"GET /v1/znodes/a?=", 400, wire.BadArguments},
		{"PUT /v1/znodes/a?consistency=local", 400, wire.BadArguments},
		{"PUT /v1/znodes/a?version=0", 400, wire.BadArguments},
		{"POST /v1/znodes/b?mode=persist", 400, wire.BadArguments},
		{"POST /v1/znodes/b?mode=", 400, wire.BadArguments},
		{"POST /v1/znodes/b?mode=persistent&mode=persistent", 400, wire.BadArguments},
		{"DELETE /v1/znodes/a?version=0", 400, wire.BadArguments},
		{"GET /v1/children/a?limit=0", 400, wire.BadArguments},
		{"GET /v1/children/a?limit=-1", 400, wire.BadArguments},
		{"GET /v1/children/a?limit=x", 400, wire.BadArguments},
		{"GET /v1/children/a?limit=99999999999999999999", 400, wire.BadArguments},
		{"GET /v1/children/a?offset=-1", 400, wire.BadArguments},
		{"GET /v1/children/a?offset=", 400, wire.BadArguments},
		{"GET /v1/children/a?offset=99999999999999999999", 400, wire.BadArguments},
		{"GET /v1/children/a?offset=1&after=b", 400, wire.BadArguments},
		{"GET /v1/children/a?offset=0&prefix=", 400, wire.BadArguments},
		{"GET /v1/children/a?prefix=a/b", 400, wire.BadArguments},
		{"GET /v1/children/a?after=%2F", 400, wire.BadArguments},
		{"GET /v1/children/a?prefix=%ff", 400, wire.BadArguments},
		{"GET /v1/children/a?after=" + strings.Repeat("x", 4097), 400, wire.BadArguments},
		{"GET /v1/children/a?include=", 400, wire.BadArguments},
		{"GET /v1/children/a?include=acl", 400, wire.BadArguments},
		{"GET /v1/children/a?include=stat,stat", 400, wire.BadArguments},
		{"GET /v1/children/a\nIf-None-Match: \"", 400, wire.BadArguments},
		{"GET /v1/children/a\nIf-Match: *", 400, wire.BadArguments},
		{"GET /v1/znodes/a\nIf-Match: *", 400, wire.BadArguments},
		{"POST /v1/znodes/b\nIf-None-Match: *", 400, wire.BadArguments},
		{"DELETE /v1/znodes/a\nIf-None-Match: *", 400, wire.BadArguments},
		{"POST /v1/txn\nIf-Match: *\n\n{}", 400, wire.BadArguments},
		{"POST /v1/sessions\nIf-Match: *", 400, wire.BadArguments},
		{"DELETE /v1/sessions/s1\nIf-Match: \"0.1\"", 400, wire.BadArguments},
		{"GET /v1/watch/a\nIf-None-Match: \"0.1\"", 400, wire.BadArguments},
		{"GET /v1/cluster\nIf-None-Match: *", 400, wire.BadArguments},
		{"GET /v1/znodes/a\nHolt-Session: x", 400, wire.BadArguments},
		{"POST /v1/txn?x=1\n\n{}", 400, wire.BadArguments},
		{"GET /v1/cluster?verbose=yes", 400, wire.BadArguments},
		{"GET /readyz?verbose=yes", 400, wire.BadArguments},
		{"GET /openapi.yaml?x", 400, wire.BadArguments},
		{"GET /v1/znodes/a\n\nbody", 400, wire.BadArguments},
		{"DELETE /v1/znodes/a\n\nbody", 400, wire.BadArguments},
		{"POST /v1/sync\n\nbody", 400, wire.BadArguments},
		{"PUT /v1/znodes/a\nContent-Encoding: gzip\n\nbody", 400, wire.BadArguments},
		{"PUT /v1/znodes/a\nContent-Range: bytes 0-3/9\n\nbody", 400, wire.BadArguments},
	} {
		a := s.do(c.request)
		p := a.fails(c.status, c.code)
		if c.status == 405 && a.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", c.request)
		}
		if p.Title == "" || p.Detail == "" || p.Type != "urn:holt:problem:"+string(c.code) || p.Zxid != 1 || p.Retryable {
			t.Errorf("%s: a poor problem: %s", c.request, a.body)
		}
	}
	s.do("PUT /v1/cluster").is(405).has("Allow", "GET, HEAD")
	s.do("PUT /v1/znodes/a\nContent-Encoding: identity\n\ny").is(200)
	s.do("GET /v1/znodes/a?&").is(200).says("y")
	if s.Proposed() != 2 {
		t.Errorf("%d proposals, want 2", s.Proposed())
	}
}

func TestWhatIsNotThereYetIsRefusedByName(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a").is(201)
	for request, name := range map[string]string{
		"GET /v1/znodes/a\nAuthorization: Basic eDp5": "Authorization",
		"PUT /v1/znodes/b?acl=world:anyone:r":         "acl",
		"GET /v1/acl/a":                               "ACL",
		"PUT /v1/acl/a":                               "ACL",
		"GET /v1/whoami":                              "identities",
		"POST /v1/locks/a":                            "locks",
		"GET /ui/":                                    "web page",
		"GET /metrics":                                "metrics",
		"HEAD /v1/acl/a":                              "",
	} {
		a := s.do(request).is(501)
		if name != "" && !strings.Contains(a.fails(501, wire.NotImplemented).Detail, name) {
			t.Errorf("%s: %q is not named: %s", request, name, a.body)
		}
	}
	s.do("GET /v1/znodes/a\nPrefer: return=minimal").is(200)
	if s.Proposed() != 1 {
		t.Errorf("%d proposals, want that of the first PUT alone", s.Proposed())
	}
}

func TestDoneNotDoneAndUnknownAreToldApart(t *testing.T) {
	writes := []string{
		"PUT /v1/znodes/a\n\nx", "POST /v1/znodes/b", "DELETE /v1/znodes/a",
		"POST /v1/txn\nContent-Type: application/json\n\n{\"ops\":[{\"op\":\"set\",\"path\":\"/a\",\"data\":\"\"}]}",
	}
	for _, c := range []struct {
		faults    Faults
		status    int
		code      wire.Code
		retryable bool
	}{
		{Faults{Propose: command.ErrNoLeader}, 503, wire.NoLeader, true},
		{Faults{Propose: command.ErrBehind}, 503, wire.Behind, true},
		{Faults{Propose: command.ErrShuttingDown}, 503, wire.ShuttingDown, true},
		{Faults{Propose: command.ErrThrottled}, 429, wire.Throttled, true},
		{Faults{Propose: command.ErrDiskFull}, 507, wire.DiskFull, false},
		{Faults{Swallow: command.ErrUnknown}, 504, wire.OutcomeUnknown, false},
		{Faults{Hold: true}, 504, wire.OutcomeUnknown, false},
	} {
		for _, w := range writes {
			s := start(t, func(c *httpapi.Config) { c.WriteWait = 5 * time.Millisecond })
			s.do("PUT /v1/znodes/a").is(201)
			s.Fail(c.faults)
			a := s.do(w)
			p := a.fails(c.status, c.code)
			after := a.header.Get("Retry-After")
			if p.Retryable != c.retryable || (after != "") != c.retryable || c.retryable && !strings.Contains("1 2 3", after) {
				t.Errorf("%s, %s: retryable %v, Retry-After %q", w, c.code, p.Retryable, after)
			}
		}
	}
}

func TestRetryAfterIsNotTheSameForAll(t *testing.T) {
	s := start(t)
	s.Fail(Faults{State: command.ErrShuttingDown})
	seen := map[string]bool{}
	for i := 0; len(seen) < 3 && i < 1000; i++ {
		seen[s.do("GET /v1/znodes").is(503).header.Get("Retry-After")] = true
	}
	if len(seen) != 3 {
		t.Errorf("Retry-After is always one of %v", seen)
	}
}

func TestHealth(t *testing.T) {
	s := start(t)
	s.do("GET /livez").is(200).says("{\"ok\":true,\"checks\":[]}\n")
	s.do("GET /readyz?verbose=false").is(200).says("{\"ok\":true,\"checks\":[]}\n")
	for _, query := range []string{"?verbose", "?verbose=", "?verbose=true"} {
		if got := read[wire.Health](s.do("GET /readyz" + query).is(200)); len(got.Checks) != 2 || got.Checks[0].Name != "log" {
			t.Errorf("the checks are %v", got.Checks)
		}
		if got := read[wire.Health](s.do("GET /livez" + query).is(200)); len(got.Checks) != 1 {
			t.Errorf("the checks that count for life are %v", got.Checks)
		}
	}
	s.Fail(Faults{NoLeader: true, Checks: []httpapi.Check{{Name: "log", OK: true, Live: true}, {Name: "leader", Detail: "there is none"}}})
	s.do("GET /livez").is(200)
	if p := s.do("GET /readyz").fails(503, wire.NoLeader); len(p.Checks) != 2 || !strings.Contains(p.Detail, "leader (there is none)") {
		t.Errorf("not ready: %+v", p)
	}
	s.Fail(Faults{Checks: []httpapi.Check{{Name: "log", Live: true, Detail: "stuck"}}})
	s.do("GET /livez").fails(500, wire.Internal)
	s.do("GET /readyz").fails(503, wire.Behind)
	s.do("HEAD /readyz").is(503)
	if c := read[wire.Cluster](s.do("GET /v1/cluster").is(200)); len(c.Members) != 1 || !c.Members[0].Leader || c.Leader != "n1" {
		t.Errorf("the cluster is %+v", c)
	}
	s.Fail(Faults{NoLeader: true})
	if c := read[wire.Cluster](s.do("GET /v1/cluster?verbose=false").is(200)); c.Leader != "" || c.Members[0].Leader {
		t.Errorf("without a leader the cluster is %+v", c)
	}
	if l := read[wire.Limits](s.do("GET /v1/limits").is(200)); l.DataBytes != 1<<20 || l.WriteWaitMs != 10_000 || l.Requests != 4096 {
		t.Errorf("the limits are %+v", l)
	}
	if spec := s.do("GET /openapi.yaml").is(200).has("Content-Type", "application/yaml").body; !strings.HasPrefix(spec, "openapi: 3.1") {
		t.Errorf("the contract begins %.40q", spec)
	}
}

func TestARequestForAnotherHostIsRefused(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.AllowedHosts = []string{"holt-1.Example:7070", "[fd00::1]", "10.1.1.1"} })
	for host, status := range map[string]int{
		"localhost": 200, "LOCALHOST:1": 200, "localhost.": 200, "127.0.0.1:9": 200, "127.9.9.9": 200, "[::1]:7070": 200, "[::1]": 200,
		"holt-1.example": 200, "HOLT-1.example:80": 200, "10.1.1.1:7070": 200, "[fd00::1]:7070": 200,
		"evil.example": 421, "evil.example:7070": 421, "localhost.evil.example": 421, "10.1.1.2": 421, "[fd00::2]:1": 421, "0.0.0.0": 421,
		"xlocalhost": 421, "holt-1.example.evil": 421,
	} {
		a := s.do("GET /v1/cluster\nHost: " + host).is(status)
		if status == 421 {
			a.fails(421, wire.WrongHost)
			s.do("PUT /v1/znodes/a\nHost: "+host).fails(421, wire.WrongHost)
			s.do("GET /livez\nHost: "+host).fails(421, wire.WrongHost)
		}
	}
	any := start(t, func(c *httpapi.Config) { c.AllowedHosts = []string{"*"} })
	any.do("GET /v1/cluster\nHost: evil.example").is(200)
}

func TestWebPagesOfOthersMayNotWrite(t *testing.T) {
	s := start(t)
	for header, status := range map[string]int{
		"Sec-Fetch-Site: cross-site": 403, "Sec-Fetch-Site: same-site": 403, "Sec-Fetch-Site: same-origin": 201, "Sec-Fetch-Site: none": 201,
		"Origin: http://evil.example": 403, "Origin: http://" + s.addr: 201, "Origin: null": 403, "User-Agent: curl": 201,
	} {
		if a := s.do("PUT /v1/znodes/a\n" + header); status == 403 {
			a.fails(403, wire.CrossOrigin)
			s.do("POST /v1/txn\n"+header+"\n\n{}").fails(403, wire.CrossOrigin)
			s.do("POST /v1/znodes/a\n"+header).fails(403, wire.CrossOrigin)
			s.do("DELETE /v1/znodes/a\n"+header).fails(403, wire.CrossOrigin)
		} else {
			a.is(status)
			s.do("DELETE /v1/znodes/a\n" + header).is(204)
		}
	}
	s.do("GET /v1/znodes\nSec-Fetch-Site: cross-site").is(200)
}
