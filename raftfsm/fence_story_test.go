package raftfsm_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// A cut that is longer than connections live swallows what was sent into it, while the leader stays: only a fence can
// tell that nothing comes of it.
func TestWhatALostConnectionSwallowedIsSentAgain(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()[0]
		term := c.Node(leader).Stats().Term
		must(t, c, f, znode.PutOp(path("/a"), "before"))
		c.Cut(leader, f)
		done := make(chan error, 1)
		start := time.Now()
		go func() {
			_, err := propose(t, c, f, time.Minute, sequential("once"))
			done <- err
		}()
		time.Sleep(6 * time.Second) // the connections die after five
		c.Mend(leader, f)
		if err := <-done; err != nil {
			t.Fatalf("after %v: %v\n%s", time.Since(start), err, c.Describe())
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
		if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
			t.Errorf("the leader changed: the test shows nothing\n%s", c.Describe())
		}
		times := 0
		for n := range c.Settle().Tree.Children(znode.Root, "") {
			if n.Data() == "once" {
				times++
			}
		}
		if times != 1 {
			t.Errorf("it was carried out %d times", times)
		}
	})
}

// Connections that break under load, again and again, leave the leader with frames it has read, half read and not read.
// Whatever becomes of them, each write is carried out once, and nobody has to wait for a change of term.
func TestConnectionsThatBreakUnderLoadCostNoWrite(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader := c.Leader()
		term := c.Node(leader).Stats().Term
		c.Disk(leader).Slow(7 * time.Millisecond) // so that frames pile up on the leader
		w := write(c, c.Followers(), 200, time.Minute)
		for range 40 {
			time.Sleep(23 * time.Millisecond)
			for _, f := range c.Followers() {
				c.HangUp(leader, f)
			}
		}
		w.halt()
		c.Disk(leader).Slow(0)
		if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
			t.Errorf("the leader changed: the test shows nothing\n%s", c.Describe())
		}
		w.check(t, c.Settle())
		// How many are done varies with how the frames fall; fewer than this and the writers did not go on.
		if len(w.errs) > 0 || len(w.done) < 300 {
			t.Errorf("%d done, errors %v", len(w.done), w.errs)
		}
	})
}

// The leader has frames in its queue when their connection breaks: those behind the fence must never be proposed, since
// their commands come again.
func TestWhatTheLeaderHadNotProposedYetIsBarred(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()[0]
		must(t, c, f, znode.PutOp(path("/a"), "connects"))
		big := strings.Repeat("x", 300<<10) // a frame and an entry each
		for round := range 5 {
			c.Disk(leader).Slow(100 * time.Millisecond)
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					if _, err := propose(t, c, f, time.Minute, sequential(fmt.Sprintf("%d.%d %s", round, i, big))); err != nil {
						t.Errorf("write %d of round %d: %v", i, round, err)
					}
				})
			}
			time.Sleep(time.Duration(50+37*round) * time.Millisecond)
			c.HangUp(leader, f)
			wg.Wait()
			c.Disk(leader).Slow(0)
		}
		times := map[string]int{}
		for n := range c.Settle().Tree.Children(znode.Root, "n") {
			id, _, _ := strings.Cut(n.Data(), " ")
			times[id]++
		}
		for id, k := range times {
			if k != 1 {
				t.Errorf("%s was carried out %d times", id, k)
			}
		}
		if len(times) != 60 {
			t.Errorf("%d of 60 writes are there", len(times))
		}
	})
}
