package raftfsm_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
	"holt/tests/properties"
)

// reading is all streams that are read from a cluster, and what was received on them.
type reading struct {
	c       *served
	doers   sync.WaitGroup
	stop    atomic.Bool // doers are to stop
	readers sync.WaitGroup
	end     atomic.Uint64 // a zxid, once nothing happens after it: readers read as far as that, without delay, and stop

	mu         sync.Mutex // guards what follows
	recordings []*properties.Recording
	holders    []*watcher
}

// filters are what streams ask for in these tests.
func filters(rng *rand.Rand) properties.Filter {
	some := universe[rng.IntN(len(universe)):]
	some = some[:1+rng.IntN(len(some))]
	switch f := (properties.Filter{Paths: some}); rng.IntN(6) {
	case 0:
		f.Data = true
		return f
	case 1:
		f.Children = true
		return f
	case 2:
		f.Data, f.Children = true, true
		return f
	case 3:
		f.Paths, f.Recursive, f.Data = []znode.Path{znode.Root}, true, true
		return f
	case 4:
		f.Paths, f.Recursive, f.Data, f.Children = some[:1], true, true, true
		return f
	default:
		f.Paths, f.Children, f.Data = append(slices.Clone(some), znode.Root), true, true
		return f
	}
}

var universe = []znode.Path{path("/a"), path("/a/b"), path("/a/b/c"), path("/a/bb"), path("/a/bb/c"), path("/d"), path("/d/e")}

// begin is a position around where the cluster is now.
func (r *reading) begin(rng *rand.Rand) znode.Zxid {
	now := int64(0)
	for _, s := range r.c.States() {
		if s != nil {
			now = max(now, int64(s.Zxid))
		}
	}
	return znode.Zxid(max(now-100+int64(rng.IntN(201)), 0))
}

// add is a new recording.
func (r *reading) add(f properties.Filter) *properties.Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := &properties.Recording{Name: fmt.Sprintf("%d of %v", len(r.recordings), f), Filter: f}
	r.recordings = append(r.recordings, rec)
	return rec
}

// readMany reads one stream after another, each for a while.
func (r *reading) readMany(rng *rand.Rand, slow bool) {
	for r.end.Load() == 0 {
		rec := r.add(filters(rng))
		r.read(rec, rng, r.begin(rng), slow, time.Duration(200+rng.IntN(6000))*time.Millisecond)
	}
}

// read follows a stream from one position for that long, or to the end: on one member, then on another, wherever it is up.
func (r *reading) read(rec *properties.Recording, rng *rand.Rand, from znode.Zxid, slow bool, long time.Duration) {
	for over := time.Now().Add(long); time.Now().Before(over); time.Sleep(5 * time.Millisecond) {
		i := rng.IntN(r.c.Len())
		if hub := r.c.hubs[i].Load(); hub != nil {
			if sub, err := hub.Subscribe(watch.Filter(rec.Filter), from); err == nil {
				rec.Resume(from, r.c.Name(i))
				cut := time.Now().Add(time.Duration(20+rng.IntN(3000)) * time.Millisecond)
				if r.carry(rec, rng, sub, slow, cut, over) {
					return
				}
				from = rec.Position()
			}
		}
	}
}

// carry follows a subscription until it is cut off, and says whether that is all that was to be read.
//
// The times are no channels: under the race detector, Go 1.26 can crash where goroutines of one bubble find at the same time
// that timers have fired on which nobody waited.
func (r *reading) carry(rec *properties.Recording, rng *rand.Rand, sub *watch.Subscription, slow bool, cut, over time.Time) bool {
	defer sub.Close()
	reason := properties.ReasonHistory
	buf := make([]*watch.Message, 16)
	for {
		n, upTo, lost := sub.Take(buf[:1+rng.IntN(len(buf))])
		for _, m := range buf[:n] {
			rec.Message(m.Zxid, slices.Clone(m.Events))
		}
		end := znode.Zxid(r.end.Load())
		all := end > 0 && upTo >= end
		switch {
		case lost:
			rec.Reset(upTo, reason)
		case upTo < rec.Position(), upTo > rec.Position() && (all || rng.IntN(3) == 0):
			rec.Bookmark(upTo)
		}
		reason = properties.ReasonLagged
		sub.Sent(upTo)
		if slow && end == 0 {
			time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
		}
		switch now := time.Now(); {
		case all || now.After(over):
			return true
		case end == 0 && now.After(cut):
			return false
		}
		look := time.NewTimer(50 * time.Millisecond)
		select {
		case <-sub.Done():
			return false
		case <-sub.Ready():
		case <-look.C:
		}
		look.Stop()
	}
}

// finish lets all sessions end and all readers come to the last state there is, and holds what they received to every
// promise.
func (r *reading) finish(t *testing.T) {
	t.Helper()
	r.stop.Store(true)
	r.doers.Wait()
	r.c.Eventually("the end of all sessions", func() bool { return r.c.Node(0).Stats().Sessions == 0 })
	last := r.c.Settle().Zxid
	r.end.Store(uint64(last))
	r.readers.Wait()
	truth := r.c.truth()
	if truth.Last != last {
		t.Fatalf("the witness has come to %d, the members to %d", truth.Last, last)
	}
	messages, bookmarks, reconnects, resets := 0, 0, 0, 0
	for _, rec := range r.recordings {
		if err := properties.All(truth, rec); err != nil {
			t.Error(err)
		}
		for i, s := range rec.Steps {
			switch {
			case s.Kind == properties.Message:
				messages++
			case s.Kind == properties.Bookmark:
				bookmarks++
			case s.Kind == properties.Reset:
				resets++
			case i > 0:
				reconnects++
			}
		}
	}
	fired := 0
	for _, h := range r.holders {
		if h.sure {
			fired++
			if err := properties.Fired(truth, h.owner, h.watches); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("%d transactions; %d recordings with %d messages, %d bookmarks, %d reconnects, %d resets; %d of %d sessions know all their watches",
		truth.Last, len(r.recordings), messages, bookmarks, reconnects, resets, fired, len(r.holders))
	if messages < 1000 || len(r.holders) > 0 && fired == 0 {
		t.Error("the test shows little")
	}
}

// watcher is a session that sets watches and whose stream is read.
type watcher struct {
	holder
	watches []properties.Watch
	sure    bool // it knows what became of every watch it asked for
}

// hold opens sessions, one after another, each with watches and a stream of its own.
func (r *reading) hold(rng *rand.Rand, seed uint64) {
	for !r.stop.Load() {
		h := &watcher{sure: true}
		h.key, h.timeout = r.c.newKey(), time.Duration(800+rng.IntN(2000))*time.Millisecond
		res, err := r.c.anyhow(rng.IntN(r.c.Len()), time.Second, znode.OpenSessionOp(h.key, h.timeout.Milliseconds()))
		if err != nil || res.Code != znode.OK {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		h.owner = res.Ops[0].Session.Owner
		r.mu.Lock()
		r.holders = append(r.holders, h)
		r.mu.Unlock()
		rec := r.add(properties.Filter{Session: h.owner})
		slow, own := rng.IntN(3) == 0, rand.New(rand.NewPCG(seed, uint64(h.owner)))
		r.readers.Go(func() {
			r.read(rec, own, znode.Zxid(h.owner), slow, time.Hour)
		})
		r.watch(h, rng)
		if rng.IntN(2) == 0 {
			_, _ = r.c.anyhow(rng.IntN(r.c.Len()), time.Second, znode.CloseSessionOp(h.key))
		}
	}
}

// watch sets and removes watches for a while, until the session is over or falls silent.
func (r *reading) watch(h *watcher, rng *rand.Rand) {
	for range 10 + rng.IntN(60) {
		if r.stop.Load() {
			return
		}
		time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
		i := rng.IntN(r.c.Len())
		if rng.IntN(3) == 0 {
			if l, err := r.c.keepalive(h.holder, i, 300*time.Millisecond); err == nil && !l.Alive {
				return
			}
			continue
		}
		p, mode := universe[rng.IntN(len(universe))], znode.WatchMode(1+rng.IntN(5))
		if rng.IntN(5) == 0 {
			p = znode.Root
		}
		op, remove := znode.AddWatchOp(p, mode), rng.IntN(5) == 0
		if remove {
			op = znode.RemoveWatchOp(p, mode)
		}
		res, err := r.c.as(h.holder, i, time.Minute, op)
		switch {
		case err != nil:
			h.sure = h.sure && err != command.ErrUnknown
		case res.Code == znode.SessionExpired:
			return
		case res.Code == znode.OK && !remove:
			h.watches = append(h.watches, properties.Watch{Path: p, Mode: mode, Set: res.Zxid})
		case res.Code == znode.OK:
			for k := len(h.watches) - 1; k >= 0; k-- {
				if w := &h.watches[k]; w.Path == p && w.Mode == mode {
					w.Removed = res.Zxid
					break
				}
			}
		}
	}
}

// write changes the universe at random, with transactions of one and of more ops, and with ephemerals.
func (r *reading) write(rng *rand.Rand) {
	var h holder
	for !r.stop.Load() {
		time.Sleep(time.Duration(rng.IntN(25)) * time.Millisecond)
		i := rng.IntN(r.c.Len())
		if h.owner == 0 {
			h.key = r.c.newKey()
			if res, err := r.c.anyhow(i, time.Second, znode.OpenSessionOp(h.key, 1000)); err == nil && res.Code == znode.OK {
				h.owner = res.Ops[0].Session.Owner
			}
			continue
		}
		txn := &znode.Txn{}
		for range 1 + rng.IntN(3)*rng.IntN(3) {
			txn.Ops = append(txn.Ops, change(rng))
		}
		if rng.IntN(4) == 0 {
			txn.Session = &h.key
			p := universe[rng.IntN(len(universe))].Parent()
			txn.Ops = append(txn.Ops, znode.CreateOp(p.Child(fmt.Sprintf("e%d", rng.IntN(5))), "", znode.Ephemeral))
		}
		res, err := r.c.do(i, time.Duration(50+rng.IntN(1000))*time.Millisecond, txn)
		if err == nil && res.Code == znode.SessionExpired || rng.IntN(200) == 0 {
			h.owner = 0 // another one; the old one falls silent
		}
	}
}

func change(rng *rand.Rand) znode.Op {
	p := universe[rng.IntN(len(universe))]
	switch rng.IntN(6) {
	case 0:
		return znode.DeleteOp(p)
	case 1:
		return znode.CreateOp(p, "", znode.Persistent)
	case 2:
		return znode.SetOp(p, "x")
	default:
		return znode.PutOp(p, "y")
	}
}
