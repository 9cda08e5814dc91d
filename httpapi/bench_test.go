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

func (p instant) ProposeAll(context.Context, []znode.Txn) ([]*znode.Result, error) {
	return []*znode.Result{p.res}, nil
}

// named is a handler with what to call it.
type named struct {
	name string
	http.Handler
}

// benchHandlers are what is compared: a bare handler that answers as much data, one that sends as many headers as the
// contract asks for besides, and the API over an instant Proposer.
func benchHandlers(b *testing.B) []named {
	n := apitest.NewNode()
	b.Cleanup(n.Close)
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
		Reader:   n, Cluster: n, Sessions: n, Hub: n.Hub, Logger: slog.New(slog.DiscardHandler), Metrics: m,
	})
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Repeat("x", 256)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			if _, err := io.ReadAll(r.Body); err != nil {
				b.Error(err)
			}
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	})
	return []named{{"bare", bare}, {"headers", withHeaders(bare)}, {"api", a.Handler()}}
}

// withHeaders adds the headers of an answer about a znode, at the least cost that is possible with net/http.
func withHeaders(next http.Handler) http.Handler {
	names := []string{"Holt-Zxid", "Etag", "Cache-Control", "X-Content-Type-Options", "Content-Security-Policy"}
	for _, n := range []string{"Version", "Cversion", "Aversion", "Czxid", "Mzxid", "Pzxid", "Ctime", "Mtime", "Data-Length", "Num-Children", "Ephemeral-Owner"} {
		names = append(names, "Znode-"+n)
	}
	value := []string{"1234567890"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, n := range names {
			h[n] = value
		}
		next.ServeHTTP(w, r)
	})
}

var benchRequests = []struct{ name, raw string }{
	{"GET_raw", "GET /v1/znodes/app/config HTTP/1.1\r\nHost: 127.0.0.1:7070\r\n\r\n"},
	{"GET_json", "GET /v1/znodes/app/config HTTP/1.1\r\nHost: 127.0.0.1:7070\r\nAccept: application/json\r\n\r\n"},
	{"PUT", "PUT /v1/znodes/app/config HTTP/1.1\r\nHost: 127.0.0.1:7070\r\nContent-Length: 256\r\n\r\n" + strings.Repeat("x", 256)},
}

// BenchmarkLoopback answers one client on one real connection: what is above bare is what the API costs.
func BenchmarkLoopback(b *testing.B) {
	handlers := benchHandlers(b)
	for _, req := range benchRequests {
		for _, h := range handlers {
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
	handlers := benchHandlers(b)
	for _, req := range benchRequests {
		for _, h := range handlers {
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
