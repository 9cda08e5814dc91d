package znode

import "sort"

// Rank is how many children of p have names not greater than name; 0 for the name "". It looks at O(log n) znodes of the whole
// tree, each O(log n) away.
func (t *Tree) Rank(p Path, name string) int {
	if name == "" {
		return 0
	}
	dir := directory(p)
	return t.upTo(dir, name) - t.upTo(dir, "")
}

// Nth is the child of p that has i children before it in the order of names, or nil.
func (t *Tree) Nth(p Path, i int) *Node {
	if i < 0 || i >= t.nodes.Len() { // far below what could overflow
		return nil
	}
	dir := directory(p)
	n, ok := t.nodes.GetAt(t.upTo(dir, "") + i)
	if !ok || n.dir() != dir {
		return nil
	}
	return n
}

// directory is what the children of p have in place of a directory's path: p itself, but for the root "".
func directory(p Path) string {
	if p.IsRoot() {
		return ""
	}
	return p.String()
}

// upTo is how many znodes are not behind the one of this name in this directory, which need not exist. The name "" is behind none
// of a directory's children; the root, whose directory and name are both empty, is counted then.
func (t *Tree) upTo(dir, name string) int {
	path := dir + "/" + name
	pivot := &Node{text: path, pathLen: uint16(len(path)), nameAt: uint16(len(dir) + 1)}
	return sort.Search(t.nodes.Len(), func(i int) bool {
		n, _ := t.nodes.GetAt(i)
		return nodeLess(pivot, n)
	})
}
