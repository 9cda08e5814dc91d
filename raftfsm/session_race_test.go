package raftfsm_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// A keepalive that begins after a session was closed is told so; one that races with it is told one or the other; and
// none brings the session back.
func TestACloseThatRacesWithKeepalivesIsFinal(t *testing.T) {
	servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
		alive, over := 0, 0
		for round := range 40 {
			h := c.open(round%c.Len(), 10*time.Second)
			name := fmt.Sprintf("/round%d", round)
			c.mustAs(h, 0, ephemeral(name))
			var mu sync.Mutex // guards closed, alive, over
			closed := false
			var wg sync.WaitGroup
			for k := range 6 {
				wg.Go(func() {
					for range 4 {
						mu.Lock()
						after := closed
						mu.Unlock()
						l, err := c.keepalive(h, k%c.Len(), time.Minute)
						mu.Lock()
						switch {
						case err != nil:
							t.Error(err)
						case l.Alive && after:
							t.Errorf("round %d: alive after it was closed", round)
						case l.Alive:
							alive++
						case l.Reason != znode.Closed:
							t.Errorf("round %d: %+v", round, l)
						default:
							over++
						}
						mu.Unlock()
					}
				})
			}
			wg.Go(func() {
				time.Sleep(time.Duration(round) * 2 * time.Millisecond)
				must(t, c.Cluster, (round+1)%c.Len(), znode.CloseSessionOp(h.key))
				mu.Lock()
				closed = true
				mu.Unlock()
			})
			wg.Wait()
			goneTogether(t, c.truth(), h.owner, znode.Closed, name)
		}
		if alive < 20 || over < 20 {
			t.Errorf("%d keepalives found it alive and %d closed: the test shows little", alive, over)
		}
		if s := c.Settle(); s.Sessions.Len() != 0 || s.Tree.Len() != 1 || orphans(s) != nil {
			t.Error(raftfsmtest.List(s))
		}
	})
}

// Ephemerals are created just when their sessions come to their ends. Either one is made, which is a sign of life, and goes
// with its session later, or it is refused.
func TestAnEphemeralNeverOutlivesItsSession(t *testing.T) {
	const timeout = time.Second
	servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
		must(t, c.Cluster, 0, znode.CreateOp(path("/e"), "", znode.Persistent))
		var mu sync.Mutex // guards made, refused
		made, refused := map[znode.Owner][]string{}, 0
		var wg sync.WaitGroup
		for k := range 300 {
			time.Sleep(time.Millisecond)
			h := c.open(k%c.Len(), timeout)
			opened := time.Now()
			wg.Go(func() {
				// The end is proposed with the first tick after the timeout, ticks being 100 ms apart.
				time.Sleep(time.Until(opened.Add(timeout + time.Duration(k%110)*time.Millisecond)))
				for i := range 2 {
					p := fmt.Sprintf("/e/%s.%d", h.owner, i)
					r, err := c.as(h, (k+i)%c.Len(), time.Minute, ephemeral(p))
					mu.Lock()
					switch {
					case err != nil:
						t.Error(err)
					case r.Code == znode.OK:
						made[h.owner] = append(made[h.owner], p)
					case r.Code == znode.SessionExpired:
						refused++
					default:
						t.Errorf("%s", r.Code)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(made) < 30 || refused < 30 {
			t.Errorf("%d sessions made some and %d were refused: the test shows little", len(made), refused)
		}
		c.Eventually("the end of all sessions", func() bool { return c.Node(0).Stats().Sessions == 0 })
		truth := c.truth()
		for o, paths := range made {
			goneTogether(t, truth, o, znode.Expired, paths...)
		}
		if s := c.Settle(); s.Tree.Len() != 2 || orphans(s) != nil {
			t.Error(raftfsmtest.List(s))
		}
	})
}

// The end of a session can be asked for at the same time by its holder, an operator and the leader. It ends once.
func TestASessionEndsOnce(t *testing.T) {
	const timeout = 500 * time.Millisecond
	servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
		reasons := map[znode.Reason]int{}
		var wg sync.WaitGroup
		for k := range 300 {
			time.Sleep(time.Millisecond)
			h := c.open(k%c.Len(), timeout)
			wg.Go(func() {
				time.Sleep(timeout)
				for i, op := range []znode.Op{znode.CloseSessionOp(h.key), znode.KillSessionOp(h.owner)} {
					wg.Go(func() {
						time.Sleep(time.Duration(k*(7*i+3)%110) * time.Millisecond)
						if r, err := propose(t, c.Cluster, (k+i)%c.Len(), time.Minute, op); err != nil || r.Code != znode.OK && r.Code != znode.SessionExpired {
							t.Errorf("%+v, %v", r, err)
						}
					})
				}
			})
		}
		wg.Wait()
		c.Eventually("the end of all sessions", func() bool { return c.Node(0).Stats().Sessions == 0 })
		ends := map[znode.Owner]int{}
		for _, r := range c.truth().Records {
			for _, told := range r.Told {
				ends[told.Owner]++
				reasons[r.Events[told.Event].Cause]++
			}
		}
		for o, n := range ends {
			if n != 1 {
				t.Errorf("%s ended %d times", o, n)
			}
		}
		if len(ends) != 300 || reasons[znode.Expired] < 10 || reasons[znode.Closed] < 10 || reasons[znode.Killed] < 10 {
			t.Errorf("%d ends, for %v: the test shows little", len(ends), reasons)
		}
	})
}
