package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"holt/httpapi/apitest"
	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// serve starts a server with /app = "one", /app/x = "é" and /app/y = "\xff", and looks for goroutines left at the end.
func serve(t *testing.T) *clienttest.Server {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	s := clienttest.New()
	t.Cleanup(s.Close)
	t.Setenv("HOLT_ENDPOINTS", s.URL)
	s.Apply(znode.CreateOp(znode.MustPath("/app"), "one", znode.Persistent))
	s.Apply(znode.CreateOp(znode.MustPath("/app/x"), "é", znode.Persistent))
	s.Apply(znode.CreateOp(znode.MustPath("/app/y"), "\xff", znode.Persistent))
	return s
}

// holt runs a command line as the program does.
func holt(ctx context.Context, in string, args ...string) (exit int, out, err string) {
	var o, e bytes.Buffer
	exit = execute(ctx, &cli{}, args, &console{in: strings.NewReader(in), out: &o, err: &e})
	return exit, o.String(), e.String()
}

// dataAt is the data of a znode, "(none)" without one.
func dataAt(s *clienttest.Server, path string) string {
	n := s.State().Tree.Get(znode.MustPath(path))
	if n == nil {
		return "(none)"
	}
	return n.Data()
}

// verbCase is a command line, and what comes of it on the state that serve makes.
type verbCase struct {
	args string // separated by spaces
	in   string
	exit int
	out  string // a regular expression for all of standard output
	err  string // a part of standard error; "" means nothing may be there
	at   string // path=data afterwards
}

// stampOf1 is the time of one of the first transactions: a server in memory counts them for a clock.
const stampOf1 = `1970-01-01T00:00:00.00\dZ`

func tryAll(t *testing.T, cases []verbCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			s := serve(t)
			exit, out, err := holt(t.Context(), c.in, strings.Fields(c.args)...)
			if exit != c.exit {
				t.Errorf("exit %d, want %d", exit, c.exit)
			}
			if out != c.out && !regexp.MustCompile(`\A(?:`+c.out+`)\z`).MatchString(out) {
				t.Errorf("printed %q, want %q", out, c.out)
			}
			if !strings.Contains(err, c.err) || c.err == "" && err != "" || strings.Count(err, "\n") > 1 {
				t.Errorf("said %q, want one line with %q", err, c.err)
			}
			if path, data, ok := strings.Cut(c.at, "="); ok && dataAt(s, path) != data {
				t.Errorf("at %s is %.50q, want %.50q", path, dataAt(s, path), data)
			}
		})
	}
}

func TestGet(t *testing.T) {
	tryAll(t, []verbCase{
		{args: "get /app", out: "one"},
		{args: "get /app/y", out: "\xff"},
		{args: "get /app --consistency linearizable", out: "one"},
		{args: "get /app --json", out: `{"path":"/app","data":"one","encoding":"utf8","stat":{"version":0,.*},"mode":"persistent","ttl_ms":0}\n`},
		{args: "get /app/y --json", out: `{"path":"/app/y","data":"/w==","encoding":"base64","stat":{.*},"mode":"persistent","ttl_ms":0}\n`},
		{args: "get /none", exit: exitNotFound, err: "holt get: /none: there is no znode at /none (no_node); check the path"},
		{args: "get app", exit: exitUsage, err: `holt get: path "app" must begin with /; see holt get --help`},
		{args: "get /a//b", exit: exitUsage, err: "(bad_arguments)"},
		{args: "get /app --consistency strict", exit: exitUsage, err: "--consistency must be one of"},
		{args: "get /app --timeout 0s", exit: exitUsage, err: "--timeout"},
		{args: "get /app --endpoints ftp://x", exit: exitUsage, err: "the scheme must be http or https"},
		{args: "get", exit: exitUsage, err: "holt get: "},
		{args: "frobnicate", exit: exitUsage, err: "unexpected argument frobnicate"},
	})
}

func TestSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte("from\x00a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	tryAll(t, []verbCase{
		{args: "set /app two", at: "/app=two"},
		{args: "set /new two", at: "/new=two"},
		{args: "set /app -", in: "from\nstdin", at: "/app=from\nstdin"},
		{args: "set /app @" + file, at: "/app=from\x00a file"},
		{args: "set /app @@" + file, at: "/app=@" + file},
		{args: "set /app @/no/such/file", exit: exitFailed, err: "no such file", at: "/app=one"},
		{args: "set /app two --version 0 --json", out: `{"path":"/app","stat":{"version":1,.*}}\n`, at: "/app=two"},
		{args: "set /app two --version 7", exit: exitPrecondition, err: "(bad_version); read it again", at: "/app=one"},
		{args: "set /app two --tag 0.1", at: "/app=two"},
		{args: `set /app two --tag "0.1"`, at: "/app=two"},
		{args: "set /app two --tag 0.2", exit: exitPrecondition, err: "(bad_version)", at: "/app=one"},
		{args: "set /app two --version=-1", exit: exitUsage, err: "--version", at: "/app=one"},
		{args: "set /app two --tag *", exit: exitUsage, err: "--tag", at: "/app=one"},
		{args: "set /app two --tag 0.", exit: exitUsage, err: "--tag", at: "/app=one"},
		{args: `set /app two --tag "0.1`, exit: exitUsage, err: "--tag", at: "/app=one"},
		{args: "set /app two --create", exit: exitPrecondition, err: "(node_exists)", at: "/app=one"},
		{args: "set /new two --create", at: "/new=two"},
		{args: "set /new two --existing", exit: exitNotFound, err: "(no_node)", at: "/new=(none)"},
		{args: "set /new two --version 0", exit: exitNotFound, err: "(no_node)", at: "/new=(none)"},
		{args: "set /app two --create --version 1", exit: exitUsage, err: "can't be used together", at: "/app=one"},
		{args: "set /new/and/newer two --parents", at: "/new/and/newer=two"},
		{args: "set /new/and/newer two", exit: exitNotFound, err: "(no_node)", at: "/new/and/newer=(none)"},
		{args: "set /app two --parents --version 0", exit: exitUsage, err: "--parents", at: "/app=one"},
		{args: "set /app two --idempotency-key=", exit: exitUsage, err: "--idempotency-key", at: "/app=one"},
		{args: "set /app -", in: strings.Repeat("x", 1<<20+1), exit: exitRefused, err: "(too_large)", at: "/app=one"},
		{args: "set /app -", in: strings.Repeat("x", maxInput+1), exit: exitRefused, err: "(too_large)", at: "/app=one"},
	})
}

func TestCreate(t *testing.T) {
	tryAll(t, []verbCase{
		{args: "create /new", out: "/new\n", at: "/new="},
		{args: "create /new two", out: "/new\n", at: "/new=two"},
		{args: "create /new - --json", in: "two", out: `{"path":"/new","stat":{.*}}\n`, at: "/new=two"},
		{args: "create /app two", exit: exitPrecondition, err: "(node_exists)", at: "/app=one"},
		{args: "create /no/parent", exit: exitNotFound, err: "holt create: /no: there is no znode at /no (no_node)"},
		{args: "create --sequential /app/job- two", out: "/app/job-0000000002\n", at: "/app/job-0000000002=two"},
		{args: "create /new/and/newer two --parents", out: "/new/and/newer\n", at: "/new/and/newer=two"},
		{args: "create /new --mode container", out: "/new\n", at: "/new="},
		{args: "create /new --mode=persistent --ttl=1m", exit: exitUsage, err: "--ttl", at: "/new=(none)"},
		{args: "create /new --mode persistent_with_ttl", exit: exitUsage, err: "--ttl", at: "/new=(none)"},
		{args: "create /new --ttl=-1s", exit: exitUsage, err: "--ttl", at: "/new=(none)"},
		{args: "create /new --ttl 0s", exit: exitUsage, err: "--ttl", at: "/new=(none)"},
		{args: "create /new --ttl 1us", exit: exitUsage, err: "--ttl", at: "/new=(none)"},
		{args: "create /new --ephemeral --ttl 1m", exit: exitUsage, err: "--ttl", at: "/new=(none)"},
		{args: "create /new --mode ephemeral", exit: exitUsage, err: "--mode", at: "/new=(none)"},
		{args: "create /new --sequential --mode container", exit: exitUsage, err: "container", at: "/new=(none)"},
		{args: "create /new --ephemeral --idempotency-key k", exit: exitUsage, err: "session", at: "/new=(none)"},
	})
}

func TestRm(t *testing.T) {
	tryAll(t, []verbCase{
		{args: "rm /app/x", at: "/app/x=(none)"},
		{args: "rm /app/x --json", out: `{"zxid":4}\n`, at: "/app/x=(none)"},
		{args: "rm /app/x --version 3", exit: exitPrecondition, err: "(bad_version)", at: "/app/x=é"},
		{args: "rm /app/x --tag 0.2", at: "/app/x=(none)"},
		{args: "rm /app/x --tag 0.3", exit: exitPrecondition, err: "(bad_version)", at: "/app/x=é"},
		{args: "rm /app", exit: exitRefused, err: "(not_empty); delete its children first", at: "/app=one"},
		{args: "rm /none", exit: exitNotFound, err: "(no_node)"},
		{args: "rm -r /app", at: "/app=(none)"},
		{args: "rm --recursive /app --json --version 0", out: `{"zxid":4}\n`, at: "/app=(none)"},
		{args: "rm -r /app --version 1", exit: exitPrecondition, err: "(bad_version)", at: "/app/x=é"},
		{args: "rm -r /none", exit: exitNotFound, err: "(no_node)"},
		{args: "rm -r --batch /none", exit: exitNotFound, err: "(no_node)"},
		{args: "rm -r --batch /", exit: exitUsage, err: "(bad_arguments)", at: "/app=one"},
		{args: "rm -r --batch /app", at: "/app=(none)"},
		{args: "rm -r --batch /app --json", out: `{"zxid":4,"deleted":3,"transactions":1}\n`, at: "/app=(none)"},
		{args: "rm --batch /app", exit: exitUsage, err: "--recursive", at: "/app=one"},
		{args: "rm -r --batch /app --version 0", exit: exitUsage, err: "--version", at: "/app=one"},
		{args: "rm -r --batch /app --tag 0.1", exit: exitUsage, err: "--tag", at: "/app=one"},
		{args: "rm -r --batch /app --idempotency-key k", exit: exitUsage, err: "--idempotency-key", at: "/app=one"},
	})
}

func TestLs(t *testing.T) {
	tryAll(t, []verbCase{
		{args: "ls", out: "app\n"},
		{args: "ls /app", out: "x\ny\n"},
		{args: "ls /app --prefix y", out: "y\n"},
		{args: "ls /app/x", out: ""},
		{args: "ls -R", out: "/app\n/app/x\n/app/y\n"},
		{args: "ls /app -R", out: "/app/x\n/app/y\n"},
		{args: "ls -l /app", out: " +0 +0 +2  " + stampOf1 + "  x\n +0 +0 +1  " + stampOf1 + "  y\n"},
		{args: "ls -lR", out: " +0 +2 +3  " + stampOf1 + "  /app\n.*  /app/x\n.*  /app/y\n"},
		{args: "ls --json", out: `{"path":"/app","stat":{.*"num_children":2}}\n`},
		{args: "ls /none", exit: exitNotFound, err: "(no_node)"},
	})
}

func TestStatClusterVersion(t *testing.T) {
	tryAll(t, []verbCase{
		{args: "stat /app", out: "path +/app\nmode +persistent\nttl +none\ntag +\"0.1\"\nversion +0\n(.*\n)*mtime +" + stampOf1 + "\n(.*\n)*num_children +2\n"},
		{args: "stat /app --json", out: `{"path":"/app","stat":{.*},"mode":"persistent","ttl_ms":0}\n`},
		{args: "stat /none", exit: exitNotFound, err: "there is no znode at /none (no_node)"},
		{args: "stat /app/", exit: exitUsage, err: "(bad_arguments)"},
		{args: "cluster", out: "leader n1, term 1, zxid 3, as member n1 knows it\nMEMBER +ROLE +URL +RAFT ADDRESS\nn1 +leader +http.*\n"},
		{args: "cluster --json", out: `{"name":"n1","cluster_id":"c1","leader":"n1",.*}\n`},
		{args: "version", out: `holt .* go1\..*\n`},
	})
}

// Every way a server can fail has its exit code, and with --json the problem is on standard error.
func TestFailuresAndTheirExitCodes(t *testing.T) {
	breaks := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	for _, c := range []struct {
		name   string
		faults apitest.Faults
		before http.HandlerFunc
		args   string
		exit   int
		code   client.Code
	}{
		{"a write without a leader", apitest.Faults{Propose: command.ErrNoLeader}, nil, "set /app two", exitUnreachable, client.NoLeader},
		{"a write whose outcome is not known", apitest.Faults{Swallow: command.ErrUnknown}, nil, "set /app two", exitUnknown, client.OutcomeUnknown},
		{"a write on a full disk", apitest.Faults{Propose: command.ErrDiskFull}, nil, "create /new", exitRefused, client.DiskFull},
		{"a linearizable read without a leader", apitest.Faults{Linearizable: command.ErrNoLeader}, nil, "get /app --consistency=linearizable", exitUnreachable, client.NoLeader},
		{"a read of a member that is behind", apitest.Faults{State: command.ErrBehind}, nil, "ls /app", exitUnreachable, client.Behind},
		{"a write that breaks off", apitest.Faults{}, breaks, "rm /app/x", exitUnknown, client.OutcomeUnknown},
		{"a read that breaks off", apitest.Faults{}, breaks, "stat /app", exitUnreachable, client.Unreachable},
		{"another web server", apitest.Faults{}, http.NotFound, "get /app", exitFailed, client.Unexpected},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			s.Node.Fail(c.faults)
			s.Before(c.before)
			exit, out, err := holt(t.Context(), "", append(strings.Fields(c.args), "--timeout=500ms")...)
			if exit != c.exit || out != "" || !strings.Contains(err, "("+string(c.code)+"); ") {
				t.Errorf("exit %d, printed %q, said %q; want exit %d and %s", exit, out, err, c.exit, c.code)
			}
			exit, _, err = holt(t.Context(), "", append(strings.Fields(c.args), "--timeout=500ms", "--json")...)
			var p wire.Problem
			if jerr := json.Unmarshal([]byte(err), &p); jerr != nil || p.Code != wire.Code(c.code) || p.Detail == "" || exit != c.exit {
				t.Errorf("with --json: exit %d, %q (%v); want code %s", exit, err, jerr, c.code)
			}
		})
	}
}

func TestUsageErrorsAsJSON(t *testing.T) {
	exit, _, err := holt(t.Context(), "", "get", "--json")
	var p wire.Problem
	if jerr := json.Unmarshal([]byte(err), &p); jerr != nil || p.Code != "usage" || exit != exitUsage {
		t.Errorf("exit %d, %q, %v", exit, err, jerr)
	}
}

// With one member gone the others do; with all gone the exit code says so.
func TestEndpoints(t *testing.T) {
	s := serve(t)
	gone := clienttest.New()
	gone.Close()
	if exit, out, err := holt(t.Context(), "", "get", "/app", "--endpoints", gone.URL+","+s.URL); exit != 0 || out != "one" {
		t.Errorf("one gone: exit %d, %q, %q", exit, out, err)
	}
	if exit, out, err := holt(t.Context(), "", "set", "/app", "two", "--endpoints", gone.URL+", "+s.URL+","); exit != 0 || out != "" {
		t.Errorf("one gone, a write: exit %d, %q, %q", exit, out, err)
	}
	exit, _, err := holt(t.Context(), "", "set", "/app", "three", "--endpoints", gone.URL, "--timeout", "200ms")
	if exit != exitUnreachable || !strings.Contains(err, "connection refused (unreachable)") || dataAt(s, "/app") != "two" {
		t.Errorf("all gone: exit %d, %q, /app is %q", exit, err, dataAt(s, "/app"))
	}
	t.Setenv("HOLT_ENDPOINTS", "")
	if got := (&clientFlags{Endpoints: []string{""}}).endpoints(); len(got) != 1 || got[0] != defaultEndpoint {
		t.Errorf("an empty variable gives %q", got)
	}
}

// An interrupt ends a read with exit code 1; of a write that was sent it leaves the outcome unknown.
func TestInterrupt(t *testing.T) {
	for args, want := range map[string]int{"get /app --consistency=linearizable": exitFailed, "set /app two": exitUnknown} {
		s := serve(t)
		s.Node.Fail(apitest.Faults{Hold: true})
		ctx, cancel := context.WithCancel(t.Context())
		s.Before(func(http.ResponseWriter, *http.Request) { cancel() }) // it is on its way now
		exit, _, err := holt(ctx, "", strings.Fields(args)...)
		if exit != want {
			t.Errorf("%s: exit %d, %q; want %d", args, exit, err, want)
		}
		s.Node.Fail(apitest.Faults{})
	}
}

// A listing goes through all the pages, and through a tree that changes under it.
func TestLongListings(t *testing.T) {
	s := serve(t)
	var want strings.Builder
	for i := range client.DefaultPage*2 + 5 {
		name := fmt.Sprintf("n%06d", i)
		s.Apply(znode.CreateOp(znode.MustPath("/app/x/"+name), "", znode.Persistent))
		want.WriteString(name + "\n")
	}
	if exit, out, err := holt(t.Context(), "", "ls", "/app/x"); exit != 0 || out != want.String() {
		t.Errorf("exit %d, %d bytes instead of %d, %q", exit, len(out), want.Len(), err)
	}
	s.Apply(znode.CreateOp(znode.MustPath("/app/y/z"), "", znode.Persistent))
	s.Before(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/app/y") { // it was listed, and is deleted before it is entered
			s.Apply(znode.DeleteOp(znode.MustPath("/app/y/z")), znode.DeleteOp(znode.MustPath("/app/y")))
		}
	})
	if exit, out, err := holt(t.Context(), "", "ls", "-R", "/app"); exit != 0 || !strings.HasSuffix(out, "/app/y\n") {
		t.Errorf("exit %d, %q", exit, err)
	}
}

// What a server says cannot spoil the terminal.
func TestErrorsAreOneLineOfText(t *testing.T) {
	s := serve(t)
	s.Before(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		json.NewEncoder(w).Encode(wire.Problem{Code: wire.NotEmpty, Detail: "two\nlines \x1b[31mred\u009b", Path: "/\x07"})
	})
	_, _, err := holt(t.Context(), "", "rm", "/app")
	if strings.ContainsAny(strings.TrimSuffix(err, "\n"), "\n\x1b\x07\u009b") {
		t.Errorf("said %q", err)
	}
}

// Output that cannot be written is an error, not a short answer.
func TestOutputThatFails(t *testing.T) {
	serve(t)
	var e bytes.Buffer
	if exit := execute(t.Context(), &cli{}, []string{"get", "/app"}, &console{out: full{}, err: &e}); exit != exitFailed {
		t.Errorf("exit %d, %q", exit, e.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestHelpNamesEveryExitCode(t *testing.T) {
	codes := []int{exitDone, exitFailed, exitUsage, exitNotFound, exitPrecondition, exitUnknown, exitUnreachable, exitRefused, exitStorage}
	for _, args := range []string{"--help", "get --help", "bench --help", ""} {
		exit, out, err := holt(t.Context(), "", strings.Fields(args)...)
		if exit != exitDone || err != "" {
			t.Errorf("%q: exit %d, %q", args, exit, err)
		}
		for _, code := range codes {
			line := regexp.MustCompile(fmt.Sprintf(`(?m)^  %d  \w.{3,}$`, code))
			if !line.MatchString(out) {
				t.Errorf("%q: exit code %d is not explained", args, code)
			}
		}
	}
	if len(exitMeanings()) != len(codes) {
		t.Errorf("%d exit codes are explained, %d are listed here", len(exitMeanings()), len(codes))
	}
	if _, out, _ := holt(t.Context(), "", "--help"); strings.Contains(out, "bench-bare") {
		t.Error("the hidden verb shows")
	}
}

// No code of the wire is left without advice.
func TestEveryCodeHasItsExitCode(t *testing.T) {
	source, err := os.ReadFile("../../httpapi/wire/code.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 20 {
		t.Fatalf("only %d codes found", len(codes))
	}
	for _, m := range append(codes, []string{"", string(client.Unreachable)}, []string{"", string(client.Unexpected)}) {
		if remedyOf(client.Code(m[1])).advice == "" {
			t.Errorf("%s has no line in remedyOf", m[1])
		}
	}
}
