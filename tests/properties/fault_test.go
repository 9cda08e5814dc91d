package properties

import (
	"slices"
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

// fault is something wrong in a recording, and the names of the checks that have to find it.
type fault struct {
	name   string
	filter Filter
	plant  func(r *Recording)
	found  string
}

// message is the step that is the message of z.
func message(r *Recording, z znode.Zxid) int {
	i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Kind == Message && s.Zxid == z })
	if i < 0 {
		panic("there is no such message")
	}
	return i
}

func event(ty znode.EventType, p string) znode.Event {
	return znode.Event{Type: ty, Path: znode.MustPath(p)}
}

// cut takes out the messages after from, up to to.
func cut(r *Recording, from, to znode.Zxid) {
	r.Steps = slices.DeleteFunc(r.Steps, func(s Step) bool { return s.Kind == Message && s.Zxid > from && s.Zxid <= to })
}

// put puts a step before step i.
func put(r *Recording, i int, s Step) { r.Steps = slices.Insert(r.Steps, i, s) }

// add puts an event behind those of the message of z.
func add(r *Recording, z znode.Zxid, e znode.Event) {
	s := &r.Steps[message(r, z)]
	s.Events = append(slices.Clone(s.Events), e)
}

// faultsOfMessages are those of what comes, or does not, and when.
func faultsOfMessages() []fault {
	return []fault{
		{"a message is dropped", subtree, func(r *Recording) { cut(r, 8, 9) }, "reliable"},
		{"the first message is dropped", subtree, func(r *Recording) { cut(r, 3, 4) }, "resumable reliable"},
		{"the first message after a reconnect is dropped", exact, func(r *Recording) { cut(r, 6, 7) }, "resumable reliable"},
		{"the last message is dropped", exact, func(r *Recording) { cut(r, 15, 16) }, "reliable"},
		{"a message is there twice", exact, func(r *Recording) {
			i := message(r, 8)
			put(r, i+1, r.Steps[i])
		}, "unique ordered"},
		{"a message comes again after a reconnect", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i-2].Zxid, r.Steps[i-1].Zxid = 5, 5
			put(r, i, r.Steps[message(r, 6)])
		}, "unique ordered resumable"},
		{"two messages are swapped", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i], r.Steps[i+1] = r.Steps[i+1], r.Steps[i]
		}, "ordered resumable"},
		{"a transaction is split", subtree, func(r *Recording) {
			i := message(r, 6)
			head, tail := r.Steps[i], r.Steps[i]
			head.Events, tail.Events = head.Events[:1], tail.Events[1:]
			r.Steps[i] = head
			put(r, i+1, tail)
		}, "atomic ordered"},
		{"half a transaction is missing", subtree, func(r *Recording) {
			i := message(r, 6)
			r.Steps[i].Events = r.Steps[i].Events[:1]
		}, "atomic reliable"},
		{"a transaction is in the wrong order", subtree, func(r *Recording) {
			e := slices.Clone(r.Steps[message(r, 6)].Events)
			slices.Reverse(e)
			r.Steps[message(r, 6)].Events = e
		}, "atomic"},
		{"two transactions are one message", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i].Events = slices.Concat(r.Steps[i].Events, r.Steps[i+1].Events)
			r.Steps = slices.Delete(r.Steps, i+1, i+2)
		}, "atomic reliable"},
	}
}

// faultsInMessages are those of what is in a message.
func faultsInMessages() []fault {
	return []fault{
		{"a message is empty", subtree, func(r *Recording) { put(r, message(r, 9), Step{Kind: Message, Zxid: 8}) }, "atomic"},
		{"an event of another path", exact, func(r *Recording) {
			add(r, 7, event(znode.NodeDataChanged, "/a/x"))
		}, "filter atomic"},
		{"a path with the same beginning", subtree, func(r *Recording) {
			add(r, 7, event(znode.NodeDataChanged, "/ab"))
		}, "filter"},
		{"a list of children for a subtree", subtree, func(r *Recording) {
			add(r, 10, event(znode.NodeChildrenChanged, "/a"))
		}, "filter atomic"},
		{"an event that never happened", subtree, func(r *Recording) {
			put(r, message(r, 9), Step{Kind: Message, Zxid: 8, Events: []znode.Event{event(znode.NodeDataChanged, "/a")}})
		}, "atomic"},
		{"an event under a later zxid", subtree, func(r *Recording) { r.Steps[message(r, 7)].Zxid = 8 }, "atomic reliable resumable"},
		{"an event twice in its message", exact, func(r *Recording) {
			i := message(r, 7)
			r.Steps[i].Events = append(slices.Clone(r.Steps[i].Events), r.Steps[i].Events...)
		}, "unique atomic"},
		{"a foreign event in a reset", exact, func(r *Recording) {
			put(r, message(r, 7), Step{Kind: Reset, Zxid: 7, Reason: ReasonHistory, Events: []znode.Event{event(znode.NodeDeleted, "/c")}})
		}, "filter"},
	}
}

// faultsOfTypes are those of events that say the wrong thing.
func faultsOfTypes() []fault {
	return []fault{
		{"created instead of set", subtree, func(r *Recording) {
			r.Steps[message(r, 7)].Events = []znode.Event{event(znode.NodeCreated, "/a")}
		}, "is-create atomic reliable"},
		{"set instead of created", subtree, func(r *Recording) {
			r.Steps[message(r, 4)].Events = []znode.Event{event(znode.NodeDataChanged, "/a")}
		}, "is-create atomic reliable"},
		{"deleted instead of created", exact, func(r *Recording) {
			r.Steps[message(r, 5)].Events = []znode.Event{event(znode.NodeDeleted, "/b")}
		}, "is-create"},
		{"created twice in a transaction", subtree, func(r *Recording) {
			i := message(r, 11)
			r.Steps[i].Events = []znode.Event{r.Steps[i].Events[0], r.Steps[i].Events[2], r.Steps[i].Events[1]}
		}, "is-create atomic"},
		{"children of what is gone", children, func(r *Recording) {
			put(r, len(r.Steps)-1, Step{Kind: Message, Zxid: 16, Events: []znode.Event{event(znode.NodeChildrenChanged, "/a")}})
		}, "is-create atomic"},
	}
}

// faultsOfPositions are those of what says where the stream is.
func faultsOfPositions() []fault {
	return []fault{
		{"a bookmark before its events", exact, func(r *Recording) { put(r, message(r, 8), Step{Kind: Bookmark, Zxid: 8}) }, "bookmarkable"},
		{"an opening before its events", exact, func(r *Recording) { r.Steps[message(r, 7)-1].Zxid = 7 }, "bookmarkable"},
		{"a bookmark goes back", exact, func(r *Recording) { put(r, message(r, 9), Step{Kind: Bookmark, Zxid: 7}) }, "bookmarkable"},
		{"a bookmark of the future", exact, func(r *Recording) { r.Bookmark(17) }, "bookmarkable"},
		{"a bookmark hides a loss", exact, func(r *Recording) {
			cut(r, 7, 16)
			r.Steps = r.Steps[:message(r, 7)+1]
			r.Bookmark(16)
		}, "reliable"},
		{"a stream is resumed too early", exact, func(r *Recording) { r.Steps[message(r, 7)-1].Zxid = 3 }, "resumable bookmarkable"},
		{"the watcher resumes elsewhere", exact, func(r *Recording) { r.Steps[message(r, 7)-2].Zxid = 7 }, "resumable"},
		{"what it resumes at comes again", exact, func(r *Recording) {
			i := message(r, 7)
			put(r, i, r.Steps[message(r, 6)])
		}, "resumable unique ordered bookmarkable"},
	}
}

// faultsOfResets are those of resets.
func faultsOfResets() []fault {
	return []fault{
		{"a reset for nothing", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 8, Reason: ReasonHistory})
			cut(r, 7, 8)
		}, "reset-justified"},
		{"a reset that hides a loss", exact, func(r *Recording) {
			cut(r, 6, 15)
			put(r, message(r, 16), Step{Kind: Reset, Zxid: 15, Reason: ReasonLagged})
		}, "reset-justified"},
		{"a reset without a reason", exact, func(r *Recording) { put(r, message(r, 8), Step{Kind: Reset, Zxid: 7}) }, "reset-justified"},
		{"a reset to where the stream stood", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 7, Reason: ReasonHistory})
		}, "reset-justified"},
		{"restored, though the cluster was there", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 7, Reason: ReasonRestored})
		}, "reset-justified"},
		{"an event that a reset has covered", exact, func(r *Recording) {
			put(r, message(r, 8), Step{Kind: Reset, Zxid: 8, Reason: ReasonHistory})
		}, "bookmarkable"},
	}
}

// faultsOfSessions are those of what is told to a session.
func faultsOfSessions() []fault {
	return []fault{
		{"told what was told another", session, func(r *Recording) {
			put(r, message(r, 6), Step{Kind: Message, Zxid: 5, Events: []znode.Event{event(znode.NodeCreated, "/b")}})
		}, "told filter"},
		{"not told", session, func(r *Recording) { cut(r, 6, 7) }, "told reliable"},
		{"not told all", session, func(r *Recording) {
			i := message(r, 6)
			r.Steps[i].Events = r.Steps[i].Events[:1]
		}, "told atomic"},
		{"told after the end", session, func(r *Recording) {
			put(r, len(r.Steps)-1, Step{Kind: Message, Zxid: 15, Events: []znode.Event{event(znode.NodeDeleted, "/a")}})
		}, "told filter"},
	}
}

// Each fault is planted in a recording that is right, and found by the checks that are named, at least.
func TestEveryCheckFindsWhatItIsThereFor(t *testing.T) {
	truth := course(t)
	faults := slices.Concat(faultsOfMessages(), faultsInMessages(), faultsOfTypes(), faultsOfPositions(), faultsOfResets(), faultsOfSessions())
	covered := map[string]bool{}
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			r := ideal(truth, tt.filter, 3, 6)
			if err := All(truth, r); err != nil {
				t.Fatalf("without the fault: %v", err)
			}
			tt.plant(r)
			for _, c := range Checks() {
				err := c.Of(truth, r)
				expected := slices.Contains(strings.Fields(tt.found), c.Name)
				if expected && err == nil {
					t.Errorf("%s finds nothing in %v", c.Name, r.Steps)
				}
				if expected && err != nil {
					covered[c.Name] = true
					if !strings.HasPrefix(err.Error(), c.Name+": recording test, step ") {
						t.Errorf("the error does not say where: %v", err)
					}
				}
			}
		})
	}
	for _, c := range Checks() {
		if !covered[c.Name] {
			t.Errorf("nothing shows that %s can fail", c.Name)
		}
	}
}
