package raftfsm_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

func TestObserversServeAndNeverVote(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		observers := []int{join(t, c, 0, false), join(t, c, 1, false)}
		c.WaitReady()
		w := writeEvery(c, 20*time.Millisecond, observers, 3, 3*time.Second)
		for round := range 3 {
			time.Sleep(5 * time.Second)
			for _, o := range observers {
				if m, there := listed(c, o); !there || m.Voter || !m.Observer {
					t.Errorf("%s is %+v", c.Name(o), m)
				}
				r := must(t, c, o, znode.PutOp(path("/x"), c.Name(o)))
				if s, err := c.Node(o).State(); err != nil || s.Zxid < r.Zxid || data(s, "/x") != c.Name(o) {
					t.Errorf("a local read: %v, %v", s, err)
				}
				for _, from := range []int{0, 1, 2, observers[0], observers[1]} {
					if s, err := linearizable(t, c, from, time.Second); err != nil || data(s, "/x") != c.Name(o) {
						t.Errorf("%s wrote, %s reads: %v", c.Name(o), c.Name(from), err)
					}
				}
			}
			old := c.Leader()
			if round == 1 {
				c.Stop(old)
			} else {
				c.Crash(old)
			}
			if l := c.WaitLeader(old); slices.Contains(observers, l) {
				t.Fatalf("%s leads", c.Name(l))
			}
			c.Start(old)
			c.WaitReady()
		}
		w.halt()
		w.check(t, c.Settle())
		if len(w.errs) > 0 || len(w.done) < 1000 {
			t.Errorf("%d done, errors %v", len(w.done), w.errs)
		}
	})
}

// Observers are no majority, however many they are.
func TestObserversDoNotMakeAQuorum(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for range 4 {
			i := join(t, c, 0, false)
			c.Eventually(c.Name(i)+" is ready", func() bool { return c.Node(i).Ready() })
		}
		c.Settle()
		left := c.Leader()
		gone := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == left })
		for _, i := range gone {
			c.Crash(i)
		}
		time.Sleep(3 * time.Second)
		for i := range c.Len() {
			if slices.Contains(gone, i) {
				continue
			}
			if _, err := propose(t, c, i, time.Second, sequential("x")); !errors.Is(err, command.ErrNoLeader) && !errors.Is(err, command.ErrUnknown) {
				t.Errorf("%s writes: %v", c.Name(i), err)
			}
			if _, err := linearizable(t, c, i, time.Second); !errors.Is(err, command.ErrNoLeader) {
				t.Errorf("%s reads: %v", c.Name(i), err)
			}
			if _, err := c.Node(i).State(); err != nil {
				t.Errorf("%s does not give what it has: %v", c.Name(i), err)
			}
			if c.Node(i).Stats().Leader {
				t.Errorf("%s leads", c.Name(i))
			}
		}
		if err := removeMember(t, c, left, gone[0]); !errors.Is(err, command.ErrNoLeader) {
			t.Errorf("a change without a quorum: %v", err)
		}
		c.Start(gone[0])
		must(t, c, 3, sequential("x"))
		c.Start(gone[1])
		c.Settle()
	})
}

// A voter loses its vote and gets it back, the leader too.
func TestAVoterBecomesAnObserverAndAVoterAgain(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := writeEvery(c, 20*time.Millisecond, []int{0, 1, 2}, 2, 3*time.Second)
		for round, of := range []func() int{func() int { return c.Followers()[0] }, c.Leader} {
			i := of()
			addMember(t, c, i, c.Spec(i, false))
			if m, _ := listed(c, i); m.Voter || !m.Observer || m.URL == "" {
				t.Errorf("round %d: it is %+v", round, m)
			}
			c.WaitLeader(i)
			time.Sleep(10 * time.Second)
			if m, _ := listed(c, i); m.Voter || !m.Observer {
				t.Errorf("round %d: it is %+v after a while", round, m)
			}
			must(t, c, i, znode.PutOp(path("/by"), c.Name(i)))
			addMember(t, c, i, c.Spec(i, true))
			waitVoter(c, i)
		}
		w.halt()
		w.check(t, c.Settle())
		if len(w.errs) > 0 {
			t.Errorf("errors %v", w.errs)
		}
	})
}

// The vote is taken in two steps; a leader that dies between them, or anywhere, leaves a member that becomes what it is to be.
func TestALeaderDiesWhileAVoteIsTaken(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 5}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for round := range 8 {
			leader := c.WaitReady()
			i := c.Followers()[0]
			answer := make(chan error, 1)
			n, m := c.Node(c.Followers()[1]), c.Spec(i, false)
			go func() {
				answer <- n.AddMember(t.Context(), m)
			}()
			for _, f := range c.Followers() {
				c.Disk(f).Slow(2 * time.Millisecond)
			}
			time.Sleep(time.Duration(2+2*round) * time.Millisecond)
			c.Crash(leader)
			if err := <-answer; err != nil {
				t.Errorf("round %d: %v", round, err)
			}
			for f := range c.Len() {
				c.Disk(f).Slow(0)
			}
			c.Start(leader)
			c.WaitReady()
			c.Eventually("it is an observer", func() bool {
				m, there := listed(c, i)
				return there && !m.Voter && m.Observer
			})
			addMember(t, c, i, c.Spec(i, true))
			waitVoter(c, i)
		}
		c.Settle()
	})
}
