package apitest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// open opens a session.
func (s *server) open() wire.SessionOpened {
	s.t.Helper()
	return read[wire.SessionOpened](s.do("POST /v1/sessions?timeout=10s").is(201))
}

// as is the header line of a request of a session.
func as(o wire.SessionOpened) string { return "\nHolt-Session: " + o.ID }

// keyOf is what the state knows of a session's id.
func keyOf(t *testing.T, o wire.SessionOpened) znode.SessionKey {
	t.Helper()
	raw, err := hex.DecodeString(o.ID)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(raw)
}

func ownerOf(t *testing.T, o wire.SessionOpened) znode.Owner {
	t.Helper()
	owner, ok := znode.ParseOwner(o.Owner)
	if !ok {
		t.Fatalf("owner %q", o.Owner)
	}
	return owner
}

// nobody is an id that was never given to anyone.
const nobody = "0123456789abcdef0123456789abcdef"

func TestASessionIsOpenedRenewedLookedAtAndClosed(t *testing.T) {
	s := start(t)
	a := s.do("POST /v1/sessions?timeout=10s").is(201).has("Location", "/v1/sessions/s1").has("Holt-Zxid", "1")
	o := read[wire.SessionOpened](a)
	if len(o.ID) != 32 || o.Owner != "s1" || o.TimeoutMs != 10_000 {
		t.Errorf("opened %+v", o)
	}
	if other := s.open(); other.ID == o.ID || other.Owner != "s2" {
		t.Errorf("the second session is %+v", other)
	}
	seen := map[int64]bool{}
	for range 20 {
		k := read[wire.Kept](s.do("POST /v1/sessions/" + o.ID + "/keepalive").is(200))
		if k.TimeoutMs != 10_000 || k.ExpiresInMs != 10_000 || k.NextKeepaliveMs > 3333 || k.NextKeepaliveMs < 2666 {
			t.Errorf("kept %+v", k)
		}
		seen[k.NextKeepaliveMs] = true
	}
	if len(seen) < 2 {
		t.Error("all are told to come back at the same time")
	}
	s.do("PUT /v1/znodes/a").is(201)
	s.do("POST /v1/znodes/a/e?mode=ephemeral" + as(o)).is(201)
	s.do("POST /v1/sessions/" + o.ID + "/watches\nContent-Type: application/json\n\n" + `{"path":"/a","mode":"children"}`).is(201)
	renewed := s.Renewed()
	for _, name := range []string{o.ID, o.Owner} {
		got := read[wire.Session](s.do("GET /v1/sessions/"+name).is(200).has("Holt-Zxid", "5"))
		if got.Owner != "s1" || got.TimeoutMs != 10_000 || got.ExpiresInMs == nil || *got.ExpiresInMs != 10_000 || got.Opened != 1 ||
			fmt.Sprint(got.Ephemerals) != "[/a/e]" || fmt.Sprint(got.Watches) != "[{/a children}]" {
			t.Errorf("by %q it is %+v", name, got)
		}
		s.do("HEAD /v1/sessions/" + name).is(200).says("")
	}
	if s.Renewed() != renewed {
		t.Error("looking at a session has renewed it")
	}
	s.do("DELETE /v1/sessions/"+o.ID).is(204).has("Holt-Zxid", "6")
	s.do("GET /v1/znodes/a/e").fails(404, wire.NoNode)
	if p := s.do("GET /v1/sessions/"+o.ID).fails(410, wire.SessionExpired); p.Reason != "closed" || p.Retryable {
		t.Errorf("the problem is %+v", p)
	}
}

func TestTimeoutsAreBroughtWithinBounds(t *testing.T) {
	s := start(t)
	for query, want := range map[string]int64{
		"": 30_000, "?timeout=1ms": 2000, "?timeout=1ns": 2000, "?timeout=2s": 2000, "?timeout=2500ms": 2500, "?timeout=1m30s": 90_000,
		"?timeout=1h": 3_600_000, "?timeout=1000000h": 3_600_000,
	} {
		if o := read[wire.SessionOpened](s.do("POST /v1/sessions" + query).is(201)); o.TimeoutMs != want {
			t.Errorf("%s: %d ms, want %d", query, o.TimeoutMs, want)
		}
	}
	for _, bad := range []string{"", "0s", "0", "-1s", "10", "x", "9999999999999h", "1s&timeout=1s"} {
		s.do("POST /v1/sessions?timeout="+bad).fails(400, wire.BadArguments)
	}
	s.do("POST /v1/sessions\n\nbody").fails(400, wire.BadArguments)
	narrow := start(t, func(c *httpapi.Config) { c.MinSessionTimeout, c.MaxSessionTimeout = time.Second, 5*time.Second })
	if o := read[wire.SessionOpened](narrow.do("POST /v1/sessions").is(201)); o.TimeoutMs != 5000 {
		t.Errorf("the default is %d ms where 5s are the most", o.TimeoutMs)
	}
	if l := read[wire.Limits](narrow.do("GET /v1/limits").is(200)); l.SessionTimeoutMinMs != 1000 || l.SessionTimeoutMaxMs != 5000 || l.Streams != 20_000 {
		t.Errorf("the limits are %+v", l)
	}
}

// byID are the requests that name a session by its id, with %s in its place.
var byID = []string{
	"DELETE /v1/sessions/%s", "POST /v1/sessions/%s/keepalive", "GET /v1/sessions/%s", "GET /v1/sessions/%s/watches",
	"POST /v1/sessions/%s/watches\nContent-Type: application/json\n\n" + `{"path":"/a","mode":"exists"}`, "DELETE /v1/sessions/%s/watches?path=/a",
	"GET /v1/sessions/%s/events", "GET /v1/znodes/a\nHolt-Session: %s", "GET /v1/znodes/none\nHolt-Session: %s",
	"GET /v1/znodes/a?consistency=linearizable\nHolt-Session: %s", "GET /v1/znodes/none?wait=5m\nHolt-Session: %s",
	"HEAD /v1/znodes/a\nHolt-Session: %s", "GET /v1/children/a\nHolt-Session: %s", "PUT /v1/znodes/a\nHolt-Session: %s",
	"POST /v1/znodes/b\nHolt-Session: %s", "POST /v1/znodes/b?mode=ephemeral\nHolt-Session: %s", "DELETE /v1/znodes/a\nHolt-Session: %s",
	"POST /v1/txn\nHolt-Session: %s\n\n" + `{"ops":[{"op":"check","path":"/a"}]}`, "POST /v1/sync\nHolt-Session: %s",
	"GET /v1/snapshot\nHolt-Session: %s", "GET /v1/cluster\nHolt-Session: %s", "GET /v1/limits\nHolt-Session: %s",
	"GET /v1/sessions\nHolt-Session: %s", "POST /v1/sessions\nHolt-Session: %s", "DELETE /v1/sessions/s1\nHolt-Session: %s",
	"GET /v1/watches\nHolt-Session: %s", "GET /v1/watch/a\nHolt-Session: %s", "POST /v1/keepalive\nHolt-Session: %s\n\n[]",
}

func TestWhatIsOverIsOverForEveryRequest(t *testing.T) {
	s := start(t)
	bystander := s.open()
	s.do("PUT /v1/znodes/a\n\nx").is(201)
	closed, killed, expired := s.open(), s.open(), s.open()
	s.do("DELETE /v1/sessions/" + closed.ID).is(204)
	s.do("DELETE /v1/sessions/" + killed.Owner).is(204)
	s.Expire(ownerOf(t, expired))
	for reason, id := range map[string]string{"closed": closed.ID, "killed": killed.ID, "expired": expired.ID, "unknown": nobody} {
		for _, request := range byID {
			a := s.do(strings.Replace(request, "%s", id, 1)).is(410)
			if strings.HasPrefix(request, "HEAD") {
				continue
			}
			if p := a.fails(410, wire.SessionExpired); p.Reason != reason || p.Detail == "" || p.Retryable || p.Path != "" {
				t.Errorf("%s of one that is %s: %s", request, reason, a.body)
			}
		}
	}
	for _, o := range []wire.SessionOpened{closed, killed, expired, {Owner: "s999"}, {Owner: "s9223372036854775807"}} {
		for _, request := range []string{"GET /v1/sessions/", "DELETE /v1/sessions/"} {
			s.do(request+o.Owner).fails(410, wire.SessionExpired)
		}
	}
	s.do("GET /v1/sessions/" + bystander.ID).is(200)
	s.do("GET /v1/znodes/a").is(200).says("x").has("ETag", `"0.2"`)
	s.do("GET /v1/znodes/b").is(404)
}

func TestMalformedIDsAreRefusedAndSoIsThePublicName(t *testing.T) {
	s := start(t)
	o := s.open()
	for _, id := range []string{
		"x", "-", o.ID[1:], o.ID + "0", strings.ToUpper(nobody), nobody[:31] + "g", "s0", "s01", "s-1", "S1", `"` + o.ID + `"`, o.ID + "," + o.ID,
		strings.Repeat("0", 64),
	} {
		for _, request := range byID {
			s.do(strings.Replace(request, "%s", id, 1)).is(400)
		}
	}
	for _, request := range byID {
		a := s.do(strings.Replace(request, "%s", o.Owner, 1))
		if strings.Contains(request, "sessions/%s") && !strings.Contains(request, "POST") && !strings.Contains(request, "events") && !strings.Contains(request, "path=") {
			continue // these take it
		}
		if a.is(400); !strings.HasPrefix(request, "HEAD") && !strings.Contains(a.fails(400, wire.BadArguments).Detail, "s1 is the public name") {
			t.Errorf("%s: no hint: %s", request, a.body)
		}
		if o = s.open(); o.Owner != "s1" { // the kill by name was carried out
			s = start(t)
			o = s.open()
		}
	}
	s.do("GET /v1/cluster\nHolt-Session: "+o.ID+"\nHolt-Session: "+o.ID).fails(400, wire.BadArguments)
	s.do("GET /v1/cluster\nHolt-Session: ").fails(400, wire.BadArguments)
	other := s.open()
	for _, request := range []string{"POST /v1/sessions/%s/keepalive", "DELETE /v1/sessions/%s", "DELETE /v1/sessions/%s/watches?path=/a"} {
		s.do(strings.Replace(request, "%s", o.ID, 1)+as(other)).fails(400, wire.BadArguments) // whose request is it?
	}
	s.do("POST /v1/sessions/" + o.ID + "/keepalive" + as(o)).is(200)
	s.do("DELETE /v1/sessions/" + o.Owner + as(other)).is(204)
}

func TestIDsAreInNoLog(t *testing.T) {
	log := &safeBuffer{}
	s := start(t, func(c *httpapi.Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	o := s.open()
	for _, request := range byID {
		if !strings.HasPrefix(request, "DELETE /v1/sessions/%s") && !strings.Contains(request, "events") && !strings.Contains(request, "/v1/watch/") && !strings.Contains(request, "wait") {
			s.do(strings.Replace(request, "%s", o.ID, 1))
		}
	}
	s.do("GET /v1/sessions/" + o.ID + "/nothing").is(404)
	s.do("GET /v1/sessions/%3" + o.ID[:1] + o.ID[1:]) // escaped
	s.do("GET /v1/nothing/" + o.ID).is(404)
	s.do("DELETE /v1/sessions/" + o.ID).is(410) // it has killed itself above
	key := keyOf(t, o)
	if text := log.String(); strings.Contains(text, o.ID) || strings.Contains(text, o.ID[1:]) || strings.Contains(text, hex.EncodeToString(key[:])) {
		t.Errorf("the log tells ids:\n%s", text)
	} else if !strings.Contains(text, "/v1/sessions/…/keepalive") {
		t.Errorf("the log does not tell of the requests:\n%s", text)
	}
}

func TestSessionsAreListedPageByPage(t *testing.T) {
	s := start(t)
	for range 5 {
		s.open()
	}
	s.do("DELETE /v1/sessions/s2").is(204)
	all := read[wire.Sessions](s.do("GET /v1/sessions").is(200).has("Link", ""))
	if len(all.Sessions) != 4 || all.Next != "" || all.Sessions[0].Owner != "s1" || *all.Sessions[0].ExpiresInMs != 10_000 || all.Sessions[3].Opened != 5 {
		t.Errorf("the sessions are %+v", all)
	}
	var pages []string
	for next := "/v1/sessions?limit=3"; next != ""; {
		a := s.do("GET " + next).is(200)
		page := read[wire.Sessions](a)
		for _, row := range page.Sessions {
			pages = append(pages, row.Owner)
		}
		pages = append(pages, "→", page.Next)
		next, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	}
	if got := strings.Join(pages, " "); got != "s1 s3 s4 → s4 s5 → " {
		t.Errorf("the pages are %s", got)
	}
	for _, query := range []string{"after=s2", "after=s99999", "limit=10000"} {
		s.do("GET /v1/sessions?" + query).is(200)
	}
	for _, query := range []string{"after=x", "after=", "after=s0", "limit=0", "limit=10001", "limit=x", "consistency=x", "path=/a"} {
		s.do("GET /v1/sessions?"+query).fails(400, wire.BadArguments)
	}
	s.do("HEAD /v1/sessions").is(200).says("")
}

func TestHowLongASessionHasIsNotKnownWithoutALeader(t *testing.T) {
	s := start(t)
	o := s.open()
	s.Fail(Faults{Sessions: command.ErrNoLeader, NoLeader: true})
	if got := read[wire.Session](s.do("GET /v1/sessions/" + o.ID).is(200)); got.ExpiresInMs != nil {
		t.Errorf("somebody knows that it has %d ms", *got.ExpiresInMs)
	}
	if got := read[wire.Sessions](s.do("GET /v1/sessions").is(200)); got.Sessions[0].ExpiresInMs != nil {
		t.Errorf("somebody knows that it has %d ms", *got.Sessions[0].ExpiresInMs)
	}
	s.do("POST /v1/sessions/"+o.ID+"/keepalive").fails(503, wire.NoLeader)
	s.do("POST /v1/keepalive\n\n[\""+o.ID+"\"]").fails(503, wire.NoLeader)
	s.do("GET /v1/sessions/"+nobody).fails(503, wire.NoLeader)
	s.do("GET /v1/sessions/s99").fails(503, wire.NoLeader)
	s.Fail(Faults{Sessions: command.ErrThrottled})
	s.do("POST /v1/sessions/"+o.ID+"/keepalive").fails(429, wire.Throttled)
	s.Fail(Faults{Propose: command.ErrNoLeader})
	s.do("POST /v1/sessions").fails(503, wire.NoLeader)
	s.do("DELETE /v1/sessions/"+o.ID).fails(503, wire.NoLeader)
	s.Fail(Faults{Swallow: command.ErrUnknown})
	s.do("POST /v1/sessions").fails(504, wire.OutcomeUnknown)
	s.do("DELETE /v1/sessions/"+o.ID).fails(504, wire.OutcomeUnknown)
	s.Fail(Faults{})
	s.do("DELETE /v1/sessions/"+o.ID).fails(410, wire.SessionExpired) // it was carried out
}

func TestAMemberThatIsBehindAsksTheLeader(t *testing.T) {
	s := start(t)
	old, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	o := s.open()
	s.Fail(Faults{Old: old})
	for _, name := range []string{o.ID, o.Owner} {
		if got := read[wire.Session](s.do("GET /v1/sessions/"+name).is(200).has("Holt-Zxid", "1")); got.Owner != o.Owner {
			t.Errorf("it is %+v", got)
		}
	}
	before := s.Renewed()
	s.do("GET /v1/znodes"+as(o)).is(200).has("Holt-Zxid", "0")
	if s.Renewed() != before+1 {
		t.Error("the read has not renewed the session")
	}
	s.do("PUT /v1/znodes/a" + as(o)).is(201)
	s.do("POST /v1/sessions/" + o.ID + "/keepalive").is(200)
	s.do("GET /v1/znodes\nHolt-Session: "+nobody).fails(410, wire.SessionExpired)
	s.do("GET /v1/sessions/s99").fails(410, wire.SessionExpired)
	s.Fail(Faults{Old: old, Sessions: command.ErrNoLeader})
	s.do("GET /v1/znodes"+as(o)).fails(503, wire.NoLeader) // never 410 out of ignorance
	s.do("GET /v1/sessions/"+o.ID).fails(503, wire.NoLeader)
	s.Expire(ownerOf(t, o))
	s.Fail(Faults{Old: old})
	if p := s.do("GET /v1/znodes"+as(o)).fails(410, wire.SessionExpired); p.Reason != "expired" {
		t.Errorf("the reason is %q", p.Reason)
	}
}

func TestAReadRenewsItsSession(t *testing.T) {
	s := start(t)
	o := s.open()
	for i, request := range []string{
		"GET /v1/znodes", "HEAD /v1/znodes", "GET /v1/znodes/none", "GET /v1/children", "GET /v1/znodes?consistency=linearizable",
		"POST /v1/sync", "GET /v1/cluster", "GET /v1/snapshot", "GET /v1/sessions", "GET /v1/watches",
	} {
		s.do(request + as(o))
		if s.Renewed() != i+1 {
			t.Fatalf("%s: %d renewals", request, s.Renewed())
		}
	}
	s.Fail(Faults{Sessions: command.ErrNoLeader})
	s.do("GET /v1/znodes" + as(o)).is(200) // a local read waits for nobody
	s.do("GET /v1/znodes?consistency=linearizable"+as(o)).fails(503, wire.NoLeader)
	s.do("POST /v1/sync"+as(o)).fails(503, wire.NoLeader)
	s.do("GET /livez\nHolt-Session: x").is(200)
}
