package command

import (
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

// typical is the command of one set of 256 bytes at a version.
func typical() *Command {
	op := znode.SetOp(znode.MustPath("/service-0001/instance-0001"), strings.Repeat("x", 256), znode.Tag{Version: 7, Czxid: 123456})
	return &Command{Origin: 0x0123456789abcdef, Seq: 123456, Txns: []znode.Txn{txn(op)}}
}

func BenchmarkCommandAppend(b *testing.B) {
	c := typical()
	buf := make([]byte, 0, c.Size())
	b.ReportAllocs()
	for b.Loop() {
		buf = c.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkCommandDecode(b *testing.B) {
	encoded := typical().Append(nil)
	var c Command
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// An entry of 64 commands, down to their ops.
func BenchmarkEntryDecode(b *testing.B) {
	e := &Entry{Term: 7, Time: 1_700_000_000_000}
	for range 64 {
		e.Commands = append(e.Commands, typical().Append(nil))
	}
	encoded := e.Append(nil)
	var c Command
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Decode(encoded); err != nil {
			b.Fatal(err)
		}
		for _, command := range e.Commands {
			if err := c.Decode(command); err != nil {
				b.Fatal(err)
			}
		}
	}
}
