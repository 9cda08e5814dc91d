package raftfsm_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/reaper"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// reaped is a served cluster whose members reap, each by a clock of its own.
type reaped struct {
	*served
	ahead   [raftfsmtest.MaxMembers]atomic.Int64 // ns, of a member's clock
	count   [raftfsmtest.MaxMembers]atomic.Int64 // znodes a member reaped
	refused [raftfsmtest.MaxMembers]atomic.Int64 // that a member proposed
}

// reapStory runs a test in a bubble with such a cluster, ready.
func reapStory(t *testing.T, tell func(t *testing.T, c *reaped)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &reaped{served: &served{t: t, ends: map[znode.Owner]time.Time{}}}
		c.Cluster = raftfsmtest.New(t, raftfsmtest.Config{Attach: c.attach})
		c.WaitReady()
		tell(t, c)
	})
}

func (c *reaped) attach(i int) raftfsmtest.Attachment {
	a := c.served.attach(i)
	opened, closed := a.Opened, a.Closed
	var r *reaper.Reaper
	a.Now = func() time.Time { return time.Now().Add(time.Duration(c.ahead[i].Load())) }
	a.Opened = func(n *raftfsm.Node) {
		opened(n)
		r = reaper.Start(reaper.Config{
			Member: seenProposing{n, &c.refused[i]}, Now: a.Now, Reaped: func(_ znode.Mode, n int) { c.count[i].Add(int64(n)) },
		})
	}
	a.Closed = func() {
		_ = r.Close()
		closed()
	}
	return a
}

// seenProposing counts what is refused of a member's proposals.
type seenProposing struct {
	*raftfsm.Node
	refused *atomic.Int64
}

func (s seenProposing) ProposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error) {
	results, err := s.Node.ProposeAll(ctx, txns)
	for _, r := range results {
		if r.Code != znode.OK {
			s.refused.Add(1)
		}
	}
	return results, err
}

// clock sets a member's clock ahead of the bubble's, or back.
func (c *reaped) clock(i int, ahead time.Duration) { c.ahead[i].Store(int64(ahead)) }

// there says whether a znode is there, by the state of the member that leads.
func (c *reaped) there(p string) bool {
	c.t.Helper()
	s, err := c.Node(c.WaitLeader()).State()
	if err != nil {
		c.t.Fatal(err)
	}
	return s.Tree.Get(path(p)) != nil
}

// goesWithin waits until a znode is gone and holds that to a window.
func (c *reaped) goesWithin(p string, from, to time.Time) {
	c.t.Helper()
	c.Eventually(p+" being reaped", func() bool { return !c.there(p) })
	switch now := time.Now(); {
	case now.Before(from):
		c.t.Errorf("%s went %v too early", p, from.Sub(now))
	case now.After(to):
		c.t.Errorf("%s went %v too late", p, now.Sub(to))
	}
}

func container(p string) znode.Op { return znode.CreateOp(path(p), "", znode.Container) }

func withTTL(p string, ttl time.Duration) znode.Op {
	op := znode.CreateOp(path(p), "", znode.PersistentWithTTL)
	op.TTL = ttl.Milliseconds()
	return op
}

func plain(p string) znode.Op { return znode.CreateOp(path(p), "", znode.Persistent) }

// linger is how long a container stays after its last child.
const linger = znode.ContainerLinger * time.Millisecond

// reapSlack is how much later than it is due a znode may go.
const reapSlack = reaper.LookEvery + 100*time.Millisecond

// Whichever member it is made, set or used through, a znode goes when its time has come, everywhere, and stays as long as it has not.
func TestWhatIsDueGoesOnEveryMember(t *testing.T) {
	const ttl = 10 * time.Second
	reapStory(t, func(t *testing.T, c *reaped) {
		f := c.Followers()
		must(t, c.Cluster, f[0], withTTL("/t", ttl))
		must(t, c.Cluster, f[0], container("/c"), container("/c/d"), plain("/c/d/e"))
		must(t, c.Cluster, f[1], container("/unused"))
		began := time.Now()
		time.Sleep(ttl / 2)
		must(t, c.Cluster, f[1], znode.SetOp(path("/t"), "x"))
		c.goesWithin("/t", time.Now().Add(ttl), time.Now().Add(ttl+reapSlack))
		emptied := time.Now()
		must(t, c.Cluster, f[1], znode.DeleteOp(path("/c/d/e")))
		time.Sleep(time.Until(emptied.Add(linger)) - time.Second)
		c.goesWithin("/c/d", emptied.Add(linger), emptied.Add(linger+reapSlack))
		time.Sleep(linger - reapSlack)
		c.goesWithin("/c", emptied.Add(2*linger), emptied.Add(2*(linger+reapSlack)))
		grace := znode.ContainerGrace * time.Millisecond
		time.Sleep(time.Until(began.Add(grace)) - 10*time.Second) // Eventually is less patient
		c.goesWithin("/unused", began.Add(grace), began.Add(grace+reapSlack))
		if s := c.Settle(); s.Tree.Len() != 1 {
			t.Error(raftfsmtest.List(s))
		}
		if l := c.Leader(); c.count[l].Load() != 4 || c.count[f[0]].Load()+c.count[f[1]].Load() != 0 {
			t.Errorf("%s leads, and they reaped %d, %d, %d", c.Name(l), c.count[0].Load(), c.count[1].Load(), c.count[2].Load())
		}
	})
}

// Streams and sessions are told of it as of any other delete.
func TestWatchesAreToldOfWhatIsReaped(t *testing.T) {
	reapStory(t, func(t *testing.T, c *reaped) {
		h := c.open(0, time.Hour)
		must(t, c.Cluster, 0, container("/c"), container("/c/d"), plain("/c/d/e"))
		must(t, c.Cluster, 0, withTTL("/c/t", time.Second))
		c.mustAs(h, 1, znode.AddWatchOp(path("/c/d"), znode.DataWatch))
		from := c.mustAs(h, 1, znode.AddWatchOp(path("/c"), znode.ChildrenWatch)).Zxid
		told := map[string]watch.Filter{
			"[NodeChildrenChanged /c] [NodeChildrenChanged /c/d] [NodeDeleted /c/d NodeChildrenChanged /c] [NodeDeleted /c]": {
				Paths: []znode.Path{path("/c"), path("/c/d")}, Data: true, Children: true},
			"[NodeDeleted /c/t] [NodeDeleted /c/d/e] [NodeDeleted /c/d] [NodeDeleted /c]": {Paths: []znode.Path{path("/c")}, Recursive: true, Data: true},
			"[NodeChildrenChanged /c] [NodeDeleted /c/d]":                                 {Session: h.owner},
		}
		subs := map[*watch.Subscription]string{}
		for i := range c.Len() {
			c.Eventually("the last transaction on every member", func() bool { return c.Node(i).Stats().Zxid >= from })
			for want, filter := range told {
				sub, err := c.hubs[i].Load().Subscribe(filter, from)
				if err != nil {
					t.Fatal(err)
				}
				defer sub.Close()
				subs[sub] = want
			}
		}
		time.Sleep(time.Second + reapSlack)
		must(t, c.Cluster, 0, znode.DeleteOp(path("/c/d/e")))
		time.Sleep(2 * (linger + reapSlack))
		for sub, want := range subs {
			if got := messages(sub); got != want {
				t.Errorf("told %s, it should be %s", got, want)
			}
		}
	})
}

func messages(sub *watch.Subscription) string {
	buf := make([]*watch.Message, 16)
	n, _, _ := sub.Take(buf)
	var out []string
	for _, m := range buf[:n] {
		var events []string
		for _, e := range m.Events {
			events = append(events, fmt.Sprintf("%s %s", e.Type, e.Path))
		}
		out = append(out, "["+strings.Join(events, " ")+"]")
	}
	return strings.Join(out, " ")
}

// The leader changes while thousands are being reaped, and clients set some of them at that very time. Those that were set in
// time stay, and those with children; all others go; and all members agree.
func TestAChangeOfLeaderInTheMiddleReapsWhatIsDueAndNothingElse(t *testing.T) {
	const many, ttl = 1500, 20 * time.Second
	changes := map[string]func(c *reaped, leader int){
		"crash":     func(c *reaped, leader int) { c.Crash(leader) },
		"partition": func(c *reaped, leader int) { c.Isolate(leader) },
		"hand over": func(c *reaped, leader int) { c.handOver(leader) },
	}
	name := func(i int) string { return fmt.Sprintf("/t%04d", i) }
	for how, change := range changes {
		t.Run(how, func(t *testing.T) {
			reapStory(t, func(t *testing.T, c *reaped) {
				old, f := c.Leader(), c.Followers()
				var made []znode.Op
				for i := range many {
					made = append(made, withTTL(name(i), ttl))
				}
				for ops := range slices.Chunk(made, many/3) {
					must(t, c.Cluster, f[0], ops...)
				}
				must(t, c.Cluster, f[0], plain(name(7)+"/child"))
				due := time.Now().Add(ttl)
				time.Sleep(time.Until(due.Add(-200 * time.Millisecond)))

				// Every third znode is set by somebody, each at a time of its own.
				stays, mayStay := map[string]bool{name(7): true, name(7) + "/child": true}, map[string]bool{}
				var mu sync.Mutex // guards both
				var setters sync.WaitGroup
				for i := 0; i < many; i += 3 {
					setters.Go(func() {
						time.Sleep(time.Duration(i) * time.Millisecond)
						r, err := c.do(f[i%2], time.Minute, &znode.Txn{Ops: []znode.Op{znode.SetOp(path(name(i)), "x")}})
						mu.Lock()
						defer mu.Unlock()
						stays[name(i)] = err == nil && r.Code == znode.OK
						mayStay[name(i)] = err != nil
					})
				}
				time.Sleep(time.Until(due.Add(700 * time.Millisecond)))
				change(c, old)
				setters.Wait()
				c.Heal()
				if c.Node(old) == nil {
					c.Start(old)
				}
				next := c.WaitReady()
				time.Sleep(time.Until(due.Add(many*time.Second/reaper.MaxPerSecond + 6*time.Second)))
				s := c.Settle()
				kept := 0
				for i := range many {
					n := s.Tree.Get(path(name(i)))
					if (n != nil) != stays[name(i)] && !mayStay[name(i)] {
						t.Fatalf("%s is there: %t, it should be: %t", name(i), n != nil, stays[name(i)])
					}
					if n != nil {
						kept++
					}
				}
				if c.count[old].Load() == 0 || c.count[next].Load() == 0 || old == next || kept < many/100 || kept > many/3 {
					t.Errorf("the test shows little: reaped %d before and %d after, %d stay", c.count[old].Load(), c.count[next].Load(), kept)
				}
				time.Sleep(ttl)
				if s := c.Settle(); s.Tree.Len() != 3 { // the root, and the one with its child
					t.Error(raftfsmtest.List(s))
				}
			})
		})
	}
}

// handOver has another member lead.
func (c *reaped) handOver(leader int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.Node(leader).HandOver(ctx); err != nil {
		c.t.Error(err)
	}
	c.WaitLeader(leader)
}

// A leader that is cut off proposes what is due by what it knows. It arrives when others have long led, and made it untrue.
func TestWhatADeposedLeaderProposesDoesNoHarm(t *testing.T) {
	const ttl = linger // so that all are due together
	reapStory(t, func(t *testing.T, c *reaped) {
		old, f := c.Leader(), c.Followers()
		must(t, c.Cluster, f[0], withTTL("/set", ttl), withTTL("/anew", ttl), withTTL("/used", ttl), withTTL("/over", ttl))
		must(t, c.Cluster, f[0], container("/c"), plain("/c/a"), znode.DeleteOp(path("/c/a")))
		due := time.Now().Add(ttl)
		time.Sleep(time.Until(due.Add(-50 * time.Millisecond)))
		c.Isolate(old)
		c.WaitLeader(old)
		must(t, c.Cluster, f[0], znode.SetOp(path("/set"), "x"))
		must(t, c.Cluster, f[0], znode.DeleteOp(path("/anew")), withTTL("/anew", ttl))
		must(t, c.Cluster, f[1], plain("/used/a"))
		must(t, c.Cluster, f[1], plain("/c/b"))
		c.Heal()
		c.Eventually("the proposals of the one that was cut off", func() bool { return c.refused[old].Load() >= 4 })
		time.Sleep(2 * reapSlack)
		s := c.Settle()
		for _, p := range []string{"/set", "/anew", "/used", "/used/a", "/c", "/c/b"} {
			if s.Tree.Get(path(p)) == nil {
				t.Errorf("%s is gone", p)
			}
		}
		if s.Tree.Get(path("/over")) != nil || c.count[old].Load() > 1 {
			t.Errorf("reaped %d:\n%s", c.count[old].Load(), raftfsmtest.List(s))
		}
	})
}

// The clocks of the members are apart, and leadership changes. Nothing goes early by the time of the log: behind a leader
// whose clock is behind, late; and early only by as much as the clock of a leader is ahead.
func TestClocksThatAreApart(t *testing.T) {
	const apart, ttl = 20 * time.Second, 50 * time.Second
	t.Run("behind", func(t *testing.T) {
		reapStory(t, func(t *testing.T, c *reaped) {
			old := c.Leader()
			for _, i := range c.Followers() {
				c.clock(i, -apart)
			}
			must(t, c.Cluster, old, withTTL("/before", ttl), container("/c"), plain("/c/a"))
			made := time.Now()
			time.Sleep(ttl / 2)
			must(t, c.Cluster, old, plain("/x"))
			changed := time.Now()
			c.handOver(old)
			must(t, c.Cluster, old, withTTL("/after", ttl)) // when time stands still, at that of the change
			must(t, c.Cluster, old, znode.DeleteOp(path("/c/a")))
			time.Sleep(time.Until(changed.Add(linger+apart)) - time.Second)
			c.goesWithin("/c", changed.Add(linger+apart), changed.Add(linger+apart+reapSlack))
			time.Sleep(time.Until(made.Add(ttl+apart)) - time.Second)
			c.goesWithin("/before", made.Add(ttl+apart), made.Add(ttl+apart+reapSlack))
			time.Sleep(time.Until(changed.Add(ttl+apart)) - time.Second)
			c.goesWithin("/after", changed.Add(ttl+apart), changed.Add(ttl+apart+reapSlack))
			c.Settle()
		})
	})
	t.Run("ahead", func(t *testing.T) {
		reapStory(t, func(t *testing.T, c *reaped) {
			old := c.Leader()
			for _, i := range c.Followers() {
				c.clock(i, apart)
			}
			must(t, c.Cluster, old, withTTL("/before", ttl), container("/c"), plain("/c/a"), container("/used"), plain("/used/a"))
			made := time.Now()
			time.Sleep(ttl / 2)
			emptied := time.Now()
			must(t, c.Cluster, old, znode.DeleteOp(path("/c/a")))
			c.handOver(old)
			must(t, c.Cluster, old, withTTL("/after", ttl))
			changed := time.Now()
			c.goesWithin("/c", emptied, changed.Add(reapSlack+reaper.OfficeGrace)) // apart is more than the linger
			if !c.there("/used/a") {
				t.Error("a container went that has a child")
			}
			time.Sleep(time.Until(made.Add(ttl-apart)) - time.Second)
			c.goesWithin("/before", made.Add(ttl-apart), made.Add(ttl-apart+reapSlack))
			time.Sleep(time.Until(changed.Add(ttl)) - time.Second)
			c.goesWithin("/after", changed.Add(ttl), changed.Add(ttl+reapSlack))
			c.Settle()
		})
	})
	t.Run("ahead and back", func(t *testing.T) {
		reapStory(t, func(t *testing.T, c *reaped) {
			old := c.Leader()
			c.clock(old, apart)
			must(t, c.Cluster, old, withTTL("/t", ttl))
			made := time.Now()
			time.Sleep(ttl / 2)
			c.handOver(old)
			time.Sleep(time.Until(made.Add(ttl+apart)) - time.Second)
			c.goesWithin("/t", made.Add(ttl+apart), made.Add(ttl+apart+reapSlack))
			c.Settle()
		})
	})
}
