package properties

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"sync"

	"holt/raftfsm/znode"
)

// Truth is what all transactions did, from the first on. It never changes.
type Truth struct {
	// Records by zxid, of all transactions that have events.
	Records []znode.Record
	// Last is the zxid up to which Records are all there are.
	Last znode.Zxid
	// Floors are the floors the history has had, by zxid.
	Floors []Floor

	lives map[string][]life // of each path, by zxid
}

// Floor is from where on the history was whole.
type Floor struct {
	At   znode.Zxid // the first state of which that is so
	Zxid znode.Zxid // everything after it was there
}

// life is what one transaction meant for one path.
type life struct {
	zxid    znode.Zxid
	before  bool // it was there
	after   bool
	created bool // at some moment of the transaction it was created
	deleted bool
}

// NewTruth is the truth of these records. The error says how they contradict themselves: zxids that do not increase, znodes
// that are created where one is, that are deleted or set where none is, that have no parent or leave children.
func NewTruth(records []znode.Record, last znode.Zxid, floors []Floor) (*Truth, error) {
	t := &Truth{Records: records, Last: last, Floors: floors, lives: map[string][]life{"/": {{after: true}}}}
	children := map[string]int{}
	for i := range records {
		r := &records[i]
		if i > 0 && r.Zxid <= records[i-1].Zxid || r.Zxid > last {
			return nil, fmt.Errorf("truth: record of zxid %d behind that of %d, the last is %d", r.Zxid, records[max(0, i-1)].Zxid, last)
		}
		for _, e := range r.Events {
			if fault := t.happen(r.Zxid, e, children); fault != "" {
				return nil, fmt.Errorf("truth: %s of %s at zxid %d: %s", e.Type, e.Path, r.Zxid, fault)
			}
		}
	}
	return t, nil
}

// happen lets an event happen to the lives and to the number of children, and says what is wrong with it.
func (t *Truth) happen(z znode.Zxid, e znode.Event, children map[string]int) string {
	if e.Type == znode.SessionEnded {
		return ""
	}
	p, parent := e.Path.String(), e.Path.Parent().String()
	l := t.now(p, z)
	switch e.Type {
	case znode.NodeCreated:
		if l.after {
			return "it is there"
		}
		if !t.now(parent, z).after {
			return "it has no parent"
		}
		l.after, l.created = true, true
		children[parent]++
	case znode.NodeDeleted:
		if !l.after {
			return "it is not there"
		}
		if children[p] > 0 {
			return "it has children"
		}
		l.after, l.deleted = false, true
		children[parent]--
	default:
		if !l.after {
			return "it is not there"
		}
		return ""
	}
	if all := t.lives[p]; len(all) > 0 && all[len(all)-1].zxid == z {
		all[len(all)-1] = l
	} else {
		t.lives[p] = append(all, l)
	}
	return ""
}

// now is what transaction z has meant for p so far, while the lives are being told.
func (t *Truth) now(p string, z znode.Zxid) life {
	all := t.lives[p]
	if len(all) == 0 {
		return life{zxid: z}
	}
	l := all[len(all)-1]
	if l.zxid != z {
		l = life{zxid: z, before: l.after, after: l.after}
	}
	return l
}

// at is what transaction z meant for p.
func (t *Truth) at(p string, z znode.Zxid) life {
	all := t.lives[p]
	i := sort.Search(len(all), func(i int) bool { return all[i].zxid > z })
	if i == 0 {
		return life{zxid: z}
	}
	l := all[i-1]
	if l.zxid != z {
		l = life{zxid: z, before: l.after, after: l.after}
	}
	return l
}

// record is that of zxid z, nil if nothing happened there.
func (t *Truth) record(z znode.Zxid) *znode.Record {
	i := t.index(z)
	if i < len(t.Records) && t.Records[i].Zxid == z {
		return &t.Records[i]
	}
	return nil
}

// index is that of the first record of at least z.
func (t *Truth) index(z znode.Zxid) int {
	return sort.Search(len(t.Records), func(i int) bool { return t.Records[i].Zxid >= z })
}

// between gives the first record in (from, to] that f asks for, nil if there is none.
func (t *Truth) between(from, to znode.Zxid, f *Filter) *znode.Record {
	for i := t.index(from + 1); i < len(t.Records) && t.Records[i].Zxid <= to; i++ {
		if len(f.Of(&t.Records[i])) > 0 {
			return &t.Records[i]
		}
	}
	return nil
}

// floor is that of the state at z.
func (t *Truth) floor(z znode.Zxid) znode.Zxid {
	f := znode.Zxid(0)
	for _, next := range t.Floors {
		if next.At <= z {
			f = next.Zxid
		}
	}
	return f
}

// Witness sees the states of all members of a cluster and puts the truth together. The zero Witness has seen nothing; it
// must see the states of each member from the first transaction on, and its methods may be called at the same time.
type Witness struct {
	mu      sync.Mutex // guards what follows
	records []znode.Record
	floors  []Floor
	last    znode.Zxid
	hole    error
}

// Publish sees a state that a member has come to.
func (w *Witness) Publish(s *znode.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sawFloor(s.Zxid, s.History.Floor())
	if s.Zxid <= w.last {
		return
	}
	records, whole := s.History.After(w.last)
	if !whole {
		w.hole = fmt.Errorf("truth: nobody has seen what happened after %d, the history of %d begins at %d", w.last, s.Zxid, s.History.Floor())
		return
	}
	for r := range records {
		w.records = append(w.records, znode.Record{Zxid: r.Zxid, Events: slices.Clone(r.Events), Told: slices.Clone(r.Told)})
	}
	w.last = s.Zxid
}

// sawFloor notes that the state at some zxid has that floor. Members publish different states of the same course of them.
func (w *Witness) sawFloor(at, floor znode.Zxid) {
	if floor == 0 {
		return
	}
	i, known := slices.BinarySearchFunc(w.floors, floor, func(f Floor, z znode.Zxid) int { return cmp.Compare(f.Zxid, z) })
	if known {
		w.floors[i].At = min(w.floors[i].At, at)
	} else {
		w.floors = slices.Insert(w.floors, i, Floor{At: at, Zxid: floor})
	}
}

// Truth is what has been seen so far. The error is that of NewTruth, or says that something was not seen.
func (w *Witness) Truth() (*Truth, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hole != nil {
		return nil, w.hole
	}
	return NewTruth(slices.Clone(w.records), w.last, slices.Clone(w.floors))
}
