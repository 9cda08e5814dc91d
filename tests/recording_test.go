package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holt/raftfsm/znode"
	"holt/tests/harness"
	"holt/tests/properties"
)

// said is the data of any message of a stream.
type said struct {
	Zxid   uint64
	Leader *string
	Reason string
	Owner  string
	State  string
	Path   string // of a state
	Events []struct {
		Type, Path, Cause, Data, Encoding string
		Version                           int64
		Superseded                        bool
	}
}

// parsed is the data of a message and holds it to what all messages have in common.
func parsed(t *testing.T, m harness.Message) said {
	t.Helper()
	var s said
	if err := json.Unmarshal([]byte(m.Data), &s); err != nil {
		t.Fatalf("message %q: %v: %s", m.Event, err, m.Data)
	}
	if m.Event != "state" && m.ID != strconv.FormatUint(s.Zxid, 10) {
		t.Errorf("message %q of zxid %d has id %q", m.Event, s.Zxid, m.ID)
	}
	return s
}

// eventsOf are the events of a message as the domain has them.
func eventsOf(t *testing.T, s said) []znode.Event {
	t.Helper()
	var out []znode.Event
	for _, e := range s.Events {
		p, err := znode.ParsePath(e.Path)
		if err != nil {
			t.Fatalf("event at %q: %v", e.Path, err)
		}
		types := map[string]znode.EventType{"NodeCreated": znode.NodeCreated, "NodeDeleted": znode.NodeDeleted,
			"NodeDataChanged": znode.NodeDataChanged, "NodeChildrenChanged": znode.NodeChildrenChanged}
		causes := map[string]znode.Reason{"": 0, "session_expired": znode.Expired, "session_closed": znode.Closed,
			"session_killed": znode.Killed}
		kind, known := types[e.Type]
		cause, why := causes[e.Cause]
		if !known || !why {
			t.Fatalf("event of type %q with cause %q", e.Type, e.Cause)
		}
		out = append(out, znode.Event{Type: kind, Path: p, Cause: cause})
	}
	return out
}

// recording is what a follower was sent, as the properties judge it. It is one of a filter of paths; that of a session's
// stream too, whose filter says what its watches tell.
func recording(t *testing.T, f *harness.Follower, filter properties.Filter) *properties.Recording {
	t.Helper()
	r := &properties.Recording{Name: f.Target, Filter: filter}
	for i, c := range f.Connections() {
		if c.Status != http.StatusOK {
			continue // it brought nothing; who may be refused is not the matter here
		}
		where := fmt.Sprintf("connection %d, to %s", i, c.Member)
		last := c.LastID
		if last == "" {
			u, err := url.Parse(f.Target)
			if err != nil {
				t.Fatal(err)
			}
			last = u.Query().Get("since")
		}
		if z, err := strconv.ParseUint(last, 10, 64); err == nil {
			r.Resume(znode.Zxid(z), where)
		} else {
			r.Begin(where)
		}
		for _, m := range c.Messages {
			note(t, r, m.Message)
		}
	}
	return r
}

// note adds a message to a recording.
func note(t *testing.T, r *properties.Recording, m harness.Message) {
	t.Helper()
	s := parsed(t, m)
	z := znode.Zxid(s.Zxid)
	switch m.Event {
	case "open":
		r.Open(z)
	case "bookmark":
		r.Bookmark(z)
	case "message":
		r.Message(z, eventsOf(t, s))
	case "reset":
		r.Reset(z, s.Reason, eventsOf(t, s)...)
	case "state", "session":
	default:
		t.Errorf("a message of the name %q", m.Event)
	}
}

// pathFilter is a filter of both kinds of events.
func pathFilter(t *testing.T, recursive, data, children bool, paths ...string) properties.Filter {
	t.Helper()
	f := properties.Filter{Recursive: recursive, Data: data, Children: children}
	for _, s := range paths {
		p, err := znode.ParsePath(s)
		if err != nil {
			t.Fatal(err)
		}
		f.Paths = append(f.Paths, p)
	}
	return f
}

// readTruth asks every member what all transactions did, up to zxid last, the last that did anything, and fails unless
// they say the same. now is a zxid that nobody has passed.
func readTruth(t *testing.T, c *harness.Cluster, last, now uint64) *properties.Truth {
	t.Helper()
	var all [][]znode.Record
	for _, m := range c.Members {
		all = append(all, historyOf(t, m, last))
	}
	for i, other := range all[1:] {
		if fmt.Sprint(other) != fmt.Sprint(all[0]) {
			t.Errorf("members %s and %s tell different stories, of %d and %d transactions", c.Members[0].Name, c.Members[i+1].Name,
				len(all[0]), len(other))
		}
	}
	truth, err := properties.NewTruth(all[0], znode.Zxid(now), nil)
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// historyOf is all that happened up to last, as a member tells it to a stream from the beginning.
func historyOf(t *testing.T, m *harness.Member, last uint64) []znode.Record {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL+"/v1/watch?path=/&recursive=true&since=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.SettleTime}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stream := harness.NewEventStream(bufio.NewReader(res.Body))
	var out []znode.Record
	for {
		message, err := stream.Next()
		if err != nil {
			t.Fatalf("reading all of %s, which has told %d transactions: %v", m.Name, len(out), err)
		}
		s := parsed(t, message)
		if message.Event == "reset" {
			t.Fatalf("%s no longer knows all that happened: the test wrote too much", m.Name)
		}
		if message.Event == "message" {
			out = append(out, znode.Record{Zxid: znode.Zxid(s.Zxid), Events: withParents(eventsOf(t, s))})
		}
		if s.Zxid >= last {
			return out
		}
	}
}

// withParents adds to the events of one transaction what parents are told of their children: once, behind the last of
// them, unless the parent went in between.
func withParents(events []znode.Event) []znode.Event {
	var out []znode.Event
	for _, e := range events {
		out = append(out, e)
		if e.Type != znode.NodeCreated && e.Type != znode.NodeDeleted || e.Path.IsRoot() {
			continue
		}
		changed := znode.Event{Type: znode.NodeChildrenChanged, Path: e.Path.Parent()}
		from := 1 + lastIndex(out, znode.Event{Type: znode.NodeDeleted, Path: changed.Path})
		if i := slices.Index(out[from:], changed); i >= 0 {
			out = slices.Delete(out, from+i, from+i+1)
		}
		out = append(out, changed)
	}
	return out
}

func lastIndex(events []znode.Event, want znode.Event) int {
	for i, e := range slices.Backward(events) {
		if e.Type == want.Type && e.Path == want.Path {
			return i
		}
	}
	return -1
}

// judgeStream waits until the follower has been sent the last there is for it, stops it and holds all of it to what
// streams promise. It gives how many streams there were, one after another.
func judgeStream(t *testing.T, truth *properties.Truth, f *harness.Follower, filter properties.Filter) (opened int) {
	t.Helper()
	last := lastFor(truth, filter)
	f.Await(harness.SettleTime, fmt.Sprintf("the message of zxid %d", last), func(m harness.Message) bool {
		z, err := strconv.ParseUint(m.ID, 10, 64)
		return err == nil && znode.Zxid(z) >= last
	})
	f.Stop()
	r := recording(t, f, filter)
	if err := properties.All(truth, r); err != nil {
		t.Error(err)
	}
	messages := 0
	for _, s := range r.Steps {
		switch s.Kind {
		case properties.Opened:
			opened++
		case properties.Message:
			messages++
		case properties.Reset:
			t.Errorf("%s: the history was long enough, and still: %v", f.Target, s)
		}
	}
	if messages == 0 {
		t.Errorf("%s: without messages nothing is proven", f.Target)
	}
	t.Logf("%d streams, %d messages: nothing missing, nothing twice: %s", opened, messages, f.Target)
	return opened
}

// lastFor is the zxid of the last transaction that a filter asks for.
func lastFor(truth *properties.Truth, filter properties.Filter) znode.Zxid {
	for _, r := range slices.Backward(truth.Records) {
		if len(filter.Of(&r)) > 0 {
			return r.Zxid
		}
	}
	return 0
}

func TestParentsAreToldOncePerTransaction(t *testing.T) {
	event := func(s string) znode.Event {
		name, path, _ := strings.Cut(s, " ")
		p, err := znode.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		return znode.Event{Path: p, Type: map[string]znode.EventType{"new": znode.NodeCreated, "gone": znode.NodeDeleted,
			"set": znode.NodeDataChanged, "list": znode.NodeChildrenChanged}[name]}
	}
	parse := func(s string) (out []znode.Event) {
		for one := range strings.SplitSeq(s, ", ") {
			out = append(out, event(one))
		}
		return out
	}
	for told, want := range map[string]string{
		"set /a":                               "set /a",
		"new /a":                               "new /a, list /",
		"new /a/b, new /a/c":                   "new /a/b, new /a/c, list /a",
		"new /a/b, set /a, gone /a/c":          "new /a/b, set /a, gone /a/c, list /a",
		"gone /a/b, gone /a":                   "gone /a/b, list /a, gone /a, list /",
		"gone /a/b, gone /a, new /a, new /a/b": "gone /a/b, list /a, gone /a, new /a, list /, new /a/b, list /a",
		"new /x, new /a/b, new /y":             "new /x, new /a/b, list /a, new /y, list /",
	} {
		if got := withParents(parse(told)); !slices.Equal(got, parse(want)) {
			t.Errorf("%s: %v, want %v", told, got, parse(want))
		}
	}
}
