package raftfsm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// oldTree is what a story's cluster holds before the restore, newTree what the backup does.
const oldTree, newTree = "old", "new"

// backup is a state of another cluster: so many znodes of 100 kB that do not compress, an ephemeral, and the word new.
func backup(t *testing.T, znodes int) *znode.State {
	t.Helper()
	m := znode.NewMachine()
	m.Advance(1, 1)
	apply := func(ops ...znode.Op) {
		t.Helper()
		if r := m.Apply(&znode.Txn{Ops: ops}); r.Code != znode.OK {
			t.Fatalf("%v: %v", ops, r.Code)
		}
	}
	apply(znode.PutOp(path("/which"), newTree))
	apply(znode.PutOp(path("/large"), ""))
	noise := rand.NewChaCha8([32]byte{1})
	for i := range znodes {
		b := make([]byte, 100_000)
		noise.Read(b) // never fails
		apply(znode.PutOp(path(fmt.Sprintf("/large/%03d", i)), string(b)))
	}
	key := znode.SessionKey{1}
	apply(znode.OpenSessionOp(key, 10_000))
	if r := m.Apply(&znode.Txn{Session: &key, Ops: []znode.Op{ephemeral("/large/here")}}); r.Code != znode.OK {
		t.Fatal(r.Code)
	}
	return reread(t, m.State())
}

// reread is s as it comes out of a file.
func reread(t *testing.T, s *znode.State) *znode.State {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	out, err := znode.DecodeState(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// restored says which of the two trees s is, and fails where it is a mixture.
func restored(t *testing.T, s *znode.State, b *znode.State) bool {
	t.Helper()
	if data(s, "/which") == oldTree {
		if s.Tree.Get(path("/large")) != nil || s.History.Restored() != 0 {
			t.Errorf("the old tree has something of the new one:\n%s", raftfsmtest.List(s))
		}
		return false
	}
	if s.Zxid <= b.Zxid || s.History.Restored() == 0 || s.Sessions.Len() > 0 || s.Outcomes.Len() > 0 {
		t.Errorf("zxid %d after a restore of %d, restored at %d, %d sessions, %d outcomes", s.Zxid, b.Zxid, s.History.Restored(), s.Sessions.Len(), s.Outcomes.Len())
	}
	for n := range b.Tree.All() {
		got := s.Tree.Get(n.Path())
		if n.Owner() != 0 {
			if got != nil {
				t.Errorf("%s is there, and was of a session", n.Path())
			}
			continue
		}
		if got == nil || got.Data() != n.Data() || got.Version() != n.Version() {
			t.Fatalf("%s is not as it was in the backup", n.Path())
		}
	}
	if s.Tree.Get(path("/of-before")) != nil {
		t.Error("a znode from before is there")
	}
	return true
}

// restore has b restored through member i.
func restore(c *raftfsmtest.Cluster, i int, within time.Duration, b *znode.State) (znode.Zxid, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return c.Node(i).Restore(ctx, b, true)
}

// fill makes the tree that a restore is to replace.
func fill(t *testing.T, c *raftfsmtest.Cluster, i int) {
	t.Helper()
	must(t, c, i, znode.PutOp(path("/which"), oldTree))
	must(t, c, i, znode.PutOp(path("/of-before"), ""))
}

func TestARestoreReplacesTheTreeOnAllMembers(t *testing.T) {
	for through := range 3 {
		story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
			b := backup(t, 8)
			fill(t, c, 0)
			before := c.Settle()
			z, err := restore(c, through, time.Minute, b)
			if err != nil || z <= before.Zxid || z <= b.Zxid {
				t.Fatalf("zxid %d after %d and %d, %v", z, before.Zxid, b.Zxid, err)
			}
			// Whoever was answered reads the new tree at once, on the member that answered.
			if s, err := c.Node(through).State(); err != nil || s.Zxid < z || !restored(t, s, b) {
				t.Fatalf("the member that answered: %v, %v", s, err)
			}
			s := c.Settle()
			if !restored(t, s, b) || s.History.Floor() != z || s.History.Restored() != z {
				t.Errorf("history from %d, restored at %d, zxid %d", s.History.Floor(), s.History.Restored(), z)
			}
			if r := must(t, c, 0, znode.PutOp(path("/after"), "")); r.Zxid != z+1 {
				t.Errorf("the first write after the restore at %d has zxid %d", z, r.Zxid)
			}
			for i := range c.Len() {
				c.Restart(i)
				c.WaitReady()
			}
			if s := c.Settle(); !restored(t, s, b) || s.Tree.Get(path("/after")) == nil {
				t.Error("after restarts the tree is another")
			}
		})
	}
}

// Which wins is decided where the restore stands in the log: what was acknowledged with a lower zxid is gone, with a higher one there.
func TestWritersGoOnThroughARestore(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		b := backup(t, 8)
		fill(t, c, 0)
		for i := range c.Len() {
			c.Disk(i).Slow(time.Millisecond)
		}
		zxids, stop := make(chan map[znode.Zxid]string), make(chan struct{})
		for w := range 9 {
			go func() {
				done := map[znode.Zxid]string{}
				for i := 0; ; i++ {
					select {
					case <-stop:
						zxids <- done
						return
					default:
					}
					p := fmt.Sprintf("/w%d.%d", w, i)
					r, err := propose(t, c, w%3, time.Minute, znode.CreateOp(path(p), "", znode.Persistent))
					if err != nil || r.Code != znode.OK {
						t.Errorf("%s: %+v, %v", p, r, err)
					}
					done[r.Zxid] = p
				}
			}()
		}
		time.Sleep(50 * time.Millisecond)
		z, err := restore(c, 1, time.Minute, b)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		close(stop)
		before, after := 0, 0
		all := map[znode.Zxid]string{}
		for range 9 {
			for zxid, p := range <-zxids {
				all[zxid] = p
			}
		}
		s := c.Settle()
		for zxid, p := range all {
			is := s.Tree.Get(path(p)) != nil
			if zxid < z {
				before++
			} else {
				after++
			}
			if is != (zxid > z) {
				t.Errorf("%s was written at %d, the restore was at %d, and it is there: %t", p, zxid, z, is)
			}
		}
		if before < 50 || after < 20 {
			t.Errorf("%d writes before the restore, %d after: the story is about neither", before, after)
		}
	})
}

// However a restore is interrupted, all members hold the old tree or all hold the new one, and its caller was not told otherwise.
func TestARestoreThatIsInterruptedIsDoneOrNot(t *testing.T) {
	faults := map[string]func(c *raftfsmtest.Cluster, leader, through int){
		"the leader crashes":            func(c *raftfsmtest.Cluster, l, _ int) { c.Restart(l) },
		"the member it is sent crashes": func(c *raftfsmtest.Cluster, _, i int) { c.Restart(i) },
		"a follower crashes":            func(c *raftfsmtest.Cluster, l, i int) { c.Restart(3 - l - i) },
		"all crash": func(c *raftfsmtest.Cluster, _, _ int) {
			for i := range c.Len() {
				c.Crash(i)
			}
			for i := range c.Len() {
				c.Start(i)
			}
		},
		"the leader hands over": func(c *raftfsmtest.Cluster, l, _ int) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = c.Node(l).HandOver(ctx) // refused where another is under way; then nothing happens
		},
		"the caller goes away": func(*raftfsmtest.Cluster, int, int) {},
	}
	for what, fault := range faults {
		t.Run(what, func(t *testing.T) {
			outcomes := map[string]int{}
			for round := range interruptions {
				story(t, raftfsmtest.Config{SnapshotBytes: 256 << 10}, func(t *testing.T, c *raftfsmtest.Cluster) {
					outcomes[interrupted(t, c, fault, round, what)]++
				})
			}
			t.Log(outcomes)
			if outcomes["done before the fault"] > interruptions/2 {
				t.Error("few restores were interrupted: the story is about nothing")
			}
		})
	}
}

// interruptions is how many there are of each kind, spread over the time a restore takes.
const interruptions = 6

// interrupted is one round: a restore through a follower of about 100 ms, and a fault somewhere in it.
func interrupted(t *testing.T, c *raftfsmtest.Cluster, fault func(c *raftfsmtest.Cluster, leader, through int), round int, what string) string {
	b := backup(t, 8)
	fill(t, c, 0)
	for i := range c.Len() {
		c.Disk(i).Slow(5 * time.Millisecond)
	}
	leader := c.WaitLeader()
	through := c.Followers()[0]
	within := time.Minute
	at := time.Duration(round) * 11 * time.Millisecond
	if what == "the caller goes away" {
		within = at + time.Millisecond
	}
	ended := make(chan error, 1)
	n := c.Node(through)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		_, err := n.Restore(ctx, b, true)
		ended <- err
	}()
	time.Sleep(at)
	finished := len(ended) > 0
	fault(c, leader, through)
	err := <-ended
	s := c.Settle()
	is := restored(t, s, b)
	switch {
	case err == nil && !is:
		t.Errorf("round %d: the restore was acknowledged and is not there", round)
	case err != nil && !errors.Is(err, command.ErrUnknown) && is:
		t.Errorf("round %d: the restore is there and was refused: %v", round, err)
	}
	// Nothing of an attempt is left that stands in the way of the next.
	time.Sleep(time.Minute)
	if z, err := restore(c, c.WaitLeader(), time.Minute, b); err != nil || !restored(t, c.Settle(), b) {
		t.Errorf("round %d: the next restore: %d, %v", round, z, err)
	}
	switch {
	case finished:
		return "done before the fault"
	case err == nil:
		return "done in spite of the fault"
	case errors.Is(err, command.ErrUnknown):
		return "unknown"
	}
	return "not done"
}

// A member that was away during a restore comes to the same state: by the log if that reaches back, by a snapshot if not.
func TestAMemberThatWasAwayDuringARestore(t *testing.T) {
	for _, snapshotBytes := range []int64{1 << 30, 64 << 10} {
		story(t, raftfsmtest.Config{SnapshotBytes: snapshotBytes}, func(t *testing.T, c *raftfsmtest.Cluster) {
			b := backup(t, 8)
			fill(t, c, 0)
			away := c.Followers()[0]
			c.Crash(away)
			leader := c.WaitLeader()
			if _, err := restore(c, leader, time.Minute, b); err != nil {
				t.Fatal(err)
			}
			for i := range 300 {
				must(t, c, leader, znode.PutOp(path(fmt.Sprintf("/after%d", i)), strings.Repeat("x", 1000)))
			}
			c.Start(away)
			if s := c.Settle(); !restored(t, s, b) {
				t.Error("the old tree is there")
			}
			t.Logf("snapshots read by the member that was away: %d", c.SnapshotReads(away))
		})
	}
}

// A snapshot could not hold half a restore: it waits, and is taken soon after.
func TestNoSnapshotIsTakenInTheMiddleOfARestore(t *testing.T) {
	story(t, raftfsmtest.Config{SnapshotBytes: 200 << 10}, func(t *testing.T, c *raftfsmtest.Cluster) {
		b := backup(t, 20)
		fill(t, c, 0)
		var before [3]uint64
		for i := range c.Len() {
			before[i] = c.SnapshotIndex(i)
		}
		if _, err := restore(c, 0, time.Minute, b); err != nil {
			t.Fatal(err)
		}
		applied := c.Node(0).Stats().AppliedIndex
		must(t, c, 0, znode.PutOp(path("/after"), ""))
		c.Eventually("a snapshot on every member", func() bool {
			for i := range c.Len() {
				if index := c.SnapshotIndex(i); index == before[i] {
					return false
				} else if index < applied {
					t.Fatalf("a snapshot at %d, the restore ended at %d", index, applied)
				}
			}
			return true
		})
	})
}

func TestATreeIsReplacedOnlyWhenAsked(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		b := backup(t, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		must(t, c, 0, znode.PutOp(path("/which"), oldTree))
		if _, err := c.Node(1).Restore(ctx, b, false); !errors.Is(err, command.ErrNotEmpty) || restored(t, c.Settle(), b) {
			t.Fatalf("a tree that is not empty: %v", err)
		}
		must(t, c, 0, znode.DeleteOp(path("/which")))
		if _, err := c.Node(1).Restore(ctx, b, false); err != nil || !restored(t, c.Settle(), b) {
			t.Errorf("an empty tree: %v", err)
		}
	})
}

func TestOneRestoreAtATime(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		b := backup(t, 30)
		fill(t, c, 0)
		for i := range c.Len() {
			c.Disk(i).Slow(5 * time.Millisecond)
		}
		first := make(chan error, 1)
		go func() {
			_, err := restore(c, 0, time.Minute, b)
			first <- err
		}()
		time.Sleep(50 * time.Millisecond)
		for i := range c.Len() {
			if _, err := restore(c, i, time.Minute, b); !errors.Is(err, command.ErrRestoring) || !errors.Is(err, command.ErrThrottled) {
				t.Errorf("the second, through %s: %v", c.Name(i), err)
			}
		}
		if err := <-first; err != nil || !restored(t, c.Settle(), b) {
			t.Errorf("the first: %v", err)
		}
	})
}

// Without room for the pieces nothing is done, and the members forget what came.
func TestAFullDiskEndsARestore(t *testing.T) {
	story(t, raftfsmtest.Config{DiskReserve: 1000}, func(t *testing.T, c *raftfsmtest.Cluster) {
		b := backup(t, 8)
		fill(t, c, 0)
		for i := range c.Len() {
			c.Disk(i).Slow(200 * time.Millisecond)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := restore(c, c.Followers()[0], time.Minute, b)
			ended <- err
		}()
		time.Sleep(time.Second)
		for i := range c.Len() {
			c.Disk(i).SetFree(999)
		}
		if err := <-ended; !errors.Is(err, command.ErrDiskFull) || restored(t, c.Settle(), b) {
			t.Fatalf("with a full disk: %v", err)
		}
		for i := range c.Len() {
			c.Disk(i).SetFree(1 << 30)
		}
		time.Sleep(2 * time.Second)
		if _, err := restore(c, 0, time.Minute, b); err != nil || !restored(t, c.Settle(), b) {
			t.Errorf("with room again: %v", err)
		}
	})
}

// A state that nothing can go on from is refused before anything is proposed.
func TestAStateWithoutRoomForMoreIsNotRestored(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		last := c.Node(0).Stats().LastIndex
		s := *backup(t, 1)
		s.Zxid = znode.MaxRestoredZxid + 1
		if _, err := restore(c, 0, time.Minute, &s); !errors.Is(err, command.ErrUnreadable) || c.Node(0).Stats().LastIndex != last {
			t.Errorf("%v", err)
		}
	})
}

// All sessions end with a restore: on every member the leases are over, the table says so, and who follows one is told.
func TestSessionsEndWithARestore(t *testing.T) {
	servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
		b := backup(t, 1)
		must(t, c.Cluster, 0, znode.PutOp(path("/which"), oldTree))
		var all []holder
		for i := range c.Len() {
			h := c.open(i, time.Hour)
			c.mustAs(h, i, ephemeral(fmt.Sprintf("/e%d", i)))
			c.alive(h, i)
			all = append(all, h)
		}
		z, err := restore(c.Cluster, 1, time.Minute, b)
		if err != nil {
			t.Fatal(err)
		}
		s := c.Settle()
		for i, h := range all {
			if l, err := c.keepalive(h, (i+1)%3, time.Second); err != nil || l.Alive || l.Reason != znode.Killed {
				t.Errorf("a keepalive after the restore: %+v, %v", l, err)
			}
			if end := s.Sessions.Ended(h.owner); end == nil || end.Zxid != z || end.Reason != znode.Killed {
				t.Errorf("what is left of %s: %+v", h.owner, end)
			}
			if r, err := c.as(h, i, time.Second, ephemeral("/late")); err != nil || r.Code != znode.SessionExpired {
				t.Errorf("an ephemeral after the restore: %+v, %v", r, err)
			}
		}
		h := c.open(0, time.Second)
		c.mustAs(h, 1, ephemeral("/again"))
		if left := orphans(c.Settle()); left != nil {
			t.Error(left)
		}
	})
}

// A member that is too old to read a restore stops it before anything is in the log; one that is down does not.
func TestAMemberThatIsTooOldStopsARestore(t *testing.T) {
	var version [3]atomic.Uint32
	version[1].Store(1)
	cfg := raftfsmtest.Config{Attach: func(i int) raftfsmtest.Attachment {
		return raftfsmtest.Attachment{LogVersion: uint8(version[i].Load())} // 0 is the newest
	}}
	story(t, cfg, func(t *testing.T, c *raftfsmtest.Cluster) {
		b := backup(t, 1)
		fill(t, c, 0)
		for i := range c.Len() {
			last := c.Node(i).Stats().LastIndex
			if _, err := restore(c, i, time.Minute, b); !errors.Is(err, command.ErrOldMember) || !strings.Contains(err.Error(), "m1") {
				t.Errorf("through %s: %v", c.Name(i), err)
			}
			if got := c.Node(i).Stats().LastIndex; got != last {
				t.Errorf("%d entries are in the log", got-last)
			}
		}
		version[1].Store(0)
		c.Restart(1)
		c.WaitReady()
		c.Crash(2)
		if _, err := restore(c, c.WaitLeader(2), time.Minute, b); err != nil {
			t.Error(err)
		}
		c.Start(2)
		if !restored(t, c.Settle(), b) {
			t.Error("the old tree is there")
		}
	})
}
