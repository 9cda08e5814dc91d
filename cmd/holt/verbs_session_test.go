package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// alive is the sessions that are, a line each.
func alive(t *testing.T) []string {
	t.Helper()
	exit, out, err := holt(t.Context(), "", "session", "ls")
	if exit != exitDone {
		t.Fatalf("exit %d, %q", exit, err)
	}
	return strings.Fields(strings.ReplaceAll(out, " ", "_"))
}

// A session's life, each step by the id that the first printed.
func TestSessionByHand(t *testing.T) {
	s := serve(t)
	exit, id, err := holt(t.Context(), "", "session", "open", "--session-timeout", "10s")
	if exit != exitDone || !regexp.MustCompile(`^[0-9a-f]{32}\n$`).MatchString(id) {
		t.Fatalf("exit %d, %q, %q", exit, id, err)
	}
	t.Setenv("HOLT_SESSION", strings.TrimSpace(id))
	for _, c := range []verbCase{
		{args: "session keepalive", out: `expires in 10s, renew in \d.*s\n`},
		{args: "session keepalive --json", out: `{"id":"[0-9a-f]{32}","timeout_ms":10000,.*}\n`},
		{args: "session keepalive " + strings.Repeat("0", 32), exit: exitRefused, out: "over: unknown\n", err: "(session_expired)"},
		{args: "create /mine --ephemeral", out: "/mine\n", at: "/mine="},
		{args: "create /mine/x", exit: exitRefused, err: "(no_children_for_ephemerals)"},
		{args: "set /mine two", at: "/mine=two"},
		{args: "get /mine", out: "two"},
		{args: "session ls", out: `s4 +10.0s +10.0s  1970-.*Z\n`},
		{args: "session ls --json", out: `{"owner":"s4","timeout_ms":10000,.*}\n`},
		{args: "session show", out: `owner +s4\ntimeout +10.0s\nexpires_in +10.0s\nopened +1970-.*\nephemeral +/mine\n`},
		{args: "session show s4 --json", out: `{"owner":"s4",.*"ephemerals":\["/mine"\],"watches":\[\]}\n`},
		{args: "session close s4", exit: exitUsage, err: "kill", at: "/mine=two"},
		{args: "session close", at: "/mine=(none)"},
		{args: "session close"}, // it is closed
		{args: "session kill s4", exit: exitRefused, err: "the session was closed (session_expired)"},
		{args: "session keepalive", exit: exitRefused, out: "over: closed\n", err: "(session_expired)"},
		{args: "session show", exit: exitRefused, err: "(session_expired)"},
		{args: "create /mine --ephemeral", exit: exitRefused, err: "(session_expired)", at: "/mine=(none)"},
		{args: "set /app two", exit: exitRefused, err: "(session_expired)", at: "/app=one"},
		{args: "rm /app/x", exit: exitRefused, err: "(session_expired)", at: "/app/x=é"},
		{args: "rm /app/x --session=", at: "/app/x=(none)"},
		{args: "session ls"},
	} {
		exit, out, err := holt(t.Context(), "", strings.Fields(c.args)...)
		if exit != c.exit || !regexp.MustCompile(`\A(?:`+c.out+`)\z`).MatchString(out) || !strings.Contains(err, c.err) || c.err == "" && err != "" {
			t.Errorf("%s: exit %d, printed %q, said %q", c.args, exit, out, err)
		}
		if path, data, ok := strings.Cut(c.at, "="); ok && dataAt(s, path) != data {
			t.Errorf("%s: at %s is %q, want %q", c.args, path, dataAt(s, path), data)
		}
		if strings.Contains(err, strings.TrimSpace(id)) {
			t.Errorf("%s gives the id away: %q", c.args, err)
		}
	}
}

func TestSessionMistakes(t *testing.T) {
	tryAll(t, []verbCase{
		{args: "session keepalive", exit: exitUsage, err: "HOLT_SESSION"},
		{args: "session close", exit: exitUsage, err: "HOLT_SESSION"},
		{args: "session show", exit: exitUsage, err: "HOLT_SESSION"},
		{args: "session kill 0123", exit: exitUsage, err: "say close; see holt session kill --help"},
		{args: "session close 0123", exit: exitUsage, err: "(bad_arguments)"},
		{args: "session open --session-timeout=-1s", exit: exitUsage, err: "--session-timeout"},
		{args: "create /a --session 0123", exit: exitUsage, err: "(bad_arguments)", at: "/a=(none)"},
		{args: "create /a --session-timeout 10s", exit: exitUsage, err: "--ephemeral", at: "/a=(none)"},
		{args: "session kill s1", exit: exitRefused, err: "(session_expired)"},
	})
}

// create --ephemeral prints the path at once and holds the znode until it is interrupted, which closes the session.
func TestCreateEphemeralHolds(t *testing.T) {
	s := serve(t)
	c := start(t, "create", "--ephemeral", "--sequential", "/app/e-", "me")
	c.until("/app/e-0000000002\n")
	if dataAt(s, "/app/e-0000000002") != "me" || len(alive(t)) != 1 {
		t.Error("it is not there")
	}
	if exit := c.interrupt(); exit != exitDone || dataAt(s, "/app/e-0000000002") != "(none)" || len(alive(t)) != 0 {
		t.Errorf("exit %d, %q; at the path is %q", exit, c.err.String(), dataAt(s, "/app/e-0000000002"))
	}
}

// A session that an operator ends while it is held ends the command.
func TestCreateEphemeralIsLost(t *testing.T) {
	for _, args := range []string{"create --ephemeral /app/e --session-timeout 2s", "session open --keep --session-timeout 2s"} {
		s := serve(t)
		c := start(t, strings.Fields(args)...)
		c.until("\n")
		s.Apply(znode.KillSessionOp(znode.Owner(4)))
		if exit := c.ends(); exit != exitRefused || !strings.Contains(c.err.String(), "the session was ended by an operator (session_expired)") {
			t.Errorf("%s: exit %d, %q", args, exit, c.err.String())
		}
	}
}

// Without an answer for the whole timeout the session is lost, too.
func TestCreateEphemeralWithoutServers(t *testing.T) {
	s := serve(t)
	c := start(t, "create", "--ephemeral", "/app/e", "--session-timeout", "2s", "--json")
	c.until("\n")
	s.Before(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"code":"`+string(wire.NoLeader)+`"}`)
	})
	if exit := c.ends(); exit != exitRefused || !strings.Contains(c.err.String(), `"code":"session_expired"`) {
		t.Errorf("exit %d, %q", exit, c.err.String())
	}
}

// What cannot be made leaves no session behind.
func TestCreateEphemeralRefused(t *testing.T) {
	serve(t)
	exit, out, err := holt(t.Context(), "", "create", "--ephemeral", "/app")
	if exit != exitPrecondition || out != "" || !strings.Contains(err, "(node_exists)") || len(alive(t)) != 0 {
		t.Errorf("exit %d, %q, %q, sessions %q", exit, out, err, alive(t))
	}
}

// session open --keep renews it and closes it in the end.
func TestSessionOpenKeep(t *testing.T) {
	serve(t)
	c := start(t, "session", "open", "--keep", "--session-timeout", "2s", "--json")
	c.until(`"owner":"s4"`)
	if len(alive(t)) != 1 {
		t.Error("there is none")
	}
	if exit := c.interrupt(); exit != exitDone || len(alive(t)) != 0 {
		t.Errorf("exit %d, %q", exit, c.err.String())
	}
}
