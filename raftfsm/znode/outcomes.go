package znode

import (
	"iter"
	"slices"
)

// Outcomes are how the last transactions with an Idempotency-Key ended, oldest first. It is a value that never changes; what is
// appended afterwards is not seen in it.
//
// Like the history they are kept encoded, in chunks: half a million of them are as many bytes and not as many objects.
type Outcomes struct {
	full  [][]byte // chunks that take no more
	tail  []byte   // the chunk that is appended to; only ever appended to, so what a reader of older Outcomes sees does not change
	start int      // where in the first chunk what is still kept begins
	count int
	bytes int // of what is still kept
}

// place is where an outcome is: the number of its chunk since the machine was made, and where in it.
type place struct{ chunk, at uint32 }

// outcomeIndex finds outcomes by their key. It is the machine's alone, and made anew from the Outcomes.
type outcomeIndex struct {
	byKey map[[16]byte]place
	first uint32 // number of the first chunk
}

// outcome is one of them, taken apart; body is shared.
type outcome struct {
	key, print [16]byte
	zxid       Zxid
	due        int64 // ms since the Unix epoch: until then it is kept; after that, as long as owner lives
	owner      Owner // the session of the transaction, or the one it opened; 0 if none
	body       []byte
}

// Len is how many there are.
func (o *Outcomes) Len() int { return o.count }

// Bytes is how many they take.
func (o *Outcomes) Bytes() int { return o.bytes }

func (o outcome) encode(b []byte) []byte {
	b = append(append(b, o.key[:]...), o.print[:]...)
	b = appendNums(b, uint64(o.zxid), uint64(o.due), uint64(o.owner), uint64(len(o.body)))
	return append(b, o.body...)
}

// decodeOutcome takes the first outcome off b, which encode wrote or checkOutcome has looked at.
func decodeOutcome(b []byte) (o outcome, rest []byte) {
	copy(o.key[:], b)
	copy(o.print[:], b[len(o.key):])
	d := cutter{b: b[len(o.key)+len(o.print):]}
	o.zxid, o.due, o.owner = Zxid(d.num()), int64(d.num()), Owner(d.num())
	n := d.num()
	o.body = d.b[:n:n]
	return o, d.b[n:]
}

// chunk is the i-th, the tail being the last.
func (o *Outcomes) chunk(i int) []byte {
	if i < len(o.full) {
		return o.full[i]
	}
	return o.tail
}

// all yields what is kept, with its encoding, oldest first.
func (o *Outcomes) all() iter.Seq2[outcome, []byte] {
	return func(yield func(outcome, []byte) bool) {
		start := o.start
		for i := range len(o.full) + 1 {
			b := o.chunk(i)[start:]
			for start = 0; len(b) > 0; {
				one, rest := decodeOutcome(b)
				if !yield(one, b[:len(b)-len(rest)]) {
					return
				}
				b = rest
			}
		}
	}
}

// clip makes o one that can be appended to while another is, which shares its beginning.
func (o Outcomes) clip() Outcomes {
	o.full, o.tail = slices.Clip(o.full), slices.Clip(o.tail)
	return o
}

// index finds where everything is.
func (o *Outcomes) index() outcomeIndex {
	x := outcomeIndex{byKey: make(map[[16]byte]place, o.count)}
	at := o.start
	for i := range len(o.full) + 1 {
		b := o.chunk(i)
		for at < len(b) {
			one, rest := decodeOutcome(b[at:])
			x.byKey[one.key] = place{uint32(i), uint32(at)}
			at = len(b) - len(rest)
		}
		at = 0
	}
	return x
}

// find is the outcome that was kept last under a key.
func (o *Outcomes) find(key [16]byte, x *outcomeIndex) (one outcome, ok bool) {
	p, ok := x.byKey[key]
	if ok {
		one, _ = decodeOutcome(o.chunk(int(p.chunk - x.first))[p.at:])
	}
	return one, ok
}

// add appends an outcome.
func (o *Outcomes) add(one outcome, x *outcomeIndex) {
	if len(o.tail) >= chunkBytes {
		o.full = append(o.full, o.tail)
		o.tail = make([]byte, 0, chunkBytes+chunkBytes/16)
	}
	before := len(o.tail)
	o.tail = one.encode(o.tail)
	x.byKey[one.key] = place{x.first + uint32(len(o.full)), uint32(before)}
	o.count++
	o.bytes += len(o.tail) - before
}

// head is the oldest.
func (o *Outcomes) head() outcome {
	one, _ := decodeOutcome(o.chunk(0)[o.start:])
	return one
}

// drop forgets the oldest.
func (o *Outcomes) drop(x *outcomeIndex) {
	b := o.chunk(0)
	one, rest := decodeOutcome(b[o.start:])
	if (x.byKey[one.key] == place{x.first, uint32(o.start)}) { // else it was kept again since
		delete(x.byKey, one.key)
	}
	next := len(b) - len(rest)
	o.count--
	o.bytes -= next - o.start
	if o.start = next; len(rest) > 0 {
		return
	}
	o.start = 0
	x.first++
	if len(o.full) > 0 {
		o.full = o.full[1:]
	} else {
		o.tail = make([]byte, 0, chunkBytes+chunkBytes/16)
	}
}

// trim forgets the oldest while there are too many, or too many bytes of them.
func (o *Outcomes) trim(count, bytes int, x *outcomeIndex) {
	for o.count > count || o.bytes > bytes {
		o.drop(x)
	}
}
