package tests

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holt/tests/harness"
)

const (
	// keyedWriters is how many write at once.
	keyedWriters = 16
	// keyedPause is how long each rests between two writes.
	keyedPause = 20 * time.Millisecond
	// attemptTime is how long one member is given to answer, frozen or not.
	attemptTime = 2 * time.Second
	// hangUpTime is within which a client that hangs up does so: before, while or after the member did what it was asked for.
	hangUpTime = 8 * time.Millisecond
	// hangUpOneIn and askAgainOneIn say how often an attempt is hung up on, and how often what was answered is asked for again.
	hangUpOneIn, askAgainOneIn = 6, 4
	// loseOneIn is how often a definite answer is taken for one that never came.
	loseOneIn = 20
	// killPace is how long a round of killing takes, at least.
	killPace = time.Second
	// fewKills is how many rounds there are when HOLT_TEST_KILLS does not say.
	fewKills = 5
)

// onceKills is how often a member is killed or frozen.
func onceKills(t *testing.T) int {
	t.Helper()
	if os.Getenv("HOLT_TEST_KILLS") == "" {
		return fewKills
	}
	return kills(t)
}

// keyedWrite is a write to be done once.
type keyedWrite struct {
	method, target, session, body, key string
}

func (w keyedWrite) String() string { return w.method + " " + w.target + " under " + w.key }

// outcome is a definite answer.
type outcome struct {
	status   int
	body     string
	zxid     string
	tag      string
	replayed bool
}

// same compares what was answered, whenever it was.
func (o outcome) same(other outcome) bool {
	return o.status == other.status && o.body == other.body && o.zxid == other.zxid && o.tag == other.tag
}

// insistent sends writes to random members until there is a definite answer. Now and then it hangs up before one can come, and asks
// again after it came.
type insistent struct {
	t    *testing.T
	c    *harness.Cluster
	http *http.Client

	done     atomic.Int64 // writes with a definite answer
	replayed atomic.Int64 // those of them whose first definite answer was one that had been lost
	lost     atomic.Int64 // attempts without an answer, or without a definite one
	again    atomic.Int64 // writes that were asked for again after their answer
}

func newInsistent(t *testing.T, c *harness.Cluster) *insistent {
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * keyedWriters}
	t.Cleanup(transport.CloseIdleConnections)
	return &insistent{t: t, c: c, http: &http.Client{Transport: transport}}
}

// do gives the definite answer to w, false if there was none within the time that a cluster takes to settle.
func (i *insistent) do(w keyedWrite) (outcome, bool) {
	deadline := time.Now().Add(harness.SettleTime)
	for time.Now().Before(deadline) {
		patience := attemptTime
		if rand.IntN(hangUpOneIn) == 0 {
			patience = rand.N(hangUpTime)
		}
		o, err := i.attempt(i.c.Members[rand.IntN(len(i.c.Members))], w, patience)
		answered := err == nil && definite(o.status)
		if answered && rand.IntN(loseOneIn) > 0 {
			return o, true
		}
		i.lost.Add(1)
		if !answered && (err == nil || patience == attemptTime) { // nobody to write to for the moment
			<-time.After(rand.N(2 * keyedPause))
		}
	}
	i.t.Errorf("%v: no definite answer within %v", w, harness.SettleTime)
	return outcome{}, false
}

// definite says whether a status tells what became of a write.
func definite(status int) bool {
	return status < http.StatusInternalServerError && status != http.StatusTooManyRequests
}

// attempt sends w to one member.
func (i *insistent) attempt(m *harness.Member, w keyedWrite, patience time.Duration) (outcome, error) {
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, w.method, m.URL+w.target, bytes.NewReader([]byte(w.body)))
	if err != nil {
		return outcome{}, err
	}
	req.Header.Set("Idempotency-Key", w.key)
	if w.session != "" {
		req.Header.Set("Holt-Session", w.session)
	}
	res, err := i.http.Do(req)
	if err != nil {
		return outcome{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return outcome{}, err
	}
	return outcome{res.StatusCode, string(body), res.Header.Get("Holt-Zxid"), res.Header.Get("Etag"), res.Header.Get("Idempotent-Replayed") == "true"}, nil
}

// must does w, of which there is only one answer that can be right, if it is done once. Sometimes it is asked for again later: the
// answer is the same then.
func (i *insistent) must(w keyedWrite, status int) (outcome, bool) {
	first, ok := i.do(w)
	if !ok {
		return first, false
	}
	i.done.Add(1)
	if first.replayed {
		i.replayed.Add(1)
	}
	if first.status != status {
		i.t.Errorf("%v: %d %s, want %d", w, first.status, first.body, status)
		return first, false
	}
	if rand.IntN(askAgainOneIn) > 0 {
		return first, true
	}
	i.again.Add(1)
	second, ok := i.do(w)
	if ok && (!second.replayed || !second.same(first)) {
		i.t.Errorf("%v: first %+v, and then %+v", w, first, second)
	}
	return first, ok
}

// log says what it was like, and fails a test that lost no answers: it would have shown nothing.
func (i *insistent) log() {
	i.t.Helper()
	i.t.Logf("%d writes through random members: %d attempts without a definite answer, after which %d were answered with what had been done before; %d asked again",
		i.done.Load(), i.lost.Load(), i.replayed.Load(), i.again.Load())
	if i.replayed.Load() == 0 {
		i.t.Error("no answer was lost of what was done: this test shows nothing")
	}
}

// besiegeWhile kills or freezes a random member each second or so, while work goes on: rounds times, after which work is asked to stop.
// done counts what work has done.
func besiegeWhile(t *testing.T, c *harness.Cluster, rounds int, done *atomic.Int64, work func(ctx context.Context, worker int)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for worker := range keyedWriters {
		wg.Go(func() { work(ctx, worker) })
	}
	goOn := func(n int64) {
		t.Helper()
		from := done.Load()
		harness.Eventually(t, harness.SettleTime, fmt.Sprintf("%d further writes", n), func() bool { return done.Load() >= from+n || t.Failed() })
	}
	pace := time.NewTicker(killPace)
	defer pace.Stop()
	goOn(2 * keyedWriters)
	for round := 0; round < rounds && !t.Failed(); round++ {
		victim := c.Members[rand.IntN(len(c.Members))]
		if round%3 == 0 {
			victim = c.Leader()
		}
		if round%3 == 1 {
			victim.Signal(syscall.SIGSTOP)
			goOn(4 * keyedWriters)
			victim.Signal(syscall.SIGCONT)
		} else {
			victim.Kill()
			goOn(4 * keyedWriters)
			victim.Start()
		}
		victim.Ready()
		<-pace.C
	}
	goOn(2 * keyedWriters)
}

// rest waits between two writes; false when it is time to stop.
func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rand.N(2 * keyedPause)):
		return true
	}
}

// childrenOf are the names of all children of a znode with their data, as a majority knows them.
func childrenOf(t *testing.T, c *harness.Cluster, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for child, err := range c.Client(0).AllChildren(t.Context(), path, linearizableWithData) {
		if err != nil {
			t.Fatal(err)
		}
		all[child.Name] = string(child.Data)
	}
	return all
}

// repeats are the values that are there more than once.
func repeats(all map[string]string) []string {
	seen := map[string]int{}
	for _, data := range all {
		seen[data]++
	}
	var out []string
	for data, n := range seen {
		if n > 1 {
			out = append(out, fmt.Sprintf("%s (%d times)", data, n))
		}
	}
	slices.Sort(out)
	return out
}
