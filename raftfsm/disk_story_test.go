package raftfsm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// A member that was away for longer than the log reaches back is sent a snapshot. What its own calls came to lies before
// the snapshot's end, where nobody can see it.
func TestAMemberAwayTooLongCatchesUpBySnapshot(t *testing.T) {
	story(t, raftfsmtest.Config{SnapshotBytes: 32 << 10}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()[0]
		must(t, c, f, znode.PutOp(path("/big"), strings.Repeat("x", 1000)))
		c.Isolate(f)
		type end struct {
			err error
			at  time.Time
		}
		pending := make(chan end, 3)
		for range cap(pending) {
			go func() {
				_, err := propose(t, c, f, time.Hour, sequential("pending"))
				pending <- end{err, time.Now()}
			}()
		}
		for i := range 3000 { // entries, far more than are kept behind a snapshot
			must(t, c, leader, znode.PutOp(path("/big"), fmt.Sprint(i, strings.Repeat("y", 1000))))
		}
		before := c.SnapshotIndex(f)
		healed := time.Now()
		c.Heal()
		for range cap(pending) {
			if e := <-pending; !errors.Is(e.err, command.ErrUnknown) || e.at.Sub(healed) > 30*time.Second {
				t.Errorf("a call from before ended with %v, %v after the network was whole", e.err, e.at.Sub(healed))
			}
		}
		s := c.Settle()
		if after := c.SnapshotIndex(f); after <= before {
			t.Errorf("no snapshot was sent: the test shows nothing (%d, %d)", before, after)
		}
		if !strings.HasPrefix(data(s, "/big"), "2999y") {
			t.Errorf("/big is %.10q", data(s, "/big"))
		}
		must(t, c, f, znode.PutOp(path("/after"), "x"))
	})
}

// Snapshots are taken by size while writes go on, and a member starts from one and the rest of the log.
func TestMembersStartFromSnapshots(t *testing.T) {
	story(t, raftfsmtest.Config{SnapshotBytes: 8 << 10}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := write(c, []int{0, 1, 2}, 10, time.Minute)
		for i := range 6 {
			for k := range 30 {
				must(t, c, (i+1)%3, znode.PutOp(path("/big"), fmt.Sprint(k, strings.Repeat("x", 1000))))
				time.Sleep(5 * time.Millisecond)
			}
			c.Restart(i % 3)
		}
		w.halt()
		w.check(t, c.Settle())
		for i := range c.Len() {
			if c.SnapshotIndex(i) == 0 {
				t.Errorf("%s has no snapshot", c.Name(i))
			}
		}
	})
}

func TestALeaderWhoseDiskHangsIsReplaced(t *testing.T) {
	story(t, raftfsmtest.Config{MaxStall: time.Second}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old, f := c.Leader(), c.Followers()[0]
		c.Disk(old).Slow(20 * time.Second)
		start := time.Now()
		if _, err := propose(t, c, f, time.Minute, sequential("x")); err != nil {
			t.Errorf("a write through a follower: %v", err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		if l := c.WaitLeader(); l == old {
			t.Error("the leader whose disk hangs still leads")
		}
		c.Disk(old).Slow(0)
		time.Sleep(25 * time.Second) // what hangs still takes its time
		times := 0
		for n := range c.Settle().Tree.Children(znode.Root, "n") {
			if n.Data() == "x" {
				times++
			}
		}
		if times != 1 {
			t.Errorf("it was carried out %d times", times)
		}
	})
}

func TestOneSlowFollowerSlowsNobodyElse(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		l, slow, quick := c.Leader(), c.Followers()[0], c.Followers()[1]
		c.Disk(slow).Slow(200 * time.Millisecond)
		start := time.Now()
		for range 20 {
			must(t, c, l, sequential("x"))
			must(t, c, quick, sequential("x"))
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("40 writes took %v", took)
		}
		c.Disk(slow).Slow(0)
		c.Settle()
	})
}

// A leader with too little room takes what does not grow the state, and everything again once there is room.
func TestAFullDisk(t *testing.T) {
	const reserve = 1000
	story(t, raftfsmtest.Config{DiskReserve: reserve}, func(t *testing.T, c *raftfsmtest.Cluster) {
		l, f := c.Leader(), c.Followers()[0]
		for _, p := range []string{"/a", "/b"} {
			must(t, c, l, znode.PutOp(path(p), "x"))
		}
		c.Disk(f).SetFree(reserve - 1)
		time.Sleep(3 * time.Second)
		must(t, c, f, znode.PutOp(path("/c"), "x")) // it is the leader's disk that counts
		c.Disk(l).SetFree(reserve - 1)
		time.Sleep(3 * time.Second)
		for _, i := range []int{l, f} {
			for _, op := range []znode.Op{
				znode.CreateOp(path("/d"), "", znode.Persistent), znode.PutOp(path("/a"), "more"), znode.SetOp(path("/a"), "more"),
			} {
				if r, err := propose(t, c, i, 10*time.Second, op); !errors.Is(err, command.ErrDiskFull) {
					t.Errorf("%s through %s: %v, %v", op.Kind, c.Name(i), r, err)
				}
			}
		}
		must(t, c, f, znode.CheckOp(path("/a")))
		must(t, c, f, znode.DeleteOp(path("/a")))
		must(t, c, l, znode.DeleteOp(path("/b")))
		if s, err := linearizable(t, c, f, time.Second); err != nil || s.Tree.Len() != 2 {
			t.Errorf("a read: %v, %v", s, err)
		}
		c.Disk(l).SetFree(reserve)
		time.Sleep(3 * time.Second)
		must(t, c, l, znode.PutOp(path("/d"), "room"))
		must(t, c, f, znode.PutOp(path("/e"), "room"))
		c.Settle()
	})
}

// A mixed load on a full disk: among what is refused the rest gets through, in the same entries.
func TestAFullDiskUnderLoad(t *testing.T) {
	story(t, raftfsmtest.Config{DiskReserve: 10}, func(t *testing.T, c *raftfsmtest.Cluster) {
		l, f := c.Leader(), c.Followers()[0]
		for i := range 50 {
			must(t, c, l, znode.PutOp(path(fmt.Sprintf("/d%d", i)), "x"))
		}
		c.Disk(l).SetFree(0)
		time.Sleep(3 * time.Second)
		type end struct {
			grows bool
			err   error
		}
		ends := make(chan end, 200)
		for i := range 50 {
			for _, m := range []int{l, f} {
				go func() {
					_, err := propose(t, c, m, time.Minute, sequential("x"))
					ends <- end{true, err}
				}()
				go func() {
					_, err := propose(t, c, m, time.Minute, znode.DeleteOp(path(fmt.Sprintf("/d%d", i))))
					ends <- end{false, err}
				}()
			}
		}
		for range cap(ends) {
			if e := <-ends; e.grows && !errors.Is(e.err, command.ErrDiskFull) || !e.grows && e.err != nil {
				t.Errorf("grows %t: %v", e.grows, e.err)
			}
		}
		if s := c.Settle(); s.Tree.Len() != 1 {
			t.Errorf("%d znodes are left", s.Tree.Len())
		}
	})
}

func TestTheFirstStorageErrorEndsTheMember(t *testing.T) {
	for _, which := range []string{"leader", "follower"} {
		t.Run(which, func(t *testing.T) {
			story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
				victim := c.Leader()
				if which == "follower" {
					victim = c.Followers()[0]
				}
				other := (victim + 1) % 3
				must(t, c, other, znode.PutOp(path("/a"), "before"))
				broken := errors.New("input/output error")
				c.Disk(victim).Break(broken)
				must(t, c, other, znode.PutOp(path("/a"), "during"))
				c.Eventually("the member is gone", func() bool { return c.Node(victim) == nil })
				if err := c.Fatal(victim); !errors.Is(err, broken) {
					t.Errorf("fatal: %v", err)
				}
				must(t, c, other, znode.PutOp(path("/a"), "after"))
				c.Disk(victim).Break(nil)
				time.Sleep(5 * time.Second) // what was left of the member has ended
				c.Start(victim)
				if s := c.Settle(); data(s, "/a") != "after" {
					t.Errorf("/a is %q", data(s, "/a"))
				}
			})
		})
	}
}

// StateAt waits for the zxid it is asked for, and no longer than its caller.
func TestStateAtWaitsForItsZxid(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		f := c.Followers()[0]
		z := must(t, c, f, znode.PutOp(path("/a"), "1")).Zxid
		got := make(chan znode.Zxid)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if s, err := c.Node(f).StateAt(ctx, z+2); err != nil {
				t.Error(err)
				got <- 0
			} else {
				got <- s.Zxid
			}
		}()
		time.Sleep(time.Second)
		must(t, c, c.Leader(), znode.PutOp(path("/a"), "2"))
		time.Sleep(time.Second)
		select {
		case at := <-got:
			t.Fatalf("it did not wait: %d", at)
		default:
		}
		must(t, c, c.Leader(), znode.PutOp(path("/a"), "3"))
		if at := <-got; at < z+2 {
			t.Errorf("state at %d, want %d", at, z+2)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s, err := c.Node(f).StateAt(ctx, z+100); !errors.Is(err, command.ErrBehind) {
			t.Errorf("%v, %v", s, err)
		}
	})
}
