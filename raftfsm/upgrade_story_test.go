package raftfsm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// programs says which version of the log the program of each member reads at its next start.
type programs []uint8

func (p programs) cluster(every time.Duration) raftfsmtest.Config {
	return raftfsmtest.Config{DigestEvery: every, Attach: func(i int) raftfsmtest.Attachment {
		return raftfsmtest.Attachment{LogVersion: p[i]}
	}}
}

// wantLogVersion holds the logs of all members to a version: nothing in them may be newer.
func wantLogVersion(t *testing.T, c *raftfsmtest.Cluster, want uint8) {
	t.Helper()
	for i := range c.Len() {
		if got := c.LogVersion(i); got > want {
			t.Fatalf("something of version %d is in the log of %s\n%s", got, c.Name(i), c.Describe())
		}
	}
}

// wantCompared waits until members have agreed on a state of at least now.
func wantCompared(t *testing.T, c *raftfsmtest.Cluster, members ...int) {
	t.Helper()
	z := must(t, c, members[0], znode.PutOp(path("/a"), "x")).Zxid
	c.Eventually("the members compare", func() bool {
		for _, i := range members {
			if c.Node(i).Stats().DigestZxid < z {
				return false
			}
		}
		return true
	})
}

// An operator upgrades three members one by one, under load. While one is left that reads version 1, nothing newer is written, whoever
// leads; a member that was upgraded goes back without harm. Once all are new, they begin to compare.
func TestARollingUpgrade(t *testing.T) {
	versions := programs{1, 1, 1}
	story(t, versions.cluster(round), func(t *testing.T, c *raftfsmtest.Cluster) {
		steady := func(load bool) {
			t.Helper()
			if load {
				w := write(c, []int{0, 1, 2}, 1, time.Minute)
				time.Sleep(200 * time.Millisecond)
				w.halt()
			}
			must(t, c, 0, znode.PutOp(path("/a"), "x"))
			time.Sleep(3 * round)
			wantLogVersion(t, c, 1)
			wantUp(t, c, 0, 1, 2)
		}
		start := func(i int, version uint8) {
			t.Helper()
			w := write(c, []int{(i + 1) % 3}, 1, time.Minute)
			c.Stop(i)
			versions[i] = version
			time.Sleep(100 * time.Millisecond)
			c.Start(i)
			c.WaitReady()
			w.halt()
			for id := range w.unknown {
				t.Errorf("what became of %s is not known", id)
			}
		}
		// lead has a member lead, so that both programs come to write.
		lead := func(i int) {
			t.Helper()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := c.Node(i).Transfer(ctx, c.Name(i)); err != nil || c.WaitLeader() != i {
				t.Fatalf("%s does not come to lead: %v", c.Name(i), err)
			}
		}
		steady(true)
		start(0, 2)
		lead(0)
		steady(true)
		lead(1)
		steady(false)
		start(1, 2)
		lead(1)
		steady(false)
		start(1, 1) // a change of mind: nothing new was written, so there is a way back
		start(1, 2)
		steady(false)
		start(2, 2)
		wantCompared(t, c, 0, 1, 2)
		c.Settle()
	})
}

// While the last member that may be old is away, nobody knows what it will read when it comes back: nothing new is written. Once
// something new is in the log there is no way back any more, and a member that is away holds nobody up.
func TestAMemberThatIsAwayHoldsTheUpgradeUp(t *testing.T) {
	versions := programs{2, 2, 1}
	story(t, versions.cluster(round), func(t *testing.T, c *raftfsmtest.Cluster) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		s, err := c.Node(1).State()
		if err != nil {
			t.Fatal(err)
		}
		restoring := func() error { _, err := c.Node(1).Restore(ctx, s, true); return err }
		if err := restoring(); !errors.Is(err, command.ErrOldMember) {
			t.Errorf("a restore: %v", err)
		}
		c.Crash(2)
		for range 5 {
			must(t, c, 0, znode.PutOp(path("/a"), "x"))
			time.Sleep(time.Minute)
		}
		if err := restoring(); !errors.Is(err, command.ErrOldMember) {
			t.Errorf("a restore while it is away: %v", err)
		}
		wantLogVersion(t, c, 1)
		versions[2] = 2
		c.Start(2)
		c.WaitReady()
		wantCompared(t, c, 0, 1, 2)
		c.Crash(2)
		time.Sleep(2 * time.Minute)
		wantCompared(t, c, 0, 1)
		if err := restoring(); err != nil {
			t.Errorf("a restore at last: %v", err)
		}
	})
}

// The way back is closed: an older program does not read the log. It says so and stops, instead of guessing; the others go on.
func TestAnOlderProgramDoesNotReadANewerLog(t *testing.T) {
	versions := programs{2, 2, 2}
	story(t, versions.cluster(round), func(t *testing.T, c *raftfsmtest.Cluster) {
		wantCompared(t, c, 0, 1, 2)
		old := c.Followers()[0]
		c.Crash(old)
		versions[old] = 1
		c.Start(old)
		c.Eventually("it stops", func() bool { return c.Fatal(old) != nil && c.Node(old) == nil })
		if err := c.Fatal(old); !errors.Is(err, raftfsm.ErrTooOld) || !errors.Is(err, command.ErrTooNew) {
			t.Errorf("it stopped because %v", err)
		}
		others := []int{(old + 1) % 3, (old + 2) % 3}
		wantCompared(t, c, others...)
		wantUp(t, c, others...)

		versions[old] = 2
		c.Start(old)
		c.WaitReady()
		wantCompared(t, c, 0, 1, 2)
	})
}

// A member of version 1 says and writes what it always did.
func TestVersionOneSaysNothingNew(t *testing.T) {
	story(t, programs{1, 1, 1}.cluster(round), func(t *testing.T, c *raftfsmtest.Cluster) {
		must(t, c, 0, znode.PutOp(path("/a"), "x"))
		time.Sleep(3 * round)
		c.Settle()
		for i := range 3 {
			if r := c.Node(i).Reports(t.Context())[c.Name(i)]; r.LogVersion != 0 {
				t.Errorf("%s says that it reads version %d", c.Name(i), r.LogVersion)
			}
			for _, l := range c.Log(i) {
				var e command.Entry
				if l.Type != raft.LogCommand {
					continue
				}
				if err := e.Decode(l.Data); err != nil {
					t.Fatal(err)
				}
				for _, b := range e.Commands {
					if b[0] > 3 {
						t.Errorf("%s has a command of kind %d in its log", c.Name(i), b[0])
					}
				}
			}
		}
	})
}
