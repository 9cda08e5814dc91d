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
	case CheckSession:
		return m.checkSession(op)
	case Get, Children, Exists:
		return m.read(op)
	case Load:
		return m.load(op, z)
	case Raise:
		return m.raise(op, z)
	case Reap:
		return m.reap(op, z)
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
	if parent == nil && op.Parents {
		var r OpResult
		if parent, r = m.createParents(p.Parent(), z); parent == nil {
			return r
		}
	}
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
	n := m.fresh(p, op.Data, z)
	switch {
	case op.Mode.Ephemeral():
		if m.countOf(m.session.Owner).ephemerals >= MaxSessionEphemerals {
			return refused(QuotaExceeded, p, nil)
		}
		n.more = &more{pzxid: z, owner: m.session.Owner}
	case op.Mode == Container:
		n.more = &more{pzxid: z, ttl: isContainer}
	case op.Mode.HasTTL():
		n.more = &more{pzxid: z, ttl: op.TTL}
	}
	m.link(n, parent, z)
	return OpResult{Node: n, Created: true}
}

// fresh is a znode that is made now.
func (m *Machine) fresh(p Path, data string, z Zxid) *Node {
	n := newNode(p, data)
	n.czxid, n.mzxid, n.ctime, n.mtime = z, z, m.now, m.now
	return n
}

// link puts a fresh znode below its parent.
func (m *Machine) link(n, parent *Node, z Zxid) {
	m.put(n)
	m.put(parent.withChild(+1, z, m.now))
	m.event(Event{Type: NodeCreated, Path: n.Path()})
	m.event(Event{Type: NodeChildrenChanged, Path: parent.Path()})
}

// createParents makes p, which does not exist, and what it needs above it. It gives p, or the refusal.
func (m *Machine) createParents(p Path, z Zxid) (*Node, OpResult) {
	missing := []Path{p}
	above := m.tree.Get(p.Parent())
	for ; above == nil; above = m.tree.Get(p.Parent()) {
		p = p.Parent()
		missing = append(missing, p)
	}
	if above.Owner() != 0 {
		return nil, refused(NoChildrenForEphemerals, above.Path(), above)
	}
	if m.parents += len(missing); m.parents > MaxParents {
		return nil, refused(TooLarge, missing[0], nil)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		n := m.fresh(missing[i], "", z)
		m.link(n, above, z)
		above = n
	}
	return above, OpResult{}
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
	case op.Recursive:
		return m.deleteTree(n, z)
	case n.NumChildren() > 0:
		return refused(NotEmpty, op.Path, n)
	}
	m.unlink(n, z, 0)
	return OpResult{Node: n, Deleted: 1}
}

// deleteTree deletes n and all below, what is deepest first, as if each had been deleted by an op of its own.
func (m *Machine) deleteTree(n *Node, z Zxid) OpResult {
	room := MaxTreeDelete - m.deleted
	var all []*Node
	for d := range m.tree.Subtree(n.Path()) {
		if len(all) == room {
			return refused(TooLarge, n.Path(), n)
		}
		all = append(all, d)
	}
	m.deleted += len(all)
	// Backwards, every znode comes before its parent. Parents that go as well need not be told of their children.
	for i := len(all) - 1; i > 0; i-- {
		p := all[i].Path()
		m.remove(all[i])
		m.event(Event{Type: NodeDeleted, Path: p})
		m.event(Event{Type: NodeChildrenChanged, Path: p.Parent()})
	}
	m.unlink(n, z, 0)
	return OpResult{Node: n, Deleted: len(all)}
}

// unlink deletes a leaf, because a session ended or, with no cause, because somebody asked for it.
func (m *Machine) unlink(n *Node, z Zxid, cause Reason) {
	p := n.Path()
	m.remove(n)
	m.put(m.tree.Get(p.Parent()).withChild(-1, z, m.now))
	m.event(Event{Type: NodeDeleted, Path: p, Cause: cause})
	m.event(Event{Type: NodeChildrenChanged, Path: p.Parent()})
}

// reap deletes a znode whose time has come. Whether it has is judged here, by the time of the log.
func (m *Machine) reap(op *Op, z Zxid) OpResult {
	n := m.tree.Get(op.Path)
	switch {
	case n == nil:
		return refused(NoNode, op.Path, nil)
	case n.NumChildren() > 0:
		return refused(NotEmpty, op.Path, n)
	case !n.fits(op.If):
		return refused(BadVersion, op.Path, n)
	}
	if due, ok := n.Due(); !ok || due > m.now {
		return refused(BadVersion, op.Path, n)
	}
	m.unlink(n, z, 0)
	return OpResult{Node: n, Deleted: 1}
}

func (m *Machine) checkSession(op *Op) OpResult {
	if o := op.Session.Owner; o != 0 && m.sessions.Get(o) == nil {
		return refused(SessionExpired, Root, nil)
	}
	return OpResult{}
}

// read answers the ops that read, as long as there is room for what they give.
func (m *Machine) read(op *Op) OpResult {
	n := m.tree.Get(op.Path)
	r := OpResult{Node: n}
	switch {
	case n == nil && op.Kind == Exists:
		return r
	case n == nil:
		return refused(NoNode, op.Path, nil)
	case op.Kind == Get:
		m.given += len(n.Data())
	case op.Kind == Children:
		// Names are not counted in bytes before it is certain that they are few.
		if left := int64(m.givable - m.given); n.NumChildren() <= left {
			for c := range m.tree.Children(op.Path, "") {
				if m.given += len(c.Name()) + nameOverhead; m.given > m.givable {
					break
				}
			}
			r.Tree = m.tree.Copy()
		} else {
			m.given = m.givable + 1
		}
	}
	if m.given > m.givable {
		return refused(TooLarge, op.Path, n)
	}
	return r
}

// nameOverhead is what a name in a list costs beside its bytes.
const nameOverhead = 32

// load makes a znode as it was in an export. What cannot be is left alone, and said.
func (m *Machine) load(op *Op, z Zxid) OpResult {
	n := m.tree.Get(op.Path)
	if n == nil {
		parent := m.tree.Get(op.Path.Parent())
		if parent == nil || parent.Owner() != 0 {
			return OpResult{Path: op.Path, Loaded: LoadedNot}
		}
		r := m.create(op, z)
		r.Loaded = LoadedNew
		return r
	}
	switch {
	case op.Path.IsRoot() && n.Data() != op.Data && op.Replace,
		n.Mode() == op.Mode && n.TTL() == op.TTL && n.Data() != op.Data && op.Replace:
		r := m.setData(op, n, z)
		r.Loaded = LoadedOver
		return r
	case n.Data() == op.Data && (op.Path.IsRoot() || n.Mode() == op.Mode && n.TTL() == op.TTL):
		return OpResult{Node: n, Loaded: LoadedSame}
	}
	return OpResult{Node: n, Loaded: LoadedKept}
}

// raise lifts a znode's count of children ever created.
func (m *Machine) raise(op *Op, z Zxid) OpResult {
	n := m.tree.Get(op.Path)
	if n == nil || n.Owner() != 0 || n.nextNumber() >= op.Created {
		return OpResult{Node: n}
	}
	n = n.withCreated(op.Created, z, m.now)
	m.put(n)
	m.event(Event{Type: NodeChildrenChanged, Path: op.Path})
	return OpResult{Node: n}
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
