package client

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Pauses between rounds over the endpoints: the first, doubled each time, and the longest. Half of each is random.
const (
	firstPause = 50 * time.Millisecond
	longPause  = time.Second
)

// zxidHeader says which state was, or must have been, seen.
const zxidHeader = "Holt-Zxid"

// sessionHeader says which session a request belongs to.
const sessionHeader = "Holt-Session"

// call is one request, wherever it will be sent.
type call struct {
	method string
	prefix string // such as /v1/znodes
	id     string // of a session, or its owner, behind the prefix; a secret, so it is in no error
	under  string // such as /keepalive, behind the id
	path   string // of a znode, behind all that; "" where there is none
	query  url.Values
	header map[string]string
	body   []byte
	write  bool  // it may change something: it gets a key, unless again, or the Client is Keyless
	again  bool  // a write that is the same when it is done twice: it needs no key
	secret bool  // its key is no less a secret than what it is for, so it is in no error
	stream bool  // the caller reads the body of a success
	anyAge bool  // the answer is wanted from a member that is behind, too
	limit  int64 // bytes of the answer's body, where it is not a stream

	within time.Duration // bounds the call with all its repetitions; 0: the Client's timeout
	each   time.Duration // bounds one attempt; 0: half of that for a read, three quarters for a write that may be sent again, else all

	key string // the Idempotency-Key; set by do
}

// repeatable says whether q may be sent again whatever became of it.
func (q *call) repeatable() bool { return !q.write || q.again || q.key != "" }

func (q *call) op() string {
	if q.id != "" {
		return q.method + " " + q.prefix + "/{id}" + q.under
	}
	return q.method + " " + q.prefix + q.under
}

// target is what follows scheme://host. Each name of the path is escaped by itself, so that what the caller wrote is
// what the server judges.
func (q *call) target() string {
	var b strings.Builder
	b.WriteString(q.prefix)
	if q.id != "" {
		b.WriteString("/" + url.PathEscape(q.id))
	}
	b.WriteString(q.under)
	for i, name := range strings.Split(q.path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(name))
	}
	if len(q.query) > 0 {
		b.WriteString("?" + q.query.Encode())
	}
	return b.String()
}

// answer is a success.
type answer struct {
	endpoint string
	status   int
	header   http.Header
	body     []byte        // all of it, where the call is not a stream
	stream   io.ReadCloser // else
	replayed bool          // it was given before
	trailer  http.Header   // of a stream, once it was read to its end
	zxid     uint64        // 0 where the answer carried none
	sent     time.Time     // when the request that it answers was sent
}

// do sends q to the endpoints in turn until one answers, a refusal is final, or time is up.
func (c *Client) do(ctx context.Context, q *call) (*answer, error) {
	if q.path != "" && q.path[0] != '/' {
		return nil, mistake(q, "a path must begin with /")
	}
	if err := c.keyFor(q); err != nil {
		return nil, err
	}
	a, err := c.repeat(ctx, q)
	if err != nil {
		err.Key = q.shownKey()
		return nil, err
	}
	return a, nil
}

// repeat is do of a call that is ready to be sent.
func (c *Client) repeat(ctx context.Context, q *call) (*answer, *Error) {
	began := time.Now()
	loop, cancel := context.WithTimeout(ctx, c.within(q))
	defer cancel()
	p := past{q: q}
	for round := 0; ; round++ {
		if c.as != nil && c.as.over != nil && p.doubt == nil { // in doubt it is asked what became of it
			if err := c.as.over(); err != nil {
				return nil, notSent(q, err)
			}
		}
		r := c.round(ctx, loop, q, &p)
		switch {
		case r.err == nil:
			return r.answer, nil
		case !r.again, r.refused && p.doubt == nil && time.Since(began) >= c.unreachable:
			return nil, p.outcome(r.err)
		}
		if !pause(loop, round, r.wait) {
			return nil, p.outcome(r.err)
		}
	}
}

// within bounds a call. The servers forget outcomes: a write with a key is not sent again when they may have.
func (c *Client) within(q *call) time.Duration {
	switch {
	case q.within > 0:
		return q.within
	case q.key != "":
		return min(c.timeout, maxRepeat)
	}
	return c.timeout
}

// roundResult is what asking every endpoint once came to.
type roundResult struct {
	answer  *answer
	err     *Error
	again   bool          // another round may help
	refused bool          // no endpoint took a connection
	wait    time.Duration // the shortest pause an endpoint asked for; 0: none
}

// past is what happened to a call so far.
type past struct {
	q       *call
	last    *Error        // nil before the first attempt
	slowest time.Duration // the longest that a member took to refuse it
	doubt   *Error        // the last attempt that may have been carried out; nil if there was none
}

// note adds an attempt that failed.
func (p *past) note(err *Error, took time.Duration) {
	p.last, p.slowest = err, max(p.slowest, took)
	if err.Code() == OutcomeUnknown {
		p.doubt = err
	}
}

// settled says whether err is the last word: nobody else is to be asked, and it says what became of all attempts. In
// doubt a refusal of the write, by what the members have in common, does; one of this request alone, such as 403, does not.
func (p *past) settled(err *Error) bool {
	return !err.elsewhere && (p.doubt == nil || p.doubt == err || p.q.key == "" || err.judged())
}

// outcome is err, unless that leaves open what became of an attempt before it.
func (p *past) outcome(err *Error) *Error {
	if p.doubt != nil && !p.settled(err) {
		return p.doubt
	}
	err.doubted = p.doubt != nil
	return err
}

// over says whether there is no time for another attempt. A write is not begun again with less time left than a refusal
// took: that could only turn a clear "not done" into an unknown outcome.
func (p *past) over(loop context.Context) bool {
	end, bounded := loop.Deadline()
	return loop.Err() != nil ||
		p.q.write && p.last != nil && p.doubt == nil && bounded && time.Until(end) <= p.slowest
}

// round asks every endpoint once, beginning with the one that answered last.
func (c *Client) round(ctx, loop context.Context, q *call, p *past) roundResult {
	r := roundResult{refused: true}
	first := int(c.preferred.Load())
	for i := range c.endpoints {
		at := (first + i) % len(c.endpoints)
		if p.over(loop) {
			if p.last == nil {
				p.last = broken(q, c.endpoints[at], false, loop.Err())
			}
			return roundResult{err: p.last}
		}
		sent := time.Now()
		a, err := c.attempt(ctx, loop, q, c.endpoints[at])
		if err == nil {
			c.preferred.Store(int64(at))
			return roundResult{answer: a}
		}
		r.err = err
		p.note(err, time.Since(sent))
		if err.Problem.Status == 0 && ctx.Err() == nil {
			// It gave no answer, and may take connections for ever without giving one: the next request begins elsewhere.
			c.preferred.CompareAndSwap(int64(at), int64((at+1)%len(c.endpoints)))
		}
		if p.settled(err) {
			r.again = false
			return r
		}
		c.log.Debug("going on to another member", "endpoint", err.Endpoint, "code", string(err.Code()), "err", err.Cause)
		r.again = r.again || err.later
		r.refused = r.refused && isDial(err.Cause)
		if err.retryAfter > 0 && (r.wait == 0 || err.retryAfter < r.wait) {
			r.wait = err.retryAfter
		}
	}
	return r
}

// pause waits before the next round; false when the context ends before that.
func pause(ctx context.Context, round int, asked time.Duration) bool {
	d := min(firstPause<<min(round, 10), longPause)
	d = max(d/2+rand.N(d/2), asked)
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false // it would only be waited for in vain
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retryAfter is the pause a server asks for, in whole seconds; a date is passed over, clocks differ.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}
