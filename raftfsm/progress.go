package raftfsm

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"

	"holt/raftfsm/znode"
)

// view is a published state and the place in the raft log it stands for.
type view struct {
	state *znode.State
	index uint64 // of the last raft entry applied
	term  uint64 // of that entry
}

// progress holds the newest view and those who wait for a newer one.
type progress struct {
	now   atomic.Pointer[view]         // the newest
	saved atomic.Pointer[SnapshotMark] // the newest snapshot; nil before the first
	told  atomic.Uint64                // raft index up to which leases were told, a moment after the view was published
	stop  <-chan struct{}              // ends all waits

	mu     sync.Mutex // guards what follows
	byZxid waiters
	byPos  waiters // by raft index
}

// waiter is somebody who wants to be woken at a zxid or raft index.
type waiter struct {
	at    uint64
	woken chan struct{}
	slot  int // in the heap, -1 once taken out
}

// publish makes v the newest view and wakes whom it satisfies.
func (p *progress) publish(v *view) {
	p.now.Store(v)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byZxid.wake(uint64(v.state.Zxid))
	p.byPos.wake(v.index)
}

// atZxid waits for a state of at least z; nil when ctx or the member ends first.
func (p *progress) atZxid(ctx context.Context, z znode.Zxid) *view {
	return p.wait(ctx, &p.byZxid, uint64(z), func(v *view) uint64 { return uint64(v.state.Zxid) })
}

// atIndex waits until the raft entry at index was applied; nil when ctx or the member ends first.
func (p *progress) atIndex(ctx context.Context, index uint64) *view {
	return p.wait(ctx, &p.byPos, index, func(v *view) uint64 { return v.index })
}

func (p *progress) wait(ctx context.Context, q *waiters, at uint64, of func(*view) uint64) *view {
	if v := p.now.Load(); of(v) >= at {
		return v
	}
	w := &waiter{at: at, woken: make(chan struct{})}
	p.mu.Lock()
	// publish stores before it locks: what is not seen here will wake w.
	if v := p.now.Load(); of(v) >= at {
		p.mu.Unlock()
		return v
	}
	heap.Push(q, w)
	p.mu.Unlock()
	select {
	case <-w.woken:
		return p.now.Load()
	case <-ctx.Done():
	case <-p.stop:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.slot >= 0 {
		heap.Remove(q, w.slot)
	}
	return nil
}

// waiters is a heap, the lowest place first. Its length is bounded by the requests a server takes at a time.
type waiters []*waiter

func (q *waiters) wake(at uint64) {
	for len(*q) > 0 && (*q)[0].at <= at {
		close(heap.Pop(q).(*waiter).woken)
	}
}

func (q waiters) Len() int           { return len(q) }
func (q waiters) Less(i, j int) bool { return q[i].at < q[j].at }
func (q waiters) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].slot, q[j].slot = i, j
}

// Push is for container/heap.
func (q *waiters) Push(x any) {
	w := x.(*waiter)
	w.slot = len(*q)
	*q = append(*q, w)
}

// Pop is for container/heap.
func (q *waiters) Pop() any {
	old := *q
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	w.slot = -1
	return w
}
