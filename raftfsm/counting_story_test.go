package raftfsm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// counts is what member i has counted.
func counts(c *raftfsmtest.Cluster, i int) raftfsm.Counts { return c.Node(i).Stats().Counts }

// ended is how many sessions ended, by reason.
func ended(c raftfsm.Counts) map[string]uint64 {
	out := make(map[string]uint64)
	for i, reason := range raftfsm.SessionEnds {
		out[reason.String()] = c.SessionsEnded[i]
	}
	return out
}

// Writes count where they were proposed, what they did everywhere.
func TestWhatIsWrittenIsCounted(t *testing.T) {
	servedStory(t, raftfsmtest.Config{}, func(t *testing.T, c *served) {
		leader := c.WaitLeader()
		here := (leader + 1) % 3
		before, elsewhere := counts(c.Cluster, here), counts(c.Cluster, (leader+2)%3)
		must(t, c.Cluster, here, znode.CreateOp(path("/a"), "", znode.Persistent))
		if r, err := c.Node(here).Propose(context.Background(), &znode.Txn{Ops: []znode.Op{znode.CreateOp(path("/a"), "", znode.Persistent)}}); err != nil || r.Code != znode.NodeExists {
			t.Fatal(r, err)
		}
		watcher, killed, silent := c.open(here, 4*time.Second), c.open(here, 4*time.Second), c.open(here, 4*time.Second)
		c.mustAs(watcher, here, znode.AddWatchOp(path("/a"), znode.PersistentRecursive))
		for range 3 {
			must(t, c.Cluster, leader, znode.PutOp(path("/a"), "x"))
		}
		must(t, c.Cluster, here, znode.CloseSessionOp(watcher.key))
		must(t, c.Cluster, here, znode.KillSessionOp(killed.owner))
		c.endsWithin(silent, time.Now(), time.Now().Add(6*time.Second))
		c.Settle()
		got := counts(c.Cluster, here)
		if done, refused := got.Writes[raftfsm.WriteDone]-before.Writes[raftfsm.WriteDone], got.Writes[raftfsm.WriteRefused]; done != 7 || refused != 1 {
			t.Errorf("%d done and %d refused, not 7 and 1", done, refused)
		}
		if n := got.Forwarded - before.Forwarded; n != 8 {
			t.Errorf("%d commands forwarded, not 8", n)
		}
		for i := range 3 {
			got := counts(c.Cluster, i)
			if got.SessionsOpen != 3 || got.WatchesFired != 3 {
				t.Errorf("m%d counted %d sessions opened and %d watches fired, not 3 and 3", i, got.SessionsOpen, got.WatchesFired)
			}
			if n := ended(got); n["closed"] != 1 || n["killed"] != 1 || n["expired"] != 1 {
				t.Errorf("m%d counted %v ends", i, n)
			}
		}
		if n := counts(c.Cluster, (leader+2)%3).Transactions - elsewhere.Transactions; n != 12 {
			t.Errorf("%d transactions were applied, not 12", n)
		}
	})
}

// What a restart reads again from the log has been counted before.
func TestARestartCountsNothingAgain(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1}, func(t *testing.T, c *raftfsmtest.Cluster) {
		for range 5 {
			must(t, c, 0, znode.PutOp(path("/a"), "x"))
		}
		c.Restart(0)
		c.WaitReady()
		if got := counts(c, 0); got.Transactions != 0 || got.Writes[raftfsm.WriteDone] != 0 {
			t.Errorf("counted again: %+v", got)
		}
		must(t, c, 0, znode.PutOp(path("/a"), "x"))
		if got := counts(c, 0); got.Transactions != 1 || got.Writes[raftfsm.WriteDone] != 1 {
			t.Errorf("counted: %+v", got)
		}
	})
}

// A follower that is cut off has no leader, and what is proposed there is unknown or was not done.
func TestTheTimeWithoutALeaderIsCounted(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader := c.WaitLeader()
		away := (leader + 1) % 3
		before := counts(c, away)
		c.Isolate(away)
		time.Sleep(30 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := c.Node(away).Propose(ctx, &znode.Txn{Ops: []znode.Op{znode.PutOp(path("/a"), "x")}}); !errors.Is(err, command.ErrNoLeader) {
			t.Fatal(err)
		}
		s := c.Node(away).Stats()
		if took := s.Counts.Leaderless - before.Leaderless; took < 28*time.Second || took > 32*time.Second {
			t.Errorf("%v without a leader, of 31 s", took)
		}
		if s.Counts.Writes[raftfsm.WriteNoLeader] != 1 || s.HasLeader || s.PeersUp != 0 || s.LastContact < 30*time.Second {
			t.Errorf("cut off: %+v", s)
		}
		c.Heal()
		c.Eventually("it hears of its leader and has its connections", func() bool {
			s := c.Node(away).Stats()
			return s.HasLeader && s.PeersUp == 2
		})
		s = c.Node(away).Stats()
		if s.Counts.Leaders != before.Leaders+1 || s.PeersUp != 2 || s.Members != 3 || s.Voters != 3 || s.LastContact > time.Second {
			t.Errorf("back: %+v, before %+v", s, before)
		}
		if s.Counts.PeersLost < 2 {
			t.Errorf("%d connections were lost", s.Counts.PeersLost)
		}

		c.Crash(leader)
		c.WaitLeader(leader)
		elections := uint64(0)
		for i := range 3 {
			if i != leader {
				elections += counts(c, i).Elections
			}
		}
		if elections == 0 {
			t.Error("nobody has started an election")
		}
	})
}

func TestSnapshotsAreCounted(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1, SnapshotBytes: 64 << 10}, func(t *testing.T, c *raftfsmtest.Cluster) {
		if d, err := c.Node(0).Disk(); err != nil || d.SnapshotBytes != 0 || d.LogEntries == 0 {
			t.Errorf("at the start: %+v, %v", d, err)
		}
		for c.SnapshotIndex(0) == 0 {
			must(t, c, 0, znode.PutOp(path("/a"), strings.Repeat("x", 8<<10)))
		}
		synctest.Wait()
		s := c.Node(0).Stats()
		d, err := c.Node(0).Disk()
		if err != nil || d.SnapshotBytes == 0 || s.Counts.Snapshots == 0 || s.Counts.SnapshotErrs != 0 || s.Snapshot.Time == 0 {
			t.Errorf("after a snapshot: %+v, %+v, %v", s, d, err)
		}
	})
}
