package znode

import "slices"

// Machine is the replicated state, changed by one goroutine. Readers use the States it gives out.
type Machine struct {
	tree     *Tree
	sessions *Sessions
	history  History
	zxid     Zxid
	time     int64 // of the last transaction that changed anything
	now      int64 // of the next, never less
	term     uint64

	outcomes     Outcomes
	index        outcomeIndex
	sessionsView *Sessions // the copy in the last State; nil once it is out of date
	counts       map[Owner]*counts
	fired        uint64 // watches of sessions, since the machine was made; no part of the state

	// Of the transaction under way.
	session *Session // it belongs to; nil if to none
	dirty   bool     // whether it changed anything
	undo    []change
	events  []Event
	changed map[Path]int // parents to the index of their NodeChildrenChanged
	ending  Owner        // the session it ends
	record  Record       // room for what becomes of the events
	body    []byte       // room for its outcome
	deleted int          // znodes that recursive deletes took
	parents int          // missing parents that were made
	given   int          // bytes that reads gave
	givable int          // and may give
}

// State is the machine after some transaction. It never changes.
type State struct {
	// Zxid of the last transaction that changed anything.
	Zxid Zxid
	// Time of that transaction, ms since the Unix epoch: never going back. What changes nothing does not move it, so that
	// members at the same zxid have the same state to the byte, however much of the log after it they have seen.
	Time int64
	Tree *Tree
	// Sessions are those that are alive, and what is left of others.
	Sessions *Sessions
	// History is what the last transactions did.
	History History
	// Outcomes are how the last transactions with an Idempotency-Key ended.
	Outcomes Outcomes
}

// change is one step of a transaction, as needed to take it back: node replaced old, or was made where old is nil, or
// was deleted where node is nil.
type change struct{ node, old *Node }

// NewMachine is the state before the first transaction: a tree of the root alone, at zxid 0.
func NewMachine() *Machine {
	m := &Machine{tree: newTree(), sessions: newSessions(), counts: make(map[Owner]*counts)}
	m.index = m.outcomes.index()
	return m
}

// FromState is a machine that goes on from s.
func FromState(s *State) *Machine {
	m := &Machine{
		tree: s.Tree.Copy(), sessions: s.Sessions.Copy(), history: s.History.clip(), zxid: s.Zxid, time: s.Time, now: s.Time,
		outcomes: s.Outcomes.clip(), counts: make(map[Owner]*counts),
	}
	m.index = m.outcomes.index()
	m.sessions.endings = slices.Clip(m.sessions.endings)
	m.sessions.ephemerals.Scan(func(e ephemeral) bool { m.countOf(e.owner).ephemerals++; return true })
	m.sessions.byOwner.Scan(func(w *Watch) bool { m.countOf(w.Owner).watches++; return true })
	return m
}

// State is the machine now, O(1).
func (m *Machine) State() *State {
	if m.sessionsView == nil {
		m.sessionsView = m.sessions.Copy()
	}
	return &State{Zxid: m.zxid, Time: m.time, Tree: m.tree.Copy(), Sessions: m.sessionsView, History: m.history, Outcomes: m.outcomes}
}

// Zxid is that of the last transaction that changed anything.
func (m *Machine) Zxid() Zxid { return m.zxid }

// Fired is how often watches of sessions have fired since the machine was made: for each event once for every session that it is told.
func (m *Machine) Fired() uint64 { return m.fired }

// Advance says what time the transactions that follow have, in a state that is later already, that; and the term of the
// entry they are in.
func (m *Machine) Advance(now int64, term uint64) { m.now, m.term = max(m.time, now), term }

// Apply carries out a transaction: every op, or none and the reason. One whose outcome is kept is not carried out again.
func (m *Machine) Apply(txn *Txn) *Result {
	m.begin()
	m.givable = MaxReadBytes
	if txn.Once != nil {
		if kept, ok := m.keptOutcome(txn.Once.Key); ok {
			return m.replay(txn, kept)
		}
		m.givable = MaxKeptReadBytes
	}
	z := m.zxid + 1
	r := m.run(txn, z)
	if m.dirty || txn.Once != nil {
		m.zxid, m.time = z, m.now
		if m.session != nil {
			r.Session = m.use(z)
		}
	}
	r.Zxid = m.zxid
	if txn.Once != nil {
		m.keep(txn, r)
	}
	if m.dirty {
		m.tell(z)
		clear(m.undo) // or it would keep replaced znodes alive
		clear(m.events)
	}
	return r
}

// run carries out the ops, and takes back what it did if one is refused.
func (m *Machine) run(txn *Txn, z Zxid) *Result {
	r := newResult(len(txn.Ops))
	if txn.Session != nil {
		if m.session = m.sessions.ByKey(*txn.Session); m.session == nil {
			r.SessionOver = true
			r.Ops = append(r.Ops, refused(SessionExpired, txn.Ops[0].Path, nil))
			r.refuse(len(txn.Ops))
			return r
		}
		r.Session = m.session
	}
	for i := range txn.Ops {
		r.Ops = append(r.Ops, m.step(&txn.Ops[i], z))
		if r.Ops[i].Code != OK {
			m.rollBack()
			r.refuse(len(txn.Ops))
			break
		}
	}
	return r
}

// begin clears what is of one transaction.
func (m *Machine) begin() {
	m.session, m.dirty, m.undo, m.events, m.ending = nil, false, m.undo[:0], m.events[:0], 0
	m.deleted, m.parents, m.given = 0, 0, 0
	if len(m.changed) > maxChangedKept {
		m.changed = nil
	}
	clear(m.changed)
}

// maxChangedKept bounds the room of Machine.changed that is kept from transaction to transaction: clearing a map takes as
// long as it ever was large.
const maxChangedKept = 64

// put makes n the znode at its path.
func (m *Machine) put(n *Node) {
	old := m.tree.set(n)
	m.undo = append(m.undo, change{n, old})
	m.dirty = true
	if o := n.Owner(); o != 0 && old == nil {
		m.own(o, n.Path())
	}
}

// remove takes n out of the tree.
func (m *Machine) remove(n *Node) {
	m.tree.remove(n)
	m.undo = append(m.undo, change{nil, n})
	m.dirty = true
	if o := n.Owner(); o != 0 {
		m.disown(o, n.Path())
	}
}

// own makes a path an ephemeral of a session, in the table.
func (m *Machine) own(o Owner, p Path) {
	m.changeSessions().addEphemeral(o, p)
	m.countOf(o).ephemerals++
}

// disown is the opposite of own.
func (m *Machine) disown(o Owner, p Path) {
	m.changeSessions().removeEphemeral(o, p)
	m.countOf(o).ephemerals--
}

// rollBack takes back what the transaction did, last step first.
func (m *Machine) rollBack() {
	for i := len(m.undo) - 1; i >= 0; i-- {
		c := m.undo[i]
		if c.old != nil {
			m.tree.set(c.old)
		} else {
			m.tree.remove(c.node)
		}
		switch {
		case c.old == nil && c.node.Owner() != 0:
			m.disown(c.node.Owner(), c.node.Path())
		case c.node == nil && c.old.Owner() != 0:
			m.own(c.old.Owner(), c.old.Path())
		}
	}
	clear(m.undo)
	clear(m.events)
	m.events = m.events[:0]
	m.dirty = false
}
