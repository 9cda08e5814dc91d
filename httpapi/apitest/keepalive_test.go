package apitest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
)

func TestManySessionsAreRenewedAtOnce(t *testing.T) {
	s := start(t)
	alive, closed := s.open(), s.open()
	s.do("DELETE /v1/sessions/" + closed.ID).is(204)
	check := func(results []wire.KeepaliveResult) {
		t.Helper()
		if len(results) != 4 {
			t.Fatalf("%d results", len(results))
		}
		for _, i := range []int{0, 3} {
			if r := results[i]; r.ID != alive.ID || r.Kept == nil || r.TimeoutMs != 10_000 || r.ExpiresInMs != 10_000 || r.Code != "" {
				t.Errorf("of one that is alive: %+v", r)
			}
		}
		for i, reason := range map[int]string{1: "closed", 2: "unknown"} {
			if r := results[i]; r.Kept != nil || r.Code != wire.SessionExpired || r.Reason != reason {
				t.Errorf("of one that is %s: %+v", reason, r)
			}
		}
	}
	ids := []string{alive.ID, closed.ID, nobody, alive.ID}
	list := `["` + strings.Join(ids, `", "`) + `"]`
	check(read[[]wire.KeepaliveResult](s.do("POST /v1/keepalive\nContent-Type: application/json\n\n"+list).is(200).has("Content-Type", "application/json")))
	lines := `"` + strings.Join(ids, "\"\n\n  \"") + "\"\r\n"
	a := s.do("POST /v1/keepalive\nContent-Type: application/x-ndjson\n\n"+lines).is(200).has("Content-Type", "application/x-ndjson")
	var results []wire.KeepaliveResult
	for line := range strings.Lines(a.body) {
		var r wire.KeepaliveResult
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	check(results)
	if s.Renewed() != 4 {
		t.Errorf("%d renewals", s.Renewed())
	}
	s.do("POST /v1/keepalive\nContent-Type: application/json\n\n[]").is(200).says("[]\n")
	s.do("POST /v1/keepalive\nContent-Type: application/x-ndjson\n\n\n").is(200).says("")
}

func TestBadListsOfSessions(t *testing.T) {
	s := start(t)
	o := s.open()
	id := `"` + o.ID + `"`
	for _, c := range []struct{ media, body string }{
		{"application/json", ""}, {"application/json", id}, {"application/json", "{}"}, {"application/json", "[" + id + ",]"},
		{"application/json", "[null]"}, {"application/json", "[7]"}, {"application/json", "[" + id + "] x"}, {"application/json", `["` + o.Owner + `"]`},
		{"application/json", "[" + id + `,"x"]`}, {"application/json", "null"}, {"application/x-ndjson", "[" + id + "]"},
		{"application/x-ndjson", id + " " + id}, {"application/x-ndjson", o.ID}, {"application/x-ndjson", id + "\n{}"},
		{"text/plain", "[]"}, {"application/x-www-form-urlencoded", id}, {"nonsense; =", "[]"},
	} {
		s.do("POST /v1/keepalive\nContent-Type: "+c.media+"\n\n"+c.body).fails(400, wire.BadArguments)
	}
	if p := s.do("POST /v1/keepalive\n\n["+id+`,"s1"]`).fails(400, wire.BadArguments); !strings.Contains(p.Detail, "entry 1") || strings.Contains(p.Detail, o.ID) {
		t.Errorf("the detail is %s", p.Detail)
	}
	if s.Renewed() != 0 {
		t.Error("something was renewed")
	}
	full := "[" + id + strings.Repeat(","+id, httpapi.MaxKeepalives-1) + "]"
	if got := read[[]wire.KeepaliveResult](s.do("POST /v1/keepalive\nContent-Type: application/json\n\n" + full).is(200)); len(got) != httpapi.MaxKeepalives {
		t.Errorf("%d results", len(got))
	}
	more := fmt.Sprintf("[%s,%s", id, full[1:])
	if p := s.do("POST /v1/keepalive\nContent-Type: application/json\n\n"+more).fails(413, wire.TooLarge); *p.Limit != httpapi.MaxKeepalives {
		t.Errorf("the limit is %d", *p.Limit)
	}
	s.do("POST /v1/keepalive\nContent-Type: application/json\n\n"+strings.Repeat(" ", httpapi.MaxKeepaliveBodyBytes+1)).fails(413, wire.TooLarge)
}
