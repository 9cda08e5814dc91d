package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
	"holt/httpapi/wire"
)

// script is a network in memory: host a, b or c answers its next step, the last one for ever.
type script struct {
	steps map[string][]step
	asked []string // the hosts, in order
	keys  []string // the Idempotency-Key of each
}

type step struct {
	status int
	code   wire.Code
	again  bool   // Idempotent-Replayed
	after  string // Retry-After
	err    error
	hang   bool
	slow   time.Duration // before the answer
}

var errDial = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
var errReset = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked, s.keys = append(s.asked, r.URL.Host), append(s.keys, r.Header.Get("Idempotency-Key"))
	steps := s.steps[r.URL.Host]
	now := steps[0]
	if len(steps) > 1 {
		s.steps[r.URL.Host] = steps[1:]
	}
	if now.hang || now.slow > 0 {
		end := make(<-chan time.Time)
		if now.slow > 0 {
			end = time.After(now.slow)
		}
		select {
		case <-end:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if now.err != nil {
		return nil, now.err
	}
	body, _ := json.Marshal(wire.Written{Path: "/a"})
	h := http.Header{"Holt-Zxid": {"7"}}
	if now.again {
		h.Set("Idempotent-Replayed", "true")
	}
	if now.after != "" {
		h.Set("Retry-After", now.after)
	}
	for _, n := range strings.Fields("Version Cversion Aversion Czxid Mzxid Pzxid Ctime Mtime Data-Length Num-Children") {
		h.Set("Znode-"+n, "1")
	}
	if now.code != "" {
		body, _ = json.Marshal(wire.Problem{Status: now.status, Code: now.code})
	} else if now.status >= 300 {
		body = []byte("<html>")
	}
	return &http.Response{StatusCode: now.status, Header: h, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: r}, nil
}

// Reads, and writes without a key.
func TestWhereACallGoesOn(t *testing.T) {
	ok := []step{{status: 200}}
	problem := func(status int, code wire.Code) []step { return []step{{status: status, code: code}} }
	fails := func(err error) []step { return []step{{err: err}} }
	for _, c := range []struct {
		name  string
		a, b  []step
		asked string      // hosts, of a read
		read  client.Code // "" is success
		write client.Code
		stays bool // a write is not sent to b
	}{
		{name: "well", a: ok, b: ok, asked: "a", stays: true},
		{name: "no connection", a: fails(errDial), b: ok, asked: "ab"},
		{name: "broken after sending", a: fails(errReset), b: ok, asked: "ab", write: client.ErrUnknown, stays: true},
		{name: "no leader", a: problem(503, wire.NoLeader), b: ok, asked: "ab"},
		{name: "behind", a: problem(503, wire.Behind), b: ok, asked: "ab"},
		{name: "shutting down", a: problem(503, wire.ShuttingDown), b: ok, asked: "ab"},
		{name: "throttled", a: problem(429, wire.Throttled), b: ok, asked: "ab"},
		{name: "wrong host", a: problem(421, wire.WrongHost), b: ok, asked: "ab"},
		{name: "a gateway's 503", a: []step{{status: 503}}, b: ok, asked: "ab", write: client.ErrUnknown, stays: true},
		{name: "a gateway's 502", a: []step{{status: 502}}, b: ok, asked: "ab", write: client.ErrUnknown, stays: true},
		{name: "unknown", a: problem(504, wire.OutcomeUnknown), b: ok, asked: "ab", write: client.ErrUnknown, stays: true},
		{name: "internal", a: problem(500, wire.Internal), b: ok, asked: "a", read: client.Internal, write: client.ErrUnknown, stays: true},
		{name: "not found", a: problem(404, wire.NoNode), b: ok, asked: "a", read: client.NoNode, write: client.NoNode, stays: true},
		{name: "too large", a: problem(413, wire.TooLarge), b: ok, asked: "a", read: client.TooLarge, write: client.TooLarge, stays: true},
		{name: "disk full", a: problem(507, wire.DiskFull), b: ok, asked: "a", read: client.DiskFull, write: client.DiskFull, stays: true},
		{name: "wrong host everywhere", a: problem(421, wire.WrongHost), b: problem(421, wire.WrongHost), asked: "ab",
			read: client.WrongHost, write: client.WrongHost},
	} {
		for _, write := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/write=%v", c.name, write), func(t *testing.T) {
				net := &script{steps: map[string][]step{"a": c.a, "b": c.b}}
				cl := connect(t, client.Config{Endpoints: []string{"a", "b"}, HTTP: &http.Client{Transport: net}})
				want, asked := c.read, c.asked
				_, err := cl.Get(t.Context(), "/a", client.Local)
				if write {
					net.steps, net.asked = map[string][]step{"a": c.a, "b": c.b}, nil
					cl = connect(t, client.Config{Endpoints: []string{"a", "b"}, HTTP: &http.Client{Transport: net}})
					if want, asked = c.write, "ab"; c.stays {
						asked = "a"
					}
					_, err = cl.Keyless().Put(t.Context(), "/a", nil, client.Version(3))
				}
				if client.CodeOf(err) != want || (err == nil) != (want == "") {
					t.Errorf("error %v, want %q", err, want)
				}
				if got := strings.Join(net.asked, ""); got != asked {
					t.Errorf("asked %s, want %s", got, asked)
				}
			})
		}
	}
}

// Where nobody can answer, the client goes round with growing pauses until its time is up, or a member is back.
func TestPausesAndTimeouts(t *testing.T) {
	noLeader := step{status: 503, code: wire.NoLeader}
	for _, c := range []struct {
		name         string
		cfg          client.Config
		steps        []step
		want         client.Code
		least, most  time.Duration
		asked, under int // requests: at least, at most
	}{
		{"an election", client.Config{}, []step{noLeader, noLeader, noLeader, {status: 200}}, "", 150 * time.Millisecond, 400 * time.Millisecond, 4, 4},
		{"Retry-After is kept", client.Config{}, []step{{status: 503, code: wire.NoLeader, after: "3"}, {status: 200}}, "", 3 * time.Second, 3 * time.Second, 2, 2},
		{"a Retry-After beyond the end", client.Config{}, []step{{status: 503, code: wire.NoLeader, after: "60"}}, client.NoLeader, 0, 0, 1, 1},
		{"never a leader", client.Config{}, []step{noLeader}, client.NoLeader, 4 * time.Second, 5 * time.Second, 6, 20},
		{"never a connection", client.Config{}, []step{{err: errDial}}, client.Unreachable, 4 * time.Second, 5 * time.Second, 6, 20},
		{"never a connection, told to give up early", client.Config{Unreachable: time.Second}, []step{{err: errDial}}, client.Unreachable, time.Second, 2 * time.Second, 4, 10},
		{"early is not for members that answer", client.Config{Unreachable: time.Second}, []step{noLeader}, client.NoLeader, 4 * time.Second, 5 * time.Second, 6, 20},
		{"a slow member", client.Config{}, []step{{hang: true}, {status: 200}}, "", 2500 * time.Millisecond, 2600 * time.Millisecond, 2, 2},
		{"a hanging member", client.Config{}, []step{{hang: true}}, client.Unreachable, 5 * time.Second, 5 * time.Second, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := &script{steps: map[string][]step{"a": c.steps}}
				c.cfg.Endpoints, c.cfg.HTTP, c.cfg.Timeout = []string{"a"}, &http.Client{Transport: net}, 5*time.Second
				began := time.Now()
				_, err := connect(t, c.cfg).Get(t.Context(), "/a", client.Linearizable)
				took := time.Since(began)
				if client.CodeOf(err) != c.want || (err == nil) != (c.want == "") {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if took < c.least || took > c.most {
					t.Errorf("took %v, want %v to %v", took, c.least, c.most)
				}
				if n := len(net.asked); n < c.asked || n > c.under {
					t.Errorf("asked %d times, want %d to %d", n, c.asked, c.under)
				}
			})
		})
	}
}

// A write without a key that hangs ends as unknown when time is up, and nobody else is asked.
func TestHangingKeylessWriteIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &script{steps: map[string][]step{"a": {{hang: true}}, "b": {{status: 200}}}}
		c := connect(t, client.Config{Endpoints: []string{"a", "b"}, HTTP: &http.Client{Transport: net}, Timeout: 5 * time.Second})
		_, err := c.Keyless().Put(t.Context(), "/a", nil, client.CreateOnly())
		if !errors.Is(err, client.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(net.asked, []string{"a"}) {
			t.Errorf("error %v, asked %v", err, net.asked)
		}
	})
}

// A member that takes long to say that there is no leader is not asked again with too little time left to hear it: the
// write was not done, and that stays the answer.
func TestNotDoneStaysNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &script{steps: map[string][]step{"a": {{status: 503, code: wire.NoLeader, slow: 3 * time.Second}}}}
		c := connect(t, client.Config{Endpoints: []string{"a"}, HTTP: &http.Client{Transport: net}, Timeout: 5 * time.Second})
		_, err := c.Put(t.Context(), "/a", nil, client.Any())
		if !errors.Is(err, client.NoLeader) || len(net.asked) != 1 {
			t.Errorf("error %v, asked %v", err, net.asked)
		}
	})
}

// A context that is over before anything was sent leaves no doubt: nothing was done.
func TestCancelledBeforeSending(t *testing.T) {
	net := &script{steps: map[string][]step{"a": {{status: 200}}}}
	c := connect(t, client.Config{Endpoints: []string{"a"}, HTTP: &http.Client{Transport: net}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Put(ctx, "/a", nil, client.Any())
	if errors.Is(err, client.ErrUnknown) || !errors.Is(err, context.Canceled) || net.asked != nil {
		t.Errorf("error %v, asked %v", err, net.asked)
	}
}

// The member that answered is asked first the next time.
func TestStaysWithTheMemberThatAnswered(t *testing.T) {
	net := &script{steps: map[string][]step{"a": {{err: errDial}}, "b": {{status: 200}}}}
	c := connect(t, client.Config{Endpoints: []string{"a", "b"}, HTTP: &http.Client{Transport: net}})
	for range 3 {
		if _, err := c.Get(t.Context(), "/a", client.Local); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"a", "b", "b", "b"}; !slices.Equal(net.asked, want) {
		t.Errorf("asked %v, want %v", net.asked, want)
	}
}

// The same over real connections: a member that is gone, one that breaks off after it did the write.
func TestRealConnections(t *testing.T) {
	gone, up := clienttest.New(), clienttest.New()
	gone.Close()
	defer up.Close()
	c := connect(t, client.Config{Endpoints: []string{gone.URL, up.URL}, Timeout: 5 * time.Second})
	if _, err := c.Put(t.Context(), "/a", []byte("x"), client.CreateOnly()); err != nil {
		t.Fatalf("Put with one member gone: %v", err)
	}

	before := len(up.Requests())
	up.Before(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	if _, err := c.Keyless().Put(t.Context(), "/a", []byte("y"), client.Any()); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("Put that broke off: %v", err)
	}
	if n := len(up.Requests()) - before; n != 1 {
		t.Errorf("it was sent %d times", n)
	}

	up.Before(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("half a snap"))
	})
	if _, err := c.Snapshot(t.Context(), io.Discard); err == nil {
		t.Error("half a snapshot was taken for a whole one")
	}
}
