package raftfsm

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// putBody is an encoded command that puts data.
func putBody(data string) []byte {
	return (&command.Command{Origin: 1, Seq: 1, Txns: []znode.Txn{*putTxn(data)}}).Append(nil)
}

func markBody(version uint8) []byte { return command.Mark{Version: version}.Append(nil) }

func verdictBody(n note) []byte {
	v := command.Verdict{Version: n.version, Index: n.index, Zxid: n.zxid, Digest: n.digest}
	return v.Append(nil)
}

// stoppable is an FSM that keeps why it stopped.
func stoppable() (f *fsm, n *Node, why *error) {
	f, n = newTestFSM()
	why = new(error)
	f.fatal = func(err error) { *why = err }
	return f, n, why
}

// A note is of the place of the mark in the log: what comes before it in the same entry counts, what comes behind does not.
func TestANoteIsOfThePlaceOfTheMark(t *testing.T) {
	f, n, _ := stoppable()
	f.ApplyBatch([]*raft.Log{entryOf(1, 1, 1, 10, putBody("a"))})
	want := n.progress.now.Load().state
	g, _, _ := stoppable()
	g.ApplyBatch([]*raft.Log{entryOf(1, 1, 1, 10, putBody("a"), markBody(znode.DigestVersion), putBody("b")), entryOf(2, 1, 1, 11, putBody("c"))})
	if got, ok := g.digests.at(1); !ok || got.zxid != want.Zxid || got.digest != want.Digest() || got.version != znode.DigestVersion {
		t.Errorf("%+v, %t", got, ok)
	}
}

func TestWhatIsNotNoted(t *testing.T) {
	f, _, why := stoppable()
	f.ApplyBatch([]*raft.Log{
		entryOf(1, 2, 1, 10, markBody(znode.DigestVersion)),   // void
		entryOf(2, 2, 2, 10, markBody(znode.DigestVersion+1)), // a digest of another version
	})
	for index := range uint64(3) {
		if n, ok := f.digests.at(index); ok {
			t.Errorf("%+v is noted", n)
		}
	}
	// Nor is anybody held to what was not noted.
	f.ApplyBatch([]*raft.Log{
		entryOf(3, 2, 2, 10, verdictBody(note{1, znode.DigestVersion, 7, 7})),
		entryOf(4, 2, 2, 10, verdictBody(note{2, znode.DigestVersion + 1, 7, 7})),
		entryOf(5, 2, 2, 10, verdictBody(note{99, znode.DigestVersion, 7, 7})),
	})
	if *why != nil || f.digests.standing() != (note{}) {
		t.Errorf("%v, %+v", *why, f.digests.standing())
	}
}

func TestNotesAreFewAndGoWithTheState(t *testing.T) {
	f, n, why := stoppable()
	for i := uint64(1); i <= 3*MaxNotes; i++ {
		f.ApplyBatch([]*raft.Log{entryOf(i, 1, 1, 10, markBody(znode.DigestVersion))})
	}
	_, first := f.digests.at(2*MaxNotes + 1)
	_, before := f.digests.at(2 * MaxNotes)
	if len(f.digests.notes) != MaxNotes || !first || before {
		t.Errorf("%d notes, the first is there: %t, the one before: %t", len(f.digests.notes), first, before)
	}
	var b bytes.Buffer
	if err := writeSnapshot(&b, n.progress.now.Load()); err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(readCloser{bytes.NewReader(b.Bytes())}); err != nil {
		t.Fatal(err)
	}
	f.ApplyBatch([]*raft.Log{entryOf(100, 1, 1, 10, verdictBody(note{3 * MaxNotes, znode.DigestVersion, 7, 7}))})
	if *why != nil {
		t.Errorf("held to what it was before the snapshot: %v", *why)
	}
}

// Who stops applies nothing more, answers nobody, and leaves no snapshot of what is wrong.
func TestAMemberThatDiffersStops(t *testing.T) {
	f, n, why := stoppable()
	c := startAll(t, n.calls, 1)[0]
	n.calls.send([]*call{c}, way{term: 1})
	f.ApplyBatch([]*raft.Log{entryOf(1, 1, 1, 10, putBody("a"), markBody(znode.DigestVersion))})
	mine, _ := f.digests.at(1)
	f.ApplyBatch([]*raft.Log{entryOf(2, 1, 1, 10, verdictBody(mine))})
	if *why != nil || f.digests.standing() != mine || f.digests.log.Load() != 2 {
		t.Fatalf("the same: %v, %+v", *why, f.digests.standing())
	}
	theirs := mine
	theirs.digest++
	f.ApplyBatch([]*raft.Log{entryOf(3, 1, 1, 10, c.body, verdictBody(theirs), putBody("b")), entryOf(4, 1, 1, 10, putBody("c"))})
	if !errors.Is(*why, ErrDiverged) || !strings.Contains((*why).Error(), mine.digest.String()) || !strings.Contains((*why).Error(), theirs.digest.String()) {
		t.Errorf("it stopped because %v", *why)
	}
	if c.stage == ended || n.progress.now.Load().index != 2 {
		t.Errorf("what came after is answered: stage %d, index %d", c.stage, n.progress.now.Load().index)
	}
	*why = nil
	f.ApplyBatch([]*raft.Log{entryOf(5, 1, 1, 10, verdictBody(theirs))})
	if s, err := f.Snapshot(); err == nil || *why != nil {
		t.Errorf("a snapshot: %v, %v; said again: %v", s, err, *why)
	}
	if err := f.Restore(readCloser{bytes.NewReader(nil)}); !errors.Is(err, errHalted) {
		t.Errorf("a restore: %v", err)
	}
}

// A command of a version to come is no damage: the member says that it is too old, in a void entry as well.
func TestAMemberThatIsTooOldStops(t *testing.T) {
	for _, version := range []uint8{1, command.LogVersion} {
		for _, body := range [][]byte{{200, 1, 2, 3}, markBody(1)} {
			f, _, why := stoppable()
			f.version = version
			f.ApplyBatch([]*raft.Log{entryOf(1, 1, 1, 10, putBody("a"), body)})
			old := body[0] == 200 || version == 1
			if errors.Is(*why, ErrTooOld) != old || errors.Is(*why, command.ErrTooNew) != old || f.halted != old {
				t.Errorf("version %d, kind %d: %v", version, body[0], *why)
			}
		}
	}
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, ErrTooOld.Error()) {
			t.Errorf("where nobody can be told, it panics with %q", said)
		}
	}()
	f, _ := newTestFSM()
	f.ApplyBatch([]*raft.Log{entryOf(1, 1, 1, 10, []byte{200})})
}

// Of five voters three must agree; observers are asked, and have no vote.
func TestAMajorityOfAllVotersDecides(t *testing.T) {
	a, b, c := note{1, 1, 5, 10}, note{1, 1, 5, 11}, note{1, 1, 5, 12}
	voters := []string{"v1", "v2", "v3", "v4", "v5"}
	for _, tt := range []struct {
		name     string
		notes    map[string]note
		want     note
		disputed bool
	}{
		{"all", map[string]note{"v1": a, "v2": a, "v3": a, "v4": a, "v5": a}, a, false},
		{"three of three that answer", map[string]note{"v1": a, "v2": a, "v3": a}, a, false},
		{"two that answer", map[string]note{"v1": a, "v2": a}, note{}, false},
		{"one that differs", map[string]note{"v1": a, "v2": a, "v3": a, "v4": b}, a, false},
		{"two against two", map[string]note{"v1": a, "v2": a, "v3": b, "v4": b}, note{}, true},
		{"two against three", map[string]note{"v1": a, "v2": a, "v3": b, "v4": b, "v5": b}, b, false},
		{"three ways", map[string]note{"v1": a, "v2": a, "v3": b, "v4": b, "v5": c}, note{}, true},
		{"observers", map[string]note{"v1": a, "v2": a, "o1": a, "o2": a, "o3": b}, note{}, false},
		{"nobody", nil, note{}, false},
	} {
		got, ok, disputed := majorityOf(tt.notes, voters)
		if got != tt.want || ok != (tt.want != note{}) || disputed != tt.disputed {
			t.Errorf("%s: %+v, %t, disputed: %t", tt.name, got, ok, disputed)
		}
	}
}
