package watch

import "holt/raftfsm/znode"

// matching is for whom the events of one record are. Subscriptions that want the same events are to share one message, so
// what one wants is a set that is grown event by event: whoever grows the same set by the same event arrives at the
// same set. It is used again for the next record.
type matching struct {
	found []match
	sets  []set // the first is empty
	grown map[growth]int32
}

// match is what a subscription wants.
type match struct {
	sub  *Subscription
	last int // the event that was added last
	set  int32
}

// set is some events of the record: those of another set and one more, which comes behind them.
type set struct {
	of    int32
	event int
	n     int // how many events

	wanted  int      // by how many subscriptions
	message *Message // once there is one

	// The set that is this one grown by an event: the first there was, for most are the only one. grown has the others.
	next      int32
	nextEvent int
}

// growth is a set and the event it is grown by.
type growth struct {
	set   int32
	event int
}

// maxSets bounds the sets of a record. Whoever wants one more reads the record from the history, as do those for whom a
// message is left to be made when MaxPendingBytes of them are made.
const maxSets = 1 << 17

// maxSetsKept bounds the room of matching.sets that is kept from record to record.
const maxSetsKept = 1 << 12

// tooMany stands for a set that there is no room for.
const tooMany = -1

// maxGrownKept bounds the room of matching.grown that is kept from record to record: clearing a map takes as long as it
// ever was large.
const maxGrownKept = 64

func newMatching() matching { return matching{sets: make([]set, 1), grown: make(map[growth]int32)} }

// add notes that s wants the event. The events of a subscription come in their order; the same may come again.
func (m *matching) add(s *Subscription, event int) {
	if s.slot >= len(m.found) || m.found[s.slot].sub != s {
		s.slot = len(m.found)
		m.found = append(m.found, match{sub: s, last: -1})
	}
	if f := &m.found[s.slot]; f.last != event && f.set != tooMany {
		f.last, f.set = event, m.grow(f.set, event)
	}
}

// grow is the set that has the event too, or tooMany.
func (m *matching) grow(from int32, event int) int32 {
	s := &m.sets[from]
	if s.next != 0 && s.nextEvent == event {
		return s.next
	}
	g := growth{from, event}
	if to, ok := m.grown[g]; ok {
		return to
	}
	if len(m.sets) >= maxSets {
		return tooMany
	}
	to := int32(len(m.sets))
	if s.next == 0 {
		s.next, s.nextEvent = to, event
	} else {
		m.grown[g] = to
	}
	m.sets = append(m.sets, set{of: from, event: event, n: s.n + 1})
	return to
}

// deliver offers every subscription its message, and makes room for the next record.
func (m *matching) deliver(r *znode.Record, kept *encodings) {
	for i := range m.found {
		if set := m.found[i].set; set != tooMany {
			m.sets[set].wanted++
		}
	}
	made := int64(0)
	for i := range m.found {
		f := &m.found[i]
		if f.set == tooMany || m.sets[f.set].message == nil && made > MaxPendingBytes {
			f.sub.miss(r.Zxid)
			continue
		}
		s := &m.sets[f.set]
		if s.message == nil {
			s.message = m.message(s, r, kept)
			made += s.message.size()
		}
		f.sub.offer(s.message)
	}
	clear(m.found) // or it would keep closed subscriptions alive
	clear(m.sets)
	m.found, m.sets = m.found[:0], m.sets[:1]
	if cap(m.sets) > maxSetsKept {
		m.sets = make([]set, 1)
	}
	if len(m.grown) > maxGrownKept {
		m.grown = make(map[growth]int32)
	}
	clear(m.grown)
}

func (m *matching) message(s *set, r *znode.Record, kept *encodings) *Message {
	events := make([]znode.Event, s.n)
	for at := s; at.n > 0; at = &m.sets[at.of] {
		events[at.n-1] = detached(r.Events[at.event])
	}
	msg := &Message{Zxid: r.Zxid, Events: events}
	if s.wanted > 1 {
		msg.encodings = kept
	}
	return msg
}
