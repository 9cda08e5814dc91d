package raftfsm_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// reported is who says how it is when member i asks, and how long that took.
func reported(c *raftfsmtest.Cluster, i int) (map[string]raftfsm.Report, []string, time.Duration) {
	begun := time.Now()
	of := c.Node(i).Reports(context.Background())
	return of, slices.Sorted(maps.Keys(of)), time.Since(begun)
}

// An operator asks any member how all of them are, while one is cut off, is back, and is down.
func TestMembersTellEachOtherHowTheyAre(t *testing.T) {
	cfg := raftfsmtest.Config{Attach: func(i int) raftfsmtest.Attachment {
		return raftfsmtest.Attachment{Streams: func() int { return 10 * (i + 1) }}
	}}
	story(t, cfg, func(t *testing.T, c *raftfsmtest.Cluster) {
		z := must(t, c, 0, znode.PutOp(path("/a"), "four")).Zxid
		c.Settle()
		for i := range 3 {
			of, names, took := reported(c, i)
			if !slices.Equal(names, []string{"m0", "m1", "m2"}) || took > time.Second/2 {
				t.Fatalf("m%d heard of %v in %v", i, names, took)
			}
			for j, name := range names {
				r := of[name]
				if r.Zxid != z || !r.Ready || r.AppliedIndex == 0 || r.Znodes != 2 || r.DataBytes != 4 || r.Version != "of "+name ||
					r.Streams != uint64(10*(j+1)) || r.UptimeMs == 0 {
					t.Errorf("m%d heard of %s: %+v", i, name, r)
				}
			}
		}

		leader := c.WaitLeader()
		away := (leader + 1) % 3
		c.Isolate(away)
		z = must(t, c, leader, znode.PutOp(path("/a"), "newer")).Zxid
		of, names, took := reported(c, leader)
		if slices.Contains(names, c.Name(away)) || len(names) != 2 || took < time.Second || took > 2*time.Second {
			t.Errorf("with %s cut off, %v told how they are, after %v", c.Name(away), names, took)
		}
		if of[c.Name(leader)].Zxid != z {
			t.Errorf("the leader says it is at %d, not at %d", of[c.Name(leader)].Zxid, z)
		}
		if of, names, _ := reported(c, away); len(names) != 1 || of[c.Name(away)].Zxid >= z {
			t.Errorf("the one cut off heard of %v", of)
		}

		c.Heal()
		c.Settle()
		if of, names, _ := reported(c, leader); len(names) != 3 || of[c.Name(away)].Zxid != z {
			t.Errorf("with all back, the leader heard of %v", of)
		}
		c.Crash(away)
		if _, names, took := reported(c, leader); len(names) != 2 || took > 2*time.Second {
			t.Errorf("with %s down, %v told how they are, after %v", c.Name(away), names, took)
		}
	})
}

// However many ask, each waits no longer than one, and who gives up has at least what this member knows itself.
func TestManyWhoAskShareARound(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader := c.WaitLeader()
		c.Isolate((leader + 1) % 3)
		begun := time.Now()
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				if of := c.Node(leader).Reports(context.Background()); len(of) != 2 {
					t.Errorf("%d members told", len(of))
				}
			})
		}
		hurried, cancel := context.WithTimeout(context.Background(), time.Second/10)
		defer cancel()
		of := c.Node(leader).Reports(hurried)
		if _, ok := of[c.Name(leader)]; !ok || len(of) != 1 || time.Since(begun) > time.Second/2 {
			t.Errorf("who gave up heard of %v after %v", of, time.Since(begun))
		}
		all.Wait()
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// The mark is of the newest snapshot, and is there again after a restart.
func TestAMemberTellsOfItsSnapshot(t *testing.T) {
	cfg := raftfsmtest.Config{Members: 1, SnapshotBytes: 64 << 10}
	story(t, cfg, func(t *testing.T, c *raftfsmtest.Cluster) {
		if mark := c.Node(0).Reports(context.Background())["m0"].Snapshot; mark != (raftfsm.SnapshotMark{}) {
			t.Errorf("before the first snapshot: %+v", mark)
		}
		for c.SnapshotIndex(0) == 0 {
			must(t, c, 0, znode.PutOp(path("/a"), strings.Repeat("x", 8<<10)))
			time.Sleep(time.Millisecond) // or more would come behind the snapshot, which makes another due after the restart
		}
		time.Sleep(time.Millisecond) // the mark comes a moment after the file
		of, _, _ := reported(c, 0)
		r, now := of["m0"], time.Now().UnixMilli()
		if r.Snapshot.Zxid == 0 || r.Snapshot.Zxid > r.Zxid || r.Snapshot.Time == 0 || r.Snapshot.Time > now {
			t.Errorf("%+v at %d", r, now)
		}
		c.Restart(0)
		c.WaitReady()
		again, _, _ := reported(c, 0)
		if got := again["m0"].Snapshot; got.Zxid != r.Snapshot.Zxid || got.Time == 0 || got.Time > r.Snapshot.Time {
			t.Errorf("after a restart %+v, before %+v", got, r.Snapshot)
		}
	})
}
