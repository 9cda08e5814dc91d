package raftfsm_test

import (
	"strings"
	"testing"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// What members could not decode must not get into the log, or it ends every one of them, for ever. On the leader nothing
// else looks at a command before it is there.
func TestWhatCannotBeDecodedIsNotProposed(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1}, func(t *testing.T, c *raftfsmtest.Cluster) {
		mega := strings.Repeat("x", znode.MaxDataBytes)
		put := func(data string) znode.Op { return znode.PutOp(path("/a"), data) }
		for name, ops := range map[string][]znode.Op{
			"no ops":            nil,
			"too many ops":      make([]znode.Op, znode.MaxTxnOps+1),
			"no kind":           {{}},
			"too much data":     {put(mega + "x")},
			"too much together": {put(mega), put(mega), put(mega), put(mega), put("x")},
			"too many tags":     {znode.SetOp(path("/a"), "", make([]znode.Tag, znode.MaxTags+1)...)},
			"a mode of later":   {znode.CreateOp(path("/a"), "", znode.Ephemeral)},
		} {
			if r, err := c.Node(0).Propose(t.Context(), &znode.Txn{Ops: ops}); err == nil {
				t.Errorf("%s: %+v", name, r)
			}
		}
		must(t, c, 0, put(mega), put(mega), put(mega), put(mega))
	})
}
