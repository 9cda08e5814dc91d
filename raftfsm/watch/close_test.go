package watch

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"holt/raftfsm/znode"
)

func TestClose(t *testing.T) {
	r := newRig(t)
	r.then(create("/a"))
	s, other := r.subscribe(onA(), 1), r.subscribe(onA(), 0)
	r.then(write("/a"))
	s.Close()
	s.Close()
	if n, upTo, lost := s.Take(make([]*Message, 9)); n != 0 || upTo != 1 || lost {
		t.Errorf("a closed subscription gave %d messages up to %d", n, upTo)
	}
	if n, _ := r.hub.Streams(); n != 1 {
		t.Errorf("%d subscriptions, want the other", n)
	}
	select {
	case <-other.Done():
		t.Error("done before the hub is closed")
	default:
	}
	r.hub.Close()
	r.hub.Close()
	<-other.Done()
	r.want(other, "1: +/a", "2: =/a")
	r.do(write("/a"))
	r.hub.Publish(r.State())
	if _, err := r.hub.Subscribe(onA(), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("subscribing to a closed hub: %v", err)
	}
	other.Close()
	if n, _ := r.hub.Streams(); n != 0 || len(r.hub.index.at)+r.hub.index.n > 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

// TestCloseAtAnyTime closes subscriptions, live and behind, while they take and the hub offers.
func TestCloseAtAnyTime(t *testing.T) {
	r := newRig(t)
	r.then(create("/a"))
	for range 30 {
		for range 50 {
			r.do(write("/a"))
		}
		before := r.publish()
		var takers sync.WaitGroup
		for i := range znode.Zxid(8) {
			s := r.subscribe(onA(), before-i%2*40)
			takers.Go(func() {
				buf := make([]*Message, 3)
				for n, upTo := 0, znode.Zxid(0); upTo < before+i*4; {
					n, upTo, _ = s.Take(buf)
					if n == 0 {
						runtime.Gosched()
					}
				}
				var closed sync.WaitGroup
				closed.Go(s.Close)
				for range 20 {
					s.Take(buf)
				}
				closed.Wait()
				_, stood, _ := s.Take(buf)
				if n, upTo, lost := s.Take(buf); n != 0 || upTo != stood || lost {
					t.Errorf("closed, it gave %d messages up to %d", n, upTo)
				}
			})
		}
		for range 50 {
			r.then(write("/a"))
		}
		takers.Wait()
	}
	if n, _ := r.hub.Streams(); n != 0 || len(r.hub.index.at) != 0 || r.hub.pending.Load() != 0 {
		t.Errorf("%d subscriptions and %d bytes are left", n, r.hub.pending.Load())
	}
}

func TestLimits(t *testing.T) {
	h := NewHub(Config{MaxSubscriptions: 2})
	defer h.Close()
	one, _ := h.Subscribe(onA(), 0)
	h.Subscribe(Filter{Session: 3}, 0)
	if _, err := h.Subscribe(onA(), 0); !errors.Is(err, ErrTooMany) {
		t.Errorf("the third of two: %v", err)
	}
	one.Close()
	f := Filter{Paths: make([]znode.Path, MaxPaths+1)}
	if _, err := h.Subscribe(f, 0); !errors.Is(err, ErrTooMany) {
		t.Errorf("too many paths: %v", err)
	}
	f.Paths = f.Paths[1:]
	if _, err := h.Subscribe(f, 0); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
}

// TestIdleSubscriptionIsSmall: 10,000 streams of nothing are to cost little.
func TestIdleSubscriptionIsSmall(t *testing.T) {
	r := newRig(t)
	const many = 10_000
	var filters []Filter
	for i := range many {
		filters = append(filters, Filter{Paths: paths(fmt.Sprintf("/app/service/%d", i)), Data: true})
	}
	subs := make([]*Subscription, 0, many)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for _, f := range filters {
		subs = append(subs, r.subscribe(f, 0))
	}
	each := (heap() - before) / many
	t.Logf("%d bytes", each)
	if each > 400 {
		t.Errorf("an idle subscription takes %d bytes", each)
	}
	runtime.KeepAlive(filters)
	for _, s := range subs {
		s.Close()
	}
}
