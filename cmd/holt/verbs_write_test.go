package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holt/httpapi/apitest"
	"holt/httpapi/client/clienttest"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// What is made is of the kind that was asked for.
func TestCreateModes(t *testing.T) {
	for args, want := range map[string]string{
		"create /new":                  `"mode":"persistent","ttl_ms":0`,
		"create /new --mode container": `"mode":"container","ttl_ms":0`,
		"create /new --mode persistent_with_ttl --ttl 10m": `"mode":"persistent_with_ttl","ttl_ms":600000`,
		"create /new --ttl 10m --sequential":               `"mode":"persistent_with_ttl","ttl_ms":600000`,
	} {
		serve(t)
		exit, path, err := holt(t.Context(), "", strings.Fields(args)...)
		if exit != exitDone {
			t.Fatalf("%s: exit %d, %q", args, exit, err)
		}
		if _, out, _ := holt(t.Context(), "", "get", "--json", strings.TrimSpace(path)); !strings.Contains(out, want) {
			t.Errorf("%s made %s, want %s", args, out, want)
		}
		if strings.Contains(args, "sequential") != (path == "/new0000000001\n") {
			t.Errorf("%s made %q", args, path)
		}
	}
}

// A write whose answer is lost is done once, and the command knows.
func TestLostAnswersOfCommands(t *testing.T) {
	s := serve(t)
	for _, c := range []struct{ args, out string }{
		{"create --sequential /app/x/job-", "/app/x/job-0000000000\n"},
		{"create --sequential /app/x/job-", "/app/x/job-0000000001\n"},
		{"set /app two --version 0", ""},
		{"rm /app/x/job-0000000000", ""},
		{`txn [{"op":"delete","path":"/app/y"}]`, "delete /app/y 1\n"},
		{"rm -r /app/x", ""},
		{"create /e --ephemeral --session " + openedBy(t), "/e\n"},
	} {
		s.Lose(1)
		if exit, out, err := holt(t.Context(), "", strings.Fields(c.args)...); exit != exitDone || out != c.out {
			t.Errorf("%s: exit %d, printed %q, said %q", c.args, exit, out, err)
		}
	}
	s.Lose(1)
	if openedBy(t); s.State().Sessions.Len() != 2 {
		t.Errorf("%d sessions were opened by two commands", s.State().Sessions.Len())
	}
}

// openedBy is the id of a session that the command opened.
func openedBy(t *testing.T) string {
	t.Helper()
	exit, id, err := holt(t.Context(), "", "session", "open")
	if exit != exitDone {
		t.Fatalf("exit %d, %q", exit, err)
	}
	return strings.TrimSpace(id)
}

// An outcome that stays unknown has its exit code, and a key to ask for it, which gives what was done.
func TestUnknownOutcomesCanBeAskedFor(t *testing.T) {
	for _, c := range []struct{ args, out string }{
		{"create --sequential /app/x/job-", "/app/x/job-0000000000\n"},
		{"set /app two --version 0", ""},
		{"rm /app/y", ""},
		{"rm -r /app", ""},
		{`txn [{"op":"delete","path":"/app/y"}]`, "delete /app/y 1\n"},
	} {
		s := serve(t)
		s.Node.Fail(apitest.Faults{Swallow: command.ErrUnknown})
		args := append(strings.Fields(c.args), "--timeout=500ms")
		exit, out, err := holt(t.Context(), "", args...)
		found := regexp.MustCompile(`\(outcome_unknown\); the outcome is unknown: run the same again with --idempotency-key (\S+)\n$`).FindStringSubmatch(err)
		if exit != exitUnknown || out != "" || found == nil {
			t.Errorf("%s: exit %d, printed %q, said %q", c.args, exit, out, err)
			continue
		}
		own := append(args, "--json", "--idempotency-key", found[1])
		exit, _, err = holt(t.Context(), "", own...)
		var p problem
		if jerr := json.Unmarshal([]byte(err), &p); jerr != nil || exit != exitUnknown || p.IdempotencyKey != found[1] || p.Code != "outcome_unknown" {
			t.Errorf("%s: exit %d, said %q, %v", c.args, exit, err, jerr)
		}
		s.Node.Fail(apitest.Faults{})
		zxid := s.State().Zxid
		if exit, out, err := holt(t.Context(), "", append(strings.Fields(c.args), "--idempotency-key", found[1])...); exit != exitDone || out != c.out {
			t.Errorf("%s again: exit %d, printed %q, said %q", c.args, exit, out, err)
		}
		if exit, _, err := holt(t.Context(), "", "rm", "/app/x", "--idempotency-key", found[1]); exit != exitRefused || !strings.Contains(err, "(idempotency_mismatch); take another") {
			t.Errorf("another write under that key: exit %d, said %q", exit, err)
		}
		if now := s.State().Zxid; now != zxid {
			t.Errorf("%s: it was done %d times more", c.args, now-zxid)
		}
	}
}

// A session's key gives the same session for as long as it lives.
func TestSessionOpenedUnderAKey(t *testing.T) {
	s := serve(t)
	s.Node.Fail(apitest.Faults{Swallow: command.ErrUnknown})
	exit, _, err := holt(t.Context(), "", "session", "open", "--idempotency-key", "boot-17", "--timeout=500ms")
	if exit != exitUnknown || !strings.HasSuffix(err, "run the same again with --idempotency-key boot-17\n") {
		t.Errorf("exit %d, said %q", exit, err)
	}
	s.Node.Fail(apitest.Faults{})
	open := func() (exit int, id, err string) {
		return holt(t.Context(), "", "session", "open", "--idempotency-key", "boot-17")
	}
	_, first, _ := open()
	if exit, id, err := open(); exit != exitDone || id != first || len(first) != 33 {
		t.Errorf("exit %d, %q after %q, said %q", exit, id, first, err)
	}
	if exit, _, err := holt(t.Context(), "", "session", "close", strings.TrimSpace(first)); exit != exitDone {
		t.Fatalf("exit %d, said %q", exit, err)
	}
	if exit, id, err := open(); exit != exitRefused || id != "" || !strings.Contains(err, "(session_expired)") {
		t.Errorf("closed: exit %d, %q, said %q", exit, id, err)
	}
}

// Where a repetition would be another write, none is advised.
func TestUnknownOutcomesWithoutAdvice(t *testing.T) {
	s := serve(t)
	for _, args := range []string{"create /e --ephemeral", "session open", "rm -r --batch /app", `txn [{"op":"delete","path":"/app/y"}] --keyless`} {
		s.Before(func(_ http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.Header.Get("Holt-Session") == "" == strings.HasPrefix(args, "create") {
				return // the session may be opened
			}
			if r.Method != http.MethodPost {
				return
			}
			panic(http.ErrAbortHandler)
		})
		exit, _, err := holt(t.Context(), "", append(strings.Fields(args), "--timeout=500ms")...)
		if exit != exitUnknown || strings.Contains(err, "idempotency") || !strings.Contains(err, "read before you repeat it") {
			t.Errorf("%s: exit %d, said %q", args, exit, err)
		}
	}
}

func TestTxn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ops.json")
	if err := os.WriteFile(file, []byte(`{"ops":[{"op":"set","path":"/app","data":"two"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	reads := `[{"op":"create","path":"/new","data":"/w==","encoding":"base64"},{"op":"get","path":"/new"},{"op":"children","path":"/app"},` +
		`{"op":"exists","path":"/none"},{"op":"check","path":"/app","version":0},{"op":"delete","path":"/app","recursive":true}]`
	tryAll(t, []verbCase{
		{args: "txn", in: reads, out: `create /new version 0\nget /new "\\xff"\nchildren /app "x" "y"\nexists /none false\ncheck /app version 0\ndelete /app 3\n`, at: "/app=(none)"},
		{args: "txn -", in: `{"ops":` + reads + `}`, out: "(.*\n){6}", at: "/new=\xff"},
		{args: "txn --json", in: reads, out: `{"zxid":4,"results":\[{"op":"create","path":"/new","stat":{.*},{"op":"delete",.*"deleted":3}\]}\n`, at: "/new=\xff"},
		{args: "txn @" + file, out: "set /app version 1\n", at: "/app=two"},
		{args: `txn [{"op":"set","path":"/app","data":"two"},{"op":"delete","path":"/none"}]`, exit: exitNotFound,
			err: "holt txn: /none: op 1: there is no znode at /none (no_node)", at: "/app=one"},
		{args: `txn [{"op":"check","path":"/app","version":3}]`, exit: exitPrecondition, err: "op 0: ", at: "/app=one"},
		{args: `txn [{"op":"set","path":"/app"}]`, exit: exitUsage, err: "op 0: a set has data", at: "/app=one"},
		{args: `txn [{"op":"set","path":"/app","dat":"x"}]`, exit: exitUsage, err: "unknown field", at: "/app=one"},
		{args: `txn [{"op":"set","path":"/app","data":"x","version":null}]`, exit: exitUsage, err: "null means nothing", at: "/app=one"},
		{args: `txn [{"op":"set","path":"/app","data":"x","path":"/app/x"}]`, exit: exitUsage, err: "twice", at: "/app=one"},
		{args: `txn [{"op":"set","path":"/app","data":"\ud800"}]`, exit: exitUsage, err: "half a character", at: "/app=one"},
		{args: `txn [{"op":"set","path":"/app","data":"x","version":"0"}]`, exit: exitUsage, err: "version cannot be string;", at: "/app=one"},
		{args: `txn "x"`, exit: exitUsage, err: "cannot be string;"},
		{args: `txn []`, exit: exitUsage, err: "at least one op"},
		{args: `txn {}`, exit: exitUsage, err: "at least one op"},
		{args: `txn [{"op":"set","path":"/app","data":"x"}]x`, exit: exitUsage, err: "something follows", at: "/app=one"},
		{args: "txn", exit: exitUsage, err: "empty"},
		{args: "txn", in: "<html>", exit: exitUsage, err: "not the JSON"},
		{args: "txn [] --keyless --idempotency-key=k", exit: exitUsage, err: "together"},
		{args: "txn @/no/such/file", exit: exitFailed, err: "no such file"},
		{args: "txn", in: strings.Repeat(" ", maxInput+1), exit: exitRefused, err: "(too_large)"},
	})
}

// What is read beside a write has little room, unless there is no key.
func TestTxnThatReadsMuch(t *testing.T) {
	s := serve(t)
	s.Apply(znode.PutOp(znode.MustPath("/app"), strings.Repeat("x", 100_000)))
	ops := `[{"op":"get","path":"/app"},{"op":"delete","path":"/app/x"}]`
	if exit, _, err := holt(t.Context(), ops, "txn"); exit != exitRefused || !strings.Contains(err, "(too_large); read less at once, or with --keyless") {
		t.Errorf("exit %d, said %q", exit, err)
	}
	if exit, out, err := holt(t.Context(), ops, "txn", "--keyless"); exit != exitDone || len(out) < 100_000 {
		t.Errorf("without a key: exit %d, said %q", exit, err)
	}
	if exit, out, err := holt(t.Context(), `[{"op":"get","path":"/app"}]`, "txn"); exit != exitDone || len(out) < 100_000 {
		t.Errorf("reads alone: exit %d, said %q", exit, err)
	}
}

// plant makes a tree below /big: folders of one znode with so many children each, and a deep one.
func plant(s *clienttest.Server, folders, children int) (znodes int64) {
	s.Apply(znode.CreateOp(znode.MustPath("/big"), "", znode.Persistent))
	make := func(path string) znode.Op {
		znodes++
		return znode.CreateOp(znode.MustPath(path), "", znode.Persistent)
	}
	for f := range folders {
		ops := []znode.Op{make(fmt.Sprintf("/big/%03d", f))}
		for c := range children {
			ops = append(ops, make(fmt.Sprintf("/big/%03d/%04d", f, c)))
		}
		s.Apply(ops...)
	}
	s.Apply(make("/big/000/0000/a"), make("/big/000/0000/a/b"), make("/big/000/0000/a/b/c"))
	return znodes + 1
}

// What is too much for one transaction is refused with its number, and goes in steps.
func TestRmInSteps(t *testing.T) {
	for _, c := range []struct{ folders, children int }{{13, 1000}, {2, 10_900}, {600, 20}} {
		s := serve(t)
		n := plantAll(s, c.folders, c.children)
		exit, _, err := holt(t.Context(), "", "rm", "-r", "/big")
		if exit != exitRefused || !strings.Contains(err, fmt.Sprintf("at most %d znodes", znode.MaxTreeDelete)) ||
			!strings.Contains(err, fmt.Sprintf(" %d (too_large); ", n)) || !strings.Contains(err, "--batch") {
			t.Errorf("%+v: exit %d, said %q", c, exit, err)
		}
		exit, out, err := holt(t.Context(), "", "rm", "-r", "--batch", "--json", "/big")
		var did pruned
		if jerr := json.Unmarshal([]byte(out), &did); jerr != nil || exit != exitDone || did.Deleted != n || did.Zxid != uint64(s.State().Zxid) {
			t.Errorf("%+v: exit %d, printed %q, said %q; want %d deleted", c, exit, out, err, n)
		}
		if did.Transactions > 60 || dataAt(s, "/big") != "(none)" || dataAt(s, "/app/x") != "é" {
			t.Errorf("%+v: %d transactions, %q at /big", c, did.Transactions, dataAt(s, "/big"))
		}
	}
}

// plantAll is plant with any number of children.
func plantAll(s *clienttest.Server, folders, children int) int64 {
	n := plant(s, folders, min(children, 1000))
	for at := 1000; at < children; at += 1000 {
		for f := range folders {
			var ops []znode.Op
			for c := at; c < min(children, at+1000); c++ {
				ops = append(ops, znode.CreateOp(znode.MustPath(fmt.Sprintf("/big/%03d/%04d", f, c)), "", znode.Persistent))
			}
			s.Apply(ops...)
			n += int64(len(ops))
		}
	}
	return n
}

// Others may delete and make znodes meanwhile.
func TestRmInStepsWhileOthersWrite(t *testing.T) {
	s := serve(t)
	plantAll(s, 12, 1000)
	steps := 0
	s.Before(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/txn" {
			return
		}
		steps++
		tree := s.State().Tree
		gone, grown := znode.MustPath(fmt.Sprintf("/big/%03d/0500", steps%12)), znode.MustPath("/big/011")
		switch {
		case steps%2 == 0 && tree.Get(gone) != nil:
			s.Apply(znode.DeleteOp(gone))
		case steps < 20 && tree.Get(grown) != nil:
			s.Apply(znode.CreateOp(znode.MustPath(fmt.Sprintf("/big/011/new-%d", steps)), "", znode.Persistent))
		}
		if first := znode.MustPath("/big/005"); steps == 4 && tree.Get(first) != nil {
			op := znode.DeleteOp(first)
			op.Recursive = true
			s.Apply(op)
		}
	})
	if exit, _, err := holt(t.Context(), "", "rm", "-r", "--batch", "/big"); exit != exitDone || dataAt(s, "/big") != "(none)" || steps < 5 {
		t.Errorf("exit %d, said %q, %q at /big, %d steps", exit, err, dataAt(s, "/big"), steps)
	}
}

// Broken off, it says how far it came; what it has no time for is left.
func TestRmInStepsThatBreaksOff(t *testing.T) {
	s := serve(t)
	n := plantAll(s, 13, 1000)
	s.Before(func(http.ResponseWriter, *http.Request) {
		if have := s.State().Tree.Len(); have < int(n) {
			s.Node.Fail(apitest.Faults{Propose: command.ErrNoLeader})
		}
	})
	exit, _, err := holt(t.Context(), "", "rm", "-r", "--batch", "/big", "--timeout=500ms")
	if exit != exitUnreachable || !regexp.MustCompile(`^holt rm: \d+ znodes were deleted, the rest is left: run it again\nholt rm: .*\(no_leader\)`).MatchString(err) {
		t.Errorf("exit %d, said %q", exit, err)
	}
	if dataAt(s, "/big") == "(none)" || bytes.Contains([]byte(err), []byte(" 0 znodes")) {
		t.Error("it did not break off in the middle")
	}
}
