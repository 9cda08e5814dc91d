package znode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"strings"
	"testing"
)

// raw is a znode as bytes.
type raw []byte

// leaf is a znode without children; dir "=" is that of the znode before.
func leaf(dir, name, data string, czxid uint64) raw {
	var b []byte
	if dir == "=" {
		b = append(b, flagSameDir)
	} else {
		b = appendString(append(b, 0), dir)
	}
	return appendNums(appendString(appendString(b, name), data), czxid, 1)
}

// set is the znode with the numbers of a set. Call it before more.
func (r raw) set(mzxid, version uint64) raw {
	r[0] |= flagSet
	return appendNums(r, mzxid, 1, version)
}

func (r raw) more(pzxid, created, children uint64) raw {
	r[0] |= flagMore
	return appendNums(r, pzxid, created, children, 0)
}

// acl is the znode, with more, after its ACL was set so often.
func (r raw) acl(aversion byte) raw {
	r[len(r)-1] = aversion
	return r
}

// sealed puts a correct checksum behind b.
func sealed(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, castagnoli))
}

// crafted is a state of version 1.
func crafted(zxid, count uint64, nodes ...raw) []byte {
	b := append([]byte(stateMagic), 1, sectionMeta)
	b = append(appendNums(b, zxid, 1, count), sectionNodes)
	for _, n := range nodes {
		b = append(b, n...)
	}
	return sealed(append(b, sectionEnd))
}

// Bytes with a correct checksum that no Encode writes. The first of each group is right, so that it is the difference
// that is refused. Each is tried in all versions of the format: they differ in what follows the znodes.
func TestCraftedStates(t *testing.T) {
	root := func(children uint64) raw { return leaf("=", "", "", 0).more(9, children, children) }
	a := func() raw { return leaf("=", "a", "", 1) }
	for _, tt := range []struct {
		name  string
		ok    bool
		bytes []byte
	}{
		{"the root alone", true, crafted(9, 1, leaf("=", "", "", 0))},
		{"no root", false, crafted(9, 0)},
		{"another znode in the root's place", false, crafted(9, 1, a())},
		{"the root twice", false, crafted(9, 2, root(1), leaf("=", "", "", 0))},
		{"fewer znodes than said", false, crafted(9, 2, root(0))},
		{"more znodes than said", false, crafted(9, 1, root(1), a())},

		{"parent and child", true, crafted(9, 3, root(1), a().more(2, 1, 1), leaf("/a", "b", "", 2))},
		{"no parent", false, crafted(9, 3, root(1), a(), leaf("/b", "b", "", 2))},
		{"no parent, but the right number of children", false, crafted(9, 3, root(1), a().more(2, 1, 1), leaf("/b", "b", "", 2))},
		{"a child too few", false, crafted(9, 3, root(1), a().more(2, 2, 2), leaf("/a", "b", "", 2))},
		{"a child too many", false, crafted(9, 3, root(1), a(), leaf("/a", "b", "", 2))},
		{"a child with another's parent", false, crafted(9, 4, root(2), a().more(2, 1, 1), leaf("=", "b", "", 1), leaf("/b", "x", "", 2))},
		{"a parent of none that are here", false, crafted(9, 2, root(1), a().more(2, 1, 1))},
		{"more children than ever created", false, crafted(9, 3, root(1), a().more(2, 0, 1), leaf("/a", "b", "", 2))},
		{"children that add up by overflow", false, crafted(9, 3, root(2),
			a().more(2, math.MaxUint64, math.MaxUint64), leaf("=", "b", "", 1).more(2, 1, 1))},

		{"in order", true, crafted(9, 3, root(2), a(), leaf("=", "b", "", 1))},
		{"out of order", false, crafted(9, 3, root(2), leaf("=", "b", "", 1), a())},
		{"the same twice", false, crafted(9, 3, root(2), a(), a())},
		{"a directory out of order", false, crafted(9, 5, root(2), a().more(2, 1, 1), leaf("=", "b", "", 1).more(2, 1, 1),
			leaf("/b", "x", "", 2), leaf("/a", "x", "", 2))},
		{"a directory in two parts", false, crafted(9, 6, root(2), a().more(2, 2, 2), leaf("=", "b", "", 1).more(2, 1, 1),
			leaf("/a", "x", "", 2), leaf("/b", "x", "", 2), leaf("/a", "y", "", 2))},

		{"a bad path", false, crafted(9, 2, root(1), leaf("=", "..", "", 1))},
		{"an empty name", false, crafted(9, 3, root(1), a().more(2, 1, 1), leaf("/a", "", "", 2))},
		{"a name that is not UTF-8", false, crafted(9, 2, root(1), leaf("=", "\xff", "", 1))},
		{"a reserved name", false, crafted(9, 2, root(1), leaf("=", "holt", "", 1))},
		{"a name of two levels", false, crafted(9, 3, root(1), a().more(2, 1, 1), leaf("/a", "b/c", "", 2))},
		{"the longest path", true, crafted(9, 2, root(1), leaf("=", long(4096)[1:], "", 1))},
		{"a longer path", false, crafted(9, 2, root(1), leaf("=", long(4097)[1:], "", 1))},
		{"a name longer than a path", false, crafted(9, 2, root(1), leaf("=", long(4098)[1:], "", 1))},
		{"a directory longer than a path", false, crafted(9, 2, root(1), leaf(long(4097), "x", "", 1))},
		{"the largest data", true, crafted(9, 1, leaf("=", "", strings.Repeat("x", MaxDataBytes), 0))},
		{"larger data", false, crafted(9, 1, leaf("=", "", strings.Repeat("x", MaxDataBytes+1), 0))},

		{"set", true, crafted(9, 2, root(1), a().set(2, 1))},
		{"set when it was made", true, crafted(9, 2, root(1), a().set(1, 1))},
		{"set before it was made", false, crafted(9, 2, root(1), leaf("=", "a", "", 3).set(2, 1))},
		{"set at a version of 0", false, crafted(9, 2, root(1), a().set(2, 0))},
		{"set at a version below 0", false, crafted(9, 2, root(1), a().set(2, math.MaxUint64))},
		{"set in the future", false, crafted(9, 2, root(1), a().set(10, 1))},
		{"made now", true, crafted(9, 2, root(1), leaf("=", "a", "", 9))},
		{"made in the future", false, crafted(9, 2, root(1), leaf("=", "a", "", 10))},
		{"children from before it was made", false, crafted(9, 2, root(1), leaf("=", "a", "", 3).more(2, 1, 0))},
		{"children from the future", false, crafted(9, 2, root(1), a().more(10, 1, 0))},

		{"an ACL was set", true, crafted(9, 2, root(1), a().more(1, 0, 0).acl(3))},

		{"an unknown flag", false, crafted(9, 1, append(raw{flags | flagSameDir}, leaf("=", "", "", 0)[1:]...))},
		{"a zxid out of range", false, crafted(1<<63, 1, leaf("=", "", "", 0))},
		{"a number too large", false, crafted(9, 1, append(raw{flagSameDir, 0, 0, 0}, bytes.Repeat([]byte{0x80}, 9)...), raw{2})},
		{"a number of eleven bytes", false, crafted(9, 1, append(raw{flagSameDir, 0, 0, 0}, bytes.Repeat([]byte{0x80}, 10)...), raw{0})},
		{"a count of eleven bytes", false, sealed(append(append([]byte(stateMagic), 1, sectionMeta, 0, 0),
			bytes.Repeat([]byte{0xff}, 11)...))},
		{"bytes by hand", true, sealed([]byte(stateMagic + "\x01\x01\x00\x00\x01\x02\x01\x00\x00\x00\x00\x00"))},
		{"another version", false, sealed([]byte(stateMagic + "\x00\x01\x00\x00\x01\x02\x01\x00\x00\x00\x00\x00"))},
		{"another magic", false, sealed([]byte("halt" + stateMagic[4:] + "\x01\x01\x00\x00\x01\x02\x01\x00\x00\x00\x00\x00"))},
		{"sections the other way round", false, sealed([]byte(stateMagic + "\x01\x02\x01\x00\x00\x01\x01\x00\x00\x00\x00\x00"))},
		{"nothing between head and end", false, sealed([]byte(stateMagic + "\x01\x00"))},
	} {
		old, zxid := tt.bytes, uint64(9)
		if tt.name == "bytes by hand" {
			zxid = 0
		}
		versionTwo := inVersionTwo(old, zxid)
		versionThree := inVersionThree(versionTwo)
		if tt.name == "another version" {
			versionTwo[len(stateMagic)], versionThree[len(stateMagic)] = 4, 4
			versionTwo, versionThree = sealed(versionTwo[:len(versionTwo)-4]), sealed(versionThree[:len(versionThree)-4])
		}
		if !tt.ok {
			refusesBytes(t, old, "%s, in version 1", tt.name)
			refusesBytes(t, versionTwo, "%s, in version 2", tt.name)
			refusesBytes(t, versionThree, "%s, in version 3", tt.name)
			continue
		}
		for _, b := range [][]byte{old, versionTwo, versionThree} {
			if s, err := DecodeState(bytes.NewReader(b)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			} else if !bytes.Equal(encode(t, s), versionThree) {
				t.Errorf("%s: written again, the bytes differ", tt.name)
			}
		}
	}
}

// Whatever is accepted is a state: every znode is found where it says, with the children it says, and written out and
// read again it is the same. The checksum is put right, or nothing but Encode's own bytes would get past it.
func FuzzDecodeState(f *testing.F) {
	for _, b := range [][]byte{
		goldenHistory(f).encoded(), newRig(f).encoded(), goldenSessions(f).encoded(), goldenOutcomes(f).encoded(), golden(f, "testdata/state-v1.hex"),
		golden(f, "testdata/state-v2.hex"),
		parts{live: [][]byte{live("ann", 2, 100, 7)}, ended: [][]byte{dead("bob", 3, 1, 6, 7)}, watches: [][]byte{watching(2, 1, "/")},
			floor: 3, chunks: [][]byte{part(3, 5, 1, record(2, 1, happened(3, "/a"), 2, 0)), part(5, 5, 0)}}.bytes(),
	} {
		f.Add(b[:len(b)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := DecodeState(bytes.NewReader(sealed(body)))
		if err != nil {
			if !errors.Is(err, ErrCorruptState) {
				t.Fatalf("an error that is not about the bytes: %v", err)
			}
			return
		}
		for n := range s.Tree.All() {
			if s.Tree.Get(n.Path()) != n {
				t.Fatalf("%s is not found", n.Path())
			}
			if got := len(names(s.Tree.Children(n.Path(), ""))); int64(got) != n.NumChildren() {
				t.Fatalf("%s says it has %d children, there are %d", n.Path(), n.NumChildren(), got)
			}
		}
		consistent(t, &s.History)
		first := encode(t, s)
		again := decode(t, first)
		if !bytes.Equal(encode(t, again), first) || again.Zxid != s.Zxid || again.Time != s.Time {
			t.Fatal("a second writing differs from the first")
		}
		r := &rig{t, FromState(s)}
		r.wantCounts()
		goOn(r, &rig{t, FromState(again)})
		for n := range s.Tree.All() {
			if m := again.Tree.Get(n.Path()); m == nil || m.Stat() != n.Stat() || m.Data() != n.Data() {
				t.Fatalf("%s reads back as %+v", n.Path(), m)
			}
		}
	})
}

// goOn ends every session of two equal machines, changes the root, and finds them equal again.
func goOn(a, b *rig) {
	a.Helper()
	var owners []Owner
	for s := range a.State().Sessions.All(0) {
		owners = append(owners, s.Owner)
	}
	for _, r := range []*rig{a, b} {
		for _, o := range owners {
			r.do(KillSessionOp(o))
		}
		r.do(set("/", "on"))
		for range 3 {
			r.at(r.time+OutcomeTime/2).once("on", check("/"))
		}
	}
	if a.sessions.Len() != 0 || a.sessions.NumEphemerals() != 0 || a.sessions.NumWatches() != 0 || len(a.counts) != 0 {
		a.Fatal("sessions leave something behind")
	}
	if !bytes.Equal(a.encoded(), b.encoded()) {
		a.Fatal("written and read, a machine goes another way")
	}
}
