package raftfsm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

func TestALeaderThatCrashesCostsItsFollowersNoWrite(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for range 3 {
			old := c.Leader()
			w := write(c, c.Followers(), 20, time.Minute)
			time.Sleep(100 * time.Millisecond)
			c.Crash(old)
			c.WaitLeader(old)
			time.Sleep(100 * time.Millisecond)
			w.halt()
			c.Start(old)
			w.check(t, c.Settle())
			if len(w.errs) > 0 || len(w.done) < 100 {
				t.Errorf("%d done; on members that stayed up nobody may hear of an error: %v", len(w.done), w.errs)
			}
			clearAll(t, c)
		}
	})
}

func TestAMemberThatStopsHandsOverUnderLoad(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := write(c, []int{0, 1, 2}, 20, time.Minute)
		for range 4 {
			time.Sleep(150 * time.Millisecond)
			old := c.WaitLeader()
			term := c.Node(old).Stats().Term
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			if err := c.Node(old).HandOver(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			c.Eventually("another leader", func() bool {
				l := c.Leader()
				return l >= 0 && l != old && c.Node(l).Stats().Term > term
			})
		}
		w.halt()
		w.check(t, c.Settle())
		if len(w.errs) > 0 || len(w.done) < 100 {
			t.Errorf("%d done, errors %v", len(w.done), w.errs)
		}
	})
}

func TestADeadLeaderIsReplacedBeforeItsHeartbeatIsMissed(t *testing.T) {
	const heartbeat = 2 * time.Second
	story(t, raftfsmtest.Config{Heartbeat: heartbeat}, func(t *testing.T, c *raftfsmtest.Cluster) {
		must(t, c, c.Followers()[0], znode.PutOp(path("/a"), "x"))
		start := time.Now()
		c.Crash(c.Leader())
		must(t, c, c.WaitLeader(), znode.PutOp(path("/a"), "y"))
		if took := time.Since(start); took > heartbeat/2 {
			t.Errorf("the next write was done after %v", took)
		}
	})
}

// Followers that have just started and carried nothing to their leader notice its death all the same.
func TestFollowersThatHaveJustRestartedReplaceADeadLeaderAtOnce(t *testing.T) {
	const heartbeat = 2 * time.Second
	story(t, raftfsmtest.Config{Heartbeat: heartbeat}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for range 4 {
			leader, followers := c.Leader(), c.Followers()
			for _, f := range followers {
				c.Crash(f)
				c.Restart(f)
				c.WaitReady()
			}
			if c.Leader() != leader {
				continue
			}
			time.Sleep(time.Second)
			c.Crash(leader)
			crashed := time.Now()
			c.WaitLeader(leader)
			if took := time.Since(crashed); took > heartbeat/2 {
				t.Errorf("a new leader after %v", took)
			}
			c.Restart(leader)
			c.WaitReady()
		}
	})
}

func TestACutConnectionToALiveLeaderCausesNoElection(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader := c.Leader()
		term := c.Node(leader).Stats().Term
		for range 20 {
			for _, f := range c.Followers() {
				c.HangUp(leader, f)
			}
			time.Sleep(50 * time.Millisecond)
			must(t, c, c.Followers()[0], sequential("x"))
		}
		time.Sleep(3 * time.Second)
		if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
			t.Errorf("term %d became %d\n%s", term, s.Term, c.Describe())
		}
	})
}

// Both sides of a partition have clients. The side without a quorum must not say done to anything, nor "not done" to
// what was sent; what it never sent it may promise not to have done.
func TestOnlyTheMajorityOfAPartitionWrites(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 5}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()
		few, many := []int{leader, f[0]}, []int{f[1], f[2], f[3]}
		c.Partition(few, many)
		right := write(c, many, 5, time.Minute)
		left := write(c, few, 5, 300*time.Millisecond)
		time.Sleep(3 * time.Second)
		left.halt()
		if l := c.WaitLeader(few...); l == leader {
			t.Fatal("no new leader")
		}
		if len(left.done) > 0 {
			t.Errorf("%d writes were acknowledged without a quorum", len(left.done))
		}
		if left.errs[command.ErrNoLeader] == 0 || left.errs[command.ErrUnknown] == 0 || len(left.errs) != 2 {
			t.Errorf("the few were told %v", left.errs)
		}
		c.Heal()
		time.Sleep(time.Second)
		right.halt()
		if len(right.errs) > 0 || len(right.done) < 1000 {
			t.Errorf("the many: %d done, errors %v", len(right.done), right.errs)
		}
		for id := range left.unknown {
			right.unknown[id] = true
		}
		right.check(t, c.Settle())
	})
}

func TestAllMembersRestart(t *testing.T) {
	story(t, raftfsmtest.Config{SnapshotBytes: 4096}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := write(c, []int{0, 1, 2}, 5, time.Minute)
		for range 5 {
			time.Sleep(200 * time.Millisecond)
			for i := range c.Len() {
				c.Crash(i)
			}
			for i := range c.Len() {
				if n := c.Node(i); n != nil {
					t.Fatal("still up")
				}
				c.Start(i)
			}
			if s, err := c.Node(0).State(); !errors.Is(err, command.ErrBehind) {
				t.Errorf("a member that has just started gives out %v, %v", s, err)
			}
			c.WaitReady()
		}
		w.halt()
		w.check(t, c.Settle())
		if len(w.done) < 100 {
			t.Errorf("%d done", len(w.done))
		}
	})
}

// A member alone restarts and has all that was acknowledged.
func TestAClusterOfOneKeepsWhatItAcknowledged(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1, SnapshotBytes: 2048}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for round := range 4 {
			w := write(c, []int{0}, 3, time.Minute)
			time.Sleep(100 * time.Millisecond)
			c.Crash(0)
			w.halt()
			c.Start(0)
			start := time.Now()
			c.WaitReady()
			if took := time.Since(start); took > 300*time.Millisecond {
				t.Errorf("round %d: ready after %v: it waited for somebody", round, took)
			}
			w.check(t, c.Settle())
			clearAll(t, c)
		}
	})
}

// The two clients of one number: two members, one of which is gone, can do nothing.
func TestNothingIsWrittenWithoutAQuorum(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 2}, func(t *testing.T, c *raftfsmtest.Cluster) {
		f := c.Followers()[0]
		c.Crash(c.Leader())
		time.Sleep(3 * time.Second)
		if r, err := propose(t, c, f, time.Second, sequential("x")); !errors.Is(err, command.ErrNoLeader) {
			t.Errorf("a write: %v, %v", r, err)
		}
		if s, err := linearizable(t, c, f, time.Second); !errors.Is(err, command.ErrNoLeader) {
			t.Errorf("a read: %v, %v", s, err)
		}
		if _, err := c.Node(f).State(); err != nil {
			t.Errorf("a read of what is here: %v", err)
		}
	})
}

// Every way for a caller to stop waiting.
func TestACallGivenUpSaysWhatIsKnown(t *testing.T) {
	tests := []struct {
		name string
		want error
		// prepare gives the member to call, and how long the caller waits.
		prepare func(c *raftfsmtest.Cluster) (member int, within time.Duration)
	}{
		{"before there is a leader", command.ErrNoLeader, func(c *raftfsmtest.Cluster) (int, time.Duration) {
			f := c.Followers()
			c.Partition()
			time.Sleep(5 * time.Second)
			return f[0], time.Second
		}},
		{"sent to a leader that cannot be reached", command.ErrUnknown, func(c *raftfsmtest.Cluster) (int, time.Duration) {
			f := c.Followers()[0]
			c.Isolate(f)
			return f, 300 * time.Millisecond
		}},
		{"proposed by a leader without followers", command.ErrUnknown, func(c *raftfsmtest.Cluster) (int, time.Duration) {
			l := c.Leader()
			c.Isolate(l)
			return l, 300 * time.Millisecond
		}},
		{"proposed by a leader that steps down meanwhile", command.ErrUnknown, func(c *raftfsmtest.Cluster) (int, time.Duration) {
			l := c.Leader()
			c.Isolate(l)
			return l, 10 * time.Second
		}},
		{"while the leader's disk is slow", command.ErrUnknown, func(c *raftfsmtest.Cluster) (int, time.Duration) {
			l := c.Leader()
			c.Disk(l).Slow(400 * time.Millisecond)
			return l, 100 * time.Millisecond
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
				must(t, c, c.Followers()[0], znode.PutOp(path("/a"), "x")) // the connections are there
				m, within := tt.prepare(c)
				start := time.Now()
				r, err := propose(t, c, m, within, sequential("given up"))
				if !errors.Is(err, tt.want) || r != nil {
					t.Errorf("%v, %v; want %v", r, err, tt.want)
				}
				if took := time.Since(start); took != within {
					t.Errorf("it took %v of %v", took, within)
				}
				c.Disk(m).Slow(0)
				c.Heal()
				times := 0
				for n := range c.Settle().Tree.Children(znode.Root, "n") {
					if n.Data() == "given up" {
						times++
					}
				}
				if times > 1 || times > 0 && tt.want != command.ErrUnknown {
					t.Errorf("it was carried out %d times after %v", times, tt.want)
				}
				if calls := c.Node(m).Stats().Calls; calls != 0 {
					t.Errorf("%d calls are left", calls)
				}
			})
		})
	}
}

// Whoever waits when a member is closed is told so, and nobody is left behind: the bubble sees to that.
func TestCloseEndsEverybodyWhoWaits(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		i := c.Leader()
		n, zxid := c.Node(i), must(t, c, i, znode.PutOp(path("/a"), "x")).Zxid
		c.Isolate(i)
		time.Sleep(time.Second)
		type end struct {
			what string
			err  error
			want error
		}
		ends := make(chan end)
		go func() {
			_, err := n.Propose(context.Background(), &znode.Txn{Ops: []znode.Op{sequential("x")}})
			ends <- end{"propose", err, command.ErrShuttingDown}
		}()
		go func() {
			_, err := n.Linearizable(context.Background())
			ends <- end{"linearizable", err, command.ErrShuttingDown}
		}()
		go func() {
			_, err := n.StateAt(context.Background(), zxid+1000)
			ends <- end{"state at", err, command.ErrBehind}
		}()
		time.Sleep(time.Second)
		crashed := make(chan struct{})
		go func() {
			c.Crash(i)
			close(crashed)
		}()
		for range 3 {
			if e := <-ends; !errors.Is(e.err, e.want) {
				t.Errorf("%s: %v, want %v", e.what, e.err, e.want)
			}
		}
		<-crashed
		if _, err := n.Propose(context.Background(), &znode.Txn{Ops: []znode.Op{sequential("x")}}); !errors.Is(err, command.ErrShuttingDown) {
			t.Errorf("after Close: %v", err)
		}
		if _, err := n.Linearizable(context.Background()); !errors.Is(err, command.ErrShuttingDown) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestAWriteThroughAFollowerIsToldOfItsCommitAtOnce(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		f := c.Followers()[0]
		must(t, c, f, znode.PutOp(path("/a"), "x"))
		var sum time.Duration
		const writes = 20
		for i := range writes {
			time.Sleep(200 * time.Millisecond) // so that no other entry brings the news
			start := time.Now()
			must(t, c, f, znode.PutOp(path("/a"), fmt.Sprint(i)))
			sum += time.Since(start)
		}
		// Raft by itself would take half its CommitTimeout of 50 ms, on average.
		if mean := sum / writes; mean > 5*time.Millisecond {
			t.Errorf("a write takes %v", mean)
		}
	})
}
