package properties

import (
	"fmt"
	"strings"

	"holt/raftfsm/znode"
)

// Filter is what a stream asks for, in the words of GET /v1/watch and of the hub.
type Filter struct {
	// Paths are the znodes it is about; if Recursive, with all that is below them.
	Paths     []znode.Path
	Recursive bool
	// Data is NodeCreated, NodeDeleted and NodeDataChanged.
	Data bool
	// Children is NodeChildrenChanged, never if Recursive, and NodeDeleted of the path itself.
	Children bool
	// Session, if not 0, stands instead of all above for what is told to this session.
	Session znode.Owner
}

// Of gives those of a transaction's events that the filter asks for, in their order.
func (f *Filter) Of(r *znode.Record) []znode.Event {
	var out []znode.Event
	if f.Session != 0 {
		for _, told := range r.Told {
			if told.Owner == f.Session {
				out = append(out, r.Events[told.Event])
			}
		}
		return out
	}
	for _, e := range r.Events {
		if f.wants(e) {
			out = append(out, e)
		}
	}
	return out
}

// wants says whether a filter of paths asks for e, wherever it comes from.
func (f *Filter) wants(e znode.Event) bool {
	if e.Type == znode.SessionEnded {
		return false // it has no path: that of its zero value is the root's
	}
	for _, p := range f.Paths {
		switch here := e.Path.String() == p.String(); {
		case e.Type == znode.NodeChildrenChanged:
			if here && f.Children && !f.Recursive {
				return true
			}
		case here && f.Data, here && f.Children && e.Type == znode.NodeDeleted, f.Recursive && f.Data && below(e.Path, p):
			return true
		}
	}
	return false
}

// below says whether p is somewhere under top.
func below(p, top znode.Path) bool {
	return p.String() != top.String() && (top.IsRoot() || strings.HasPrefix(p.String(), top.String()+"/"))
}

// Kind is what a step of a recording is.
type Kind uint8

// The kinds of step.
const (
	// Connected: the stream was asked for, with everything after Zxid.
	Connected Kind = iota + 1
	// ConnectedAfresh: it was asked for from whatever zxid it is opened at.
	ConnectedAfresh
	// Opened: it is live from Zxid.
	Opened
	// Message is Events, of the transaction Zxid.
	Message
	// Bookmark: all up to Zxid has been sent.
	Bookmark
	// Reset: something may be missing, for Reason; the stream goes on behind Zxid.
	Reset
)

var kindNames = []string{"", "connected", "connected afresh", "opened", "message", "bookmark", "reset"}

func (k Kind) String() string { return kindNames[k] }

// The reasons of a Reset.
const (
	// ReasonHistory: the history no longer reached back to where the stream was resumed.
	ReasonHistory = "history"
	// ReasonLagged: the history no longer reached back to where the stream stood.
	ReasonLagged = "lagged"
	// ReasonRestored: the cluster has never been where the stream was resumed.
	ReasonRestored = "restored"
)

// Step is one thing that happened on a stream.
type Step struct {
	Kind   Kind
	Zxid   znode.Zxid
	Events []znode.Event // of a Message; of a Reset what is known to have happened all the same
	Reason string        // of a Reset
	Where  string        // of a connection: to which member, for messages
}

func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", s.Kind, s.Zxid)
	for i, e := range s.Events {
		if i == 4 {
			fmt.Fprintf(&b, " and %d more", len(s.Events)-i)
			break
		}
		fmt.Fprintf(&b, " %s %.80s", e.Type, e.Path)
	}
	return strings.TrimRight(b.String()+" "+s.Reason+" "+s.Where, " ")
}

// Recording is what one watcher received, in order. It belongs to one goroutine at a time.
type Recording struct {
	// Name is for messages.
	Name   string
	Filter Filter
	Steps  []Step

	position znode.Zxid
}

// Resume notes a connection that asks for all after z, on its first be it anywhere, later at Position.
func (r *Recording) Resume(z znode.Zxid, where string) {
	r.add(Step{Kind: Connected, Zxid: z, Where: where})
}

// Begin notes a connection that asks for what comes from now on.
func (r *Recording) Begin(where string) { r.add(Step{Kind: ConnectedAfresh, Where: where}) }

// Open notes that the stream is live.
func (r *Recording) Open(z znode.Zxid) { r.add(Step{Kind: Opened, Zxid: z}) }

// Message notes events. It keeps the slice.
func (r *Recording) Message(z znode.Zxid, events []znode.Event) {
	r.add(Step{Kind: Message, Zxid: z, Events: events})
}

// Bookmark notes that the stream has come to z.
func (r *Recording) Bookmark(z znode.Zxid) { r.add(Step{Kind: Bookmark, Zxid: z}) }

// Reset notes that something may be missing up to z. What is proven is known to have happened.
func (r *Recording) Reset(z znode.Zxid, reason string, proven ...znode.Event) {
	r.add(Step{Kind: Reset, Zxid: z, Events: proven, Reason: reason})
}

func (r *Recording) add(s Step) {
	r.Steps = append(r.Steps, s)
	r.position = s.after(r.position)
}

// Position is where a watcher that has lost its connection asks to go on.
func (r *Recording) Position() znode.Zxid { return r.position }

// after is where a watcher stands that has received s and stood at z before.
func (s *Step) after(z znode.Zxid) znode.Zxid {
	switch s.Kind {
	case ConnectedAfresh:
		return z
	case Reset:
		return s.Zxid
	}
	return max(z, s.Zxid)
}

// fault is an error about step i, with what was around it.
func (r *Recording) fault(check string, i int, format string, args ...any) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: recording %s, step %d: %s", check, r.Name, i, fmt.Sprintf(format, args...))
	for j := max(0, i-5); j < min(len(r.Steps), i+4); j++ {
		mark := "    "
		if j == i {
			mark = "  > "
		}
		fmt.Fprintf(&b, "\n%s%d %s", mark, j, r.Steps[j])
	}
	return fmt.Errorf("%s", b.String())
}
