package znode

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// sound checks that a restored machine is one that every member would have: it reads again as it is written, and counts what it holds.
func (r *rig) sound() {
	r.Helper()
	b := r.encoded()
	s := decode(r.TB, b)
	if again := encode(r.TB, FromState(s).State()); !bytes.Equal(again, b) {
		r.Error("a member that reads the snapshot holds another state")
	}
	if s.Digest() != r.Digest() || recounted(r.Machine) != r.Digest() {
		r.Error("the digest is another when it is counted anew")
	}
	r.wantCounts()
}

// lived is a machine with sessions, ephemerals, watches and kept outcomes, at some time.
func lived(t testing.TB) *rig {
	r := newRig(t)
	r.at(1000).do(create("/a"), create("/b"), create("/b/c"))
	r.open("ann", "bob")
	r.by("ann", fleeting("/b/ann"))
	r.by("bob", fleeting("/b/bob"))
	r.by("bob", watch("/a", DataWatch))
	r.do(numbered("/b/n-"), numbered("/b/n-"))
	r.Apply(&Txn{Once: NewOnce("key", transaction([]Op{set("/a", "kept")})), Ops: []Op{set("/a", "kept")}})
	return r
}

func TestARestoreIntoAFreshMachineKeepsTheStats(t *testing.T) {
	old := lived(t)
	backup := decode(t, old.encoded())
	r := newRig(t)
	r.at(500).do(create("/gone"))
	if ended := r.Restore(backup); len(ended) > 0 {
		t.Errorf("%d sessions ended, there were none", len(ended))
	}
	z := backup.Zxid + 1
	if r.Zxid() != z || r.State().Time != backup.Time || r.has("/gone") || r.has("/b/ann") || r.has("/b/bob") {
		t.Errorf("zxid %d at %d", r.Zxid(), r.State().Time)
	}
	for n := range backup.Tree.All() {
		switch p := n.Path().String(); {
		case n.Owner() != 0:
		case p == "/b": // it has lost two children at once
			want := n.Stat()
			want.NumChildren, want.Cversion, want.Pzxid = want.NumChildren-2, want.Cversion+2, z
			r.wantStat(p, want)
		default:
			r.wantStat(p, n.Stat())
		}
	}
	s := r.State()
	if s.History.Floor() != z || s.History.Len() != 0 || s.History.Restored() != z || s.Outcomes.Len() != 0 || s.Format() != 4 {
		t.Errorf("%+v", s.History)
	}
	if s.Sessions.Len()+s.Sessions.NumEphemerals()+s.Sessions.NumWatches()+len(s.Sessions.endings) != 0 {
		t.Error("something of the backup's sessions is left")
	}
	r.sound()
	r.at(2000).do(create("/b/after"))
	r.open("ann") // nobody has that key here
	r.by("ann", fleeting("/b/ann"))
	r.sound()
}

// Where the machine has gone on from the backup, what is not as it was just before is new: no tag of before fits it. The rest is as it was.
func TestARestoreOverWhatCameOfTheBackup(t *testing.T) {
	r := lived(t)
	backup := decode(t, r.encoded())
	r.at(3000).do(set("/a", "newer"), create("/later"), remove("/b/c"), numbered("/b/n-"))
	tag := exactly(r.stat("/a").Version, r.stat("/a").Czxid)
	kept := r.stat("/b/n-0000000004")
	ann := r.owner("ann")
	ended := r.Restore(backup)
	z := r.Zxid()
	if len(ended) != 2 || ended[0].Owner != ann || z <= backup.Zxid+1 {
		t.Errorf("%d sessions ended, zxid %d", len(ended), z)
	}
	if r.has("/later") || !r.has("/b/c") || r.tree.Get(path("/a")).Data() != "kept" {
		t.Error("the tree is another")
	}
	r.wantStat("/b/n-0000000004", kept)
	for _, p := range []string{"/", "/a", "/b", "/b/c"} {
		s := r.stat(p)
		was := backup.Tree.Get(path(p)).Stat()
		if s.Czxid != z || s.Mzxid != z || s.Pzxid != z || s.Version != was.Version || s.Ctime != was.Ctime {
			t.Errorf("%s: %+v, it was %+v", p, s, was)
		}
	}
	for range tag.Version {
		r.do(set("/a", "again"))
	}
	r.refuses(BadVersion, "/a", set("/a", "lost", tag))
	// Numbers of children go on from the later of the two, so that no name is given twice.
	if got := r.do(numbered("/b/n-")).Ops[0].Where().String(); got != "/b/n-0000000006" {
		t.Errorf("the next number makes %s", got)
	}
	for _, name := range []string{"ann", "bob"} {
		end := r.sessions.EndedByKey(key(name))
		if end == nil || end.Reason != Killed || end.Zxid != z || end.Time != 3000 {
			t.Errorf("what is left of %s: %+v", name, end)
		}
		r.refusesTo(SessionExpired, 0, of(name, set("/a", "x")))
	}
	r.sound()
	r.Restore(decode(t, r.encoded())) // and again, over sessions that have ended
	r.sound()
}

// A restore does not let time go back, whichever clock was ahead.
func TestARestoreAndTheTime(t *testing.T) {
	for _, c := range []struct{ then, now, want int64 }{{1000, 5000, 5000}, {9000, 5000, 9000}} {
		old := newRig(t)
		old.at(c.then).do(create("/a"))
		r := newRig(t)
		r.at(c.now)
		r.Restore(old.State())
		if got := r.State().Time; got != c.want {
			t.Errorf("the backup was of %d, the clock says %d, and the state %d", c.then, c.now, got)
		}
		r.do(create("/b"))
		if got := r.stat("/b").Ctime; got != c.want {
			t.Errorf("afterwards it is %d", got)
		}
	}
}

func TestAZxidThatLeavesNoRoomIsNotRestorable(t *testing.T) {
	for zxid, ok := range map[Zxid]bool{0: true, MaxRestoredZxid: true, MaxRestoredZxid + 1: false, math.MaxInt64: false} {
		s := newRig(t).State()
		s.Zxid = zxid
		if err := s.Restorable(); (err == nil) != ok || err != nil && !errors.Is(err, ErrNotRestorable) {
			t.Errorf("zxid %d: %v", zxid, err)
		}
	}
}

// Whatever two machines have been through, one is restored from the other as every member would have it.
func TestRestoresOfManyStates(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := newRig(t)
		r.at(1000)
		backup := r.State()
		wander := func() {
			for range rnd.IntN(40) {
				name := string(rune('a' + rnd.IntN(4)))
				p := "/" + name
				if rnd.IntN(2) == 0 {
					p += "/" + string(rune('a'+rnd.IntN(4)))
				}
				who := "s" + fmt.Sprint(rnd.IntN(1000))
				switch rnd.IntN(7) {
				case 0:
					r.try(create(p))
				case 1:
					r.try(put(p, fmt.Sprint(rnd.IntN(3))))
				case 2:
					r.try(DeleteTreeOp(path(p)))
				case 3:
					r.try(numbered(p + "-"))
				case 4:
					r.try(CreateOp(path(p), "", Container))
				case 5:
					r.open(who + fmt.Sprint(r.Zxid()))
					r.by(who+fmt.Sprint(r.Zxid()-1), fleetingNumbered(p[:2]+"e"))
				case 6:
					if s := first(r.sessions); s != nil {
						r.try(KillSessionOp(s.Owner))
					}
				}
				if rnd.IntN(10) == 0 {
					backup = decode(t, r.encoded())
				}
			}
		}
		for range 3 {
			wander()
			before := r.Zxid()
			if rnd.IntN(3) == 0 {
				other := newRig(t) // another cluster
				other.at(2000).do(create("/a"), create("/a/z"))
				backup = other.State()
			}
			r.Restore(backup)
			if r.Zxid() <= before || r.Zxid() <= backup.Zxid || r.tree.Len() != backup.Tree.Len()-backup.Sessions.NumEphemerals() {
				t.Fatalf("seed %d: zxid %d after %d, %d znodes of %d", seed, r.Zxid(), before, r.tree.Len(), backup.Tree.Len())
			}
			r.sound()
		}
	}
}

// first is the session that was opened first.
func first(s *Sessions) (first *Session) {
	for n := range s.All(0) {
		return n
	}
	return nil
}

// What was restored is in the encoding, and only a state that was has the version for it.
func TestTheRestoreIsInTheEncoding(t *testing.T) {
	r := lived(t)
	if b := r.encoded(); b[len(stateMagic)] != neverRestored {
		t.Errorf("format %d before any restore", b[len(stateMagic)])
	}
	r.Restore(decode(t, r.encoded()))
	z := r.Zxid()
	r.do(create("/after"))
	b := r.encoded()
	if s := decode(t, b); s.History.Restored() != z || b[len(stateMagic)] != stateVersion {
		t.Errorf("restored at %d, it was %d", s.History.Restored(), z)
	}
	r.history.restored = r.history.floor + 1
	refusesBytes(t, r.encoded(), "a history from before the restore")
	if l := lived(t).State().Lift(1000); l.History.Restored() != 0 {
		t.Error("a recovery passes for a restore")
	}
}

func TestTheChecksumOfAStateIsKnownWithoutReadingIt(t *testing.T) {
	b := lived(t).encoded()
	whole := func(parts ...[]byte) error {
		var c Checksum
		for _, p := range parts {
			if n, err := c.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		return c.Whole()
	}
	for i := range b {
		if err := whole(b[:i], b[i:]); err != nil {
			t.Fatalf("in two parts at %d: %v", i, err)
		}
		if err := whole(b[:i]); !errors.Is(err, ErrCorruptState) {
			t.Fatalf("the first %d bytes: %v", i, err)
		}
		bad := bytes.Clone(b)
		bad[i] ^= 0x40
		if err := whole(bad); !errors.Is(err, ErrCorruptState) {
			t.Fatalf("flipped at %d: %v", i, err)
		}
	}
}

func BenchmarkRestoreOfAHundredThousandZnodes(b *testing.B) {
	r := newRig(b)
	for i := range 1000 {
		r.do(create(fmt.Sprintf("/d%03d", i)))
		for j := range 100 {
			r.do(createWith(fmt.Sprintf("/d%03d/n%03d", i, j), "x"))
		}
	}
	s := r.State()
	r.do(set("/d000", "y"))
	b.ResetTimer()
	for range b.N {
		m := FromState(r.State())
		m.Restore(s)
	}
}

// The golden file of version 4 is of a restored state. It changes only together with the version.
func TestStateFormatFourIsWritten(t *testing.T) {
	r := goldenSessions(t)
	backup := decode(t, r.encoded())
	r.at(4000).do(set("/a", "newer"))
	r.Restore(backup)
	r.do(create("/after"))
	want := golden(t, "testdata/state-v4.hex")
	if got := r.encoded(); !bytes.Equal(got, want) {
		t.Errorf("the state is written as\n%s\nand not as the golden file says\n%s", hex.Dump(got), hex.Dump(want))
	}
	if s := decode(t, want); s.History.Restored() != r.Zxid()-1 || s.Sessions.Len() > 0 || s.Sessions.EndedByKey(key("ann")) == nil {
		t.Errorf("restored at %d, zxid %d", s.History.Restored(), s.Zxid)
	}
}
