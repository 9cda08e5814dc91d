package reaper

import (
	"math"
	"strings"
	"time"

	"holt/raftfsm/znode"
)

// sweep is one pass over what is due, in the order of Tree.Due. What was reaped is gone, so that the next batch is whatever comes
// first. Once something was refused that is due all the same, the pass goes on behind it, and begins again when it comes to
// the end and RetryAfter is over.
type sweep struct {
	refused bool      // something was
	began   time.Time // with the first batch in which something was
	after   place     // of the last znode that was proposed; counts only if something was refused
}

// next is what to propose next, and when what comes behind it is due, in ms since the Unix epoch; never: math.MaxInt64.
func (w *sweep) next(t *znode.Tree, now int64) (batch []*znode.Node, due int64) {
	if batch, due = w.look(t, now); len(batch) == 0 && w.rested() {
		*w = sweep{}
		batch, due = w.look(t, now)
	}
	return batch, due
}

// rested says whether those that were refused have had their rest.
func (w *sweep) rested() bool { return w.refused && time.Since(w.began) >= RetryAfter }

func (w *sweep) look(t *znode.Tree, now int64) (batch []*znode.Node, due int64) {
	for n := range t.Due(math.MaxInt64) {
		p := placeOf(n)
		switch {
		case p.due > now:
			return batch, p.due
		case w.refused && !w.after.before(p):
			continue // the scan is as long as there are refused ones
		case len(batch) == BatchSize:
			return batch, p.due
		}
		batch = append(batch, n)
	}
	return batch, math.MaxInt64
}

// passed notes that a batch was proposed. One that is not full was the end of the pass.
func (w *sweep) passed(batch []*znode.Node) {
	if w.refused && w.began.IsZero() {
		w.began = time.Now()
	}
	if len(batch) < BatchSize && w.rested() {
		*w = sweep{}
		return
	}
	w.after = placeOf(batch[len(batch)-1])
}

// place is where a znode is in the order of Tree.Due: by time, then by parent, then by name.
type place struct {
	due       int64
	dir, name string
}

func placeOf(n *znode.Node) place {
	due, _ := n.Due()
	path := n.Path().String()
	i := strings.LastIndexByte(path, '/')
	return place{due, path[:i], path[i+1:]}
}

func (p place) before(q place) bool {
	if p.due != q.due {
		return p.due < q.due
	}
	if c := strings.Compare(p.dir, q.dir); c != 0 {
		return c < 0
	}
	return p.name < q.name
}
