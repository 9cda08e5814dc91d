package znode

import (
	"cmp"
	"slices"
)

// event notes what an op did. Of a parent whose list of children changes more than once there is one event, in the last
// place, behind those of all the children; unless the parent itself was deleted in between.
func (m *Machine) event(e Event) {
	switch e.Type {
	case NodeChildrenChanged:
		if i, ok := m.changed[e.Path]; ok {
			m.events[i].Type = 0
		}
		if m.changed == nil {
			m.changed = make(map[Path]int)
		}
		m.changed[e.Path] = len(m.events)
	case NodeDeleted:
		delete(m.changed, e.Path)
	}
	m.events = append(m.events, e)
}

// maxTold is how many a record can tell: one event fits, whoever watches it. A transaction of many events that very many
// sessions watch would take more time and memory than there is, on every member, and again at each start; of it there is no
// record, which ends the history like one that is too large for it.
const maxTold = MaxWatches

// maxToldKept bounds the room for Record.Told that is kept from transaction to transaction.
const maxToldKept = 64 << 10

// tell writes the transaction into the history, and to whom it is told: the sessions whose watches it fired.
func (m *Machine) tell(z Zxid) {
	if len(m.events) == 0 {
		return
	}
	r := &m.record
	r.Zxid, r.Told = z, r.Told[:0]
	r.Events = slices.DeleteFunc(m.events, func(e Event) bool { return e.Type == 0 })
	for i, e := range r.Events {
		if e.Type == SessionEnded {
			r.Told = append(r.Told, Told{m.ending, i})
		} else if m.sessions.NumWatches() > 0 {
			m.fire(i, e)
		}
	}
	if len(r.Told) > maxTold {
		m.history.skip(z)
	} else {
		slices.SortFunc(r.Told, compareTold)
		m.history.add(r)
	}
	if cap(r.Told) > maxToldKept {
		r.Told = nil
	}
}

func compareTold(a, b Told) int {
	return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Event, b.Event))
}

// fire finds the watches an event fires, and removes those that are one-shot. Once too many are told, it does no more than
// that.
func (m *Machine) fire(i int, e Event) {
	r := &m.record
	from, full := len(r.Told), len(r.Told) > maxTold
	var gone []*Watch
	for w := range m.sessions.WatchesAt(e.Path) {
		if full && !w.Mode.OneShot() {
			break // those that are come first
		}
		if w.Mode.firedBy(e.Type) {
			r.Told = append(r.Told, Told{w.Owner, i})
			if w.Mode.OneShot() {
				gone = append(gone, w)
			}
		}
	}
	if e.Type != NodeChildrenChanged && !full {
		m.fireAbove(i, e.Path)
	}
	if told := r.Told[from:]; len(told) > 1 { // each session once, whatever it has set
		slices.SortFunc(told, compareTold)
		r.Told = r.Told[:from+len(slices.Compact(told))]
	}
	m.fired += uint64(len(r.Told) - from)
	for _, w := range gone {
		m.drop(w)
	}
}

// fireAbove finds the recursive watches above a path.
func (m *Machine) fireAbove(i int, p Path) {
	for !p.IsRoot() {
		p = p.Parent()
		m.sessions.byPath.Ascend(&Watch{Path: p, Mode: PersistentRecursive}, func(w *Watch) bool {
			if w.Mode != PersistentRecursive || w.Path.String() != p.String() {
				return false
			}
			m.record.Told = append(m.record.Told, Told{w.Owner, i})
			return true
		})
	}
}
