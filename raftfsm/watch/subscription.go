package watch

import (
	"sync"

	"holt/raftfsm/znode"
)

// Subscription gives one watcher its messages. Ready, Take and Sent are for one goroutine; Close may be called by any.
//
// It is live as long as all messages up to what the hub has dispatched were put into its queue. When one finds no room, it is
// behind: the hub only notes the zxid of what it did not put there, and Take reads the history, beginning where the queue
// ended. Once Take has read as far as what was noted, the subscription is live again; of what is dispatched after that, it
// has been given what is in the state that Take read, and not the rest.
type Subscription struct {
	hub    *Hub
	ready  chan struct{}
	filter Filter
	slot   int // in Hub.matching, guarded by Hub.mu

	mu      sync.Mutex // guards what follows
	pending []*Message // oldest first; most are empty most of the time, see maxIdleQueue
	from    znode.Zxid // all up to here was given or is pending
	given   znode.Zxid // what Take said last
	missed  znode.Zxid // while behind, the zxid of the last message that was not put into the queue
	owed    znode.Zxid // unless 0: something from here on was taken and is not sent
	taken   znode.Zxid // zxid of the last that was taken
	behind  bool
	closed  bool
}

// maxIdleQueue is the room, in messages, that an empty queue keeps: for the one that most transactions are.
const maxIdleQueue = 1

// Ready gets a value when Take may have something.
func (s *Subscription) Ready() <-chan struct{} { return s.ready }

// Done is closed when the hub is.
func (s *Subscription) Done() <-chan struct{} { return s.hub.done }

// Take puts the next messages into buf, oldest first. Everything for this subscription up to upTo, which never goes back,
// has been given by this and earlier calls; that may be so without any message. If lost, the history did not reach back
// to the last upTo: what was between it and this one is not known, and n is 0. The amount of work is bounded: Ready
// has a value afterwards if there may be more. Room for some tens of messages serves best: who is behind looks up its place in
// the history in every call.
func (s *Subscription) Take(buf []*Message) (n int, upTo znode.Zxid, lost bool) {
	s.mu.Lock()
	if s.behind && len(s.pending) == 0 && !s.closed {
		from := s.from // nobody else moves it while s is behind
		s.mu.Unlock()
		return s.takeHistory(buf, from)
	}
	defer s.mu.Unlock()
	return s.takePending(buf), s.given, false
}

func (s *Subscription) takePending(buf []*Message) int {
	queue := s.pending
	n := copy(buf, queue)
	for _, m := range buf[:n] {
		s.hub.dequeue(m)
	}
	clear(queue[:n])
	if s.pending = queue[n:]; len(s.pending) == 0 {
		s.pending = nil
		if cap(queue) <= maxIdleQueue {
			s.pending = queue[:0]
		}
	}
	if n > 0 {
		s.given = buf[n-1].Zxid
		s.take(buf[0].Zxid, s.given)
	}
	switch {
	case len(s.pending) > 0:
		poke(s.ready)
	case s.closed:
	case s.behind:
		s.given = s.from
		poke(s.ready)
	default:
		// What was dispatched is in the queue before the hub says that it was dispatched.
		s.from = max(s.from, s.hub.upTo())
		s.given = s.from
	}
	return n
}

func (s *Subscription) takeHistory(buf []*Message, from znode.Zxid) (n int, upTo znode.Zxid, lost bool) {
	now := s.hub.now.Load()
	n, upTo, end := 0, max(from, now.Zxid), true
	records, whole := now.History.After(from)
	if whole && now.Zxid > from {
		n, upTo, end = s.filter.scan(now, records, buf, from)
	}
	s.mu.Lock()
	s.from, s.given = upTo, upTo
	if end && s.missed <= upTo {
		s.behind, s.missed = false, 0
	} else {
		poke(s.ready)
	}
	switch {
	case n > 0:
		s.take(buf[0].Zxid, buf[n-1].Zxid)
	case !whole:
		s.take(from+1, upTo)
	}
	s.mu.Unlock()
	s.hub.flushes.moved(s.filter.Session)
	return n, upTo, !whole
}

// take notes that messages, or that something was lost, went out to the stream.
func (s *Subscription) take(first, last znode.Zxid) {
	if s.owed == 0 {
		s.owed = first
	}
	s.taken = last
}

// Sent says that all that was taken up to z has gone out to the client; a loss counts, with upTo as its zxid. It is what
// Flushed waits for.
func (s *Subscription) Sent(z znode.Zxid) {
	s.mu.Lock()
	switch {
	case s.owed == 0 || z < s.owed:
	case z >= s.taken:
		s.owed = 0
	default:
		s.owed = z + 1 // or later: what was taken together is taken to be sent together
	}
	s.mu.Unlock()
	s.hub.flushes.moved(s.filter.Session)
}

// Close ends the subscription: a Take that begins afterwards gives nothing. It can be closed again.
func (s *Subscription) Close() {
	h := s.hub
	h.mu.Lock()
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		h.index.remove(s)
		for _, m := range s.pending {
			h.dequeue(m)
		}
		s.pending = nil
	}
	s.mu.Unlock()
	h.mu.Unlock()
	h.flushes.moved(s.filter.Session)
}

// offer is the hub's: a message that is for s.
func (s *Subscription) offer(m *Message) {
	if s.accept(m.Zxid, m) {
		poke(s.ready) // without the lock, which whoever is woken wants
	}
}

// miss is the hub's: there is no room to make the message of a transaction that is for s.
func (s *Subscription) miss(z znode.Zxid) {
	if s.accept(z, nil) {
		poke(s.ready)
	}
}

// accept says whether Ready must tell of it.
func (s *Subscription) accept(z znode.Zxid, m *Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case z <= s.from:
		return false
	case s.behind:
		s.missed = z
		return false
	case m == nil || len(s.pending) >= MaxPending || !s.hub.enqueue(m):
		s.behind, s.from, s.missed = true, z-1, z
	default:
		s.pending, s.from = append(s.pending, m), z
	}
	return true
}

// skip is the hub's: it has dispatched up to last and goes on after z.
func (s *Subscription) skip(last, z znode.Zxid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.behind {
		s.behind, s.from = true, max(s.from, last)
	}
	s.missed = z
	poke(s.ready)
}

// flushed says whether nothing up to z is still to be taken or sent.
func (s *Subscription) flushed(z znode.Zxid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.pending) > 0 && s.pending[0].Zxid <= z:
		return false
	case s.behind && s.from < z:
		return false
	}
	return s.owed == 0 || s.owed > z
}
