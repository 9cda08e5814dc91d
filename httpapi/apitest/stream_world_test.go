package apitest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/httpapi"
	"holt/raftfsm/znode"
)

// world is an API over a Node, and its server, with clients that read streams.
type world struct {
	*Node
	t       *testing.T
	api     *httpapi.API
	dial    func() (net.Conn, error)
	waits   time.Duration // how long tests wait for what is to come
	clients *http.Client
}

// newWorld is a world that listens on l, or on a loopback address if that is nil.
func newWorld(t *testing.T, l net.Listener, change ...func(*httpapi.Config)) *world {
	t.Helper()
	n := NewNode()
	w := &world{Node: n, t: t}
	cfg := httpapi.Config{
		Proposer: n, Reader: n, Cluster: n, Sessions: n, Hub: n.Hub, Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if w.api, err = httpapi.New(cfg); err != nil {
		t.Fatal(err)
	}
	if l == nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		w.dial, w.waits = func() (net.Conn, error) { return net.Dial("tcp", addr) }, hang
	} else {
		w.dial, w.waits = l.(*pipes).dial, 2*time.Hour // of virtual time
	}
	srv := httpapi.NewServer("", w.api.Handler(), cfg.Logger)
	served := make(chan struct{})
	go func() { _ = srv.Serve(l); close(served) }()
	transport := &http.Transport{
		DisableCompression: true,
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return w.dial() },
	}
	w.clients = &http.Client{Transport: transport}
	t.Cleanup(func() {
		w.Fail(Faults{})
		w.api.EndStreams()
		transport.CloseIdleConnections()
		_ = srv.Close()
		<-served
		w.Close()
	})
	return w
}

// pipes is a listener in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// run carries out a transaction, of a session if key is not nil.
func (w *world) run(key *znode.SessionKey, ops ...znode.Op) *znode.Result {
	w.t.Helper()
	res, err := w.Propose(w.t.Context(), &znode.Txn{Session: key, Ops: ops})
	if err != nil || res.Code != znode.OK {
		w.t.Fatalf("%v: %v, %v", ops[0].Kind, res, err)
	}
	return res
}

// do carries out transactions of one op, written as "create /a x", "set /a y", "delete /a".
func (w *world) do(lines ...string) (last znode.Zxid) {
	w.t.Helper()
	for _, line := range lines {
		verb, rest, _ := strings.Cut(line, " ")
		path, data, _ := strings.Cut(rest, " ")
		p := znode.MustPath(path)
		op := map[string]znode.Op{
			"create": znode.CreateOp(p, data, znode.Persistent), "set": znode.SetOp(p, data), "delete": znode.DeleteOp(p),
		}[verb]
		last = w.run(nil, op).Zxid
	}
	return last
}

// openSession opens a session and gives its id, key and name.
func (w *world) openSession(number byte) (id string, key znode.SessionKey, owner znode.Owner) {
	w.t.Helper()
	raw := bytes.Repeat([]byte{number}, 16)
	key = sha256.Sum256(raw)
	res := w.run(nil, znode.OpenSessionOp(key, 10_000))
	return hex.EncodeToString(raw), key, res.Ops[0].Session.Owner
}

// watcher is a client of a stream.
type watcher struct {
	t      *testing.T
	res    *http.Response
	waits  time.Duration
	events chan told
	reader *eventReader // its fields may be read once events is closed
	cancel context.CancelFunc
	err    error // why the stream ended; may be read once events is closed
}

// ask sends a GET, or what the target begins with, and header lines "Name: value".
func (w *world) ask(ctx context.Context, target string, header ...string) *http.Response {
	w.t.Helper()
	method, path, ok := strings.Cut(target, " ")
	if !ok {
		method, path = http.MethodGet, target
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := w.clients.Do(r)
	if err != nil {
		w.t.Fatalf("%s: %v", target, err)
	}
	return res
}

// watch opens a stream.
func (w *world) watch(target string, header ...string) *watcher {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	res := w.ask(ctx, target, header...)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(res.Body)
		cancel()
		w.t.Fatalf("%s: status %d, %s: %s", target, res.StatusCode, res.Header.Get("Content-Type"), body)
	}
	c := &watcher{t: w.t, res: res, waits: w.waits, events: make(chan told, 1<<16), cancel: cancel, reader: &eventReader{r: bufio.NewReader(res.Body)}}
	go func() {
		defer close(c.events)
		defer res.Body.Close()
		for {
			e, err := c.reader.next()
			if err != nil {
				c.err = err
				return
			}
			c.events <- e
		}
	}()
	w.t.Cleanup(c.leave)
	return c
}

// rawWatch asks for a stream, and leaves it to the caller to read the answer, byte by byte or not at all.
func (w *world) rawWatch(target string) net.Conn {
	w.t.Helper()
	c, err := w.dial()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// leave breaks the connection.
func (c *watcher) leave() {
	c.cancel()
	for range c.events {
	}
}

// next is the next event.
func (c *watcher) next() told {
	c.t.Helper()
	late := time.NewTimer(c.waits)
	defer late.Stop()
	select {
	case e, ok := <-c.events:
		if !ok {
			c.t.Fatalf("the stream has ended: %v", c.err)
		}
		return e
	case <-late.C:
		c.t.Fatal("nothing came")
	}
	panic("not reached")
}

// says checks the next events, each written as "name id data", with "-" for no id of its own.
func (c *watcher) says(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.next().String(); got != w {
			c.t.Fatalf("the stream says\n%s\nwant\n%s", got, w)
		}
	}
}

func (e told) String() string {
	id := "-"
	if e.own {
		id = e.id
	}
	return e.name + " " + id + " " + e.data
}

// ends checks that the stream ends well, with nothing more.
func (c *watcher) ends() {
	c.t.Helper()
	late := time.NewTimer(c.waits)
	defer late.Stop()
	select {
	case e, ok := <-c.events:
		if ok {
			c.t.Fatalf("the stream goes on: %s", e)
		}
	case <-late.C:
		c.t.Fatal("the stream does not end")
	}
	if c.err != io.EOF {
		c.t.Fatalf("the stream broke off: %v", c.err)
	}
}

// mark is an open or a bookmark as says has it.
func mark(name string, z znode.Zxid) string {
	return fmt.Sprintf(`%s %d {"zxid":%d,"leader":"n1"}`, name, z, z)
}

// message is a message as says has it; events are written as "type path".
func message(z znode.Zxid, events ...string) string {
	return fmt.Sprintf(`message %d {"zxid":%d,"events":[%s]}`, z, z, eventList(events))
}

func eventList(events []string) string {
	var list []string
	for _, e := range events {
		kind, path, _ := strings.Cut(e, " ")
		list = append(list, fmt.Sprintf(`{"type":"%s","path":"%s"}`, kind, path))
	}
	return strings.Join(list, ",")
}

// memory is what the process has of heap and stacks.
func memory() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
