package znode

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"
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

// goldenHistory leads to the state in the golden file.
func goldenHistory(t testing.TB) *rig {
	r := newRig(t)
	r.at(1000).do(createWith("/a", "x"), create("/a/b"))
	r.at(2000).do(set("/a", "hi"))
	r.at(2500).do(CreateSequentialOp(prefix("/a/n-"), "é", PersistentSequential), create("/a/z"))
	r.do(remove("/a/b"))
	r.at(3000).do(create("/a!"), set("/a!", "😀"))
	return r
}

func TestStateFormatOneIsFixed(t *testing.T) {
	want := golden(t, "testdata/state-v1.hex")
	r := goldenHistory(t)
	if got := r.encoded(); !bytes.Equal(got, want) {
		t.Errorf("the state is written as\n%s\nand not as in the golden file\n%s", hex.Dump(got), hex.Dump(want))
	}
	s := decode(t, want)
	if s.Zxid != 5 || s.Time != 3000 || s.Tree.Len() != 5 || s.Tree.Bytes() != 8 {
		t.Errorf("zxid %d, time %d, %d znodes, %d bytes", s.Zxid, s.Time, s.Tree.Len(), s.Tree.Bytes())
	}
	for n := range r.tree.All() {
		got := s.Tree.Get(n.Path())
		if got == nil || got.Data() != n.Data() || got.Stat() != n.Stat() || got.Name() != n.Name() {
			t.Errorf("%s reads as %+v", n.Path(), got)
		}
	}
	r.Machine = FromState(s)
	r.wantNext("/a/n-", "/a/n-0000000003")
}

func TestNewMachineRoundTrip(t *testing.T) {
	s := decode(t, newRig(t).encoded())
	if s.Zxid != 0 || s.Time != 0 || s.Tree.Len() != 1 || s.Tree.Get(Root) == nil {
		t.Errorf("the first state reads as %+v", s)
	}
}

// Equal states are equal bytes, however they came about and however the tree inside is built.
func TestEqualStatesAreEqualBytes(t *testing.T) {
	forward, backward := newRig(t), newRig(t)
	forward.do(create("/a"), create("/b"), create("/c"))
	backward.do(create("/c"), create("/b"), create("/a"))
	if !bytes.Equal(forward.encoded(), backward.encoded()) {
		t.Error("the order of creates within a transaction shows in the bytes")
	}
	r := goldenHistory(t)
	again := &rig{t, FromState(decode(t, r.encoded()))}
	for _, r := range []*rig{r, again} {
		r.do(numbered("/a/"), remove("/a!"))
	}
	if !bytes.Equal(r.encoded(), again.encoded()) {
		t.Error("a machine that was restored goes another way")
	}
}

// The largest data fits whatever the alignment of the reader's buffer.
func TestLargeDataRoundTrip(t *testing.T) {
	r := newRig(t)
	full := strings.Repeat("0123456789abcdef", MaxDataBytes/16)
	r.do(createWith("/a", full), createWith("/b", "x"), createWith("/c", full), createWith("/"+strings.Repeat("d", 4095), full))
	s := decode(t, r.encoded())
	for _, p := range []string{"/a", "/c"} {
		if s.Tree.Get(path(p)).Data() != full {
			t.Errorf("the data of %s changed", p)
		}
	}
	if s.Tree.Bytes() != 3*MaxDataBytes+1 {
		t.Errorf("%d bytes of data", s.Tree.Bytes())
	}
}

func TestDeepTreeRoundTrip(t *testing.T) {
	r := newRig(t)
	for n := range MaxPathDepth {
		r.do(create(levels(n + 1)))
	}
	if s := decode(t, r.encoded()); s.Tree.Len() != MaxPathDepth+1 || s.Tree.Get(path(levels(128))) == nil {
		t.Errorf("%d znodes are left of %d", s.Tree.Len(), MaxPathDepth+1)
	}
}

func refusesBytes(t *testing.T, b []byte, what string, args ...any) {
	t.Helper()
	if s, err := DecodeState(bytes.NewReader(b)); !errors.Is(err, ErrCorruptState) || s != nil {
		t.Errorf(what+": %v, %v", append(args, s, err)...)
	}
}

func TestDamagedStateIsRefused(t *testing.T) {
	b := golden(t, "testdata/state-v1.hex")
	for n := range b {
		refusesBytes(t, b[:n], "cut to %d bytes", n)
	}
	refusesBytes(t, append(bytes.Clone(b), 0), "a byte more")
	refusesBytes(t, append(bytes.Clone(b), b...), "twice")
	for i := range b {
		for _, mask := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			damaged := bytes.Clone(b)
			damaged[i] ^= mask
			refusesBytes(t, damaged, "byte %d xor %#x", i, mask)
		}
	}
}

func TestReadErrorIsNotCorruption(t *testing.T) {
	b := golden(t, "testdata/state-v1.hex")
	broken := errors.New("the disk is gone")
	for n := range len(b) + 1 {
		r := io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken))
		if _, err := DecodeState(r); !errors.Is(err, broken) || errors.Is(err, ErrCorruptState) {
			t.Errorf("an error after %d bytes comes back as %v", n, err)
		}
	}
	for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(b)), iotest.DataErrReader(bytes.NewReader(b))} {
		if _, err := DecodeState(r); err != nil {
			t.Errorf("a reader that gives little at a time: %v", err)
		}
	}
}

// room is a writer that takes n bytes.
type room struct{ n int }

func (w *room) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestEncodeGivesTheWritersError(t *testing.T) {
	r := newRig(t)
	for _, p := range []string{"/a", "/b", "/c", "/d", "/e"} {
		r.do(createWith(p, strings.Repeat("x", MaxDataBytes)))
	}
	size := len(r.encoded())
	for _, n := range []int{0, 1, bufferBytes - 1, bufferBytes, size - 5, size - 4, size - 1} {
		if err := r.State().Encode(&room{n}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("with room for %d of %d bytes: %v", n, size, err)
		}
	}
	if err := r.State().Encode(&room{size}); err != nil {
		t.Errorf("with room for all: %v", err)
	}
}

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

func crafted(zxid, count uint64, nodes ...raw) []byte {
	b := append([]byte(stateMagic), stateVersion, sectionMeta)
	b = append(appendNums(b, zxid, 1, count), sectionNodes)
	for _, n := range nodes {
		b = append(b, n...)
	}
	return sealed(append(b, sectionEnd))
}

// Bytes with a correct checksum that no Encode writes. The first of each group is right, so that it is the difference
// that is refused.
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
		{"a count of eleven bytes", false, sealed(append(append([]byte(stateMagic), stateVersion, sectionMeta, 0, 0),
			bytes.Repeat([]byte{0xff}, 11)...))},
		{"bytes by hand", true, sealed([]byte(stateMagic + "\x01\x01\x00\x00\x01\x02\x01\x00\x00\x00\x00\x00"))},
		{"another version", false, sealed([]byte(stateMagic + "\x02\x01\x00\x00\x01\x02\x01\x00\x00\x00\x00\x00"))},
		{"another magic", false, sealed([]byte("halt" + stateMagic[4:] + "\x01\x01\x00\x00\x01\x02\x01\x00\x00\x00\x00\x00"))},
		{"sections the other way round", false, sealed([]byte(stateMagic + "\x01\x02\x01\x00\x00\x01\x01\x00\x00\x00\x00\x00"))},
		{"nothing between head and end", false, sealed([]byte(stateMagic + "\x01\x00"))},
	} {
		if tt.ok {
			if s, err := DecodeState(bytes.NewReader(tt.bytes)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			} else if !bytes.Equal(encode(t, s), tt.bytes) {
				t.Errorf("%s: written again, the bytes differ", tt.name)
			}
			continue
		}
		refusesBytes(t, tt.bytes, "%s", tt.name)
	}
}

// Whatever is accepted is a state: every znode is found where it says, with the children it says, and written out and
// read again it is the same. The checksum is put right, or nothing but Encode's own bytes would get past it.
func FuzzDecodeState(f *testing.F) {
	b := goldenHistory(f).encoded()
	f.Add(b[:len(b)-4])
	b = newRig(f).encoded()
	f.Add(b[:len(b)-4])
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
		first := encode(t, s)
		again := decode(t, first)
		if !bytes.Equal(encode(t, again), first) || again.Zxid != s.Zxid || again.Time != s.Time {
			t.Fatal("a second writing differs from the first")
		}
		for n := range s.Tree.All() {
			if m := again.Tree.Get(n.Path()); m == nil || m.Stat() != n.Stat() || m.Data() != n.Data() {
				t.Fatalf("%s reads back as %+v", n.Path(), m)
			}
		}
	})
}
