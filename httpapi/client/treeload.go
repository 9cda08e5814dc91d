package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"holt/httpapi/wire"
)

// LoadOptions says how a tree is loaded.
type LoadOptions struct {
	// Replace gives znodes that are there with other data the data of their lines; else they are kept as they are.
	Replace bool
	// Parents makes the parents of the znode that the first line comes to.
	Parents bool
}

// Loaded is what became of the lines of a tree.
type Loaded struct {
	wire.TreeLoaded
	// Replayed says that all this happened before, under the same key.
	Replayed bool
}

// LoadTree loads a tree, the lines that Tree gives with data, at path: the first line's znode comes to path, all others below it.
//
// It is loaded in batches. A load that broke off is sent again, from the beginning and to the next member, under the same key: what
// was loaded is not loaded twice. For that open is called again; one that cannot open twice says so by an error, and the load
// ends with what broke it. It goes on for as long as it gets on; the Client's timeout bounds how long it does not. The error says,
// in Problem.Line and Problem.Loaded, how far it came. What open gave is closed, but may be in the middle of a Read.
func (c *Client) LoadTree(ctx context.Context, path string, open func() (io.ReadCloser, error), how LoadOptions) (*Loaded, error) {
	q := &call{method: http.MethodPut, prefix: treePrefix, path: path, query: url.Values{}, write: true, limit: maxProblem,
		header: map[string]string{"Content-Type": ndjson}}
	if how.Replace {
		q.query.Set("replace", "true")
	}
	if how.Parents {
		q.query.Set("parents", "true")
	}
	if path == "" || path[0] != '/' {
		return nil, mistake(q, "a path must begin with /")
	}
	if err := c.keyFor(q); err != nil {
		return nil, err
	}
	l := &treeLoading{Client: c, q: q, open: open, moved: time.Now()}
	a, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	done := &Loaded{Replayed: a.replayed}
	if err := a.decode(q, &done.TreeLoaded); err != nil {
		return nil, err
	}
	return done, nil
}

// treeLoading is a tree that is being loaded.
type treeLoading struct {
	*Client
	q     *call
	open  func() (io.ReadCloser, error)
	ready io.ReadCloser // opened, and nothing read of it; nil if it must be opened
	moved time.Time     // when it last got on
	lines int64         // how far it was then
}

// run sends the tree until it is loaded, or refused, or does not get on.
func (l *treeLoading) run(ctx context.Context) (*answer, error) {
	defer func() {
		if l.ready != nil {
			l.ready.Close()
		}
	}()
	first := int(l.preferred.Load())
	var last *Error
	past := past{q: l.q}
	for try := 0; ; try++ {
		if l.ready == nil {
			body, err := l.open()
			switch {
			case err != nil && last != nil:
				return nil, past.outcome(last) // which cannot be tried again
			case err != nil:
				return nil, err
			}
			l.ready = body
		}
		at := (first + try) % len(l.endpoints)
		a, err := l.send(ctx, l.endpoints[at])
		if err == nil {
			l.preferred.Store(int64(at))
			return a, nil
		}
		if !errors.As(err, &last) {
			return nil, err // of what is to be loaded
		}
		last.Key = l.q.shownKey()
		past.note(last, 0)
		if done := last.Problem.Loaded; done != nil && done.Lines > l.lines {
			l.lines, l.moved = done.Lines, time.Now()
		}
		if !last.elsewhere || ctx.Err() != nil || time.Since(l.moved) > l.timeout {
			return nil, past.outcome(last)
		}
		l.log.Debug("going on to another member", "endpoint", last.Endpoint, "code", string(last.Code()), "err", last.Cause)
		if (try+1)%len(l.endpoints) == 0 && !pause(ctx, try/len(l.endpoints), last.retryAfter) {
			return nil, past.outcome(last)
		}
	}
}

// send does one exchange.
func (l *treeLoading) send(ctx context.Context, endpoint string) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var gone departure
	body := newLoadBody(l.ready, func() { cancel(fmt.Errorf("the member took nothing for %s", treeSilence)) })
	defer func() {
		if body.giveUp() { // else nobody has read of it, and the next attempt can
			l.ready = nil
		}
	}()
	req, err := http.NewRequestWithContext(gone.trace(ctx), l.q.method, endpoint+l.q.target(), body)
	if err != nil {
		return nil, broken(l.q, endpoint, false, err)
	}
	for k, v := range l.q.header {
		req.Header.Set(k, v)
	}
	if l.as != nil {
		req.Header.Set(sessionHeader, string(l.as.id))
	}
	if z := l.seen.Load(); z > 0 {
		req.Header.Set(zxidHeader, strconv.FormatUint(z, 10))
	}
	if l.q.key != "" {
		req.Header.Set(keyHeader, l.q.key)
	}
	res, err := l.http.Do(req)
	if failed := body.failed(); failed != nil {
		if err == nil {
			res.Body.Close()
		}
		return nil, fmt.Errorf("reading what is to be loaded: %w (the lines before it may be loaded)", failed)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, broken(l.q, endpoint, gone.left(err), withoutURL(err))
	}
	defer res.Body.Close()
	a := &answer{endpoint: endpoint, status: res.StatusCode, header: res.Header, replayed: res.Header.Get(replayedHeader) == "true"}
	a.zxid, _ = strconv.ParseUint(res.Header.Get(zxidHeader), 10, 64)
	l.Seen(a.zxid)
	a.body, err = readAll(res, l.q.limit)
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, refused(l.q, endpoint, res, a.body)
	case err != nil:
		return nil, broken(l.q, endpoint, true, err)
	}
	return a, nil
}

// loadBody is what is to be loaded on its way through the transport. It notes whether anything was read of it, and what
// broke it; and tells when a member takes nothing of it for treeSilence, or does not answer when it has all.
type loadBody struct {
	silent *time.Timer

	mu    sync.Mutex // guards what follows; not held while reading
	r     io.ReadCloser
	over  bool // the exchange is
	began bool
	err   error // of r, but io.EOF
}

func newLoadBody(r io.ReadCloser, stalled func()) *loadBody {
	return &loadBody{r: r, silent: time.AfterFunc(treeSilence, stalled)}
}

func (b *loadBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.began = true
	over := b.over
	b.mu.Unlock()
	if over {
		return 0, io.ErrClosedPipe
	}
	b.silent.Stop() // what is waited for now is not the member
	n, err := b.r.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, io.ErrClosedPipe
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	b.silent.Reset(treeSilence)
	return n, err
}

// Close is the transport's, which may wait for a Read to end. What nobody has read of stays open, for the next attempt.
func (b *loadBody) Close() error {
	b.mu.Lock()
	began := b.began
	b.mu.Unlock()
	if began {
		return b.r.Close()
	}
	return nil
}

// failed is what went wrong with the reading, nil if nothing did.
func (b *loadBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// giveUp ends the exchange, and says whether anything was read for it. What was is closed.
func (b *loadBody) giveUp() bool {
	b.mu.Lock()
	b.over = true
	began := b.began
	b.mu.Unlock()
	b.silent.Stop()
	if began {
		b.r.Close()
	}
	return began
}
