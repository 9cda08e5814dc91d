package znode

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// after are the zxids of the records after z.
func after(t testing.TB, h *History, z Zxid) (zxids []Zxid) {
	t.Helper()
	records, whole := h.After(z)
	if !whole {
		t.Fatalf("after zxid %d the history is not whole, it begins after %d", z, h.Floor())
	}
	for r := range records {
		zxids = append(zxids, r.Zxid)
	}
	return zxids
}

// From every place, the records after it: within chunks, at their ends, and where transactions had nothing to tell.
func TestHistoryAfterEveryPlace(t *testing.T) {
	r := newRig(t)
	r.open("ann")
	var all []Zxid
	for len(all) < 2*chunkRecords+2 {
		switch {
		case len(all)%100 == 99 || len(all) == chunkRecords:
			r.by("ann", watch("/quiet", ExistsWatch)) // moves the zxid, tells nothing
			r.by("ann", unwatch("/quiet", ExistsWatch))
			fallthrough
		default:
			all = append(all, r.do(set("/", "x")).Zxid)
		}
	}
	h := r.State().History
	if len(h.full) != 2 || h.Len() != len(all) || h.Floor() != 0 {
		t.Fatalf("%d chunks, %d records, floor %d", len(h.full)+1, h.Len(), h.Floor())
	}
	consistent(t, &h)
	again := decode(t, r.encoded()).History
	consistent(t, &again)
	for z := range r.Zxid() + 3 {
		i, _ := slices.BinarySearch(all, z+1)
		for _, h := range []*History{&h, &again} {
			if got := after(t, h, z); !slices.Equal(got, all[i:]) {
				t.Fatalf("after %d there are %d records, want %d", z, len(got), len(all)-i)
			}
		}
	}
}

func TestHistoryIsReadAsFarAsWanted(t *testing.T) {
	r := newRig(t)
	for range 10 {
		r.do(set("/", "x"))
	}
	h := r.State().History
	records, _ := h.After(3)
	n := 0
	for range 2 { // the sequence can be read again
		for rec := range records {
			if n++; rec.Zxid == 5 {
				break
			}
		}
	}
	if n != 4 {
		t.Errorf("%d records were given", n)
	}
}

func TestANewHistoryIsEmpty(t *testing.T) {
	h := newRig(t).State().History
	if got := after(t, &h, 0); got != nil || h.Len() != 0 || h.Bytes() != 0 || h.Floor() != 0 {
		t.Errorf("it has %v, %d records, %d bytes, floor %d", got, h.Len(), h.Bytes(), h.Floor())
	}
}

// A record is good until the next, its paths for ever.
func TestPathsOfRecordsStayGood(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"), create("/a/b"))
	r.do(remove("/a/b"), remove("/a"))
	h := r.State().History
	var paths []Path
	records, _ := h.After(0)
	for rec := range records {
		for _, e := range rec.Events {
			paths = append(paths, e.Path)
		}
	}
	for range 5000 {
		r.do(set("/", "x"))
	}
	want := []Path{path("/a"), path("/"), path("/a/b"), path("/a"), path("/a/b"), path("/a"), path("/a"), path("/")}
	if !slices.Equal(paths, want) {
		t.Errorf("the paths are %v, want %v", paths, want)
	}
}

// small is a record of one event.
func small(z Zxid) *Record {
	return &Record{Zxid: z, Events: []Event{{Type: NodeDataChanged, Path: Root}}}
}

// wide is a record of about so many bytes.
func wide(z Zxid, bytes int) *Record {
	p := Path{long(MaxPathBytes)}
	return &Record{Zxid: z, Events: slices.Repeat([]Event{{Type: NodeDataChanged, Path: p}}, bytes/(MaxPathBytes+3))}
}

// consistent holds the sums of a history to what is in it.
func consistent(t testing.TB, h *History) {
	t.Helper()
	records, size, at := 0, 0, h.floor
	for _, c := range append(slices.Clone(h.full), h.tail) {
		if c.base != at {
			t.Fatalf("a chunk begins at %d, the one before ends at %d", c.base, at)
		}
		records, size, at = records+c.records, size+len(c.b), c.last
		if again := c; len(c.b) < 2*chunkBytes { // a giant takes long to read
			again.marks = nil
			if again.remark(); !slices.Equal(again.marks, c.marks) || again.last != c.last || again.records != c.records {
				t.Fatalf("the marks of a chunk are %v, read again %v", c.marks, again.marks)
			}
		}
	}
	if records != h.Len() || size != h.Bytes() || len(after(t, h, h.Floor())) != records {
		t.Fatalf("%d records of %d bytes, said to be %d of %d", records, size, h.Len(), h.Bytes())
	}
	if h.Len() > MaxHistoryRecords || h.Bytes() > MaxHistoryBytes {
		t.Fatalf("there are %d records of %d bytes", h.Len(), h.Bytes())
	}
	if h.Floor() > 0 {
		if _, whole := h.After(h.Floor() - 1); whole {
			t.Fatal("what is forgotten is said to be there")
		}
	}
}

func TestHistoryForgetsRecords(t *testing.T) {
	var h History
	for z := range Zxid(MaxHistoryRecords) {
		h.add(small(2*z + 2))
	}
	consistent(t, &h)
	if h.Floor() != 0 || h.Len() != MaxHistoryRecords {
		t.Errorf("it forgets before it has to: %d records, floor %d", h.Len(), h.Floor())
	}
	old := h
	h.add(small(2*MaxHistoryRecords + 2))
	consistent(t, &h)
	if want := Zxid(2 * chunkRecords); h.Floor() != want || h.Len() != MaxHistoryRecords+1-chunkRecords {
		t.Errorf("one too many leaves %d records, floor %d, want %d", h.Len(), h.Floor(), want)
	}
	consistent(t, &old)
	if old.Len() != MaxHistoryRecords || old.Floor() != 0 {
		t.Error("an older history forgot too")
	}
	for z := range Zxid(3 * chunkRecords) {
		h.add(small(3*MaxHistoryRecords + z))
	}
	consistent(t, &h)
}

func TestHistoryForgetsBytes(t *testing.T) {
	var h History
	z := Zxid(0)
	for h.Floor() == 0 {
		z++
		h.add(wide(z, chunkBytes/2))
		consistent(t, &h)
	}
	if h.Bytes() < MaxHistoryBytes-2*chunkBytes || h.Floor() != 3 {
		t.Errorf("it forgot up to %d and has %d bytes", h.Floor(), h.Bytes())
	}
}

func TestGiantRecords(t *testing.T) {
	var h History
	for z := range Zxid(5000) {
		h.add(small(z + 1))
	}
	h.add(wide(6000, MaxHistoryBytes/4*3))
	consistent(t, &h)
	if h.Floor() != 0 || h.Len() != 5001 {
		t.Errorf("one that fits leaves %d records, floor %d", h.Len(), h.Floor())
	}
	h.add(wide(6001, MaxHistoryBytes/2))
	consistent(t, &h)
	if h.Floor() != 6000 || h.Len() != 1 {
		t.Errorf("the next leaves %d records, floor %d", h.Len(), h.Floor())
	}
	t.Log("one that is larger than all of it cannot be kept, nor what was before it")
	before := h
	h.add(wide(6002, MaxHistoryBytes+2*MaxPathBytes))
	consistent(t, &h)
	if h.Floor() != 6002 || h.Len() != 0 || h.Bytes() != 0 {
		t.Errorf("it leaves %d records, floor %d", h.Len(), h.Floor())
	}
	h.add(small(6003))
	consistent(t, &h)
	if got := after(t, &h, 6002); !slices.Equal(got, []Zxid{6003}) {
		t.Errorf("it goes on with %v", got)
	}
	consistent(t, &before)
}

// What nobody can be told one by one any more is not collected either: it would not fit in memory. One-shots are spent.
func TestATransactionThatTellsTooMuch(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"), create("/a/b"))
	var names []string
	for i := range maxTold/(MaxTxnOps-2) + 1 {
		names = append(names, fmt.Sprint("session ", i))
	}
	r.open(names...)
	for _, name := range names {
		r.by(name, watch("/a/b", PersistentWatch))
	}
	first := names[0]
	r.by(first, watch("/", PersistentRecursive))
	r.by(first, watch("/a", DataWatch))
	r.by(first, watch("/a", PersistentWatch))

	r.Apply(transaction(slices.Repeat([]Op{set("/a/b", "")}, 10)))
	if rec := r.last(); rec == nil || len(rec.Told) != 10*len(names) {
		t.Fatal("what fits is not in the history")
	}
	txn := transaction(slices.Repeat([]Op{set("/a/b", "")}, MaxTxnOps))
	txn.Ops[0] = remove("/a/b")
	txn.Ops[1] = create("/a/b")
	txn.Ops[MaxTxnOps-1] = set("/a", "")
	r.Apply(txn)
	h := r.State().History
	consistent(t, &h)
	if h.Len() != 0 || h.Floor() != r.Zxid() {
		t.Errorf("there are %d records, floor %d", h.Len(), h.Floor())
	}
	r.wantWatches(first, "persistent_recursive /", "persistent /a", "persistent /a/b")
	if cap(r.record.Told) > maxToldKept {
		t.Errorf("room for %d stays", cap(r.record.Told))
	}
	r.do(set("/", "x"))
	r.wantTold(r.owner(first), "NodeDataChanged /")
}

// Once too many are told, an event of the same transaction adds none but those it takes away.
func TestNothingIsToldWhenTooMuchIs(t *testing.T) {
	r := newRig(t)
	for i, m := range []WatchMode{ExistsWatch, PersistentWatch, PersistentRecursive, ExistsWatch} {
		r.open(fmt.Sprint(i))
		r.by(fmt.Sprint(i), watch("/a", m))
	}
	r.by("0", watch("/", PersistentRecursive))
	r.record.Told = make([]Told, maxTold+1)
	r.fire(7, Event{Type: NodeCreated, Path: path("/a")})
	if n := len(r.record.Told) - maxTold - 1; n != 2 || r.sessions.NumWatches() != 3 {
		t.Errorf("%d more are told, %d watches are left", n, r.sessions.NumWatches())
	}
}

// Readers walk states while the writer goes on in the same memory; run with -race. None sees what came after its state.
func TestReadersSeeNoLaterRecords(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	var now atomic.Pointer[State]
	now.Store(r.State())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := Zxid(0); last < 3000; {
				s := now.Load()
				got := after(t, &s.History, s.Zxid/2)
				last = s.Zxid
				if Zxid(len(got)) != s.Zxid-s.Zxid/2 || got[len(got)-1] != s.Zxid {
					t.Errorf("the state of zxid %d has %d records after %d, the last %d", s.Zxid, len(got), s.Zxid/2, got[len(got)-1])
					return
				}
			}
		})
	}
	for range 3000 {
		r.do(set("/a", "x"))
		now.Store(r.State())
	}
	readers.Wait()
}

// Machines made of one state write their histories apart, and none into that of the state.
func TestMachinesOfOneStateAreApart(t *testing.T) {
	// Lists of three have room for a fourth: three marks, three chunks.
	for _, begin := range []int{1, 3*markEvery + 5, chunkRecords - 1, chunkRecords, chunkRecords + 1, 3*chunkRecords + 5} {
		r := newRig(t)
		for range begin {
			r.do(set("/", "x"))
		}
		s := r.State()
		before := encode(t, s)
		machines := []*rig{r, {t, FromState(s)}, {t, FromState(s)}, {t, FromState(decode(t, before))}}
		for n := range chunkRecords + 10 {
			for i, m := range machines {
				m.do(put("/machine"+strings.Repeat("x", i), fmt.Sprint(n)))
			}
		}
		for i, m := range machines {
			h := m.State().History
			consistent(t, &h)
			if got := len(after(t, &h, s.Zxid)); got != chunkRecords+10 {
				t.Fatalf("machine %d has %d records of its own", i, got)
			}
			records, _ := h.After(s.Zxid)
			for rec := range records {
				if got, want := rec.Events[0].Path.String(), "/machine"+strings.Repeat("x", i); got != want {
					t.Fatalf("machine %d has a record of %s", i, got)
				}
			}
		}
		if !bytes.Equal(encode(t, s), before) {
			t.Error("the state they were made of changed")
		}
	}
}

func TestRecordsAreReadAsWritten(t *testing.T) {
	r := newRig(t)
	ann := r.open("ann")
	r.by("ann", watch("/", PersistentRecursive))
	long := strings.Repeat("x", 1000)
	r.do(create("/"+long), create("/b"), set("/b", ""), remove("/b"))
	want := []string{"NodeCreated /" + long, "NodeCreated /b", "NodeDataChanged /b", "NodeDeleted /b"}
	r.wantTold(ann, want...)
	r.wantEvents(append(want, "NodeChildrenChanged /")...)
	r.Machine = FromState(decode(t, r.encoded()))
	r.wantTold(ann, want...)
}
