package znode

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
)

// Once names a transaction that is to be carried out once.
type Once struct {
	// Key is made of what the client calls it.
	Key [16]byte
	// Print is the Fingerprint of the transaction.
	Print [16]byte
}

// NewOnce is what has txn carried out once under an Idempotency-Key, whose text the state never holds.
func NewOnce(key string, txn *Txn) *Once {
	o := &Once{Print: txn.Fingerprint()}
	sum := sha256.Sum256([]byte("holt idempotency key\x00" + key))
	copy(o.Key[:], sum[:])
	return o
}

// Fingerprint tells transactions that are meant to be the same from others. The key and the seal of a session to open are not in it:
// they are new with each request.
func (t *Txn) Fingerprint() (print [16]byte) {
	p := printer{h: sha256.New()}
	if t.Session != nil {
		p.nums(1)
		p.h.Write(t.Session[:])
	} else {
		p.nums(0)
	}
	p.nums(uint64(len(t.Ops)))
	for i := range t.Ops {
		p.op(&t.Ops[i])
	}
	copy(print[:], p.h.Sum(nil))
	return print
}

type printer struct {
	h   hash.Hash
	buf []byte
}

func (p *printer) nums(nums ...uint64) {
	p.buf = p.buf[:0]
	for _, n := range nums {
		p.buf = binary.LittleEndian.AppendUint64(p.buf, n)
	}
	p.h.Write(p.buf)
}

func (p *printer) str(s string) {
	p.nums(uint64(len(s)))
	_, _ = io.WriteString(p.h, s) // a hash takes everything
}

func (p *printer) op(op *Op) {
	var flags uint64
	for i, is := range []bool{op.Absent, op.Parents, op.Recursive, op.Replace, op.Session != nil} {
		if is {
			flags |= 1 << i
		}
	}
	p.nums(uint64(op.Kind), uint64(op.Mode), flags, uint64(op.TTL), op.Created, uint64(len(op.If)))
	p.str(op.Path.String())
	p.str(op.Data)
	for _, t := range op.If {
		p.nums(uint64(t.Version), uint64(t.Czxid))
	}
	if s := op.Session; s != nil {
		p.nums(uint64(s.Owner), uint64(s.Timeout), uint64(s.Reason), s.Term, uint64(s.Used), uint64(s.Watch))
		if op.Kind != OpenSession {
			p.h.Write(s.Key[:])
		}
	}
}
