package watch

import (
	"slices"

	"holt/raftfsm/znode"
)

// index finds the subscriptions an event may be for.
type index struct {
	at      map[string][]*Subscription      // by path: those of the path alone
	below   map[string][]*Subscription      // by path: those of the path and all below it
	session map[znode.Owner][]*Subscription // of what is told to a session
	n       int
	paths   int // of all subscriptions
}

func newIndex() index {
	return index{
		at:      make(map[string][]*Subscription),
		below:   make(map[string][]*Subscription),
		session: make(map[znode.Owner][]*Subscription),
	}
}

func (x *index) add(s *Subscription) {
	x.n++
	if s.filter.Session != 0 {
		x.session[s.filter.Session] = append(x.session[s.filter.Session], s)
		return
	}
	x.paths += len(s.filter.Paths)
	by := x.by(s)
	for _, p := range s.filter.Paths {
		by[p.String()] = append(by[p.String()], s)
	}
}

func (x *index) remove(s *Subscription) {
	x.n--
	if s.filter.Session != 0 {
		without(x.session, s.filter.Session, s)
		return
	}
	x.paths -= len(s.filter.Paths)
	by := x.by(s)
	for _, p := range s.filter.Paths {
		without(by, p.String(), s)
	}
}

// by is where the paths of a subscription are.
func (x *index) by(s *Subscription) map[string][]*Subscription {
	if s.filter.Recursive {
		return x.below
	}
	return x.at
}

// without takes s out of those of a key. Their order does not matter.
func without[K comparable](m map[K][]*Subscription, key K, s *Subscription) {
	all := m[key]
	i := slices.Index(all, s)
	last := len(all) - 1
	if last == 0 {
		delete(m, key)
		return
	}
	all[i], all[last] = all[last], nil
	m[key] = all[:last]
}

// each calls f for every subscription that can be given anything, for some more than once.
func (x *index) each(f func(*Subscription)) {
	for _, m := range []map[string][]*Subscription{x.at, x.below} {
		for _, all := range m {
			for _, s := range all {
				f(s)
			}
		}
	}
	for _, all := range x.session {
		for _, s := range all {
			f(s)
		}
	}
}

// match notes in m for whom the events of the record are.
func (x *index) match(r *znode.Record, m *matching) {
	for i := range r.Events {
		e := &r.Events[i]
		for _, s := range x.at[e.Path.String()] {
			if s.filter.wantsAt(e.Type) {
				m.add(s, i)
			}
		}
		if len(x.below) > 0 {
			x.matchBelow(e, i, m)
		}
	}
	if len(x.session) == 0 {
		return
	}
	for _, t := range r.Told {
		for _, s := range x.session[t.Owner] {
			m.add(s, t.Event)
		}
	}
}

func (x *index) matchBelow(e *znode.Event, i int, m *matching) {
	for _, s := range x.below[e.Path.String()] {
		if s.filter.wantsAt(e.Type) {
			m.add(s, i)
		}
	}
	for p := e.Path; !p.IsRoot(); {
		p = p.Parent()
		for _, s := range x.below[p.String()] {
			if s.filter.wantsBelow(e.Type) {
				m.add(s, i)
			}
		}
	}
}
