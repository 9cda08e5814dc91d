package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
	"holt/raftfsm/znode"
)

// running is a verb that goes on until it is interrupted.
type running struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan int
	out    screen
	err    screen
}

// screen is what a verb prints, to be read while it runs.
type screen struct {
	mu   sync.Mutex // guards text and more
	text bytes.Buffer
	more chan struct{} // has a value when text has grown
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start runs a command line in the background.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{t: t, cancel: cancel, ended: make(chan int, 1), out: screen{more: make(chan struct{}, 1)}, err: screen{more: make(chan struct{}, 1)}}
	go func() {
		r.ended <- execute(ctx, &cli{}, args, &console{in: strings.NewReader(""), out: &r.out, err: &r.err})
	}()
	t.Cleanup(cancel)
	return r
}

// until waits until standard output has something.
func (r *running) until(part string) {
	r.t.Helper()
	tooLong := time.After(time.Minute)
	for !strings.Contains(r.out.String(), part) {
		select {
		case <-r.out.more:
		case exit := <-r.ended:
			r.ended <- exit
			if !strings.Contains(r.out.String(), part) {
				r.t.Fatalf("it ended with %d, printed %q, said %q; no %q", exit, r.out.String(), r.err.String(), part)
			}
		case <-tooLong:
			r.t.Fatalf("printed %q, said %q; no %q", r.out.String(), r.err.String(), part)
		}
	}
}

// ends waits for the end and gives the exit code.
func (r *running) ends() int {
	r.t.Helper()
	select {
	case exit := <-r.ended:
		return exit
	case <-time.After(time.Minute):
		r.t.Fatalf("it does not end; printed %q, said %q", r.out.String(), r.err.String())
		return -1
	}
}

// interrupt stops it as Ctrl-C does.
func (r *running) interrupt() int {
	r.t.Helper()
	r.cancel()
	return r.ends()
}

func put(s *clienttest.Server, path, data string) { s.Apply(znode.PutOp(znode.MustPath(path), data)) }

// A watch tells changes line by line until it is interrupted, which is its normal end.
func TestWatchFollows(t *testing.T) {
	s := serve(t)
	w := start(t, "watch", "/app", "--recursive", "--initial", "--data")
	w.until("State /app/y \"\\xff\"\n")
	put(s, "/app", "two\nlines")
	put(s, "/app/new", "")
	s.Apply(znode.DeleteOp(znode.MustPath("/app/x")))
	w.until("NodeDeleted")
	if exit := w.interrupt(); exit != exitDone || w.err.String() != "" {
		t.Errorf("exit %d, %q", exit, w.err.String())
	}
	want := "1 State /app \"one\"\n2 State /app/x \"é\"\n3 State /app/y \"\\xff\"\n" +
		"4 NodeDataChanged /app \"two\\nlines\"\n5 NodeCreated /app/new \"\"\n6 NodeDeleted /app/x\n"
	if got := w.out.String(); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// What happened before is told from --since on; --events narrows it, --once ends it.
func TestWatchSinceAndOnce(t *testing.T) {
	for args, want := range map[string]string{
		"watch /app --once --since 3":                    "4 NodeDataChanged /app\n",
		"watch /app --once --since 3 --events children":  "5 NodeChildrenChanged /app\n",
		"watch /app/new /none --once --since 3":          "5 NodeCreated /app/new\n",
		"watch /app/new --once --since 5":                "6 NodeDataChanged /app/new\n",
		"watch /app --recursive --once --since 4 --data": "5 NodeCreated /app/new\n",
	} {
		t.Run(args, func(t *testing.T) {
			s := serve(t)
			put(s, "/app", "two")
			put(s, "/app/new", "n")
			put(s, "/app/new", "m")
			if exit, out, err := holt(t.Context(), "", strings.Fields(args)...); exit != exitDone || out != want || err != "" {
				t.Errorf("exit %d, %q, %q; want %q", exit, out, err, want)
			}
		})
	}
}

func TestWatchAsJSON(t *testing.T) {
	s := serve(t)
	put(s, "/app", "two")
	exit, out, err := holt(t.Context(), "", "watch", "/app", "--json", "--data", "--once", "--since", "3")
	var opened, changed map[string]any
	lines := strings.Split(out, "\n")
	if exit != exitDone || len(lines) != 3 {
		t.Fatalf("exit %d, %q, %q", exit, out, err)
	}
	if e1, e2 := json.Unmarshal([]byte(lines[0]), &opened), json.Unmarshal([]byte(lines[1]), &changed); e1 != nil || e2 != nil {
		t.Fatal(e1, e2)
	}
	if opened["event"] != "open" || opened["zxid"] != 3.0 || changed["event"] != nil || changed["zxid"] != 4.0 {
		t.Errorf("printed %q", out)
	}
}

func TestWatchMistakes(t *testing.T) {
	tryAll(t, []verbCase{
		{args: "watch app", exit: exitUsage, err: "must begin with /"},
		{args: "watch", exit: exitUsage, err: "holt watch: "},
		{args: "watch /a//b", exit: exitUsage, err: "(bad_arguments)"},
		{args: "watch /a --events strange", exit: exitUsage, err: "--events"},
		{args: "watch /a --recursive --events children", exit: exitUsage, err: "--recursive"},
		{args: "watch /a --since -1", exit: exitUsage, err: "--since"},
		{args: "watch /a --timeout 100ms --endpoints 127.0.0.1:1", exit: exitUnreachable, err: "(unreachable)"},
	})
}

// An unfulfilled --once that is interrupted is no success.
func TestWatchOnceInterrupted(t *testing.T) {
	serve(t)
	w := start(t, "watch", "/app", "--once", "--json")
	w.until("open")
	if exit := w.interrupt(); exit != exitFailed || !strings.Contains(w.err.String(), `"no answer: context canceled"`) {
		t.Errorf("exit %d, %q", exit, w.err.String())
	}
	w = start(t, "watch", "/app", "--once", "--initial")
	w.until("State /app")
	if exit := w.interrupt(); exit != exitFailed || w.err.String() != "holt watch: interrupted\n" {
		t.Errorf("exit %d, %q", exit, w.err.String())
	}
}

// CMD is told of the change in its environment, and of nothing that is another's. That it fails is said.
func TestWatchExec(t *testing.T) {
	s := serve(t)
	t.Setenv("HOLT_DATA", "another's")
	w := start(t, "watch", "/app", "--initial", "--data", "--exec", `echo "$HOLT_EVENT $HOLT_PATH $HOLT_ZXID ${HOLT_DATA-none}."; exit 3`)
	w.until("open /app 3 none.\n")
	put(s, "/app", "c; echo $(id)")
	w.until("NodeDataChanged /app 4 c; echo $(id).\n")
	if exit := w.interrupt(); exit != exitDone {
		t.Errorf("exit %d", exit)
	}
	if e := w.err.String(); !strings.HasPrefix(e, "holt watch: --exec: exit status 3\n") {
		t.Errorf("said %q", e)
	}
}

// Changes that come while CMD runs are one further run, for the last of them, which is waited for.
func TestWatchExecGathersChanges(t *testing.T) {
	hold := filepath.Join(t.TempDir(), "hold")
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &running{t: t, out: screen{more: make(chan struct{}, 1)}}
	r := &runner{con: &console{out: &w.out, err: &w.out}, ready: make(chan struct{}, 1), ended: make(chan struct{}),
		cmd: &watchCmd{Exec: `echo begin $HOLT_ZXID; while [ -e ` + hold + ` ]; do sleep 0.02; done; echo end $HOLT_ZXID`}}
	go r.loop(t.Context())
	change := func(z uint64) {
		r.offer(client.Message{Zxid: z, Events: []client.Event{{Type: "NodeDataChanged", Path: "/a"}}})
	}
	change(1)
	w.until("begin 1\n")
	change(2)
	change(3)
	change(4)
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
	if err := r.finish(); err != nil || w.out.String() != "begin 1\nend 1\nbegin 4\nend 4\n" {
		t.Errorf("%v, %q", err, w.out.String())
	}
}

func TestWatchExecOnce(t *testing.T) {
	binary, long := "a\x00b", strings.Repeat("x", maxEnvData+1)
	for data, want := range map[string]string{"two": "two", binary: "none", long: "none", "": ""} {
		s := serve(t)
		put(s, "/app", data)
		exit, out, err := holt(t.Context(), "", "watch", "/app", "--since", "3", "--once", "--data", "--exec", `printf %s "${HOLT_DATA-none}"`)
		if exit != exitDone || out != want || err != "" {
			t.Errorf("exit %d, %.20q, %q; want %q", exit, out, err, want)
		}
		if exit, _, err := holt(t.Context(), "", "watch", "/app", "--since", "3", "--once", "--exec", "exit 3"); exit != exitFailed || !strings.Contains(err, "exit status 3") {
			t.Errorf("a CMD that fails: exit %d, %q", exit, err)
		}
	}
}

// An interrupt ends a CMD that runs, with all that it started.
func TestWatchExecInterrupted(t *testing.T) {
	s := serve(t)
	w := start(t, "watch", "/app", "--exec", `trap "echo ended; exit" TERM; sleep 60 & echo begun; wait`, "--since", "3")
	put(s, "/app", "two")
	w.until("begun")
	if exit := w.interrupt(); exit != exitDone || w.out.String() != "begun\nended\n" || w.err.String() != "" {
		t.Errorf("exit %d, %q, %q", exit, w.out.String(), w.err.String())
	}
}
