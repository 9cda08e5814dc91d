package znode

// Result is how a transaction ended, computed alike on every member.
type Result struct {
	// Code is OK, or that of the op that was refused. Refused, a transaction has changed nothing.
	Code Code
	// Failed is the index of the refused op, -1 if there is none.
	Failed int
	// Zxid is the transaction's own, or that of the state it was refused in or had nothing to change in.
	Zxid Zxid
	// Ops has one result for each op.
	Ops []OpResult
	// Session is the live session the transaction belonged to, nil if to none.
	Session *Session

	one [1]OpResult // the room of Ops for a single op
}

// OpResult is how one op ended.
type OpResult struct {
	Code Code
	// Node is the znode after the op; of a delete or a refusal the one that was found; nil if there is none.
	Node *Node
	// Path is where a refusal arose: of a missing parent, the parent.
	Path Path
	// Created says whether the op made the znode.
	Created bool
	// Session is the session that was opened or closed.
	Session *Session
	// Tree is the tree as a watch of children found it.
	Tree *Tree
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
