package command

import (
	"encoding/binary"
	"errors"
	"fmt"

	"holt/raftfsm/znode"
)

// Limits of the log. They are fixed: members must agree on what can be committed.
const (
	// MaxEntryCommands bounds the commands that share one raft entry.
	MaxEntryCommands = 256
	// SoftEntryBytes is where an entry takes no further command; one command alone may be larger.
	SoftEntryBytes = 512 << 10
	// MaxBatchTxns bounds the transactions of one command.
	MaxBatchTxns = 256
	// MaxBatchOps bounds the ops of all its transactions together.
	MaxBatchOps = znode.MaxTxnOps
	// MaxCommandBytes bounds one encoded command: the data of its transactions, their paths and the rest.
	MaxCommandBytes = znode.MaxTxnBytes + MaxBatchOps*(znode.MaxPathBytes+znode.MaxTags*20+64) + MaxBatchTxns*txnHeadBytes
)

// Origin is a run of a member's process: random, new with each start. With Seq it names a request, so that the member
// finds the outcome in its own log, however the command got there.
type Origin uint64

// Command is one transaction on its way through the log, or several that are carried out in this order with nothing in between.
// They share the command's fate, not one another's: each has its own zxid, or is refused for itself.
type Command struct {
	Origin Origin
	Seq    uint64
	Txns   []znode.Txn
	// Restore is a step of a restore; then there are no transactions.
	Restore *RestoreStep
}

// ErrMalformed is wrapped by every error of this package about bytes.
var ErrMalformed = errors.New("malformed command")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Kinds of command. A number is never used twice.
const (
	kindTxn        = 1
	kindSessionTxn = 2 // the same, with the key of the session it belongs to behind the number
	kindBatch      = 3 // any number of transactions, each with a head
	kindRestore    = 6 // a step of a restore
)

// Bits of the first byte of a transaction's head.
const (
	txnSession = 1 << iota // the key of its session follows
	txnOnce                // key and fingerprint of one that is carried out once follow
	txnFlags               // the first bit that means nothing
)

// txnHeadBytes is at least how long the head of a transaction in a batch is: flags, session, once, number of ops.
const txnHeadBytes = 1 + len(znode.SessionKey{}) + 32 + binary.MaxVarintLen64

// Append encodes c behind b.
func (c *Command) Append(b []byte) []byte {
	kind := byte(kindBatch)
	if c.Restore != nil {
		kind = kindRestore
	} else if first := &c.Txns[0]; len(c.Txns) == 1 && first.Once == nil {
		if kind = kindTxn; first.Session != nil {
			kind = kindSessionTxn
		}
	}
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.Origin))
	b = binary.AppendUvarint(b, c.Seq)
	switch kind {
	case kindRestore:
		return c.Restore.append(b)
	case kindBatch:
		b = binary.AppendUvarint(b, uint64(len(c.Txns)))
		for i := range c.Txns {
			b = appendOps(appendHead(b, &c.Txns[i]), c.Txns[i].Ops)
		}
		return b
	case kindSessionTxn:
		b = append(b, c.Txns[0].Session[:]...)
	}
	return appendOps(b, c.Txns[0].Ops)
}

func appendHead(b []byte, t *znode.Txn) []byte {
	var flags byte
	if t.Session != nil {
		flags |= txnSession
	}
	if t.Once != nil {
		flags |= txnOnce
	}
	b = append(b, flags)
	if t.Session != nil {
		b = append(b, t.Session[:]...)
	}
	if t.Once != nil {
		b = append(append(b, t.Once.Key[:]...), t.Once.Print[:]...)
	}
	return b
}

func appendOps(b []byte, ops []znode.Op) []byte {
	b = binary.AppendUvarint(b, uint64(len(ops)))
	for i := range ops {
		b = appendOp(b, &ops[i])
	}
	return b
}

// Size is about how many bytes Append adds, never fewer.
func (c *Command) Size() int {
	n := 32 + len(c.Txns)*txnHeadBytes
	if c.Restore != nil {
		n += c.Restore.size()
	}
	for i := range c.Txns {
		for j := range c.Txns[i].Ops {
			op := &c.Txns[i].Ops[j]
			n += 32 + len(op.Path.String()) + len(op.Data) + 20*len(op.If)
			if op.Session != nil {
				n += sessionOpBytes
			}
		}
	}
	return n
}

// Grows says whether any of its transactions can make the state larger.
func (c *Command) Grows() bool {
	for i := range c.Txns {
		if c.Txns[i].Grows() {
			return true
		}
	}
	return c.Restore != nil && c.Restore.Kind == RestorePiece
}

// Validate says whether the command is one that the log may hold.
func (c *Command) Validate() error {
	if c.Restore != nil {
		if len(c.Txns) > 0 {
			return errors.New("a step of a restore has transactions")
		}
		return c.Restore.validate()
	}
	if n := len(c.Txns); n == 0 || n > MaxBatchTxns {
		return fmt.Errorf("%d transactions, there must be 1 to %d", n, MaxBatchTxns)
	}
	ops, data := 0, 0
	for i := range c.Txns {
		t := &c.Txns[i]
		if err := t.Validate(); err != nil {
			return err
		}
		ops += len(t.Ops)
		for j := range t.Ops {
			data += len(t.Ops[j].Data)
		}
	}
	switch {
	case ops > MaxBatchOps:
		return fmt.Errorf("%d ops, the limit is %d", ops, MaxBatchOps)
	case data > znode.MaxTxnBytes:
		return fmt.Errorf("%d bytes of data, the limit is %d", data, znode.MaxTxnBytes)
	}
	return nil
}

// Decode reads one command, all of b, and checks it: what it gives, Apply can judge. The strings in it are b's own
// bytes, so b must not change while the command is in use.
func (c *Command) Decode(b []byte) error {
	if len(b) > MaxCommandBytes {
		return malformed("%d bytes, the limit is %d", len(b), MaxCommandBytes)
	}
	r := reader{b: b}
	kind := r.byte()
	if kind == 0 || kind > kindBatch && kind != kindRestore {
		return malformed("kind %d", kind)
	}
	c.Origin = Origin(r.uint64())
	c.Seq = r.num()
	if c.Restore = nil; kind == kindRestore {
		c.room(0)
		c.Restore = r.restore()
		return c.check(&r)
	}
	n := uint64(1)
	if kind == kindBatch {
		n = r.num()
	}
	if n == 0 || n > MaxBatchTxns {
		return malformed("%d transactions", n)
	}
	c.room(int(n))
	ops, data := 0, 0
	for i := range c.Txns {
		t := &c.Txns[i]
		r.head(kind, t)
		if err := r.ops(t); err != nil {
			return err
		}
		if ops += len(t.Ops); ops > MaxBatchOps {
			return malformed("more than %d ops", MaxBatchOps)
		}
		for j := range t.Ops {
			data += len(t.Ops[j].Data)
		}
		if data > znode.MaxTxnBytes {
			return malformed("more than %d bytes of data", znode.MaxTxnBytes)
		}
	}
	return c.check(&r)
}

// check ends a Decode.
func (c *Command) check(r *reader) error {
	if err := r.end(); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return malformed("%v", err)
	}
	return nil
}

// Release lets go of what Decode gave, but for the room, which the next Decode uses: ops that it does not reach would keep the bytes
// of their commands alive.
func (c *Command) Release() {
	for i := range c.Txns {
		t := &c.Txns[i]
		clear(t.Ops)
		*t = znode.Txn{Ops: t.Ops[:0]}
	}
	c.Restore = nil
}

// room makes place for n transactions, and keeps that of the ops of those that were there.
func (c *Command) room(n int) {
	if n > cap(c.Txns) {
		c.Txns = append(c.Txns[:cap(c.Txns)], make([]znode.Txn, n-cap(c.Txns))...)
	}
	c.Txns = c.Txns[:n]
}

// head reads what comes before the ops of a transaction.
func (r *reader) head(kind byte, t *znode.Txn) {
	t.Session, t.Once = nil, nil
	var flags byte
	switch kind {
	case kindSessionTxn:
		flags = txnSession
	case kindBatch:
		flags = r.byte()
	}
	if flags >= txnFlags {
		r.bad = true
		return
	}
	if flags&txnSession != 0 {
		t.Session = &znode.SessionKey{}
		copy(t.Session[:], r.take(len(t.Session)))
	}
	if flags&txnOnce != 0 {
		t.Once = &znode.Once{}
		copy(t.Once.Key[:], r.take(len(t.Once.Key)))
		copy(t.Once.Print[:], r.take(len(t.Once.Print)))
	}
}
