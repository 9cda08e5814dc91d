package apitest

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi"
)

// tally is an httpapi.Metrics that notes what it is told of streams.
type tally struct {
	mu    sync.Mutex // guards count
	count map[string]int
}

func (c *tally) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = make(map[string]int)
	}
	c.count[what] += n
}

func (c *tally) is(t *testing.T, what string, want int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := c.count[what]; got != want {
		t.Errorf("%s: %d, not %d (%v)", what, got, want, c.count)
	}
}

func (*tally) Route(string, string) httpapi.RouteMetrics { return unroutedTally{} }
func (c *tally) Streams() httpapi.StreamMetrics          { return c }

func (c *tally) Begin(ofSession bool) {
	c.add("begun"+map[bool]string{true: " of a session"}[ofSession], 1)
}
func (c *tally) End(_ bool, why httpapi.StreamEnd) {
	c.add("ended "+why.String(), 1)
}
func (c *tally) Sent(n int)          { c.add("sent", n) }
func (c *tally) Reset(reason string) { c.add("reset "+reason, 1) }
func (c *tally) PollBegin()          { c.add("polls", 1); c.add("polled", 1) }
func (c *tally) PollEnd()            { c.add("polls", -1) }

type unroutedTally struct{}

func (unroutedTally) Begin()                 {}
func (unroutedTally) End(int, time.Duration) {}

// Streams are counted when they begin, by what they send, and by why they end.
func TestStreamsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := &tally{}
		w := newWorld(t, newPipes(), func(c *httpapi.Config) { c.Metrics = counts })
		w.do("create /a")
		id, _, _ := w.openSession(1)
		left, once, session := w.watch("/v1/watch/a"), w.watch("/v1/watch/a?once=true"), w.watch(events(id))
		left.says(mark("open", 2))
		once.says(mark("open", 2))
		session.next()
		stuck := w.rawWatch("/v1/watch/a")
		readUntil(t, stuck, "event: open")
		counts.is(t, "begun", 3)
		counts.is(t, "begun of a session", 1)

		z := w.do("set /a x")
		left.says(message(z, "NodeDataChanged /a"))
		once.says(message(z, "NodeDataChanged /a"))
		once.ends()
		z = w.do("set /a y")
		left.says(message(z, "NodeDataChanged /a"))
		synctest.Wait()
		counts.is(t, "sent", 3)
		counts.is(t, "ended done", 1)
		time.Sleep(2 * httpapi.DefaultStreamWriteTimeout)
		synctest.Wait()
		counts.is(t, "ended cut_off", 1)
		left.leave()
		synctest.Wait()
		counts.is(t, "ended left", 1)

		w.forget()
		w.watch("/v1/watch/a?since=0").next()
		counts.is(t, "reset history", 1)
		w.api.EndStreams()
		synctest.Wait()
		counts.is(t, "ended moved", 2)
		_ = stuck.Close()
	})
}

func TestLongPollsAreCounted(t *testing.T) {
	counts := &tally{}
	s := start(t, func(c *httpapi.Config) { c.Metrics = counts })
	s.do("GET /v1/znodes/a?wait=10ms").is(404)
	s.do("GET /v1/znodes/?wait=10ms").is(200) // at once
	counts.is(t, "polled", 1)
	counts.is(t, "polls", 0)
}
