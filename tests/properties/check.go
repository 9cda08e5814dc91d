package properties

import (
	"errors"
	"slices"

	"holt/raftfsm/znode"
)

// Check holds a recording to one promise.
type Check struct {
	Name string
	Of   func(*Truth, *Recording) error
}

// Checks are all there are.
func Checks() []Check {
	return []Check{
		{"filter", Filtered}, {"ordered", Ordered}, {"unique", Unique}, {"atomic", Atomic}, {"bookmarkable", Bookmarkable},
		{"resumable", Resumable}, {"is-create", IsCreate}, {"reliable", Reliable}, {"reset-justified", ResetJustified}, {"told", Told},
	}
}

// All holds a recording to every promise. The error has all that are broken.
func All(t *Truth, r *Recording) error {
	var errs []error
	for _, c := range Checks() {
		errs = append(errs, c.Of(t, r))
	}
	return errors.Join(errs...)
}

// Filtered: nothing comes that was not asked for, be it in a message or in a reset.
func Filtered(t *Truth, r *Recording) error {
	for i, s := range r.Steps {
		for _, e := range s.Events {
			if r.Filter.Session == 0 && !r.Filter.wants(e) {
				return r.fault("filter", i, "%s of %s was not asked for", e.Type, e.Path)
			}
			if s.Kind == Message && r.Filter.Session != 0 && !told(t.record(s.Zxid), r.Filter.Session, e) {
				return r.fault("filter", i, "%s of %s is not for %s", e.Type, e.Path, r.Filter.Session)
			}
		}
	}
	return nil
}

func told(rec *znode.Record, o znode.Owner, e znode.Event) bool {
	if rec == nil {
		return false
	}
	return slices.ContainsFunc(rec.Told, func(t znode.Told) bool { return t.Owner == o && rec.Events[t.Event] == e })
}

// Ordered: zxids increase from message to message, over all reconnects. Only a reset because the cluster has never been
// where the stream was resumed leads back.
func Ordered(_ *Truth, r *Recording) error {
	var last znode.Zxid
	for i, s := range r.Steps {
		switch {
		case s.Kind == Reset && s.Reason == ReasonRestored:
			last = min(last, s.Zxid)
		case s.Kind == Message && s.Zxid <= last:
			return r.fault("ordered", i, "a message of zxid %d after one of %d", s.Zxid, last)
		case s.Kind == Message:
			last = s.Zxid
		}
	}
	return nil
}

// Unique: no event of a transaction comes more often than it happened.
func Unique(t *Truth, r *Recording) error {
	got := map[znode.Zxid]map[znode.Event]int{}
	for i, s := range r.Steps {
		if s.Kind != Message {
			continue
		}
		happened := map[znode.Event]int{}
		if rec := t.record(s.Zxid); rec != nil {
			for _, e := range rec.Events {
				happened[e]++
			}
		}
		came := got[s.Zxid]
		if came == nil {
			came = map[znode.Event]int{}
			got[s.Zxid] = came
		}
		for _, e := range s.Events {
			if came[e]++; came[e] > max(happened[e], 1) {
				return r.fault("unique", i, "%s of %s at zxid %d came %d times and happened %d times", e.Type, e.Path, s.Zxid, came[e], happened[e])
			}
		}
	}
	return nil
}

// Atomic: a message has all of its transaction that was asked for, in the order in which it happened, and nothing else.
func Atomic(t *Truth, r *Recording) error {
	for i, s := range r.Steps {
		if s.Kind != Message {
			continue
		}
		var want []znode.Event
		if rec := t.record(s.Zxid); rec != nil {
			want = r.Filter.Of(rec)
		}
		if len(want) == 0 || !slices.Equal(s.Events, want) {
			return r.fault("atomic", i, "the message should be %s", Step{Kind: Message, Zxid: s.Zxid, Events: want})
		}
	}
	return nil
}

// Bookmarkable: what says that the stream has come to some zxid (its opening, a bookmark, a reset) is true of later
// messages, never goes back, and is a place the cluster has been to.
func Bookmarkable(t *Truth, r *Recording) error {
	var stood, said znode.Zxid
	for i, s := range r.Steps {
		switch {
		case s.Kind == Connected || s.Kind == ConnectedAfresh:
			continue
		case s.Zxid > t.Last:
			return r.fault("bookmarkable", i, "the cluster has come to %d and no further", t.Last)
		case s.Kind == Reset && s.Reason == ReasonRestored:
			stood, said = s.Zxid, s.Zxid
		case s.Kind == Message && s.Zxid <= said:
			return r.fault("bookmarkable", i, "a message of zxid %d after all up to %d was said to have come", s.Zxid, said)
		case s.Kind != Message && s.Zxid < stood:
			return r.fault("bookmarkable", i, "the stream was at %d before", stood)
		case s.Kind != Message:
			said = s.Zxid
		}
		stood = max(stood, s.Zxid)
	}
	return nil
}

// Resumable: a connection that asks for all after some zxid opens no earlier and begins with the first that follows it.
// And the watcher asks for what follows its position, or the recording shows nothing.
func Resumable(t *Truth, r *Recording) error {
	var at znode.Zxid // where the connection asked to go on
	var resumed, begun bool
	var position znode.Zxid
	for i, s := range r.Steps {
		switch s.Kind {
		case Connected:
			if i > 0 && s.Zxid != position {
				return r.fault("resumable", i, "the watcher stood at %d", position)
			}
			at, resumed, begun = s.Zxid, true, false
		case ConnectedAfresh, Reset:
			resumed = false
		}
		position = s.after(position)
		if !resumed || begun || s.Kind == Connected {
			continue
		}
		if s.Zxid < at || s.Kind == Message && s.Zxid == at {
			return r.fault("resumable", i, "the stream was resumed at %d", at)
		}
		if s.Kind == Message {
			begun = true
			if next := t.between(at, s.Zxid-1, &r.Filter); next != nil {
				return r.fault("resumable", i, "resumed at %d, the stream should begin with zxid %d", at, next.Zxid)
			}
		}
	}
	return nil
}
