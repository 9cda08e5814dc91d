package znode

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// perDir is how many children a directory of a benchmark's tree has.
const perDir = 1000

// grove is a machine with n znodes of 256 bytes in directories of perDir, and their paths in an order of chance.
func grove(b *testing.B, n int) (*Machine, []Path) {
	b.Helper()
	m, data := NewMachine(), strings.Repeat("x", 256)
	paths := make([]Path, 0, n)
	m.Advance(1_700_000_000_000, 1)
	for d := range n / perDir {
		dir := fmt.Sprintf("/service-%04d", d)
		txn := &Txn{Ops: []Op{create(dir)}}
		for i := range perDir {
			p := path(fmt.Sprintf("%s/instance-%04d", dir, i))
			paths = append(paths, p)
			txn.Ops = append(txn.Ops, CreateOp(p, data, Persistent))
		}
		if r := m.Apply(txn); r.Code != OK {
			b.Fatalf("building the tree: %s", r.Code)
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	return m, paths
}

// sizes runs bench at both sizes of tree.
func sizes(b *testing.B, bench func(*testing.B, *Machine, []Path)) {
	for _, n := range []int{100_000, 1_000_000} {
		m, paths := grove(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			bench(b, m, paths)
		})
	}
}

func mustApply(b *testing.B, m *Machine, txn *Txn) {
	if r := m.Apply(txn); r.Code != OK {
		b.Fatalf("%s", r.Code)
	}
}

func BenchmarkSet(b *testing.B) {
	data := strings.Repeat("y", 256)
	sizes(b, func(b *testing.B, m *Machine, paths []Path) {
		for i := 0; b.Loop(); i++ {
			mustApply(b, m, &Txn{Ops: []Op{SetOp(paths[i%len(paths)], data)}})
		}
	})
}

// A state is given out after every 64 transactions, as it is after every entry of the log.
func BenchmarkSetWithStates(b *testing.B) {
	data := strings.Repeat("y", 256)
	sizes(b, func(b *testing.B, m *Machine, paths []Path) {
		var s *State
		for i := 0; b.Loop(); i++ {
			mustApply(b, m, &Txn{Ops: []Op{SetOp(paths[i%len(paths)], data)}})
			if i%64 == 0 {
				s = m.State()
			}
		}
		runtime.KeepAlive(s)
	})
}

func BenchmarkCreateAndDelete(b *testing.B) {
	data := strings.Repeat("y", 256)
	sizes(b, func(b *testing.B, m *Machine, paths []Path) {
		for i := 0; b.Loop(); i++ {
			p := paths[i%len(paths)].Parent().Child("new")
			mustApply(b, m, &Txn{Ops: []Op{CreateOp(p, data, Persistent)}})
			mustApply(b, m, &Txn{Ops: []Op{DeleteOp(p)}})
		}
	})
}

func BenchmarkGet(b *testing.B) {
	sizes(b, func(b *testing.B, m *Machine, paths []Path) {
		s := m.State()
		for i := 0; b.Loop(); i++ {
			if s.Tree.Get(paths[i%len(paths)]) == nil {
				b.Fatal("not found")
			}
		}
	})
}

// A page of 100 children from the middle of a directory.
func BenchmarkChildren(b *testing.B) {
	sizes(b, func(b *testing.B, m *Machine, paths []Path) {
		s := m.State()
		for i := 0; b.Loop(); i++ {
			n := 0
			for range s.Tree.Children(paths[i%len(paths)].Parent(), "instance-0450") {
				if n++; n == 100 {
					break
				}
			}
			if n != 100 {
				b.Fatalf("%d children", n)
			}
		}
	})
}

// countingWriter counts what an encoding is large.
type countingWriter struct{ n int64 }

func (w *countingWriter) Write(b []byte) (int, error) {
	w.n += int64(len(b))
	return len(b), nil
}

func BenchmarkEncodeState(b *testing.B) {
	m, paths := grove(b, 1_000_000)
	s := m.State()
	for b.Loop() {
		var w countingWriter
		if err := s.Encode(&w); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(w.n)
		b.ReportMetric(float64(w.n)/float64(len(paths)), "B/znode")
	}
}

// What a member does when it starts, and what a znode takes in memory then.
func BenchmarkDecodeState(b *testing.B) {
	m, _ := grove(b, 1_000_000)
	s := m.State()
	count := s.Tree.Len()
	var encoded bytes.Buffer
	if err := s.Encode(&encoded); err != nil {
		b.Fatal(err)
	}
	m, s = nil, nil
	b.SetBytes(int64(encoded.Len()))
	b.ReportAllocs()
	before := liveHeap()
	for b.Loop() {
		var err error
		s = nil
		if s, err = DecodeState(bytes.NewReader(encoded.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(liveHeap()-before)/float64(count), "heap-B/znode")
	runtime.KeepAlive(s)
	runtime.KeepAlive(&encoded)
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
