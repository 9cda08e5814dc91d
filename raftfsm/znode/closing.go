package znode

import "strings"

// counts is how much a session has, kept beside the table because counting is a walk.
type counts struct{ ephemerals, watches int }

// change marks the table as different from the last State's.
func (m *Machine) changeSessions() *Sessions {
	m.sessionsView = nil
	m.dirty = true
	return m.sessions
}

func (m *Machine) countOf(o Owner) *counts {
	c := m.counts[o]
	if c == nil {
		c = &counts{}
		m.counts[o] = c
	}
	return c
}

// Lives says whether a session of that name is alive.
func (m *Machine) Lives(o Owner) bool { return m.sessions.Get(o) != nil }

// use notes that the session of the transaction changed something.
func (m *Machine) use(z Zxid) *Session {
	s := *m.session
	s.Used = z
	m.changeSessions().renew(&s)
	return &s
}

// openSession answers with the session in the result.
func (m *Machine) openSession(op *Op, z Zxid) OpResult {
	k := op.Session.Key
	if _, taken := m.sessions.keys.Get(keyed{key: k}); taken {
		return refused(BadArguments, Root, nil) // no id is used twice
	}
	if m.sessions.Len() >= MaxSessions {
		return refused(QuotaExceeded, Root, nil)
	}
	t := m.changeSessions()
	t.forget(m.now - TombstoneTime)
	s := &Session{Key: k, Owner: Owner(z), Timeout: op.Session.Timeout, Opened: m.now, Used: z}
	t.open(s)
	return OpResult{Session: s, Seal: op.Session.Seal}
}

// closeSession ends a session: its watches and its ephemerals go in the same transaction, and what watched them fires.
func (m *Machine) closeSession(op *Op, z Zxid) OpResult {
	so := op.Session
	if so.Term != 0 && so.Term != m.term {
		return refused(StaleTerm, Root, nil)
	}
	s := m.sessions.ByKey(so.Key)
	if so.Owner != 0 {
		s = m.sessions.Get(so.Owner)
	}
	switch {
	case s == nil:
		return refused(SessionExpired, Root, nil)
	case so.Term != 0 && s.Used > so.Used:
		return refused(SessionUsed, Root, nil)
	}
	t := m.changeSessions()
	var watches []*Watch
	for w := range t.Watches(s.Owner) {
		watches = append(watches, w)
	}
	for _, w := range watches {
		t.unwatch(w)
	}
	var paths []Path
	for p := range t.Ephemerals(s.Owner) {
		paths = append(paths, p)
	}
	for _, p := range paths {
		m.unlink(m.tree.Get(p), z, so.Reason)
	}
	m.event(Event{Type: SessionEnded, Cause: so.Reason})
	m.ending = s.Owner
	t.end(&Tombstone{Key: s.Key, Owner: s.Owner, Reason: so.Reason, Zxid: z, Time: m.now})
	t.forget(m.now - TombstoneTime)
	delete(m.counts, s.Owner)
	return OpResult{Session: s}
}

// addWatch sets a watch of the transaction's session and reads what it is about, in one step. A watch that is there
// already changes nothing.
func (m *Machine) addWatch(op *Op) OpResult {
	n, mode := m.tree.Get(op.Path), op.Session.Watch
	if n == nil && (mode == DataWatch || mode == ChildrenWatch) {
		return refused(NoNode, op.Path, nil)
	}
	w := &Watch{Path: Path{strings.Clone(op.Path.String())}, Mode: mode, Owner: m.session.Owner}
	c := m.countOf(w.Owner)
	if _, there := m.sessions.byOwner.Get(w); !there {
		if c.watches >= MaxSessionWatches || m.sessions.NumWatches() >= MaxWatches {
			return refused(QuotaExceeded, op.Path, n)
		}
		m.changeSessions().watch(w)
		c.watches++
	}
	r := OpResult{Node: n}
	if mode == ChildrenWatch {
		r.Tree = m.tree.Copy()
	}
	return r
}

func (m *Machine) removeWatch(op *Op) OpResult {
	var found []*Watch
	m.sessions.byOwner.Ascend(&Watch{Owner: m.session.Owner, Path: op.Path}, func(w *Watch) bool {
		if w.Owner != m.session.Owner || w.Path.String() != op.Path.String() {
			return false
		}
		if w.Mode == op.Session.Watch || op.Session.Watch == AnyWatch {
			found = append(found, w)
		}
		return true
	})
	if len(found) == 0 {
		return refused(NoWatch, op.Path, nil)
	}
	for _, w := range found {
		m.drop(w)
	}
	return OpResult{}
}

// drop takes a watch out of the table.
func (m *Machine) drop(w *Watch) {
	if m.changeSessions().unwatch(w) {
		m.countOf(w.Owner).watches--
	}
}
