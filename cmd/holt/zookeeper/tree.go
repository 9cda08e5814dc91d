package zookeeper

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkEvery is how many znodes or transactions go by between two looks at the context.
const checkEvery = 4096

// node is one znode of a tree in memory.
type node struct {
	children map[string]*node // nil if there were never any
	data     []byte           // nil if it is null, or too large to keep
	size     int64            // of the data, also of what is too large
	acl      *acl             // nil is world:anyone:cdrwa
	owner    int64
	czxid    int64
	created  int32 // children ever created: the cversion that ZooKeeper stores
}

// tree is what the files of a server hold. Transactions are applied to it as ZooKeeper does after a restart: its
// snapshots are written while the tree changes, so a transaction may find its work done, or undone by a later one.
type tree struct {
	root       *node
	ephemerals map[int64]map[string]struct{} // by session; those that are there, and perhaps some that were
	sessions   map[int64]struct{}            // ids that are known to be sessions'
	zxid       uint64                        // the last transaction that is certainly in
	newest     uint64                        // the newest one that a znode of a snapshot names
	replayed   int64                         // transactions applied from logs
	// marks are the zxids in the names of newer snapshots, in order: the server was there, so a log must be too.
	marks []uint64
}

func newTree() *tree {
	return &tree{ephemerals: map[int64]map[string]struct{}{}, sessions: map[int64]struct{}{}}
}

func (t *tree) isSession(id int64) bool {
	_, ok := t.sessions[id]
	return ok
}

// find is the znode at a path: "" and "/" are the root. It is nil where there is none.
func (t *tree) find(path string) *node {
	n := t.root
	for rest := strings.TrimPrefix(path, "/"); rest != "" && n != nil; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		n = n.children[name]
	}
	return n
}

// divide is the parent's path and the name. Both are "" for what cannot be a path below the root.
func divide(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 || path[0] != '/' || strings.Contains(path, "//") {
		return "", ""
	}
	return path[:i], path[i+1:]
}

// put adds a znode of a snapshot. Its parent must be there.
func (t *tree) put(path string, n *node) error {
	if path == "" {
		t.root = n
		return nil
	}
	dir, name := divide(path)
	parent := t.find(dir)
	if name == "" || parent == nil {
		return fmt.Errorf("%w: znode %.200q has no parent", ErrCorrupt, path)
	}
	t.attach(parent, path, name, n)
	return nil
}

func (t *tree) attach(parent *node, path, name string, n *node) {
	if parent.children == nil {
		parent.children = map[string]*node{}
	}
	parent.children[name] = n
	if k, _ := kindOf(n.owner, t.isSession); k != ephemeral {
		return
	}
	if t.ephemerals[n.owner] == nil {
		t.ephemerals[n.owner] = map[string]struct{}{}
	}
	t.ephemerals[n.owner][path] = struct{}{}
}

// create carries out a create; created is the parent's count after it, or -1 in the logs of old versions. Where the
// znode is there, the snapshot was written after this transaction and has a newer state.
func (t *tree) create(path string, n *node, created int32) {
	dir, name := divide(path)
	parent := t.find(dir)
	if name == "" || parent == nil {
		return
	}
	if created == -1 {
		created = parent.created + 1
	}
	parent.created = max(parent.created, created)
	if old := parent.children[name]; old == nil {
		t.attach(parent, path, name, n)
	} else if old.acl != nil && old.acl.missing && old.czxid == n.czxid {
		old.acl = n.acl
	}
}

// remove carries out a delete. What is below goes too: it comes from later transactions, which follow.
func (t *tree) remove(path string) {
	dir, name := divide(path)
	parent := t.find(dir)
	if name == "" || parent == nil || parent.children[name] == nil {
		return
	}
	if owner := parent.children[name].owner; owner != 0 {
		delete(t.ephemerals[owner], path)
	}
	delete(parent.children, name)
}

// closeSession removes what a session leaves: the paths in the transaction, and what is known to be its own.
func (t *tree) closeSession(id int64, paths []string) {
	for _, p := range paths {
		t.remove(p)
	}
	for p := range t.ephemerals[id] {
		if n := t.find(p); n != nil && n.owner == id {
			t.remove(p)
		}
	}
	delete(t.ephemerals, id)
}

// walk shows the znodes to visit, parents first, siblings sorted by name; visit says whether to go below a znode.
func (t *tree) walk(ctx context.Context, visit func(*found) (bool, error)) error {
	seen := 0
	var below func(path string, n *node) error
	below = func(path string, n *node) error {
		if seen++; seen%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k, ms := kindOf(n.owner, t.isSession)
		f := &found{path: path, kind: k, ttl: ms, created: int64(n.created), data: n.data, size: n.size, acl: n.acl}
		if in, err := visit(f); err != nil || !in {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(n.children)) {
			if err := below(strings.TrimSuffix(path, "/")+"/"+name, n.children[name]); err != nil {
				return err
			}
		}
		return nil
	}
	return below("/", t.root)
}

// limitName is the znode that holds the limits of a quota, below /zookeeper/quota and the path it is for.
const limitName = "zookeeper_limits"

// quotaPath is where ZooKeeper keeps its quotas.
const quotaPath = systemPath + "/quota"

// quotas are the paths that have one, at most MaxListed.
func (t *tree) quotas() []string {
	var paths []string
	var below func(path string, n *node)
	below = func(path string, n *node) {
		for _, name := range slices.Sorted(maps.Keys(n.children)) {
			if name == limitName {
				list(&paths, "/"+strings.TrimPrefix(path, "/"))
			} else if len(paths) < MaxListed {
				below(path+"/"+name, n.children[name])
			}
		}
	}
	if n := t.find(quotaPath); n != nil {
		below("", n)
	}
	return paths
}
