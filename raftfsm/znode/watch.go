package znode

// WatchMode is which changes a watch of a session is about, and whether it stays. The trigger table is ZooKeeper's
// (DataTree, WatchManager).
type WatchMode uint8

// The modes. The first three are one-shot: what fires them removes them.
const (
	AnyWatch            WatchMode = iota // for RemoveWatch only: every mode
	DataWatch                            // the znode's data, and its end; needs a znode that exists
	ExistsWatch                          // the same, and its beginning
	ChildrenWatch                        // the list of its children, and its own end; needs a znode that exists
	PersistentWatch                      // all of the above, until it is removed
	PersistentRecursive                  // the znode and all below: beginning, data, end; never the list of children
	watchModes                           // how many there are
)

var watchModeNames = [watchModes]string{"any", "data", "exists", "children", "persistent", "persistent_recursive"}

func (m WatchMode) String() string {
	if m < watchModes {
		return watchModeNames[m]
	}
	return "unknown"
}

// ParseWatchMode is the mode of that name, which is not "any".
func ParseWatchMode(s string) (m WatchMode, ok bool) {
	for i, name := range watchModeNames {
		if s == name && WatchMode(i) != AnyWatch {
			return WatchMode(i), true
		}
	}
	return 0, false
}

// OneShot says whether the watch goes when it fires.
func (m WatchMode) OneShot() bool { return m >= DataWatch && m <= ChildrenWatch }

// firedBy says whether an event at the watch's own path fires it.
func (m WatchMode) firedBy(t EventType) bool {
	switch m {
	case DataWatch, ExistsWatch:
		return t != NodeChildrenChanged
	case ChildrenWatch:
		return t == NodeChildrenChanged || t == NodeDeleted
	case PersistentWatch:
		return true
	case PersistentRecursive:
		return t != NodeChildrenChanged
	}
	return false
}

// Watch is a watch of a session. It never changes.
type Watch struct {
	Path  Path
	Mode  WatchMode
	Owner Owner
}

// EventType is what happened to a znode. The numbers are ZooKeeper's.
type EventType uint8

// The types of event.
const (
	NodeCreated         EventType = iota + 1
	NodeDeleted                   // the znode is gone
	NodeDataChanged               // its data was set
	NodeChildrenChanged           // a child was created or deleted
	// SessionEnded is told to the session alone and has no path.
	SessionEnded
	eventTypes // one more than the last
)

var eventTypeNames = [eventTypes]string{"", "NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged", "SessionEnded"}

func (t EventType) String() string {
	if t < eventTypes {
		return eventTypeNames[t]
	}
	return "unknown"
}

// Event is one thing that a transaction did.
type Event struct {
	Type EventType
	Path Path
	// Cause is why the session ended whose end deleted the znode; of SessionEnded, why it did. Else 0.
	Cause Reason
}

// Told says that a watch of a session fired: Event is the index of what fired it.
type Told struct {
	Owner Owner
	Event int
}

// Record is what one transaction did, as the history keeps it.
type Record struct {
	Zxid Zxid
	// Events in the order of the ops: that of a znode before its parent's NodeChildrenChanged, which is there once for a
	// parent however many children came and went.
	Events []Event
	// Told by session, then event; each pair once.
	Told []Told
}
