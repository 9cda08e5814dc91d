package command

import (
	"encoding/binary"
	"unsafe"
)

// reader takes bytes apart. Once there are too few, everything reads as zero and bad stays set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) num() uint64 {
	if r.bad {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

// bytes reads a length and so many bytes.
func (r *reader) bytes() []byte {
	n := r.num()
	if n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

// str is bytes as a string that shares their memory: copying every path and value once more would cost more than the
// rest of decoding.
func (r *reader) str() string {
	b := r.bytes()
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (r *reader) end() error {
	if r.bad {
		return malformed("it is cut short")
	}
	if len(r.b) > 0 {
		return malformed("%d bytes too many", len(r.b))
	}
	return nil
}
