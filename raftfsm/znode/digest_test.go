package znode

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// recounted is the machine's digest, summed up from all that is there.
func recounted(m *Machine) Digest {
	var nodes, sessions uint64
	count := 0
	for n := range m.tree.All() {
		nodes += n.hash()
		count++
	}
	m.sessions.live.Scan(func(s *Session) bool { sessions += s.hash(); return true })
	m.sessions.ended.Scan(func(t *Tombstone) bool { sessions += t.hash(); return true })
	m.sessions.byPath.Scan(func(w *Watch) bool { sessions += w.hash(); return true })
	var h hashing
	h.add(uint64(m.zxid), uint64(m.time), uint64(count), nodes, sessions)
	return Digest(h.sum())
}

// digested is a machine with some of everything.
func digested(t testing.TB) *rig {
	r := goldenSessions(t)
	r.do(CreateOp(path("/c"), "", Container), Op{Kind: Create, Path: path("/t"), Data: "data", Mode: PersistentWithTTL, TTL: 1000})
	return r
}

// The digest of one state, for ever: members of two versions of the program compare theirs. A change of what goes in, or how, needs
// another DigestVersion.
func TestTheDigestIsFixed(t *testing.T) {
	if got := NewMachine().Digest().String(); got != "7112096972380b28" || DigestVersion != 1 {
		t.Errorf("of nothing: %s in version %d", got, DigestVersion)
	}
	if got := digested(t).Digest().String(); got != "04b81989f61dfa19" {
		t.Errorf("of some of everything: %s", got)
	}
}

func TestAStateHasTheDigestOfItsMachine(t *testing.T) {
	r := digested(t)
	s := r.State()
	want := r.Digest()
	if s.Digest() != want || decode(t, encode(t, s)).Digest() != want || FromState(s).Digest() != want || recounted(r.Machine) != want {
		t.Errorf("%s of the machine, %s of its state, %s read again, %s gone on, %s counted anew", want, s.Digest(), decode(t, encode(t, s)).Digest(),
			FromState(s).Digest(), recounted(r.Machine))
	}
	r.at(9000).do(set("/a", "other"))
	if s.Digest() != want || r.Digest() == want {
		t.Errorf("after a change the old state has %s, the machine %s; it was %s", s.Digest(), r.Digest(), want)
	}
}

// What is refused leaves the digest as it was; so does what is done and undone, but for zxid and time.
func TestARefusedTransactionLeavesTheDigest(t *testing.T) {
	r := digested(t)
	before := r.Digest()
	r.try(create("/x"), create("/x/y"), set("/a", "z"), DeleteTreeOp(path("/c")), remove("/no"))
	if r.Digest() != before {
		t.Error("a refused transaction changed it")
	}
	tree, sessions := r.tree.sum, r.sessions.sum
	k := key("dan")
	for _, txn := range []*Txn{
		transaction([]Op{OpenSessionOp(k, 1000)}), of("dan", fleeting("/f"), watch("/a", DataWatch)), transaction([]Op{CloseSessionOp(k)}),
	} {
		r.Apply(txn)
	}
	if r.sessions.sum == sessions {
		t.Error("the end of a session is not in it")
	}
	if r.tree.sum == tree {
		t.Error("that the root had a child is not in it")
	}
	if recounted(r.Machine) != r.Digest() {
		t.Error("counted anew it is another")
	}
}

// Any field of a znode, a session, the end of one or a watch that differs makes the digest differ.
func TestEveryFieldIsInTheDigest(t *testing.T) {
	n := &Node{text: "/a/bdata", pathLen: 4, nameAt: 3, czxid: 1, mzxid: 1, ctime: 1, mtime: 1, version: 1, more: &more{}}
	w := &Watch{Path: path("/a"), Mode: DataWatch, Owner: 1}
	for _, tt := range []struct {
		of   any
		hash func() uint64
		skip string // what follows from the others
	}{
		{n, n.hash, "nameAt more"},
		{n.more, n.hash, ""},
	} {
		everyField(t, tt.of, tt.hash, tt.skip)
	}
	s, e := &Session{}, &Tombstone{}
	everyField(t, s, s.hash, "")
	everyField(t, e, e.hash, "")
	hashes := map[uint64]string{n.hash(): "a znode"}
	bare := *n
	bare.more = nil
	hashes[bare.hash()] = "one that had nothing"
	hashes[w.hash()] = "a watch"
	for _, other := range []*Watch{{path("/b"), DataWatch, 1}, {path("/a"), ExistsWatch, 1}, {path("/a"), DataWatch, 2}} {
		hashes[other.hash()] = "another"
	}
	if len(hashes) != 6 {
		t.Errorf("some have one hash: %v", hashes)
	}
}

// everyField changes each field of a struct in turn, by the least there is, and wants another hash.
func everyField(t *testing.T, of any, hash func() uint64, skip string) {
	t.Helper()
	v := reflect.ValueOf(of).Elem()
	before := hash()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if slices.Contains(strings.Fields(skip), name) {
			continue
		}
		f := reflect.NewAt(v.Field(i).Type(), v.Field(i).Addr().UnsafePointer()).Elem()
		old := reflect.ValueOf(f.Interface())
		switch f.Kind() {
		case reflect.String:
			f.SetString(f.String() + "x")
		case reflect.Int64:
			f.SetInt(f.Int() + 1)
		case reflect.Array:
			f.Index(f.Len() - 1).SetUint(f.Index(f.Len()-1).Uint() ^ 1)
		default:
			f.SetUint(f.Uint() + 1)
		}
		if hash() == before {
			t.Errorf("%s.%s is not in it", v.Type().Name(), name)
		}
		f.Set(old)
		if hash() != before {
			t.Fatalf("%s.%s was not put back", v.Type().Name(), name)
		}
	}
}

// What every change pays twice.
func BenchmarkHashOfAZnode(b *testing.B) {
	r := newRig(b)
	r.do(create("/some"), create("/some/where"), createWith("/some/where/instance-0000000001", strings.Repeat("x", 256)))
	n := r.tree.Get(path("/some/where/instance-0000000001"))
	for b.Loop() {
		n.hash()
	}
}
