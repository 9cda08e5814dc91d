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

// network is a cluster in memory: who is asked is noted, and answers as the test says.
type network struct {
	answer func(host string, r *http.Request) (*http.Response, error)
	asked  []string // host, and Last-Event-ID or since
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	from := r.Header.Get("Last-Event-ID")
	if since := r.URL.Query().Get("since"); since != "" {
		from += " since " + since
	}
	n.asked = append(n.asked, strings.Join(strings.Fields(r.URL.Host+" "+from), " "))
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

// told is a message in short, such as open@3 or @4.
func told(m client.Message) string {
	s := fmt.Sprintf("%s@%d", m.Kind, m.Zxid)
	if m.Znode != nil {
		s += m.Znode.Path
	}
	if m.Reason != "" {
		s += ":" + m.Reason
	}
	return s
}

// watching makes a client of hosts a, b and c.
func watching(t *testing.T, n *network) *client.Client {
	return connect(t, client.Config{Endpoints: []string{"a", "b", "c"}, HTTP: &http.Client{Transport: n}, Timeout: 10 * time.Second})
}

// listen takes messages until there are enough of them, or an error.
func listen(ctx context.Context, c *client.Client, want client.WatchOptions, enough int) (got []string, err error) {
	for m, err := range c.Watch(ctx, want) {
		if err != nil {
			return got, err
		}
		if got = append(got, told(m)); len(got) == enough {
			return got, nil
		}
	}
	return got, nil
}

// A member that breaks off in the middle of a message, one that is gone, one that sends again what was told: the
// stream goes on where it was, on the next member, and tells everything once.
func TestWatchGoesOnElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.answer = func(host string, r *http.Request) (*http.Response, error) {
			switch {
			case host == "a":
				return streamOf(r, "retry: 10\n\n", open(3), change(4), change(5), change(6)[:40], io.ErrUnexpectedEOF)
			case host == "b":
				return nil, errDial
			}
			return streamOf(r, open(5), change(4)+change(5)+change(6), bookmark(9, "c"), change(10), hang{})
		}
		c := watching(t, n)
		got, err := listen(t.Context(), c, client.WatchOptions{Paths: []string{"/a"}}, 6)
		if want := []string{"open@3", "@4", "@5", "@6", "bookmark@9", "@10"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("told %q, %v; want %q", got, err, want)
		}
		if want := []string{"a", "b 5", "c 5"}; !slices.Equal(n.asked, want) {
			t.Errorf("asked %q, want %q", n.asked, want)
		}
		if c.Zxid() != 10 {
			t.Errorf("the client has seen %d", c.Zxid())
		}
	})
}

// Wherever a connection breaks, nothing is lost, and nothing is told twice.
func TestWatchCutAnywhere(t *testing.T) {
	whole := open(3) + change(4) + ": a comment\n\n" + bookmark(5, "a") + change(6) + change(7)
	want := []string{"@4", "@6", "@7"}
	for cut := range len(whole) {
		ending := []any{io.EOF, io.ErrUnexpectedEOF}[cut%2]
		synctest.Test(t, func(t *testing.T) {
			n := &network{}
			n.answer = func(_ string, r *http.Request) (*http.Response, error) {
				if len(n.asked) == 1 {
					return streamOf(r, whole[:cut], ending)
				}
				var after int
				if _, err := fmt.Sscan(r.Header.Get("Last-Event-ID"), &after); err != nil {
					after = 3
				}
				text := open(after)
				for _, z := range []int{4, 6, 7} {
					if z > after {
						text += change(z)
					}
				}
				return streamOf(r, text, hang{})
			}
			var got []string
			for m, err := range watching(t, n).Watch(t.Context(), client.WatchOptions{Paths: []string{"/a"}}) {
				if err != nil {
					t.Fatal(err)
				}
				if m.Kind == client.Changed {
					got = append(got, told(m))
				}
				if m.Zxid == 7 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("cut at %d: told %q", cut, got)
			}
		})
	}
}

// What a reset says is passed on. Where the cluster is another one, zxids begin anew, for all of the client.
func TestWatchReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.answer = func(_ string, r *http.Request) (*http.Response, error) {
			if len(n.asked) == 1 {
				return streamOf(r, open(30), change(31), named("reset", 40, `,"reason":"lagged","events":[{"type":"NodeDeleted","path":"/b"}]`), change(40), change(41))
			}
			return streamOf(r, named("reset", 2, `,"reason":"restored","events":[]`), open(2), change(3), hang{})
		}
		c := watching(t, n)
		got, err := listen(t.Context(), c, client.WatchOptions{Paths: []string{"/a"}}, 6)
		if want := []string{"open@30", "@31", "reset@40:lagged", "@41", "reset@2:restored", "@3"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("told %q, %v; want %q", got, err, want)
		}
		if c.Zxid() != 3 {
			t.Errorf("the client asks for %d, which the cluster will not have for long", c.Zxid())
		}
	})
}

// A server that is silent for 45 s is given up; one that only sends comments is not.
func TestWatchNoticesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.answer = func(host string, r *http.Request) (*http.Response, error) {
			if host == "a" {
				return streamOf(r, open(3), 44*time.Second, ": all is well\n\n", 44*time.Second, ": all is well\n\n", hang{})
			}
			return streamOf(r, open(3), change(4), hang{})
		}
		began := time.Now()
		got, err := listen(t.Context(), watching(t, n), client.WatchOptions{Paths: []string{"/a"}}, 2)
		if want := []string{"open@3", "@4"}; err != nil || !slices.Equal(got, want) || !slices.Equal(n.asked, []string{"a", "b 3"}) {
			t.Errorf("told %q, %v, asked %q", got, err, n.asked)
		}
		if took := time.Since(began); took < (44+44+45)*time.Second || took > (44+44+46)*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A member that does not even answer is given up sooner.
func TestWatchNoticesAMemberThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.answer = func(host string, r *http.Request) (*http.Response, error) {
			if host == "a" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return streamOf(r, open(3), hang{})
		}
		began := time.Now()
		if got, err := listen(t.Context(), watching(t, n), client.WatchOptions{Paths: []string{"/a"}}, 1); err != nil || got[0] != "open@3" {
			t.Errorf("told %q, %v", got, err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A member that has no leader for two bookmarks may be cut off: another is asked.
func TestWatchLeavesAMemberThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.answer = func(host string, r *http.Request) (*http.Response, error) {
			if host == "a" {
				return streamOf(r, open(3), 15*time.Second, bookmark(3, ""), 15*time.Second, bookmark(3, "a"), 15*time.Second,
					bookmark(3, ""), 15*time.Second, bookmark(3, ""), 15*time.Second, bookmark(3, ""), hang{})
			}
			return streamOf(r, open(3), change(4), hang{})
		}
		began := time.Now()
		got, err := listen(t.Context(), watching(t, n), client.WatchOptions{Paths: []string{"/a"}}, 6)
		if err != nil || got[5] != "@4" || time.Since(began) < time.Minute || time.Since(began) > 61*time.Second {
			t.Errorf("told %q after %v, %v", got, time.Since(began), err)
		}
	})
}

// The pause a server asks for is kept, and not by all clients alike.
func TestWatchHeedsRetry(t *testing.T) {
	took := map[time.Duration]bool{}
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			var cut time.Time
			n := &network{}
			n.answer = func(_ string, r *http.Request) (*http.Response, error) {
				if len(n.asked) > 1 {
					took[time.Since(cut)] = true
					return streamOf(r, open(3), change(4), hang{})
				}
				cut = time.Now().Add(2 * time.Second)
				return streamOf(r, "retry: 8000\n\n", open(3), 2*time.Second)
			}
			if _, err := listen(t.Context(), watching(t, n), client.WatchOptions{Paths: []string{"/a"}}, 2); err != nil {
				t.Error(err)
			}
		})
	}
	for d := range took {
		if d < 8*time.Second || d > 10*time.Second+time.Millisecond {
			t.Errorf("a pause of %v", d)
		}
	}
	if len(took) < 2 {
		t.Errorf("all clients paused alike: %v", took)
	}
}

// A stream that was open goes on trying for as long as it takes.
func TestWatchOutlivesALongAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		began := time.Now()
		n.answer = func(_ string, r *http.Request) (*http.Response, error) {
			switch {
			case len(n.asked) == 1:
				return streamOf(r, open(3))
			case time.Since(began) < time.Hour && len(n.asked)%2 == 0:
				return problemOf(r, 503, wire.NoLeader, "")
			case time.Since(began) < time.Hour:
				return nil, errDial
			}
			return streamOf(r, open(3), change(4), hang{})
		}
		got, err := listen(t.Context(), watching(t, n), client.WatchOptions{Paths: []string{"/a"}}, 2)
		if err != nil || !slices.Equal(got, []string{"open@3", "@4"}) {
			t.Errorf("told %q, %v", got, err)
		}
		if len(n.asked) > 3*2*3600 || len(n.asked) < 3600 {
			t.Errorf("asked %d times in an hour", len(n.asked))
		}
	})
}

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
				t.Errorf("request %d: %s", len(n.asked), r.URL.RawQuery)
			case len(n.asked) == 1:
				return streamOf(r, state("/a"), state("/b"))
			case len(n.asked) == 2:
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
			switch len(n.asked) {
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
		if want := []string{"a", "b 70", "c 70", "a 7"}; !slices.Equal(n.asked, want) {
			t.Errorf("asked %q, want %q", n.asked, want)
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
		if want := []string{"a since 20", "b since 20", "c 21 since 20"}; !slices.Equal(n.asked, want) {
			t.Errorf("asked %q", n.asked)
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
