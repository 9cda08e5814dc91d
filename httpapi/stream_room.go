package httpapi

import (
	"slices"
	"sync"

	"holt/raftfsm/watch"
)

// room is so many places that are taken for a while, first come, first served. Whoever wants a place for a message that
// somebody has one for already shares it. The zero value has nobody in it.
type room struct {
	mu    sync.Mutex // guards what follows, and the claims' granted and share
	used  int
	held  map[*watch.Message]*share
	queue []*claim // waiting; no more than there are streams
}

// share is a place, with the bytes it is for once somebody has made them.
type share struct {
	size    int
	holders int
	once    sync.Once
	bytes   []byte // written in once
}

// claim is somebody's wish for a place.
type claim struct {
	message *watch.Message // nil for nothing to share
	size    int
	granted chan struct{} // closed when the place is there; nil if it was there at once
	share   *share        // nil until then
}

// ask claims a place of a size in a room of a limit. What is larger than the room gets all of it. The claim must be
// given back, also one that is not granted yet.
func (r *room) ask(limit, size int, m *watch.Message) *claim {
	c := &claim{message: m, size: min(size, limit)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.grant(c, limit, len(r.queue) == 0) {
		c.granted = make(chan struct{})
		r.queue = append(r.queue, c)
	}
	return c
}

// grant gives c its place, if it shares one or, where it may take a new one, there is one; r.mu is held.
func (r *room) grant(c *claim, limit int, mayTake bool) bool {
	if held := r.held[c.message]; held != nil {
		c.share = held
	} else if mayTake && r.used+c.size <= limit {
		c.share = &share{size: c.size}
		r.used += c.size
		if c.message != nil {
			if r.held == nil {
				r.held = make(map[*watch.Message]*share)
			}
			r.held[c.message] = c.share
		}
	} else {
		return false
	}
	c.share.holders++
	return true
}

// giveBack ends a claim.
func (r *room) giveBack(limit int, c *claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.share != nil {
		if c.share.holders--; c.share.holders == 0 {
			r.used -= c.share.size
			delete(r.held, c.message)
		}
	}
	if c.share == nil {
		r.queue = slices.DeleteFunc(r.queue, func(other *claim) bool { return other == c })
	}
	for len(r.queue) > 0 && r.grant(r.queue[0], limit, true) {
		next := r.queue[0]
		r.queue[0], r.queue = nil, r.queue[1:]
		close(next.granted)
		if next.message != nil {
			r.join(limit, next.message)
		}
	}
}

// join lets those who wait for a message share the place that it has now; r.mu is held.
func (r *room) join(limit int, m *watch.Message) {
	r.queue = slices.DeleteFunc(r.queue, func(c *claim) bool {
		if c.message != m {
			return false
		}
		r.grant(c, limit, false)
		close(c.granted)
		return true
	})
}

// encoded is the bytes the place is for, made by the first who asks.
func (s *share) encoded(make func() []byte) []byte {
	s.once.Do(func() { s.bytes = make() })
	return s.bytes
}
