package watch

import (
	"errors"
	"sync"
	"sync/atomic"

	"holt/raftfsm/znode"
)

// Limits of a hub.
const (
	// DefaultMaxSubscriptions is how many there may be where Config says nothing.
	DefaultMaxSubscriptions = 20_000
	// MaxPaths bounds the paths of one subscription.
	MaxPaths = 1024
	// MaxAllPaths is how many paths all subscriptions may have together before one of more than FewPaths is refused: each has
	// a place in the index, of a hundred bytes and more.
	MaxAllPaths = 1 << 20
	FewPaths    = 16
	// MaxPending bounds the queue of one subscription, in messages. Whoever has so many to take reads the rest from the
	// history.
	MaxPending = 64
	// MaxPendingBytes bounds the messages in all queues, each counted once however many queues it is in. Beyond, a new
	// message is in no queue, and those it is for read it from the history.
	MaxPendingBytes = 64 << 20
	// MaxScan bounds how much of the history one Take looks at: records, and events in them.
	MaxScan = 8192
)

// What Subscribe and Flushed answer.
var (
	ErrTooMany = errors.New("too many subscriptions, or paths in one")
	ErrClosed  = errors.New("the hub is closed")
)

// Config of a Hub.
type Config struct {
	// MaxSubscriptions is how many there may be at a time; 0: DefaultMaxSubscriptions.
	MaxSubscriptions int
}

// Hub gives the events of a member's state to those who subscribed to them.
type Hub struct {
	max   int
	now   atomic.Pointer[znode.State] // the newest; its zxid never goes back
	stale chan struct{}               // has a value when now is newer than what was dispatched
	done  chan struct{}               // closed by Close
	ended chan struct{}               // closed by the goroutine
	once  sync.Once

	dispatched atomic.Uint64 // zxid up to which every subscription has been offered its messages; written by the goroutine
	pending    atomic.Int64  // bytes of the messages in queues
	encodings  encodings
	flushes    flushes

	mu       sync.Mutex // guards what follows
	closed   bool
	index    index
	matching matching // of the record being dispatched; and Subscription.slot, which belongs to it
}

// NewHub is a hub without a state yet. It has a goroutine until it is closed.
func NewHub(cfg Config) *Hub {
	h := &Hub{
		max: cfg.MaxSubscriptions, stale: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
		index: newIndex(), matching: newMatching(),
	}
	if h.max <= 0 {
		h.max = DefaultMaxSubscriptions
	}
	go h.run()
	return h
}

// Publish says that s is the newest state, and readable. It is called in the order of the zxids, by one goroutine at
// a time, and never waits. States may be left out; after a snapshot was installed one may be so far on that its
// history does not reach back to the last, which is then told to every subscription as lost.
func (h *Hub) Publish(s *znode.State) {
	h.now.Store(s)
	poke(h.stale)
}

// Close ends all subscriptions and waits for the hub's goroutine. What they have not taken can still be taken.
func (h *Hub) Close() {
	h.once.Do(func() {
		h.mu.Lock()
		h.closed = true
		h.mu.Unlock()
		close(h.done)
	})
	<-h.ended
}

// Streams is how many subscriptions there are, and to how many sessions.
func (h *Hub) Streams() (subscriptions, sessions int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.index.n, len(h.index.session)
}

// Subscribe gives what the filter says of all transactions after a zxid, once and in order: those that were before now
// from the history. The zxid may be ahead of the state. The error is ErrTooMany or ErrClosed.
func (h *Hub) Subscribe(f Filter, after znode.Zxid) (*Subscription, error) {
	if len(f.Paths) > MaxPaths {
		return nil, ErrTooMany
	}
	s := &Subscription{hub: h, ready: make(chan struct{}, 1), filter: f.tidy(), from: after, given: after}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrClosed
	case h.index.n >= h.max:
		return nil, ErrTooMany
	case len(s.filter.Paths) > FewPaths && h.index.paths+len(s.filter.Paths) > MaxAllPaths:
		return nil, ErrTooMany
	}
	h.index.add(s)
	// In this order: what was dispatched before s was in the index is in the state that is read now. If that is not
	// beyond after, all that s is to be given is still to be dispatched.
	if now := h.now.Load(); now != nil && now.Zxid > after {
		s.behind = true
		poke(s.ready)
	}
	return s, nil
}

func (h *Hub) run() {
	defer close(h.ended)
	for {
		select {
		case <-h.stale:
			h.dispatch(h.now.Load())
		case <-h.done:
			return
		}
	}
}

// dispatch offers all subscriptions what s has that is new.
func (h *Hub) dispatch(s *znode.State) {
	last := h.upTo()
	if s.Zxid <= last {
		return
	}
	// Whoever subscribes from here on finds s, or a later state, and what it has is not for the goroutine to give.
	if n, _ := h.Streams(); n > 0 {
		records, whole := s.History.After(last)
		if !whole {
			h.skip(last, s.Zxid)
		} else {
			for r := range records {
				if h.isClosed() {
					return
				}
				h.offer(r)
			}
		}
	}
	h.dispatched.Store(uint64(s.Zxid))
	h.flushes.dispatched(s.Zxid)
}

// offer finds out for whom a record is.
func (h *Hub) offer(r *znode.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.index.match(r, &h.matching)
	if len(h.matching.found) > 0 {
		h.matching.deliver(r, &h.encodings)
	}
}

// skip tells all subscriptions that there is no record to be had of some of the transactions between two zxids.
func (h *Hub) skip(last, z znode.Zxid) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.index.each(func(s *Subscription) { s.skip(last, z) })
}

// upTo is the zxid up to which all was offered.
func (h *Hub) upTo() znode.Zxid { return znode.Zxid(h.dispatched.Load()) }

func (h *Hub) isClosed() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// enqueue says whether there is room for a message in one queue more, and counts it.
func (h *Hub) enqueue(m *Message) bool {
	if m.queues.Add(1) > 1 {
		return true
	}
	if size := m.size(); h.pending.Add(size) > MaxPendingBytes {
		h.dequeue(m)
		return false
	}
	return true
}

// dequeue is the opposite of enqueue.
func (h *Hub) dequeue(m *Message) {
	if m.queues.Add(-1) == 0 {
		h.pending.Add(-m.size())
	}
}

// poke puts a value into a channel of one, unless there is one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
