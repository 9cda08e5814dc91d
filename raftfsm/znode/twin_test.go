package znode

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// twin is the rules once more, as plainly as they can be put: a map from path to znode, copied for each transaction
// and thrown away when an op is refused. Nothing in it is taken from the machine it is compared with but the types of
// what is asked.
type twin struct {
	zxid  int64
	time  int64 // of the last change
	now   int64 // of the next
	nodes map[string]twinNode
}

type twinNode struct {
	data                string
	czxid, mzxid, pzxid int64
	ctime, mtime        int64
	version             int64
	creates, deletes    int64 // of children
}

type twinResult struct {
	code    string
	at      string // where a refusal arose
	path    string // of the znode shown, "" if none
	node    twinNode
	stat    Stat
	created bool
}

func newTwin() *twin { return &twin{nodes: map[string]twinNode{"/": {}}} }

func twinParent(p string) string {
	if i := strings.LastIndex(p, "/"); i > 0 {
		return p[:i]
	}
	return "/"
}

// children are the names directly below p, sorted.
func (t *twin) children(p string) []string {
	var names []string
	for q := range t.nodes {
		if q != "/" && twinParent(q) == p {
			names = append(names, q[strings.LastIndex(q, "/")+1:])
		}
	}
	sort.Strings(names)
	return names
}

// paths are all paths by directory, then name.
func (t *twin) paths() []string {
	key := func(p string) [2]string {
		i := strings.LastIndex(p, "/")
		return [2]string{p[:i], p[i+1:]}
	}
	return slices.SortedFunc(maps.Keys(t.nodes), func(a, b string) int {
		ka, kb := key(a), key(b)
		return slices.Compare(ka[:], kb[:])
	})
}

func (t *twin) bytes() (n int64) {
	for _, node := range t.nodes {
		n += int64(len(node.data))
	}
	return n
}

func (t *twin) stat(p string) Stat {
	n := t.nodes[p]
	return Stat{
		Version: n.version, Cversion: n.creates + n.deletes, Czxid: Zxid(n.czxid), Mzxid: Zxid(n.mzxid), Pzxid: Zxid(n.pzxid),
		Ctime: n.ctime, Mtime: n.mtime, DataLength: int64(len(n.data)), NumChildren: int64(len(t.children(p))),
	}
}

// apply gives a result an op, and how the transaction ended.
func (t *twin) apply(ops []Op) (results []twinResult, code string, failed int) {
	tried := &twin{zxid: t.zxid + 1, time: t.now, now: t.now, nodes: maps.Clone(t.nodes)}
	changes := false
	for i, op := range ops {
		r := tried.step(op)
		results = append(results, r)
		if r.code != "ok" {
			for len(results) < len(ops) {
				results = append(results, twinResult{code: "rolled_back"})
			}
			return results, r.code, i
		}
		changes = changes || op.Kind != Check
	}
	if changes {
		*t = *tried
	}
	return results, "ok", -1
}

func (t *twin) step(op Op) twinResult {
	p := op.Path.String()
	n, exists := t.nodes[p]
	if op.Mode == PersistentSequential {
		return t.create(p, op.Data, true)
	}
	switch op.Kind {
	case Create:
		return t.create(p, op.Data, false)
	case Put:
		if !exists {
			return t.create(p, op.Data, false)
		}
		return t.set(p, op.Data)
	case Set:
		if !exists {
			return twinResult{code: "no_node", at: p}
		}
		if !n.matches(op.If) {
			return t.show("bad_version", p)
		}
		return t.set(p, op.Data)
	case Delete:
		return t.delete(p, op.If)
	}
	switch {
	case op.Absent && exists:
		return t.show("node_exists", p)
	case op.Absent:
		return twinResult{code: "ok"}
	case !exists:
		return twinResult{code: "no_node", at: p}
	case !n.matches(op.If):
		return t.show("bad_version", p)
	}
	return t.show("ok", p)
}

// show is a result with the znode at p in it.
func (t *twin) show(code, p string) twinResult {
	r := twinResult{code: code, path: p, node: t.nodes[p], stat: t.stat(p)}
	if code != "ok" {
		r.at = p
	}
	return r
}

func (n twinNode) matches(tags []Tag) bool {
	if len(tags) == 0 {
		return true
	}
	for _, tag := range tags {
		if tag.Version == n.version && tag.Czxid == 0 {
			return true
		}
		if tag.Version == n.version && int64(tag.Czxid) == n.czxid {
			return true
		}
	}
	return false
}

func (t *twin) create(p, data string, sequential bool) twinResult {
	if p == "/" && !sequential {
		return t.show("node_exists", p)
	}
	above := twinParent(p)
	parent, exists := t.nodes[above]
	if !exists {
		return twinResult{code: "no_node", at: above}
	}
	if sequential {
		number := fmt.Sprint(parent.creates)
		for len(number) < 10 {
			number = "0" + number
		}
		p += number
	}
	if _, exists := t.nodes[p]; exists {
		return t.show("node_exists", p)
	}
	t.nodes[p] = twinNode{data: data, czxid: t.zxid, mzxid: t.zxid, pzxid: t.zxid, ctime: t.time, mtime: t.time}
	parent.creates++
	parent.pzxid = t.zxid
	t.nodes[above] = parent
	r := t.show("ok", p)
	r.created = true
	return r
}

func (t *twin) set(p, data string) twinResult {
	n := t.nodes[p]
	n.data, n.mzxid, n.mtime, n.version = data, t.zxid, t.time, n.version+1
	t.nodes[p] = n
	return t.show("ok", p)
}

func (t *twin) delete(p string, tags []Tag) twinResult {
	n, exists := t.nodes[p]
	switch {
	case p == "/":
		return twinResult{code: "bad_arguments", at: p}
	case !exists:
		return twinResult{code: "no_node", at: p}
	case !n.matches(tags):
		return t.show("bad_version", p)
	case len(t.children(p)) > 0:
		return t.show("not_empty", p)
	}
	r := t.show("ok", p)
	delete(t.nodes, p)
	parent := t.nodes[twinParent(p)]
	parent.deletes++
	parent.pzxid = t.zxid
	t.nodes[twinParent(p)] = parent
	return r
}
