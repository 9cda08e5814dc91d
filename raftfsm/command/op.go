package command

import (
	"encoding/binary"

	"holt/raftfsm/znode"
)

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
