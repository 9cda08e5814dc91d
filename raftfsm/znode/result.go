package znode

import "iter"

// Result is how a transaction ended, computed alike on every member.
type Result struct {
	// Code is OK, or that of the op that was refused. Refused, a transaction has changed nothing, but for its outcome being kept.
	Code Code
	// Failed is the index of the refused op, -1 if there is none.
	Failed int
	// Zxid is the transaction's own, or that of the state it was refused in or had nothing to change in.
	Zxid Zxid
	// Ops has one result for each op.
	Ops []OpResult
	// Session is the live session the transaction belonged to, nil if to none, and of what was replayed.
	Session *Session
	// SessionOver says that the transaction was refused because the session it belongs to is over, or was then.
	SessionOver bool
	// Replayed says that the transaction was carried out before, and that this is its outcome then.
	Replayed bool

	one [1]OpResult // the room of Ops for a single op
}

// OpResult is how one op ended.
type OpResult struct {
	Code Code
	// Node is the znode after the op; of a delete or a refusal the one that was found; nil if there is none, and of what was
	// replayed: Stat and Where know it then.
	Node *Node
	// Path is where a refusal arose: of a missing parent, the parent.
	Path Path
	// Created says whether the op made the znode.
	Created bool
	// Deleted is how many znodes the op deleted.
	Deleted int
	// Loaded is what a Load did.
	Loaded Loaded
	// Session is the session that was opened or closed.
	Session *Session
	// Seal is that of the op that opened a session, then or now.
	Seal Seal
	// Tree is the tree as a watch of children found it, or the op that reads them; nil of what was replayed.
	Tree *Tree

	kept *keptZnode
}

// Loaded is what a Load did.
type Loaded uint8

// What a Load can do.
const (
	LoadedNew  Loaded = iota + 1 // it made the znode
	LoadedOver                   // it gave the znode other data
	LoadedSame                   // the znode was as it should be
	LoadedKept                   // the znode is different, and was left as it is
	LoadedNot                    // the parent is missing or ephemeral
	loadeds
)

// keptZnode is what an outcome remembers of a znode.
type keptZnode struct {
	path   Path
	number string // that of a sequential create, behind the path of the op
	stat   Stat
	mode   Mode
	ttl    int64
	data   string   // of a Get
	names  []string // of Children
}

// Found says whether the op found or made a znode. The methods below are about it, then.
func (r *OpResult) Found() bool { return r.Node != nil || r.kept != nil }

// Where is the path of the znode.
func (r *OpResult) Where() Path {
	if r.kept != nil {
		return r.kept.path
	}
	return r.Node.Path()
}

// Stat is the stat of the znode.
func (r *OpResult) Stat() Stat {
	if r.kept != nil {
		return r.kept.stat
	}
	return r.Node.Stat()
}

// Mode is the kind of the znode, and its time to live in ms.
func (r *OpResult) Mode() (m Mode, ttl int64) {
	if r.kept != nil {
		return r.kept.mode, r.kept.ttl
	}
	return r.Node.Mode(), r.Node.TTL()
}

// Data is the data of the znode, for ops that read it.
func (r *OpResult) Data() string {
	if r.kept != nil {
		return r.kept.data
	}
	return r.Node.Data()
}

// Names yields the names of the znode's children, sorted, for ops that read them.
func (r *OpResult) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		if r.kept != nil {
			for _, name := range r.kept.names {
				if !yield(name) {
					return
				}
			}
			return
		}
		for n := range r.Tree.Children(r.Node.Path(), "") {
			if !yield(n.Name()) {
				return
			}
		}
	}
}

func newResult(ops int) *Result {
	r := &Result{Failed: -1}
	if ops == 1 {
		r.Ops = r.one[:0]
	} else {
		r.Ops = make([]OpResult, 0, ops)
	}
	return r
}

// refuse makes r the result of a transaction of n ops that its last one, just added, put an end to.
func (r *Result) refuse(n int) {
	r.Failed = len(r.Ops) - 1
	r.Code = r.Ops[r.Failed].Code
	for len(r.Ops) < n {
		r.Ops = append(r.Ops, OpResult{Code: RolledBack})
	}
}
