package znode

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// twin is the rules once more, as plainly as they can be put: maps and lists, copied for each transaction and thrown away
// when an op is refused. Nothing in it is taken from the machine it is compared with but the types of what is asked.
type twin struct {
	zxid  int64
	time  int64 // of the last change
	now   int64 // of the next
	term  uint64
	nodes map[string]twinNode

	sessions map[SessionKey]twinSession // live
	ended    []twinEnd                  // oldest first
	watches  []twinWatch                // in the order they were set
	records  []twinRecord               // of all after began
	began    int64
	outcomes []twinOutcome // oldest first

	// Of the transaction under way.
	session int64 // it belongs to
	changes bool
	events  []twinEvent
	closed  int64 // the session it ends
}

type twinNode struct {
	data                string
	czxid, mzxid, pzxid int64
	ctime, mtime        int64
	version             int64
	creates, deletes    int64 // of children
	owner               int64
	kind                string // "", "container", or "ttl"
	ttl                 int64
	emptied             int64 // when the last child went
}

type twinResult struct {
	code    string
	at      string // where a refusal arose
	path    string // of the znode shown, "" if none
	node    twinNode
	stat    Stat
	created bool
	deleted int
	loaded  Loaded
	session int64    // that was opened or closed
	seal    Seal     // of the one that was opened
	listed  []string // the children, where they are asked for
}

// twinAnswer is how a transaction ended.
type twinAnswer struct {
	ops      []twinResult
	code     string
	failed   int
	zxid     int64
	replayed bool
}

func newTwin() *twin {
	return &twin{nodes: map[string]twinNode{"/": {}}, sessions: map[SessionKey]twinSession{}}
}

func (t *twin) clone() *twin {
	c := *t
	c.nodes, c.sessions = maps.Clone(t.nodes), maps.Clone(t.sessions)
	c.ended, c.watches, c.records = slices.Clone(t.ended), slices.Clone(t.watches), slices.Clone(t.records)
	c.outcomes = slices.Clone(t.outcomes)
	return &c
}

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
		EphemeralOwner: twinOwner(n.owner),
		Version:        n.version, Cversion: n.creates + n.deletes, Czxid: Zxid(n.czxid), Mzxid: Zxid(n.mzxid), Pzxid: Zxid(n.pzxid),
		Ctime: n.ctime, Mtime: n.mtime, DataLength: int64(len(n.data)), NumChildren: int64(len(t.children(p))),
	}
}

// apply carries out a transaction, unless it was already.
func (t *twin) apply(txn *Txn) twinAnswer {
	if txn.Once != nil {
		if kept := t.kept(txn.Once.Key); kept != nil {
			return kept.again(t, txn)
		}
	}
	tried := t.next()
	a := tried.run(txn)
	if a.code != "ok" {
		tried = t.next()
	}
	if !tried.changes && txn.Once == nil {
		a.zxid = t.zxid
		return a
	}
	if txn.Session != nil {
		if s, lives := tried.sessions[*txn.Session]; lives {
			s.used = tried.zxid
			tried.sessions[*txn.Session] = s
		}
	}
	a.zxid = tried.zxid
	tried.tell()
	if txn.Once != nil {
		tried.keep(txn, a)
	}
	*t = *tried
	return a
}

// next is the twin as a transaction finds it that is carried out now.
func (t *twin) next() *twin {
	tried := t.clone()
	tried.zxid, tried.time = t.zxid+1, t.now
	tried.session, tried.changes, tried.events, tried.closed = 0, false, nil, 0
	return tried
}

// run gives a result an op, and leaves behind what was done up to the op that was refused.
func (t *twin) run(txn *Txn) twinAnswer {
	a := twinAnswer{code: "ok", failed: -1}
	refuse := func() twinAnswer {
		a.failed = len(a.ops) - 1
		a.code = a.ops[a.failed].code
		for len(a.ops) < len(txn.Ops) {
			a.ops = append(a.ops, twinResult{code: "rolled_back"})
		}
		return a
	}
	if txn.Session != nil {
		s, lives := t.sessions[*txn.Session]
		if !lives {
			a.ops = []twinResult{{code: "session_expired", at: txn.Ops[0].Path.String()}}
			return refuse()
		}
		t.session = s.owner
	}
	for _, op := range txn.Ops {
		r := t.step(op)
		a.ops = append(a.ops, r)
		if r.code != "ok" {
			return refuse()
		}
	}
	return a
}

func (t *twin) step(op Op) twinResult {
	p := op.Path.String()
	n, exists := t.nodes[p]
	switch op.Kind {
	case OpenSession, CloseSession, AddWatch, RemoveWatch, CheckSession:
		return t.sessionStep(op)
	case Get, Children, Exists:
		return t.read(op)
	case Load:
		return t.load(op)
	case Raise:
		return t.raise(op)
	case Reap:
		return t.reap(op)
	case Create:
		return t.create(op)
	case Put:
		if !exists {
			return t.create(op)
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
		return t.delete(op)
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

func (t *twin) create(op Op) twinResult {
	p := op.Path.String()
	sequential := strings.Contains(op.Mode.String(), "sequential")
	if p == "/" && !sequential {
		return t.show("node_exists", p)
	}
	above := twinParent(p)
	if op.Parents {
		if r := t.makeAll(above); r.code != "ok" {
			return r
		}
	}
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
	if parent.owner != 0 {
		return t.show("no_children_for_ephemerals", above)
	}
	n := twinNode{data: op.Data}
	switch mode := op.Mode.String(); {
	case strings.HasPrefix(mode, "ephemeral"):
		n.owner = t.session
	case mode == "container":
		n.kind = "container"
	case strings.HasSuffix(mode, "_with_ttl"):
		n.kind, n.ttl = "ttl", op.TTL
	}
	return t.link(p, n)
}

// makeAll makes p and what is missing above it, from the top.
func (t *twin) makeAll(p string) twinResult {
	if _, exists := t.nodes[p]; exists {
		return twinResult{code: "ok"}
	}
	above := twinParent(p)
	if r := t.makeAll(above); r.code != "ok" {
		return r
	}
	if t.nodes[above].owner != 0 {
		return t.show("no_children_for_ephemerals", above)
	}
	return t.link(p, twinNode{})
}

// link puts a new znode below its parent.
func (t *twin) link(p string, n twinNode) twinResult {
	above := twinParent(p)
	parent := t.nodes[above]
	n.czxid, n.mzxid, n.pzxid, n.ctime, n.mtime = t.zxid, t.zxid, t.zxid, t.time, t.time
	t.nodes[p] = n
	parent.creates++
	parent.pzxid = t.zxid
	t.nodes[above] = parent
	t.happened("NodeCreated", p, "")
	t.happened("NodeChildrenChanged", above, "")
	r := t.show("ok", p)
	r.created = true
	return r
}

func (t *twin) set(p, data string) twinResult {
	n := t.nodes[p]
	n.data, n.mzxid, n.mtime, n.version = data, t.zxid, t.time, n.version+1
	t.nodes[p] = n
	t.happened("NodeDataChanged", p, "")
	return t.show("ok", p)
}

func (t *twin) delete(op Op) twinResult {
	p := op.Path.String()
	n, exists := t.nodes[p]
	switch {
	case p == "/":
		return twinResult{code: "bad_arguments", at: p}
	case !exists:
		return twinResult{code: "no_node", at: p}
	case !n.matches(op.If):
		return t.show("bad_version", p)
	case !op.Recursive && len(t.children(p)) > 0:
		return t.show("not_empty", p)
	}
	r := t.show("ok", p)
	r.deleted = t.deleteAll(p)
	return r
}

// deleteAll deletes what is below p, the last child first, and then p.
func (t *twin) deleteAll(p string) (deleted int) {
	children := t.children(p)
	slices.Reverse(children)
	for _, name := range children {
		deleted += t.deleteAll(p + "/" + name)
	}
	t.unlink(p, "")
	return deleted + 1
}

func (t *twin) unlink(p, cause string) {
	delete(t.nodes, p)
	parent := t.nodes[twinParent(p)]
	parent.deletes++
	parent.pzxid = t.zxid
	if len(t.children(twinParent(p))) == 0 {
		parent.emptied = t.time
	}
	t.nodes[twinParent(p)] = parent
	t.happened("NodeDeleted", p, cause)
	t.happened("NodeChildrenChanged", twinParent(p), "")
}
