package guard

import (
	"sync"
	"time"
)

// Stall knows for how long the disk has kept a caller waiting. The stores mark their calls in it, Transport and the member's watchdog
// read it. The zero value is ready.
type Stall struct {
	mu      sync.Mutex // guards next and running
	next    uint64
	running map[uint64]time.Time // start of each store call under way; raft has at most a few
}

// begin marks the start of a store call; the caller calls end when it returned.
func (s *Stall) begin() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = make(map[uint64]time.Time)
	}
	id := s.next
	s.next++
	s.running[id] = time.Now()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, id)
	}
}

// Longest is how long the oldest store call under way has been running, zero when there is none.
func (s *Stall) Longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var longest time.Duration
	for _, start := range s.running {
		longest = max(longest, time.Since(start))
	}
	return longest
}

// Stalled reports whether some store call has been running for longer than limit. A limit of zero or less means never.
func (s *Stall) Stalled(limit time.Duration) bool {
	return limit > 0 && s.Longest() > limit
}
