package tests

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/raftfsm/znode"
	"holt/tests/harness"
)

const (
	// shortLife is the time to live of the znodes in these stories.
	shortLife = 3 * time.Second
	// keptLife is that of the one that is kept alive: longer than members that die and freeze hold up its sets.
	keptLife = 2 * shortLife
	// lateBy is how much later than it is due a znode may be seen to go: the looks of the leader, the rest that a new one takes,
	// an election, and some for a busy machine.
	lateBy = 10 * time.Second
)

// mortal is a znode with a TTL whose end is awaited.
type mortal struct {
	path  string
	set   time.Time // when its data was last set: before the request was sent
	acked time.Time // and when that was acknowledged
}

// made makes one.
func made(t *testing.T, c *client.Client, path string, ttl time.Duration) mortal {
	t.Helper()
	m := mortal{path: path, set: time.Now()}
	if _, err := c.CreateAs(t.Context(), path, nil, client.Making{Mode: client.PersistentWithTTL, TTL: ttl}); err != nil {
		t.Fatal(err)
	}
	m.acked = time.Now()
	return m
}

// keep sets it again and again, on whichever member answers, until ctx ends.
func (m *mortal) keep(ctx context.Context, t *testing.T, c *harness.Cluster) {
	for i := 0; ctx.Err() == nil; i++ {
		begun := time.Now()
		status, body := send(t.Context(), http.MethodPost, c.Members[i%len(c.Members)].URL+"/v1/txn", "", `{"ops":[{"op":"set","path":"`+m.path+`","data":""}]}`)
		switch status {
		case http.StatusOK:
			m.set, m.acked = begun, time.Now()
			<-time.After(shortLife / 10)
		case http.StatusNotFound:
			t.Errorf("what is set all the time: %s", body)
			return
		default:
			<-time.After(keyedPause)
		}
	}
}

// goes holds a deletion that a stream told of to when it was due: no earlier than the TTL after the set was sent, and not much later.
// All members of a test have one clock.
func (m mortal) goes(t *testing.T, f *harness.Follower, ttl, lateBy time.Duration) {
	t.Helper()
	told := f.Await(ttl+lateBy+endTime, "the end of "+m.path, tells("NodeDeleted", m.path))
	lived := told.At.Sub(m.set)
	if lived < ttl {
		t.Errorf("%s went after %v, its time to live is %v", m.path, lived, ttl)
	}
	if late := told.At.Sub(m.acked) - ttl; late > lateBy {
		t.Errorf("%s went %v late", m.path, late)
	}
	t.Logf("%s lived %v", m.path, lived.Round(time.Millisecond))
}

// A znode with a TTL goes when it has not been set for so long, and nobody makes that earlier: not the death of the leader, not a
// restart of all.
func TestAZnodeWithATTLGoesWhenItsTimeHasCome(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	one := c.Client(0)
	if _, err := one.Create(t.Context(), "/t", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	f := c.Follow(1, "/v1/watch/t?recursive=true").Open()
	quiet := made(t, one, "/t/quiet", shortLife)
	parent := made(t, one, "/t/parent", shortLife)
	if _, err := one.Create(t.Context(), "/t/parent/child", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	kept := made(t, one, "/t/kept", keptLife)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { kept.keep(ctx, t, c) })
	quiet.goes(t, f, shortLife, lateBy)

	leader := c.Leader()
	dying := made(t, one, "/t/dying", shortLife)
	leader.Kill()
	dying.goes(t, f, shortLife, lateBy)
	leader.Start().Ready()

	frozen := c.Leader()
	frosty := made(t, one, "/t/frosty", shortLife)
	frozen.Signal(syscall.SIGSTOP)
	frosty.goes(t, f, shortLife, lateBy)
	frozen.Signal(syscall.SIGCONT)
	frozen.Ready()

	if _, err := one.Stat(t.Context(), "/t/parent", client.Linearizable); err != nil {
		t.Errorf("with a child it stays: %v", err)
	}
	begun := time.Now()
	if _, err := one.Delete(t.Context(), "/t/parent/child", client.Any()); err != nil {
		t.Fatal(err)
	}
	parent.set, parent.acked = begun, time.Now() // and is due at once when it has none any more, or after its time
	parent.goes(t, f, 0, shortLife+lateBy)

	stop()
	wg.Wait()
	down := made(t, one, "/t/down", shortLife)
	for _, m := range c.Members {
		m.Kill()
	}
	c.Start()
	kept.goes(t, f, keptLife, lateBy)
	down.goes(t, f, shortLife, lateBy)
	c.Equal()
}

// A container goes some time after its last child, and then the container around it, whoever leads.
func TestAContainerGoesAfterItsLastChildWhoeverLeads(t *testing.T) {
	const linger = znode.ContainerLinger * time.Millisecond
	c := bin.NewCluster(t, 3, nil).Start()
	one := c.Client(0)
	for _, p := range []string{"/c", "/c/outer", "/c/outer/inner", "/c/used", "/c/unused"} {
		mode := client.Container
		if p == "/c" {
			mode = client.Persistent
		}
		if _, err := one.Create(t.Context(), p, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	f := c.Follow(1, "/v1/watch/c?recursive=true").Open()
	s, err := one.OpenSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/c/outer/inner/here", "/c/used/here"} {
		if _, err := s.Client().Create(t.Context(), p, nil, client.Ephemeral); err != nil {
			t.Fatal(err)
		}
	}
	inner := mortal{path: "/c/outer/inner", set: time.Now()}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	inner.acked = time.Now()
	if _, err := one.Create(t.Context(), "/c/used/again", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	inner.goes(t, f, linger, lateBy)
	outer := mortal{path: "/c/outer", set: inner.set.Add(linger), acked: time.Now()}
	leader := c.Leader()
	leader.Kill()
	outer.goes(t, f, linger, lateBy)
	leader.Start().Ready()
	for _, p := range []string{"/c/used", "/c/unused"} {
		if _, err := one.Stat(t.Context(), p, client.Linearizable); err != nil {
			t.Errorf("%s is used again, or never was and has a while for it: %v", p, err)
		}
	}
	c.Equal()
}
