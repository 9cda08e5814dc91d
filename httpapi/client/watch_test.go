package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

// What cannot begin ends as any call does.
func TestWatchThatCannotBegin(t *testing.T) {
	refusal := func(status int, code wire.Code) func(string, *http.Request) (*http.Response, error) {
		return func(_ string, r *http.Request) (*http.Response, error) { return problemOf(r, status, code, "") }
	}
	for name, c := range map[string]struct {
		answer func(string, *http.Request) (*http.Response, error)
		want   client.Code
		least  time.Duration
	}{
		"nobody there":    {func(string, *http.Request) (*http.Response, error) { return nil, errDial }, client.Unreachable, 10 * time.Second},
		"no stream left":  {refusal(429, wire.Throttled), client.Throttled, 10 * time.Second},
		"a mistake":       {refusal(400, wire.BadArguments), client.BadArguments, 0},
		"an older server": {refusal(501, wire.NotImplemented), client.NotImplemented, 0},
		"not a stream":    {func(_ string, r *http.Request) (*http.Response, error) { return page(r) }, client.Unexpected, 0},
		"not holt's":      {func(_ string, r *http.Request) (*http.Response, error) { return streamOf(r, "data: hello\n\n", hang{}) }, client.Unexpected, 0},
		"another's events": {func(_ string, r *http.Request) (*http.Response, error) {
			return streamOf(r, "event: state\ndata: {}\n\n", hang{})
		}, client.Unexpected, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := listen(t.Context(), watching(t, &network{answer: c.answer}), client.WatchOptions{Paths: []string{"/a"}}, 1)
				if took := time.Since(began); !errors.Is(err, c.want) || took < c.least || took > c.least+2*time.Second {
					t.Errorf("%v after %v; want %s", err, took, c.want)
				}
			})
		})
	}
}

func page(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/html"}}, Request: r,
		Body: io.NopCloser(strings.NewReader("<html>"))}, nil
}

// The present state, broken off before it was whole, comes again from the first, and the caller is told so.
func TestWatchInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.answer = func(_ string, r *http.Request) (*http.Response, error) {
			switch q := r.URL.Query(); {
			case q.Get("initial") != "true":
				t.Errorf("request %d: %s", n.count(), r.URL.RawQuery)
			case n.count() == 1:
				return streamOf(r, state("/a"), state("/b"))
			case n.count() == 2:
				return streamOf(r, state("/a"), state("/c"), open(7))
			}
			return streamOf(r, open(7), change(8), hang{})
		}
		got, err := listen(t.Context(), watching(t, n), client.WatchOptions{Paths: []string{"/"}, Recursive: true, Initial: true}, 7)
		want := []string{"state@0/a", "state@0/b", "reset@0:interrupted", "state@0/a", "state@0/c", "open@7", "@8"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("told %q, %v; want %q", got, err, want)
		}
	})
}

// A reset that States follow moves the stream only when they have all come: broken off between, it is reset again.
func TestWatchResetWithStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reset := func(z int) string {
			return fmt.Sprintf("event: reset\ndata: {\"zxid\":%d,\"reason\":\"restored\",\"events\":[]}\n\n", z)
		}
		n := &network{}
		n.answer = func(_ string, r *http.Request) (*http.Response, error) {
			switch n.count() {
			case 1:
				return streamOf(r, state("/a"), open(70))
			case 2:
				return streamOf(r, reset(5), state("/a"), io.ErrUnexpectedEOF)
			case 3:
				return streamOf(r, reset(6), state("/b"), open(6), change(7))
			}
			return streamOf(r, open(7), change(8), hang{})
		}
		c := watching(t, n)
		got, err := listen(t.Context(), c, client.WatchOptions{Paths: []string{"/"}, Recursive: true, Initial: true}, 10)
		want := []string{"state@0/a", "open@70", "reset@5:restored", "state@0/a", "reset@0:interrupted", "reset@6:restored", "state@0/b", "open@6", "@7", "@8"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("told %q, %v; want %q", got, err, want)
		}
		if want := []string{"a", "b 70", "c 70", "a 7"}; !slices.Equal(n.hosts(), want) {
			t.Errorf("asked %q, want %q", n.hosts(), want)
		}
		if c.Zxid() != 8 {
			t.Errorf("the client has seen %d", c.Zxid())
		}
	})
}

// Once is fulfilled by a change, by nothing before it; Since is sent until the stream is open.
func TestWatchOnceAndSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.answer = func(host string, r *http.Request) (*http.Response, error) {
			switch host {
			case "a":
				return problemOf(r, 503, wire.Behind, "")
			case "b":
				return streamOf(r, open(20), bookmark(21, "a"))
			}
			return streamOf(r, open(21), change(22), change(23), hang{})
		}
		since := uint64(20)
		got, err := listen(t.Context(), watching(t, n), client.WatchOptions{Paths: []string{"/a"}, Once: true, Since: &since}, 100)
		if want := []string{"open@20", "bookmark@21", "@22"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("told %q, %v; want %q", got, err, want)
		}
		if want := []string{"a since 20", "b since 20", "c 21 since 20"}; !slices.Equal(n.hosts(), want) {
			t.Errorf("asked %q", n.hosts())
		}
	})
}

// The end of the context ends the loop with its error, in whatever state the stream is, and nothing is left running:
// the bubble would not end.
func TestWatchEndsWithItsContext(t *testing.T) {
	for _, parts := range [][]any{{open(3), hang{}}, {hang{}}, {open(3)}, {"id: 4\ndata: {", hang{}}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			defer cancel()
			n := &network{answer: func(_ string, r *http.Request) (*http.Response, error) { return streamOf(r, parts...) }}
			if _, err := listen(ctx, watching(t, n), client.WatchOptions{Paths: []string{"/a"}}, 100); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: %v", parts, err)
			}
		})
	}
}

// A caller that panics leaves nothing behind either.
func TestWatchWhoseCallerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answer: func(_ string, r *http.Request) (*http.Response, error) {
			return streamOf(r, open(3), change(4), change(5), hang{})
		}}
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		for range watching(t, n).Watch(t.Context(), client.WatchOptions{Paths: []string{"/a"}}) {
			panic("the caller's")
		}
	})
}

// Events and states carry what was asked to be included.
func TestWatchWithData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answer: func(_ string, r *http.Request) (*http.Response, error) {
			if r.URL.RawQuery != "events=data&include=data&path=%2Fa&path=%2Fb&recursive=true" {
				t.Errorf("query %s", r.URL.RawQuery)
			}
			return streamOf(r, "event: state\ndata: {\"path\":\"/a\",\"stat\":{\"version\":3},\"data\":\"\",\"encoding\":\"utf8\"}\n\n", open(3), "id: 4\n"+
				`data: {"zxid":4,"events":[{"type":"NodeCreated","path":"/a/x","data":"/w==","encoding":"base64","version":2},`+
				`{"type":"NodeDataChanged","path":"/a/y","superseded":true},{"type":"NodeDeleted","path":"/a/z","cause":"session_expired"}]}`+"\n\n", hang{})
		}}
		c := watching(t, n)
		var got []client.Message
		for m, err := range c.Watch(t.Context(), client.WatchOptions{Paths: []string{"/a", "/b"}, Recursive: true, Only: "data", Data: true}) {
			if got = append(got, m); err != nil || len(got) == 3 {
				break
			}
		}
		if s := got[0]; s.Znode.Stat.Version != 3 || s.Data == nil || len(s.Data) != 0 {
			t.Errorf("state %+v", s)
		}
		want := []client.Event{{Type: "NodeCreated", Path: "/a/x", Data: []byte{0xff}, Version: 2},
			{Type: "NodeDataChanged", Path: "/a/y", Superseded: true}, {Type: "NodeDeleted", Path: "/a/z", Cause: "session_expired"}}
		if e := got[2].Events; len(e) != 3 || string(e[0].Data) != "\xff" || fmt.Sprint(e) != fmt.Sprint(want) {
			t.Errorf("events %+v", e)
		}
	})
}
