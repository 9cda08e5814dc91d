package command

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

// several is a batch of so many transactions, as bytes.
func several(count uint64, txns ...[]byte) []byte {
	b := append([]byte{kindBatch}, make([]byte, 9)...)
	return append(binary.AppendUvarint(b, count), slices.Concat(txns...)...)
}

// headed is a transaction of a batch: its head, then its ops.
func headed(flags byte, head []byte, ops ...op) []byte {
	return slices.Concat([]byte{flags}, head, handMade(1, uint64(len(ops)), ops...)[10:])
}

// Each refusal stands beside what is accepted, for what only batches hold.
func TestHandMadeBatches(t *testing.T) {
	create := op{kind: 1, path: "/a"}
	check := op{kind: 5, path: "/"}
	ann, once := make([]byte, 32), make([]byte, 32)
	one := func(o op) []byte { return several(1, headed(0, nil, o)) }
	kept := func(o op) []byte { return several(1, headed(txnOnce, once, o)) }
	watch := op{kind: 8, flags: opSession, path: "/a", rest: about(0, 0, 0, 0, 1)}
	open := op{kind: 6, flags: opSession, path: "/", rest: about(0, 100, 0, 0, 0)}
	sealed := op{kind: 6, flags: opSession | opSeal, path: "/", rest: append(about(0, 100, 0, 0, 0), slices.Repeat([]byte{7}, 32)...)}
	many := func(n, ops int) (txns [][]byte) {
		for range n {
			txns = append(txns, headed(0, nil, slices.Repeat([]op{check}, ops)...))
		}
		return txns
	}
	mib := op{kind: 1, path: "/a", data: strings.Repeat("x", znode.MaxDataBytes)}
	for _, tt := range []struct {
		name  string
		ok    bool
		bytes []byte
	}{
		{"one transaction", true, one(create)},
		{"two", true, several(2, headed(0, nil, create, check), headed(0, nil, create))},
		{"none", false, several(0)},
		{"fewer than said", false, several(2, headed(0, nil, create))},
		{"more than said", false, several(1, headed(0, nil, create), headed(0, nil, create))},
		{"more than memory holds", false, several(math.MaxUint64, headed(0, nil, create))},
		{"as many as can be", true, several(MaxBatchTxns, many(MaxBatchTxns, 1)...)},
		{"one more", false, several(MaxBatchTxns+1, many(MaxBatchTxns+1, 1)...)},
		{"as many ops as can be", true, several(2, many(2, MaxBatchOps/2)...)},
		{"two ops more", false, several(2, many(2, MaxBatchOps/2+1)...)},
		{"as much data as can be", true, several(2, headed(0, nil, mib, mib), headed(0, nil, mib, mib))},
		{"a byte more", false, several(3, headed(0, nil, mib, mib), headed(0, nil, mib, mib), headed(0, nil, op{kind: 1, path: "/a", data: "x"}))},
		{"a transaction without ops", false, several(2, headed(0, nil, create), headed(0, nil))},
		{"a malformed one behind another", false, several(2, headed(0, nil, create), headed(0, nil, op{kind: 1, path: "a"}))},

		{"a session", true, several(1, headed(txnSession, ann, create))},
		{"a session and a key", true, several(1, headed(txnSession|txnOnce, slices.Concat(ann, once), create))},
		{"a session without its key", false, several(1, headed(txnSession, nil, create))},
		{"an unknown flag of a head", false, several(1, headed(txnFlags, nil, create))},
		{"no head", false, several(1, handMade(1, 1, create)[10:])},
		{"a create that is kept", true, kept(create)},
		{"a watch that is kept", false, several(1, headed(txnSession|txnOnce, slices.Concat(ann, once), watch))},
		{"a watch", true, several(1, headed(txnSession, ann, watch))},
		{"a reap that is kept", false, kept(op{kind: 16, flags: opIf, path: "/a", rest: []byte{1, 2, 3}})},
		{"a reap", true, one(op{kind: 16, flags: opIf, path: "/a", rest: []byte{1, 2, 3}})},
		{"a sealed id that is kept", true, kept(sealed)},
		{"a sealed id that is not kept", false, one(sealed)},
		{"an open session that is not kept", true, one(open)},
		{"a seal cut short", false, kept(op{kind: 6, flags: opSession | opSeal, path: "/", rest: sealed.rest[:len(sealed.rest)-1]})},

		{"parents", true, one(op{kind: 2, flags: opParents, path: "/a/b"})},
		{"parents of a delete", false, one(op{kind: 4, flags: opParents, path: "/a/b"})},
		{"a recursive delete", true, one(op{kind: 4, flags: opRecursive, path: "/a"})},
		{"a recursive create", false, one(op{kind: 1, flags: opRecursive, path: "/a"})},
		{"a load that replaces", true, one(op{kind: 14, flags: opReplace, path: "/a"})},
		{"a put that replaces", false, one(op{kind: 2, flags: opReplace, path: "/a"})},
		{"a load with a ttl", true, one(op{kind: 14, mode: 5, flags: opNumber, path: "/a", rest: []byte{9}})},
		{"a load with a ttl of 0", false, one(op{kind: 14, mode: 5, flags: opNumber, path: "/a", rest: []byte{0}})},
		{"a load with a ttl below 0", false, one(op{kind: 14, mode: 5, flags: opNumber, path: "/a", rest: nums(math.MaxUint64)})},
		{"the longest ttl", true, one(op{kind: 1, mode: 5, flags: opNumber, path: "/a", rest: nums(znode.MaxTTL)})},
		{"a longer ttl", false, one(op{kind: 1, mode: 5, flags: opNumber, path: "/a", rest: nums(znode.MaxTTL + 1)})},
		{"a load of an ephemeral", false, several(1, headed(txnSession, ann, op{kind: 14, mode: 1, path: "/a"}))},
		{"a raise", true, one(op{kind: 15, flags: opNumber, path: "/a", rest: nums(znode.MaxCreated)})},
		{"a raise too far", false, one(op{kind: 15, flags: opNumber, path: "/a", rest: nums(znode.MaxCreated + 1)})},
		{"a check of a session", true, one(op{kind: 10, flags: opSession, path: "/", rest: aboutNobody(7, 0, 0, 0, 0)})},
		{"a check of its own session", true, several(1, headed(txnSession, ann, op{kind: 10, flags: opSession, path: "/", rest: aboutNobody(0, 0, 0, 0, 0)}))},
		{"a check of its own session without one", false, one(op{kind: 10, flags: opSession, path: "/", rest: aboutNobody(0, 0, 0, 0, 0)})},
		{"a check of a session that says nothing", false, one(op{kind: 10, path: "/"})},
		{"a get", true, one(op{kind: 11, path: "/"})},
		{"a get with data", false, one(op{kind: 11, path: "/", data: "x"})},
		{"children at a version", false, one(op{kind: 12, flags: opIf, path: "/", rest: []byte{1, 2, 3}})},
		{"exists where absent", false, one(op{kind: 13, flags: opAbsent, path: "/"})},
	} {
		if err := new(Command).Decode(tt.bytes); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		} else if err != nil {
			refuses(t, tt.bytes, "%s", tt.name)
		}
	}
}

func nums(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// The largest batch that can be made is within the limit of what is read.
func TestLargestBatchFits(t *testing.T) {
	p := znode.MustPath("/" + strings.Repeat("x", znode.MaxPathBytes-1))
	tags := slices.Repeat([]znode.Tag{{Version: -1, Czxid: math.MaxUint64}}, znode.MaxTags)
	ann := key(1)
	c := &Command{Origin: math.MaxUint64, Seq: math.MaxUint64}
	for range MaxBatchTxns {
		txn := znode.Txn{Session: &ann}
		for range MaxBatchOps / MaxBatchTxns {
			txn.Ops = append(txn.Ops, znode.SetOp(p, strings.Repeat("x", znode.MaxTxnBytes/MaxBatchOps), tags...))
		}
		txn.Once = znode.NewOnce("k", &txn)
		c.Txns = append(c.Txns, txn)
	}
	b := c.Append(nil)
	if len(b) > MaxCommandBytes || len(b) > c.Size() {
		t.Errorf("%d bytes, the limit is %d, Size says %d", len(b), MaxCommandBytes, c.Size())
	}
	if got := decoded(t, b); !same(got, c) {
		t.Error("it reads as another")
	}
	if len(c.Txns) != MaxBatchTxns || len(b) < MaxCommandBytes*9/10 {
		t.Errorf("it is not the largest: %d transactions, %d bytes", len(c.Txns), len(b))
	}
}
