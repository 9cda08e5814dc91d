package raftfsm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// The size of one course of many sessions.
const (
	manySessions = 2000
	manySeeds    = 1
	manyTrouble  = 12 * time.Second
	manyTimeout  = 2 * time.Second // the shortest; the longest is three times that
)

// tenant is one of many sessions, and what its holder knows about it.
type tenant struct {
	holder
	rng       *rand.Rand
	stays     bool      // whether it does not fall silent before the end
	renewed   time.Time // when the last renewal began that was acknowledged
	heard     time.Time // when it was
	tried     time.Time // when the last attempt ended
	acks      int
	told      znode.Reason // why it is over, if its holder was told so
	closing   time.Time    // when its holder began to close it
	ephemeral []string     // that were acknowledged
}

// live opens the session and is heard of through random members until quiet, or forever ends, or it is told that the
// session is over.
func (n *tenant) live(c *served, quiet time.Time, forever <-chan struct{}) {
	n.enter(c, forever)
	for n.owner != 0 && n.told == 0 {
		if time.Now().After(quiet) {
			if n.rng.IntN(8) == 0 {
				n.close(c)
			}
			return
		}
		select {
		case <-forever:
			return
		case <-time.After(n.timeout * time.Duration(2+n.rng.IntN(4)) / 10):
		}
		i, began := n.rng.IntN(c.Len()), time.Now()
		within := time.Duration(100+n.rng.IntN(1500)) * time.Millisecond
		if n.rng.IntN(10) == 0 {
			n.create(c, i, within)
			continue
		}
		l, err := c.keepalive(n.holder, i, within)
		n.tried = time.Now()
		switch {
		case err != nil:
		case l.Alive:
			n.renewed, n.heard = began, n.tried
			n.acks++
		default:
			n.told = l.Reason
		}
	}
}

// enter opens the session, through whichever member does it. One that it is not sure of is not its own.
func (n *tenant) enter(c *served, forever <-chan struct{}) {
	for n.owner == 0 {
		select {
		case <-forever:
			return
		case <-time.After(time.Duration(n.rng.IntN(1000)) * time.Millisecond):
		}
		n.key, n.renewed = c.newKey(), time.Now()
		if r, err := c.anyhow(n.rng.IntN(c.Len()), time.Second, znode.OpenSessionOp(n.key, n.timeout.Milliseconds())); err == nil && r.Code == znode.OK {
			n.owner, n.tried = r.Ops[0].Session.Owner, time.Now()
		}
	}
}

func (n *tenant) create(c *served, i int, within time.Duration) {
	p, began := fmt.Sprintf("/e/%s.%d", n.owner, len(n.ephemeral)), time.Now()
	r, err := c.as(n.holder, i, within, ephemeral(p))
	n.tried = time.Now()
	switch {
	case err != nil:
		n.ephemeral = append(n.ephemeral, "") // the name may be used up
	case r.Code == znode.OK:
		n.renewed, n.heard = began, n.tried
		n.acks++
		n.ephemeral = append(n.ephemeral, p)
	case r.Code == znode.SessionExpired:
		n.told = znode.Expired
	}
}

func (n *tenant) close(c *served) {
	n.closing = time.Now()
	_, _ = c.anyhow(n.rng.IntN(c.Len()), time.Second, znode.CloseSessionOp(n.key))
	n.tried = time.Now()
}

// terms notes when the term was seen to change last.
func (c *served) terms(stop <-chan struct{}, changed *atomic.Pointer[time.Time]) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last := uint64(0)
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if l := c.Leader(); l < 0 {
			last = 0
		} else if n := c.Node(l); n != nil {
			if term := n.Stats().Term; term != last {
				now := time.Now()
				changed.Store(&now)
				last = term
			}
		}
	}
}

// Many sessions, of which some fall silent, while leaders crash, are cut off and have slow disks. Nobody ends before the
// timeout since the last acknowledged renewal is over, all who are silent end in time once it is calm, and none leaves an
// ephemeral behind.
func TestOfManySessionsNobodyEndsEarlyAndAllWhoAreSilentEnd(t *testing.T) {
	for _, seed := range seedsUpTo(t, manySeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			servedStory(t, raftfsmtest.Config{SnapshotBytes: 64 << 10}, func(t *testing.T, c *served) { manyLive(t, c, seed) })
		})
	}
}

func manyLive(t *testing.T, c *served, seed uint64) {
	must(t, c.Cluster, 0, znode.CreateOp(path("/e"), "", znode.Persistent))
	forever, stop := make(chan struct{}), make(chan struct{})
	var changed atomic.Pointer[time.Time]
	var wg, watcher sync.WaitGroup
	watcher.Go(func() { c.terms(stop, &changed) })
	all := make([]*tenant, manySessions)
	for k := range all {
		n := &tenant{rng: rand.New(rand.NewPCG(seed, uint64(100+k)))}
		n.timeout = manyTimeout + time.Duration(n.rng.IntN(int(2*manyTimeout/time.Millisecond)))*time.Millisecond
		n.stays = k%2 == 0
		all[k] = n
		quiet := time.Now().Add(time.Hour)
		if !n.stays {
			quiet = time.Now().Add(time.Duration(n.rng.Int64N(int64(manyTrouble))))
		}
		wg.Go(func() { n.live(c, quiet, forever) })
	}
	ctx, cancel := context.WithTimeout(context.Background(), manyTrouble)
	trouble(ctx, c.Cluster, rand.New(rand.NewPCG(seed, 1)))
	cancel()
	c.repair()
	calm := time.Now()
	time.Sleep(4 * manyTimeout)
	done := time.Now()
	close(forever)
	wg.Wait()
	c.Eventually("the end of all", func() bool { return c.Node(c.WaitLeader()).Stats().Sessions == 0 })
	if at := changed.Load(); at.After(calm) {
		calm = *at
	}
	close(stop)
	watcher.Wait()
	judge(t, c, all, calm, done)
	if s := c.Settle(); s.Tree.Len() != 2 || s.Sessions.Len() != 0 || orphans(s) != nil {
		t.Errorf("%d znodes and %d sessions are left, %v", s.Tree.Len(), s.Sessions.Len(), orphans(s))
	}
}

// judge holds all sessions to what their holders know. Since calm there was one leader that all could reach, until done
// those that stay were heard of.
func judge(t *testing.T, c *served, all []*tenant, calm, done time.Time) {
	expired, closed, acks := 0, 0, 0
	ends := c.truth().Ends()
	for _, n := range all {
		if n.owner == 0 {
			continue
		}
		acks += n.acks
		at := c.ended(n.owner)
		end, over := ends[n.owner]
		switch {
		case !over || at.IsZero():
			t.Errorf("%s has not ended", n.owner)
			continue
		case end.Reason == znode.Closed:
			closed++
			if n.closing.IsZero() || at.Before(n.closing) {
				t.Errorf("%s was closed, and not by its holder", n.owner)
			}
		case at.Before(n.renewed.Add(n.timeout)):
			t.Errorf("%s, timeout %v, ended %v after a renewal that was acknowledged", n.owner, n.timeout, at.Sub(n.renewed))
		default:
			expired++
		}
		if n.told != 0 && n.told != end.Reason {
			t.Errorf("%s ended, %s, and its holder was told %s", n.owner, end.Reason, n.told)
		}
		if n.stays && at.After(done) && n.heard.Before(done.Add(-n.timeout*6/10)) {
			t.Errorf("it was calm, and %s could not renew for %v", n.owner, done.Sub(n.heard))
		}
		last := n.tried
		if last.Before(calm) {
			last = calm
		}
		if late := at.Sub(last.Add(n.timeout + grace)); late > 0 {
			t.Errorf("%s, timeout %v, ended %v too late", n.owner, n.timeout, late)
		}
		for _, p := range n.ephemeral {
			if p != "" && !end.Deleted[p] {
				t.Errorf("%s did not go with %s", p, n.owner)
			}
		}
	}
	t.Logf("%d expired, %d were closed, %d renewals were acknowledged", expired, closed, acks)
	if expired < manySessions/2 || closed < 10 || acks < 2*manySessions {
		t.Error("the test shows little")
	}
}
