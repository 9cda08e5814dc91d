package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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
	write  bool  // it may change something: sent again only when certainly not done
	again  bool  // a write that may be done twice: sent again in any case
	stream bool  // the caller reads the body of a success
	anyAge bool  // the answer is wanted from a member that is behind, too
	limit  int64 // bytes of the answer's body, where it is not a stream

	within time.Duration // bounds the call with all its repetitions; 0: the Client's timeout
	each   time.Duration // bounds one attempt; 0: half of that for a read, all of it for a write
}

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
	zxid     uint64        // 0 where the answer carried none
	sent     time.Time     // when the request that it answers was sent
}

// do sends q to the endpoints in turn until one answers, a refusal is final, or time is up.
func (c *Client) do(ctx context.Context, q *call) (*answer, error) {
	if q.path != "" && q.path[0] != '/' {
		return nil, mistake(q, "a path must begin with /")
	}
	if c.as != nil && c.as.over != nil {
		if err := c.as.over(); err != nil {
			return nil, notSent(q, err)
		}
	}
	began := time.Now()
	loop, cancel := context.WithTimeout(ctx, c.within(q))
	defer cancel()
	var p past
	for round := 0; ; round++ {
		r := c.round(ctx, loop, q, &p)
		switch {
		case r.err == nil:
			return r.answer, nil
		case !r.again, r.refused && time.Since(began) >= c.unreachable:
			return nil, p.outcome(r.err)
		}
		if !pause(loop, round, r.wait) {
			return nil, p.outcome(r.err)
		}
	}
}

// within bounds a call.
func (c *Client) within(q *call) time.Duration {
	if q.within > 0 {
		return q.within
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
	last    *Error        // nil before the first attempt
	slowest time.Duration // the longest that a member took to refuse it
	doubt   *Error        // the last attempt that may have been carried out; of a write that is sent again
}

// outcome is err, unless it leaves open what became of an attempt before it.
func (p *past) outcome(err *Error) *Error {
	if p.doubt != nil && err.elsewhere {
		return p.doubt
	}
	return err
}

// over says whether there is no time for another attempt. A write is not begun again with less time left than a refusal
// took: that could only turn a clear "not done" into an unknown outcome.
func (p *past) over(q *call, loop context.Context) bool {
	end, bounded := loop.Deadline()
	return loop.Err() != nil || q.write && p.last != nil && bounded && time.Until(end) <= p.slowest
}

// round asks every endpoint once, beginning with the one that answered last.
func (c *Client) round(ctx, loop context.Context, q *call, p *past) roundResult {
	r := roundResult{refused: true}
	first := int(c.preferred.Load())
	for i := range c.endpoints {
		at := (first + i) % len(c.endpoints)
		if p.over(q, loop) {
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
		r.err, p.last, p.slowest = err, err, max(p.slowest, time.Since(sent))
		if err.Code() == OutcomeUnknown {
			p.doubt = err
		}
		if err.Problem.Status == 0 && ctx.Err() == nil {
			// It gave no answer, and may take connections for ever without giving one: the next request begins elsewhere.
			c.preferred.CompareAndSwap(int64(at), int64((at+1)%len(c.endpoints)))
		}
		if !err.elsewhere {
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

// attempt sends q to one endpoint.
func (c *Client) attempt(ctx, loop context.Context, q *call, endpoint string) (*answer, *Error) {
	bound, cancel := loop, context.CancelFunc(func() {})
	each := q.each
	if each == 0 && !q.write {
		each = c.within(q) / 2
	}
	switch {
	case q.stream:
		// A stream lasts as long as it takes; only its head is bounded by the timeout.
		bound, cancel = context.WithCancel(ctx)
		defer context.AfterFunc(loop, cancel)()
	case each > 0:
		bound, cancel = context.WithTimeout(loop, each)
	}
	a, e := c.send(bound, q, endpoint)
	if a != nil && q.stream {
		a.stream = &cancelled{a.stream, cancel}
		return a, nil
	}
	cancel()
	return a, e
}

// send does one exchange.
func (c *Client) send(ctx context.Context, q *call, endpoint string) (*answer, *Error) {
	req, err := http.NewRequestWithContext(ctx, q.method, endpoint+q.target(), bytes.NewReader(q.body))
	if err != nil {
		return nil, broken(q, endpoint, false, err)
	}
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	if c.as != nil && !q.anyAge {
		req.Header.Set(sessionHeader, string(c.as.id))
	}
	if z := c.seen.Load(); z > 0 && !q.anyAge {
		req.Header.Set(zxidHeader, strconv.FormatUint(z, 10))
	}
	sent := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		return nil, broken(q, endpoint, !isDial(err), withoutURL(err))
	}
	a := &answer{endpoint: endpoint, status: res.StatusCode, header: res.Header, sent: sent}
	a.zxid, _ = strconv.ParseUint(res.Header.Get(zxidHeader), 10, 64)
	c.Seen(a.zxid)
	ok := res.StatusCode/100 == 2
	if ok && q.stream {
		a.stream = res.Body
		return a, nil
	}
	defer res.Body.Close()
	limit := q.limit
	if !ok {
		limit = maxProblem
	}
	a.body, err = readAll(res, limit)
	switch {
	case !ok:
		return nil, refused(q, endpoint, res, a.body) // with what there is of a body that broke
	case errors.Is(err, errTooLong):
		return nil, unexpected(q, endpoint, err)
	case err != nil:
		return nil, broken(q, endpoint, true, err)
	}
	return a, nil
}

// errTooLong is an answer above its limit.
var errTooLong = errors.New("it is longer than this client takes")

// readAll reads a body of at most limit bytes.
func readAll(res *http.Response, limit int64) ([]byte, error) {
	if res.Request.Method == http.MethodHead {
		return nil, nil
	}
	if res.ContentLength > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", errTooLong, res.ContentLength, limit)
	}
	var b bytes.Buffer
	if n := res.ContentLength; n > 0 && n <= limit {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(io.LimitReader(res.Body, limit+1))
	if int64(b.Len()) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLong, limit)
	}
	return b.Bytes(), err
}

// decode reads the answer's JSON into v. Fields that this client does not know are passed over: a newer server may
// send them.
func (a *answer) decode(q *call, v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return unexpected(q, a.endpoint, err)
	}
	return nil
}

// cancelled is a body that ends its request's context when it is closed.
type cancelled struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelled) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// withoutURL is what broke, without the URL that net/http puts before it: a session's id may be in it.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// isDial says whether err is a connection that could not be made, so that nothing was sent.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
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
