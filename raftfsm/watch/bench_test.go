package watch

import (
	"fmt"
	"runtime"
	"testing"

	"holt/raftfsm/znode"
)

// benchRig is a rig with /a, and subscriptions to each of the paths.
func benchRig(b *testing.B, watched ...string) (*rig, []*Subscription) {
	r := newRig(b)
	r.then(create("/a"))
	var subs []*Subscription
	for _, p := range watched {
		subs = append(subs, r.subscribe(Filter{Paths: paths(p), Data: true, Children: true}, r.Zxid()))
	}
	return r, subs
}

// published shows the hub one more write of /a and waits until it is dispatched. It is given the state, so that what
// is measured is the hub.
func (r *rig) published(s *znode.State) {
	r.hub.Publish(s)
	for r.hub.upTo() < s.Zxid {
		runtime.Gosched()
	}
}

// states are those after each of n writes. The history of each begins shortly before it.
func (r *rig) states(n int) (states []*znode.State) {
	for range n {
		r.do(write("/a"))
		states = append(states, r.State())
	}
	return states
}

// run publishes b.N states, without the time it takes to make them, and between them calls drain.
func (r *rig) run(b *testing.B, drain func()) {
	const at = 1000
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += at {
		b.StopTimer()
		states := r.states(min(at, b.N-done))
		b.StartTimer()
		for _, s := range states {
			r.published(s)
			drain()
		}
	}
}

// BenchmarkFanOut5000 is one write that 5,000 subscriptions are about: until it is in all queues.
func BenchmarkFanOut5000(b *testing.B) {
	all := make([]string, 5000)
	for i := range all {
		all[i] = "/a"
	}
	r, subs := benchRig(b, all...)
	buf := make([]*Message, 8)
	r.run(b, func() {
		b.StopTimer()
		for _, s := range subs {
			<-s.Ready()
			if n, _, _ := s.Take(buf); n != 1 {
				b.Fatalf("%d messages", n)
			}
		}
		b.StartTimer()
	})
}

// BenchmarkFanOut5000Taken is the same with 5,000 goroutines that wait and take: until all have it.
func BenchmarkFanOut5000Taken(b *testing.B) {
	all := make([]string, 5000)
	for i := range all {
		all[i] = "/a"
	}
	r, subs := benchRig(b, all...)
	taken := make(chan struct{}, len(subs))
	for _, s := range subs {
		go func() {
			buf := make([]*Message, 8)
			for {
				select {
				case <-s.Ready():
				case <-s.Done():
					return
				}
				if n, _, _ := s.Take(buf); n > 0 {
					taken <- struct{}{}
				}
			}
		}()
	}
	r.run(b, func() {
		for range subs {
			<-taken
		}
	})
}

// BenchmarkPublishNobodyListens is a write while there is no subscription.
func BenchmarkPublishNobodyListens(b *testing.B) {
	r, _ := benchRig(b)
	r.run(b, func() {})
}

// BenchmarkPublishOtherPaths is a write that none of 10,000 subscriptions is about.
func BenchmarkPublishOtherPaths(b *testing.B) {
	var others []string
	for i := range 10_000 {
		others = append(others, fmt.Sprintf("/app/%d/a", i))
	}
	r, _ := benchRig(b, others...)
	r.run(b, func() {})
}

// BenchmarkPublishOnly is what the caller of Publish pays.
func BenchmarkPublishOnly(b *testing.B) {
	r, _ := benchRig(b, "/a")
	s := r.State()
	for b.Loop() {
		r.hub.Publish(s)
	}
}
