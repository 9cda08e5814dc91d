package tests

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// load writes to a cluster from writers on all members, and remembers what was acknowledged.
type load struct {
	t     *testing.T
	c     *harness.Cluster
	stop  context.CancelFunc
	wg    sync.WaitGroup
	acks  atomic.Int64 // of all writers
	slow  atomic.Int64 // the longest an acknowledged write took, in ns
	began time.Time

	mu       sync.Mutex // guards what follows
	made     map[string]string
	counters []*counter
	unknown  int
	refused  []error // what was not done, by the server's word, after all tries
}

// counter is a znode that one writer counts up by compare and set. It holds its own version.
type counter struct {
	path    string
	acked   int64 // the highest number acknowledged
	unknown int64 // writes without an answer
}

// writersEach is how many writers of each kind there are on a member.
const writersEach = 2

// startLoad begins to write. The writers of a member ask the others when theirs cannot answer.
func startLoad(t *testing.T, c *harness.Cluster) *load {
	t.Helper()
	l := &load{t: t, c: c, made: map[string]string{}, began: time.Now()}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	first := c.Client(0)
	if _, err := first.Put(ctx, "/made", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	for i := range c.Members {
		for j := range writersEach {
			n := &counter{path: fmt.Sprintf("/counter-%d-%d", i, j)}
			l.counters = append(l.counters, n)
			if _, err := first.Put(ctx, n.path, []byte("0"), client.Any()); err != nil {
				t.Fatal(err)
			}
			writer := fmt.Sprintf("%d-%d", i, j)
			l.wg.Go(func() { l.create(ctx, c.Client(i), writer) })
			l.wg.Go(func() { l.count(ctx, c.Client(i), n) })
		}
	}
	t.Cleanup(func() { stop(); l.wg.Wait() })
	return l
}

// create makes sequential znodes, each with data of its own.
func (l *load) create(ctx context.Context, c *client.Client, writer string) {
	for i := 0; ctx.Err() == nil; i++ {
		data := writer + "/" + strconv.Itoa(i)
		begun := time.Now()
		w, err := c.Create(ctx, "/made/"+writer+"-", []byte(data), client.PersistentSequential)
		if !l.note(ctx, begun, err) {
			continue
		}
		l.mu.Lock()
		if twice, ok := l.made[w.Path]; ok {
			l.t.Errorf("%s was acknowledged twice: for %s and %s", w.Path, twice, data)
		}
		l.made[w.Path] = data
		l.mu.Unlock()
	}
}

// count counts up by one, from what it reads.
func (l *load) count(ctx context.Context, c *client.Client, n *counter) {
	for ctx.Err() == nil {
		z, err := c.Get(ctx, n.path, client.Linearizable)
		if err != nil {
			continue // there may be no leader at the moment
		}
		v, err := strconv.ParseInt(string(z.Data), 10, 64)
		if err != nil || v != z.Stat.Version || v < n.acked {
			l.t.Errorf("%s holds %q in version %d after %d was acknowledged", n.path, z.Data, z.Stat.Version, n.acked)
			return
		}
		begun := time.Now()
		_, err = c.Put(ctx, n.path, strconv.AppendInt(nil, v+1, 10), client.Tag(z.Tag))
		if l.note(ctx, begun, err) {
			n.acked = v + 1
		} else if errors.Is(err, client.OutcomeUnknown) || ctx.Err() != nil {
			n.unknown++
		}
	}
}

// note keeps the outcome of a write and says whether it was acknowledged.
func (l *load) note(ctx context.Context, begun time.Time, err error) bool {
	if err == nil {
		l.acks.Add(1)
		took := int64(time.Since(begun))
		for old := l.slow.Load(); took > old && !l.slow.CompareAndSwap(old, took); old = l.slow.Load() {
		}
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, client.OutcomeUnknown):
		l.unknown++
	case errors.Is(err, client.BadVersion): // an earlier write without an answer was done after the read
	default:
		l.refused = append(l.refused, err)
	}
	return false
}

// goOn waits until this many further writes were acknowledged.
func (l *load) goOn(n int64) {
	l.t.Helper()
	from := l.acks.Load()
	harness.Eventually(l.t, harness.SettleTime, fmt.Sprintf("%d further writes", n), func() bool { return l.acks.Load() >= from+n })
}

// end stops the writers.
func (l *load) end() {
	l.stop()
	l.wg.Wait()
	l.t.Logf("%d writes acknowledged in %v, %d without an answer, %d refused", l.acks.Load(),
		time.Since(l.began).Round(time.Millisecond), l.unknown, len(l.refused))
	for _, err := range l.refused[:min(len(l.refused), 5)] {
		l.t.Logf("refused: %v", err)
	}
}

// holds checks, on every member, that what was acknowledged is there and that all members are equal.
func (l *load) holds() {
	l.t.Helper()
	bytes := l.c.Equal()
	for _, m := range l.c.Members {
		c := m.Client()
		if _, err := c.Sync(l.t.Context()); err != nil {
			l.t.Fatalf("sync on %s: %v", m.Name, err)
		}
		there := make(map[string]string)
		for child, err := range c.AllChildren(l.t.Context(), "/made", client.ChildrenQuery{WithData: true}) {
			if err != nil {
				l.t.Fatalf("reading from %s: %v", m.Name, err)
			}
			there["/made/"+child.Name] = string(child.Data)
		}
		data := make(map[string]bool)
		for path, d := range there {
			if data[d] {
				l.t.Errorf("%s was made twice, once as %s, on %s", d, path, m.Name)
			}
			data[d] = true
		}
		for path, want := range l.made {
			if got, ok := there[path]; !ok || got != want {
				l.t.Errorf("%s was acknowledged with %q and is %q on %s", path, want, got, m.Name)
			}
		}
		for _, n := range l.counters {
			n.holds(l.t, m.Name, c)
		}
	}
	l.t.Logf("%d sequential znodes and %d counters are on all %d members, whose states of %d bytes are equal", len(l.made),
		len(l.counters), len(l.c.Members), bytes)
}

// holds checks that the counter holds every acknowledged count, and no more than what may have been done.
func (n *counter) holds(t *testing.T, member string, c *client.Client) {
	t.Helper()
	z, err := c.Get(t.Context(), n.path, client.Local)
	if err != nil {
		t.Fatalf("reading %s from %s: %v", n.path, member, err)
	}
	v, err := strconv.ParseInt(string(z.Data), 10, 64)
	if err != nil || v != z.Stat.Version {
		t.Errorf("%s holds %q in version %d on %s", n.path, z.Data, z.Stat.Version, member)
	}
	if v < n.acked || v > n.acked+n.unknown {
		t.Errorf("%s is at %d on %s; %d were acknowledged and %d more may have been done", n.path, v, member, n.acked, n.unknown)
	}
}
