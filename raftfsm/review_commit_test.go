package raftfsm_test

import (
	"context"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// full is what a disk without space answers: nothing became of the write, and the member goes on.
var full = &fs.PathError{Op: "write", Path: "raft.db", Err: syscall.ENOSPC}

// A leader that was cut off has entries nobody else has. When it is back, its disk is full, so it cannot drop them for a
// long time. Its new leader must not walk back through its log meanwhile and have it commit what it should have dropped.
func TestADeposedLeaderWithAFullDiskDoesNotCommitWhatWasReplaced(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old := c.Leader()
		for i := range 100 {
			must(t, c, old, znode.PutOp(path("/a"), fmt.Sprint(i)))
		}
		c.Settle()
		c.Isolate(old)
		outcome := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := c.Node(old).Propose(ctx, &znode.Txn{Ops: []znode.Op{znode.PutOp(path("/lost"), "x")}})
			outcome <- err
		}()
		c.WaitLeader(old)
		for i := range 200 {
			must(t, c, c.Leader(), znode.PutOp(path("/a"), fmt.Sprint("new ", i)))
		}
		c.Disk(old).Break(full)
		c.Heal()
		for range 20 {
			time.Sleep(time.Minute)
			if s, err := c.Node(old).State(); err == nil && data(s, "/lost") != "" {
				t.Fatalf("it holds a write that the cluster does not, after its call ended so: %v\n%s", <-outcome, c.Describe())
			}
		}
		c.Disk(old).Break(nil)
		cancel()
		<-outcome
		if s := c.Settle(); data(s, "/lost") != "" {
			t.Errorf("the write came back")
		}
	})
}
