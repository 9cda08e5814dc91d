package tests

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/harness"
)

// A listing with data is of one state, so two children that only change together are never seen apart.
func TestNobodySeesHalfATransactionWhileMembersAreKilled(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	ops := []wire.Op{{Op: "create", Path: "/pair"}, {Op: "create", Path: "/pair/left"}, {Op: "create", Path: "/pair/right"}}
	if _, err := c.Client(0).Txn(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() { stop(); wg.Wait() })
	var written, seen, changes atomic.Int64
	for i := range c.Members {
		writer, reader := c.Client(i), harness.NewClient(t, c.URLs(i)[0])
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				data := fmt.Sprintf("%d/%d", i, n)
				both := []wire.Op{{Op: "set", Path: "/pair/left", Data: &data}, {Op: "set", Path: "/pair/right", Data: &data}}
				if _, err := writer.Txn(ctx, both); err == nil {
					written.Add(1)
				}
			}
		})
		wg.Go(func() {
			last := ""
			for ctx.Err() == nil {
				p, err := reader.Children(ctx, "/pair", client.ChildrenQuery{WithData: true, WithStat: true})
				if err != nil {
					continue // it may be dead at the moment
				}
				left, right := p.Children[0], p.Children[1]
				if string(left.Data) != string(right.Data) || left.Stat.Mzxid != right.Stat.Mzxid || left.Stat.Version != right.Stat.Version {
					t.Errorf("seen apart: %s in version %d at %d, %s in version %d at %d", left.Data, left.Stat.Version, left.Stat.Mzxid,
						right.Data, right.Stat.Version, right.Stat.Mzxid)
					return
				}
				seen.Add(1)
				if now := strconv.FormatUint(left.Stat.Mzxid, 10); now != last {
					last = now
					changes.Add(1)
				}
			}
		})
	}
	for i := range 3 {
		from := written.Load()
		harness.Eventually(t, harness.SettleTime, "300 further transactions", func() bool { return written.Load() >= from+300 })
		c.Members[i].Restart().Ready()
	}
	stop()
	wg.Wait()
	t.Logf("%d transactions acknowledged, %d reads saw %d different states", written.Load(), seen.Load(), changes.Load())
	if changes.Load() < 10 {
		t.Error("the reads saw hardly any change: they prove nothing")
	}
	c.Equal()
}
