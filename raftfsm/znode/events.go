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
	slices.SortFunc(r.Told, func(a, b Told) int { return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Event, b.Event)) })
	r.Told = slices.Compact(r.Told)
	m.history.add(r)
}

// fire finds the watches an event fires, and removes those that are one-shot.
func (m *Machine) fire(i int, e Event) {
	var gone []*Watch
	for w := range m.sessions.WatchesAt(e.Path) {
		if w.Mode.firedBy(e.Type) {
			m.record.Told = append(m.record.Told, Told{w.Owner, i})
			if w.Mode.OneShot() {
				gone = append(gone, w)
			}
		}
	}
	if e.Type != NodeChildrenChanged {
		for p := e.Path; !p.IsRoot(); {
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
	for _, w := range gone {
		m.drop(w)
	}
}
