package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/r3labs/sse/v2"
)

// connect asks one endpoint for the stream and takes what comes until the connection ends, which always has an error
// unless all was told.
//
// r3labs/sse reads the connection. It is given one connection each time, and what it does not do is done around it: a
// connection ends with an error even if it ends well, a silent one is given up, and what came of a message when the
// connection broke is told from a whole one. Its goroutine is waited for.
func (s *stream) connect(ctx context.Context, endpoint string) *Error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan error, 1)
	came := make(chan *sse.Event)
	lib := s.reader(endpoint, cancel)
	go func() {
		defer close(came)
		over <- lib.SubscribeWithContext(ctx, "", func(e *sse.Event) {
			select {
			case came <- e:
			case <-ctx.Done():
			}
		})
	}()
	defer func() { // also when the caller's code panics
		cancel(nil)
		for range came {
		}
	}()
	for e := range came {
		if err := s.came(e); err != nil {
			err.Endpoint = endpoint
			return err
		}
		if s.done {
			return nil
		}
	}
	return s.ended(ctx, endpoint, <-over)
}

// ended is why a connection is over.
func (s *stream) ended(ctx context.Context, endpoint string, err error) *Error {
	var known *Error
	cause := context.Cause(ctx)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, bufio.ErrTooLong):
		return unexpected(s.q, endpoint, errTooLong)
	case cause != nil:
		err = cause
	case err == nil:
		err = errCut
	}
	return broken(s.q, endpoint, !isDial(err), withoutURL(err))
}

// cutMark is the name of what came of a message when the connection ended.
const cutMark = "holt-cut-short"

// came takes what the library made of a block of the stream.
func (s *stream) came(e *sse.Event) *Error {
	if string(e.Event) == cutMark {
		return nil
	}
	if ms, err := strconv.ParseUint(string(e.Retry), 10, 31); err == nil {
		s.retry = min(time.Duration(ms)*time.Millisecond, maxRetry)
	}
	if len(e.Data) == 0 {
		return nil // as the standard has it
	}
	return s.take(Kind(e.Event), string(e.ID), e.Data)
}

// reader sets the library up for one connection. giveUp ends it.
func (s *stream) reader(endpoint string, giveUp context.CancelCauseFunc) *sse.Client {
	lib := sse.NewClient(endpoint+s.q.target(), sse.ClientMaxBufferSize(maxMessage))
	lib.ReconnectStrategy = never{}
	lib.Headers = s.request()
	own := *s.http
	own.Timeout = 0 // a stream lasts
	own.Transport = &watched{next: s.http.Transport, head: s.timeout / 2, giveUp: giveUp}
	lib.Connection = &own
	lib.ResponseValidator = func(_ *sse.Client, res *http.Response) error {
		if z, err := strconv.ParseUint(res.Header.Get(zxidHeader), 10, 64); err == nil && res.StatusCode != http.StatusOK {
			s.Seen(z)
		}
		kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
		switch {
		case res.StatusCode != http.StatusOK:
			body, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem))
			res.Body.Close()
			return refused(s.q, endpoint, res, body)
		case kind != "text/event-stream":
			res.Body.Close()
			return unexpected(s.q, endpoint, errors.New("content type "+strconv.Quote(kind)))
		}
		return nil
	}
	return lib
}

// never is the library's own repetition, switched off.
type never struct{}

func (never) NextBackOff() time.Duration { return -1 }
func (never) Reset()                     {}

// watched gives up on a connection that is silent: before the head of its answer, or later.
type watched struct {
	next   http.RoundTripper
	head   time.Duration // how long the head may take
	giveUp context.CancelCauseFunc
}

func (t *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	timer := time.AfterFunc(t.head, func() { t.giveUp(errSilent) })
	defer timer.Stop()
	res, err := next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusOK {
		res.Body = &watchedBody{ReadCloser: res.Body, giveUp: t.giveUp}
	}
	return res, err
}

// watchedBody watches over the reading of a stream. At its end it adds a mark: the library takes what it has then for a
// whole message, and this makes it one that can be told.
type watchedBody struct {
	io.ReadCloser
	giveUp context.CancelCauseFunc
	mark   *bytes.Reader // what is left of the mark; nil before the end
	err    error         // how it ended
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.mark == nil {
		timer := time.AfterFunc(silence, func() { b.giveUp(errSilent) })
		n, err := b.ReadCloser.Read(p)
		timer.Stop()
		if err == nil {
			return n, nil
		}
		b.err, b.mark = err, bytes.NewReader([]byte("\nevent: "+cutMark+"\n\n"))
		if n > 0 {
			return n, nil
		}
	}
	if b.mark.Len() > 0 {
		return b.mark.Read(p)
	}
	return 0, b.err
}
