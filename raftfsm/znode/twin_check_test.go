package znode

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// tally counts what a test met, so that it can say whether it met enough to say much.
type tally map[string]int

func (n tally) note(m *Machine, r *Result, txn *Txn) {
	n[r.Code.String()]++
	if r.Code != OK {
		if r.Replayed {
			n["replayed refusal"]++
		}
		return
	}
	if r.Replayed {
		n["replayed"]++
		return
	}
	for i, op := range txn.Ops {
		n[op.Kind.String()]++
		if r.Ops[i].Created {
			n[op.Mode.String()]++
		}
		if op.Recursive && r.Ops[i].Deleted > 2 {
			n["tree deleted"]++
		}
		n[fmt.Sprint("loaded ", r.Ops[i].Loaded)]++
	}
	s := m.State()
	records, _ := s.History.After(s.Zxid - 1)
	for rec := range records {
		n["told"] += len(rec.Told)
		for _, e := range rec.Events {
			if e.Cause != 0 && e.Type == NodeDeleted {
				n["ephemerals that went"]++
			}
		}
	}
}

func (n tally) want(t *testing.T, least int, what ...string) {
	t.Helper()
	t.Logf("%v", n)
	for _, w := range what {
		if n[w] < least {
			t.Errorf("of %s there were %d, too few to say much", w, n[w])
		}
	}
}

// reread is a machine that goes on from what m's state is once written and read.
func reread(t *rapid.T, m *Machine) *Machine {
	s, err := DecodeState(bytes.NewReader(rapidEncode(t, m.State())))
	if err != nil {
		t.Fatalf("a state does not decode: %v", err)
	}
	return FromState(s)
}

// The machine and its twin agree on every result and every state, and a state given out never changes. Beside them goes a
// second machine, which now and then begins anew from the other's bytes: the two never differ by one.
func TestMachineAgreesWithTwin(t *testing.T) {
	met := tally{}
	rapid.Check(t, func(t *rapid.T) {
		m, tw, second := NewMachine(), newTwin(), NewMachine()
		type kept struct {
			state *State
			bytes []byte
		}
		var old []kept
		var past []*Txn
		// Of so few the limit, which is too far away for a test, does something; or there are more than are forgotten in passing.
		most := rapid.SampledFrom([]int{5, 12, 40}).Draw(t, "kept at most")
		begin := []*Txn{
			{Ops: []Op{OpenSessionOp(key("ann"), 1000)}}, {Ops: []Op{OpenSessionOp(key("bob"), 1000)}},
			{Ops: []Op{create("/a"), create("/a/b"), create("/a!")}},
		}
		for range rapid.IntRange(10, 60).Draw(t, "transactions") {
			now := drawTime(t, tw)
			tw.term = uint64(rapid.IntRange(1, 2).Draw(t, "term"))
			tw.now = max(tw.time, now)
			m.Advance(now, tw.term)
			second.Advance(now, tw.term)
			txn := drawTxn(t, tw, past)
			if len(begin) > 0 {
				txn, begin = begin[0], begin[1:]
			}
			if err := txn.Validate(); err != nil {
				t.Fatalf("drawn is what no log holds: %v", err)
			}
			res := m.Apply(txn)
			compareResult(t, res, tw, txn)
			met.note(m, res, txn)
			if m.Digest() != recounted(m) {
				t.Fatalf("after %+v the digest is not what all that is there comes to", txn)
			}
			second.Apply(txn)
			if txn.Once != nil {
				past = append(past, txn)
			}
			for _, m := range []*Machine{m, second} {
				m.outcomes.trim(most, math.MaxInt, &m.index)
			}
			tw.keepFew(most)
			switch rapid.IntRange(0, 9).Draw(t, "look") {
			case 0, 1, 2:
				compareState(t, m, tw)
			case 3:
				s := m.State()
				old = append(old, kept{s, rapidEncode(t, s)})
			case 4:
				m = FromState(m.State())
			case 5:
				m = reread(t, m)
			case 6, 7:
				second = reread(t, m)
			}
		}
		compareState(t, m, tw)
		if !bytes.Equal(rapidEncode(t, m.State()), rapidEncode(t, second.State())) {
			t.Fatal("a machine that was restored went another way")
		}
		if m.Digest() != second.Digest() || m.Digest() != reread(t, m).Digest() {
			t.Fatal("a machine that was restored has another digest")
		}
		for _, k := range old {
			if !bytes.Equal(k.bytes, rapidEncode(t, k.state)) {
				t.Fatalf("the state of zxid %d changed after it was given out", k.state.Zxid)
			}
		}
	})
	met.want(t, 5, "ok", "session_expired", "no_node", "node_exists", "bad_version", "no_children_for_ephemerals", "no_watch", "not_empty", "stale_term", "session_used",
		"open_session", "close_session", "add_watch", "remove_watch", "told", "ephemerals that went",
		"idempotency_mismatch", "replayed", "replayed refusal", "tree deleted", "container", "persistent_with_ttl",
		"persistent_sequential_with_ttl", "ephemeral", "ephemeral_sequential", "get", "children", "exists", "check_session", "raise", "reap",
		"loaded 1", "loaded 2", "loaded 3", "loaded 4", "loaded 5")
}
