package zookeeper

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// fuzzBytes bounds what is unpacked in a fuzz run: a few bytes of gzip can be very many.
const fuzzBytes = 1 << 20

// Whatever the bytes are, a snapshot is read or it is an error, and what was read can be written and written upon.
func FuzzSnapshot(f *testing.F) {
	good := snapshotOf([]int64{7}, root(2), open1("/a", "data", 3), persisted{"/a/b", "", 1, 4, 0, 7}, persisted{"/c", "", 5, 4, 0, -1 << 63})
	f.Add([]byte(good))
	f.Add([]byte(good[:len(good)/2]))
	f.Add([]byte(gzipped(good)[:60]))
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.HasPrefix(b, gzipMagic) && len(b) > fuzzBytes/1000 {
			return
		}
		for _, in := range [][]byte{b, resealed(b)} {
			tree, err := readSnapshot(t.Context(), bytes.NewReader(in))
			if err != nil {
				continue
			}
			writeOut(t, tree)
			if err := tree.applyRecord([]byte(txnOf(7, 1, txnCloseSession, ""))); err != nil {
				t.Fatal(err)
			}
			writeOut(t, tree)
		}
	})
}

// resealed gives the bytes the checksum that they need, so that more of them come through.
func resealed(b []byte) []byte {
	const seal = 8 + 5
	if len(b) < seal {
		return b
	}
	return []byte(sealed(string(b[:len(b)-seal])))
}

// A transaction is applied or it is an error, whatever it is; so is a whole log.
func FuzzLog(f *testing.F) {
	for _, x := range []string{
		txnOf(7, 6, txnCreate, createBody("/a/x", "data", true, 1)),
		txnOf(7, 6, txnCreateTTL, text("/t")+text("")+openACLs+num(int32(1))+num(int64(99))),
		txnOf(7, 6, txnCreateContainer, text("/t")+text("")+openACLs+num(int32(1))),
		txnOf(7, 6, txnMulti, multiBody(opOf(txnCreate, createBody("/m", "1", false, 1)), opOf(txnDelete, text("/a")))),
		txnOf(7, 6, txnCloseSession, num(int32(1))+text("/e")),
		txnOf(7, 6, txnSetACL, text("/a")+openACLs+num(int32(1))),
		txnOf(7, 6, txnSetData, text("/a")+text("new")+num(int32(1))),
	} {
		f.Add([]byte(x))
		f.Add([]byte(logOf(x)))
	}
	start := snapshotOf([]int64{7}, root(2), open1("/a", "data", 3), persisted{"/e", "", openACLNumber, 4, 0, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range []string{string(b), logOf(string(b))} {
			tree, err := readSnapshot(t.Context(), bytes.NewReader([]byte(start)))
			if err != nil {
				t.Fatal(err)
			}
			tree.zxid = 5
			if err := replay(t.Context(), bytes.NewReader([]byte(in)), tree); err != nil && !errors.Is(err, errPartial) {
				continue
			}
			writeOut(t, tree)
		}
	})
}

// writeOut writes a tree as Read does.
func writeOut(t *testing.T, tree *tree) {
	m := newMover(io.Discard, "/", Options{})
	if err := tree.walk(t.Context(), m.move); err != nil {
		t.Fatal(err)
	}
	tree.quotas()
	if _, err := m.finish(tree.zxid, nil); err != nil {
		t.Fatal(err)
	}
}
