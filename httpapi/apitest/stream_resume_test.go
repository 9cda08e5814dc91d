package apitest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/httpapi"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// story makes n random changes of a few znodes below /t.
func (w *world) story(n int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	paths := []string{"/t/a", "/t/b", "/t/b/c", "/t/b/d", "/t/e"}
	for range n {
		p := znode.MustPath(paths[r.IntN(len(paths))])
		op := znode.PutOp(p, fmt.Sprint(r.IntN(1000)))
		if r.IntN(3) == 0 {
			op = znode.DeleteOp(p)
		}
		if _, err := w.Propose(w.t.Context(), &znode.Txn{Ops: []znode.Op{op}}); err != nil {
			w.t.Error(err)
		}
	}
}

// TestResume: whoever loses the stream again and again, wherever in a block, and takes it up where it was, is told the
// same as whoever kept it.
func TestResume(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /t")
	steady := w.watch("/v1/watch/t?recursive=true")
	steady.says(mark("open", 1))
	wrote := make(chan struct{})
	go func() { defer close(wrote); w.story(2000, 7) }()
	var got []string
	id := "1"
	for n := 0; ; n++ {
		c := w.watch("/v1/watch/t?recursive=true&since=0", "Last-Event-ID: "+id)
		c.says(mark("open", parseID(t, id)))
		for range n%7 + 1 {
			if e := c.next(); e.name == "message" {
				got, id = append(got, e.String()), e.id
			}
			if len(got) > 700 {
				break
			}
		}
		c.leave()
		if len(got) > 700 {
			break
		}
	}
	<-wrote
	for i, g := range got {
		if want := steady.next().String(); g != want {
			t.Fatalf("message %d is\n%s\nwant\n%s", i, g, want)
		}
	}
}

func parseID(t *testing.T, id string) (z znode.Zxid) {
	t.Helper()
	if _, err := fmt.Sscan(id, (*uint64)(&z)); err != nil {
		t.Fatal(err)
	}
	return z
}

// view is what a client knows that is sent the present state and then what changes, with the data.
type view map[string]string

type block struct {
	Zxid   znode.Zxid
	Path   string
	Data   string
	Events []struct {
		Type, Path, Data string
		Superseded       bool
	}
}

// take follows an event of the stream.
func (v view) take(t *testing.T, e told) (z znode.Zxid) {
	t.Helper()
	var b block
	if err := json.Unmarshal([]byte(e.data), &b); err != nil {
		t.Fatal(err)
	}
	if e.name == "state" {
		v[b.Path] = b.Data
	}
	for _, e := range b.Events {
		switch {
		case e.Type == "NodeDeleted":
			delete(v, e.Path)
		case e.Superseded:
			v[e.Path] = "?"
		default:
			v[e.Path] = e.Data
		}
	}
	return b.Zxid
}

// is says whether the view is the state of what is below /t.
func (v view) is(s *znode.State) bool {
	n := 0
	for z := range s.Tree.All() {
		if p := z.Path().String(); strings.HasPrefix(p, "/t") {
			n++
			if v[p] != z.Data() {
				return false
			}
		}
	}
	return n == len(v)
}

// TestInitialUnderWrites: states and events together are the tree, whenever a client came.
func TestInitialUnderWrites(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /t")
	w.story(50, 3)
	var wg sync.WaitGroup
	wrote := make(chan struct{})
	go func() { defer close(wrote); w.story(6000, 5); w.do("set /t end") }()
	for range 8 {
		c := w.watch("/v1/watch/t?recursive=true&initial=true&include=data")
		wg.Go(func() {
			v, opened, at := view{}, false, znode.Zxid(0)
			for !opened || v["/t"] != "end" {
				e := c.next()
				z := v.take(t, e)
				switch {
				case e.name == "state" && (opened || e.own):
					t.Errorf("a state behind the open, or with an id: %s", e)
				case e.name == "open":
					opened = true
				case e.name == "message" && z <= at:
					t.Errorf("zxid %d comes behind %d", z, at)
				}
				at = max(at, z)
			}
			<-wrote
			if now, _ := w.State(); !v.is(now) {
				t.Errorf("a client knows %v", v)
			}
		})
	}
	wg.Wait()
}

func TestInitial(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /a 1", "create /a/b 2", "create /a/b/c 3", "create /a/d 4", "create /x 5")
	stat := func(version, cversion, czxid, pzxid, children int) string {
		return fmt.Sprintf(`"stat":{"version":%d,"cversion":%d,"aversion":0,"czxid":%d,"mzxid":%d,"pzxid":%d,"ctime":%d,"mtime":%d,"ephemeral_owner":"","data_length":1,"num_children":%d}}`,
			version, cversion, czxid, czxid, pzxid, czxid, czxid, children)
	}
	a, b := `state - {"path":"/a",`+stat(0, 2, 1, 4, 2), `state - {"path":"/a/b",`+stat(0, 1, 2, 3, 1)
	c, d := `state - {"path":"/a/b/c",`+stat(0, 0, 3, 3, 0), `state - {"path":"/a/d",`+stat(0, 0, 4, 4, 0)
	w.watch("/v1/watch/a?initial=true").says(a, mark("open", 5))
	w.watch("/v1/watch/a?initial=true&recursive=true").says(a, b, c, d, mark("open", 5))
	w.watch("/v1/watch?path=/a/d&path=/none&path=/a/b&initial=true&events=children").says(d, b, mark("open", 5))
	w.watch("/v1/watch?path=/a/b&path=/a&path=/a/b/c&initial=true&recursive=true").says(a, b, c, d, mark("open", 5))
	w.watch("/v1/watch/x?initial=true&include=data").says(
		`state - {"path":"/x","data":"5","encoding":"utf8",`+stat(0, 0, 5, 5, 0), mark("open", 5))
	// Whoever resumes has the state.
	w.watch("/v1/watch/a?initial=true&since=4").says(mark("open", 4))
	w.watch("/v1/watch/x?initial=true&since=4").says(mark("open", 4), message(5, "NodeCreated /x"))
}

// forget makes the history forget all there was.
func (w *world) forget() {
	w.t.Helper()
	long := "/" + strings.Repeat("l", znode.MaxPathBytes-1)
	w.run(nil, znode.PutOp(znode.MustPath(long), ""))
	ops := make([]znode.Op, znode.MaxTxnOps)
	for i := range ops {
		ops[i] = znode.SetOp(znode.MustPath(long), "")
	}
	before, _ := w.State()
	for {
		w.run(nil, ops...)
		if now, _ := w.State(); now.History.Floor() >= before.Zxid {
			return
		}
	}
}

func reset(z znode.Zxid, withID bool, reason string, events ...string) string {
	id := "-"
	if withID {
		id = fmt.Sprint(z)
	}
	return fmt.Sprintf(`reset %s {"zxid":%d,"reason":"%s","events":[%s]}`, id, z, reason, eventList(events))
}

// TestReset: where the history does not reach back there is what stats prove.
func TestReset(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /same", "create /set", "create /gone", "create /parent", "create /parent/child", "create /again")
	since := w.do("create /still")
	w.do("set /set 1", "delete /gone", "create /new", "delete /parent/child", "delete /again", "create /again")
	w.forget()
	now, _ := w.State()
	z := now.Zxid
	from := fmt.Sprintf("Last-Event-ID: %d", since)
	all := "/v1/watch?path=/same&path=/set&path=/gone&path=/parent&path=/parent/child&path=/again&path=/new&path=/same/none"
	w.watch(all, from).says(reset(z, true, "history", "NodeDataChanged /set", "NodeDeleted /gone",
		"NodeChildrenChanged /parent", "NodeDeleted /parent/child", "NodeCreated /again", "NodeChildrenChanged /again",
		"NodeCreated /new", "NodeChildrenChanged /new"), mark("open", z))
	w.watch(all+"&events=data", from).says(reset(z, true, "history", "NodeDataChanged /set", "NodeDeleted /gone",
		"NodeDeleted /parent/child", "NodeCreated /again", "NodeCreated /new"), mark("open", z))
	w.watch("/v1/watch/parent?events=children", from).says(reset(z, true, "history", "NodeChildrenChanged /parent"), mark("open", z))
	w.watch("/v1/watch/parent?recursive=true&include=data", from).says(reset(z, true, "history"), mark("open", z))
	// With the state to come, a position is given only behind it.
	c := w.watch("/v1/watch/set?initial=true&since=0", from)
	c.says(reset(z, false, "history", "NodeDataChanged /set"))
	if e := c.next(); e.name != "state" || e.own {
		t.Errorf("got %s", e)
	}
	c.says(mark("open", z))
	// A position that is none.
	w.watch("/v1/watch/set?since=1", "Last-Event-ID: 1.5").says(reset(z, true, "history"), mark("open", z))
	// Whoever waits for one change has it.
	once := w.watch("/v1/watch/set?once=true", from)
	once.says(reset(z, true, "history", "NodeDataChanged /set"), mark("open", z))
	once.ends()
	// Also where nothing is known of it: it may be what was waited for.
	unsure := w.watch("/v1/watch/same?once=true", from)
	unsure.says(reset(z, true, "history"), mark("open", z))
	unsure.ends()
}

// TestSinceAhead: a position that this member does not have yet is waited for; one that no member has is none.
func TestSinceAhead(t *testing.T) {
	w := newWorld(t, nil, func(c *httpapi.Config) { c.LinearWait = 20 * time.Millisecond })
	w.do("create /a")
	old, _ := w.State()
	w.watch("/v1/watch/a?since=99").says(reset(1, true, "restored"), mark("open", 1))

	w.Fail(Faults{Hold: true}) // no quorum says anything
	waiting := w.watch("/v1/watch/a?since=2")
	dead := w.watch("/v1/watch/a?since=98")
	w.Fail(Faults{Linearizable: command.ErrNoLeader})
	w.do("set /a 2", "set /a 3")
	waiting.says(mark("open", 2), message(3, "NodeDataChanged /a"))
	w.Fail(Faults{})
	dead.says(reset(3, true, "restored"), mark("open", 3))
	w.do("set /a 4")
	dead.says(message(4, "NodeDataChanged /a"))

	// A member that is behind catches up for whoever has seen more.
	w.Fail(Faults{Old: old})
	w.watch("/v1/watch/a?since=3").says(mark("open", 3), message(4, "NodeDataChanged /a"))
	// One that has no state yet lets its client wait, and not give up.
	w.Fail(Faults{State: command.ErrBehind, Linearizable: command.ErrNoLeader})
	starting := w.watch("/v1/watch/a")
	w.Fail(Faults{})
	starting.says(mark("open", 4))
}
