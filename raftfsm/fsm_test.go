package raftfsm

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// newTestFSM is an FSM and what it tells.
func newTestFSM() (*fsm, *Node) {
	o, n := newBox()
	n.size = &logSize{limit: 1 << 40, state: func() int64 { return 0 }}
	return newFSM(quiet, n.progress, n.calls, o, n.size), n
}

// entryOf is a raft entry of raftTerm that was stamped with term, with these commands.
func entryOf(index, raftTerm, term uint64, now int64, commands ...[]byte) *raft.Log {
	e := command.Entry{Term: term, Time: now, Commands: commands}
	return &raft.Log{Index: index, Term: raftTerm, Type: raft.LogCommand, Data: e.Append(nil)}
}

func encoded(t *testing.T, s *znode.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAnEntryOfAnotherTermIsVoid(t *testing.T) {
	f, n := newTestFSM()
	c := startAll(t, n.calls, 1)[0]
	n.calls.send([]*call{c}, way{term: 4})
	f.ApplyBatch([]*raft.Log{entryOf(1, 5, 5, 10)}) // in the member's own term nothing of the call is known yet
	n.outbox.take(10, 1000)                         // it came back: its term is over
	n.calls.send([]*call{c}, way{term: 5})
	f.ApplyBatch([]*raft.Log{entryOf(2, 6, 5, 10, c.body)})
	v := n.progress.now.Load()
	if v.state.Zxid != 0 || v.index != 2 || v.term != 6 {
		t.Errorf("a void entry was carried out: zxid %d at %d", v.state.Zxid, v.index)
	}
	if c.stage != waiting || len(n.outbox.queue) != 1 {
		t.Errorf("its call: stage %d, %d in the outbox", c.stage, len(n.outbox.queue))
	}
	n.calls.send(n.outbox.take(10, 1000), way{term: 6})
	f.ApplyBatch([]*raft.Log{entryOf(3, 6, 6, 10, c.body)})
	if o := <-c.done; o.err != nil || o.results[0].Zxid != 1 {
		t.Errorf("proposed again: %+v", o)
	}
}

// A void entry in the term the member already knows: nothing but its content says that the call will not be carried out.
func TestACallInAVoidEntryOfTheSameTermComesBack(t *testing.T) {
	f, n := newTestFSM()
	f.ApplyBatch([]*raft.Log{entryOf(1, 6, 6, 10)})
	c := startAll(t, n.calls, 1)[0]
	n.calls.send([]*call{c}, way{term: 5}) // the role was read just before the election
	f.ApplyBatch([]*raft.Log{entryOf(2, 6, 5, 10, c.body)})
	if c.stage != waiting || len(n.outbox.queue) != 1 {
		t.Errorf("stage %d, %d in the outbox", c.stage, len(n.outbox.queue))
	}
}

// However entries fall into batches, what is published after the same entry is the same, byte for byte.
func TestBatchesDoNotShowInTheState(t *testing.T) {
	var logs []*raft.Log
	body := func(i int) []byte {
		cmd := command.Command{Origin: 1, Seq: uint64(i), Txns: []znode.Txn{*putTxn(fmt.Sprint(i))}}
		if i%3 == 0 {
			cmd.Txns[0] = znode.Txn{Ops: []znode.Op{znode.DeleteOp(znode.MustPath("/not/there"))}} // changes nothing
		}
		return cmd.Append(nil)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		now := 1000 + int64(i)*10 - rng.Int64N(50) // the clock may go back
		if i%5 == 0 {
			logs = append(logs, entryOf(uint64(i+1), 1, 1, now)) // an Epoch
		} else {
			logs = append(logs, entryOf(uint64(i+1), 1, 1, now, body(i)))
		}
	}
	one, n1 := newTestFSM()
	for round := range 20 {
		many, n2 := newTestFSM()
		for i := 0; i < len(logs); {
			k := min(1+rng.IntN(7), len(logs)-i)
			many.ApplyBatch(logs[i : i+k])
			i += k
			if round == 0 {
				one.ApplyBatch(logs[i-k : i-k+1])
				for j := i - k + 1; j < i; j++ {
					one.Apply(logs[j])
				}
			}
		}
		if a, b := encoded(t, n1.progress.now.Load().state), encoded(t, n2.progress.now.Load().state); !bytes.Equal(a, b) {
			t.Fatalf("round %d: states differ:\n%x\n%x", round, a, b)
		}
	}
	// An entry that changes nothing leaves the state as it was, its time too: members at one zxid have the same bytes,
	// however much of the log after it each has applied.
	f, n := newTestFSM()
	f.ApplyBatch([]*raft.Log{entryOf(1, 1, 1, 77)})
	if got := n.progress.now.Load().state.Time; got != 0 {
		t.Errorf("time %d after an entry that changed nothing", got)
	}
}

func TestADamagedEntryStopsTheMember(t *testing.T) {
	whole := entryOf(1, 1, 1, 1, (&command.Command{Txns: []znode.Txn{*putTxn("x")}}).Append(nil))
	for i := range whole.Data {
		func() {
			f, _ := newTestFSM()
			l := *whole
			l.Data = bytes.Clone(whole.Data)
			l.Data[i] ^= 0x40
			defer func() {
				if recover() == nil {
					t.Errorf("byte %d flipped, and nobody noticed", i)
				}
			}()
			f.ApplyBatch([]*raft.Log{&l})
		}()
	}
}

func TestASnapshotIsReadAsItWasWritten(t *testing.T) {
	f, n := newTestFSM()
	f.ApplyBatch([]*raft.Log{entryOf(0x0102030405060708, 0x1112131415161718, 0x1112131415161718, 42, (&command.Command{Txns: []znode.Txn{*putTxn("x")}}).Append(nil))})
	v := n.progress.now.Load()
	var b bytes.Buffer
	if err := writeSnapshot(&b, v); err != nil {
		t.Fatal(err)
	}
	const golden = "686f6c74736e617001" + "0102030405060708" + "1112131415161718" // magic and version, index, term
	if got := hex.EncodeToString(b.Bytes()[:snapshotHead]); got != golden {
		t.Errorf("head %s\nwant %s", got, golden)
	}
	got, err := readSnapshot(bytes.NewReader(b.Bytes()))
	if err != nil || got.index != v.index || got.term != v.term || !bytes.Equal(encoded(t, got.state), encoded(t, v.state)) {
		t.Errorf("read back: %+v, %v", got, err)
	}
	for k := range b.Len() {
		if v, err := readSnapshot(bytes.NewReader(b.Bytes()[:k])); err == nil {
			t.Fatalf("cut to %d of %d bytes: %+v", k, b.Len(), v)
		}
	}
	other := bytes.Clone(b.Bytes())
	other[len(snapshotMagic)]++
	if _, err := readSnapshot(bytes.NewReader(other)); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("another version: %v", err)
	}
}

func TestRestoreReplacesEverything(t *testing.T) {
	f, n := newTestFSM()
	f.ApplyBatch([]*raft.Log{entryOf(7, 3, 3, 42, (&command.Command{Txns: []znode.Txn{*putTxn("x")}}).Append(nil))})
	var b bytes.Buffer
	if err := writeSnapshot(&b, n.progress.now.Load()); err != nil {
		t.Fatal(err)
	}
	g, m := newTestFSM()
	calls := startAll(t, m.calls, 2)
	m.calls.send(calls[:1:1], way{term: 2})
	if err := g.Restore(readCloser{bytes.NewReader(b.Bytes())}); err != nil {
		t.Fatal(err)
	}
	if v := m.progress.now.Load(); v.index != 7 || v.term != 3 || v.state.Zxid != 1 || stages(calls) != "ew" {
		t.Errorf("%+v, stages %s", v, stages(calls))
	}
	// The clock goes on from the snapshot's.
	g.ApplyBatch([]*raft.Log{entryOf(8, 3, 3, 41)})
	f.ApplyBatch([]*raft.Log{entryOf(8, 3, 3, 41)})
	if !bytes.Equal(encoded(t, n.progress.now.Load().state), encoded(t, m.progress.now.Load().state)) {
		t.Error("states differ after the next entry")
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func TestProgressWakesWhomItSatisfies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &progress{}
		at := func(i uint64) *view { return &view{state: &znode.State{Zxid: znode.Zxid(i)}, index: 10 * i} }
		p.publish(at(1))
		rng := rand.New(rand.NewPCG(3, 4))
		type woken struct{ wanted, got uint64 }
		done := make(chan woken, 1000)
		wait := func(z uint64, byIndex bool, ctx context.Context) {
			var v *view
			if byIndex {
				v = p.atIndex(ctx, 10*z)
			} else {
				v = p.atZxid(ctx, znode.Zxid(z))
			}
			if v == nil {
				done <- woken{z, 0}
			} else {
				done <- woken{z, uint64(v.state.Zxid)}
			}
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		left := map[uint64]int{}
		for range 300 {
			z := 2 + rng.Uint64N(20)
			left[z]++
			byIndex := rng.IntN(2) == 0
			go wait(z, byIndex, t.Context())
			go wait(1000+z, byIndex, short)
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		for range 300 {
			if w := <-done; w.wanted < 1000 || w.got != 0 {
				t.Fatalf("ended with its ctx: %+v", w)
			}
		}
		for z := uint64(2); z < 22; z++ {
			p.publish(at(z))
			synctest.Wait()
			for range left[z] {
				if w := <-done; w.wanted != z || w.got != z {
					t.Fatalf("at %d: %+v", z, w)
				}
			}
			if len(done) > 0 {
				t.Fatalf("at %d: too many", z)
			}
		}
		if len(p.byZxid)+len(p.byPos) != 0 {
			t.Error("waiters are left")
		}
	})
}

func TestWaitersAreAHeap(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var q waiters
	var all []*waiter
	for range 500 {
		if rng.IntN(3) == 0 && len(all) > 0 {
			i := rng.IntN(len(all))
			if all[i].slot < 0 || q[all[i].slot] != all[i] {
				t.Fatal("a waiter does not know its slot")
			}
			heap.Remove(&q, all[i].slot)
			all = append(all[:i], all[i+1:]...)
			continue
		}
		w := &waiter{at: rng.Uint64N(100), woken: make(chan struct{})}
		heap.Push(&q, w)
		all = append(all, w)
	}
	q.wake(50)
	for _, w := range all {
		select {
		case <-w.woken:
			if w.at > 50 || w.slot != -1 {
				t.Errorf("woken: %d", w.at)
			}
		default:
			if w.at <= 50 {
				t.Errorf("not woken: %d", w.at)
			}
		}
	}
}

// A read may share a round with others only if it was there before the round began.
func TestARoundBeginsAfterAllWhoShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Uint64
		rs := &rounds{ctx: t.Context(), spawn: func(f func()) { go f() }}
		rs.ask = func(context.Context) (uint64, error) {
			index := asked.Add(1) // what is seen when the round begins
			time.Sleep(10 * time.Millisecond)
			return index, nil
		}
		rng := rand.New(rand.NewPCG(7, 8))
		const readers = 300
		ends := make(chan struct{})
		for range readers {
			pause := time.Duration(rng.IntN(100e6))
			go func() {
				time.Sleep(pause)
				begun := asked.Load()
				if index, err := rs.index(t.Context()); err != nil || index <= begun {
					t.Errorf("round %d had begun, and the read was given round %d, %v", begun, index, err)
				}
				ends <- struct{}{}
			}()
		}
		for range readers {
			<-ends
		}
		if asked := asked.Load(); asked > 15 {
			t.Errorf("%d rounds for %d readers within ten rounds' time", asked, readers)
		}
		synctest.Wait()
		rs.close()
		if _, err := rs.index(t.Context()); err == nil {
			t.Error("a round after close")
		}
	})
}

func TestALogIsCompactedBySize(t *testing.T) {
	due, state := 0, int64(0)
	s := &logSize{limit: 1000, due: func() { due++ }, state: func() int64 { return state }}
	entry := func(size int) []*raft.Log { return []*raft.Log{{Data: make([]byte, size)}} }
	s.applied(entry(1000))
	if due != 0 {
		t.Error("at the limit")
	}
	s.applied(entry(1))
	if due != 1 {
		t.Error("not past the limit")
	}
	s.applied(entry(5000))
	if due != 1 {
		t.Error("again while one is being taken")
	}
	s.running.Store(false)
	s.applied(entry(1))
	if due != 2 {
		t.Error("what was applied meanwhile does not count")
	}
	s.running.Store(false)
	state = 1 << 20
	s.applied(entry(5000))
	if due != 2 {
		t.Error("a large state is written out for a small log")
	}
	s.applied(entry(1 << 20))
	if due != 3 {
		t.Error("not when the log is as large as the state")
	}
}

func TestHowMuchLogIsKept(t *testing.T) {
	tests := []struct {
		entries, bytes int64
		want           uint64
	}{
		{1_000_000, 100_000_000, MaxTrailingLogs},
		{10_000, SnapshotBytes, 10_000 / TrailingShare},
		{150, SnapshotBytes, MinTrailingLogs},
		{0, 0, MinTrailingLogs},
	}
	for _, tt := range tests {
		s := &logSize{limit: SnapshotBytes, entries: tt.entries, bytes: tt.bytes}
		if got := s.trailing(); got != tt.want {
			t.Errorf("%d entries of %d bytes: %d are kept, want %d", tt.entries, tt.bytes, got, tt.want)
		}
	}
}
