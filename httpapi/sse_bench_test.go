package httpapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/r3labs/sse/v2"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

const watched = "/app/config"

// source is a member in memory whose one znode changes.
type source struct {
	*apitest.Node
	b    *testing.B
	path znode.Path
}

func newSource(b *testing.B) *source {
	s := &source{Node: apitest.NewNode(), b: b, path: znode.MustPath(watched)}
	b.Cleanup(s.Close)
	for _, op := range []znode.Op{znode.PutOp(s.path.Parent(), ""), znode.PutOp(s.path, "")} {
		s.propose(op)
	}
	return s
}

func (s *source) propose(op znode.Op) {
	if _, err := s.Propose(context.Background(), &znode.Txn{Ops: []znode.Op{op}}); err != nil {
		s.b.Fatal(err)
	}
}

func (s *source) change() { s.propose(znode.SetOp(s.path, "x")) }

// handler is the API.
func (s *source) handler() http.Handler {
	a, err := httpapi.New(httpapi.Config{
		Proposer: s, Reader: s, Cluster: s, Sessions: s, Hub: s.Hub, Logger: slog.New(slog.DiscardHandler),
		MaxStreams: 100_000,
	})
	if err != nil {
		s.b.Fatal(err)
	}
	s.b.Cleanup(a.EndStreams)
	return a.Handler()
}

// BenchmarkSSE holds the API's streams against the server of r3labs/sse on the same hub, which has one library stream a
// connection, without replay, with its events made once and shared, a ResponseWriter that flushes once for all that are
// ready, and the same write deadlines. "pump" has a goroutine a connection from the hub to the library's stream, which is
// the one its callback OnSubscribe runs in; "direct" has one for all, and so cannot resume, nor be held up by anybody.
//
// An operation is a burst of changes, each told to 1,000 clients over loopback. cpu-ns/event is what the process takes
// without the thread that reads.
func BenchmarkSSE(b *testing.B) {
	const many = 1000
	for _, burst := range []int64{1, 16} {
		for _, server := range []struct {
			name string
			make func(*source) http.Handler
		}{
			{"api", (*source).handler},
			{"r3labs-pump", func(s *source) http.Handler { return newLibrary(s, true) }},
			{"r3labs-direct", func(s *source) http.Handler { return newLibrary(s, false) }},
		} {
			b.Run(server.name+"/burst="+strconv.FormatInt(burst, 10), func(b *testing.B) {
				s := newSource(b)
				h := server.make(s)
				before := memory()
				c := gather(b, h, many, "/v1/watch"+watched)
				idle := memory() - before
				fanOut(b, s, c, many, burst)
				b.ReportMetric(float64(idle)/many, "B/stream")
			})
		}
	}
}

// BenchmarkFanOutHTTP is one change told to 5,000 streams of the API; ns/op is until the last of them has it, best-ms the
// same where nobody else wanted the processors.
func BenchmarkFanOutHTTP(b *testing.B) {
	const many = 5000
	s := newSource(b)
	h := s.handler()
	before := memory()
	c := gather(b, h, many, "/v1/watch"+watched)
	idle := memory() - before
	fanOut(b, s, c, many, 1)
	b.ReportMetric(float64(idle)/many, "B/stream")
}

func fanOut(b *testing.B, s *source, c *crowd, many, burst int64) {
	s.change() // the first time everything grows
	c.await(b, 0, many)
	cpu, best := c.serverCPU(), time.Hour
	for b.Loop() {
		before, begun := c.got.Load(), time.Now()
		for range burst {
			s.change()
		}
		c.await(b, before, many*burst)
		best = min(best, time.Since(begun))
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
	b.ReportMetric(float64(c.serverCPU()-cpu)/float64(int64(b.N)*many*burst), "cpu-ns/event")
}

// library serves the hub's messages with r3labs/sse.
type library struct {
	*source
	srv   *sse.Server
	pump  bool
	ids   atomic.Uint64
	conns sync.Map // of *conn, by the id of the library's stream
	last  atomic.Pointer[shared]
}

// conn is one connection, with its stream of the library.
type conn struct {
	id      string
	ctx     context.Context
	sub     *watch.Subscription
	pending atomic.Int64 // events published and not flushed
}

// shared is a message as the library wants it.
type shared struct {
	of    *watch.Message
	event *sse.Event
}

func newLibrary(s *source, pump bool) *library {
	l := &library{source: s, pump: pump}
	l.srv = sse.NewWithCallback(l.subscribed, func(id string, _ *sse.Subscriber) { l.srv.RemoveStream(id) })
	l.srv.AutoReplay, l.srv.AutoStream, l.srv.BufferSize = false, false, 64
	l.srv.Headers["X-Accel-Buffering"] = "no"
	if !pump {
		sub, ended := l.subscribe(), make(chan struct{})
		go func() { defer close(ended); l.spread(sub) }()
		s.b.Cleanup(func() { s.Hub.Close(); <-ended })
	}
	return l
}

func (l *library) subscribe() *watch.Subscription {
	now, err := l.State()
	if err != nil {
		panic(err)
	}
	sub, err := l.Hub.Subscribe(watch.Filter{Paths: []znode.Path{l.path}, Data: true, Children: true}, now.Zxid)
	if err != nil {
		panic(err)
	}
	return sub
}

func (l *library) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &conn{id: strconv.FormatUint(l.ids.Add(1), 36), ctx: r.Context()}
	if l.pump {
		c.sub = l.subscribe()
		defer c.sub.Close()
	}
	c.pending.Store(1) // the flush of the header
	l.conns.Store(c.id, c)
	defer l.conns.Delete(c.id)
	l.srv.CreateStream(c.id)
	to := r.Clone(r.Context())
	to.URL.RawQuery = "stream=" + c.id
	l.srv.ServeHTTP(&coalescing{w, http.NewResponseController(w), c}, to)
}

// event is a message as the library's event, made once.
func (l *library) event(m *watch.Message) *sse.Event {
	if last := l.last.Load(); last != nil && last.of == m {
		return last.event
	}
	data := m.Encoded(0, func() []byte {
		b := strconv.AppendUint([]byte(`{"zxid":`), uint64(m.Zxid), 10)
		return append(b, `,"events":[{"type":"`+m.Events[0].Type.String()+`","path":"`+m.Events[0].Path.String()+`"}]}`...)
	})
	e := &sse.Event{ID: strconv.AppendUint(nil, uint64(m.Zxid), 10), Data: data}
	l.last.Store(&shared{m, e})
	return e
}

// subscribed runs in a goroutine of the library's.
func (l *library) subscribed(id string, _ *sse.Subscriber) {
	v, ok := l.conns.Load(id)
	if !ok || !l.pump {
		return
	}
	c := v.(*conn)
	var batch [32]*watch.Message
	for {
		select {
		case <-c.sub.Ready():
			n, _, _ := c.sub.Take(batch[:])
			c.pending.Add(int64(n))
			for _, m := range batch[:n] {
				l.srv.Publish(id, l.event(m))
			}
		case <-c.ctx.Done():
			return
		}
	}
}

// spread publishes to all.
func (l *library) spread(sub *watch.Subscription) {
	var batch [32]*watch.Message
	for {
		select {
		case <-sub.Ready():
			n, _, _ := sub.Take(batch[:])
			l.conns.Range(func(id, v any) bool {
				v.(*conn).pending.Add(int64(n))
				for _, m := range batch[:n] {
					l.srv.Publish(id.(string), l.event(m))
				}
				return true
			})
		case <-sub.Done():
			return
		}
	}
}

// coalescing is a ResponseWriter that flushes when nothing more is queued, within a time.
type coalescing struct {
	http.ResponseWriter
	control *http.ResponseController
	c       *conn
}

func (w *coalescing) Flush() {
	if w.c.pending.Add(-1) > 0 {
		return
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(httpapi.DefaultStreamWriteTimeout))
	_ = w.control.Flush()
}
