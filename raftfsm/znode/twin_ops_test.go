package znode

import (
	"cmp"
	"slices"
	"strings"
)

// The twin's reads, loads, and znodes that go of themselves.

func (t *twin) read(op Op) twinResult {
	p := op.Path.String()
	switch _, exists := t.nodes[p]; {
	case !exists && op.Kind == Exists:
		return twinResult{code: "ok"}
	case !exists:
		return twinResult{code: "no_node", at: p}
	}
	r := t.show("ok", p)
	if op.Kind == Children {
		r.listed = t.children(p)
	}
	return r
}

func (t *twin) load(op Op) twinResult {
	p := op.Path.String()
	n, exists := t.nodes[p]
	if !exists {
		parent, there := t.nodes[twinParent(p)]
		if !there || parent.owner != 0 {
			return twinResult{code: "ok", at: p, loaded: LoadedNot}
		}
		r := t.create(op)
		r.loaded = LoadedNew
		return r
	}
	mode, ttl := n.mode()
	alike := p == "/" || mode == op.Mode && ttl == op.TTL
	r := t.show("ok", p)
	r.loaded = LoadedKept
	switch {
	case alike && n.data == op.Data:
		r.loaded = LoadedSame
	case alike && op.Replace:
		r = t.set(p, op.Data)
		r.loaded = LoadedOver
	}
	return r
}

// mode is what kind of znode it is.
func (n twinNode) mode() (Mode, int64) {
	switch {
	case n.owner != 0:
		return Ephemeral, 0
	case n.kind == "container":
		return Container, 0
	case n.kind == "ttl":
		return PersistentWithTTL, n.ttl
	}
	return Persistent, 0
}

// raise is as if children had come and gone until there were so many.
func (t *twin) raise(op Op) twinResult {
	p := op.Path.String()
	n, exists := t.nodes[p]
	if !exists {
		return twinResult{code: "ok"}
	}
	if more := int64(op.Created) - n.creates; more > 0 && n.owner == 0 {
		n.creates += more
		n.deletes += more
		n.pzxid = t.zxid
		if len(t.children(p)) == 0 {
			n.emptied = t.time
		}
		t.nodes[p] = n
		t.happened("NodeChildrenChanged", p, "")
	}
	return t.show("ok", p)
}

func (t *twin) reap(op Op) twinResult {
	p := op.Path.String()
	n, exists := t.nodes[p]
	due, goes := t.due(p)
	switch {
	case !exists:
		return twinResult{code: "no_node", at: p}
	case len(t.children(p)) > 0:
		return t.show("not_empty", p)
	case !n.matches(op.If) || !goes || t.time < due:
		return t.show("bad_version", p)
	}
	r := t.show("ok", p)
	t.unlink(p, "")
	r.deleted = 1
	return r
}

// due is when the znode at p goes if nothing happens to it.
func (t *twin) due(p string) (int64, bool) {
	n := t.nodes[p]
	switch {
	case n.kind == "" || len(t.children(p)) > 0:
		return 0, false
	case n.kind == "ttl":
		return n.mtime + n.ttl, true
	case n.creates == 0:
		return n.ctime + 5*60*1000, true
	}
	return n.emptied + 10*1000, true
}

// goers are the paths of those that go by then, in the order they do.
func (t *twin) goers(then int64) (paths []string) {
	for _, p := range t.paths() {
		if due, goes := t.due(p); goes && due <= then {
			paths = append(paths, p)
		}
	}
	slices.SortStableFunc(paths, func(a, b string) int {
		dueA, _ := t.due(a)
		dueB, _ := t.due(b)
		return cmp.Compare(dueA, dueB)
	})
	return paths
}

// below are the paths of p and all below: a znode, then what is below it, child by child.
func (t *twin) below(p string) []string {
	paths := []string{p}
	for _, name := range t.children(p) {
		paths = append(paths, t.below(strings.TrimSuffix(p, "/")+"/"+name)...)
	}
	return paths
}
