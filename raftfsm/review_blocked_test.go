package raftfsm_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// A follower that has filled its connection to a leader that is cut off may be the next leader: it must not wait for room in
// that connection before it leads.
func TestAFullConnectionToALostLeaderDoesNotHoldUpTheNext(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old, followers := c.Leader(), c.Followers()
		for _, f := range followers {
			must(t, c, f, znode.PutOp(path("/a"), "connects"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		c.Isolate(old)
		large := strings.Repeat("x", znode.MaxDataBytes)
		start := time.Now()
		for _, f := range followers {
			for range 24 {
				wg.Go(func() { _, _ = c.Node(f).Propose(ctx, &znode.Txn{Ops: []znode.Op{znode.PutOp(path("/b"), large)}}) })
			}
		}
		next := c.WaitLeader(old)
		led := time.Since(start)
		if _, err := linearizable(t, c, next, time.Minute); err != nil {
			t.Error(err)
		}
		if took := time.Since(start) - led; took > time.Second {
			t.Errorf("elected after %v, but led only %v later", led, took)
		}
		cancel()
		wg.Wait()
	})
}
