package znode

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// MaxRestoredZxid bounds the zxid of a state to be restored: what follows it must have room.
const MaxRestoredZxid Zxid = math.MaxInt64 / 2

// ErrNotRestorable says that nothing could go on from a state.
var ErrNotRestorable = errors.New("not a state to go on from")

// Restorable says whether Restore can go on from s; else the error wraps ErrNotRestorable.
func (s *State) Restorable() error {
	if s.Zxid > MaxRestoredZxid || s.Time > math.MaxInt64/2 {
		return fmt.Errorf("%w: its zxid is %d and its time %d", ErrNotRestorable, s.Zxid, s.Time)
	}
	return nil
}

// Restore puts the tree of a backup, which must be Restorable, in the place of the machine's, as one transaction. It gives the sessions that ended by
// it.
//
// The zxid is one more than that of the machine and that of the backup, and the time no less than either's. All sessions end, and with
// them their ephemerals and watches: those of the backup without a trace, those of the machine as if they had been killed. There
// is no history of it, nor are outcomes kept from before.
//
// Where the machine has gone on from what the backup holds, every znode that is not as it was just before counts as made by the restore, with
// its zxid: a tag that was given for what it was since the backup was taken must not fit what it is now.
func (m *Machine) Restore(s *State) (ended []*Session) {
	z, now := max(m.zxid, s.Zxid)+1, max(m.now, s.Time)
	tree := s.Tree.Copy()
	tree.dropEphemerals(s.Sessions, z, now)
	if m.zxid > s.Zxid {
		tree = tree.madeSince(m.tree, z)
	}
	table := newSessions()
	for _, t := range m.sessions.endings {
		table.bury(t)
	}
	for n := range m.sessions.All(0) {
		ended = append(ended, n)
		table.bury(&Tombstone{Key: n.Key, Owner: n.Owner, Reason: Killed, Zxid: z, Time: now})
	}
	table.forget(now - TombstoneTime)
	m.begin()
	clear(m.undo)
	m.tree, m.sessions, m.sessionsView, m.counts = tree, table, nil, make(map[Owner]*counts)
	m.zxid, m.time, m.now = z, now, now
	m.outcomes = Outcomes{}
	m.index = m.outcomes.index()
	m.history.skip(z)
	m.history.restored = z
	return ended
}

// Empty says whether there is nothing but the root.
func (m *Machine) Empty() bool { return m.tree.Len() == 1 }

// Now is the time of the next transaction, ms since the Unix epoch.
func (m *Machine) Now() int64 { return m.now }

// dropEphemerals takes out what belongs to sessions, in a transaction of its own.
func (t *Tree) dropEphemerals(of *Sessions, z Zxid, now int64) {
	gone := make(map[Path]int) // from the same parent
	of.ephemerals.Scan(func(e ephemeral) bool {
		t.remove(t.Get(e.path))
		gone[e.path.Parent()]++
		return true
	})
	byText := func(a, b Path) int { return strings.Compare(a.String(), b.String()) }
	for _, p := range slices.SortedFunc(maps.Keys(gone), byText) {
		t.set(t.Get(p).withoutChildren(uint64(gone[p]), z, now))
	}
}

// withoutChildren is the znode after so many children were deleted at once.
func (n *Node) withoutChildren(gone uint64, z Zxid, now int64) *Node {
	c, m := *n, *n.more
	m.pzxid = z
	m.children -= gone
	m.empty(now)
	c.more = &m
	return &c
}

// madeSince is the tree with every znode that is not the same in the tree before made at z. The numbers of sequential children go on
// from wherever they were.
func (t *Tree) madeSince(before *Tree, z Zxid) *Tree {
	out := emptyTree()
	was := before.nodes.Iter()
	defer was.Release()
	more := was.First()
	for n := range t.All() {
		for more && nodeLess(was.Item(), n) {
			more = was.Next()
		}
		var old *Node
		if more && !nodeLess(n, was.Item()) {
			old = was.Item()
		}
		out.load(n.madeSince(old, z))
	}
	return out
}

// madeSince is n if it is the same as old, which is nil where there was none, else n made at z.
func (n *Node) madeSince(old *Node, z Zxid) *Node {
	if old != nil && n.same(old) {
		return n
	}
	number := n.nextNumber()
	if old != nil {
		number = max(number, old.nextNumber())
	}
	c := *n
	c.czxid, c.mzxid = z, z
	if n.more != nil || number > 0 {
		var m more
		if n.more != nil {
			m = *n.more
		}
		m.pzxid, m.created = z, number
		c.more = &m
	}
	return &c
}

// same says whether two znodes differ in nothing.
func (n *Node) same(o *Node) bool {
	a, b := *n, *o
	a.more, b.more = nil, nil
	if a != b || (n.more == nil) != (o.more == nil) {
		return false
	}
	return n.more == nil || *n.more == *o.more
}
