package sessions

import "sync/atomic"

// Counts is what the leases of a member have counted since it started. Only the member that leads counts renewals.
type Counts struct {
	Kept      int    // leases that this member keeps now; 0 where it does not lead
	Renewals  uint64 // of sessions, that somebody waited for
	Touches   uint64 // the same, that nobody waited for
	Questions uint64 // that this member asked its leader, each about many sessions
	Stalls    uint64 // times this member took itself to have been stalled while it led
}

// tally is where Counts come from.
type tally struct {
	renewals, touches, questions, stalls atomic.Uint64
}

// Counts never waits for another member.
func (l *Leases) Counts() Counts {
	t, c := l.tracker, &l.tracker.tally
	out := Counts{Renewals: c.renewals.Load(), Touches: c.touches.Load(), Questions: c.questions.Load(), Stalls: c.stalls.Load()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.office != nil {
		out.Kept = len(t.office.table.leases)
	}
	return out
}
