package watch

import (
	"iter"
	"slices"
	"strings"

	"holt/raftfsm/znode"
)

// Filter says which events a subscription is about.
type Filter struct {
	// Paths are at most MaxPaths. They need not exist.
	Paths []znode.Path
	// Recursive: what is below the paths too.
	Recursive bool
	// Data: NodeCreated, NodeDeleted, NodeDataChanged.
	Data bool
	// Children: NodeChildrenChanged, but never when Recursive; and NodeDeleted of the paths themselves.
	Children bool
	// Session: unless 0, all of the above is ignored, and it is what is told to this session, its end included.
	Session znode.Owner
}

// tidy is f with its own list of paths, sorted, each once; without what does not count.
func (f Filter) tidy() Filter {
	if f.Session != 0 {
		return Filter{Session: f.Session}
	}
	f.Paths = slices.Clone(f.Paths)
	slices.SortFunc(f.Paths, comparePaths)
	f.Paths = slices.Clip(slices.CompactFunc(f.Paths, func(a, b znode.Path) bool { return a.String() == b.String() }))
	return f
}

func comparePaths(a, b znode.Path) int { return strings.Compare(a.String(), b.String()) }

// wantsAt says whether an event of that type at one of the paths themselves is wanted.
func (f *Filter) wantsAt(t znode.EventType) bool {
	switch t {
	case znode.NodeCreated, znode.NodeDataChanged:
		return f.Data
	case znode.NodeDeleted:
		return f.Data || f.Children
	case znode.NodeChildrenChanged:
		return f.Children && !f.Recursive
	}
	return false
}

// wantsBelow says whether an event of that type below one of the paths is wanted.
func (f *Filter) wantsBelow(t znode.EventType) bool {
	return f.Recursive && f.Data && (t == znode.NodeCreated || t == znode.NodeDeleted || t == znode.NodeDataChanged)
}

// wants says whether an event is wanted, of a filter that is tidy and not of a session.
func (f *Filter) wants(e *znode.Event) bool {
	if f.wantsAt(e.Type) && f.has(e.Path) {
		return true
	}
	if !f.wantsBelow(e.Type) {
		return false
	}
	for p := e.Path; !p.IsRoot(); {
		p = p.Parent()
		if f.has(p) {
			return true
		}
	}
	return false
}

func (f *Filter) has(p znode.Path) bool {
	_, ok := slices.BinarySearchFunc(f.Paths, p, comparePaths)
	return ok
}

// maxDetached bounds the paths, in bytes, that are copied for one message of one subscription. What has more keeps a part of
// the history alive until it is sent: copies would be megabytes for each of the streams that catch up on a large record.
const maxDetached = 4 << 10

// message is what a tidy filter wants of a record, nil if nothing.
func (f *Filter) message(r *znode.Record) *Message {
	var events []znode.Event
	if f.Session != 0 {
		i, _ := slices.BinarySearchFunc(r.Told, f.Session, func(t znode.Told, o znode.Owner) int {
			if t.Owner < o {
				return -1
			}
			return 1
		})
		for ; i < len(r.Told) && r.Told[i].Owner == f.Session; i++ {
			events = append(events, r.Events[r.Told[i].Event])
		}
	} else {
		for i := range r.Events {
			if f.wants(&r.Events[i]) {
				events = append(events, r.Events[i])
			}
		}
	}
	if events == nil {
		return nil
	}
	size := 0
	for i := range events {
		size += len(events[i].Path.String())
	}
	if size <= maxDetached {
		for i := range events {
			events[i] = detached(events[i])
		}
	}
	return &Message{Zxid: r.Zxid, Events: events}
}

// scan puts the messages of the records after from into buf, until it is full, or MaxScan is reached, or all were looked
// at (end): then upTo is the zxid of the state they are of.
func (f *Filter) scan(now *znode.State, records iter.Seq[*znode.Record], buf []*Message, from znode.Zxid) (n int, upTo znode.Zxid, end bool) {
	upTo = from
	looked := 0
	for r := range records {
		if n == len(buf) || looked >= MaxScan {
			return n, upTo, false
		}
		looked += 1 + len(r.Events)
		if m := f.message(r); m != nil {
			buf[n] = m
			n++
		}
		upTo = r.Zxid
	}
	return n, now.Zxid, true
}
