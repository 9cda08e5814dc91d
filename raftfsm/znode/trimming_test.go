package znode

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// aged is a state at zxid 200,000 whose history is all but full: of records, or of bytes.
func aged(bytes bool) *State {
	s := NewMachine().State()
	s.Zxid = 200_000
	s.History = History{}
	if bytes {
		for z := Zxid(1); s.History.Bytes() < MaxHistoryBytes-2*chunkBytes; z++ {
			s.History.add(wide(z, chunkBytes-MaxPathBytes))
		}
	} else {
		for z := Zxid(1); s.History.Len() < MaxHistoryRecords-5; z++ {
			s.History.add(small(z))
		}
	}
	return s
}

// A machine, one that now and then begins anew from its bytes, and their twin, over the place where the oldest records
// are forgotten: they forget the same at the same time.
func TestMachinesForgetAlike(t *testing.T) {
	states := map[bool]*State{true: aged(true), false: aged(false)}
	met := tally{}
	rapid.Check(t, func(t *rapid.T) {
		byBytes := rapid.IntRange(0, 15).Draw(t, "by bytes") == 7
		begin := states[byBytes]
		m, second, tw := FromState(begin), FromState(begin), newTwin()
		tw.zxid, tw.began = int64(begin.Zxid), int64(begin.Zxid)
		restore := -1 // most times not: it takes the most time
		if rapid.IntRange(0, 3).Draw(t, "whether") == 3 {
			restore = rapid.IntRange(0, 39).Draw(t, "restore")
		}
		for i := range 40 {
			txn := drawTxn(t, tw, nil)
			if byBytes && rapid.Bool().Draw(t, "wide") {
				txn = &Txn{}
				for range 16 {
					txn.Ops = append(txn.Ops, create(long(MaxPathBytes)), remove(long(MaxPathBytes)))
				}
			}
			compareResult(t, m.Apply(txn), tw, txn)
			second.Apply(txn)
			if i == restore {
				second = reread(t, second)
				met["restored"]++
			}
		}
		compareState(t, m, tw)
		h := m.State().History
		if !bytes.Equal(rapidEncode(t, m.State()), rapidEncode(t, second.State())) {
			t.Fatal("a machine that was restored went another way")
		}
		if h.Len() > MaxHistoryRecords || h.Bytes() > MaxHistoryBytes {
			t.Fatalf("%d records, %d bytes", h.Len(), h.Bytes())
		}
		if m.State().History.Floor() > begin.History.Floor() {
			met["forgot"]++
		} else {
			met["forgot nothing"]++
		}
	})
	met.want(t, 5, "forgot", "restored")
	for _, s := range states {
		if s.History.Floor() != 0 {
			t.Error("the state they began with forgot too")
		}
	}
}
