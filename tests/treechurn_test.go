package tests

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

const (
	// treeWriters write while a tree is exported, to treeSlots znodes at each of its ends.
	treeWriters, treeSlots = 4, 100
	// treePause is how long each rests between two writes.
	treePause = 2 * time.Millisecond
)

// change is what a transaction left of a znode.
type change struct {
	zxid  uint64
	data  string
	there bool
}

// treeChurn changes znodes while a tree is exported, and remembers what was at which zxid.
type treeChurn struct {
	t *testing.T

	mu      sync.Mutex // guards what follows
	changes map[string][]change
	busy    bool               // an export is under way
	took    [2][]time.Duration // of writes, without an export and with one
}

func (ch *treeChurn) note(begun time.Time, zxid uint64, paths []string, data string, there bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	kind := 0
	if ch.busy {
		kind = 1
	}
	ch.took[kind] = append(ch.took[kind], time.Since(begun))
	for _, p := range paths {
		ch.changes[p] = append(ch.changes[p], change{zxid, data, there})
	}
}

func (ch *treeChurn) exporting(is bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.busy = is
}

// write does one transaction of two changes at opposite ends of the tree, or one of one.
func (ch *treeChurn) write(c *client.Client, writer, n int) {
	// Each writer has slots of its own, so that none is refused.
	slot := writer + treeWriters*rand.IntN(treeSlots/treeWriters)
	paths := []string{fmt.Sprintf("/t/a/%03d", slot), fmt.Sprintf("/t/z/%03d", slot)}
	data := fmt.Sprintf("%d by %d", n, writer)
	var done *client.TxnDone
	var err error
	begun := time.Now()
	ch.mu.Lock()
	last := ch.changes[paths[0]]
	there := len(last) > 0 && last[len(last)-1].there
	ch.mu.Unlock()
	switch {
	case !there:
		done, err = c.Txn(ch.t.Context(), []wire.Op{{Op: "create", Path: paths[0], Data: &data}, {Op: "create", Path: paths[1], Data: &data}})
	case n%3 == 0:
		done, err = c.Txn(ch.t.Context(), []wire.Op{{Op: "delete", Path: paths[0]}, {Op: "delete", Path: paths[1]}})
	default:
		done, err = c.Txn(ch.t.Context(), []wire.Op{{Op: "set", Path: paths[0], Data: &data}, {Op: "set", Path: paths[1], Data: &data}})
	}
	if err != nil {
		ch.t.Errorf("a write: %v", err)
		return
	}
	ch.note(begun, done.Zxid, paths, data, !there || n%3 != 0)
}

// at is what the churn left at a zxid.
func (ch *treeChurn) at(zxid uint64) map[string]string {
	out := map[string]string{}
	for path, all := range ch.changes {
		for _, c := range all {
			switch {
			case c.zxid > zxid:
			case c.there:
				out[path] = c.data
			default:
				delete(out, path)
			}
		}
	}
	return out
}
