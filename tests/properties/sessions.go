package properties

import (
	"cmp"
	"fmt"
	"slices"

	"holt/raftfsm/znode"
)

// Told: a session's stream has exactly what transactions told the session, and nothing once it has ended.
func Told(t *Truth, r *Recording) error {
	o := r.Filter.Session
	if o == 0 {
		return nil
	}
	var ended znode.Zxid
	for i, s := range r.Steps {
		if s.Kind != Message {
			continue
		}
		if ended != 0 {
			return r.fault("told", i, "the session ended at %d", ended)
		}
		n := 0
		if rec := t.record(s.Zxid); rec != nil {
			n = len(r.Filter.Of(rec))
		}
		if len(s.Events) != n {
			return r.fault("told", i, "%s was told %d events, not %d", o, n, len(s.Events))
		}
		if slices.ContainsFunc(s.Events, func(e znode.Event) bool { return e.Type == znode.SessionEnded }) {
			ended = s.Zxid
		}
	}
	got := r.received()
	for _, piece := range r.owed() {
		for i := t.index(piece.from + 1); i < len(t.Records) && t.Records[i].Zxid <= piece.to; i++ {
			if z := t.Records[i].Zxid; got[z] == nil && len(r.Filter.Of(&t.Records[i])) > 0 {
				return r.fault("told", r.passing(z), "zxid %d was told to %s", z, o)
			}
		}
	}
	return nil
}

// End is how a session ended.
type End struct {
	Zxid   znode.Zxid
	Reason znode.Reason
	// Deleted are the znodes that went in the same transaction.
	Deleted map[string]bool
}

// Ends are those of all sessions that have ended.
func (t *Truth) Ends() map[znode.Owner]End {
	out := map[znode.Owner]End{}
	for i := range t.Records {
		r := &t.Records[i]
		for _, told := range r.Told {
			if r.Events[told.Event].Type != znode.SessionEnded {
				continue
			}
			end := End{Zxid: r.Zxid, Reason: r.Events[told.Event].Cause, Deleted: map[string]bool{}}
			for _, e := range r.Events {
				if e.Type == znode.NodeDeleted && e.Cause == end.Reason {
					end.Deleted[e.Path.String()] = true
				}
			}
			out[told.Owner] = end
		}
	}
	return out
}

// Watch is a watch as the session knows it that set it.
type Watch struct {
	Path znode.Path
	Mode znode.WatchMode
	// Set is the zxid it was set at: it is about what follows.
	Set znode.Zxid
	// Removed is the zxid it was taken back at, 0 if it never was.
	Removed znode.Zxid
}

// Fired holds what the transactions told a session to the watches it has set, all of them, played through: one-shot ones
// are told once, the first time, and persistent ones every time; of nothing else the session hears, but of its end.
func Fired(t *Truth, o znode.Owner, watches []Watch) error {
	type key struct {
		path string
		mode znode.WatchMode
	}
	left := slices.Clone(watches)
	slices.SortStableFunc(left, func(a, b Watch) int { return cmp.Compare(a.Set, b.Set) })
	armed := map[key]Watch{}
	for i := range t.Records {
		rec := &t.Records[i]
		for len(left) > 0 && left[0].Set < rec.Zxid {
			armed[key{left[0].Path.String(), left[0].Mode}] = left[0]
			left = left[1:]
		}
		for k, w := range armed {
			if w.Removed != 0 && w.Removed <= rec.Zxid {
				delete(armed, k)
			}
		}
		var want, got []int
		for _, told := range rec.Told {
			if told.Owner == o {
				got = append(got, told.Event)
			}
			if told.Owner == o && rec.Events[told.Event].Type == znode.SessionEnded {
				want, left = append(want, told.Event), nil
				clear(armed) // before anything that its end does
			}
		}
		for n, e := range rec.Events {
			fired := false
			for k, w := range armed {
				if fires(w, e) {
					fired = true
					if w.Mode.OneShot() {
						delete(armed, k)
					}
				}
			}
			if fired {
				want = append(want, n)
			}
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("fired: zxid %d told %s events %v, its watches are about %v: %s", rec.Zxid, o, got, want,
				Step{Kind: Message, Zxid: rec.Zxid, Events: rec.Events})
		}
	}
	return nil
}

// fires is ZooKeeper's trigger table.
func fires(w Watch, e znode.Event) bool {
	here := e.Path.String() == w.Path.String()
	switch e.Type {
	case znode.NodeCreated, znode.NodeDataChanged:
		switch w.Mode {
		case znode.DataWatch, znode.ExistsWatch, znode.PersistentWatch:
			return here
		case znode.PersistentRecursive:
			return here || below(e.Path, w.Path)
		}
	case znode.NodeDeleted:
		return here || w.Mode == znode.PersistentRecursive && below(e.Path, w.Path)
	case znode.NodeChildrenChanged:
		return here && (w.Mode == znode.ChildrenWatch || w.Mode == znode.PersistentWatch)
	}
	return false
}
