package znode

// Machine is the replicated state, changed by one goroutine. Readers use the States it gives out.
type Machine struct {
	tree *Tree
	zxid Zxid
	time int64 // of the last transaction that changed anything
	now  int64 // of the next, never less
	undo []change
}

// State is the machine after some transaction. It never changes.
type State struct {
	// Zxid of the last transaction that changed anything.
	Zxid Zxid
	// Time of that transaction, ms since the Unix epoch: never going back. What changes nothing does not move it, so that
	// members at the same zxid have the same state to the byte, however much of the log after it they have seen.
	Time int64
	Tree *Tree
}

// change is one step of a transaction, as needed to take it back: node replaced old, or was made where old is nil, or
// was deleted where node is nil.
type change struct{ node, old *Node }

// NewMachine is the state before the first transaction: a tree of the root alone, at zxid 0.
func NewMachine() *Machine { return &Machine{tree: newTree()} }

// FromState is a machine that goes on from s.
func FromState(s *State) *Machine {
	return &Machine{tree: s.Tree.Copy(), zxid: s.Zxid, time: s.Time, now: s.Time}
}

// State is the machine now, O(1).
func (m *Machine) State() *State { return &State{Zxid: m.zxid, Time: m.time, Tree: m.tree.Copy()} }

// Zxid is that of the last transaction that changed anything.
func (m *Machine) Zxid() Zxid { return m.zxid }

// Advance says what time the transactions that follow have; in a state that is later already, that.
func (m *Machine) Advance(now int64) { m.now = max(m.time, now) }

// Apply carries out a transaction: every op, or none and the reason.
func (m *Machine) Apply(txn *Txn) *Result {
	r := newResult(len(txn.Ops))
	m.undo = m.undo[:0]
	z := m.zxid + 1
	for i := range txn.Ops {
		r.Ops = append(r.Ops, m.step(&txn.Ops[i], z))
		if r.Ops[i].Code != OK {
			m.rollBack()
			r.refuse(len(txn.Ops))
			break
		}
	}
	if len(m.undo) > 0 {
		m.zxid, m.time = z, m.now
		clear(m.undo) // or it would keep replaced znodes alive
	}
	r.Zxid = m.zxid
	return r
}

// put makes n the znode at its path.
func (m *Machine) put(n *Node) { m.undo = append(m.undo, change{n, m.tree.set(n)}) }

// remove takes n out of the tree.
func (m *Machine) remove(n *Node) {
	m.tree.remove(n)
	m.undo = append(m.undo, change{nil, n})
}

// rollBack takes back what the transaction did, last step first.
func (m *Machine) rollBack() {
	for i := len(m.undo) - 1; i >= 0; i-- {
		if c := m.undo[i]; c.old != nil {
			m.tree.set(c.old)
		} else {
			m.tree.remove(c.node)
		}
	}
	clear(m.undo)
	m.undo = m.undo[:0]
}
