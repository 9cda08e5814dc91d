package watch

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

// long is a path of some thousand bytes, which is made with all above it.
func (r *rig) long() string {
	r.Helper()
	p := "/long"
	r.do(create(p))
	for range 16 {
		p += "/" + strings.Repeat("x", 250)
		r.do(create(p))
	}
	return p
}

func repeated(n int, op znode.Op) (ops []znode.Op) {
	for range n {
		ops = append(ops, op)
	}
	return ops
}

// TestCatchingUpIsCheap: what streams hold that catch up on large records, and are slow to send them, is not those records.
func TestCatchingUpIsCheap(t *testing.T) {
	const streams, limit = 8, 1 << 20
	r := newRig(t)
	big := r.long()
	from := r.Zxid()
	for range 3 {
		r.do(repeated(znode.MaxTxnOps, write(big))...) // 4 MB each
	}
	r.publish()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var held [streams][]*Message
	for i := range held {
		s := r.subscribe(Filter{Paths: paths("/"), Recursive: true, Data: true}, from)
		held[i] = make([]*Message, 32)
		if n, _, lost := s.Take(held[i]); n != 3 || lost {
			t.Fatalf("%d messages, lost: %v", n, lost)
		}
	}
	if each := (heap() - before) / streams; each > limit {
		t.Errorf("each holds %d bytes", each)
	}
	runtime.KeepAlive(held)
}

// TestManyLargeMessages: where as many subscriptions want as many different large parts of a transaction, they are not all made at
// once, and everybody is given its own all the same.
func TestManyLargeMessages(t *testing.T) {
	for name, tt := range map[string]struct{ subs, events int }{
		"bytes": {40, znode.MaxTxnOps - 40}, // 4 MB each
		"sets":  {200, znode.MaxTxnOps - 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			big := "/long"
			if name == "bytes" {
				big = r.long()
			} else {
				r.do(create(big))
			}
			var ops []znode.Op
			for i := range tt.subs {
				own := fmt.Sprintf("/own%d", i)
				r.do(create(own))
				ops = append(ops, write(own))
			}
			r.publish()
			var subs []*Subscription
			for i := range tt.subs {
				f := Filter{Paths: paths("/long", fmt.Sprintf("/own%d", i)), Recursive: true, Data: true}
				subs = append(subs, r.subscribe(f, r.Zxid()))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			z := r.then(append(ops, repeated(tt.events, write(big))...)...)
			runtime.ReadMemStats(&after)
			if made := after.TotalAlloc - before.TotalAlloc; made > 2*MaxPendingBytes {
				t.Errorf("%d bytes were made", made)
			}
			if n := cap(r.hub.matching.sets); n > maxSetsKept {
				t.Errorf("room for %d sets is kept", n)
			}
			for i, s := range subs {
				var buf [4]*Message
				n, upTo, lost := s.Take(buf[:])
				if n != 1 || upTo != z || lost || buf[0].Zxid != z || len(buf[0].Events) != tt.events+1 {
					t.Fatalf("%d was given %d messages up to %d, lost: %v", i, n, upTo, lost)
				}
				if p := buf[0].Events[0].Path.String(); p != fmt.Sprintf("/own%d", i) {
					t.Fatalf("%d was given what is at %s", i, p)
				}
			}
		})
	}
}

// TestAllPaths: what subscriptions have in the index is bounded by their paths, not by their number alone. Those of few
// paths are bounded by that.
func TestAllPaths(t *testing.T) {
	r := newRig(t)
	names := make([]string, MaxPaths)
	for i := range names {
		names[i] = fmt.Sprintf("/%d", i)
	}
	f := Filter{Paths: paths(names...), Data: true}
	var subs []*Subscription
	for range MaxAllPaths / MaxPaths {
		subs = append(subs, r.subscribe(f, 0))
	}
	more := f
	more.Paths = f.Paths[:FewPaths+1]
	if _, err := r.hub.Subscribe(more, 0); err != ErrTooMany {
		t.Errorf("one more: %v", err)
	}
	r.subscribe(Filter{Session: 1}, 0)
	r.subscribe(Filter{Paths: f.Paths[:FewPaths], Data: true}, 0).Close() // they are not locked out
	subs[0].Close()
	r.subscribe(f, 0)
}
