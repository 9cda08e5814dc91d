package properties

import (
	"slices"

	"holt/raftfsm/znode"
)

// IsCreate: a znode is said to be created only where none was, and to be deleted, set or given other children only where
// one was.
func IsCreate(t *Truth, r *Recording) error {
	for i, s := range r.Steps {
		if s.Kind != Message {
			continue
		}
		there := map[znode.Path]bool{} // as the events of this message leave it
		for _, e := range s.Events {
			if e.Type == znode.SessionEnded {
				continue
			}
			l := t.at(e.Path.String(), s.Zxid)
			// At some moment of the transaction it was, or was not.
			was, wasNot := l.before || l.created, !l.before || l.deleted
			if r.Filter.Session == 0 && r.Filter.Data { // every beginning and end is in the message
				is, known := there[e.Path]
				if !known {
					is = l.before
				}
				was, wasNot = is, !is
			}
			if e.Type == znode.NodeCreated && !wasNot {
				return r.fault("is-create", i, "%s was there when it was created", e.Path)
			}
			if e.Type != znode.NodeCreated && !was {
				return r.fault("is-create", i, "%s was not there for %s", e.Path, e.Type)
			}
			there[e.Path] = e.Type != znode.NodeDeleted
		}
	}
	return nil
}

// stretch is a piece of the order of which everything is owed to the watcher: what follows from, up to to.
type stretch struct{ from, to znode.Zxid }

// owed are the stretches of a recording: from where it begins to where it ends, without what its resets cover.
func (r *Recording) owed() []stretch {
	var out []stretch
	var position znode.Zxid
	begun := false
	for _, s := range r.Steps {
		switch {
		case s.Kind == ConnectedAfresh:
			continue
		case !begun:
			out, begun = append(out, stretch{s.Zxid, s.Zxid}), true
		case s.Kind == Reset:
			out = append(out, stretch{s.Zxid, s.Zxid})
		}
		position = s.after(position)
		if s.Kind != Connected {
			last := &out[len(out)-1]
			last.to = max(last.to, position)
		}
	}
	return out
}

// received are the events of all messages, by zxid.
func (r *Recording) received() map[znode.Zxid][]znode.Event {
	got := map[znode.Zxid][]znode.Event{}
	for _, s := range r.Steps {
		if s.Kind == Message {
			got[s.Zxid] = append(got[s.Zxid], s.Events...)
		}
	}
	return got
}

// Reliable: between the beginning and the last zxid that the stream says it has come to, nothing is missing but what a
// reset covers.
func Reliable(t *Truth, r *Recording) error {
	got := r.received()
	for _, piece := range r.owed() {
		for i := t.index(piece.from + 1); i < len(t.Records) && t.Records[i].Zxid <= piece.to; i++ {
			rec := &t.Records[i]
			events := slices.Clone(got[rec.Zxid])
			for _, e := range r.Filter.Of(rec) {
				k := slices.Index(events, e)
				if k < 0 {
					return r.fault("reliable", r.passing(rec.Zxid), "%s of %s at zxid %d is missing, the stream is owed all of (%d, %d]",
						e.Type, e.Path, rec.Zxid, piece.from, piece.to)
				}
				events = slices.Delete(events, k, k+1)
			}
		}
	}
	return nil
}

// passing is the first step that has come to z, for messages.
func (r *Recording) passing(z znode.Zxid) int {
	i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Kind != Connected && s.Zxid >= z })
	return max(i, 0)
}

// ResetJustified: a stream is told that something may be missing only where the history was really too short, or where
// the cluster has really never been; and it goes on further than it stood, but for the latter.
func ResetJustified(t *Truth, r *Recording) error {
	var position znode.Zxid
	for i, s := range r.Steps {
		if s.Kind != Reset {
			position = s.after(position)
			continue
		}
		switch s.Reason {
		case ReasonRestored:
			if position <= s.Zxid {
				return r.fault("reset-justified", i, "the cluster has been at %d", position)
			}
		case ReasonHistory, ReasonLagged:
			if s.Zxid <= position {
				return r.fault("reset-justified", i, "the stream stood at %d", position)
			}
			// The stream goes on from the state that was looked at, or from where its history begins.
			cut := slices.ContainsFunc(t.Floors, func(f Floor) bool { return f.Zxid == s.Zxid })
			if floor := t.floor(s.Zxid); position >= floor && !cut {
				return r.fault("reset-justified", i, "the stream stood at %d and the history of %d reached back to %d", position, s.Zxid, floor)
			}
		default:
			return r.fault("reset-justified", i, "%q is no reason", s.Reason)
		}
		position = s.Zxid
	}
	return nil
}
