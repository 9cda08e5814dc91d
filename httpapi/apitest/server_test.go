package apitest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"go.uber.org/goleak"

	"holt/httpapi"
	"holt/httpapi/wire"
)

func TestMain(m *testing.M) {
	for _, media := range []string{"application/x-ndjson", "text/event-stream", "text/html", "text/javascript", "text/css", "image/svg+xml"} { // which to kin-openapi are text
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.RegisteredBodyDecoder("text/plain"))
	}
	goleak.VerifyTestMain(m)
}

// hang is when a test that waits for the server fails, and not the whole run. It bounds whole streams, of many thousand lines on a slow
// machine, too.
const hang = 5 * time.Minute

// server is the API over a Node, listening on a real socket.
type server struct {
	*Node
	t      *testing.T
	addr   string
	api    *httpapi.API
	client *http.Client // checks the contract
	log    *safeBuffer
}

// safeBuffer is a log that tests read while it is written.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start starts a server, with a Config that the caller may change.
func start(t *testing.T, change ...func(*httpapi.Config)) *server {
	t.Helper()
	s := &server{Node: NewNode(), t: t, log: &safeBuffer{}}
	cfg := httpapi.Config{Proposer: s.Node, Reader: s.Node, Cluster: s.Node, Sessions: s.Node, Hub: s.Hub, Restore: s.Restore, Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	for _, f := range change {
		f(&cfg)
	}
	api, err := httpapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	srv := httpapi.NewServer(s.addr, api.Handler(), cfg.Logger)
	served := make(chan struct{})
	go func() { _ = srv.Serve(l); close(served) }()
	transport := &http.Transport{DisableCompression: true}
	s.api = api
	s.client = &http.Client{
		Timeout:       hang,
		Transport:     newContract(t, transport),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		s.Fail(Faults{})
		transport.CloseIdleConnections()
		_ = srv.Close()
		<-served
		s.Node.Close()
	})
	return s
}

// answer is what came back.
type answer struct {
	t       *testing.T
	request string
	status  int
	header  http.Header
	body    string
}

// do sends a request written as "METHOD /path", header lines and, after an empty line, a body.
func (s *server) do(request string) answer {
	s.t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, "http://"+s.addr+target, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Fatalf("%s: %v", lines[0], err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{s.t, lines[0], res.StatusCode, res.Header, string(b)}
}

// is checks the status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.request, a.status, status, a.body)
	}
	return a
}

// has checks a header.
func (a answer) has(name, value string) answer {
	a.t.Helper()
	if got := a.header.Get(name); got != value {
		a.t.Errorf("%s: %s is %q, want %q", a.request, name, got, value)
	}
	return a
}

// says checks the whole body.
func (a answer) says(body string) answer {
	a.t.Helper()
	if a.body != body {
		a.t.Errorf("%s: body %.300q, want %.300q", a.request, a.body, body)
	}
	return a
}

// fails checks that it is a problem of that status and code.
func (a answer) fails(status int, code wire.Code) wire.Problem {
	a.t.Helper()
	a.is(status)
	var p wire.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		a.t.Fatalf("%s: no problem: %v: %s", a.request, err, a.body)
	}
	if p.Code != code || p.Status != status {
		a.t.Errorf("%s: problem %s with status %d, want %s with %d: %s", a.request, p.Code, p.Status, code, status, p.Detail)
	}
	return p
}

// read decodes the body.
func read[T any](a answer) (v T) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.request, err, a.body)
	}
	return v
}

// bytes is the state, to compare.
func (s *server) bytes() string {
	s.t.Helper()
	b, err := s.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come about that ", what)
		}
	}
}
