package znode

// step carries out one op at zxid z. The order in which refusals are looked for is ZooKeeper's (PrepRequestProcessor):
// arguments, parent, path, existence, version, children.
func (m *Machine) step(op *Op, z Zxid) OpResult {
	switch op.Kind {
	case Create:
		return m.create(op, z)
	case Put:
		if n := m.tree.Get(op.Path); n != nil {
			return m.setData(op, n, z)
		}
		return m.create(op, z)
	case Set:
		if n := m.tree.Get(op.Path); n != nil {
			return m.setData(op, n, z)
		}
		return refused(NoNode, op.Path, nil)
	case Delete:
		return m.delete(op, z)
	case Check:
		return m.check(op)
	case OpenSession:
		return m.openSession(op, z)
	case CloseSession:
		return m.closeSession(op, z)
	case AddWatch:
		return m.addWatch(op)
	case RemoveWatch:
		return m.removeWatch(op)
	}
	// The command was decoded and validated: this is a bug, and going on would let members differ.
	panic("znode: apply of an unknown kind of op: " + op.Kind.String())
}

func refused(c Code, p Path, n *Node) OpResult { return OpResult{Code: c, Path: p, Node: n} }

func (m *Machine) create(op *Op, z Zxid) OpResult {
	p := op.Path
	if p.IsRoot() && !op.Mode.Sequential() {
		return refused(NodeExists, p, m.tree.Get(p))
	}
	parent := m.tree.Get(p.Parent())
	if parent == nil {
		return refused(NoNode, p.Parent(), nil)
	}
	if op.Mode.Sequential() {
		p = op.Prefix().Numbered(parent.nextNumber())
	}
	if n := m.tree.Get(p); n != nil {
		return refused(NodeExists, p, n)
	}
	if parent.Owner() != 0 {
		return refused(NoChildrenForEphemerals, parent.Path(), parent)
	}
	n := newNode(p, op.Data)
	n.czxid, n.mzxid, n.ctime, n.mtime = z, z, m.now, m.now
	if op.Mode.Ephemeral() {
		if m.countOf(m.session.Owner).ephemerals >= MaxSessionEphemerals {
			return refused(QuotaExceeded, p, nil)
		}
		n.more = &more{pzxid: z, owner: m.session.Owner}
	}
	m.put(n)
	m.put(parent.withChild(+1, z))
	m.event(Event{Type: NodeCreated, Path: p})
	m.event(Event{Type: NodeChildrenChanged, Path: parent.Path()})
	return OpResult{Node: n, Created: true}
}

func (m *Machine) setData(op *Op, n *Node, z Zxid) OpResult {
	if !n.fits(op.If) {
		return refused(BadVersion, op.Path, n)
	}
	n = n.withData(op.Data, z, m.now)
	m.put(n)
	m.event(Event{Type: NodeDataChanged, Path: op.Path})
	return OpResult{Node: n}
}

func (m *Machine) delete(op *Op, z Zxid) OpResult {
	if op.Path.IsRoot() {
		return refused(BadArguments, op.Path, nil)
	}
	n := m.tree.Get(op.Path)
	switch {
	case n == nil:
		return refused(NoNode, op.Path, nil)
	case !n.fits(op.If):
		return refused(BadVersion, op.Path, n)
	case n.NumChildren() > 0:
		return refused(NotEmpty, op.Path, n)
	}
	m.unlink(n, z, 0)
	return OpResult{Node: n}
}

// unlink deletes a leaf, because a session ended or, with no cause, because somebody asked for it.
func (m *Machine) unlink(n *Node, z Zxid, cause Reason) {
	p := n.Path()
	m.remove(n)
	m.put(m.tree.Get(p.Parent()).withChild(-1, z))
	m.event(Event{Type: NodeDeleted, Path: p, Cause: cause})
	m.event(Event{Type: NodeChildrenChanged, Path: p.Parent()})
}

func (m *Machine) check(op *Op) OpResult {
	n := m.tree.Get(op.Path)
	switch {
	case op.Absent && n != nil:
		return refused(NodeExists, op.Path, n)
	case op.Absent:
		return OpResult{}
	case n == nil:
		return refused(NoNode, op.Path, nil)
	case !n.fits(op.If):
		return refused(BadVersion, op.Path, n)
	}
	return OpResult{Node: n}
}
