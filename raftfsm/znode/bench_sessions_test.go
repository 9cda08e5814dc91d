package znode

import (
	"fmt"
	"runtime"
	"testing"
)

// One set that fires the one-shot watches of 5,000 sessions.
func BenchmarkFanOut(b *testing.B) {
	const sessions = 5000
	r := &rig{b, NewMachine()}
	var watches []*Txn
	for i := range sessions {
		name := fmt.Sprint("session ", i)
		r.open(name)
		watches = append(watches, of(name, watch("/", DataWatch)))
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for _, txn := range watches {
			mustApply(b, r.Machine, txn)
		}
		r.State()
		b.StartTimer()
		mustApply(b, r.Machine, transaction([]Op{set("/", "x")}))
		if n := len(r.record.Told); n != sessions || r.sessions.NumWatches() != 0 {
			b.Fatalf("%d are told", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sessions, "ns/watch")
}

// A session is closed that has all the ephemerals there can be.
func BenchmarkCloseSession(b *testing.B) {
	r := &rig{b, NewMachine()}
	r.do(create("/service"))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		name := fmt.Sprint("session ", i)
		r.open(name)
		fill(b, r.Machine, name)
		r.State()
		b.StartTimer()
		mustApply(b, r.Machine, transaction([]Op{CloseSessionOp(key(name))}))
		if r.tree.Len() != 2 {
			b.Fatal("something is left")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/MaxSessionEphemerals, "ns/znode")
}

// fill gives a session all the ephemerals it can have.
func fill(b *testing.B, m *Machine, name string) {
	txn := of(name)
	for i := range MaxSessionEphemerals {
		txn.Ops = append(txn.Ops, fleeting(fmt.Sprintf("/service/%s-instance-%05d", name, i)))
		if len(txn.Ops) == MaxTxnOps || i == MaxSessionEphemerals-1 {
			mustApply(b, m, txn)
			txn.Ops = txn.Ops[:0]
		}
	}
}

// What znodes without data take in memory, of nobody and of a session.
func BenchmarkMemory(b *testing.B) {
	for _, kind := range []string{"persistent", "ephemeral"} {
		b.Run(kind, func(b *testing.B) {
			const sessions = 20
			for b.Loop() {
				before := liveHeap()
				r := &rig{b, NewMachine()}
				r.do(create("/service"))
				for i := range sessions {
					name := fmt.Sprint("session ", i)
					r.open(name)
					if kind == "ephemeral" {
						fill(b, r.Machine, name)
						continue
					}
					for j := range MaxSessionEphemerals {
						r.do(create(fmt.Sprintf("/service/%s-instance-%05d", name, j)))
					}
				}
				r.history = History{} // which is bounded, and not theirs
				r.Machine = FromState(r.State())
				b.ReportMetric(float64(liveHeap()-before)/(sessions*MaxSessionEphemerals), "heap-B/znode")
				runtime.KeepAlive(r)
			}
		})
	}
}

// Setting a one-shot watch and having it fire, a session and a watch at a time.
func BenchmarkWatchAndFire(b *testing.B) {
	r := &rig{b, NewMachine()}
	r.open("ann")
	b.ReportAllocs()
	set := transaction([]Op{set("/", "x")})
	for b.Loop() {
		mustApply(b, r.Machine, of("ann", watch("/", DataWatch)))
		mustApply(b, r.Machine, set)
	}
}

// A set deep down, with as many watches elsewhere as there are levels above it to look for recursive ones.
func BenchmarkSetAmongWatches(b *testing.B) {
	r := &rig{b, NewMachine()}
	for i := range 1000 {
		name := fmt.Sprint("session ", i)
		r.open(name)
		r.by(name, watch(fmt.Sprint("/elsewhere/", i), ExistsWatch))
	}
	r.do(create("/a"), create("/a/b"), create("/a/b/c"), create("/a/b/c/d"))
	txn := transaction([]Op{set("/a/b/c/d", "x")})
	b.ReportAllocs()
	for b.Loop() {
		mustApply(b, r.Machine, txn)
	}
}

// What a member reads of the last 100,000 transactions when a stream begins at their start.
func BenchmarkHistoryAfter(b *testing.B) {
	var h History
	for z := range Zxid(MaxHistoryRecords) {
		h.add(&Record{Zxid: z + 1, Events: []Event{{Type: NodeDataChanged, Path: path("/service-0001/instance-0001")}}})
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		records, _ := h.After(0)
		for range records {
			n++
		}
		if n != MaxHistoryRecords {
			b.Fatalf("%d records", n)
		}
	}
	b.ReportMetric(float64(h.Bytes())/MaxHistoryRecords, "B/record")
}
