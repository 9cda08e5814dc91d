package znode

import (
	"iter"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// degree of the B-tree; 16 to 32 was measured best for batches of writes.
const degree = 32

// Tree is an ordered set of znodes by (directory, name), so that the children of one znode are neighbours, sorted.
// Copy is O(1) and shares what is not changed afterwards: one goroutine may change a tree while any number read its copies.
type Tree struct {
	nodes *btree.BTreeG[*Node]
	bytes int64                // of all data
	sum   uint64               // of the hashes of all znodes
	due   *btree.BTreeG[dueAt] // those that go of themselves; nil before the first
}

// dueAt is when a znode goes of itself.
type dueAt struct {
	due int64
	n   *Node
}

// pivots are nodes used only to search with; the B-tree's comparison makes them escape.
var pivots = sync.Pool{New: func() any { return new(Node) }}

// newTree is a tree that has only the root, made at zxid 0.
func newTree() *Tree {
	t := emptyTree()
	t.set(newNode(Root, ""))
	return t
}

func emptyTree() *Tree {
	return &Tree{nodes: btree.NewBTreeGOptions(nodeLess, btree.Options{NoLocks: true, Degree: degree})}
}

// nodeLess orders by directory, then name. The root comes first: its directory and name are empty.
func nodeLess(a, b *Node) bool {
	if a.nameAt == b.nameAt { // directories of one length: the paths compare alike, in one pass
		return a.text[:a.pathLen] < b.text[:b.pathLen]
	}
	if c := strings.Compare(a.dir(), b.dir()); c != 0 {
		return c < 0
	}
	return a.Name() < b.Name()
}

// Get is the znode at p, or nil.
func (t *Tree) Get(p Path) *Node {
	path := p.String()
	pivot := pivots.Get().(*Node)
	pivot.text, pivot.pathLen, pivot.nameAt = path, uint16(len(path)), uint16(strings.LastIndexByte(path, '/')+1)
	n, _ := t.nodes.Get(pivot)
	pivot.text = ""
	pivots.Put(pivot)
	return n
}

// Children yields the children of p whose names are greater than after, sorted by name.
func (t *Tree) Children(p Path, after string) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		dir := p.String()
		if p.IsRoot() {
			dir = ""
		}
		// The name "" is nobody's but the root's, and is skipped below.
		path := dir + "/" + after
		pivot := &Node{text: path, pathLen: uint16(len(path)), nameAt: uint16(len(dir) + 1)}
		t.nodes.Ascend(pivot, func(n *Node) bool {
			if n.dir() != dir {
				return false
			}
			if n.Name() == after {
				return true
			}
			return yield(n)
		})
	}
}

// All yields every znode, the root first and parents before their children's directory is reached in path order of
// directories.
func (t *Tree) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { t.nodes.Scan(yield) }
}

// Len is how many znodes there are, the root included.
func (t *Tree) Len() int { return t.nodes.Len() }

// Bytes is how many bytes of data they hold together.
func (t *Tree) Bytes() int64 { return t.bytes }

// Copy is the tree as it is now.
func (t *Tree) Copy() *Tree {
	c := &Tree{nodes: t.nodes.Copy(), bytes: t.bytes, sum: t.sum}
	if t.due != nil {
		c.due = t.due.Copy()
	}
	return c
}

// Due yields the znodes that go by then if nothing happens to them, those first whose time comes first.
func (t *Tree) Due(now int64) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if t.due != nil {
			t.due.Scan(func(d dueAt) bool { return d.due <= now && yield(d.n) })
		}
	}
}

// NumDue is how many znodes there are that go of themselves and have no children now.
func (t *Tree) NumDue() int {
	if t.due == nil {
		return 0
	}
	return t.due.Len()
}

// Subtree yields p and all below, parents before their children and a znode's descendants right behind it, siblings by name.
func (t *Tree) Subtree(p Path) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if n := t.Get(p); n != nil {
			t.walk(n, yield)
		}
	}
}

// walk yields n and what is below; false if it was to stop.
func (t *Tree) walk(n *Node, yield func(*Node) bool) bool {
	if !yield(n) {
		return false
	}
	if n.NumChildren() == 0 {
		return true
	}
	for c := range t.Children(n.Path(), "") {
		if !t.walk(c, yield) {
			return false
		}
	}
	return true
}

// set puts n in its place and gives back who was there before.
func (t *Tree) set(n *Node) (old *Node) {
	old, _ = t.nodes.Set(n)
	t.bytes += int64(len(n.Data()))
	t.sum += n.hash()
	if old != nil {
		t.bytes -= int64(len(old.Data()))
		t.sum -= old.hash()
		t.undue(old)
	}
	t.enlist(n)
	return old
}

func (t *Tree) remove(n *Node) {
	if gone, ok := t.nodes.Delete(n); ok {
		t.bytes -= int64(len(gone.Data()))
		t.sum -= gone.hash()
		t.undue(gone)
	}
}

// enlist puts a znode that goes of itself among those.
func (t *Tree) enlist(n *Node) {
	due, ok := n.Due()
	if !ok {
		return
	}
	if t.due == nil {
		t.due = newBTree(func(a, b dueAt) bool { return a.due < b.due || a.due == b.due && nodeLess(a.n, b.n) })
	}
	t.due.Set(dueAt{due, n})
}

func (t *Tree) undue(n *Node) {
	if due, ok := n.Due(); ok {
		t.due.Delete(dueAt{due, n})
	}
}

// load appends n, which comes after all that is there.
func (t *Tree) load(n *Node) {
	t.nodes.Load(n)
	t.bytes += int64(len(n.Data()))
	t.sum += n.hash()
	t.enlist(n)
}
