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
	// MaxCommandBytes bounds one encoded command: the data of a transaction, its paths and the rest.
	MaxCommandBytes = znode.MaxTxnBytes + znode.MaxTxnOps*(znode.MaxPathBytes+znode.MaxTags*20+64)
)

// Origin is a run of a member's process: random, new with each start. With Seq it names a request, so that the member
// finds the outcome in its own log, however the command got there.
type Origin uint64

// Command is one transaction on its way through the log.
type Command struct {
	Origin Origin
	Seq    uint64
	Txn    znode.Txn
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
)

// Bits of an op's flags.
const (
	opIf      = 1 << iota // tags follow
	opAbsent              // the znode must not exist
	opSession             // what it says about a session follows
	opFlags               // the first bit that means nothing
)

// Append encodes c behind b.
func (c *Command) Append(b []byte) []byte {
	kind := byte(kindTxn)
	if c.Txn.Session != nil {
		kind = kindSessionTxn
	}
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.Origin))
	b = binary.AppendUvarint(b, c.Seq)
	if c.Txn.Session != nil {
		b = append(b, c.Txn.Session[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Txn.Ops)))
	for i := range c.Txn.Ops {
		b = appendOp(b, &c.Txn.Ops[i])
	}
	return b
}

// Size is about how many bytes Append adds, never fewer.
func (c *Command) Size() int {
	n := 32 + len(znode.SessionKey{})
	for i := range c.Txn.Ops {
		op := &c.Txn.Ops[i]
		n += 32 + len(op.Path.String()) + len(op.Data) + 20*len(op.If)
		if op.Session != nil {
			n += sessionOpBytes
		}
	}
	return n
}

// sessionOpBytes is at least what an op says about a session.
const sessionOpBytes = len(znode.SessionKey{}) + 4*binary.MaxVarintLen64 + 2

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
	if kind != kindTxn && kind != kindSessionTxn {
		return malformed("kind %d", kind)
	}
	c.Origin = Origin(r.uint64())
	c.Seq = r.num()
	c.Txn.Session = nil
	if kind == kindSessionTxn {
		c.Txn.Session = &znode.SessionKey{}
		copy(c.Txn.Session[:], r.take(len(c.Txn.Session)))
	}
	n := r.num()
	if n == 0 || n > znode.MaxTxnOps {
		return malformed("%d ops", n)
	}
	if uint64(cap(c.Txn.Ops)) < n {
		c.Txn.Ops = make([]znode.Op, 0, min(n, uint64(len(r.b))))
	}
	c.Txn.Ops = c.Txn.Ops[:0]
	data := 0
	for range n {
		var op znode.Op
		if err := r.op(&op); err != nil {
			return err
		}
		if data += len(op.Data); data > znode.MaxTxnBytes {
			return malformed("more than %d bytes of data", znode.MaxTxnBytes)
		}
		c.Txn.Ops = append(c.Txn.Ops, op)
	}
	if err := r.end(); err != nil {
		return err
	}
	if err := c.Txn.Validate(); err != nil {
		return malformed("%v", err)
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
	op.Absent = flags&opAbsent != 0
	if flags&opSession != 0 {
		s := &znode.SessionOp{}
		copy(s.Key[:], r.take(len(s.Key)))
		s.Owner, s.Timeout, s.Term, s.Used = znode.Owner(r.num()), int64(r.num()), r.num(), znode.Zxid(r.num())
		s.Reason, s.Watch = znode.Reason(r.byte()), znode.WatchMode(r.byte())
		op.Session = s
	}
	if r.bad || flags >= opFlags {
		return malformed("an op is cut short or has unknown flags")
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
