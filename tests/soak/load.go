package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

const (
	// scribes write under keys; there are so few that most of what outcomes take is there soon.
	scribes = 3
	// patience is how long a client's call goes on, and soon one that nobody minds to lose.
	patience = 20 * time.Second
	// unanswered bounds how long a write under a key is asked for again.
	unanswered = 2 * time.Minute
)

// worker is a kind of client: so many of them, each of which does its work once every pause.
type worker struct {
	name  string
	many  int
	pause time.Duration
	work  func(l *load, ctx context.Context, c *client.Client, who int) error
	large bool
}

// workers are all but the scribes. They write without keys: outcomes fill up for ten minutes, and those of the scribes are enough.
func workers() []worker {
	return []worker{
		{name: "local reads", many: 4, pause: 20 * time.Millisecond, work: read(client.Local)},
		{name: "linearizable reads", many: 2, pause: 50 * time.Millisecond, work: read(client.Linearizable)},
		{name: "sessions", many: 4, pause: 200 * time.Millisecond, work: visit},
		{name: "streams", many: 6, pause: 50 * time.Millisecond, work: stream},
		{name: "long polls", many: 6, pause: 10 * time.Millisecond, work: poll},
		{name: "trees", many: 1, pause: time.Second, work: tree, large: true},
		{name: "znodes with a TTL", many: 1, pause: 100 * time.Millisecond, work: shortLived},
		{name: "containers", many: 1, pause: 500 * time.Millisecond, work: container},
		{name: "pipelines", many: 1, pause: 500 * time.Millisecond, work: pipeline},
	}
}

// load is all clients.
type load struct {
	s       *stage
	c       *harness.Cluster
	clients []*client.Client // one for each member to begin with
	warm    time.Time        // when the run has warmed up; until then there is no pause between large works
	scribes []*scribe
	wg      sync.WaitGroup

	mu     sync.Mutex // guards what follows
	done   map[string]int
	failed map[string]int // by code, of those that may happen
}

func newLoad(s *stage, c *harness.Cluster, warm time.Time) *load {
	l := &load{s: s, c: c, warm: warm, done: map[string]int{}, failed: map[string]int{}}
	for i := range c.Members {
		one, err := client.New(client.Config{Endpoints: c.URLs(i), Timeout: patience})
		if err != nil {
			s.Fatal(err)
		}
		l.clients = append(l.clients, one)
	}
	for _, p := range []string{"/scribes", "/visitors", "/trees", "/short", "/containers", "/pipes", "/pipes/one"} {
		if _, err := l.clients[0].Create(s.ctx, p, nil, client.Persistent); err != nil {
			s.Fatal(err)
		}
	}
	for k := range scribes {
		w := &scribe{l: l, at: fmt.Sprintf("/scribes/%d", k), key: fmt.Sprintf("soak-%d-%x", k, rand.Uint64())}
		if _, err := l.clients[0].Create(s.ctx, w.at, []byte("0"), client.Persistent); err != nil {
			s.Fatal(err)
		}
		l.scribes = append(l.scribes, w)
	}
	for _, c := range l.clients { // a local read of a member that lags would not find what is there
		c.Seen(l.clients[0].Zxid())
	}
	return l
}

// close gives all connections back.
func (l *load) close() {
	for _, c := range l.clients {
		c.Close()
	}
}

// start lets all of them work until ctx ends.
func (l *load) start(ctx context.Context) {
	for _, w := range l.scribes {
		l.wg.Go(func() { w.write(ctx) })
	}
	for _, w := range workers() {
		for who := range w.many {
			l.wg.Go(func() { l.repeat(ctx, w, who) })
		}
	}
}

func (l *load) repeat(ctx context.Context, w worker, who int) {
	for n := who; ctx.Err() == nil; n++ {
		err := w.work(l, ctx, l.clients[n%len(l.clients)].Keyless(), who)
		if ctx.Err() == nil {
			l.note(w.name, err)
		}
		if !w.large || time.Now().After(l.warm) {
			rest(ctx, w.pause/2+rand.N(w.pause))
		}
	}
}

// rest waits, no longer than ctx lasts.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// mayHappen are answers that a client may get while members come and go.
var mayHappen = []client.Code{client.Unreachable, client.NoLeader, client.Behind, client.ShuttingDown, client.OutcomeUnknown, client.Throttled}

// note counts what became of one piece of work. An answer that nobody should get fails the run.
func (l *load) note(what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch code := client.CodeOf(err); {
	case err == nil:
		l.done[what]++
	case slices.Contains(mayHappen, code), errors.Is(err, context.DeadlineExceeded):
		l.failed[cmp.Or(string(code), "given up")]++
	default:
		l.s.Errorf("%s: %v", what, err)
	}
}

// String is what was done.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	b.WriteString("Done:")
	for _, what := range slices.Sorted(maps.Keys(l.done)) {
		fmt.Fprintf(&b, " %d %s,", l.done[what], what)
	}
	again := 0
	for _, w := range l.scribes {
		again += w.again
	}
	fmt.Fprintf(&b, " and %d writes were asked for again. Not done:", again)
	if len(l.failed) == 0 {
		b.WriteString(" nothing,")
	}
	for _, what := range slices.Sorted(maps.Keys(l.failed)) {
		fmt.Fprintf(&b, " %d %s,", l.failed[what], what)
	}
	return strings.TrimSuffix(b.String(), ",") + "."
}

// check holds the cluster to what the scribes were told, and the run to having done something of everything.
func (l *load) check() {
	for _, w := range l.scribes {
		z, err := l.clients[0].Get(context.Background(), w.at, client.Linearizable)
		if err != nil {
			l.s.Errorf("reading %s at the end: %v", w.at, err)
			continue
		}
		if z.Stat.Version != int64(w.sets) || string(z.Data) != fmt.Sprint(w.sets) {
			l.s.Errorf("%s was set %d times; it holds %s in version %d", w.at, w.sets, z.Data, z.Stat.Version)
		}
		if w.sets == 0 {
			l.s.Errorf("%s was never set", w.at)
		}
	}
	for _, w := range workers() {
		if l.done[w.name] == 0 {
			l.s.Errorf("none of the %s were done", w.name)
		}
	}
}

// scribe sets a znode again and again, each time under a key until it is told that it is done: each time makes one version.
type scribe struct {
	l     *load
	at    string
	key   string
	sets  int
	again int
}

func (w *scribe) write(ctx context.Context) {
	for ctx.Err() == nil {
		if !w.set() {
			return
		}
		rest(ctx, 100*time.Millisecond+rand.N(200*time.Millisecond))
	}
}

// set does not end with the run: what became of the last write must be known, too.
func (w *scribe) set() bool {
	key := fmt.Sprint(w.key, "-", w.sets+1)
	for limit := time.Now().Add(unanswered); time.Now().Before(limit); w.again++ {
		c := w.l.clients[rand.IntN(len(w.l.clients))]
		// Some are given up before an answer can come, and asked for again.
		within := patience
		if rand.IntN(20) == 0 {
			within = rand.N(4 * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(context.Background(), within)
		r, err := c.Keyed(key).Put(ctx, w.at, []byte(fmt.Sprint(w.sets+1)), client.Exists())
		cancel()
		if err != nil {
			code := client.CodeOf(err)
			if slices.Contains(mayHappen, code) || errors.Is(err, context.DeadlineExceeded) {
				continue
			}
			w.l.s.Errorf("write %d of %s: %v", w.sets+1, w.at, err)
			return false
		}
		if w.sets++; r.Stat.Version != int64(w.sets) {
			w.l.s.Errorf("write %d of %s made version %d", w.sets, w.at, r.Stat.Version)
		}
		w.l.note("writes under a key", nil)
		return true
	}
	w.l.s.Errorf("write %d of %s had no answer within %v", w.sets+1, w.at, unanswered)
	return false
}
