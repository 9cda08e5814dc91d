package apitest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// setWatch is the request for a watch.
func setWatch(o wire.SessionOpened, path, mode string) string {
	return "POST /v1/sessions/" + o.ID + "/watches\nContent-Type: application/json\n\n" + `{"path":"` + path + `","mode":"` + mode + `"}`
}

func TestAWatchIsSetWithWhatItIsAbout(t *testing.T) {
	s := start(t)
	o := s.open()
	s.do("PUT /v1/znodes/a\n\nhello").is(201)
	s.do("PUT /v1/znodes/a/c\n\n\xff").is(201)
	data := read[wire.WatchSet](s.do(setWatch(o, "/a", "data")).is(201).has("Holt-Zxid", "4"))
	if data.Path != "/a" || data.Mode != "data" || data.Zxid != 4 || *data.Data != "hello" || data.Encoding != wire.UTF8 || data.Stat.NumChildren != 1 {
		t.Errorf("of data: %+v", data)
	}
	if raw := read[wire.WatchSet](s.do(setWatch(o, "/a/c", "data")).is(201)); *raw.Data != "/w==" || raw.Encoding != wire.Base64 {
		t.Errorf("of bytes: %+v", raw)
	}
	children := read[wire.WatchSet](s.do(setWatch(o, "/a", "children")).is(201))
	if fmt.Sprint(children.Children) != "[c]" || children.Stat.Cversion != 1 || children.Zxid != 6 {
		t.Errorf("of children: %+v", children)
	}
	for _, mode := range []string{"exists", "persistent", "persistent_recursive"} {
		if got := read[wire.WatchSet](s.do(setWatch(o, "/a", mode)).is(201)); !*got.Exists || got.Stat.DataLength != 5 || got.Mode != mode {
			t.Errorf("%s of what exists: %+v", mode, got)
		}
		if got := read[wire.WatchSet](s.do(setWatch(o, "/none", mode)).is(201)); *got.Exists || got.Stat != nil || got.Path != "/none" {
			t.Errorf("%s of what does not: %+v", mode, got)
		}
	}
	zxid := s.do(setWatch(o, "/a", "data")).is(201).header.Get("Holt-Zxid")
	if zxid != "12" {
		t.Errorf("a watch that is there already has changed the state to %s", zxid)
	}
	for _, mode := range []string{"data", "children"} {
		if p := s.do(setWatch(o, "/none", mode)).fails(404, wire.NoNode); p.Path != "/none" {
			t.Errorf("the problem is about %s", p.Path)
		}
	}
	for _, name := range []string{o.ID, o.Owner} {
		got := read[wire.Watches](s.do("GET /v1/sessions/" + name + "/watches").is(200))
		want := "[{/a data} {/a exists} {/a children} {/a persistent} {/a persistent_recursive} {/a/c data} {/none exists} {/none persistent} {/none persistent_recursive}]"
		if fmt.Sprint(got.Watches) != want {
			t.Errorf("the watches are %v", got.Watches)
		}
	}
	s.do("HEAD /v1/sessions/" + o.ID + "/watches").is(200).says("")
}

func TestAWatchIsRemoved(t *testing.T) {
	s := start(t)
	o, other := s.open(), s.open()
	s.do(setWatch(other, "/a", "exists")).is(201)
	for _, mode := range []string{"exists", "persistent"} {
		s.do(setWatch(o, "/a", mode)).is(201)
		s.do(setWatch(o, "/b", mode)).is(201)
	}
	s.do("DELETE /v1/sessions/"+o.ID+"/watches?path=/a&mode=exists").is(204).has("Holt-Zxid", "8")
	if p := s.do("DELETE /v1/sessions/"+o.ID+"/watches?path=/a&mode=exists").fails(404, wire.NoWatch); p.Path != "/a" {
		t.Errorf("the problem is about %s", p.Path)
	}
	s.do("DELETE /v1/sessions/" + o.ID + "/watches?path=/b").is(204)
	s.do("DELETE /v1/sessions/"+o.ID+"/watches?path=/b").fails(404, wire.NoWatch)
	if got := read[wire.Watches](s.do("GET /v1/sessions/" + o.ID + "/watches")); fmt.Sprint(got.Watches) != "[{/a persistent}]" {
		t.Errorf("left are %v", got.Watches)
	}
	if got := read[wire.Watches](s.do("GET /v1/sessions/" + other.ID + "/watches")); len(got.Watches) != 1 {
		t.Errorf("the other's are %v", got.Watches)
	}
	for _, query := range []string{"", "?mode=data", "?path=a", "?path=/a/", "?path=/a&mode=any", "?path=/a&mode=", "?path=/a&path=/b", "?path=/a&x=1"} {
		s.do("DELETE /v1/sessions/"+o.ID+"/watches"+query).fails(400, wire.BadArguments)
	}
	for _, body := range []string{
		``, `{}`, `[]`, `{"path":"/a"}`, `{"mode":"data"}`, `{"path":"a","mode":"exists"}`, `{"path":"/a","mode":"any"}`, `{"path":"/a","mode":"Data"}`,
		`{"path":"/a","mode":"exists","x":1}`, `{"path":"/a","mode":"exists"} x`, `{"path":"/a","mode":null}`, `{"path":"/a//b","mode":"exists"}`,
	} {
		s.do("POST /v1/sessions/"+o.ID+"/watches\nContent-Type: application/json\n\n"+body).fails(400, wire.BadArguments)
	}
	s.do("POST /v1/sessions/"+o.ID+"/watches\nContent-Type: text/plain\n\n"+`{"path":"/a","mode":"exists"}`).fails(400, wire.BadArguments)
	s.do("POST /v1/sessions/"+o.ID+"/watches\nContent-Type: application/json\n\n"+strings.Repeat(" ", httpapi.MaxWatchBodyBytes+1)).fails(413, wire.TooLarge)
}

// fill carries out many ops for a session behind the API's back, each in a transaction.
func (s *server) fill(key znode.SessionKey, n int, op func(i int) znode.Op) {
	s.t.Helper()
	for i := range n {
		res, err := s.Propose(s.t.Context(), &znode.Txn{Session: &key, Ops: []znode.Op{op(i)}})
		if err != nil || res.Code != znode.OK {
			s.t.Fatal(res, err)
		}
	}
}

func TestASessionHasItsLimits(t *testing.T) {
	s := start(t)
	o := s.open()
	key := keyOf(t, o)
	s.fill(key, znode.MaxSessionWatches, func(i int) znode.Op {
		return znode.AddWatchOp(znode.MustPath("/"+strconv.Itoa(i)), znode.ExistsWatch)
	})
	if p := s.do(setWatch(o, "/more", "exists")).fails(507, wire.QuotaExceeded); !strings.Contains(p.Detail, "session_watches") {
		t.Errorf("one watch too many: %s", p.Detail)
	}
	s.do(setWatch(o, "/1", "exists")).is(201) // it is there already
	s.do(setWatch(s.open(), "/more", "exists")).is(201)
	if got := read[wire.Watches](s.do("GET /v1/sessions/" + o.Owner + "/watches").is(200)); len(got.Watches) != znode.MaxSessionWatches {
		t.Errorf("%d watches", len(got.Watches))
	}
	s.do("HEAD /v1/sessions/" + o.Owner).is(200)

	s.do("PUT /v1/znodes/dir").is(201)
	s.fill(key, znode.MaxSessionEphemerals, func(i int) znode.Op {
		return znode.CreateOp(znode.MustPath("/dir/"+strconv.Itoa(i)), "", znode.Ephemeral)
	})
	if p := s.do("POST /v1/znodes/dir/more?mode=ephemeral"+as(o)).fails(507, wire.QuotaExceeded); !strings.Contains(p.Detail, "session_ephemerals") {
		t.Errorf("one ephemeral too many: %s", p.Detail)
	}
	s.do("POST /v1/znodes/dir/more" + as(o)).is(201)
	s.do("DELETE /v1/znodes/dir/7").is(204)
	s.do("POST /v1/znodes/dir/e?mode=ephemeral_sequential" + as(o)).is(201)
	if got := read[wire.Session](s.do("GET /v1/sessions/" + o.Owner).is(200)); len(got.Ephemerals) != znode.MaxSessionEphemerals {
		t.Errorf("%d ephemerals", len(got.Ephemerals))
	}
	s.do("DELETE /v1/sessions/" + o.ID).is(204)
	if got := read[wire.Children](s.do("GET /v1/children/dir").is(200)); fmt.Sprint(got.Children) != "[more]" {
		t.Errorf("%d are left", len(got.Children))
	}
}

func TestWhoWatchesWhat(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a").is(201)
	one, two := s.open(), s.open() // s2, s3
	for _, w := range []struct {
		o          wire.SessionOpened
		path, mode string
	}{{two, "/a", "data"}, {one, "/a", "exists"}, {one, "/a", "data"}, {two, "/a,b", "persistent"}, {one, "/b", "exists"}} {
		s.do(setWatch(w.o, w.path, w.mode)).is(201)
	}
	for query, want := range map[string]string{
		"":                          "{s2 /a data} {s2 /a exists} {s2 /b exists} {s3 /a data} {s3 /a,b persistent} → ",
		"?path=/a":                  "{s2 /a data} {s3 /a data} {s2 /a exists} → ",
		"?path=/a,b":                "{s3 /a,b persistent} → ",
		"?path=/":                   "→ ",
		"?limit=2":                  "{s2 /a data} {s2 /a exists} → s2,exists,/a",
		"?limit=5":                  "{s2 /a data} {s2 /a exists} {s2 /b exists} {s3 /a data} {s3 /a,b persistent} → ",
		"?after=s2,exists,/a":       "{s2 /b exists} {s3 /a data} {s3 /a,b persistent} → ",
		"?after=s2,exists,/zzz":     "{s3 /a data} {s3 /a,b persistent} → ",
		"?after=s3,persistent,/a,b": "→ ",
		"?after=s3,data,/a,a":       "{s3 /a,b persistent} → ",
	} {
		got := read[wire.AllWatches](s.do("GET /v1/watches" + query).is(200))
		text := ""
		for _, w := range got.Watches {
			text += fmt.Sprint(w) + " "
		}
		if text += "→ " + got.Next; text != want {
			t.Errorf("%s: %s, want %s", query, text, want)
		}
	}
	for _, query := range []string{"", "&path=/a"} {
		var pages []string
		for next := "/v1/watches?limit=1" + query; next != ""; {
			a := s.do("GET " + next).is(200)
			for _, w := range read[wire.AllWatches](a).Watches {
				pages = append(pages, w.Owner+w.Path+" "+w.Mode)
			}
			next, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
		}
		want := "s2/a data, s2/a exists, s2/b exists, s3/a data, s3/a,b persistent"
		if query != "" {
			want = "s2/a data, s3/a data, s2/a exists"
		}
		if got := strings.Join(pages, ", "); got != want {
			t.Errorf("page by page%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?path=a", "?path=", "?path=/a&path=/b", "?after=", "?after=s2", "?after=s2,data", "?after=s2,any,/a", "?after=x,data,/a", "?after=s2,data,a", "?limit=0", "?mode=data"} {
		s.do("GET /v1/watches"+query).fails(400, wire.BadArguments)
	}
}

func TestEphemerals(t *testing.T) {
	s := start(t)
	o := s.open()
	for _, mode := range []string{"ephemeral", "ephemeral_sequential"} {
		s.do("POST /v1/znodes/e?mode="+mode).fails(400, wire.BadArguments)
		p := s.do("POST /v1/txn\nContent-Type: application/json\n\n"+`{"ops":[{"op":"create","path":"/e","mode":"`+mode+`"}]}`).fails(400, wire.BadArguments)
		if p.Failed == nil || *p.Failed != 0 || !strings.Contains(p.Detail, "Holt-Session") {
			t.Errorf("the problem is %+v", p)
		}
	}
	s.do("POST /v1/znodes/e?mode=ephemeral"+as(o)+"\n\nx").is(201).has("Znode-Ephemeral-Owner", "s1").has("Location", "/v1/znodes/e")
	s.do("POST /v1/znodes/q-?mode=ephemeral_sequential"+as(o)).is(201).has("Znode-Ephemeral-Owner", "s1").has("Location", "/v1/znodes/q-0000000001")
	s.do("GET /v1/znodes/e").is(200).says("x").has("Znode-Ephemeral-Owner", "s1")
	if z := read[wire.Znode](s.do("GET /v1/znodes/e?format=json")); z.Stat.EphemeralOwner != "s1" {
		t.Errorf("its stat is %+v", z.Stat)
	}
	for _, request := range []string{
		"POST /v1/znodes/e/x", "PUT /v1/znodes/e/x", "POST /v1/znodes/e/x?mode=ephemeral" + as(o), "PUT /v1/znodes/e/x\nIf-None-Match: *",
		"POST /v1/txn\nContent-Type: application/json\n\n" + `{"ops":[{"op":"create","path":"/e/x"}]}`,
	} {
		if p := s.do(request).fails(409, wire.NoChildrenEphemerals); p.Path != "/e" {
			t.Errorf("%s: the problem is about %s", request, p.Path)
		}
	}
	done := read[wire.TxnDone](s.do("POST /v1/txn\nContent-Type: application/json" + as(o) + "\n\n" +
		`{"ops":[{"op":"create","path":"/t","mode":"ephemeral"},{"op":"create","path":"/stays"}]}`).is(200))
	if done.Results[0].Stat.EphemeralOwner != "s1" || done.Results[1].Stat.EphemeralOwner != "" {
		t.Errorf("the results are %+v", done)
	}
	s.do("PUT /v1/znodes/e\n\nanother's").is(200).has("Znode-Ephemeral-Owner", "s1") // anyone may write it
	s.do("PUT /v1/znodes/p"+as(o)).is(201).has("Znode-Ephemeral-Owner", "")
	s.Expire(ownerOf(t, o))
	if got := read[wire.Children](s.do("GET /v1/children")); fmt.Sprint(got.Children) != "[p stays]" {
		t.Errorf("left are %v", got.Children)
	}
	p := s.do("POST /v1/znodes/e?mode=ephemeral"+as(o)).fails(410, wire.SessionExpired)
	if p.Reason != "expired" || p.Path != "" {
		t.Errorf("the problem is %+v", p)
	}
}

// stuck is a stream of a session that has taken what there is and does not get on.
func (s *server) stuck(o wire.SessionOpened) *watch.Subscription {
	s.t.Helper()
	sub, err := s.Hub.Subscribe(watch.Filter{Session: ownerOf(s.t, o)}, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(sub.Close)
	return sub
}

func TestNoAnswerOvertakesTheEventsOfItsSession(t *testing.T) {
	s := start(t)
	o := s.open()
	s.do("PUT /v1/znodes/a").is(201)
	s.do(setWatch(o, "/a", "persistent")).is(201)
	sub := s.stuck(o)
	for _, request := range []string{
		"PUT /v1/znodes/a" + as(o), "GET /v1/znodes/a" + as(o), "GET /v1/znodes/none" + as(o), "POST /v1/sync" + as(o), "GET /v1/cluster" + as(o),
		"GET /v1/znodes/a?consistency=linearizable" + as(o), "PUT /v1/znodes/a\nIf-Match: 99" + as(o),
		"POST /v1/txn\nContent-Type: application/json" + as(o) + "\n\n" + `{"ops":[{"op":"check","path":"/a"}]}`,
		setWatch(o, "/a", "data"), "GET /v1/znodes/a?format=xml" + as(o),
	} {
		s.do("PUT /v1/znodes/a").is(200) // which nobody waits with
		var batch [8]*watch.Message
		eventually(t, "the stream has the event", func() bool { n, _, _ := sub.Take(batch[:]); return n > 0 })
		answered := make(chan answer, 1)
		go func() { answered <- s.do(request) }()
		for done := s.overtakes(answered, request); !done; {
			_, upTo, _ := sub.Take(batch[:])
			sub.Sent(upTo)
			select {
			case <-answered:
				done = true
			case <-sub.Ready():
			}
		}
	}
	s.do("PUT /v1/znodes/a").is(200)
	s.do("GET /v1/znodes/a").is(200)                         // not of the session
	s.do("POST /v1/sessions/" + o.ID + "/keepalive").is(200) // shows nothing
	s.do("POST /v1/sessions/" + o.ID + "/keepalive" + as(o)).is(200)
	sub.Close()
	s.do("GET /v1/znodes/a" + as(o)).is(200)
}

// overtakes complains of an answer that comes at once.
func (s *server) overtakes(answered <-chan answer, request string) bool {
	s.t.Helper()
	select {
	case a := <-answered:
		s.t.Errorf("%s is answered with %d although the events before it are not told", request, a.status)
		return true
	case <-time.After(20 * time.Millisecond):
		return false
	}
}

func TestAnAnswerThatWouldOvertakeIsCutOff(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.StreamWriteTimeout = time.Millisecond })
	o := s.open()
	s.do("PUT /v1/znodes/a").is(201)
	s.do(setWatch(o, "/a", "data")).is(201)
	s.stuck(o)
	c := s.dial()
	c.say("PUT /v1/znodes/a HTTP/1.1", "Host: localhost", "Content-Length: 0", "Holt-Session: "+o.ID, "")
	c.isClosed()
	s.do("GET /v1/znodes/a").is(200).has("Znode-Version", "1") // it was carried out all the same
	if !strings.Contains(s.log.String(), "answer cut off") {
		t.Errorf("the log is %s", s.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Hub.Flushed(ctx, ownerOf(t, o), 4) == nil {
		t.Error("the stream was not stuck at all")
	}
}
