package znode

import (
	"fmt"
	"strings"
	"testing"
)

// A create with a key and one without: of a million there are as many outcomes as are kept.
func BenchmarkCreateOnce(b *testing.B) {
	data := strings.Repeat("y", 256)
	for _, keyed := range []bool{false, true} {
		b.Run(fmt.Sprintf("keyed=%t", keyed), func(b *testing.B) {
			r := &rig{b, NewMachine()}
			r.at(1000).do(create("/dir"))
			if keyed {
				for i := range 100_000 {
					r.once(fmt.Sprint("before ", i), check("/"))
				}
			}
			create := transaction([]Op{CreateSequentialOp(prefix("/dir/n-"), data, PersistentSequential)})
			if keyed {
				create.Once = NewOnce("", create)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if keyed {
					k := uint64(i) * 0x9e3779b97f4a7c15 // a hash is as good as chance
					for at := range 8 {
						create.Once.Key[at] = byte(k >> (8 * at))
					}
				}
				mustApply(b, r.Machine, create)
			}
		})
	}
}

// The same transaction again.
func BenchmarkReplay(b *testing.B) {
	r := &rig{b, NewMachine()}
	for i := range 100_000 {
		r.once(fmt.Sprint(i), check("/"))
	}
	txn := transaction([]Op{create("/a")})
	txn.Once = NewOnce("k", txn)
	mustApply(b, r.Machine, txn)
	b.ReportAllocs()
	for b.Loop() {
		if res := r.Apply(txn); !res.Replayed {
			b.Fatal("it is done again")
		}
	}
}

// All that one transaction may delete.
func BenchmarkDeleteTree(b *testing.B) {
	r := &rig{b, NewMachine()}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		ops := []Op{create("/top")}
		for i := range MaxTreeDelete - 1 {
			ops = append(ops, create(fmt.Sprintf("/top/instance-%05d", i)))
		}
		for len(ops) > 0 {
			n := min(MaxTxnOps, len(ops))
			r.do(ops[:n]...)
			ops = ops[n:]
		}
		r.State()
		b.StartTimer()
		mustApply(b, r.Machine, transaction([]Op{DeleteTreeOp(path("/top"))}))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/MaxTreeDelete, "ns/znode")
}

// A state and the first write behind it, which copies what they share, where nothing goes of itself and where everything does.
func BenchmarkState(b *testing.B) {
	for _, due := range []bool{false, true} {
		b.Run(fmt.Sprintf("due=%t", due), func(b *testing.B) {
			r := &rig{b, NewMachine()}
			for i := range 10_000 {
				op := create(fmt.Sprint("/", i))
				if due {
					op = brief(fmt.Sprint("/", i), 1000)
				}
				r.do(op)
			}
			txn := transaction([]Op{set("/7", "x")})
			b.ReportAllocs()
			for b.Loop() {
				r.State()
				mustApply(b, r.Machine, txn)
			}
		})
	}
}

// What a member does with half a million outcomes when it starts.
func BenchmarkIndexOutcomes(b *testing.B) {
	r := &rig{b, NewMachine()}
	txn := transaction([]Op{check("/")})
	txn.Once = NewOnce("", txn)
	for i := range MaxOutcomes {
		copy(txn.Once.Key[:], fmt.Sprintf("%016d", i))
		mustApply(b, r.Machine, txn)
	}
	s := r.State()
	b.ReportAllocs()
	for b.Loop() {
		FromState(s)
	}
	b.ReportMetric(float64(s.Outcomes.Bytes())/MaxOutcomes, "B/outcome")
}
