package client_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi/apitest"
	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// A write is sent again, under one key, until there is a definite answer. Only where there is none before time is up, and
// an attempt may have been carried out, is it unknown.
func TestWhatBecomesOfAWrite(t *testing.T) {
	ok, replay := step{status: 200}, step{status: 200, again: true}
	reset, refused, hang := step{err: errReset}, step{err: errDial}, step{hang: true}
	problem := func(status int, code wire.Code) step { return step{status: status, code: code} }
	noLeader, unknown := problem(503, wire.NoLeader), problem(504, wire.OutcomeUnknown)
	forbidden, wrong := problem(403, wire.NoAuth), problem(412, wire.BadVersion)
	for _, c := range []struct {
		name  string
		a, b  []step
		asked string // hosts, as far as that is looked at
		want  client.Code
		again bool          // Replayed
		least time.Duration // of the 5 s that there are
		early time.Duration // Config.Unreachable
	}{
		{name: "well", a: []step{ok}, asked: "a"},
		{name: "cut off before it was done", a: []step{reset}, b: []step{ok}, asked: "ab"},
		{name: "cut off after it was done", a: []step{reset}, b: []step{replay}, asked: "ab", again: true},
		{name: "cut off by the only member", a: []step{reset, reset, replay}, asked: "aaa", again: true},
		{name: "unknown, then replayed", a: []step{unknown}, b: []step{replay}, asked: "ab", again: true},
		{name: "unknown, then refused before it was done", a: []step{unknown}, b: []step{wrong}, asked: "ab", want: client.BadVersion},
		{name: "no leader, then done", a: []step{noLeader, ok}, b: []step{noLeader}, asked: "aba"},
		{name: "a gateway's 502 and 503", a: []step{{status: 502}, replay}, b: []step{{status: 503}}, asked: "aba", again: true},
		{name: "a member that breaks down on it", a: []step{problem(500, wire.Internal)}, b: []step{replay}, asked: "ab", again: true},
		{name: "all break down on it", a: []step{problem(500, wire.Internal)}, b: []step{problem(500, wire.Internal)}, asked: "ab", want: client.ErrUnknown},
		{name: "throttled", a: []step{{status: 429, code: wire.Throttled, after: "3"}, ok}, asked: "aa", least: 3 * time.Second},
		{name: "nobody listens, then somebody", a: []step{refused, refused, ok}, b: []step{refused}, asked: "ababa"},
		{name: "a member that hangs", a: []step{hang}, b: []step{replay}, asked: "ab", again: true, least: 3750 * time.Millisecond},

		{name: "refused", a: []step{wrong}, asked: "a", want: client.BadVersion},
		{name: "refused for what it is", a: []step{problem(400, wire.BadArguments)}, asked: "a", want: client.BadArguments},
		{name: "forbidden", a: []step{forbidden}, asked: "a", want: client.NoAuth},
		{name: "the key of another", a: []step{problem(422, wire.IdempotencyMismatch)}, asked: "a", want: client.IdempotencyMismatch},

		{name: "no leader, ever", a: []step{noLeader}, b: []step{noLeader}, want: client.NoLeader, least: 4 * time.Second},
		{name: "nobody listens, ever", a: []step{refused}, b: []step{refused}, want: client.Unreachable, least: 4 * time.Second},
		{name: "cut off, and no leader since", a: []step{reset, noLeader}, b: []step{noLeader}, want: client.ErrUnknown, least: 4 * time.Second},
		{name: "cut off, and nobody listens since", a: []step{reset, refused}, b: []step{refused}, want: client.ErrUnknown, least: 4 * time.Second, early: time.Second},
		{name: "cut off, and the session is over since", a: []step{reset}, b: []step{problem(410, wire.SessionExpired)}, asked: "ab", want: client.SessionExpired},
		{name: "cut off, and the key is another's since", a: []step{reset}, b: []step{problem(422, wire.IdempotencyMismatch)}, asked: "ab", want: client.IdempotencyMismatch},
		{name: "always cut off", a: []step{reset}, b: []step{reset}, want: client.ErrUnknown, least: 4 * time.Second},
		{name: "all hang", a: []step{hang}, b: []step{hang}, asked: "ab", want: client.ErrUnknown, least: 5 * time.Second},
		{name: "no leader, then it hangs", a: []step{noLeader, hang}, want: client.ErrUnknown, least: 5 * time.Second},
		// That others will not look into it does not say that the first did not do it.
		{name: "cut off, then forbidden", a: []step{reset, forbidden}, b: []step{forbidden}, asked: "abba", want: client.ErrUnknown},
		{name: "cut off, then not holt", a: []step{reset, {status: 404}}, b: []step{{status: 404}}, asked: "abba", want: client.ErrUnknown},
		{name: "cut off, then forbidden long ago", a: []step{reset}, b: []step{{status: 403, code: wire.NoAuth, again: true}}, asked: "ab", want: client.NoAuth, again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := &script{steps: map[string][]step{"a": c.a, "b": c.b}}
				cfg := client.Config{Endpoints: []string{"a", "b"}, HTTP: &http.Client{Transport: net}, Timeout: 5 * time.Second,
					Unreachable: c.early}
				if c.b == nil {
					cfg.Endpoints = []string{"a"}
				}
				began := time.Now()
				w, err := connect(t, cfg).Put(t.Context(), "/a", nil, client.Any())
				if took := time.Since(began); took < c.least || took > 5*time.Second {
					t.Errorf("took %v, at least %v of 5 s were expected", took, c.least)
				}
				var e *client.Error
				switch {
				case c.want == "" && (err != nil || w.Replayed != c.again):
					t.Errorf("%+v, %v; Replayed should be %v", w, err, c.again)
				case c.want != "" && (!errors.As(err, &e) || !errors.Is(err, c.want) || e.Key != net.keys[0] || e.Replayed != c.again):
					t.Errorf("error %+v, want %s with the key %s", err, c.want, net.keys[0])
				}
				if got := strings.Join(net.asked, ""); c.asked != "" && got != c.asked {
					t.Errorf("asked %s, want %s", got, c.asked)
				}
				if keys := slices.Compact(net.keys); len(keys) != 1 || len(keys[0]) < 22 {
					t.Errorf("keys %q, want one of 128 bits", keys)
				}
			})
		})
	}
}

// The end of the caller's patience leaves the same two answers.
func TestAWriteThatIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		name    string
		step    step
		unknown bool
	}{
		{"not sent to anybody", step{err: errDial}, false},
		{"refused so far", step{status: 503, code: wire.NoLeader}, false},
		{"under way", step{hang: true}, true},
		{"broken off so far", step{err: errReset}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := &script{steps: map[string][]step{"a": {c.step}}}
				cl := connect(t, client.Config{Endpoints: []string{"a"}, HTTP: &http.Client{Transport: net}})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				_, err := cl.Delete(ctx, "/a", client.Any())
				if err == nil || errors.Is(err, client.ErrUnknown) != c.unknown {
					t.Errorf("error %v; unknown should be %v", err, c.unknown)
				}
			})
		})
	}
}

// The servers forget outcomes, so that a caller with all the time in the world is told before they may have.
func TestAWriteIsNotSentAgainForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &script{steps: map[string][]step{"a": {{err: errReset}}}}
		cl := connect(t, client.Config{Endpoints: []string{"a"}, HTTP: &http.Client{Transport: net}, Timeout: 24 * time.Hour})
		began := time.Now()
		_, err := cl.Put(t.Context(), "/a", nil, client.Any())
		if took := time.Since(began); !errors.Is(err, client.ErrUnknown) || took > 9*time.Minute || took < 4*time.Minute {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Each kind of write has a key of its own each time, or the caller's; what may be done twice has none.
func TestWhoHasAKey(t *testing.T) {
	s, c := serve(t)
	ctx := t.Context()
	ops := func(names ...string) (all []wire.Op) {
		for _, n := range names {
			all = append(all, wire.Op{Op: n, Path: "/a"})
		}
		return all
	}
	one, err := c.OpenSession(ctx, time.Hour) // no renewal comes between the requests
	if err != nil {
		t.Fatal(err)
	}
	defer one.Leave()
	steps := []struct {
		name string
		do   func(c *client.Client) error
		key  bool
	}{
		{"Create", func(c *client.Client) error { _, err := c.Create(ctx, "/a", nil, client.Persistent); return err }, true},
		{"Put", func(c *client.Client) error { _, err := c.Put(ctx, "/a", nil, client.Any()); return err }, true},
		{"Txn", func(c *client.Client) error { _, err := c.Txn(ctx, ops("get", "delete")); return err }, true},
		{"Txn of reads", func(c *client.Client) error { _, err := c.Txn(ctx, ops("get", "exists")); return err }, false},
		{"Delete", func(c *client.Client) error { _, err := c.Delete(ctx, "/a", client.Any()); return err }, true},
		{"DeleteTree", func(c *client.Client) error { _, err := c.DeleteTree(ctx, "/a", client.Any()); return err }, true},
		{"SetWatch", func(*client.Client) error { _, err := one.SetWatch(ctx, "/a", client.WatchExists); return err }, false},
		{"RemoveWatch", func(*client.Client) error { return one.RemoveWatch(ctx, "/a", "") }, false},
		{"Keepalive", func(c *client.Client) error { _, err := c.Keepalive(ctx, one.ID); return err }, false},
		{"Get", func(c *client.Client) error { _, err := c.Get(ctx, "/a", client.Local); return err }, false},
		{"Sync", func(c *client.Client) error { _, err := c.Sync(ctx); return err }, false},
	}
	seen := map[string]string{}
	for _, step := range steps {
		n := len(s.Requests())
		_ = step.do(c) // whatever comes of it
		key := s.Requests()[n].Header.Get("Idempotency-Key")
		if (key != "") != step.key || seen[key] != "" {
			t.Errorf("%s: key %q, that of %q", step.name, key, seen[key])
		}
		if seen[key] = step.name; key == "" {
			delete(seen, "")
		}
		n = len(s.Requests())
		_ = step.do(c.Keyless())
		if key = s.Requests()[n].Header.Get("Idempotency-Key"); key != "" {
			t.Errorf("%s without a key: %q", step.name, key)
		}
		n = len(s.Requests())
		_ = step.do(c.Keyed("mine"))
		if key = s.Requests()[n].Header.Get("Idempotency-Key"); step.key && key != "mine" {
			t.Errorf("%s with my key: %q", step.name, key)
		}
	}
	for _, key := range []string{"a b", "ä", "", strings.Repeat("k", client.MaxKey+1), "a\nb"} {
		n := len(s.Requests())
		_, err := c.Keyed(key).Put(ctx, "/b", nil, client.Any())
		if sent := len(s.Requests()) > n; sent != (key == "") || key != "" && !errors.Is(err, client.BadArguments) {
			t.Errorf("key %q: sent %v, %v", key, sent, err)
		}
	}
}

// A member that did the write and lost the answer is asked again, and says what it said then.
func TestLostAnswers(t *testing.T) {
	s, c := serve(t)
	ctx := t.Context()
	s.Apply(znode.CreateOp(znode.MustPath("/q"), "", znode.Persistent))
	s.Lose(2)
	w, err := c.Create(ctx, "/q/job-", []byte("x"), client.PersistentSequential)
	if err != nil || w.Path != "/q/job-0000000000" || !w.Replayed || !w.Created {
		t.Errorf("Create = %+v, %v", w, err)
	}
	s.Lose(1)
	if w, err := c.Put(ctx, "/q", []byte("two"), client.Version(0)); err != nil || w.Stat.Version != 1 || !w.Replayed {
		t.Errorf("Put = %+v, %v", w, err)
	}
	s.Lose(1)
	if _, err := c.Delete(ctx, w.Path, client.Any()); err != nil {
		t.Errorf("Delete: %v", err)
	}
	s.Lose(1)
	if _, err := c.Delete(ctx, w.Path, client.Any()); !errors.Is(err, client.NoNode) {
		t.Errorf("Delete of nothing: %v", err)
	}
	s.Lose(1)
	if done, err := c.Txn(ctx, []wire.Op{{Op: "create", Path: "/q/a"}, {Op: "get", Path: "/q"}}); err != nil || !done.Replayed ||
		len(done.Results) != 2 || done.Results[1].Data == nil || *done.Results[1].Data != "two" {
		t.Errorf("Txn = %+v, %v", done, err)
	}
	s.Lose(1)
	if _, err := c.DeleteTree(ctx, "/q", client.Any()); err != nil || s.State().Tree.Len() != 1 {
		t.Errorf("DeleteTree: %v, %d znodes are left", err, s.State().Tree.Len())
	}

	s.Lose(1) // without a key nobody dares to ask
	if _, err := c.Keyless().Put(ctx, "/a", nil, client.CreateOnly()); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("Put without a key: %v", err)
	}
	first, err := c.Keyed("mine").Put(ctx, "/a", []byte("one"), client.Any())
	if err != nil || first.Replayed {
		t.Errorf("Put with my key: %+v, %v", first, err)
	}
	again, err := c.Keyed("mine").Put(ctx, "/a", []byte("one"), client.Any())
	if err != nil || !again.Replayed || again.Zxid != first.Zxid {
		t.Errorf("Put with my key again: %+v, %v", again, err)
	}
	if _, err := c.Keyed("mine").Put(ctx, "/a", []byte("two"), client.Any()); !errors.Is(err, client.IdempotencyMismatch) {
		t.Errorf("another Put with my key: %v", err)
	}
}

// The session whose opening was not heard of is the one that is given, and it is renewed.
func TestASessionIsOpenedOnce(t *testing.T) {
	s, c := serve(t)
	s.Lose(2)
	one, err := c.OpenSession(t.Context(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Leave()
	var owners []string
	for row, err := range c.Sessions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		owners = append(owners, row.Owner)
	}
	if !slices.Equal(owners, []string{one.Owner}) {
		t.Errorf("sessions %q, given was %s", owners, one.Owner)
	}
	if w, err := one.Client().Create(t.Context(), "/e", nil, client.Ephemeral); err != nil || w.Stat.EphemeralOwner != one.Owner {
		t.Errorf("Create in its name: %+v, %v", w, err)
	}
	if s.Node.Renewed() == 0 {
		t.Error("it was not renewed: it may be over by now")
	}

	two, err := c.Keyed("my-session").OpenSession(t.Context(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	two.Leave()
	three, err := c.Keyed("my-session").OpenSession(t.Context(), 10*time.Second)
	if err != nil || three.ID != two.ID {
		t.Fatalf("opened again: %+v, %v", three, err)
	}
	if err := three.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Keyed("my-session").OpenSession(t.Context(), 10*time.Second); !errors.Is(err, client.SessionExpired) {
		t.Errorf("opened once more: %v", err)
	}
	s.Node.Fail(apitest.Faults{Swallow: command.ErrUnknown})
	var e *client.Error
	var asked atomic.Int32
	ctx, giveUp := context.WithCancel(t.Context())
	s.Before(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/sessions" && asked.Add(1) == 2 { // the first is answered
			giveUp()
		}
	})
	_, err = c.OpenSession(ctx, time.Second)
	if !errors.As(err, &e) || e.Code() != client.OutcomeUnknown || e.Key != "" {
		t.Errorf("the key of a session is in its error: %+v", e)
	}
}

// A watch whose removal was not heard of is removed.
func TestAWatchIsRemovedOnce(t *testing.T) {
	s, c := serve(t)
	one, err := c.OpenSession(t.Context(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Leave()
	if _, err := one.SetWatch(t.Context(), "/a", client.WatchExists); err != nil {
		t.Fatal(err)
	}
	s.Lose(1)
	if err := one.RemoveWatch(t.Context(), "/a", ""); err != nil {
		t.Errorf("removed, and the answer lost: %v", err)
	}
	if err := one.RemoveWatch(t.Context(), "/a", ""); !errors.Is(err, client.NoWatch) {
		t.Errorf("removed again: %v", err)
	}
}

// Who is given up while a connection is still being made has sent nothing.
func TestGivenUpWhileConnecting(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	ctx, giveUp := context.WithCancel(t.Context())
	stuck := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		giveUp()
		<-over
		return nil, errors.New("the test is over")
	}}
	c := connect(t, client.Config{Endpoints: []string{"a"}, HTTP: &http.Client{Transport: stuck}})
	_, err := c.Put(ctx, "/a", nil, client.Any())
	if !errors.Is(err, client.Unreachable) {
		t.Errorf("error %v", err)
	}
}

// net/http sends a request with a key again by itself when a connection that was used before breaks. That it could not
// connect then does not mean that nothing was sent.
func TestSentAndThenNotConnected(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- answerOneOfTwo(ln) }()
	c := connect(t, client.Config{Endpoints: []string{ln.Addr().String()}, Timeout: patience})
	if _, err := c.Put(t.Context(), "/a", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	_, err = c.Put(t.Context(), "/a", nil, client.Any())
	if !errors.Is(err, client.ErrUnknown) {
		t.Errorf("error %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// answerOneOfTwo answers the first request of a connection and breaks it at the second, when nobody listens any more.
func answerOneOfTwo(ln net.Listener) error {
	conn, err := ln.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if _, err := http.ReadRequest(in); err != nil {
		return err
	}
	if err := ln.Close(); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{\"path\":\"/a\",\"stat\":{}}"); err != nil {
		return err
	}
	_, err = http.ReadRequest(in)
	return err
}
