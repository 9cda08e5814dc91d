package znode

import (
	"encoding/binary"
	"iter"
	"slices"
	"sort"
	"unsafe"
)

// Limits of the history. They are fixed: members must agree on what it holds.
const (
	// MaxHistoryBytes bounds the encoded records.
	MaxHistoryBytes = 16 << 20
	// MaxHistoryRecords bounds their number.
	MaxHistoryRecords = 100_000

	// A chunk that has so much takes no further record. Records are forgotten by the chunk.
	chunkBytes   = 64 << 10
	chunkRecords = 1024
)

// History is what the last transactions did: paths and types, no data. It is a value that never changes; what is
// appended afterwards is not seen in it.
//
// Records are kept encoded, in chunks: 100,000 of them are as many bytes and not as many objects, and a snapshot of them
// is a copy.
type History struct {
	full    []chunk
	tail    chunk
	floor   Zxid // everything after it is here
	bytes   int
	records int

	restored Zxid // of the last restore, 0 if there was none
}

// chunk is records in their encoding, the first counted from base. The bytes are only ever appended to, so what a reader
// of an older History sees of them does not change.
type chunk struct {
	base, last Zxid
	records    int
	b          []byte
	marks      []mark
}

// mark is a place in a chunk to begin to read at: after the record of a zxid. There is one every markEvery records, so
// that whoever follows closely does not read a chunk from its start for each new record.
type mark struct {
	zxid Zxid
	at   int
}

const markEvery = 32

// from is where to begin reading for what is after z.
func (c *chunk) from(z Zxid) (at Zxid, b []byte) {
	i := sort.Search(len(c.marks), func(i int) bool { return c.marks[i].zxid > z })
	if i == 0 {
		return c.base, c.b
	}
	m := c.marks[i-1]
	return m.zxid, c.b[m.at:]
}

// mark notes the end of the chunk as a place to begin at, when it is time for one.
func (c *chunk) mark() {
	if c.records%markEvery == 0 && c.records > 0 {
		c.marks = append(c.marks, mark{c.last, len(c.b)})
	}
}

// remark finds the marks again that a chunk had when it was written.
func (c *chunk) remark() {
	whole := *c
	c.last, c.records = c.base, 0
	var r Record
	for b := whole.b; len(b) > 0; c.records++ {
		c.b = whole.b[:len(whole.b)-len(b)]
		c.mark()
		b = r.decode(b, c.last)
		c.last = r.Zxid
	}
	c.b = whole.b
}

// Floor is the zxid after which the history is whole.
func (h *History) Floor() Zxid { return h.floor }

// Restored is the zxid of the last restore, 0 if there was none: whoever followed what was before it has seen a tree that is no more.
func (h *History) Restored() Zxid { return h.restored }

// Len is how many records there are.
func (h *History) Len() int { return h.records }

// Bytes is how long they are, encoded.
func (h *History) Bytes() int { return h.bytes }

// After yields the records after z, oldest first, and says whether they are all there are. A Record is good until the
// next; the paths in it stay good, and keep a chunk alive.
func (h *History) After(z Zxid) (records iter.Seq[*Record], whole bool) {
	if z < h.floor {
		return nil, false
	}
	return func(yield func(*Record) bool) {
		var r Record
		i := sort.Search(len(h.full), func(i int) bool { return h.full[i].last > z })
		for ; i <= len(h.full); i++ {
			c := &h.tail
			if i < len(h.full) {
				c = &h.full[i]
			}
			at, b := c.from(z)
			for len(b) > 0 {
				b = r.decode(b, at)
				at = r.Zxid
				if at > z && !yield(&r) {
					return
				}
			}
		}
	}, true
}

// add appends what a transaction did. The events are copied.
func (h *History) add(r *Record) {
	if h.tail.records >= chunkRecords || len(h.tail.b) >= chunkBytes {
		h.full = append(h.full, h.tail)
		// The next will be about as long. Growing to it from nothing would allocate five times as much.
		h.tail = chunk{base: h.tail.last, last: h.tail.last, b: make([]byte, 0, min(len(h.tail.b), chunkBytes)+chunkBytes/64)}
	}
	t := &h.tail
	t.mark()
	before := len(t.b)
	t.b = r.encode(t.b, t.last)
	t.last = r.Zxid
	t.records++
	h.records++
	h.bytes += len(t.b) - before
	h.trim()
}

// skip forgets everything up to a transaction of which there can be no record.
func (h *History) skip(z Zxid) {
	*h = History{floor: z, tail: chunk{base: z, last: z}, restored: h.restored}
}

// trim forgets the oldest chunks while there is too much.
func (h *History) trim() {
	for h.bytes > MaxHistoryBytes || h.records > MaxHistoryRecords {
		c := h.tail
		if len(h.full) > 0 {
			c, h.full = h.full[0], h.full[1:]
		} else {
			h.tail = chunk{base: c.last, last: c.last}
		}
		h.floor = c.last
		h.bytes -= len(c.b)
		h.records -= c.records
	}
}

// clip makes h one that can be appended to while another is, which shares its beginning.
func (h History) clip() History {
	h.full, h.tail.b, h.tail.marks = slices.Clip(h.full), slices.Clip(h.tail.b), slices.Clip(h.tail.marks)
	return h
}

func (r *Record) encode(b []byte, base Zxid) []byte {
	b = appendNums(b, uint64(r.Zxid-base), uint64(len(r.Events)))
	for _, e := range r.Events {
		b = append(b, byte(e.Type)|byte(e.Cause)<<4)
		b = appendString(b, e.Path.String())
	}
	b = binary.AppendUvarint(b, uint64(len(r.Told)))
	owner := Owner(0)
	for _, t := range r.Told {
		b = appendNums(b, uint64(t.Owner-owner), uint64(t.Event))
		owner = t.Owner
	}
	return b
}

// decode reads one record of bytes that encode wrote, or that checkRecords has looked at, and gives what follows.
func (r *Record) decode(b []byte, base Zxid) []byte {
	d := cutter{b: b}
	r.Zxid = base + Zxid(d.num())
	r.Events, r.Told = r.Events[:0], r.Told[:0]
	for range d.num() {
		t := d.byte()
		r.Events = append(r.Events, Event{Type: EventType(t & 0xf), Cause: Reason(t >> 4), Path: Path{d.str()}})
	}
	owner := Owner(0)
	for range d.num() {
		owner += Owner(d.num())
		r.Told = append(r.Told, Told{owner, int(d.num())})
	}
	return d.b
}

// cutter takes bytes apart that are known to be whole: what is not panics.
type cutter struct{ b []byte }

func (d *cutter) byte() byte {
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *cutter) num() uint64 {
	n, size := binary.Uvarint(d.b)
	d.b = d.b[size:]
	return n
}

// str shares the bytes, which never change.
func (d *cutter) str() string {
	n := d.num()
	s := d.b[:n:n]
	d.b = d.b[n:]
	return unsafe.String(unsafe.SliceData(s), len(s))
}
