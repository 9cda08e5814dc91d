package command

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"holt/raftfsm/znode"
)

// key is 1, 2, 3 … from some byte on.
func key(from byte) (k znode.SessionKey) {
	for i := range k {
		k[i] = from + byte(i)
	}
	return k
}

// sessionCommands are commands with an op of each kind and shape that is about a session.
func sessionCommands() []*Command {
	ann := key(1)
	of := func(ops ...znode.Op) znode.Txn { return znode.Txn{Ops: ops, Session: &ann} }
	a := znode.MustPath("/a")
	txns := []znode.Txn{
		txn(znode.OpenSessionOp(key(1), 10_000)),
		txn(znode.CloseSessionOp(key(1))),
		txn(znode.KillSessionOp(300)),
		txn(znode.ExpireSessionOp(300, 301, 7)),
		of(znode.AddWatchOp(a, znode.PersistentRecursive)),
		of(znode.RemoveWatchOp(a, znode.AnyWatch)),
		of(znode.CreateOp(a, "hi", znode.Ephemeral), znode.CreateSequentialOp(prefix("/"), "", znode.EphemeralSequential), znode.CheckOp(a)),
	}
	var commands []*Command
	for i, txn := range txns {
		if txn.Session == nil {
			txn.Ops[0].Path = znode.Root // as it is read
		}
		commands = append(commands, &Command{Origin: 0x0123456789abcdef, Seq: uint64(i), Txns: []znode.Txn{txn}})
	}
	return commands
}

func TestSessionCommandFormatIsFixed(t *testing.T) {
	want := golden(t, "testdata/session-commands-v1.hex")
	var got []byte
	for _, c := range sessionCommands() {
		got = c.Append(got)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the commands are written as\n%s\nand not as in the golden file\n%s", hex.Dump(got), hex.Dump(want))
	}
	for _, c := range sessionCommands() {
		n := min(len(c.Append(nil)), len(want))
		if got := decoded(t, want[:n]); !reflect.DeepEqual(got, c) {
			t.Errorf("%s reads as %+v", c.Txns[0].Ops[0].Kind, got)
		}
		want = want[n:]
	}
}

// A command of nobody looks as it did before there were sessions: kind 1 and no key.
func TestCommandsOfNobodyAreAsBefore(t *testing.T) {
	c := &Command{Txns: []znode.Txn{txn(znode.SetOp(znode.MustPath("/a"), "x"))}}
	plain := c.Append(nil)
	ann := key(1)
	c.Txns[0].Session = &ann
	owned := c.Append(nil)
	if want := slices.Concat([]byte{kindSessionTxn}, plain[1:10], ann[:], plain[10:]); plain[0] != kindTxn || !bytes.Equal(owned, want) {
		t.Errorf("of nobody it is %x, of somebody %x, want %x", plain, owned, want)
	}
	used := decoded(t, owned)
	if err := used.Decode(plain); err != nil || used.Txns[0].Session != nil {
		t.Errorf("decoded into one of a session it belongs to %v, %v", used.Txns[0].Session, err)
	}
	if err := used.Decode(owned); err != nil || *used.Txns[0].Session != ann {
		t.Errorf("it belongs to %v, %v", used.Txns[0].Session, err)
	}
	clear(owned[10:42])
	if *used.Txns[0].Session != ann {
		t.Error("the key is a part of the bytes it was read from")
	}
}

func TestSessionCommandsCutShort(t *testing.T) {
	for _, c := range sessionCommands() {
		b := c.Append(nil)
		if len(b) > c.Size() {
			t.Errorf("%s: Size says %d, it is %d bytes", c.Txns[0].Ops[0].Kind, c.Size(), len(b))
		}
		for n := range b {
			refuses(t, b[:n], "%s cut to %d bytes", c.Txns[0].Ops[0].Kind, n)
		}
		refuses(t, append(bytes.Clone(b), 0), "%s and a byte more", c.Txns[0].Ops[0].Kind)
	}
}

func drawKey(t *rapid.T) *znode.SessionKey {
	k := znode.SessionKey(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
	return &k
}

func drawSessionOp(t *rapid.T, txn *znode.Txn) {
	k := drawKey(t)
	o := znode.Owner(rapid.Uint64().Draw(t, "owner"))
	p := znode.MustPath(rapid.SampledFrom([]string{"/", "/a", "/a/é"}).Draw(t, "path"))
	mode := znode.WatchMode(rapid.IntRange(1, 5).Draw(t, "mode"))
	var op znode.Op
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		op = znode.OpenSessionOp(*k, rapid.Int64Range(znode.MinSessionTimeout, znode.MaxSessionTimeout).Draw(t, "timeout"))
	case 1:
		op = znode.CloseSessionOp(*k)
	case 2:
		op = znode.KillSessionOp(o)
	case 3:
		op = znode.ExpireSessionOp(o, znode.Zxid(rapid.Uint64().Draw(t, "used")), rapid.Uint64Min(1).Draw(t, "term"))
	case 4:
		op, txn.Session = znode.AddWatchOp(p, mode), k
	default:
		op, txn.Session = znode.RemoveWatchOp(p, mode-1), k
	}
	if op.Kind == znode.OpenSession || op.Kind == znode.CloseSession {
		op.Path = znode.Root // as it is read
	}
	txn.Ops = []znode.Op{op}
}

// about is what an op says about a session, as bytes.
func about(owner, timeout, term uint64, reason, watch byte) []byte {
	k := key(1)
	b := k[:]
	for _, n := range []uint64{owner, timeout, term, 0} {
		for ; n >= 0x80; n >>= 7 {
			b = append(b, byte(n)|0x80)
		}
		b = append(b, byte(n))
	}
	return append(b, reason, watch)
}

// aboutNobody is the same with no key.
func aboutNobody(owner, timeout, term uint64, reason, watch byte) []byte {
	b := about(owner, timeout, term, reason, watch)
	clear(b[:32])
	return b
}

func TestHandMadeSessionCommands(t *testing.T) {
	const s = opSession
	nobodys := func(ops ...op) []byte { return handMade(1, uint64(len(ops)), ops...) }
	anns := func(ops ...op) []byte {
		k, b := key(1), handMade(2, uint64(len(ops)), ops...)
		return slices.Concat(b[:10], k[:], b[10:])
	}
	create := op{kind: 1, path: "/a"}
	open := op{kind: 6, flags: s, path: "/", rest: about(0, 100, 0, 0, 0)}
	shut := op{kind: 7, flags: s, path: "/", rest: about(0, 0, 0, 2, 0)}
	add := op{kind: 8, flags: s, path: "/a", rest: about(0, 0, 0, 0, 1)}
	take := op{kind: 9, flags: s, path: "/a", rest: about(0, 0, 0, 0, 0)}
	says := func(o op, rest []byte) op { o.rest = rest; return o }
	for _, tt := range []struct {
		name  string
		ok    bool
		bytes []byte
	}{
		{"a create of a session", true, anns(create)},
		{"a transaction of a session", true, anns(create, create)},
		{"a key cut short", false, anns(create)[:30]},
		{"a session and no ops", false, anns()},
		{"kind 2 without a key", false, handMade(2, 1, create)},
		{"kind 1 with a key", false, append([]byte{1}, anns(create)[1:]...)},

		{"an ephemeral", true, anns(op{kind: 1, mode: 1, path: "/a"})},
		{"an ephemeral of nobody", false, nobodys(op{kind: 1, mode: 1, path: "/a"})},
		{"a sequential ephemeral", true, anns(op{kind: 1, mode: 3, path: "/"})},
		{"a sequential ephemeral of nobody", false, nobodys(op{kind: 1, mode: 3, path: "/"})},
		{"an ephemeral put", true, anns(op{kind: 2, mode: 1, path: "/a"})},

		{"open", true, nobodys(open)},
		{"open of a session", false, anns(open)},
		{"open and more", false, nobodys(open, create)},
		{"more and open", false, nobodys(create, open)},
		{"open twice", false, nobodys(open, open)},
		{"open that says nothing", false, nobodys(op{kind: 6, path: "/"})},
		{"open with data", false, nobodys(op{kind: 6, flags: s, path: "/", data: "x", rest: open.rest})},
		{"open with a mode", false, nobodys(op{kind: 6, mode: 1, flags: s, path: "/", rest: open.rest})},
		{"open where absent", false, nobodys(op{kind: 6, flags: s | opAbsent, path: "/", rest: open.rest})},
		{"open at a version", false, nobodys(op{kind: 6, flags: s | opIf, path: "/", rest: append([]byte{1, 2, 3}, open.rest...)})},
		{"the longest timeout", true, nobodys(says(open, about(0, znode.MaxSessionTimeout, 0, 0, 0)))},
		{"a longer one", false, nobodys(says(open, about(0, znode.MaxSessionTimeout+1, 0, 0, 0)))},
		{"a shorter one than any", false, nobodys(says(open, about(0, znode.MinSessionTimeout-1, 0, 0, 0)))},
		{"a timeout below 0", false, nobodys(says(open, about(0, math.MaxUint64, 0, 0, 0)))},

		{"close", true, nobodys(shut)},
		{"close of a session", false, anns(shut)},
		{"close and more", false, nobodys(shut, create)},
		{"close by name", true, nobodys(says(shut, aboutNobody(17, 0, 0, 3, 0)))},
		{"close by name and key", false, nobodys(says(shut, about(17, 0, 0, 3, 0)))},
		{"close in a term", true, nobodys(says(shut, aboutNobody(17, 0, math.MaxUint64, 1, 0)))},
		{"close for no reason", false, nobodys(says(shut, about(0, 0, 0, 0, 0)))},
		{"close for an unknown reason", false, nobodys(says(shut, about(0, 0, 0, 4, 0)))},

		{"a watch", true, anns(add)},
		{"a watch of nobody", false, nobodys(add)},
		{"a watch and more", false, anns(add, create)},
		{"a watch of every mode", false, anns(says(add, about(0, 0, 0, 0, 0)))},
		{"the last mode", true, anns(says(add, about(0, 0, 0, 0, 5)))},
		{"a mode more", false, anns(says(add, about(0, 0, 0, 0, 6)))},
		{"a watch at no path", false, anns(op{kind: 8, flags: s, path: "/a/", rest: add.rest})},
		{"a watch that says nothing", false, anns(op{kind: 8, path: "/a"})},
		{"no watch", true, anns(take)},
		{"no watch of nobody", false, nobodys(take)},
		{"no watch and more", false, anns(take, take)},
		{"no watch of a mode beyond", false, anns(says(take, about(0, 0, 0, 0, 6)))},

		{"a create about a session", false, anns(op{kind: 1, flags: s, path: "/a", rest: add.rest})},
		{"a check about a session", false, nobodys(op{kind: 5, flags: s, path: "/a", rest: add.rest})},
		{"cut short about a session", false, anns(says(add, add.rest[:37]))},
	} {
		if err := new(Command).Decode(tt.bytes); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		} else if err != nil {
			refuses(t, tt.bytes, "%s", tt.name)
		}
	}
}
