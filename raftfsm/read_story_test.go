package raftfsm_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// A read that follows a write, on whatever member, sees it: also on members without a vote, and while nothing else is
// written.
func TestALinearizableReadSeesEveryWriteBeforeIt(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 3, NonVoters: 1}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for i := range 60 {
			must(t, c, i%c.Len(), znode.PutOp(path("/a"), fmt.Sprint(i)))
			j := (i / c.Len()) % c.Len()
			s, err := linearizable(t, c, j, 5*time.Second)
			if err != nil || data(s, "/a") != fmt.Sprint(i) {
				t.Fatalf("%s wrote %d, %s reads %q, %v", c.Name(i%c.Len()), i, c.Name(j), data(s, "/a"), err)
			}
		}
	})
}

// Many readers share rounds of asking, beside writers; each sees at least what was acknowledged when it began.
func TestManyReadersBesideWriters(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		var mu sync.Mutex // guards acked
		var acked znode.Zxid
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for i := range 30 {
			wg.Go(func() {
				for k := 0; ; k++ {
					select {
					case <-stop:
						return
					default:
					}
					if i%3 == 0 {
						r, err := propose(t, c, i%c.Len(), time.Minute, znode.PutOp(path(fmt.Sprintf("/w%d", i)), fmt.Sprint(k)))
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						acked = max(acked, r.Zxid)
						mu.Unlock()
						time.Sleep(time.Millisecond)
						continue
					}
					mu.Lock()
					want := acked
					mu.Unlock()
					s, err := linearizable(t, c, i/3%c.Len(), time.Minute)
					if err != nil || s.Zxid < want {
						t.Errorf("%v of a read, acknowledged before it: %d", err, want)
						return
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		time.Sleep(200 * time.Millisecond)
		close(stop)
		wg.Wait()
		if acked < 100 {
			t.Errorf("only %d writes", acked)
		}
	})
}

// A leader that was cut off does not know yet that it leads no more. It must not answer, whoever is cut off with it: a
// member without a vote is no witness.
func TestACutOffLeaderDoesNotAnswerReads(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 3, NonVoters: 2}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old := c.Leader()
		must(t, c, old, znode.PutOp(path("/a"), "old"))
		with, others := []int{old, 3, 4}, []int{(old + 1) % 3, (old + 2) % 3}
		c.Partition(with, others)
		start := time.Now()
		var wg sync.WaitGroup
		for _, i := range with {
			for _, within := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 5 * time.Second} {
				wg.Go(func() {
					if s, err := linearizable(t, c, i, within); !errors.Is(err, command.ErrNoLeader) {
						t.Errorf("%s after %v: %v, %v", c.Name(i), time.Since(start), s, err)
					}
				})
			}
		}
		wg.Wait()
		l := c.WaitLeader(with...)
		must(t, c, l, znode.PutOp(path("/a"), "new"))
		reads := make(chan string, len(with))
		for _, i := range with { // asked while it is cut off, answered once it is not
			go func() {
				s, err := linearizable(t, c, i, time.Minute)
				if err != nil {
					t.Error(err)
					reads <- ""
					return
				}
				reads <- data(s, "/a")
			}()
		}
		time.Sleep(time.Second)
		c.Heal()
		for range with {
			if got := <-reads; got != "new" {
				t.Errorf("a read after the partition gives %q", got)
			}
		}
		c.Settle()
	})
}
