// Package clienttest is a server for the tests of programs that use the client: the HTTP interface itself on a member
// in memory, a record of the requests, and a hook to make it fail in ways a member does not. It replicates nothing.
package clienttest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/raftfsm/znode"
)

// Server is a cluster of one.
type Server struct {
	*httptest.Server
	Node *apitest.Node // can be told to fail in the ways a member does
	api  http.Handler
	end  func() // ends the streams

	mu       sync.Mutex // guards the fields below
	before   http.Handler
	losing   int
	requests []*http.Request
}

// New starts a server with nothing but the root. Close stops it.
func New() *Server {
	n := apitest.NewNode()
	api, err := httpapi.New(httpapi.Config{
		Proposer: n, Reader: n, Cluster: n, Sessions: n, Hub: n.Hub, Logger: slog.New(slog.DiscardHandler),
		Restore: n.Restore,
	})
	if err != nil {
		panic(err) // the configuration above is wrong
	}
	s := &Server{Node: n, api: api.Handler(), end: api.EndStreams}
	s.Server = httptest.NewServer(s)
	return s
}

// Close stops it. Streams are told to end, or it would wait for them.
func (s *Server) Close() {
	s.end()
	s.Server.Close()
	s.Node.Close()
}

// Before puts a handler in front of the server: where it writes nothing, the server answers. It may panic with
// http.ErrAbortHandler to break the connection. nil takes it away.
func (s *Server) Before(f http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = nil
	if f != nil {
		s.before = f
	}
}

// Lose has the next n writes carried out and their answers lost, with the connection. What Before set is not asked.
func (s *Server) Lose(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losing = n
}

// Requests are those that came so far; their bodies are gone.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// Apply carries out ops behind the back of every client, and panics if they are refused.
func (s *Server) Apply(ops ...znode.Op) {
	r, err := s.Node.Propose(context.Background(), &znode.Txn{Ops: ops})
	if err != nil || r.Code != znode.OK {
		panic(fmt.Sprintf("ops refused: %+v, %v", r, err))
	}
}

// State is the state as it is now.
func (s *Server) State() *znode.State {
	st, err := s.Node.State()
	if err != nil {
		panic(err)
	}
	return st
}

// ServeHTTP answers as a member does, after what Before set.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	before := s.before
	lose := s.losing > 0 && r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.HasSuffix(r.URL.Path, "/keepalive")
	if lose {
		s.losing--
	}
	s.mu.Unlock()
	if lose {
		s.api.ServeHTTP(&unheard{ResponseWriter: w, header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	if before != nil {
		seen := &answered{ResponseWriter: w}
		if before.ServeHTTP(seen, r); seen.any {
			return
		}
	}
	s.api.ServeHTTP(w, r)
}

// unheard takes an answer that goes nowhere.
type unheard struct {
	http.ResponseWriter
	header http.Header
}

func (w *unheard) Header() http.Header         { return w.header }
func (w *unheard) WriteHeader(int)             {}
func (w *unheard) Write(p []byte) (int, error) { return len(p), nil }

// Unwrap is for http.ResponseController.
func (w *unheard) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answered notes whether anything was written.
type answered struct {
	http.ResponseWriter
	any bool
}

func (w *answered) WriteHeader(status int) {
	w.any = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *answered) Write(p []byte) (int, error) {
	w.any = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *answered) Unwrap() http.ResponseWriter { return w.ResponseWriter }
