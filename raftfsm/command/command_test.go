package command

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holt/raftfsm/znode"
)

// golden reads bytes written in hex, with comments behind #.
func golden(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return b
}

func prefix(s string) znode.Prefix {
	p, err := znode.ParsePrefix(s)
	if err != nil {
		panic(err)
	}
	return p
}

func txn(ops ...znode.Op) znode.Txn { return znode.Txn{Ops: ops} }

// everyOp is a command with an op of each kind and shape.
func everyOp() *Command {
	a := znode.MustPath("/a")
	return &Command{Origin: 0x0123456789abcdef, Seq: 300, Txns: []znode.Txn{txn(
		znode.CreateOp(a, "hi", znode.Persistent),
		znode.CreateSequentialOp(prefix("/a/"), "é", znode.PersistentSequential),
		znode.PutOp(a, ""),
		znode.SetOp(a, "x", znode.Tag{Version: 1}, znode.Tag{Version: 128, Czxid: 5}),
		znode.DeleteOp(znode.MustPath("/a/b"), znode.Tag{Version: -1}),
		znode.CheckOp(znode.Root),
		znode.CheckAbsentOp(a),
	)}}
}

func decoded(t testing.TB, b []byte) *Command {
	t.Helper()
	c := new(Command)
	if err := c.Decode(b); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return c
}

func refuses(t *testing.T, b []byte, what string, args ...any) {
	t.Helper()
	if err := new(Command).Decode(b); !errors.Is(err, ErrMalformed) {
		t.Errorf(what+": %v", append(args, err)...)
	}
}

func TestCommandFormatIsFixed(t *testing.T) {
	want := golden(t, "testdata/command-v1.hex")
	if got := everyOp().Append(nil); !bytes.Equal(got, want) {
		t.Errorf("the command is written as\n%s\nand not as in the golden file\n%s", hex.Dump(got), hex.Dump(want))
	}
	if got := decoded(t, want); !reflect.DeepEqual(got, everyOp()) {
		t.Errorf("the golden file reads as %+v", got)
	}
}

// same says whether two commands are equal; no tags and an empty list of them are.
func same(a, b *Command) bool {
	if a.Origin != b.Origin || a.Seq != b.Seq || len(a.Txns) != len(b.Txns) {
		return false
	}
	for i := range a.Txns {
		x, y := a.Txns[i], b.Txns[i]
		if len(x.Ops) != len(y.Ops) || !reflect.DeepEqual(x.Session, y.Session) || !reflect.DeepEqual(x.Once, y.Once) {
			return false
		}
		for j := range x.Ops {
			if !sameOp(x.Ops[j], y.Ops[j]) {
				return false
			}
		}
	}
	return true
}

func sameOp(x, y znode.Op) bool {
	if len(x.If) == 0 && len(y.If) == 0 {
		x.If, y.If = nil, nil
	}
	return reflect.DeepEqual(x, y)
}

func TestCommandRoundTrip(t *testing.T) {
	used := new(Command) // decoding into a command used before leaves nothing of it
	rapid.Check(t, func(t *rapid.T) {
		c := drawCommand(t)
		b := c.Append([]byte("before"))
		if string(b[:6]) != "before" {
			t.Fatal("Append overwrote what was there")
		}
		if len(b)-6 > c.Size() {
			t.Fatalf("Size says %d, it is %d bytes", c.Size(), len(b)-6)
		}
		if err := used.Decode(b[6:]); err != nil || !same(used, c) {
			t.Fatalf("%+v reads as %+v, %v", c, used, err)
		}
	})
}

func TestCommandCutShort(t *testing.T) {
	b := everyOp().Append(nil)
	for n := range b {
		refuses(t, b[:n], "cut to %d bytes", n)
	}
	refuses(t, append(bytes.Clone(b), 0), "a byte more")
	refuses(t, append(bytes.Clone(b), b...), "twice")
}

// op is one op as bytes.
type op struct {
	kind, mode, flags byte
	path, data        string
	rest              []byte
}

func handMade(kind byte, count uint64, ops ...op) []byte {
	b := append([]byte{kind}, make([]byte, 9)...)
	b = binary.AppendUvarint(b, count)
	for _, o := range ops {
		b = append(b, o.kind, o.mode, o.flags)
		b = append(appendString(appendString(b, o.path), o.data), o.rest...)
	}
	return b
}

// Each refusal stands beside what is accepted: what is decoded can be applied, whoever sent it.
func TestHandMadeCommands(t *testing.T) {
	create := op{kind: 1, path: "/a"}
	set := func(rest ...byte) op { return op{kind: 3, flags: opIf, path: "/a", rest: rest} }
	many := func(n int, o op) []op {
		ops := make([]op, n)
		for i := range ops {
			ops[i] = o
		}
		return ops
	}
	mib := strings.Repeat("x", znode.MaxDataBytes)
	for _, tt := range []struct {
		name  string
		ok    bool
		bytes []byte
	}{
		{"a create", true, handMade(1, 1, create)},
		{"another kind of command", false, handMade(3, 1, create)},
		{"kind 0", false, handMade(0, 1, create)},
		{"nothing", false, nil},
		{"no ops", false, handMade(1, 0)},
		{"ops beyond what was said", false, handMade(1, 1, create, create)},
		{"fewer ops than said", false, handMade(1, 2, create)},
		{"as many ops as can be", true, handMade(1, 1024, many(1024, create)...)},
		{"an op more", false, handMade(1, 1025, many(1025, create)...)},
		{"a number of ops that no memory holds", false, handMade(1, math.MaxUint64, create)},
		{"4 MiB of data", true, handMade(1, 4, many(4, op{kind: 1, path: "/a", data: mib})...)},
		{"a byte more", false, handMade(1, 5, append(many(4, op{kind: 1, path: "/a", data: mib}), op{kind: 1, path: "/a", data: "x"})...)},
		{"data larger than a znode's", false, handMade(1, 1, op{kind: 1, path: "/a", data: mib + "x"})},

		{"kind of op 0", false, handMade(1, 1, op{path: "/a"})},
		{"an unknown kind of op", false, handMade(1, 1, op{kind: 17, path: "/a"})},
		{"a mode without its ttl", false, handMade(1, 1, op{kind: 1, mode: 5, path: "/a"})},
		{"an unknown mode", false, handMade(1, 1, op{kind: 1, mode: 7, path: "/a"})},
		{"a sequential mode without its ttl", false, handMade(1, 1, op{kind: 1, mode: 6, path: "/a"})},
		{"a mode with its ttl", true, handMade(1, 1, op{kind: 1, flags: opNumber, mode: 5, path: "/a", rest: []byte{9}})},
		{"an unknown mode", false, handMade(1, 1, op{kind: 1, mode: 7, path: "/a"})},
		{"a sequential create", true, handMade(1, 1, op{kind: 1, mode: 2, path: "/a/"})},
		{"a sequential set", false, handMade(1, 1, op{kind: 3, mode: 2, path: "/a"})},
		{"a prefix as a path", false, handMade(1, 1, op{kind: 1, path: "/a/"})},
		{"a prefix that cannot be", false, handMade(1, 1, op{kind: 1, mode: 2, path: "a"})},
		{"no path", false, handMade(1, 1, op{kind: 1})},
		{"a path that cannot be", false, handMade(1, 1, op{kind: 1, path: "/a/../b"})},
		{"a reserved path", false, handMade(1, 1, op{kind: 1, path: "/holt/x"})},
		{"the root", true, handMade(1, 1, op{kind: 3, path: "/"})},

		{"a tag", true, handMade(1, 1, set(1, 2, 3))},
		{"a flag for tags without any", false, handMade(1, 1, set(0))},
		{"a flag for tags and an end", false, handMade(1, 1, set())},
		{"half a tag", false, handMade(1, 1, set(1, 2))},
		{"as many tags as can be", true, handMade(1, 1, set(append([]byte{16}, make([]byte, 32)...)...))},
		{"a tag more", false, handMade(1, 1, set(append([]byte{17}, make([]byte, 34)...)...))},
		{"a number of eleven bytes", false, handMade(1, 1, set(append(bytes.Repeat([]byte{0x81}, 11), make([]byte, 40)...)...))},
		{"tags of a create", false, handMade(1, 1, op{kind: 1, flags: opIf, path: "/a", rest: []byte{1, 2, 3}})},
		{"tags of a put", false, handMade(1, 1, op{kind: 2, flags: opIf, path: "/a", rest: []byte{1, 2, 3}})},
		{"a check of absence", true, handMade(1, 1, op{kind: 5, flags: opAbsent, path: "/a"})},
		{"a check of absence at a version", false, handMade(1, 1, op{kind: 5, flags: opAbsent | opIf, path: "/a", rest: []byte{1, 2, 3}})},
		{"a delete of what is absent", false, handMade(1, 1, op{kind: 4, flags: opAbsent, path: "/a"})},
		{"a number that does not come", false, handMade(1, 1, op{kind: 5, flags: opNumber, path: "/a"})},
		{"a ttl of a check", false, handMade(1, 1, op{kind: 5, flags: opNumber, path: "/a", rest: []byte{9}})},
		{"a seal of no session", false, handMade(1, 1, op{kind: 5, flags: opSeal, path: "/a", rest: make([]byte, 32)})},
	} {
		if err := new(Command).Decode(tt.bytes); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestCommandLargerThanAnyIsRefused(t *testing.T) {
	refuses(t, make([]byte, MaxCommandBytes+1), "zeros")
	b := handMade(1, 1, op{kind: 1, path: "/a"})
	refuses(t, append(b, make([]byte, MaxCommandBytes)...), "a command and zeros")
}

// The largest command that can be made is within the limit of what is read.
func TestLargestCommandFits(t *testing.T) {
	p := znode.MustPath("/" + strings.Repeat("x", znode.MaxPathBytes-1))
	tags := make([]znode.Tag, znode.MaxTags)
	for i := range tags {
		tags[i] = znode.Tag{Version: -1, Czxid: math.MaxUint64}
	}
	c := &Command{Origin: math.MaxUint64, Seq: math.MaxUint64, Txns: make([]znode.Txn, 1)}
	for range znode.MaxTxnOps {
		c.Txns[0].Ops = append(c.Txns[0].Ops, znode.SetOp(p, strings.Repeat("x", znode.MaxTxnBytes/znode.MaxTxnOps), tags...))
	}
	b := c.Append(nil)
	if len(b) > MaxCommandBytes || len(b) > c.Size() {
		t.Errorf("%d bytes, the limit is %d, Size says %d", len(b), MaxCommandBytes, c.Size())
	}
	if got := decoded(t, b); !same(got, c) {
		t.Error("it reads as another")
	}
}

// What is accepted can be written, and reads the same then: every member keeps what the first one understood.
func FuzzDecodeCommand(f *testing.F) {
	f.Add(everyOp().Append(nil))
	for _, c := range sessionCommands() {
		f.Add(c.Append(nil))
	}
	f.Add(everyBatch().Append(nil))
	f.Add(handMade(1, 1, op{kind: 1, mode: 2, path: "/a/"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := new(Command)
		if err := c.Decode(b); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("an error that is not about the bytes: %v", err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("it cannot be applied: %v", err)
		}
		again := c.Append(nil)
		if len(again) > c.Size() {
			t.Fatalf("Size says %d, it is %d bytes", c.Size(), len(again))
		}
		if !same(decoded(t, again), c) {
			t.Fatalf("%+v reads as another when written again", c)
		}
		m := znode.NewMachine() // which must not panic, whoever is alive
		for i := range c.Txns {
			m.Apply(&c.Txns[i])
			if k := c.Txns[i].Session; k != nil {
				open := txn(znode.OpenSessionOp(*k, 1000))
				m.Apply(&open)
			}
			m.Apply(&c.Txns[i])
		}
	})
}
