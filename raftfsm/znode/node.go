package znode

import "strings"

// Node is a znode at some zxid. It never changes: a change makes a new Node, so readers need no lock.
//
// A million of them must be small: path and data share one string, and what most znodes never have is behind one
// pointer. Children are not in the node: they are neighbours in the tree.
type Node struct {
	text    string // the path, then the data
	more    *more  // nil for a znode that never had children, ACL or owner
	czxid   Zxid
	mzxid   Zxid
	ctime   int64
	mtime   int64
	version int64
	pathLen uint16
	nameAt  uint16 // where in text the last name begins
}

// more is the part of a znode that leaves do without. Like the Node, it never changes.
type more struct {
	pzxid    Zxid
	created  uint64 // children ever created
	children uint64 // children now
	aversion int64
	owner    Owner // of an ephemeral
	ttl      int64 // ms; containers have isContainer
	emptied  int64 // when a container lost its last child, ms since the Unix epoch; 0 if it never did
}

// isContainer in the place of a TTL marks a container.
const isContainer = -1

// Stat is what is known about a znode besides its data, as ZooKeeper's. Times are ms since the Unix epoch.
type Stat struct {
	Version        int64  // changes of the data
	Cversion       int64  // children created and deleted
	Aversion       int64  // changes of the ACL
	Czxid          Zxid   // of the create
	Mzxid          Zxid   // of the last change of the data
	Pzxid          Zxid   // of the last create or delete of a child
	Ctime          int64  // of the create
	Mtime          int64  // of the last change of the data
	EphemeralOwner string // public name of the session, "" if none
	DataLength     int64  // bytes
	NumChildren    int64
}

// newNode copies path and data, so that it keeps nothing of a larger buffer alive.
func newNode(p Path, data string) *Node {
	path := p.String()
	var b strings.Builder
	b.Grow(len(path) + len(data))
	b.WriteString(path)
	b.WriteString(data)
	return &Node{text: b.String(), pathLen: uint16(len(path)), nameAt: uint16(strings.LastIndexByte(path, '/') + 1)}
}

// Path is where the znode is.
func (n *Node) Path() Path { return Path{n.text[:n.pathLen]} }

// Name is its last name; the root's is "".
func (n *Node) Name() string { return n.text[n.nameAt:n.pathLen] }

// Data is its data.
func (n *Node) Data() string { return n.text[n.pathLen:] }

// Version is the version of its data.
func (n *Node) Version() int64 { return n.version }

// Czxid is the zxid that created it.
func (n *Node) Czxid() Zxid { return n.czxid }

// Cversion is the version of its children: how many were ever created and deleted.
func (n *Node) Cversion() int64 {
	if n.more == nil {
		return 0
	}
	return int64(2*n.more.created - n.more.children)
}

// NumChildren is how many children it has.
func (n *Node) NumChildren() int64 {
	if n.more == nil {
		return 0
	}
	return int64(n.more.children)
}

// Stat is its stat.
func (n *Node) Stat() Stat {
	s := Stat{
		Version: n.version, Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.czxid, Ctime: n.ctime, Mtime: n.mtime,
		DataLength: int64(len(n.text)) - int64(n.pathLen),
	}
	if m := n.more; m != nil {
		s.Pzxid, s.Cversion, s.Aversion, s.NumChildren = m.pzxid, n.Cversion(), m.aversion, int64(m.children)
		s.EphemeralOwner = m.owner.String()
	}
	return s
}

// Owner is the session an ephemeral znode goes with, 0 of any other.
func (n *Node) Owner() Owner {
	if n.more == nil {
		return 0
	}
	return n.more.owner
}

// Mode is what kind of znode it is. That its name was sequential is not remembered.
func (n *Node) Mode() Mode {
	switch m := n.more; {
	case m == nil:
		return Persistent
	case m.owner != 0:
		return Ephemeral
	case m.ttl == isContainer:
		return Container
	case m.ttl > 0:
		return PersistentWithTTL
	}
	return Persistent
}

// TTL is its time to live in ms, 0 if it has none.
func (n *Node) TTL() int64 {
	if n.more == nil || n.more.ttl < 0 {
		return 0
	}
	return n.more.ttl
}

// Created is how many children were ever created.
func (n *Node) Created() uint64 { return n.nextNumber() }

// Due is when the znode goes if nothing happens to it, in ms since the Unix epoch; ok is false if it stays. A container goes
// ContainerLinger after it lost its last child, or if it was not used for ContainerGrace; a znode with a TTL when it has no children and its
// data was not set for that long (ZooKeeper's ContainerManager).
func (n *Node) Due() (due int64, ok bool) {
	switch m := n.more; {
	case m == nil || m.ttl == 0 || m.children > 0:
		return 0, false
	case m.ttl > 0:
		return n.mtime + m.ttl, true
	case m.created > 0:
		return m.emptied + ContainerLinger, true
	default:
		return n.ctime + ContainerGrace, true
	}
}

// dir is the path of the directory it lives in, as the tree orders by it: "" for the root and its children.
func (n *Node) dir() string {
	if n.nameAt == 0 {
		return ""
	}
	return n.text[:n.nameAt-1]
}

// fits says whether one of the tags names this znode at this version. No tags fit every znode.
func (n *Node) fits(tags []Tag) bool {
	for _, t := range tags {
		if t.Version == n.version && (t.Czxid == 0 || t.Czxid == n.czxid) {
			return true
		}
	}
	return len(tags) == 0
}

// withData is the znode after its data was set in a transaction.
func (n *Node) withData(data string, z Zxid, now int64) *Node {
	c := newNode(n.Path(), data)
	c.more, c.czxid, c.ctime = n.more, n.czxid, n.ctime
	c.version, c.mzxid, c.mtime = n.version+1, z, now
	return c
}

// withChild is the znode after one child was created (+1) or deleted (-1).
func (n *Node) withChild(delta int, z Zxid, now int64) *Node {
	c, m := *n, more{}
	if n.more != nil {
		m = *n.more
	}
	m.pzxid = z
	if delta > 0 {
		m.created++
		m.children++
	} else {
		m.children--
		m.empty(now)
	}
	c.more = &m
	return &c
}

// empty notes when a container came to have no children.
func (m *more) empty(now int64) {
	if m.ttl == isContainer && m.children == 0 {
		m.emptied = now
	}
}

// withCreated is the znode after its number of children ever created was raised.
func (n *Node) withCreated(created uint64, z Zxid, now int64) *Node {
	c, m := *n, more{}
	if n.more != nil {
		m = *n.more
	}
	m.created, m.pzxid = created, z
	m.empty(now)
	c.more = &m
	return &c
}

// nextNumber is the number of the next sequential child: how many children were ever created.
func (n *Node) nextNumber() uint64 {
	if n.more == nil {
		return 0
	}
	return n.more.created
}
