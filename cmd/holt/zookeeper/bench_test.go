package zookeeper

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkSnapshot reads a snapshot of 100,000 znodes of 16 bytes, and says what one of them takes in memory.
func BenchmarkSnapshot(b *testing.B) {
	const parents, children = 100, 1000
	znodes := []persisted{root(parents)}
	for p := range parents {
		dir := fmt.Sprintf("/parent-%03d", p)
		znodes = append(znodes, open1(dir, "", 1))
		for c := range children {
			znodes = append(znodes, open1(fmt.Sprintf("%s/n-%010d", dir, c), "0123456789abcdef", 1))
		}
	}
	file := snapshotOf(nil, znodes...)
	b.SetBytes(int64(len(file)))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var t *tree
	for b.Loop() {
		var err error
		if t, err = readSnapshot(b.Context(), strings.NewReader(file)); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(znodes)), "B/znode")
	runtime.KeepAlive(t)
	runtime.KeepAlive(znodes)
	runtime.KeepAlive(file)
}
