package httpapi

import (
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// pipeLine is one line of a pipeline: a transaction, or why there is none.
type pipeLine struct {
	number  uint64    // from 1
	id      string    // as it was written; "" where there is none
	many    bool      // whether it is a transaction by its own word, and has a list of results
	txn     znode.Txn // unless refused; its ops are the batch's once it is in one
	refused *problem
	bytes   int // how long the line is, which is what it holds
	data    int // of the txn
	at      int // where in the batch its txn is
}

// batch is lines that are carried out together, in their order.
type batch struct {
	lines []pipeLine
	txns  []znode.Txn // of the lines that are not refused
	ops   []znode.Op  // of the txns
	work  int         // of the txns
	data  int         // of the ops
	bytes int         // of the lines

	results []*znode.Result // of the txns, unless there was an error
	err     error
}

const (
	// softBatchBytes is where a batch takes no further line; one alone may be larger.
	softBatchBytes = 1 << 20
	// maxBatchWork bounds what all members do in one step for a batch, in znodes deleted recursively: of those that take longest, and
	// are taken back because of a later op, 10,000 were measured to take 65 ms. Without it, 256 lines could stop all writes for a
	// quarter of a minute.
	maxBatchWork = 4 * znode.MaxTreeDelete
	// listWork is what the longest list of children that is given takes of it.
	listWork = znode.MaxTreeDelete / 20
)

// workOf is how much carrying out a transaction may be, whatever there is in the tree.
func workOf(t *znode.Txn) int {
	parents, lists, trees := 0, 0, 0
	for i := range t.Ops {
		op := &t.Ops[i]
		if op.Parents {
			parents = min(parents+op.Path.Depth(), znode.MaxParents)
		}
		if op.Kind == znode.Children {
			lists = listWork // all of a transaction together are no longer
		}
		if op.Recursive {
			trees = znode.MaxTreeDelete
		}
	}
	return len(t.Ops) + parents + lists + trees
}

// add puts a line behind the others, and says whether there was room. In an empty batch there always is.
func (b *batch) add(l *pipeLine) bool {
	work := workOf(&l.txn)
	full := len(b.lines) == maxBatchLines || b.bytes+l.bytes > softBatchBytes || b.work+work > maxBatchWork ||
		len(b.txns) == command.MaxBatchTxns || len(b.ops)+len(l.txn.Ops) > command.MaxBatchOps || b.data+l.data > znode.MaxTxnBytes
	if full && len(b.lines) > 0 {
		return false
	}
	b.bytes += l.bytes
	if l.refused == nil {
		start := len(b.ops)
		b.ops = append(b.ops, l.txn.Ops...)
		l.txn.Ops = b.ops[start:len(b.ops):len(b.ops)]
		l.at = len(b.txns)
		b.txns = append(b.txns, l.txn)
		b.data += l.data
		b.work += work
	}
	b.lines = append(b.lines, *l)
	return true
}

// keptLines is how many lines and ops a batch that is used again keeps room for.
const keptLines = maxBatchLines

// reset empties the batch, and lets go of all that it held.
func (b *batch) reset() {
	clear(b.lines)
	clear(b.txns)
	clear(b.ops)
	*b = batch{lines: b.lines[:0], txns: b.txns[:0], ops: b.ops[:0]}
	if cap(b.ops) > keptLines {
		b.ops = nil
	}
}
