package bench

import (
	"math/bits"
	"time"
)

const (
	subBits = 5 // each power of two is divided in 32: a percentile is at most 3 % off
	buckets = (40 - subBits) << subBits
)

// histogram counts durations, of up to some minutes, in buckets that grow with them. The zero histogram is empty.
type histogram struct {
	n      int64
	counts [buckets]uint32
}

func (h *histogram) add(d time.Duration) {
	h.n++
	h.counts[bucketOf(d)]++
}

func (h *histogram) merge(o *histogram) {
	h.n += o.n
	for i, c := range o.counts {
		h.counts[i] += c
	}
}

// percentile is the duration that p of a hundred did not exceed; 0 for an empty histogram.
func (h *histogram) percentile(p float64) time.Duration {
	rank := int64(p / 100 * float64(h.n))
	for i, c := range h.counts {
		if rank -= int64(c); rank < 0 {
			return upperOf(i)
		}
	}
	if h.n == 0 {
		return 0
	}
	return h.percentile(p - 0.001) // p was 100
}

// bucketOf is the bucket of a duration: below 32 ns its own, then 32 for each power of two.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return min(shift<<subBits+int(v>>shift), buckets-1)
}

// upperOf is the longest duration of a bucket.
func upperOf(i int) time.Duration {
	if i < 2<<subBits {
		return time.Duration(i)
	}
	shift := i>>subBits - 1
	return time.Duration(((i&(1<<subBits-1))+1<<subBits+1)<<shift - 1)
}
