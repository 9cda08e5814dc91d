package raftfsm_test

import (
	"fmt"
	"strings"
	"testing"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// The largest transaction there can be goes through a follower as through the leader, and holds up no other write.
func TestTheLargestTransactionGoesThroughAFollower(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		f := c.Followers()[0]
		name := "/" + strings.Repeat("x", znode.MaxPathBytes-6)
		ops := make([]znode.Op, znode.MaxTxnOps)
		for i := range ops {
			ops[i] = znode.CreateOp(path(fmt.Sprintf("%s%05d", name, i)), strings.Repeat("d", znode.MaxTxnBytes/znode.MaxTxnOps), znode.Persistent)
		}
		must(t, c, f, ops...)
		tags := make([]znode.Tag, znode.MaxTags)
		for i := range tags {
			tags[i] = znode.Tag{Version: 1<<63 - 1, Czxid: 1<<63 - 1}
		}
		tags[znode.MaxTags-1] = znode.Tag{}
		for i := range ops {
			ops[i] = znode.SetOp(ops[i].Path, ops[i].Data, tags...)
		}
		must(t, c, f, ops...)
	})
}
