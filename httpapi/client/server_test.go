package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// A session's life with a server: its ephemerals, its watches and what they tell, its end.
func TestSessionWithAServer(t *testing.T) {
	s, c := serve(t)
	ctx := t.Context()
	one, err := c.OpenSession(ctx, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Leave()
	if w, err := one.Client().Create(ctx, "/e", []byte("me"), client.Ephemeral); err != nil || w.Stat.EphemeralOwner != one.Owner {
		t.Fatalf("Create = %+v, %v", w, err)
	}
	if w, err := one.SetWatch(ctx, "/e", client.WatchData); err != nil || string(w.Data) != "me" || !w.Exists || w.Zxid == 0 {
		t.Errorf("SetWatch data = %+v, %v", w, err)
	}
	if w, err := one.SetWatch(ctx, "/", client.WatchChildren); err != nil || !slices.Equal(w.Children, []string{"e"}) || w.Stat.NumChildren != 1 {
		t.Errorf("SetWatch children = %+v, %v", w, err)
	}
	if w, err := one.SetWatch(ctx, "/none", client.WatchExists); err != nil || w.Exists {
		t.Errorf("SetWatch exists = %+v, %v", w, err)
	}
	if _, err := one.SetWatch(ctx, "/none", client.WatchData); !errors.Is(err, client.NoNode) {
		t.Errorf("SetWatch of nothing: %v", err)
	}
	if ws, err := one.Watches(ctx); err != nil || len(ws) != 3 {
		t.Errorf("Watches = %v, %v", ws, err)
	}
	if err := one.RemoveWatch(ctx, "/", client.WatchChildren); err != nil {
		t.Errorf("RemoveWatch: %v", err)
	}
	if err := one.RemoveWatch(ctx, "/", ""); !errors.Is(err, client.NoWatch) {
		t.Errorf("RemoveWatch again: %v", err)
	}
	s.Apply(znode.PutOp(znode.MustPath("/e"), "you"))
	s.Apply(znode.PutOp(znode.MustPath("/none"), ""))
	s.Apply(znode.PutOp(znode.MustPath("/none"), "fired already"))
	if look, err := c.Session(ctx, one.Owner); err != nil || !slices.Equal(look.Ephemerals, []string{"/e"}) || len(look.Watches) != 0 {
		t.Errorf("Session = %+v, %v", look, err)
	}
	if many, err := c.Keepalive(ctx, one.ID, "00112233445566778899aabbccddeeff"); err != nil || many[0].Err != nil ||
		many[0].ExpiresIn <= 0 || !errors.Is(many[1].Err, client.SessionExpired) {
		t.Errorf("Keepalive = %+v, %v", many, err)
	}

	var got []string
	for m, err := range one.Events(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.Events {
			got = append(got, e.Type+" "+e.Path)
		}
		if len(got) == 2 && m.Kind == client.Changed {
			if err := c.KillSession(ctx, one.Owner); err != nil {
				t.Fatal(err)
			}
		}
		if m.Kind == client.Ended {
			got = append(got, m.Owner+" "+m.Reason)
		}
	}
	if want := []string{"NodeDataChanged /e", "NodeCreated /none", one.Owner + " killed"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if _, err := one.Client().Put(ctx, "/late", nil, client.Any()); !errors.Is(err, client.SessionExpired) {
		t.Errorf("Put in its name: %v", err)
	}
	if err := one.Close(ctx); !errors.Is(err, client.SessionExpired) {
		t.Errorf("Close: %v", err)
	}
}

func TestSessionsPageByPage(t *testing.T) {
	_, c := serve(t)
	var want, got []string
	for range 3 {
		s, err := c.OpenSession(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Leave()
		want = append(want, s.Owner)
	}
	for s, err := range c.Sessions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Owner)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Sessions: %q, want %q", got, want)
	}
	if _, err := c.Session(t.Context(), "s999"); !errors.Is(err, client.SessionExpired) {
		t.Errorf("Session of nobody: %v", err)
	}
}

// A stream from a server: the present, the past, what comes.
func TestWatchWithAServer(t *testing.T) {
	s, c := serve(t)
	s.Apply(znode.CreateOp(znode.MustPath("/a"), "one", znode.Persistent))
	put := func(data string) { s.Apply(znode.PutOp(znode.MustPath("/a"), data)) }
	var got []string
	for m, err := range c.Watch(t.Context(), client.WatchOptions{Paths: []string{"/a"}, Initial: true, Data: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, told(m)+" "+string(m.Data))
		if m.Kind == client.Open {
			put("two")
		}
		if len(m.Events) > 0 {
			got = append(got, string(m.Events[0].Data))
			break
		}
	}
	if want := []string{"state@0/a one", "open@1 ", "@2 ", "two"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if c.Zxid() != 2 {
		t.Errorf("the client has seen %d", c.Zxid())
	}
	put("three")
	since := uint64(1)
	got, err := listen(t.Context(), c, client.WatchOptions{Paths: []string{"/a"}, Since: &since}, 3)
	if want := []string{"open@1", "@2", "@3"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("told %q, %v; want %q", got, err, want)
	}
	if _, err := listen(t.Context(), c, client.WatchOptions{Paths: []string{"a"}}, 3); !errors.Is(err, client.BadArguments) {
		t.Errorf("a path without its slash: %v", err)
	}
	if _, err := listen(t.Context(), c, client.WatchOptions{}, 3); !errors.Is(err, client.BadArguments) {
		t.Errorf("no path: %v", err)
	}
}

// A long poll is held until there is something new.
func TestAwait(t *testing.T) {
	s, c := serve(t)
	ctx, long, short := t.Context(), 10*time.Second, 30*time.Millisecond
	s.Apply(znode.CreateOp(znode.MustPath("/a"), "one", znode.Persistent))
	z, err := c.Await(ctx, "/a", "", long)
	if err != nil || string(z.Data) != "one" {
		t.Fatalf("Await what is there = %+v, %v", z, err)
	}
	if _, err := c.Await(ctx, "/a", z.Tag, short); !errors.Is(err, client.NotModified) {
		t.Errorf("Await what does not come: %v", err)
	}
	if _, err := c.Await(ctx, "/b", "", short); !errors.Is(err, client.NoNode) {
		t.Errorf("Await a znode that does not come: %v", err)
	}
	p, err := c.Children(ctx, "/", client.ChildrenQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AwaitChildren(ctx, "/", client.ChildrenQuery{}, p.Tag, short); !errors.Is(err, client.NotModified) {
		t.Errorf("AwaitChildren that do not come: %v", err)
	}

	type result struct {
		z   *client.Znode
		p   *client.Page
		err error
	}
	results := make(chan result, 2)
	go func() { z, err := c.Await(ctx, "/a", z.Tag, long); results <- result{z: z, err: err} }()
	go func() {
		p, err := c.AwaitChildren(ctx, "/", client.ChildrenQuery{}, p.Tag, long)
		results <- result{p: p, err: err}
	}()
	s.Apply(znode.PutOp(znode.MustPath("/a"), "two"))
	if r := <-results; r.err != nil || r.z == nil || string(r.z.Data) != "two" {
		t.Errorf("Await = %+v", r)
	}
	s.Apply(znode.CreateOp(znode.MustPath("/b"), "", znode.Persistent))
	if r := <-results; r.err != nil || r.p == nil || len(r.p.Children) != 2 {
		t.Errorf("AwaitChildren = %+v", r)
	}
	s.Apply(znode.DeleteOp(znode.MustPath("/b")))
	if _, err := c.Await(ctx, "/b", `"0.3"`, long); !errors.Is(err, client.NoNode) {
		t.Errorf("Await what is gone: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, short)
	defer cancel()
	if _, err := c.Await(ctx, "/b", "", long); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Await with a context that ends: %v", err)
	}
}

// A transaction belongs to the session of its client.
func TestTxnOfASession(t *testing.T) {
	_, c := serve(t)
	s, err := c.OpenSession(t.Context(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave()
	if done, err := s.Client().Txn(t.Context(), []wire.Op{{Op: "create", Path: "/e", Mode: "ephemeral"}}); err != nil || done.Results[0].Stat.EphemeralOwner != s.Owner {
		t.Errorf("Txn = %+v, %v", done, err)
	}
	if _, err := c.Txn(t.Context(), []wire.Op{{Op: "create", Path: "/f", Mode: "ephemeral"}}); !errors.Is(err, client.BadArguments) {
		t.Errorf("Txn without a session: %v", err)
	}
}
