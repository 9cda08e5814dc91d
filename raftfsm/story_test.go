package raftfsm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// story runs a test in a bubble with a cluster that is ready.
func story(t *testing.T, cfg raftfsmtest.Config, tell func(t *testing.T, c *raftfsmtest.Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := raftfsmtest.New(t, cfg)
		c.WaitReady()
		tell(t, c)
	})
}

// propose has one op carried out through member i, within the time given.
func propose(t *testing.T, c *raftfsmtest.Cluster, i int, within time.Duration, ops ...znode.Op) (*znode.Result, error) {
	t.Helper()
	n := c.Node(i)
	if n == nil {
		t.Fatalf("%s is down", c.Name(i))
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return n.Propose(ctx, &znode.Txn{Ops: ops})
}

// must is propose that has to be done.
func must(t *testing.T, c *raftfsmtest.Cluster, i int, ops ...znode.Op) *znode.Result {
	t.Helper()
	r, err := propose(t, c, i, time.Minute, ops...)
	if err != nil || r.Code != znode.OK {
		t.Fatalf("through %s: %+v, %v\n%s", c.Name(i), r, err, c.Describe())
	}
	return r
}

func path(s string) znode.Path { return znode.MustPath(s) }

// sequential creates the next znode named /n and a number.
func sequential(data string) znode.Op {
	p, err := znode.ParsePrefix("/n")
	if err != nil {
		panic(err)
	}
	return znode.CreateSequentialOp(p, data, znode.PersistentSequential)
}

// data is what is at p in s, "" when nothing is.
func data(s *znode.State, p string) string {
	if n := s.Tree.Get(path(p)); n != nil {
		return n.Data()
	}
	return ""
}

// linearizable reads through member i.
func linearizable(t *testing.T, c *raftfsmtest.Cluster, i int, within time.Duration) (*znode.State, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return c.Node(i).Linearizable(ctx)
}

// writers write sequential znodes through all members given, each with its own name in the data, until they are stopped.
type writers struct {
	wg    sync.WaitGroup
	stop  chan struct{}
	pause time.Duration // of each writer between two writes

	mu      sync.Mutex // guards the fields below
	done    map[string]bool
	unknown map[string]bool
	errs    map[error]int
}

// write starts per writers on each of the members. A write's ctx ends after within.
func write(c *raftfsmtest.Cluster, members []int, per int, within time.Duration) *writers {
	return writeEvery(c, time.Millisecond, members, per, within)
}

// writeEvery is write by writers who pause between two writes.
func writeEvery(c *raftfsmtest.Cluster, pause time.Duration, members []int, per int, within time.Duration) *writers {
	w := &writers{stop: make(chan struct{}), pause: pause, done: map[string]bool{}, unknown: map[string]bool{}, errs: map[error]int{}}
	for _, m := range members {
		for k := range per {
			w.wg.Go(func() { w.run(c, m, fmt.Sprintf("m%d.%d", m, k), within) })
		}
	}
	return w
}

func (w *writers) run(c *raftfsmtest.Cluster, m int, name string, within time.Duration) {
	for i := 0; ; i++ {
		select {
		case <-w.stop:
			return
		default:
		}
		n := c.Node(m)
		if n == nil {
			time.Sleep(time.Millisecond)
			continue
		}
		id := fmt.Sprintf("%s.%d", name, i)
		ctx, cancel := context.WithTimeout(context.Background(), within)
		_, err := n.Propose(ctx, &znode.Txn{Ops: []znode.Op{sequential(id)}})
		cancel()
		w.mu.Lock()
		switch {
		case err == nil:
			w.done[id] = true
		case errors.Is(err, command.ErrUnknown):
			w.unknown[id] = true
		}
		if err != nil {
			w.errs[err]++
		}
		w.mu.Unlock()
		time.Sleep(w.pause)
	}
}

// halt stops the writers and waits for them.
func (w *writers) halt() {
	close(w.stop)
	w.wg.Wait()
}

// check holds the end state to what the writers were told: what was done is there once, what is unknown at most once, and
// nothing else is.
func (w *writers) check(t *testing.T, s *znode.State) {
	t.Helper()
	seen := map[string]int{}
	for n := range s.Tree.Children(znode.Root, "") {
		if strings.HasPrefix(n.Name(), "n") {
			seen[n.Data()]++
		}
	}
	for id := range w.done {
		if seen[id] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", id, seen[id])
		}
	}
	for id, times := range seen {
		if times > 1 || !w.done[id] && !w.unknown[id] {
			t.Errorf("%s is there %d times; acknowledged: %t, unknown: %t", id, times, w.done[id], w.unknown[id])
		}
	}
}

func TestAClusterElectsALeaderAndTakesWritesOnEveryMember(t *testing.T) {
	for _, members := range []int{1, 2, 3, 5} {
		t.Run(fmt.Sprint(members), func(t *testing.T) {
			story(t, raftfsmtest.Config{Members: members}, func(t *testing.T, c *raftfsmtest.Cluster) {
				for i := range c.Len() {
					p := fmt.Sprintf("/from%d", i)
					r := must(t, c, i, znode.CreateOp(path(p), "x", znode.Persistent))
					// Whoever was answered reads its own write on its own member, at once.
					s, err := c.Node(i).State()
					if err != nil || s.Zxid < r.Zxid || data(s, p) != "x" {
						t.Fatalf("after its own write: %v, %v", s, err)
					}
					for j := range c.Len() {
						s, err := linearizable(t, c, j, time.Second)
						if err != nil || data(s, p) != "x" {
							t.Fatalf("%s wrote, %s reads: %v, %v", c.Name(i), c.Name(j), s, err)
						}
					}
				}
				if s := c.Settle(); s.Tree.Len() != 1+members {
					t.Errorf("%d znodes", s.Tree.Len())
				}
			})
		})
	}
}

func TestWritesUnderLoadAreAllThereOnce(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := write(c, []int{0, 1, 2}, 20, time.Minute)
		time.Sleep(500 * time.Millisecond)
		w.halt()
		w.check(t, c.Settle())
		if len(w.errs) > 0 || len(w.done) < 60 {
			t.Errorf("%d done, errors %v", len(w.done), w.errs)
		}
	})
}

// clearAll deletes the znodes of earlier rounds.
func clearAll(t *testing.T, c *raftfsmtest.Cluster) {
	t.Helper()
	l := c.WaitLeader()
	s, err := linearizable(t, c, l, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for n := range s.Tree.Children(znode.Root, "") {
		must(t, c, l, znode.DeleteOp(n.Path()))
	}
}
