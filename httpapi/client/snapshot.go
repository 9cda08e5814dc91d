package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"holt/httpapi/wire"
)

const (
	snapshotPath = "/v1/snapshot"
	// continueTimeout is how long a member is given to refuse a backup before it is sent.
	continueTimeout = 2 * time.Second
)

// Snapshot writes a backup of the whole state to w and gives its length in bytes. The timeout bounds only the wait for
// its beginning. After an error what was written is not a backup; it is not tried again, as w cannot be wound back.
func (c *Client) Snapshot(ctx context.Context, w io.Writer) (int64, error) {
	_, n, err := c.Backup(ctx, w)
	return n, err
}

// Backup is Snapshot, and gives the zxid of the state.
func (c *Client) Backup(ctx context.Context, w io.Writer) (zxid uint64, n int64, err error) {
	q := &call{method: http.MethodGet, prefix: snapshotPath, stream: true}
	a, err := c.do(ctx, q)
	if err != nil {
		return 0, 0, err
	}
	defer a.stream.Close()
	out := &sink{w: w}
	n, err = io.Copy(out, a.stream)
	switch {
	case out.err != nil:
		return a.zxid, n, fmt.Errorf("writing the snapshot: %w", out.err)
	case err != nil:
		return a.zxid, n, broken(q, a.endpoint, true, err)
	}
	return a.zxid, n, nil
}

// sink remembers whether it was the writer that failed.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (n int, err error) {
	n, s.err = s.w.Write(p)
	return n, s.err
}

// Restore puts a backup in the place of the whole cluster's state; unless replace is true only where there are no znodes. It is
// sent to the first member that takes it, once, and bounded by ctx alone. An OutcomeUnknown may be done yet; after every other
// error nothing was done.
func (c *Client) Restore(ctx context.Context, backup io.Reader, replace bool) (*wire.Restored, error) {
	q := &call{method: http.MethodPut, prefix: snapshotPath, write: true, limit: MaxJSONAnswer, query: url.Values{}}
	if replace {
		q.query.Set("replace", "true")
	}
	body := &backupBody{r: backup}
	first := int(c.preferred.Load())
	for try := 0; ; try++ {
		at := (first + try) % len(c.endpoints)
		done, err := c.restoreAt(ctx, q, c.endpoints[at], body)
		if err == nil {
			c.preferred.Store(int64(at))
			return done, nil
		}
		if failed := body.failed(); failed != nil {
			return nil, fmt.Errorf("reading the backup: %w (nothing was done)", failed)
		}
		if !err.elsewhere || body.touched() || try+1 == len(c.endpoints) || ctx.Err() != nil {
			return nil, err
		}
	}
}

// restoreAt sends the backup to one member.
func (c *Client) restoreAt(ctx context.Context, q *call, endpoint string, body *backupBody) (*wire.Restored, *Error) {
	req, err := http.NewRequestWithContext(ctx, q.method, endpoint+q.target(), body)
	if err != nil {
		return nil, broken(q, endpoint, false, err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Expect", "100-continue") // a refusal may come before the body
	if z := c.seen.Load(); z > 0 {
		req.Header.Set(zxidHeader, strconv.FormatUint(z, 10))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, broken(q, endpoint, body.sent(), withoutURL(err)) // a member does nothing before it has all
	}
	defer res.Body.Close()
	a := &answer{endpoint: endpoint, status: res.StatusCode, header: res.Header}
	a.zxid, _ = strconv.ParseUint(res.Header.Get(zxidHeader), 10, 64)
	c.Seen(a.zxid)
	a.body, err = readAll(res, q.limit)
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, refused(q, endpoint, res, a.body)
	case err != nil:
		return nil, broken(q, endpoint, true, err)
	}
	done := new(wire.Restored)
	if err := a.decode(q, done); err != nil {
		return nil, broken(q, endpoint, true, err)
	}
	return done, nil
}

// backupBody is a backup on its way through the transport, which reads on a goroutine of its own.
type backupBody struct {
	r io.Reader

	mu    sync.Mutex // guards what follows; not held while reading
	began bool
	end   error // of r
}

func (b *backupBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.began = true
	b.mu.Unlock()
	n, err := b.r.Read(p) // one attempt reads at a time: the next is made only if none has
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.end = err
	}
	return n, err
}

// touched says whether anything was read of it: it cannot be sent again then.
func (b *backupBody) touched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.began
}

// sent says whether all was read: it may be with the member then.
func (b *backupBody) sent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end == io.EOF
}

// failed is what went wrong with the reading, nil if nothing did.
func (b *backupBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end == io.EOF {
		return nil
	}
	return b.end
}
