package raftfsm_test

import (
	"testing"
	"testing/synctest"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// The first start writes the term, then the list of members. One that died in between must not leave members that know of
// nobody, not even of themselves, and never elect a leader.
func TestAFirstStartThatDiedHalfwayIsFinishedByTheNext(t *testing.T) {
	for _, members := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			c := raftfsmtest.NewStopped(t, raftfsmtest.Config{Members: members})
			for i := range c.Len() {
				if err := c.Disk(i).SetUint64([]byte("CurrentTerm"), 1); err != nil {
					t.Fatal(err)
				}
				c.Start(i)
			}
			c.WaitReady()
			must(t, c, 0, znode.PutOp(path("/a"), "b"))
			c.Restart(0)
			if s := c.Settle(); data(s, "/a") != "b" {
				t.Errorf("the write is gone")
			}
		})
	}
}
