package znode

import (
	"fmt"
	"slices"
	"strings"
)

// twinOutcome is an answer that is given again, and the transaction written out that it is the answer to.
type twinOutcome struct {
	key        [16]byte
	asked      string
	answer     twinAnswer
	zxid       int64
	due, owner int64
}

// asked writes a transaction out. What is new with each request to open a session is not in it.
func asked(txn *Txn) string {
	var b strings.Builder
	if txn.Session != nil {
		fmt.Fprintf(&b, "by %x ", txn.Session[:])
	}
	for _, op := range txn.Ops {
		s := SessionOp{}
		if op.Session != nil {
			s = *op.Session
		}
		if op.Kind == OpenSession {
			s.Key, s.Seal = SessionKey{}, Seal{}
		}
		if op.Session = nil; len(op.If) == 0 {
			op.If = nil
		}
		fmt.Fprintf(&b, "%#v %#v;", op, s)
	}
	return b.String()
}

// kept is the last outcome under a key, if it is still to be had.
func (t *twin) kept(key [16]byte) *twinOutcome {
	for i := len(t.outcomes) - 1; i >= 0; i-- {
		if o := &t.outcomes[i]; o.key == key {
			if o.due < t.now && !t.lives(o.owner) {
				return nil
			}
			return o
		}
	}
	return nil
}

func (t *twin) lives(owner int64) bool {
	for _, s := range t.sessions {
		if s.owner == owner {
			return true
		}
	}
	return false
}

// again is the answer to a transaction under a key that was used.
func (o *twinOutcome) again(t *twin, txn *Txn) twinAnswer {
	if o.asked != asked(txn) {
		a := twinAnswer{code: "idempotency_mismatch", zxid: t.zxid, ops: []twinResult{{code: "idempotency_mismatch", at: txn.Ops[0].Path.String()}}}
		for len(a.ops) < len(txn.Ops) {
			a.ops = append(a.ops, twinResult{code: "rolled_back"})
		}
		return a
	}
	a := o.answer
	a.replayed = true
	return a
}

// keep remembers an answer for ten minutes, forgets some that are older and keeps those of the living for ten more.
func (t *twin) keep(txn *Txn, a twinAnswer) {
	const tenMinutes = 600_000
	o := twinOutcome{key: txn.Once.Key, asked: asked(txn), answer: a, zxid: t.zxid, due: t.now + tenMinutes, owner: t.session}
	if txn.Ops[0].Kind == OpenSession {
		o.owner = a.ops[0].session
	}
	if txn.Session != nil { // the session may have been none
		o.owner = t.sessions[*txn.Session].owner
	}
	t.outcomes = append(t.outcomes, o)
	for range 16 {
		head := t.outcomes[0]
		if head.due >= t.now {
			break
		}
		t.outcomes = t.outcomes[1:]
		again := slices.ContainsFunc(t.outcomes, func(o twinOutcome) bool { return o.key == head.key })
		if t.lives(head.owner) && !again {
			head.due = t.now + tenMinutes
			t.outcomes = append(t.outcomes, head)
		}
	}
}

// keepFew forgets the oldest outcomes of more than n.
func (t *twin) keepFew(n int) { t.outcomes = t.outcomes[max(0, len(t.outcomes)-n):] }
