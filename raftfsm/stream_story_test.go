package raftfsm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
	"holt/tests/properties"
)

// The size of one course of streams.
const (
	streamSeeds   = 6
	streamTrouble = 3 * time.Second // twice
	streamReaders = 8
	streamHolders = 4
	streamWriters = 5
)

// Streams of every kind, on members that crash, restart, are cut off and are sent snapshots, are what they are promised
// to be: so are the watches of sessions.
func TestStreamsUnderFaultsKeepEveryPromise(t *testing.T) {
	for _, seed := range seedsUpTo(t, streamSeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			servedStory(t, raftfsmtest.Config{SnapshotBytes: 4 << 10}, func(t *testing.T, c *served) { readAll(t, c, seed) })
		})
	}
}

func readAll(t *testing.T, c *served, seed uint64) {
	r := &reading{c: c}
	rng := func(k int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(k))) }
	for k := range streamWriters {
		r.doers.Go(func() { r.write(rng(10 + k)) })
	}
	for k := range streamReaders {
		r.readers.Go(func() { r.readMany(rng(30+k), k%4 == 0) })
	}
	for k := range streamHolders {
		r.doers.Go(func() { r.hold(rng(50+k), seed) })
	}
	faults := rng(1)
	for round := range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), streamTrouble)
		trouble(ctx, c.Cluster, faults)
		cancel()
		leader := c.repair()
		if round == 0 {
			keepAway(c, leader)
		}
	}
	time.Sleep(time.Second)
	r.finish(t)
}

// keepAway cuts a follower off until the log of the leader no longer reaches back to it, nor to what is on its way.
func keepAway(c *served, leader int) {
	f := c.Followers()[0]
	c.Isolate(f)
	last := c.Node(f).Stats().LastIndex
	c.Eventually("the leader cutting its log", func() bool {
		l := c.Leader()
		first, err := c.Disk(max(l, 0)).FirstIndex()
		return err == nil && l >= 0 && l != f && first > last+inFlight
	})
	before := c.SnapshotReads(f)
	c.Heal()
	c.Eventually("a snapshot being installed", func() bool { return c.SnapshotReads(f) > before })
	c.WaitReady()
}

// inFlight is how many entries may be on their way to a member that is cut off.
const inFlight = 3 * 64

// flood makes the history forget all that was before.
func flood(t *testing.T, c *served, through int) {
	t.Helper()
	long := path("/" + strings.Repeat("x", 4000))
	must(t, c.Cluster, through, znode.PutOp(long, ""))
	ops := make([]znode.Op, znode.MaxTxnOps)
	for i := range ops {
		ops[i] = znode.SetOp(long, "")
	}
	for range znode.MaxHistoryBytes/(len(ops)*len(long.String())) + 2 {
		must(t, c.Cluster, through, ops...)
	}
}

// Streams that stand still while the history forgets what they were to be given, and streams that are resumed too late, are
// told, once, and go on; those who keep up are not. It is the same on a member that was sent a snapshot.
func TestAStreamBehindTheHistoryIsReset(t *testing.T) {
	servedStory(t, raftfsmtest.Config{SnapshotBytes: 64 << 10}, func(t *testing.T, c *served) {
		leader, f := c.Leader(), c.Followers()
		r := &reading{c: c}
		everything := properties.Filter{Paths: []znode.Path{znode.Root}, Recursive: true, Data: true}
		one := properties.Filter{Paths: []znode.Path{path("/a")}, Data: true, Children: true}
		few := func() (last znode.Zxid) {
			for i := range 20 {
				last = must(t, c.Cluster, leader, znode.PutOp(path("/a"), fmt.Sprint(i))).Zxid
			}
			return last
		}
		resets := map[*properties.Recording]int{} // how many there must be
		begin := func(i int, filter properties.Filter, from znode.Zxid, expected int) (read func()) {
			rec := r.add(filter)
			resets[rec] = expected
			sub, err := c.hubs[i].Load().Subscribe(watch.Filter(filter), from)
			if err != nil {
				t.Fatal(err)
			}
			rec.Resume(from, c.Name(i))
			return func() {
				r.readers.Go(func() { r.carry(rec, rand.New(rand.NewPCG(1, 1)), sub, false, nil, nil) })
			}
		}
		few()
		old := few()
		c.Settle() // or streams begin in the queue and not in the history
		var waiting []func()
		for _, filter := range []properties.Filter{everything, one} {
			for i := range c.Len() {
				waiting = append(waiting, begin(i, filter, old-10, 1))
			}
			begin(leader, filter, old-10, 0)()
			begin(f[0], filter, old-10, 0)()
			begin(f[1], filter, old+1, 1)() // it is cut off before it gets there
		}
		time.Sleep(time.Second)
		c.Isolate(f[1])
		flood(t, c, leader)
		for last, first := c.Node(f[1]).Stats().LastIndex, uint64(0); first <= last+1; { // so that the log no longer reaches back
			must(t, c.Cluster, leader, znode.PutOp(path("/a"), strings.Repeat("x", 1000)))
			var err error
			if first, err = c.Disk(leader).FirstIndex(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Second) // what was on its way is given up
		before := c.SnapshotReads(f[1])
		c.Heal()
		c.Settle()
		if c.SnapshotReads(f[1]) == before {
			t.Error("no snapshot was sent: the test shows less")
		}
		floors := c.truth().Floors
		floor := floors[len(floors)-1].Zxid
		for _, filter := range []properties.Filter{everything, one} {
			for i := range c.Len() {
				begin(i, filter, old, 1)()
				begin(i, filter, floor-1, 1)()
				begin(i, filter, floor, 0)()
				begin(i, filter, floor+100, 0)()
				begin(i, filter, c.truth().Last+10, 0)()
			}
		}
		for _, read := range waiting {
			read()
		}
		few()
		r.finish(t)
		for rec, want := range resets {
			n := 0
			for _, s := range rec.Steps {
				if s.Kind == properties.Reset {
					n++
				}
			}
			if n != want {
				t.Errorf("%s was reset %d times, not %d: %v", rec.Name, n, want, rec.Steps[:min(len(rec.Steps), 5)])
			}
		}
	})
}
