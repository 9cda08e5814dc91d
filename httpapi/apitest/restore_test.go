package apitest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// put sends a backup to be restored.
func (s *server) put(query, backup string) answer {
	s.t.Helper()
	return s.do("PUT /v1/snapshot" + query + "\n\n" + backup)
}

func TestABackupTakesThePlaceOfTheTree(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nold").is(201)
	s.do("PUT /v1/znodes/kept\n\nx").is(201)
	backup := s.do("GET /v1/snapshot").is(200).body
	s.do("PUT /v1/znodes/a\n\nnew").is(200)
	s.do("PUT /v1/znodes/b").is(201)

	p := s.put("", backup).fails(409, wire.NotEmpty)
	if !strings.Contains(p.Detail, "besides the root: 3") || !strings.Contains(p.Detail, "?replace=true") || p.Zxid != 4 {
		t.Errorf("%+v", p)
	}
	s.put("?replace=false", backup).fails(409, wire.NotEmpty)
	s.do("GET /v1/znodes/a").is(200).says("new")

	tag := s.do("GET /v1/znodes/a").header.Get("ETag")
	got := read[wire.Restored](s.put("?replace=true", backup).is(200).has("Holt-Zxid", "5"))
	if got != (wire.Restored{Zxid: 5, From: 2, Znodes: 3}) {
		t.Errorf("%+v", got)
	}
	s.do("GET /v1/znodes/b").is(404)
	s.do("GET /v1/znodes/kept").is(200).has("ETag", `"0.2"`) // as it was all the time
	// No tag of before fits what was changed by the restore, not even when its version comes again.
	if a := s.do("GET /v1/znodes/a").is(200).says("old"); a.header.Get("ETag") != `"0.5"` {
		t.Errorf("the tag is %s", a.header.Get("ETag"))
	}
	s.do("PUT /v1/znodes/a\n\nother").is(200)
	s.do("GET /v1/znodes/a\nIf-None-Match: " + tag).is(200).says("other")
	s.do("PUT /v1/znodes/a\nIf-Match: "+tag+"\n\nlost").fails(412, wire.BadVersion)
}

func TestAnEmptyTreeNeedsNoReplace(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nold").is(201)
	backup := s.do("GET /v1/snapshot").is(200).body
	s.do("DELETE /v1/znodes/a").is(204)
	s.put("", backup).is(200)
	s.do("GET /v1/znodes/a").is(200).says("old")
}

// Whatever is wrong with a backup shows before anything is proposed.
func TestADamagedBackupIsRefused(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\n" + strings.Repeat("x", 2000)).is(201)
	s.do("POST /v1/sessions").is(201)
	backup := s.do("GET /v1/snapshot").is(200).body
	before := s.bytes()
	refused := func(what, b string) {
		t.Helper()
		if p := s.put("?replace=true", b).fails(400, wire.BadArguments); p.Detail == "" {
			t.Errorf("%s: no reason", what)
		}
	}
	for i := 0; i < len(backup); i += 1 + len(backup)/100 {
		refused(fmt.Sprintf("cut at %d", i), backup[:i])
		refused(fmt.Sprintf("flipped at %d", i), backup[:i]+string(backup[i]^0x10)+backup[i+1:])
	}
	refused("nothing", "")
	refused("with more behind it", backup+"x")
	refused("something else", "{}")
	newer := []byte(backup)
	newer[len("holtstate")] = 9
	if p := s.put("?replace=true", string(newer)).fails(400, wire.BadArguments); !strings.Contains(p.Detail, "version 9") {
		t.Errorf("a backup of a later version: %s", p.Detail)
	}
	s.do("PUT /v1/snapshot?replace=true\nContent-Encoding: gzip\n\nx").fails(400, wire.BadArguments)
	s.put("?replace=maybe", backup).fails(400, wire.BadArguments)
	s.put("?confirm=restore", backup).fails(400, wire.BadArguments)
	if s.Proposed() != 2 || s.bytes() != before {
		t.Error("something was done")
	}
}

func TestARestoreIsDoneNotDoneOrUnknown(t *testing.T) {
	s := start(t)
	backup := s.do("GET /v1/snapshot").is(200).body
	for err, want := range map[error]struct {
		status int
		code   wire.Code
	}{
		command.ErrUnknown:      {504, wire.OutcomeUnknown},
		command.ErrNoLeader:     {503, wire.NoLeader},
		command.ErrRestoring:    {429, wire.Throttled},
		command.ErrDiskFull:     {507, wire.DiskFull},
		command.ErrOldMember:    {501, wire.NotImplemented},
		command.ErrUnreadable:   {400, wire.BadArguments},
		command.ErrShuttingDown: {503, wire.ShuttingDown},
		command.ErrNotEmpty:     {409, wire.NotEmpty},
		errors.New("a bug"):     {500, wire.Internal},
	} {
		s.Fail(Faults{Propose: fmt.Errorf("restoring: %w", err)})
		s.put("", backup).fails(want.status, want.code)
	}
	s.Fail(Faults{Linearizable: command.ErrNoLeader})
	s.put("", backup).fails(503, wire.NoLeader)
	s.Fail(Faults{})
	s.put("", backup).is(200)
	none := start(t, func(c *httpapi.Config) { c.Restore = nil })
	if p := none.put("", backup).fails(501, wire.NotImplemented); !strings.Contains(p.Detail, "snapshot") {
		t.Error(p.Detail)
	}
}

func TestOneRestoreAtATimeThroughAMember(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := start(t, func(c *httpapi.Config) {
		c.Restore = func(ctx context.Context, s *znode.State, replace bool) (znode.Zxid, error) {
			close(entered)
			<-leave
			return 7, nil
		}
	})
	backup := s.do("GET /v1/snapshot").is(200).body
	first := make(chan answer, 1)
	go func() { first <- s.put("", backup) }()
	<-entered
	s.put("", backup).fails(429, wire.Throttled)
	close(leave)
	(<-first).is(200)
}

// What followed the old tree is told that it is no more: at once if it is open, when it comes back if not.
func TestStreamsAreToldOfARestore(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /a", "create /b", "create /c", "create /c/child")
	at := w.do("set /a 1")
	backup, _ := w.State()
	w.do("set /a 2", "delete /b", "delete /c/child")
	all := "/v1/watch?path=/a&path=/b&path=/c"
	open := w.watch(all)
	open.says(mark("open", at+3))
	initial := w.watch("/v1/watch/a?initial=true")
	initial.next()
	initial.says(mark("open", at+3))
	z, err := w.Restore(t.Context(), backup, true)
	if err != nil || z != at+4 {
		t.Fatal(z, err)
	}
	open.says(reset(z, true, "restored", "NodeCreated /a", "NodeChildrenChanged /a", "NodeCreated /b", "NodeChildrenChanged /b",
		"NodeCreated /c", "NodeChildrenChanged /c"), mark("open", z))
	initial.says(reset(z, false, "restored", "NodeCreated /a", "NodeChildrenChanged /a"))
	initial.next()
	initial.says(mark("open", z))
	// Whoever comes back with a position of before is told the same, even when the history has gone on.
	w.do("set /a 3")
	back := w.watch("/v1/watch?path=/a&events=data", fmt.Sprintf("Last-Event-ID: %d", at+2))
	back.says(reset(z+1, true, "restored", "NodeCreated /a"), mark("open", z+1))
	w.watch("/v1/watch/a?events=data", fmt.Sprintf("Last-Event-ID: %d", z)).says(mark("open", z), message(z+1, "NodeDataChanged /a"))
}

// A long poll is answered from the new tree, a session's stream ends as if the session had been killed.
func TestPollsAndSessionsAreToldOfARestore(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nold").is(201)
	backup, _ := s.State()
	s.do("PUT /v1/znodes/a\n\nnew").is(200)
	opened := read[wire.SessionOpened](s.do("POST /v1/sessions").is(201))
	tag := s.do("GET /v1/znodes/a").header.Get("ETag")
	held := s.poll("GET /v1/znodes/a?wait=1m\nIf-None-Match: " + tag)
	events := make(chan answer, 1)
	before, _ := s.Hub.Streams()
	go func() { events <- s.do("GET /v1/sessions/" + opened.ID + "/events") }()
	eventually(t, "the session has a stream", func() bool { n, _ := s.Hub.Streams(); return n == before+1 })
	if _, err := s.Restore(t.Context(), backup, true); err != nil {
		t.Fatal(err)
	}
	s.got(held).is(200).says("old")
	if a := (<-events).is(200); !strings.Contains(a.body, `"state":"killed"`) {
		t.Errorf("the session's stream ends with %s", a.body)
	}
	s.do("POST /v1/sessions/"+opened.ID+"/keepalive").fails(410, wire.SessionExpired)
}

// half sends the first half of a backup and no more, and gives what is answered.
func (s *server) half(backup string, then func()) string {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(hang))
	fmt.Fprintf(conn, "PUT /v1/snapshot HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(backup), backup[:len(backup)/2])
	then()
	b, err := io.ReadAll(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func TestABackupThatDoesNotCome(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.BodyTimeout = 300 * time.Millisecond })
	backup := s.do("GET /v1/snapshot").is(200).body
	if got := s.half(backup, func() {}); !strings.Contains(got, " 400 ") || !strings.Contains(got, "too little") {
		t.Errorf("answered %s", got)
	}
	s = start(t)
	if got := s.half(backup, s.api.EndStreams); !strings.Contains(got, " 503 ") || !strings.Contains(got, string(wire.ShuttingDown)) {
		t.Errorf("answered %s", got)
	}
	if s.Proposed() > 0 {
		t.Error("something was done")
	}
}
