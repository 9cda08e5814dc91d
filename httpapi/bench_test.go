package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/httpapi/metrics"
	"holt/raftfsm/znode"
)

// instant is a Proposer that has the result before it is asked.
type instant struct{ res *znode.Result }

func (p instant) Propose(context.Context, *znode.Txn) (*znode.Result, error) { return p.res, nil }

// benchHandlers are the API over an instant Proposer and what it is compared with: a bare handler that answers as much.
func benchHandlers(b *testing.B) (api, bare http.Handler) {
	n := apitest.NewNode()
	path := znode.MustPath("/app/config")
	for _, op := range []znode.Op{
		znode.PutOp(path.Parent(), ""), znode.PutOp(path, strings.Repeat("x", 256)), znode.PutOp(path, strings.Repeat("x", 256)),
	} {
		if _, err := n.Propose(b.Context(), &znode.Txn{Ops: []znode.Op{op}}); err != nil {
			b.Fatal(err)
		}
	}
	s, err := n.State()
	if err != nil {
		b.Fatal(err)
	}
	m, err := metrics.New(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	a, err := httpapi.New(httpapi.Config{
		Proposer: instant{&znode.Result{Zxid: s.Zxid, Failed: -1, Ops: []znode.OpResult{{Node: s.Tree.Get(path)}}}},
		Reader:   n, Cluster: n, Logger: slog.New(slog.DiscardHandler), Metrics: m,
	})
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Repeat("x", 256)
	bare = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			if _, err := io.ReadAll(r.Body); err != nil {
				b.Error(err)
			}
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	})
	return a.Handler(), bare
}

var benchRequests = []struct{ name, raw string }{
	{"GET_raw", "GET /v1/znodes/app/config HTTP/1.1\r\nHost: 127.0.0.1:7070\r\n\r\n"},
	{"GET_json", "GET /v1/znodes/app/config HTTP/1.1\r\nHost: 127.0.0.1:7070\r\nAccept: application/json\r\n\r\n"},
	{"PUT", "PUT /v1/znodes/app/config HTTP/1.1\r\nHost: 127.0.0.1:7070\r\nContent-Length: 256\r\n\r\n" + strings.Repeat("x", 256)},
}

// BenchmarkLoopback answers one client on one real connection: what is above bare is what the API costs.
func BenchmarkLoopback(b *testing.B) {
	api, bare := benchHandlers(b)
	for _, req := range benchRequests {
		for _, h := range []struct {
			name string
			http.Handler
		}{{"bare", bare}, {"api", api}} {
			b.Run(req.name+"/"+h.name, func(b *testing.B) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				s := httpapi.NewServer("", h, slog.New(slog.DiscardHandler))
				go func() { _ = s.Serve(l) }()
				defer s.Close()
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				in := bufio.NewReader(c)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := io.WriteString(c, req.raw); err != nil {
						b.Fatal(err)
					}
					skipAnswer(b, in)
				}
			})
		}
	}
}

// skipAnswer reads one answer, as cheaply as can be.
func skipAnswer(b *testing.B, in *bufio.Reader) {
	size := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if first && line[9] != '2' {
			b.Fatalf("answer %q", line)
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if size, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				b.Fatal(err)
			}
		}
		if len(line) == 2 {
			break
		}
	}
	if _, err := in.Discard(size); err != nil {
		b.Fatal(err)
	}
}

// null is a ResponseWriter that keeps nothing but the header, like net/http's new for each request.
type null struct{ h http.Header }

func (n *null) Header() http.Header               { return n.h }
func (n *null) WriteHeader(int)                   {}
func (n *null) Write(b []byte) (int, error)       { return len(b), nil }
func (n *null) WriteString(s string) (int, error) { return len(s), nil }

// BenchmarkInProcess is the handler alone.
func BenchmarkInProcess(b *testing.B) {
	api, bare := benchHandlers(b)
	for _, req := range benchRequests {
		for _, h := range []struct {
			name string
			http.Handler
		}{{"bare", bare}, {"api", api}} {
			b.Run(req.name+"/"+h.name, func(b *testing.B) {
				method, _, _ := strings.Cut(req.raw, " ")
				r := httptest.NewRequest(method, "/v1/znodes/app/config", nil)
				r.Host = "127.0.0.1:7070"
				if req.name == "GET_json" {
					r.Header.Set("Accept", "application/json")
				}
				body := strings.Repeat("x", 256)
				in := strings.NewReader(body)
				if method == http.MethodPut {
					r.Body, r.ContentLength = io.NopCloser(in), int64(len(body))
				}
				b.ReportAllocs()
				for b.Loop() {
					in.Reset(body)
					h.ServeHTTP(&null{http.Header{}}, r)
				}
			})
		}
	}
}
