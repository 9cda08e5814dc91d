package httpapi

import (
	"strings"
	"testing"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// applied is a transaction as members carry it out, behind its encoding.
func applied(t *testing.T, m *znode.Machine, txn *znode.Txn) *znode.Result {
	t.Helper()
	var c command.Command
	if err := c.Decode((&command.Command{Seq: 1, Txns: []znode.Txn{*txn}}).Append(nil)); err != nil {
		t.Fatal(err)
	}
	return m.Apply(&c.Txns[0])
}

// The session that a transaction belongs to is told from one that it asks about, also where it asks about it first.
func TestWhichSessionIsOver(t *testing.T) {
	m := znode.NewMachine()
	m.Advance(1000, 1)
	alive, over := znode.SessionKey{1}, znode.SessionKey{2}
	m.Apply(single(znode.OpenSessionOp(alive, 10_000)))
	for what, tt := range map[string]struct {
		key  znode.SessionKey
		op   znode.Op
		want bool
	}{
		"its own, which it asks about":       {over, znode.CheckSessionOp(0), true},
		"its own, while it asks for another": {over, znode.CheckSessionOp(1), true},
		"its own":                            {over, znode.CheckOp(znode.Root), true},
		"another":                            {alive, znode.CheckSessionOp(99), false},
	} {
		txn := single(tt.op)
		txn.Session = &tt.key
		if got := applied(t, m, txn).SessionOver; got != tt.want {
			t.Errorf("%s: own is %t", what, got)
		}
		txn.Once = znode.NewOnce(what, txn)
		for _, replayed := range []bool{false, true} {
			if r := applied(t, m, txn); r.SessionOver != tt.want || r.Replayed != replayed {
				t.Errorf("%s, under a key: own is %t, replayed %t", what, r.SessionOver, r.Replayed)
			}
		}
	}
}

// However many lines there are, what a batch may have all members do in one step is bounded; one line alone always fits.
func TestABatchHasSoMuchWork(t *testing.T) {
	deep := znode.CreateOp(znode.MustPath(strings.Repeat("/d", znode.MaxPathDepth)), "", znode.Persistent)
	deep.Parents = true
	for what, tt := range map[string]struct {
		op       znode.Op
		ops, fit int
	}{
		"recursive deletes": {znode.DeleteTreeOp(znode.MustPath("/a")), 1, 3},
		"many in each":      {znode.DeleteTreeOp(znode.MustPath("/a")), 50, 3},
		"lists":             {znode.ChildrenOp(znode.Root), 1, 79},
		"parents":           {deep, 10, 31},
		"sets":              {znode.SetOp(znode.Root, ""), 1, command.MaxBatchTxns},
	} {
		var b batch
		fit := 0
		for ; ; fit++ {
			l := pipeLine{number: uint64(fit + 1), bytes: 100}
			for range tt.ops {
				l.txn.Ops = append(l.txn.Ops, tt.op)
			}
			if !b.add(&l) {
				break
			}
		}
		if fit != tt.fit {
			t.Errorf("%s: %d lines, want %d", what, fit, tt.fit)
		}
	}
}
