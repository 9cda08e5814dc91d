package harness

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

const (
	// quiet is how long a follower waits for anything at all before it takes the member for dead and asks another one.
	quiet = 3 * time.Second
	// backOff is its pause after a connection that brought nothing.
	backOff = 100 * time.Millisecond
)

// Follower is a client of one watch. Whenever its stream ends it comes back with Last-Event-ID, to any member, as a
// browser's EventSource would if it knew them all, and it keeps all it was sent.
type Follower struct {
	Target string // path and query

	t      testing.TB
	c      *Cluster
	hold   time.Duration // after which it leaves a member that is well; 0: never
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // guards conns
	conns []Connection
}

// Connection is what one request for the stream brought.
type Connection struct {
	Member   string
	LastID   string    // as sent; "" if none was
	Begun    time.Time // when it was asked for
	Status   int       // 0: no answer
	Problem  string    // the body of an answer that is no stream
	Messages []Received
	Retry    time.Duration // as the server asked for
	InOrder  bool          // the server ended it between two messages
	Over     bool          // nothing more comes
}

// Received is a message with the time it came.
type Received struct {
	Message
	At time.Time
}

// Follow begins to follow a watch at the member of this number. It ends with the test.
func (c *Cluster) Follow(first int, target string) *Follower { return c.FollowMoving(first, target, 0) }

// FollowMoving is Follow, but that the follower leaves each member after a time, however well that is.
func (c *Cluster) FollowMoving(first int, target string, hold time.Duration) *Follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &Follower{Target: target, t: c.t, c: c, hold: hold, cancel: cancel, done: make(chan struct{})}
	go f.run(ctx, first)
	c.t.Cleanup(f.Stop)
	return f
}

// Stop ends it.
func (f *Follower) Stop() {
	f.cancel()
	<-f.done
}

// Connections is all it was sent so far.
func (f *Follower) Connections() []Connection {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Connection, len(f.conns))
	copy(out, f.conns)
	return out
}

// Messages are those of all connections, one after another.
func (f *Follower) Messages() []Received {
	var out []Received
	for _, c := range f.Connections() {
		out = append(out, c.Messages...)
	}
	return out
}

// Await waits until a message is as wanted, and gives it.
func (f *Follower) Await(within time.Duration, what string, is func(Message) bool) Received {
	f.t.Helper()
	var found Received
	Eventually(f.t, within, fmt.Sprintf("%s on %s", what, f.Target), func() bool {
		for _, m := range f.Messages() {
			if is(m.Message) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// Open waits until it has been told "open" on its newest connection.
func (f *Follower) Open() *Follower {
	f.t.Helper()
	f.Await(SettleTime, "open", func(m Message) bool { return m.Event == "open" })
	return f
}

func (f *Follower) run(ctx context.Context, next int) {
	defer close(f.done)
	transport := &http.Transport{DisableKeepAlives: true}
	lastID := ""
	for ctx.Err() == nil {
		m := f.c.Members[next%len(f.c.Members)]
		lastID = f.connect(ctx, transport, m, lastID)
		next += 1 + rand.IntN(len(f.c.Members))
		select {
		case <-time.After(backOff):
		case <-ctx.Done():
		}
	}
}

// connect follows one stream to its end and gives the last id.
func (f *Follower) connect(ctx context.Context, transport http.RoundTripper, m *Member, lastID string) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f.hold > 0 {
		defer time.AfterFunc(f.hold, cancel).Stop()
	}
	silence := time.AfterFunc(quiet, cancel)
	defer silence.Stop()

	conn := f.begin(Connection{Member: m.Name, LastID: lastID, Begun: time.Now()})
	defer func() { f.update(conn, func(c *Connection) { c.Over = true }) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL+f.Target, nil)
	if err != nil {
		f.t.Error(err)
		return lastID
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return lastID
	}
	defer res.Body.Close()
	f.update(conn, func(c *Connection) { c.Status = res.StatusCode })
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
		f.update(conn, func(c *Connection) { c.Problem = string(body) })
		return lastID
	}
	stream := NewEventStream(alarmed{res.Body, silence})
	stream.LastID, stream.id = lastID, lastID
	for {
		message, err := stream.Next()
		f.update(conn, func(c *Connection) {
			c.Retry = stream.Retry
			if err == nil {
				c.Messages = append(c.Messages, Received{message, time.Now()})
			}
			c.InOrder = stream.InOrder(err)
		})
		if err != nil {
			return stream.LastID
		}
	}
}

func (f *Follower) begin(c Connection) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
	return len(f.conns) - 1
}

func (f *Follower) update(conn int, change func(*Connection)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.conns[conn])
}

// alarmed puts the alarm off with everything that is read.
type alarmed struct {
	r     io.Reader
	alarm *time.Timer
}

func (a alarmed) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if n > 0 {
		a.alarm.Reset(quiet)
	}
	return n, err
}
