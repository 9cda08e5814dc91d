package watch

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"holt/raftfsm/znode"
)

// Flushed waits until all that is told to a session up to z has been sent on every stream of it that is carried here, or
// the stream is closed. It is nil at once if there is no stream. Else the error is that of ctx, or ErrClosed.
func (h *Hub) Flushed(ctx context.Context, session znode.Owner, z znode.Zxid) error {
	if h.flushed(session, z) {
		return nil
	}
	w := h.flushes.enter(session, z)
	defer h.flushes.leave(w)
	// Asked again only now: what changes from here on wakes w.
	for !h.flushed(session, z) {
		select {
		case <-w.woken:
		case <-ctx.Done():
			return ctx.Err()
		case <-h.done:
			return ErrClosed
		}
	}
	return nil
}

func (h *Hub) flushed(session znode.Owner, z znode.Zxid) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	streams := h.index.session[session]
	if len(streams) == 0 {
		return true
	}
	if h.upTo() < z {
		return false
	}
	for _, s := range streams {
		if !s.flushed(z) {
			return false
		}
	}
	return true
}

// flushes are those who wait in Flushed. There are no more than requests that a server takes at a time.
type flushes struct {
	n atomic.Int64 // how many there are, to be asked without the lock

	mu      sync.Mutex // guards what follows
	early   []*flush   // those whose zxid is not dispatched yet
	session map[znode.Owner][]*flush
}

// flush is somebody who waits.
type flush struct {
	session znode.Owner
	z       znode.Zxid
	woken   chan struct{} // gets a value when it is time to look again
}

func (f *flushes) enter(session znode.Owner, z znode.Zxid) *flush {
	w := &flush{session: session, z: z, woken: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.session == nil {
		f.session = make(map[znode.Owner][]*flush)
	}
	f.n.Add(1)
	f.early = append(f.early, w)
	f.session[session] = append(f.session[session], w)
	return w
}

func (f *flushes) leave(w *flush) {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := func(other *flush) bool { return other == w }
	f.n.Add(-1)
	f.early = slices.DeleteFunc(f.early, is)
	if rest := slices.DeleteFunc(f.session[w.session], is); len(rest) > 0 {
		f.session[w.session] = rest
	} else {
		delete(f.session, w.session)
	}
}

// dispatched wakes those who wait for a zxid that is dispatched now.
func (f *flushes) dispatched(z znode.Zxid) {
	if f.n.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.early = slices.DeleteFunc(f.early, func(w *flush) bool {
		if w.z > z {
			return false
		}
		poke(w.woken)
		return true
	})
}

// moved wakes those who wait for a session of which a stream has taken, sent or been closed.
func (f *flushes) moved(session znode.Owner) {
	if session == 0 || f.n.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.session[session] {
		poke(w.woken)
	}
}
