package sessions

import (
	"sort"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// lease is what the leader remembers of a live session.
type lease struct {
	session  *znode.Session // shared with the state
	end      *znode.Op      // of one that is not held: its end, as it was judged
	renewed  time.Duration  // when, by the tracker's clock
	standing standing
}

// standing is how a lease stands.
type standing uint8

const (
	held    standing = iota
	closing          // its end is proposed: it can not be renewed
	unsure           // the same, and of some proposal it is not known whether it will be carried out
	gone             // the session has ended
)

// turn is when a lease is looked at next: never later than its deadline.
type turn struct {
	at    time.Duration
	lease *lease
}

// table holds the leases of one leader's term. It is not for several goroutines at once.
type table struct {
	leases map[znode.SessionKey]*lease
	turns  []turn // a heap by at: every held lease once, others maybe
	stale  int    // about how many in turns are not held
	// grants is when every session was granted its timeout, in order. A lease counts as renewed at the first that came
	// after its last renewal, and at no other: else the silent could live as long as the leader stalls now and then.
	grants []time.Duration
}

// maxGrants bounds the grants that are told apart; of more, the oldest are taken for the one that came after them.
const maxGrants = 64

// maxStale is how many of the turns may be of sessions that are gone, beside as many as there are others.
const maxStale = 1024

// newTable grants every session of a state its timeout, from now on.
func newTable(s *znode.Sessions, now time.Duration) *table {
	n := s.Len()
	t := &table{leases: make(map[znode.SessionKey]*lease, n), turns: make([]turn, 0, n)}
	for session := range s.All(0) {
		t.open(session, now)
	}
	return t
}

func (l *lease) timeout() time.Duration { return time.Duration(l.session.Timeout) * time.Millisecond }

func (t *table) deadline(l *lease) time.Duration {
	at := l.renewed
	if i := sort.Search(len(t.grants), func(i int) bool { return t.grants[i] > at }); i < len(t.grants) {
		at = t.grants[i]
	}
	return at + l.timeout()
}

// begin makes every session renewed now: making the table can take a while.
func (t *table) begin(now time.Duration) {
	for _, l := range t.leases {
		l.renewed = now
	}
}

// grant gives every session its timeout from now on, unless it was silent since the last time.
func (t *table) grant(now time.Duration) {
	if len(t.grants) == maxGrants {
		t.grants = t.grants[:copy(t.grants, t.grants[1:])]
	}
	t.grants = append(t.grants, now)
}

// open begins a lease, or renews the one that is there.
func (t *table) open(s *znode.Session, now time.Duration) *lease {
	l := t.leases[s.Key]
	if l == nil {
		l = &lease{session: s, renewed: now}
		t.leases[s.Key] = l
		t.push(l)
	}
	t.renew(l, now)
	return l
}

// renew says whether the lease could be renewed. A renewal that comes late takes nothing back.
func (t *table) renew(l *lease, at time.Duration) bool {
	if l.standing != held {
		return false
	}
	l.renewed = max(l.renewed, at)
	return true
}

// revive makes a lease whose end was proposed a held one again, with its full timeout.
func (t *table) revive(l *lease, now time.Duration) {
	l.standing, l.renewed = held, max(l.renewed, now)
	t.push(l)
}

// reprieve is revive with only so much time left: enough for who waits to renew it, and for the store to take its end.
func (t *table) reprieve(l *lease, now, left time.Duration) {
	t.revive(l, now-max(0, l.timeout()-left))
}

// remove ends a lease.
func (t *table) remove(l *lease) {
	if l.standing == gone {
		return
	}
	if l.standing == held {
		t.stale++
	}
	l.standing = gone
	delete(t.leases, l.session.Key)
	if t.stale > maxStale+len(t.turns)/2 {
		t.sweep()
	}
}

// apply takes over what committed commands meant for sessions. What is already so stays so.
func (t *table) apply(changes []command.SessionChange, now time.Duration) {
	for _, c := range changes {
		l := t.leases[c.Session.Key]
		switch {
		case c.Kind == command.SessionOpened:
			t.open(c.Session, now)
		case l == nil:
		case c.Kind == command.SessionUsed:
			l.session = c.Session
			t.renew(l, now)
		case c.Kind == command.SessionClosed:
			t.remove(l)
		}
	}
}

// due says whether a session has passed its deadline. It puts at most so many turns right to find out; settled is false if
// these were too few.
func (t *table) due(now time.Duration, steps int) (due, settled bool) {
	for range steps {
		if len(t.turns) == 0 || t.turns[0].at > now {
			return false, true
		}
		if t.first(now) != nil {
			return true, true
		}
	}
	return false, false
}

// take appends the leases that have passed their deadlines to batch, up to its capacity, and makes them closing, in a term.
// As due, it may come to an end before it is settled.
func (t *table) take(batch []*lease, now time.Duration, term uint64, steps int) (taken []*lease, settled bool) {
	for range steps {
		if len(batch) == cap(batch) || len(t.turns) == 0 || t.turns[0].at > now {
			return batch, true
		}
		if l := t.first(now); l != nil {
			l.standing = closing
			end := znode.ExpireSessionOp(l.session.Owner, l.session.Used, term)
			l.end = &end
			t.pop()
			batch = append(batch, l)
		}
	}
	return batch, false
}

// first is the lease in front if it has passed its deadline. Else its turn is put right.
func (t *table) first(now time.Duration) *lease {
	l := t.turns[0].lease
	if l.standing != held {
		t.pop()
		t.stale = max(t.stale-1, 0)
		return nil
	}
	if d := t.deadline(l); d > now {
		t.turns[0].at = d
		t.down(0)
		return nil
	}
	return l
}

func (t *table) push(l *lease) {
	t.turns = append(t.turns, turn{t.deadline(l), l})
	for i := len(t.turns) - 1; i > 0; {
		parent := (i - 1) / 2
		if t.turns[parent].at <= t.turns[i].at {
			break
		}
		t.turns[parent], t.turns[i] = t.turns[i], t.turns[parent]
		i = parent
	}
}

func (t *table) pop() {
	last := len(t.turns) - 1
	t.turns[0] = t.turns[last]
	t.turns[last] = turn{}
	t.turns = t.turns[:last]
	t.down(0)
}

func (t *table) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(t.turns) {
			return
		}
		if right := child + 1; right < len(t.turns) && t.turns[right].at < t.turns[child].at {
			child = right
		}
		if t.turns[i].at <= t.turns[child].at {
			return
		}
		t.turns[i], t.turns[child] = t.turns[child], t.turns[i]
		i = child
	}
}

// sweep drops the turns of leases that are not held: sessions with long timeouts that were closed would stay for as long.
func (t *table) sweep() {
	kept := t.turns[:0]
	for _, e := range t.turns {
		if e.lease.standing == held {
			kept = append(kept, e)
		}
	}
	clear(t.turns[len(kept):])
	t.turns, t.stale = kept, 0
	for i := len(kept)/2 - 1; i >= 0; i-- {
		t.down(i)
	}
}
