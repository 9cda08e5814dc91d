package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

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
			switch host {
			case "a":
				return streamOf(r, "retry: 10\n\n", open(3), change(4), change(5), change(6)[:40], io.ErrUnexpectedEOF)
			case "b":
				return nil, errDial
			}
			return streamOf(r, open(5), change(4)+change(5)+change(6), bookmark(9, "c"), change(10), hang{})
		}
		c := watching(t, n)
		got, err := listen(t.Context(), c, client.WatchOptions{Paths: []string{"/a"}}, 6)
		if want := []string{"open@3", "@4", "@5", "@6", "bookmark@9", "@10"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("told %q, %v; want %q", got, err, want)
		}
		if want := []string{"a", "b 5", "c 5"}; !slices.Equal(n.hosts(), want) {
			t.Errorf("asked %q, want %q", n.hosts(), want)
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
				if n.count() == 1 {
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
			if n.count() == 1 {
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
		if want := []string{"open@3", "@4"}; err != nil || !slices.Equal(got, want) || !slices.Equal(n.hosts(), []string{"a", "b 3"}) {
			t.Errorf("told %q, %v, asked %q", got, err, n.hosts())
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
				if n.count() > 1 {
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
			case n.count() == 1:
				return streamOf(r, open(3))
			case time.Since(began) < time.Hour && n.count()%2 == 0:
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
		if n.count() > 3*2*3600 || n.count() < 3600 {
			t.Errorf("asked %d times in an hour", n.count())
		}
	})
}
