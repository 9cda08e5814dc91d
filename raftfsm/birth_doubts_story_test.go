package raftfsm_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// begun waits until all members have taken their votes for the first time, which is before the first election.
func begun(c *raftfsmtest.Cluster) {
	c.Eventually("all have begun", func() bool {
		for i := range c.Len() {
			if c.Node(i).Stats().NoVote {
				return false
			}
		}
		return true
	})
}

// One of three was there on the first day and began with the others, and was cut off before it had the first entry. It says that its log
// is new. It must not help one whose folder is lost to begin once more, however long the third is silent.
func TestOneThatBeganWithTheOthersDoesNotBeginOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := raftfsmtest.New(t, raftfsmtest.Config{})
		begun(c)
		const lags = 2
		c.Isolate(lags)
		leader := c.WaitLeader(lags)
		lost := 1 - leader
		must(t, c, leader, znode.PutOp(path("/x"), "acknowledged"))
		c.Crash(leader)
		c.Crash(lost)
		c.Empty(lost)
		c.Start(lost)
		c.Heal()
		for range 600 { // a minute
			if at := c.Leader(); at >= 0 {
				s, err := linearizable(t, c, at, time.Minute)
				if err != nil {
					t.Fatalf("%v", err)
				}
				if got := data(s, "/x"); got != "acknowledged" {
					t.Fatalf("%s leads and has %q for what was acknowledged\n%s", c.Name(at), got, c.Describe())
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		c.Start(leader)
		if s := c.Settle(); data(s, "/x") != "acknowledged" {
			t.Errorf("/x is %q", data(s, "/x"))
		}
	})
}

// The first leader has the vote of one that loses its folder before it has an entry. All of them say truly that their logs are new, so that
// one may vote; but not once more in the same term.
func TestAFounderWhoseFolderIsLostDoesNotVoteTwiceInATerm(t *testing.T) {
	told := false
	for range 100 { // until chance has the first elected: one in three
		if told {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			c := raftfsmtest.New(t, raftfsmtest.Config{})
			begun(c)
			const other, lost = 1, 2
			c.Cut(0, other)
			c.Disk(0).Slow(100 * time.Millisecond) // between its election and its first entry
			c.Eventually("a leader", func() bool { return c.Leader() >= 0 })
			first := c.Leader()
			if first != 0 || c.Node(lost).Stats().LastIndex != 1 {
				return // chance had another elected
			}
			told = true
			term := c.Node(first).Stats().Term
			c.Crash(lost)
			c.Empty(lost)
			c.Start(lost)
			c.Eventually("it votes", func() bool { return !c.Node(lost).Stats().NoVote })
			c.Isolate(first)
			c.Disk(first).Slow(0)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			large := strings.Repeat("x", 400<<10) // so that it does not wait for the entry before it
			go c.Node(first).Propose(ctx, &znode.Txn{Ops: []znode.Op{znode.PutOp(path("/y"), large)}})
			c.Eventually("another leader", func() bool { return c.Node(other).Stats().Leader || c.Node(lost).Stats().Leader })
			for _, i := range []int{other, lost} {
				if s := c.Node(i).Stats(); s.Leader && s.Term == term {
					t.Errorf("%s and %s both won term %d\n%s", c.Name(first), c.Name(i), term, c.Describe())
				}
			}
			must(t, c, other, znode.PutOp(path("/x"), "acknowledged"))
			time.Sleep(5 * time.Second)
			c.Heal()
			for range 100 {
				time.Sleep(100 * time.Millisecond)
			}
			for i := range c.Len() {
				if s, err := c.Node(i).State(); err == nil && data(s, "/x") != "acknowledged" {
					t.Errorf("%s has %q for what was acknowledged, and applied %d", c.Name(i), data(s, "/x"), c.Node(i).Stats().AppliedIndex)
				}
			}
			c.Settle()
		})
	}
	t.Error("the first was never elected")
}

// A founder was replaced since: it answers no more. Another, whose folder is lost, is started with the list of the first day, and catches up
// with the leader there is.
func TestAFounderWhoseFolderIsLostCatchesUpAfterAnotherWasReplaced(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()
		lost, replaced := f[0], f[1]
		waitVoter(c, join(t, c, leader, true))
		if err := removeMember(t, c, leader, replaced); err != nil {
			t.Fatal(err)
		}
		c.Crash(replaced)
		must(t, c, leader, znode.PutOp(path("/x"), "x"))
		c.Crash(lost)
		c.Empty(lost)
		c.Start(lost)
		c.Eventually("it has caught up", func() bool { return c.Node(lost).Ready() })
	})
}

// The leader reaches all, and two of the followers do not reach each other. One of them has lost its folder.
func TestAFounderWhoseFolderIsLostCatchesUpWithALeaderAlone(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		f := c.Followers()
		lost, other := f[0], f[1]
		must(t, c, c.Leader(), znode.PutOp(path("/x"), "x"))
		c.Crash(lost)
		c.Empty(lost)
		c.Cut(lost, other)
		c.Start(lost)
		c.Eventually("it has caught up", func() bool { return c.Node(lost).Ready() })
	})
}

// The leader names the end of its log, and dies before what it has there is committed. The one whose folder is lost does not wait for entries
// that nobody will write again.
func TestAFounderWhoseFolderIsLostDoesNotWaitForEntriesThatWereSweptAway(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 5}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()
		lost := f[0]
		for range 300 {
			must(t, c, leader, znode.PutOp(path("/x"), "x"))
		}
		had := c.Node(leader).Stats().LastIndex
		c.Crash(lost)
		c.Empty(lost)
		c.Disk(lost).Slow(40 * time.Millisecond)
		c.Start(lost)
		c.Eventually("it has a part of the log", func() bool { return c.Node(lost).Stats().LastIndex > 100 })
		for _, i := range f[1:] {
			c.Cut(leader, i)
		}
		ctx, cancel := context.WithCancel(context.Background())
		for range 3 { // large, so that none waits for the one before it
			go c.Node(leader).Propose(ctx, &znode.Txn{Ops: []znode.Op{znode.PutOp(path("/y"), strings.Repeat("x", 400<<10))}})
			time.Sleep(time.Millisecond)
		}
		c.Eventually("it holds all that is committed", func() bool { return c.Node(lost).Stats().AppliedIndex >= had })
		time.Sleep(2 * time.Millisecond)
		cancel()
		if s := c.Node(leader).Stats(); !s.Leader || s.LastIndex != had+3 || s.CommitIndex != had {
			t.Fatalf("not as it is meant to be\n%s", c.Describe())
		}
		c.Crash(leader)
		c.Heal()
		c.Disk(lost).Slow(0)
		c.WaitLeader(leader)
		c.Start(leader)
		c.Eventually("it has caught up", func() bool { return c.Node(lost).Ready() })
	})
}

// deposed gives a cluster's office to newer in a term that the old leader and the one with it do not hear of: they are cut off when newer asks
// for votes. What newer then acknowledges is held by it and the others.
func deposed(t *testing.T, c *raftfsmtest.Cluster, old, with, newer int, others ...int) {
	t.Helper()
	c.Settle()
	c.Disk(newer).Slow(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	go c.Node(old).Transfer(ctx, c.Name(newer))
	time.Sleep(5 * time.Millisecond)
	c.Partition([]int{old, with}, append(others, newer))
	c.Disk(newer).Slow(0)
	c.Eventually("another leader", func() bool { return c.Node(newer).Stats().Leader })
	must(t, c, newer, znode.PutOp(path("/new"), "acknowledged"))
	if !c.Node(old).Stats().Leader {
		t.Fatalf("the old leader knows already\n%s", c.Describe())
	}
}

// stillOne has the old leader write, which must come to nothing, and heals.
func stillOne(t *testing.T, c *raftfsmtest.Cluster, old int) {
	t.Helper()
	if _, err := propose(t, c, old, 10*time.Second, znode.PutOp(path("/old"), "acknowledged")); err == nil {
		t.Fatalf("two lead at a time, with a following each\n%s", c.Describe())
	}
	c.Heal()
	if s := c.Settle(); data(s, "/new") != "acknowledged" {
		t.Errorf("what was acknowledged is lost")
	}
}

// Three founders became five members. One of the founders loses its folder and hears the other two, which is all that its list has: but the
// newest term is that of others.
func TestAFounderWhoseFolderIsLostHearsAQuorumOfThePresentMembers(t *testing.T) {
	story(t, raftfsmtest.Config{Heartbeat: 2 * time.Second}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old, f := c.Leader(), c.Followers()
		with, lost := f[0], f[1]
		newer, also := join(t, c, old, true), join(t, c, old, true)
		waitVoter(c, newer)
		waitVoter(c, also)
		deposed(t, c, old, with, newer, also, lost)
		c.Crash(lost)
		c.Empty(lost)
		c.Partition([]int{old, with, lost}, []int{newer, also})
		c.Start(lost)
		stillOne(t, c, old)
	})
}

// Two of five founders lose their folders. What each hears of the other is nothing to go by.
func TestFoundersWhoseFoldersAreLostDoNotHearOfOneAnother(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 5, Heartbeat: 2 * time.Second}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old, f := c.Leader(), c.Followers()
		with, newer, lost := f[0], f[1], f[2:]
		deposed(t, c, old, with, newer, lost...)
		for _, i := range lost {
			c.Crash(i)
			c.Empty(i)
		}
		c.Partition([]int{old, with, lost[0], lost[1]}, []int{newer})
		for _, i := range lost {
			c.Start(i)
		}
		stillOne(t, c, old)
	})
}

// What was lost is a member's of three, and it joins with its name as a new one does. A leader of a term that is over finds it first.
func TestAMemberThatJoinsWithItsOldNameFollowsNoLeaderOfATermThatIsOver(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 4, Heartbeat: 2 * time.Second}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old, f := c.Leader(), c.Followers()
		with, newer, lost := f[0], f[1], f[2]
		i := join(t, c, old, true)
		waitVoter(c, i)
		deposed(t, c, old, with, newer, i, lost)
		c.Crash(lost)
		c.Wipe(lost)
		c.Partition([]int{old, with, lost}, []int{newer, i})
		c.Start(lost)
		stillOne(t, c, old)
	})
}
