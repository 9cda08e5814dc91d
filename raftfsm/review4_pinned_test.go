package raftfsm

import (
	"runtime"
	"strings"
	"testing"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// What was decoded to be applied is let go of: commands that are each a little smaller than the one before leave nothing behind in
// the room they share.
func TestAppliedCommandsAreLetGoOf(t *testing.T) {
	const entries, size = 64, 1 << 20
	big := znode.Txn{Ops: []znode.Op{znode.SetOp(znode.Root, strings.Repeat("x", size))}}
	small := znode.Txn{Ops: []znode.Op{znode.CheckOp(znode.Root)}}
	for what, commands := range map[string]func(n int) [][]byte{
		"ops": func(n int) [][]byte {
			var ops []znode.Op
			for range n {
				ops = append(ops, small.Ops...)
			}
			c := command.Command{Seq: 1, Txns: []znode.Txn{{Ops: append(ops, big.Ops...)}}}
			return [][]byte{c.Append(nil)}
		},
		"transactions": func(n int) [][]byte {
			var txns []znode.Txn
			for range n {
				txns = append(txns, small)
			}
			c := command.Command{Seq: 1, Txns: append(txns, big)}
			return [][]byte{c.Append(nil)}
		},
		"commands": func(n int) (all [][]byte) {
			for range n {
				all = append(all, (&command.Command{Seq: 1, Txns: []znode.Txn{small}}).Append(nil))
			}
			return append(all, (&command.Command{Seq: 1, Txns: []znode.Txn{big}}).Append(nil))
		},
	} {
		f, _ := newTestFSM()
		before := inUse()
		for i := range entries {
			f.apply(entryOf(uint64(i+1), 1, 1, 10, commands(entries-i)...))
		}
		if kept := inUse() - before; kept > entries*size/4 {
			t.Errorf("%s: %d MiB are kept of %d entries", what, kept>>20, entries)
		}
		runtime.KeepAlive(f)
	}
}

// inUse is how many bytes are in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
