package raftfsm_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

func ephemeral(p string) znode.Op { return znode.CreateOp(path(p), "", znode.Ephemeral) }

func TestASilentSessionEndsWithinASecondOfItsTimeout(t *testing.T) {
	servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
		must(t, c.Cluster, 0, znode.CreateOp(path("/e"), "", znode.Persistent))
		for i := range c.Len() {
			for _, timeout := range []time.Duration{300 * time.Millisecond, 2 * time.Second, 7300 * time.Millisecond} {
				h := c.open(i, timeout)
				var paths []string
				for k := range 3 {
					paths = append(paths, fmt.Sprintf("/e/%s.%d", h.owner, k))
					c.mustAs(h, (i+k)%c.Len(), ephemeral(paths[k]))
				}
				c.alive(h, i)
				silent := time.Now()
				c.endsWithin(h, silent.Add(timeout), silent.Add(timeout+grace))
				s, err := c.Node(i).State()
				if err != nil || s.Sessions.Ended(h.owner) == nil || s.Sessions.Ended(h.owner).Reason != znode.Expired {
					t.Errorf("what is left of %s: %+v, %v", h.owner, s.Sessions.Ended(h.owner), err)
				}
				goneTogether(t, c.truth(), h.owner, znode.Expired, paths...)
				if l, err := c.keepalive(h, i, time.Second); err != nil || l.Alive || l.Reason != znode.Expired {
					t.Errorf("a keepalive after the end: %+v, %v", l, err)
				}
				if r, err := c.as(h, i, time.Second, ephemeral("/e/late")); err != nil || r.Code != znode.SessionExpired {
					t.Errorf("an ephemeral after the end: %+v, %v", r, err)
				}
			}
		}
		if left := orphans(c.Settle()); left != nil {
			t.Error(left)
		}
	})
}

// Whatever a session does counts as a sign of life: a keepalive through any member, a transaction, a touch.
func TestASessionThatIsHeardOfLives(t *testing.T) {
	const timeout = time.Second
	signs := map[string]func(c *served, h holder, i int){
		"keepalives":   func(c *served, h holder, i int) { c.alive(h, i) },
		"transactions": func(c *served, h holder, i int) { c.mustAs(h, i, znode.PutOp(path("/a"), "x")) },
		"refusals": func(c *served, h holder, i int) {
			if r, err := c.as(h, i, time.Second, znode.DeleteOp(path("/nothing"))); err != nil || r.Code != znode.NoNode {
				c.t.Errorf("%+v, %v", r, err)
			}
		},
		"touches": func(c *served, h holder, i int) { c.leases[i].Load().Touch(h.key) },
	}
	for name, sign := range signs {
		t.Run(name, func(t *testing.T) {
			servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
				h, other := c.open(0, timeout), c.open(0, timeout)
				opened := time.Now()
				for k := range 30 {
					time.Sleep(timeout * 9 / 10)
					sign(c, h, k%c.Len())
				}
				heard := time.Now()
				if !c.lives(h, 0) {
					t.Fatal("it has ended")
				}
				if c.lives(other, 0) {
					t.Errorf("the silent one is there after %v", time.Since(opened))
				}
				c.endsWithin(h, heard.Add(timeout), heard.Add(timeout+grace))
			})
		})
	}
}

// A change of leader never ends a session that keeps alive, and grants the silent one its timeout once more.
func TestAChangeOfLeaderGrantsEverySessionItsTimeout(t *testing.T) {
	const timeout = 2 * time.Second
	changes := map[string]func(c *served, leader int){
		"crash":     func(c *served, leader int) { c.Crash(leader) },
		"partition": func(c *served, leader int) { c.Isolate(leader) },
		"hand over": func(c *served, leader int) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := c.Node(leader).HandOver(ctx); err != nil {
				c.t.Error(err)
			}
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
				leader, f := c.Leader(), c.Followers()
				silent, busy := c.open(f[0], timeout), c.open(f[1], timeout)
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					for k := 0; ; k++ {
						select {
						case <-stop:
							return
						case <-time.After(timeout / 3):
							c.alive(busy, f[k%2])
						}
					}
				}()
				time.Sleep(timeout - 100*time.Millisecond)
				before := time.Now()
				change(c, leader)
				next := c.WaitLeader(leader)
				after := time.Now()
				c.endsWithin(silent, before.Add(timeout), after.Add(timeout+grace))
				time.Sleep(5 * timeout)
				if !c.lives(busy, next) {
					t.Error("the session that kept alive has ended")
				}
				close(stop)
				<-stopped
			})
		})
	}
}

// A leader is cut off together with a client that goes on renewing its session there, and another client is with the
// majority. Only what the majority says counts.
func TestALeaderThatIsCutOffKeepsNobodyAliveAndEndsNobody(t *testing.T) {
	const timeout = 2 * time.Second
	servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
		old, f := c.Leader(), c.Followers()
		term := c.Node(old).Stats().Term
		few, many := c.open(old, timeout), c.open(f[0], timeout)
		must(t, c.Cluster, old, znode.CreateOp(path("/e"), "", znode.Persistent))
		c.mustAs(few, old, ephemeral("/e/few"))
		c.mustAs(many, old, ephemeral("/e/many"))
		c.Isolate(old)
		cut := time.Now()

		// What it judges now, in its old term, it may not carry out later.
		late := make(chan *znode.Result, 1)
		go func() {
			r, err := propose(t, c.Cluster, old, time.Minute, znode.ExpireSessionOp(many.owner, znode.Zxid(many.owner), term))
			if err != nil {
				t.Error(err)
			}
			late <- r
		}()
		var wg sync.WaitGroup
		acknowledged := 0
		wg.Go(func() {
			for time.Since(cut) < 3*timeout {
				if l, err := c.keepalive(few, old, timeout/4); err == nil {
					acknowledged++
					t.Logf("%v after the cut: %+v", time.Since(cut), l)
				} else if !errors.Is(err, command.ErrNoLeader) {
					t.Error(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		c.WaitLeader(old)
		elected := time.Now()
		wg.Go(func() {
			for time.Since(cut) < 3*timeout {
				c.alive(many, f[0])
				time.Sleep(timeout / 3)
			}
		})
		c.endsWithin(few, cut.Add(timeout), elected.Add(timeout+grace))
		wg.Wait()
		if acknowledged > 0 {
			t.Errorf("%d renewals were acknowledged without a quorum", acknowledged)
		}
		if !c.lives(few, old) {
			t.Error("the one that is cut off knows of the end: the test shows nothing")
		}
		c.Heal()
		if r := <-late; r != nil && r.Code != znode.StaleTerm {
			t.Errorf("an end of the old term: %+v", r)
		}
		for range 10 {
			c.alive(many, old)
			time.Sleep(timeout / 2)
		}
		if l, err := c.keepalive(few, old, time.Second); err != nil || l.Alive || l.Reason != znode.Expired {
			t.Errorf("the one that was cut off: %+v, %v", l, err)
		}
		goneTogether(t, c.truth(), few.owner, znode.Expired, "/e/few")
		s := c.Settle()
		if s.Sessions.Get(many.owner) == nil || s.Tree.Get(path("/e/many")) == nil || orphans(s) != nil {
			t.Errorf("at the end: %s%v", raftfsmtest.List(s), orphans(s))
		}
	})
}

// A leader that was cut off for a while, and stays the leader, could not hear of anybody. When it notices that, since no quorum
// answered when it was about to end a session, it ends nobody: every session has its timeout once more.
func TestALeaderThatCouldNotBeReachedGrantsEverySessionItsTimeout(t *testing.T) {
	const timeout, away = time.Second, 1200 * time.Millisecond
	servedStory(t, raftfsmtest.Config{Heartbeat: 4 * time.Second}, func(t *testing.T, c *served) {
		leader, f := c.Leader(), c.Followers()
		term := c.Node(leader).Stats().Term
		for round := range 5 {
			busy, silent := c.open(f[0], timeout), c.open(leader, timeout)
			time.Sleep(timeout/2 + time.Duration(round)*30*time.Millisecond)
			c.Isolate(leader)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for began := time.Now(); time.Since(began) < away+timeout; {
					if l, err := c.keepalive(busy, f[0], timeout/4); err == nil && !l.Alive {
						t.Errorf("round %d: ended, %s, %v after the cut", round, l.Reason, time.Since(began))
						return
					}
				}
			}()
			time.Sleep(away)
			c.Heal()
			healed := time.Now()
			<-done
			c.endsWithin(silent, healed.Add(timeout), healed.Add(timeout+grace))
			c.alive(busy, f[0])
			must(t, c.Cluster, leader, znode.CloseSessionOp(busy.key))
		}
		if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
			t.Errorf("the leader changed: the test shows nothing\n%s", c.Describe())
		}
	})
}

// Sessions outlive all members: however long those are down, whoever comes back in time is alive.
func TestSessionsOutliveARestartOfAllMembers(t *testing.T) {
	const timeout = 2 * time.Second
	servedStory(t, raftfsmtest.Config{SnapshotBytes: 2048}, func(t *testing.T, c *served) {
		must(t, c.Cluster, 0, znode.CreateOp(path("/e"), "", znode.Persistent))
		for round := range 4 {
			silent, busy := c.open(0, timeout), c.open(1, timeout)
			mine, other := fmt.Sprintf("/e/busy%d", round), fmt.Sprintf("/e/silent%d", round)
			c.mustAs(busy, 1, ephemeral(mine))
			c.mustAs(silent, 2, ephemeral(other))
			time.Sleep(timeout * 9 / 10)
			for i := range c.Len() {
				c.Crash(i)
			}
			time.Sleep(time.Duration(round) * timeout)
			up := time.Now()
			for i := range c.Len() {
				c.Start(i)
			}
			c.WaitReady()
			ready := time.Now()
			time.Sleep(timeout - 100*time.Millisecond)
			c.alive(busy, round%c.Len())
			c.endsWithin(silent, up.Add(timeout), ready.Add(timeout+grace))
			goneTogether(t, c.truth(), silent.owner, znode.Expired, other)
			c.alive(busy, 0)
			must(t, c.Cluster, 0, znode.CloseSessionOp(busy.key))
			goneTogether(t, c.truth(), busy.owner, znode.Closed, mine)
		}
		if s := c.Settle(); s.Sessions.Len() != 0 || orphans(s) != nil {
			t.Errorf("%d sessions are left, %v", s.Sessions.Len(), orphans(s))
		}
	})
}
