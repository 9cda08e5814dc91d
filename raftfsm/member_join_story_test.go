package raftfsm_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// addMember asks member via for it, and fails the test unless it is done.
func addMember(t *testing.T, c *raftfsmtest.Cluster, via int, m command.MemberSpec) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Node(via).AddMember(ctx, m); err != nil {
		t.Fatalf("adding %+v through %s: %v\n%s", m, c.Name(via), err, c.Describe())
	}
}

// join starts one more machine and has it added through member via.
func join(t *testing.T, c *raftfsmtest.Cluster, via int, voter bool) int {
	t.Helper()
	i := c.AddHost()
	c.Start(i)
	addMember(t, c, via, c.Spec(i, voter))
	return i
}

// removeMember asks member via, whatever comes of it.
func removeMember(t *testing.T, c *raftfsmtest.Cluster, via, i int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Node(via).RemoveMember(ctx, c.Name(i))
}

// listed is member i as the leader's configuration has it.
func listed(c *raftfsmtest.Cluster, i int) (m raftfsm.MemberStatus, there bool) {
	leader := c.Leader()
	if leader < 0 {
		return m, false
	}
	all := c.Node(leader).Status().Members
	at := slices.IndexFunc(all, func(m raftfsm.MemberStatus) bool { return m.Name == c.Name(i) })
	if at < 0 {
		return m, false
	}
	return all[at], true
}

// waitVoter waits until the leader counts member i among the voters.
func waitVoter(c *raftfsmtest.Cluster, i int) {
	c.Eventually(c.Name(i)+" votes", func() bool {
		m, there := listed(c, i)
		return there && m.Voter
	})
}

func TestAClusterOfOneGrowsToThreeUnderLoad(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1, SnapshotBytes: 8192}, func(t *testing.T, c *raftfsmtest.Cluster) {
		// No write takes longer than an election, whatever the members do: none of the three seconds is a luxury.
		w := writeEvery(c, 5*time.Millisecond, []int{0}, 5, 3*time.Second)
		time.Sleep(200 * time.Millisecond)
		one := join(t, c, 0, true)
		waitVoter(c, one)
		two := join(t, c, 0, true)
		waitVoter(c, two)
		time.Sleep(200 * time.Millisecond)
		w.halt()
		w.check(t, c.Settle())
		if len(w.errs) > 0 || len(w.done) < 500 {
			t.Errorf("%d done, errors %v", len(w.done), w.errs)
		}

		// From now on the first is one of three.
		c.Crash(0)
		must(t, c, c.WaitLeader(0), znode.PutOp(path("/after"), "x"))
		c.Start(0)
		c.Settle()
		for i := range c.Len() {
			c.Crash(i)
		}
		c.Start(1)
		if _, err := propose(t, c, 1, 3*time.Second, znode.PutOp(path("/alone"), "x")); err == nil {
			t.Error("one of three wrote alone")
		}
		c.Start(0)
		c.Start(2)
		must(t, c, 2, znode.PutOp(path("/again"), "x"))
		c.Settle()
	})
}

// A member of a cluster of one that grew is not quicker to lose patience than the others: its leader's lease is theirs.
func TestTheFirstOfAClusterThatGrewLeadsAsSteadilyAsAnyOther(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for range 2 {
			waitVoter(c, join(t, c, 0, true))
		}
		term := c.Node(0).Stats().Term
		for range 20 {
			for i := range 3 {
				c.Disk(i).Slow(60 * time.Millisecond) // longer than a lease of a tenth would last
			}
			must(t, c, 1, sequential("x"))
		}
		if s := c.Node(0).Stats(); !s.Leader || s.Term != term {
			t.Errorf("it led in term %d\n%s", term, c.Describe())
		}
	})
}

func TestAMemberJoinsThroughAFollowerWhichShowsItAtOnce(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		f := c.Followers()[0]
		i := join(t, c, f, true)
		all := c.Node(f).Status().Members
		m := all[len(all)-1]
		if len(all) != 4 || m.Name != c.Name(i) || m.URL != "http://m3" || m.RaftAddr != "m3:7" || m.Voter || m.Observer {
			t.Errorf("the follower shows %+v", all)
		}
		if all[0].URL != "http://m0" {
			t.Errorf("a member of the first day is %+v", all[0])
		}
		waitVoter(c, i)
		c.Settle()
		if s := c.Node(i).Status(); len(s.Members) != 4 || s.Members[0].URL != "http://m0" || s.Members[3].URL != "http://m3" {
			t.Errorf("the new member shows %+v", s)
		}
		// To ask again is to be told that it is so.
		index := c.Node(c.Leader()).Stats().CommitIndex
		addMember(t, c, i, c.Spec(i, true))
		if m, _ := listed(c, i); !m.Voter {
			t.Error("asked again, it lost its vote")
		}
		if now := c.Node(c.Leader()).Stats().CommitIndex; now > index+2 {
			t.Errorf("to ask again wrote %d entries", now-index)
		}
	})
}

// Whatever becomes of a member that joins, the others go on, and when it is back it is promoted.
func TestAMemberThatJoinsFailsAtEachStage(t *testing.T) {
	stages := []struct {
		name string
		fail func(t *testing.T, c *raftfsmtest.Cluster, i int) // between being added and being mended
		mend func(c *raftfsmtest.Cluster, i int)
	}{
		{"it is not there when it is added",
			func(t *testing.T, c *raftfsmtest.Cluster, i int) {
				c.Crash(i)
				addMember(t, c, 1, c.Spec(i, true))
			},
			func(c *raftfsmtest.Cluster, i int) { c.Start(i) }},
		{"it is cut off before it has heard of anybody",
			func(t *testing.T, c *raftfsmtest.Cluster, i int) {
				c.Isolate(i)
				addMember(t, c, 1, c.Spec(i, true))
			},
			func(c *raftfsmtest.Cluster, i int) { c.Heal() }},
		{"it crashes as it is added",
			func(t *testing.T, c *raftfsmtest.Cluster, i int) {
				addMember(t, c, 1, c.Spec(i, true))
				c.Crash(i)
			},
			func(c *raftfsmtest.Cluster, i int) { c.Start(i) }},
		{"it crashes once it has caught up",
			func(t *testing.T, c *raftfsmtest.Cluster, i int) {
				addMember(t, c, 1, c.Spec(i, true))
				c.Eventually("it is ready", c.Node(i).Ready)
				c.Crash(i)
			},
			func(c *raftfsmtest.Cluster, i int) { c.Start(i) }},
		{"it is cut off once it has caught up",
			func(t *testing.T, c *raftfsmtest.Cluster, i int) {
				addMember(t, c, 1, c.Spec(i, true))
				c.Eventually("it is ready", c.Node(i).Ready)
				c.Isolate(i)
			},
			func(c *raftfsmtest.Cluster, i int) { c.Heal() }},
	}
	for _, stage := range stages {
		t.Run(stage.name, func(t *testing.T) {
			story(t, raftfsmtest.Config{SnapshotBytes: 8192}, func(t *testing.T, c *raftfsmtest.Cluster) {
				w := writeEvery(c, 30*time.Millisecond, []int{0, 1, 2}, 2, 3*time.Second)
				i := c.AddHost()
				c.Start(i)
				time.Sleep(500 * time.Millisecond)
				if c.Node(i).IsMember() || c.Node(i).Ready() {
					t.Error("it takes itself for a member before it is one")
				}
				stage.fail(t, c, i)
				time.Sleep(10 * time.Second)
				if m, there := listed(c, i); !there || m.Voter {
					t.Errorf("while it was away it was %t, %+v", there, m)
				}
				stage.mend(c, i)
				waitVoter(c, i)
				w.halt()
				w.check(t, c.Settle())
				if len(w.errs) > 0 {
					t.Errorf("errors %v", w.errs)
				}
				if !c.Node(i).IsMember() || !c.Node(i).Ready() {
					t.Error("it does not know that it is a member")
				}
			})
		})
	}
}

// A member that cannot keep up gets no vote, since a write would then wait for it.
func TestPromotionWaitsUntilAMemberHasCaughtUp(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := writeEvery(c, 3*time.Millisecond, []int{0}, 2, 3*time.Second)
		time.Sleep(time.Second)
		i := c.AddHost()
		c.Start(i)
		c.Disk(i).Slow(600 * time.Millisecond)
		addMember(t, c, 0, c.Spec(i, true))
		for range 15 {
			time.Sleep(time.Second)
			if m, _ := listed(c, i); m.Voter {
				t.Fatalf("it votes\n%s", c.Describe())
			}
		}
		if s, l := c.Node(i).Stats(), c.Node(0).Stats(); s.AppliedIndex == 0 || s.AppliedIndex+64 > l.CommitIndex {
			t.Errorf("it is at %d of %d: this is not the story it is meant to be", s.AppliedIndex, l.CommitIndex)
		}
		c.Disk(i).Slow(0)
		waitVoter(c, i)
		w.halt()
		w.check(t, c.Settle())
		if len(w.errs) > 0 {
			t.Errorf("errors %v", w.errs)
		}
	})
}

func TestADeadMemberIsReplacedUnderLoad(t *testing.T) {
	story(t, raftfsmtest.Config{SnapshotBytes: 8192}, func(t *testing.T, c *raftfsmtest.Cluster) {
		dead := c.Followers()[0]
		var alive []int
		for i := range 3 {
			if i != dead {
				alive = append(alive, i)
			}
		}
		w := writeEvery(c, 20*time.Millisecond, alive, 3, 3*time.Second)
		c.Crash(dead)
		time.Sleep(time.Second)
		if err := removeMember(t, c, alive[1], dead); err != nil {
			t.Fatal(err)
		}
		i := join(t, c, alive[0], true)
		waitVoter(c, i)
		// Who has not heard of its vote would not vote for it, nor lead without the leader that crashes.
		c.Eventually("all know that it votes", func() bool {
			for _, k := range append(alive, i) {
				all := c.Node(k).Status().Members
				at := slices.IndexFunc(all, func(m raftfsm.MemberStatus) bool { return m.Name == c.Name(i) })
				if at < 0 || !all[at].Voter {
					return false
				}
			}
			return true
		})
		// The cluster can lose one again.
		leader := c.Leader()
		c.Crash(leader)
		c.WaitLeader(leader)
		must(t, c, i, sequential("with the new one"))
		c.Start(leader)
		w.halt()
		w.unknown["with the new one"] = true
		w.check(t, c.Settle())
		delete(w.errs, command.ErrUnknown) // of the writers on the leader that crashed
		delete(w.errs, command.ErrShuttingDown)
		if len(w.errs) > 0 {
			t.Errorf("errors %v", w.errs)
		}
		// The old one comes back with its old disk, is none of them, and learns it.
		term := c.Node(c.Leader()).Stats().Term
		c.Start(dead)
		c.Eventually("the old one knows", func() bool { return !c.Node(dead).IsMember() })
		time.Sleep(30 * time.Second)
		if s := c.Node(c.Leader()).Stats(); s.Term != term {
			t.Errorf("term %d became %d", term, s.Term)
		}
		// Under its old name, with an empty disk, it may join.
		c.Crash(dead)
		c.Wipe(dead)
		c.Start(dead)
		addMember(t, c, i, c.Spec(dead, true))
		waitVoter(c, dead)
		c.Settle()
		if got := len(c.Node(dead).Status().Members); got != 4 {
			t.Errorf("%d members", got)
		}
	})
}

// A removed member that does not know of it is a danger together with one whose disk was emptied: by its own account the two are a
// majority. The emptied one would have known better, and must not vote until it does again.
func TestAMemberWithAnEmptyDiskHasNoVoteForOneThatWasRemoved(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()
		removed, emptied := f[0], f[1]
		c.Isolate(removed)
		if err := removeMember(t, c, leader, removed); err != nil {
			t.Fatal(err)
		}
		if err := removeMember(t, c, leader, emptied); err != nil {
			t.Fatal(err)
		}
		must(t, c, leader, znode.PutOp(path("/x"), "kept"))
		c.Crash(emptied)
		c.Wipe(emptied)
		c.Start(emptied)
		c.Partition([]int{removed, emptied}, []int{leader})
		if _, err := propose(t, c, removed, 30*time.Second, znode.PutOp(path("/x"), "lost")); err == nil {
			t.Error("the removed and the emptied have a life of their own")
		}
		for _, i := range []int{removed, emptied} {
			if s := c.Node(i).Stats(); s.Leader || s.HasLeader {
				t.Errorf("%s has a leader\n%s", c.Name(i), c.Describe())
			}
		}
		term := c.Node(leader).Stats().Term
		c.Heal()
		addMember(t, c, leader, c.Spec(emptied, true))
		waitVoter(c, emptied)
		time.Sleep(30 * time.Second)
		if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
			t.Errorf("%s led in term %d\n%s", c.Name(leader), term, c.Describe())
		}
		// Now it has one, and keeps it.
		c.Crash(leader)
		c.Restart(emptied)
		c.Start(leader)
		if s, err := linearizable(t, c, emptied, time.Minute); err != nil || data(s, "/x") != "kept" {
			t.Errorf("%v", err)
		}
		c.Settle()
	})
}

// The first of a cluster is in the first configuration alone, and meets it again when it joins with an empty disk.
func TestTheFirstMemberComesBackWithAnEmptyDiskAndBeginsNothing(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for range 300 { // several appends before the others come
			must(t, c, 0, znode.PutOp(path("/x"), "x"))
		}
		for range 2 {
			waitVoter(c, join(t, c, 0, true))
		}
		w := writeEvery(c, 20*time.Millisecond, []int{1, 2}, 2, 3*time.Second)
		if err := removeMember(t, c, 1, 0); err != nil {
			t.Fatal(err)
		}
		leader := c.WaitLeader(0)
		term := c.Node(leader).Stats().Term
		c.Crash(0)
		c.Wipe(0)
		c.Start(0)
		c.Disk(0).Slow(300 * time.Millisecond) // it is at the log's beginning for a while
		addMember(t, c, 1, c.Spec(0, true))
		for range 8 {
			time.Sleep(time.Second)
			if s := c.Node(0).Stats(); s.Leader {
				t.Fatalf("it leads\n%s", c.Describe())
			}
		}
		w.halt()
		c.Disk(0).Slow(0)
		waitVoter(c, 0)
		if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
			t.Errorf("%s led in term %d\n%s", c.Name(leader), term, c.Describe())
		}
		w.check(t, c.Settle())
		if len(w.errs) > 0 {
			t.Errorf("errors %v", w.errs)
		}
	})
}
