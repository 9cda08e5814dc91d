package tests

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
	"holt/tests/harness"
	"holt/tests/properties"
)

const (
	// churnPause is how long a writer rests between two writes: even a long run must fit in the history, which is what
	// streams are compared with.
	churnPause = 20 * time.Millisecond
	// churnPatience is how long a writer waits for the outcome of a write.
	churnPatience = 5 * time.Second
	// shelves are the znodes that stay, each with as many places below it where children come and go.
	shelves, places = 4, 3
)

func shelf(i int) string { return fmt.Sprintf("/app/shelf%d", i) }

func place(i, j int) string { return fmt.Sprintf("%s/place%d", shelf(i), j) }

// churn makes, changes and deletes znodes of a small tree through all members, and remembers what was acknowledged.
type churn struct {
	t    *testing.T
	c    *harness.Cluster
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	acked map[uint64][]string
	doubt int // writes without an answer
}

// startChurn begins to write, with two writers on each member, which ask the others when theirs cannot answer.
func startChurn(t *testing.T, c *harness.Cluster) *churn {
	t.Helper()
	ch := &churn{t: t, c: c, acked: map[uint64][]string{}}
	create := []wire.Op{{Op: "create", Path: "/app"}}
	for i := range shelves {
		create = append(create, wire.Op{Op: "create", Path: shelf(i)})
	}
	if _, err := c.Client(0).Txn(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ch.stop = stop
	for i := range 2 * len(c.Members) {
		ch.wg.Go(func() { ch.run(ctx, i) })
	}
	t.Cleanup(func() { stop(); ch.wg.Wait() })
	return ch
}

// run writes until ctx ends. It asks the member of this number first, and the next one when that gave no answer.
func (ch *churn) run(ctx context.Context, first int) {
	rest := time.NewTicker(churnPause)
	defer rest.Stop()
	for ; ctx.Err() == nil; first++ {
		c, err := client.New(client.Config{Endpoints: ch.c.URLs(first % len(ch.c.Members)), Timeout: churnPatience})
		if err != nil {
			ch.t.Error(err)
			return
		}
		for ctx.Err() == nil && ch.write(ctx, c) {
			select {
			case <-rest.C:
			case <-ctx.Done():
			}
		}
		c.Close()
	}
}

// write does one thing somewhere and says whether there was an answer.
func (ch *churn) write(ctx context.Context, c *client.Client) bool {
	i, j := rand.IntN(shelves), rand.IntN(places)
	at, other := place(i, j), place(rand.IntN(shelves), rand.IntN(places))
	var err error
	switch rand.IntN(6) {
	case 0, 1:
		var w *client.Written
		if w, err = c.Put(ctx, at, []byte("new"), client.CreateOnly()); err == nil {
			ch.ack(w.Zxid, "NodeCreated "+at)
		}
	case 2:
		var w *client.Written
		if w, err = c.Put(ctx, shelf(i), []byte("set"), client.Exists()); err == nil {
			ch.ack(w.Zxid, "NodeDataChanged "+shelf(i))
		}
	case 3:
		var z uint64
		if z, err = c.Delete(ctx, at, client.Any()); err == nil {
			ch.ack(z, "NodeDeleted "+at)
		}
	default: // one goes, another comes
		if at == other {
			return true
		}
		var done *client.TxnDone
		data := "moved"
		done, err = c.Txn(ctx, []wire.Op{{Op: "delete", Path: at}, {Op: "create", Path: other}, {Op: "set", Path: other, Data: &data}})
		if err == nil {
			ch.ack(done.Zxid, "NodeDeleted "+at, "NodeCreated "+other, "NodeDataChanged "+other)
		}
	}
	switch {
	case err == nil, errors.Is(err, client.NodeExists), errors.Is(err, client.NoNode), ctx.Err() != nil:
	case errors.Is(err, client.OutcomeUnknown):
		ch.mu.Lock()
		ch.doubt++
		ch.mu.Unlock()
		return false
	case errors.Is(err, client.Unreachable), errors.Is(err, client.NoLeader), errors.Is(err, client.Behind):
	default:
		ch.t.Errorf("a write at %s: %v", at, err)
	}
	return true
}

func (ch *churn) ack(z uint64, events ...string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.acked[z] != nil {
		ch.t.Errorf("zxid %d was acknowledged twice, for %v and %v", z, ch.acked[z], events)
	}
	ch.acked[z] = events
}

func (ch *churn) count() int {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return len(ch.acked)
}

// goOn waits until this many further writes were acknowledged.
func (ch *churn) goOn(n int) {
	ch.t.Helper()
	from := ch.count()
	harness.Eventually(ch.t, harness.SettleTime, fmt.Sprintf("%d further writes", n), func() bool { return ch.count() >= from+n })
}

// end stops the writers and gives the last zxid that was acknowledged to one of them, of a transaction that touches
// every place.
func (ch *churn) end() uint64 {
	ch.t.Helper()
	ch.stop()
	ch.wg.Wait()
	c := ch.c.Client(0)
	var last uint64
	for i := range shelves {
		for j := range places {
			if _, err := c.Put(ch.t.Context(), place(i, j), []byte("last"), client.Any()); err != nil {
				ch.t.Fatal(err)
			}
			z, err := c.Delete(ch.t.Context(), place(i, j), client.Any())
			if err != nil {
				ch.t.Fatal(err)
			}
			last = z
		}
	}
	ch.t.Logf("%d writes acknowledged, %d without an answer", len(ch.acked), ch.doubt)
	return last
}

// holds checks that all that was acknowledged happened, at its zxid, and as it was asked for.
func (ch *churn) holds(truth *properties.Truth) {
	ch.t.Helper()
	happened := map[uint64][]string{}
	for _, r := range truth.Records {
		for _, e := range r.Events {
			if e.Type != znode.NodeChildrenChanged {
				happened[uint64(r.Zxid)] = append(happened[uint64(r.Zxid)], fmt.Sprintf("%s %s", e.Type, e.Path))
			}
		}
	}
	for _, z := range slices.Sorted(maps.Keys(ch.acked)) {
		if !slices.Equal(happened[z], ch.acked[z]) {
			ch.t.Errorf("zxid %d was acknowledged for %v, the history has %v", z, ch.acked[z], happened[z])
		}
	}
}
