package raftfsm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// nobodyLeads fails the test if a member that is up leads or follows at any time.
func nobodyLeads(t *testing.T, c *raftfsmtest.Cluster, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for i := range c.Len() {
			if n := c.Node(i); n != nil && (n.Stats().Leader || n.Stats().HasLeader) {
				t.Fatalf("%s has a leader\n%s", c.Name(i), c.Describe())
			}
		}
	}
}

// One of three acknowledged a write, lost its folder, and is started as on the first day. The only other one that is there never had
// the write. The two are a majority, and must not take themselves for a cluster.
func TestAFounderWhoseFolderIsLostHasNoVoteForOneThatLags(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()
		lags, lost := f[0], f[1]
		must(t, c, leader, znode.PutOp(path("/x"), "old"))
		c.Isolate(lags)
		must(t, c, leader, znode.PutOp(path("/x"), "acknowledged"))
		c.Crash(leader)
		c.Crash(lost)
		c.Empty(lost)
		c.Start(lost)
		c.Heal()
		c.Eventually("the one that lags knows that the leader is gone", func() bool { return !c.Node(lags).Stats().HasLeader })
		nobodyLeads(t, c, 5*time.Minute)
		c.Crash(lost) // nor does it have one the next time it starts
		c.Start(lost)
		nobodyLeads(t, c, time.Minute)
		c.Start(leader)
		if s := c.Settle(); data(s, "/x") != "acknowledged" {
			t.Errorf("/x is %q", data(s, "/x"))
		}
		// It has caught up, and from now on it counts.
		c.Crash(leader)
		c.Restart(lost)
		if s, err := linearizable(t, c, lost, time.Minute); err != nil || data(s, "/x") != "acknowledged" {
			t.Errorf("%v", err)
		}
		c.Start(leader)
		c.Settle()
	})
}

// A machine that is not there on the first day does not keep the others from beginning, but they wait for it for a while.
func TestAClusterBeginsWithoutTheOneThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := raftfsmtest.NewStopped(t, raftfsmtest.Config{})
		c.Start(0)
		nobodyLeads(t, c, time.Minute) // one is no majority, however long it waits
		c.Start(1)
		nobodyLeads(t, c, 9*time.Second)
		c.WaitLeader()
		must(t, c, 0, znode.PutOp(path("/x"), "x"))
		c.Start(2)
		if s := c.Settle(); data(s, "/x") != "x" {
			t.Errorf("/x is %q", data(s, "/x"))
		}
		leader := c.Leader()
		c.Crash(leader)
		c.WaitLeader(leader) // the late one counts
	})
}

func TestAClusterWhoseMembersAreAllThereBeginsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := raftfsmtest.New(t, raftfsmtest.Config{Members: 5})
		c.WaitReady()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A founder that crashes while it catches up has a log, and is no wiser for it.
func TestAFounderThatDiesWhileItCatchesUpHasNoVoteYet(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()
		lost, other := f[0], f[1]
		for range 300 {
			must(t, c, leader, znode.PutOp(path("/x"), "x"))
		}
		c.Crash(lost)
		c.Empty(lost)
		c.Disk(lost).Slow(500 * time.Millisecond)
		c.Start(lost)
		c.Eventually("it has a part of the log", func() bool { return c.Node(lost).Stats().LastIndex > 10 })
		if s := c.Node(lost).Stats(); s.Ready || s.LastIndex > 300 {
			t.Fatalf("it has all of it: %+v", s)
		}
		c.Crash(leader)
		c.Restart(lost)
		c.Disk(lost).Slow(0)
		c.Eventually("it knows that the leader is gone", func() bool {
			return !c.Node(lost).Stats().HasLeader && !c.Node(other).Stats().HasLeader
		})
		nobodyLeads(t, c, time.Minute)
		c.Start(leader)
		c.Settle()
	})
}

// When most folders are lost, nobody can tell what was acknowledged. Whoever runs the cluster has to say that what is left is all.
func TestWhenMostFoldersAreLostNobodyLeads(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		must(t, c, 0, znode.PutOp(path("/x"), "x"))
		c.Settle()
		for i := range 3 {
			c.Crash(i)
		}
		c.Empty(1)
		c.Empty(2)
		for i := range 3 {
			c.Start(i)
		}
		nobodyLeads(t, c, time.Minute)
		if !c.Logged("run holt recover") {
			t.Errorf("nobody says what to do\n%s", c.Describe())
		}
	})
}

// lostSeeds is how many histories with lost folders there are.
const lostSeeds = 4

// loseFolders crashes, cuts off and restarts machines, and has them lose their folders, each once the one before has caught up.
func loseFolders(ctx context.Context, c *raftfsmtest.Cluster, rng *rand.Rand) (lost int) {
	last := -1
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rng.IntN(600)) * time.Millisecond)
		i := rng.IntN(c.Len())
		if c.Node(i) == nil {
			c.Start(i)
			continue
		}
		switch rng.IntN(8) {
		case 0:
			c.Restart(i)
		case 1:
			c.Crash(i)
		case 2, 3:
			c.Isolate(i)
		case 4:
			if last >= 0 && (c.Node(last) == nil || !c.Node(last).Ready()) {
				continue
			}
			last = i
			lost++
			c.Crash(i)
			c.Empty(i)
			c.Start(i)
		default:
			c.Heal()
		}
	}
	return lost
}

// Members lose their folders one after another, are started as if nothing were, and no client can tell.
func TestHistoriesWithLostFoldersAreLinearizable(t *testing.T) {
	all := seeds(t)
	if len(all) == historySeeds { // nobody asked for so many
		all = all[:lostSeeds]
	}
	for _, seed := range all {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var h history
			lost := 0
			synctest.Test(t, func(t *testing.T) {
				c := raftfsmtest.New(t, raftfsmtest.Config{SnapshotBytes: 4 << 10})
				h.during(c, seed, churnLength, byReadIndex, func(ctx context.Context) {
					lost = loseFolders(ctx, c, rand.New(rand.NewPCG(seed, 11)))
				}, nil)
			})
			t.Logf("%d ops, %d folders lost", len(h.ops), lost)
			if len(h.ops) < 100 || lost < 3 {
				t.Errorf("%d ops and %d folders lost: this is not the story it is meant to be", len(h.ops), lost)
			}
			if got := porcupine.CheckOperationsTimeout(model(), h.ops, checkTimeout); got != porcupine.Ok {
				t.Errorf("linearizable: %v (HOLT_TEST_SEED=%d repeats the faults)\n%s", got, seed, explain(h.ops))
			}
		})
	}
}
