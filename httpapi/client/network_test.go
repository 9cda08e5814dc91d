package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"holt/httpapi/wire"
)

// network is a cluster in memory: who is asked is noted, and answers as the test says.
type network struct {
	answer answering

	mu    sync.Mutex // guards asked
	asked []string   // host, and Last-Event-ID or since
}

// answering is how a host answers.
type answering func(host string, r *http.Request) (*http.Response, error)

// hosts is who was asked so far, in order, and from where the stream was to go on.
func (n *network) hosts() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.asked)
}

// count is how many were asked so far.
func (n *network) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.asked)
}

// forget begins hosts anew.
func (n *network) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = nil
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	from := r.Header.Get("Last-Event-ID")
	if since := r.URL.Query().Get("since"); since != "" {
		from += " since " + since
	}
	n.mu.Lock()
	n.asked = append(n.asked, strings.Join(strings.Fields(r.URL.Host+" "+from), " "))
	n.mu.Unlock()
	return n.answer(r.URL.Host, r)
}

// hang is a part of a stream that lasts until the client goes.
type hang struct{}

// streamOf is an answer that sends parts: text, pauses, an error that breaks it off, or hang. Then it ends well.
func streamOf(r *http.Request, parts ...any) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r,
		Body: io.NopCloser(&feed{ctx: r.Context(), parts: parts})}, nil
}

func problemOf(r *http.Request, status int, code wire.Code, reason string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"status":%d,"code":%q,"reason":%q}`, status, code, reason)))}, nil
}

type feed struct {
	ctx   context.Context
	parts []any
	text  string
}

func (f *feed) Read(p []byte) (int, error) {
	for f.text == "" {
		if len(f.parts) == 0 {
			return 0, io.EOF
		}
		part := f.parts[0]
		f.parts = f.parts[1:]
		switch part := part.(type) {
		case string:
			f.text = part
		case error:
			return 0, part
		case time.Duration:
			select {
			case <-time.After(part):
			case <-f.ctx.Done():
				return 0, f.ctx.Err()
			}
		case hang:
			<-f.ctx.Done()
			return 0, f.ctx.Err()
		}
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	return n, nil
}

// The messages of a stream as the server writes them.
func open(z int) string { return named("open", z, `,"leader":"a"`) }
func bookmark(z int, leader string) string {
	return named("bookmark", z, fmt.Sprintf(`,"leader":%q`, leader))
}
func change(z int) string {
	return fmt.Sprintf("id: %d\ndata: {\"zxid\":%d,\"events\":[{\"type\":\"NodeDataChanged\",\"path\":\"/a\"}]}\n\n", z, z)
}
func named(name string, z int, more string) string {
	return fmt.Sprintf("event: %s\nid: %d\ndata: {\"zxid\":%d%s}\n\n", name, z, z, more)
}
func state(path string) string {
	return fmt.Sprintf("event: state\ndata: {\"path\":%q,\"stat\":{\"version\":1}}\n\n", path)
}
