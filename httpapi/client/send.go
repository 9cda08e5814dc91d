package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// attempt sends q to one endpoint.
func (c *Client) attempt(ctx, loop context.Context, q *call, endpoint string) (*answer, *Error) {
	bound, cancel := loop, context.CancelFunc(func() {})
	each := q.each
	switch {
	case each > 0:
	case !q.write:
		each = c.within(q) / 2
	case q.repeatable():
		// Longer than a member waits for a leader (10 s, of our 15): cut off before that, "not done" would be unknown.
		each = c.within(q) * 3 / 4
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
	var gone departure
	if q.write {
		ctx = gone.trace(ctx)
	}
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
	if q.key != "" {
		req.Header.Set(keyHeader, q.key)
	}
	sent := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		return nil, broken(q, endpoint, gone.left(err), withoutURL(err))
	}
	a := &answer{endpoint: endpoint, status: res.StatusCode, header: res.Header, trailer: res.Trailer, sent: sent,
		replayed: res.Header.Get(replayedHeader) == "true"}
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

// departure notes how far a request got. It is for writes: what never left was certainly not carried out.
type departure struct{ dialling, wrote atomic.Bool }

// trace has the transport tell.
func (d *departure) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { d.dialling.Store(true) },
		WroteHeaders: func() { d.wrote.Store(true) },
	})
}

// left says whether a request that failed with err may have reached anybody. A transport that told of nothing is one
// that does not tell. One that wrote, and then could not connect, has tried again by itself.
func (d *departure) left(err error) bool {
	if d.dialling.Load() {
		return d.wrote.Load()
	}
	return !isDial(err)
}
