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
)

// Bits of the first byte of a transaction's head.
const (
	txnSession = 1 << iota // the key of its session follows
	txnOnce                // key and fingerprint of one that is carried out once follow
	txnFlags               // the first bit that means nothing
)

// txnHeadBytes is at least how long the head of a transaction in a batch is: flags, session, once, number of ops.
const txnHeadBytes = 1 + len(znode.SessionKey{}) + 32 + binary.MaxVarintLen64

// Bits of an op's flags.
const (
	opIf        = 1 << iota // tags follow
	opAbsent                // the znode must not exist
	opSession               // what it says about a session follows
	opParents               // missing parents are made
	opRecursive             // what is below goes too
	opReplace               // what is there gets the data
	opSeal                  // the seal of a session to open follows
	opNumber                // a TTL, or a number of children, follows
)

// Append encodes c behind b.
func (c *Command) Append(b []byte) []byte {
	kind := byte(kindBatch)
	if first := &c.Txns[0]; len(c.Txns) == 1 && first.Once == nil {
		if kind = kindTxn; first.Session != nil {
			kind = kindSessionTxn
		}
	}
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.Origin))
	b = binary.AppendUvarint(b, c.Seq)
	switch kind {
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
	return false
}

// Validate says whether the command is one that the log may hold.
func (c *Command) Validate() error {
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

// sessionOpBytes is at least what an op says about a session.
const sessionOpBytes = len(znode.SessionKey{}) + 4*binary.MaxVarintLen64 + 2 + len(znode.Seal{})

func appendOp(b []byte, op *znode.Op) []byte {
	var flags byte
	if len(op.If) > 0 {
		flags |= opIf
	}
	if op.Absent {
		flags |= opAbsent
	}
	if op.Session != nil {
		flags |= opSession
		if (op.Session.Seal != znode.Seal{}) {
			flags |= opSeal
		}
	}
	if op.Parents {
		flags |= opParents
	}
	if op.Recursive {
		flags |= opRecursive
	}
	if op.Replace {
		flags |= opReplace
	}
	number := uint64(op.TTL)
	if op.Kind == znode.Raise {
		number = op.Created
	}
	if number != 0 {
		flags |= opNumber
	}
	b = append(b, byte(op.Kind), byte(op.Mode), flags)
	b = appendString(b, op.Path.String())
	b = appendString(b, op.Data)
	if len(op.If) > 0 {
		b = binary.AppendUvarint(b, uint64(len(op.If)))
		for _, t := range op.If {
			b = binary.AppendUvarint(b, uint64(t.Version))
			b = binary.AppendUvarint(b, uint64(t.Czxid))
		}
	}
	if s := op.Session; s != nil {
		b = append(b, s.Key[:]...)
		b = binary.AppendUvarint(b, uint64(s.Owner))
		b = binary.AppendUvarint(b, uint64(s.Timeout))
		b = binary.AppendUvarint(b, s.Term)
		b = binary.AppendUvarint(b, uint64(s.Used))
		b = append(b, byte(s.Reason), byte(s.Watch))
		if flags&opSeal != 0 {
			b = append(b, s.Seal[:]...)
		}
	}
	if flags&opNumber != 0 {
		b = binary.AppendUvarint(b, number)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Decode reads one command, all of b, and checks it: what it gives, Apply can judge. The strings in it are b's own
// bytes, so b must not change while the command is in use.
func (c *Command) Decode(b []byte) error {
	if len(b) > MaxCommandBytes {
		return malformed("%d bytes, the limit is %d", len(b), MaxCommandBytes)
	}
	r := reader{b: b}
	kind := r.byte()
	if kind == 0 || kind > kindBatch {
		return malformed("kind %d", kind)
	}
	c.Origin = Origin(r.uint64())
	c.Seq = r.num()
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

// ops reads the ops of a transaction.
func (r *reader) ops(t *znode.Txn) error {
	n := r.num()
	if n == 0 || n > znode.MaxTxnOps {
		return malformed("%d ops", n)
	}
	if uint64(cap(t.Ops)) < n {
		t.Ops = make([]znode.Op, 0, min(n, uint64(len(r.b))))
	}
	t.Ops = t.Ops[:0]
	for range n {
		var op znode.Op
		if err := r.op(&op); err != nil {
			return err
		}
		t.Ops = append(t.Ops, op)
	}
	return nil
}

func (r *reader) op(op *znode.Op) error {
	op.Kind, op.Mode = znode.Kind(r.byte()), znode.Mode(r.byte())
	flags := r.byte()
	path := r.str()
	op.Data = r.str()
	if flags&opIf != 0 {
		n := r.num()
		if n == 0 || n > znode.MaxTags {
			return malformed("%d tags", n)
		}
		op.If = make([]znode.Tag, n)
		for i := range op.If {
			op.If[i] = znode.Tag{Version: int64(r.num()), Czxid: znode.Zxid(r.num())}
		}
	}
	op.Absent, op.Parents = flags&opAbsent != 0, flags&opParents != 0
	op.Recursive, op.Replace = flags&opRecursive != 0, flags&opReplace != 0
	if flags&opSession != 0 {
		s := &znode.SessionOp{}
		copy(s.Key[:], r.take(len(s.Key)))
		s.Owner, s.Timeout, s.Term, s.Used = znode.Owner(r.num()), int64(r.num()), r.num(), znode.Zxid(r.num())
		s.Reason, s.Watch = znode.Reason(r.byte()), znode.WatchMode(r.byte())
		if flags&opSeal != 0 {
			copy(s.Seal[:], r.take(len(s.Seal)))
		}
		op.Session = s
	}
	if flags&opNumber != 0 {
		if number := r.num(); op.Kind == znode.Raise {
			op.Created = number
		} else {
			op.TTL = int64(number)
		}
	}
	if r.bad || flags&opSeal != 0 && flags&opSession == 0 {
		return malformed("an op is cut short or has flags that do not fit")
	}
	var err error
	if op.Mode.Sequential() {
		var p znode.Prefix
		p, err = znode.ParsePrefix(path)
		op.Path = znode.Path(p)
	} else {
		op.Path, err = znode.ParsePath(path)
	}
	if err != nil {
		return malformed("%v", err)
	}
	return nil
}
