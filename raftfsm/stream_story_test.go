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
		time.Sleep(100 * time.Millisecond) // who reads keeps up
	}
}

// standing are streams of which it is known how often they must be reset.
type standing struct {
	*reading
	t      *testing.T
	resets map[*properties.Recording]int
}

// begin subscribes on member i, and gives a function that begins to read.
func (s *standing) begin(i int, f properties.Filter, from znode.Zxid, resets int) (read func()) {
	s.t.Helper()
	rec := s.add(f)
	s.resets[rec] = resets
	sub, err := s.c.hubs[i].Load().Subscribe(watch.Filter(f), from)
	if err != nil {
		s.t.Fatal(err)
	}
	rec.Resume(from, s.c.Name(i))
	never := time.Now().Add(time.Hour)
	return func() {
		s.readers.Go(func() { s.carry(rec, rand.New(rand.NewPCG(1, 1)), sub, false, never, never) })
	}
}

// check holds all streams to the promises, and counts their resets.
func (s *standing) check() {
	s.t.Helper()
	s.finish(s.t)
	for rec, want := range s.resets {
		n := 0
		for _, step := range rec.Steps {
			if step.Kind == properties.Reset {
				n++
			}
		}
		if n != want {
			s.t.Errorf("%s was reset %d times, not %d: %v", rec.Name, n, want, rec.Steps[:min(len(rec.Steps), 5)])
		}
	}
}

// Streams that stand still while the history forgets what they were to be given, and streams that are resumed too late, are
// told, once, and go on; those who keep up are not. It is the same on a member that was sent a snapshot.
func TestAStreamBehindTheHistoryIsReset(t *testing.T) {
	servedStory(t, raftfsmtest.Config{SnapshotBytes: 64 << 10}, func(t *testing.T, c *served) {
		leader, f := c.Leader(), c.Followers()
		s := &standing{&reading{c: c}, t, map[*properties.Recording]int{}}
		few := func() (last znode.Zxid) {
			for i := range 20 {
				last = must(t, c.Cluster, leader, znode.PutOp(path("/a"), fmt.Sprint(i))).Zxid
			}
			return last
		}
		few()
		old := few()
		c.Settle() // or streams begin in the queue and not in the history
		filters := []properties.Filter{
			{Paths: []znode.Path{znode.Root}, Recursive: true, Data: true},
			{Paths: []znode.Path{path("/a")}, Data: true, Children: true},
		}
		var waiting []func()
		for _, filter := range filters {
			for i := range c.Len() {
				waiting = append(waiting, s.begin(i, filter, old-10, 1))
			}
			s.begin(leader, filter, old-10, 0)()
			s.begin(f[0], filter, old-10, 0)()
			s.begin(f[1], filter, old+1, 1)() // it is cut off before it gets there
		}
		time.Sleep(time.Second)
		c.Isolate(f[1])
		flood(t, c, leader)
		afterSnapshot(t, c, leader, f[1])
		floors := c.truth().Floors
		floor := floors[len(floors)-1].Zxid
		for _, filter := range filters {
			for i := range c.Len() {
				s.begin(i, filter, old, 1)()
				s.begin(i, filter, floor-1, 1)()
				s.begin(i, filter, floor, 0)()
				s.begin(i, filter, floor+100, 0)()
				s.begin(i, filter, c.truth().Last+10, 0)()
			}
		}
		for _, read := range waiting {
			read()
		}
		few()
		s.check()
	})
}

// afterSnapshot writes until the log no longer reaches back to a follower that is cut off, and has it sent a snapshot.
func afterSnapshot(t *testing.T, c *served, leader, f int) {
	t.Helper()
	for last, first := c.Node(f).Stats().LastIndex, uint64(0); first <= last+1; {
		must(t, c.Cluster, leader, znode.PutOp(path("/a"), strings.Repeat("x", 1000)))
		var err error
		if first, err = c.Disk(leader).FirstIndex(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(20 * time.Second) // what was on its way is given up
	before := c.SnapshotReads(f)
	c.Heal()
	c.Settle()
	if c.SnapshotReads(f) == before {
		t.Error("no snapshot was sent: the test shows less")
	}
}
