package znode

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
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

// empty is what version 2 wrote behind the znodes where there are no sessions and the history begins at zxid.
func empty(zxid uint64) []byte {
	b := []byte{sectionSessions, 0, 0, 0, sectionHistory}
	return appendNums(b, zxid, 0, zxid, zxid, 0, 0)
}

// inVersionTwo is a sealed state of version 1 as version 2 wrote it: its history begins now.
func inVersionTwo(b []byte, zxid uint64) []byte {
	body := append(bytes.Clone(b[:len(b)-5]), empty(zxid)...)
	body[len(stateMagic)] = 2
	return sealed(append(body, sectionEnd))
}

// inVersionThree is a sealed state of version 2 as version 3 writes it: no outcomes are kept.
func inVersionThree(b []byte) []byte {
	body := append(bytes.Clone(b[:len(b)-5]), sectionOutcomes, 0, sectionEnd)
	body[len(stateMagic)] = 3
	return sealed(body)
}

// The golden file of version 1 is never written again. It reads as it always did, and has no sessions and no past.
func TestStateFormatOneIsRead(t *testing.T) {
	old := golden(t, "testdata/state-v1.hex")
	s := decode(t, old)
	if s.Zxid != 5 || s.Time != 3000 || s.Tree.Len() != 5 || s.Tree.Bytes() != 8 {
		t.Errorf("zxid %d, time %d, %d znodes, %d bytes", s.Zxid, s.Time, s.Tree.Len(), s.Tree.Bytes())
	}
	r := goldenHistory(t)
	for n := range r.tree.All() {
		got := s.Tree.Get(n.Path())
		if got == nil || got.Data() != n.Data() || got.Stat() != n.Stat() || got.Name() != n.Name() {
			t.Errorf("%s reads as %+v", n.Path(), got)
		}
	}
	if s.Sessions.Len() != 0 || s.History.Floor() != 5 || s.History.Len() != 0 {
		t.Errorf("%d sessions, %d records after zxid %d", s.Sessions.Len(), s.History.Len(), s.History.Floor())
	}
	if got, want := encode(t, s), inVersionThree(inVersionTwo(old, 5)); !bytes.Equal(got, want) {
		t.Errorf("it is written as\n%s\nwant\n%s", hex.Dump(got), hex.Dump(want))
	}
	r.Machine = FromState(s)
	r.wantNext("/a/n-", "/a/n-0000000003")
	if _, whole := r.State().History.After(4); whole {
		t.Error("it claims to know what was before it was read")
	}
}

// goldenSessions leads to the state in the golden file of version 2, which has some of everything.
func goldenSessions(t testing.TB) *rig {
	r := newRig(t)
	r.at(1000).do(createWith("/a", "hi"))
	r.open("ann", "bob", "cid")
	r.by("ann", CreateSequentialOp(prefix("/a/n-"), "x", EphemeralSequential), fleeting("/e"))
	r.by("bob", watch("/a", ChildrenWatch))
	r.by("bob", watch("/", PersistentRecursive))
	r.by("ann", watch("/a", DataWatch))
	r.by("ann", watch("/no/way", ExistsWatch))
	r.by("cid", fleeting("/c"))
	r.at(2000).do(KillSessionOp(r.owner("cid")))
	r.at(3000).by("ann", set("/e", "é"))
	r.do(set("/a", "ho"))
	return r
}

// The golden file of version 2 is never written again either. It has no outcomes.
func TestStateFormatTwoIsRead(t *testing.T) {
	old := golden(t, "testdata/state-v2.hex")
	r, s := goldenSessions(t), decode(t, old)
	if got, want := r.encoded(), inVersionThree(old); !bytes.Equal(got, want) || !bytes.Equal(encode(t, s), want) {
		t.Errorf("the state is written as\n%s\nand not as the golden file says\n%s", hex.Dump(got), hex.Dump(want))
	}
	ann, bob := s.Sessions.ByKey(key("ann")), s.Sessions.ByKey(key("bob"))
	if s.Zxid != 13 || s.Time != 3000 || s.Tree.Len() != 4 || s.Sessions.Len() != 2 || ann == nil || bob == nil {
		t.Fatalf("zxid %d, time %d, %d znodes, %d sessions", s.Zxid, s.Time, s.Tree.Len(), s.Sessions.Len())
	}
	if got := s.Tree.Get(path("/e")).Stat(); got.EphemeralOwner != "s2" || got.Version != 1 {
		t.Errorf("the stat of the ephemeral is %+v", got)
	}
	if end := s.Sessions.EndedByKey(key("cid")); end == nil || end.Reason != Killed || end.Time != 2000 || end.Zxid != 11 {
		t.Errorf("the killed session is %+v", end)
	}
	r.Machine = FromState(s)
	r.wantWatches("ann", "exists /no/way")
	r.wantWatches("bob", "persistent_recursive /", "children /a")
	r.wantTold(ann.Owner, "NodeDataChanged /a")
	r.wantTold(bob.Owner, "NodeDataChanged /a")
	r.wantCounts()
	if got := after(t, &s.History, 0); !slices.Equal(got, []Zxid{1, 5, 10, 11, 12, 13}) {
		t.Errorf("the history is that of %v", got)
	}
}

func TestNewMachineRoundTrip(t *testing.T) {
	s := decode(t, newRig(t).encoded())
	if s.Zxid != 0 || s.Time != 0 || s.Tree.Len() != 1 || s.Tree.Get(Root) == nil {
		t.Errorf("the first state reads as %+v", s)
	}
}

// znodesOf cuts off what is behind the znodes of a state without sessions.
func znodesOf(b []byte) []byte {
	return b[:bytes.LastIndex(b, []byte{sectionSessions, 0, 0, 0, sectionHistory})]
}

// Equal states are equal bytes, however the trees inside are built. The tree does not show how it came about; the history
// does, to the order of the ops in a transaction.
func TestEqualStatesAreEqualBytes(t *testing.T) {
	forward, backward := newRig(t), newRig(t)
	forward.do(create("/a"), create("/b"), create("/c"))
	backward.do(create("/c"), create("/b"), create("/a"))
	if !bytes.Equal(znodesOf(forward.encoded()), znodesOf(backward.encoded())) {
		t.Error("the order of creates within a transaction shows in the bytes of the tree")
	}
	if bytes.Equal(forward.encoded(), backward.encoded()) {
		t.Error("the order of creates within a transaction is not in the history")
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
	damage(t, golden(t, "testdata/state-v1.hex"))
	damage(t, golden(t, "testdata/state-v2.hex"))
	damage(t, golden(t, "testdata/state-v3.hex"))
}

func damage(t *testing.T, b []byte) {
	for n := range b {
		refusesBytes(t, b[:n], "cut to %d bytes", n)
	}
	refusesBytes(t, append(bytes.Clone(b), 0), "a byte more")
	refusesBytes(t, append(bytes.Clone(b), b...), "twice")
	for i := range b {
		for _, mask := range []byte{1, 16, 128} {
			damaged := bytes.Clone(b)
			damaged[i] ^= mask
			refusesBytes(t, damaged, "byte %d xor %#x", i, mask)
		}
	}
}

func TestReadErrorIsNotCorruption(t *testing.T) {
	b := golden(t, "testdata/state-v3.hex")
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
