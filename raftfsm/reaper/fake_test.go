package reaper

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// fake is a member around a state, without a log: what is proposed is applied at once, or as the test says.
type fake struct {
	testing.TB

	mu      sync.Mutex // guards what follows
	machine *znode.Machine
	state   *znode.State
	term    uint64
	leads   bool
	behind  bool          // no state can be had
	ahead   time.Duration // of this member's clock, for its entries and its reaper
	late    time.Duration // that the clock of the log goes behind that of the reaper
	takes   time.Duration // how long a batch is under way before it is applied
	before  func()        // once, when a batch is about to be applied
	stuck   func(p znode.Path) bool
	failing error // instead of carrying anything out
	lost    error // after having carried it out
	looks   int
	batches []batch
	busy    bool
	reaped  map[znode.Mode]int
}

// batch is what was proposed at a time.
type batch struct {
	at    time.Time
	paths []string
	codes []znode.Code
}

// tell runs a test in a bubble with a reaper on a member that leads, OfficeGrace after it began to.
func tell(t *testing.T, story func(f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{TB: t, machine: znode.NewMachine(), term: 7, leads: true, reaped: map[znode.Mode]int{}}
		f.state = f.machine.State()
		r := Start(Config{Member: f, Now: f.now, Reaped: func(m znode.Mode, n int) { f.reaped[m] += n }})
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(OfficeGrace)
		synctest.Wait()
		story(f)
	})
}

func (f *fake) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.ahead)
}

// set changes the fields, under the lock.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) State() (*znode.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.behind {
		return nil, command.ErrBehind
	}
	return f.state, nil
}

func (f *fake) Office() (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.leads {
		return 0, false
	}
	return f.term, true
}

func (f *fake) ProposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error) {
	cmd := command.Command{Txns: txns}
	if err := cmd.Validate(); err != nil {
		f.Errorf("proposed what nobody may propose: %v", err)
	}
	f.mu.Lock()
	if f.busy {
		f.Error("two batches are under way")
	}
	f.busy = true
	takes, before, failing := f.takes, f.before, f.failing
	f.before = nil
	at := time.Now()
	f.mu.Unlock()
	if takes > 0 {
		select {
		case <-ctx.Done():
			failing = command.ErrUnknown
		case <-time.After(takes):
		}
	}
	if before != nil {
		before()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
	b := batch{at: at}
	var results []*znode.Result
	for i := range txns {
		b.paths = append(b.paths, txns[i].Ops[0].Path.String())
		if failing == nil {
			results = append(results, f.carryOut(&txns[i]))
			b.codes = append(b.codes, results[i].Code)
		}
	}
	f.batches = append(f.batches, b)
	if failing != nil {
		return nil, failing
	}
	return results, f.lost
}

// carryOut applies one transaction; mu is held.
func (f *fake) carryOut(txn *znode.Txn) *znode.Result {
	if p := txn.Ops[0].Path; f.stuck != nil && txn.Ops[0].Kind == znode.Reap && f.stuck(p) {
		r := &znode.Result{Code: znode.BadVersion, Ops: []znode.OpResult{{Code: znode.BadVersion, Node: f.state.Tree.Get(p)}}}
		return r
	}
	f.machine.Advance(time.Now().Add(f.ahead-f.late).UnixMilli(), f.term)
	r := f.machine.Apply(txn)
	f.state = f.machine.State()
	return r
}

// do has a transaction of somebody else carried out.
func (f *fake) do(ops ...znode.Op) {
	f.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.carryOut(&znode.Txn{Ops: ops}); r.Code != znode.OK {
		f.Fatalf("%v: %s", ops, r.Code)
	}
}

// pass lets time pass, and all that is due then.
func (f *fake) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// soon is by when what is due must be gone.
const soon = LookEvery + 2*batchPause

// holds fails the test unless exactly these are there, beside the root.
func (f *fake) holds(want ...string) {
	f.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []string
	for n := range f.state.Tree.Subtree(znode.Root) {
		if !n.Path().IsRoot() {
			got = append(got, n.Path().String())
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		f.Fatalf("there are %q, there should be %q", got, want)
	}
}

// proposed is all that was proposed so far, in order, and forgets it.
func (f *fake) proposed() (all []batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, f.batches = f.batches, nil
	return all
}

func container(p string) znode.Op {
	return znode.CreateOp(znode.MustPath(p), "", znode.Container)
}

func plain(p string) znode.Op { return znode.CreateOp(znode.MustPath(p), "", znode.Persistent) }

func withTTL(p string, ttl time.Duration) znode.Op {
	op := znode.CreateOp(znode.MustPath(p), "", znode.PersistentWithTTL)
	op.TTL = ttl.Milliseconds()
	return op
}

func setData(p string) znode.Op { return znode.SetOp(znode.MustPath(p), "x") }

func remove(p string) znode.Op { return znode.DeleteOp(znode.MustPath(p)) }

// numbered are n ops, one for each path that begins so.
func numbered(prefix string, n int, op func(p string) znode.Op) (ops []znode.Op) {
	for i := range n {
		ops = append(ops, op(fmt.Sprintf("%s%05d", prefix, i)))
	}
	return ops
}
