package command

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holt/raftfsm/znode"
)

// everyBatch is a command of transactions with and without a session and a key, with every kind of op that came with batches.
func everyBatch() *Command {
	a, ann := znode.MustPath("/a"), key(1)
	once := &znode.Once{Key: [16]byte{1, 2, 3}, Print: [16]byte{4, 5, 6}}
	open := znode.OpenSessionOp(key(2), 10_000)
	open.Path, open.Session.Seal = znode.Root, znode.Seal{7, 8, 9}
	check := znode.CheckSessionOp(300)
	check.Path = znode.Root
	made := znode.CreateOp(a, "hi", znode.PersistentWithTTL)
	made.TTL, made.Parents = 1000, true
	put := znode.PutOp(a, "x")
	put.Mode, put.Parents = znode.Container, true
	return &Command{Origin: 0x0123456789abcdef, Seq: 300, Txns: []znode.Txn{
		{Ops: []znode.Op{made, put}},
		{Ops: []znode.Op{znode.DeleteTreeOp(a, znode.Tag{Version: 1, Czxid: 2}), check}, Session: &ann},
		{Ops: []znode.Op{open}, Once: once},
		{Ops: []znode.Op{znode.GetOp(a), znode.ChildrenOp(a), znode.ExistsOp(a)}, Session: &ann, Once: once},
		{Ops: []znode.Op{znode.LoadOp(a, "é", znode.PersistentWithTTL, 9, true), znode.RaiseOp(a, 1<<40)}},
		{Ops: []znode.Op{znode.ReapOp(a, znode.Tag{Version: 3, Czxid: 4})}},
	}}
}

func TestBatchFormatIsFixed(t *testing.T) {
	want := golden(t, "testdata/batch-v1.hex")
	if got := everyBatch().Append(nil); !bytes.Equal(got, want) {
		t.Errorf("the batch is written as\n%s\nand not as in the golden file\n%s", hex.Dump(got), hex.Dump(want))
	}
	if got := decoded(t, want); !reflect.DeepEqual(got, everyBatch()) {
		t.Errorf("the golden file reads as %+v", got)
	}
}

func TestBatchesCutShortOrTooLong(t *testing.T) {
	b := everyBatch().Append(nil)
	if n := everyBatch().Size(); len(b) > n {
		t.Errorf("Size says %d, it is %d bytes", n, len(b))
	}
	for n := range b {
		refuses(t, b[:n], "a batch cut to %d bytes", n)
	}
	refuses(t, append(bytes.Clone(b), 0), "a batch and a byte more")
	a := znode.MustPath("/a")
	of := func(txns, ops, data int) *Command {
		c := &Command{}
		for range txns {
			var t znode.Txn
			for range ops {
				t.Ops = append(t.Ops, znode.PutOp(a, strings.Repeat("x", data)))
			}
			c.Txns = append(c.Txns, t)
		}
		return c
	}
	for _, tt := range []struct {
		name string
		c    *Command
		ok   bool
	}{
		{"as many transactions as can be", of(MaxBatchTxns, 1, 1), true},
		{"a transaction more", of(MaxBatchTxns+1, 1, 1), false},
		{"as many ops as can be", of(2, MaxBatchOps/2, 1), true},
		{"two ops more", of(2, MaxBatchOps/2+1, 1), false},
		{"as much data as can be", of(4, 1, znode.MaxTxnBytes/4), true},
		{"too much data", of(5, 1, znode.MaxTxnBytes/4), false},
	} {
		if err := tt.c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if b := tt.c.Append(nil); tt.ok {
			decoded(t, b)
		} else {
			refuses(t, b, "%s", tt.name)
		}
	}
	refuses(t, (&Command{Seq: math.MaxUint64, Txns: nil}).appendEmpty(), "no transaction")
}

// appendEmpty is a batch of nothing.
func (c *Command) appendEmpty() []byte {
	b := everyBatch().Append(nil)[:9]
	return append(b, 1, 0)
}

// Whatever was decoded into a command before, what is decoded now is all there is in it.
func TestACommandIsDecodedIntoAnUsedOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		used := new(Command)
		for range 4 {
			c := drawBatch(t)
			if err := c.Validate(); err != nil {
				t.Fatalf("drawn is what no log holds: %v", err)
			}
			if n := len(c.Append(nil)); n > c.Size() {
				t.Fatalf("Size says %d, it is %d bytes", c.Size(), n)
			}
			if err := used.Decode(c.Append(nil)); err != nil || !same(used, c) {
				t.Fatalf("%+v reads as %+v, %v", c, used, err)
			}
		}
	})
}
