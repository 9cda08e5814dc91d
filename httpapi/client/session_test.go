package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

const secret = "000102030405060708090a0b0c0d0e0f"

// house is a cluster that has one session, of 6 s, to be renewed every 2 s.
type house struct {
	network
	closes []string // hosts that were asked to close it

	changing sync.Mutex // guards renew
	renew    answering  // nil: acknowledged at once
}

// renewals sets how renewals are answered from now on.
func (h *house) renewals(f answering) {
	h.changing.Lock()
	defer h.changing.Unlock()
	h.renew = f
}

func newHouse() *house {
	h := &house{}
	h.answer = func(host string, r *http.Request) (*http.Response, error) {
		switch {
		case r.Method == "POST" && r.URL.Path == "/v1/sessions":
			return jsonOf(r, 201, fmt.Sprintf(`{"id":%q,"owner":"s17","timeout_ms":6000}`, secret))
		case r.Method == "DELETE":
			h.closes = append(h.closes, host)
			return jsonOf(r, 204, "")
		case strings.HasSuffix(r.URL.Path, "/keepalive"):
			h.changing.Lock()
			renew := h.renew
			h.changing.Unlock()
			if renew == nil {
				return renewed(r)
			}
			return renew(host, r)
		}
		return jsonOf(r, 201, `{"path":"/a","stat":{}}`)
	}
	return h
}

func renewed(r *http.Request) (*http.Response, error) {
	return jsonOf(r, 200, `{"timeout_ms":6000,"expires_in_ms":6000,"next_keepalive_ms":2000}`)
}

func jsonOf(r *http.Request, status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{"Holt-Zxid": {"17"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body))}, nil
}

// opened opens a session in the house.
func opened(t *testing.T, h *house) *client.Session {
	t.Helper()
	c := connect(t, client.Config{Endpoints: []string{"a", "b", "c"}, HTTP: &http.Client{Transport: h}, Timeout: 10 * time.Second})
	s, err := c.OpenSession(t.Context(), 6*time.Second)
	if err != nil || s.ID != secret || s.Owner != "s17" || s.Timeout != 6*time.Second {
		t.Fatalf("OpenSession = %+v, %v", s, err)
	}
	t.Cleanup(s.Leave)
	return s
}

func isLost(s *client.Session) bool {
	select {
	case <-s.Lost():
		return true
	default:
		return false
	}
}

// A session stays alive for as long as it is renewed; closed, it is over, and nothing renews it any more.
func TestSessionRenewsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := opened(t, h)
		time.Sleep(time.Hour)
		if s.Err() != nil || isLost(s) || s.Left() < 3*time.Second {
			t.Errorf("after an hour: %v, %v left", s.Err(), s.Left())
		}
		if n := h.count(); n < 1700 || n > 1900 {
			t.Errorf("renewed %d times in an hour", n)
		}
		if err := s.Close(t.Context()); err != nil || len(h.closes) != 1 {
			t.Errorf("Close: %v", err)
		}
		n := h.count()
		time.Sleep(time.Minute)
		if h.count() != n || !errors.Is(s.Err(), client.SessionExpired) || isLost(s) {
			t.Errorf("after Close: %d requests, %v", h.count()-n, s.Err())
		}
	})
}

// With one member hanging and one behind a gateway that gave it up the third renews it.
func TestSessionIsRenewedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.renewals(func(host string, r *http.Request) (*http.Response, error) {
			switch host {
			case "a":
				<-r.Context().Done()
				return nil, r.Context().Err()
			case "b":
				return jsonOf(r, 502, "<html>")
			}
			return renewed(r)
		})
		s := opened(t, h)
		time.Sleep(time.Minute)
		if s.Err() != nil || isLost(s) {
			t.Error(s.Err())
		}
		if a := slices.Index(h.hosts()[2:], "a"); a >= 0 {
			t.Errorf("the member that hangs is asked again: %q", h.hosts())
		}
	})
}

// Without an acknowledgement for its timeout the session is lost: at that moment, for good, even if the servers come
// back and would still know it. Nothing is sent in its name any more.
func TestSessionIsLostWithoutAcknowledgement(t *testing.T) {
	for name, away := range map[string]answering{
		"nobody there": func(string, *http.Request) (*http.Response, error) { return nil, errDial },
		"no leader":    func(_ string, r *http.Request) (*http.Response, error) { return problemOf(r, 503, wire.NoLeader, "") },
		"a bug":        func(_ string, r *http.Request) (*http.Response, error) { return problemOf(r, 500, wire.Internal, "") },
		"no answer": func(_ string, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"an answer that comes too late": func(_ string, r *http.Request) (*http.Response, error) {
			time.Sleep(7 * time.Second)
			return renewed(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse()
				h.renewals(nil)
				s := opened(t, h)
				time.Sleep(2*time.Second + time.Millisecond) // the last that is acknowledged is sent after 2 s
				h.renewals(away)
				time.Sleep(6*time.Second - 2*time.Millisecond)
				if isLost(s) || s.Err() != nil {
					t.Fatalf("lost too early: %v", s.Err())
				}
				time.Sleep(2 * time.Millisecond)
				if synctest.Wait(); !isLost(s) || !errors.Is(s.Err(), client.SessionExpired) || s.Left() != 0 {
					t.Fatalf("not lost in time: %v", s.Err())
				}
				h.renewals(nil) // they are back
				time.Sleep(time.Minute)
				n := h.count()
				_, err := s.Client().Create(t.Context(), "/a", nil, client.Ephemeral)
				if !errors.Is(err, client.SessionExpired) || h.count() != n || s.Err() == nil {
					t.Errorf("Create in its name: %v, %d requests", err, h.count()-n)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

// A renewal counts from when it was sent: an answer that took 3 s leaves 3 s.
func TestSessionCountsFromTheSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.renewals(func(_ string, r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return renewed(r)
		})
		s := opened(t, h)
		time.Sleep(3*time.Second + time.Millisecond)
		if left := s.Left(); left > 5*time.Second || left < 4900*time.Millisecond {
			t.Errorf("%v left", left)
		}
	})
}

// A process that was stopped for longer than the timeout knows on waking, before any timer went off.
func TestSessionLooksAtTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		blocked := make(chan struct{})
		h.renewals(func(_ string, r *http.Request) (*http.Response, error) {
			<-blocked // whatever its context says, as while the process is stopped
			return renewed(r)
		})
		s := opened(t, h)
		time.Sleep(time.Minute)
		if !errors.Is(s.Err(), client.SessionExpired) || !isLost(s) {
			t.Errorf("%v", s.Err())
		}
		close(blocked)
		if synctest.Wait(); s.Err() == nil {
			t.Error("a late answer brought it back")
		}
	})
}

// The servers say that it is over: it is, at once, and the reason is kept.
func TestSessionThatTheServersEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.renewals(func(_ string, r *http.Request) (*http.Response, error) {
			return problemOf(r, 410, wire.SessionExpired, "killed")
		})
		s := opened(t, h)
		<-s.Lost()
		var e *client.Error
		if !errors.As(s.Err(), &e) || e.Problem.Reason != "killed" {
			t.Errorf("%v", s.Err())
		}
	})
}

// Opening and closing are sent again where their outcome is not known: a second session ends by itself, and one that is
// closed already is closed.
func TestSessionOpenAndCloseAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		well := h.answer
		h.answer = func(host string, r *http.Request) (*http.Response, error) {
			if host == "a" {
				return nil, errReset
			}
			if r.Method == "DELETE" {
				return problemOf(r, 410, wire.SessionExpired, "closed")
			}
			return well(host, r)
		}
		s := opened(t, h)
		h.forget()
		h.answer = func(host string, r *http.Request) (*http.Response, error) {
			if host == "b" {
				return nil, errReset
			}
			return problemOf(r, 410, wire.SessionExpired, "closed")
		}
		if err := s.Close(t.Context()); err != nil || !slices.Equal(h.hosts(), []string{"b", "c"}) {
			t.Errorf("Close: %v, asked %q", err, h.hosts())
		}
		h.answer = func(_ string, r *http.Request) (*http.Response, error) {
			return problemOf(r, 410, wire.SessionExpired, "expired")
		}
		if err := s.Close(t.Context()); !errors.Is(err, client.SessionExpired) {
			t.Errorf("Close of one that had expired: %v", err)
		}
		h.answer = func(host string, r *http.Request) (*http.Response, error) {
			if host == "b" {
				return nil, errReset
			}
			return problemOf(r, 503, wire.NoLeader, "")
		}
		if err := s.Close(t.Context()); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("Close that broke off once, and was refused then: %v", err)
		}
	})
}

// Requests of a session say so, those of others do not, and nothing ever prints the id.
func TestSessionIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := opened(t, h)
		var sent []string
		h.answer = func(_ string, r *http.Request) (*http.Response, error) {
			sent = append(sent, r.Header.Get("Holt-Session"))
			return nil, errReset
		}
		c := connect(t, client.Config{Endpoints: []string{"a"}, HTTP: &http.Client{Transport: h}, Timeout: time.Millisecond})
		ctx := t.Context()
		_, e1 := s.Client().Keyless().Put(ctx, "/a", nil, client.Any()) // which is sent once
		_, e2 := c.As(secret).Keyless().Put(ctx, "/a", nil, client.Any())
		_, e3 := c.Keyless().Put(ctx, "/a", nil, client.Any())
		if want := []string{secret, secret, ""}; !slices.Equal(sent, want) {
			t.Errorf("sent %q", sent)
		}
		_, e4 := c.Session(ctx, secret)
		_, e5 := c.Keepalive(ctx, secret)
		e6 := c.CloseSession(ctx, secret)
		for i, err := range []error{e1, e2, e3, e4, e5, e6} {
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
				t.Errorf("error %d: %v", i, err)
			}
		}
		if p := fmt.Sprintf("%v %+v %s %#v", s.ID, s.ID, s.ID, s.ID); strings.Contains(p, secret) {
			t.Errorf("it prints as %s", p)
		}
	})
}

// Many sessions are renewed in one request; what became of each is told.
func TestKeepaliveOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.answer = func(_ string, r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			if r.URL.Path != "/v1/keepalive" || string(body) != `["x","y"]` {
				t.Errorf("%s %s", r.URL.Path, body)
			}
			return jsonOf(r, 200, `[{"id":"x","timeout_ms":6000,"expires_in_ms":5000,"next_keepalive_ms":2000},{"id":"y","code":"session_expired","reason":"closed"}]`)
		}
		c := connect(t, client.Config{Endpoints: []string{"a"}, HTTP: &http.Client{Transport: h}})
		got, err := c.Keepalive(t.Context(), "x", "y")
		if err != nil || got[0].Err != nil || got[0].Next != 2*time.Second || !errors.Is(got[1].Err, client.SessionExpired) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// The events of a session begin where it began, and end with it.
func TestSessionEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		well := h.answer
		h.answer = func(host string, r *http.Request) (*http.Response, error) {
			switch {
			case !strings.HasSuffix(r.URL.Path, "/events"):
				return well(host, r)
			case r.Header.Get("Last-Event-ID") == "":
				return streamOf(r, open(17), change(18), io.ErrUnexpectedEOF)
			}
			return streamOf(r, open(18), named("session", 30, `,"owner":"s17","state":"killed"`))
		}
		s := opened(t, h)
		h.forget()
		var got []string
		for m, err := range s.Events(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, told(m))
		}
		if want := []string{"open@17", "@18", "session@30:killed"}; !slices.Equal(got, want) || !slices.Equal(h.hosts(), []string{"a since 17", "b 18 since 17"}) {
			t.Errorf("told %q, asked %q", got, h.hosts())
		}
		h.answer = func(_ string, r *http.Request) (*http.Response, error) {
			return problemOf(r, 410, wire.SessionExpired, "killed")
		}
		for _, err := range s.Events(t.Context(), 0) {
			if !errors.Is(err, client.SessionExpired) || strings.Contains(err.Error(), secret) {
				t.Errorf("of one that is over: %v", err)
			}
		}
	})
}
