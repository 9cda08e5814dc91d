package client

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"holt/httpapi/wire"
)

const (
	sessionsPrefix = "/v1/sessions"

	// A renewal that is not acknowledged within this part of the session's timeout is sent to another member.
	renewalPart = 4
	// shortPause is the least time between two renewals of a session, whatever the server says.
	shortPause = 20 * time.Millisecond
)

// SessionID is what it takes to be a session: whoever has it is it. It prints as a word that says nothing, so that it
// gets into no log; string(id) is the id itself.
type SessionID string

// String does not give the id away.
func (SessionID) String() string { return "(a session's id)" }

// GoString does not give the id away.
func (id SessionID) GoString() string { return id.String() }

// LogValue does not give the id away.
func (id SessionID) LogValue() slog.Value { return slog.StringValue(id.String()) }

// Session is a lease: the server keeps what belongs to it, ephemeral znodes and watches, for as long as it is renewed.
// It renews itself until Close or Leave. A renewal counts from the moment it was sent, and only when it was
// acknowledged; when none was for Timeout, by this process's monotonic clock, the session is lost here, for good, even
// if the servers have not ended it yet: whoever acts for the session must stop before the servers give its znodes away.
type Session struct {
	ID      SessionID
	Owner   string        // its public name, as in the stat of its ephemerals
	Timeout time.Duration // as the server granted it

	base  *Client // without the session
	own   *Client // with it
	stop  context.CancelFunc
	ended chan struct{} // closed when nothing renews it any more
	lost  chan struct{} // closed when it is lost
	alarm *time.Timer   // looks when until is over, also while a request hangs

	mu    sync.Mutex // guards the fields below
	until time.Time  // it is certainly alive before this
	err   error      // why it is over; nil while it is not
	last  error      // how the last renewal failed; nil when it did not
}

// OpenSession opens a session and begins to renew it. timeout is a wish, which the server fits into its limits; 0 leaves
// it to the server. ctx bounds the opening alone. A session that was opened without this call hearing of it ends by
// itself. Of a Keyed Client, whose key is then no less a secret than the session's id, it gives the session that was opened
// with that key before; SessionExpired if it is over.
func (c *Client) OpenSession(ctx context.Context, timeout time.Duration) (*Session, error) {
	q := &call{method: http.MethodPost, prefix: sessionsPrefix, write: true, secret: true, limit: MaxJSONAnswer}
	if timeout != 0 {
		q.query = url.Values{"timeout": {timeout.String()}}
	}
	base := &Client{shared: c.shared, keyless: c.keyless}
	a, err := (&Client{shared: c.shared, key: c.key, keyless: c.keyless}).do(ctx, q)
	if err != nil {
		return nil, err
	}
	var in wire.SessionOpened
	if err := a.decode(q, &in); err != nil {
		return nil, err
	}
	s := &Session{ID: SessionID(in.ID), Owner: in.Owner, Timeout: millis(in.TimeoutMs), base: base,
		ended: make(chan struct{}), lost: make(chan struct{})}
	if s.ID == "" || s.Timeout <= 0 {
		return nil, unexpected(q, a.endpoint, errors.New("a session without an id or a timeout"))
	}
	if a.replayed { // it was opened some time ago, so only a renewal says until when it is alive
		if a, err = base.do(ctx, keepaliveCall(s.ID)); err != nil {
			return nil, err
		}
	}
	s.own = &Client{shared: c.shared, keyless: c.keyless, as: &holder{id: s.ID, over: s.Err}}
	s.until = a.sent.Add(s.Timeout)
	s.alarm = time.AfterFunc(time.Until(s.until), func() { _ = s.Err() })
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.keep(ctx, s.Timeout/3)
	return s, nil
}

// Client gives a Client whose requests belong to the session: what they write is done only while it is alive. Once the
// session is over they fail with SessionExpired and are not sent.
func (s *Session) Client() *Client { return s.own }

// Lost is closed when the session is over without having been closed: the servers said so, or nobody could say that it
// is not.
func (s *Session) Lost() <-chan struct{} { return s.lost }

// Err is nil while the session is certainly alive. Afterwards it is a SessionExpired that says why, for ever. It looks at
// the clock itself, so it is right also before Lost could be closed, as in a process that was stopped for a while.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.leftLocked() <= 0 {
		s.lose(over("no renewal was acknowledged for "+s.Timeout.String(), s.last))
	}
	return s.err
}

// Left is for how long the session is certainly alive if no further renewal is acknowledged; 0 when it is over.
func (s *Session) Left() time.Duration {
	if s.Err() != nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, s.leftLocked())
}

// leftLocked is how long it is to until by the monotonic clock, or by the wall clock if that is less: the first stands
// still while the machine sleeps, and the servers' clocks do not. A wall clock that is put forward loses sessions; the
// other mistake would be two holders of one lock. s.mu is held.
func (s *Session) leftLocked() time.Duration {
	return min(time.Until(s.until), s.until.Round(0).Sub(time.Now().Round(0)))
}

// Close ends the session: its ephemerals and watches go in one transaction. SessionExpired says that they had gone
// before, other than by a Close. After any other error the session ends by itself when its timeout is over; Close may be
// called again.
func (s *Session) Close(ctx context.Context) error {
	s.Leave()
	return s.base.CloseSession(ctx, s.ID)
}

// Leave stops renewing the session without closing it: it is left to whoever else has its id, or to end by itself. The
// Session is of no use any more.
func (s *Session) Leave() {
	s.stop()
	<-s.ended
	s.alarm.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = over("it was closed", nil)
	}
}

// keep renews the session, the first time after wait, until it is over or ctx ends.
func (s *Session) keep(ctx context.Context, wait time.Duration) {
	defer close(s.ended)
	for {
		t := time.NewTimer(min(wait, s.Left()))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		if s.Err() != nil {
			return
		}
		wait = s.renew(ctx)
	}
}

// renew sends a renewal and gives the time to wait before the next.
func (s *Session) renew(ctx context.Context) time.Duration {
	left := s.Left()
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	q := keepaliveCall(s.ID)
	q.within, q.each = left, s.Timeout/renewalPart
	a, err := s.base.do(ctx, q)
	var in wire.Kept
	if err == nil {
		err = a.decode(q, &in)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && s.err == nil:
		s.until = a.sent.Add(s.Timeout)
		s.last = nil
		s.alarm.Reset(time.Until(s.until))
		next := millis(in.NextKeepaliveMs)
		if next <= 0 || next > s.Timeout/2 {
			next = s.Timeout / 3
		}
		return max(shortPause, next-time.Since(a.sent))
	case errors.Is(err, SessionExpired):
		s.lose(err)
	default:
		s.last = err
	}
	return max(shortPause, s.Timeout/20)
}

// lose ends the session; s.mu is held. The first reason stays.
func (s *Session) lose(err error) {
	if s.err == nil {
		s.err = err
		close(s.lost)
	}
}

// over is the error of a session that is over here.
func over(detail string, cause error) *Error {
	e := &Error{Op: "session", Cause: cause}
	e.Problem = wire.Problem{Code: wire.SessionExpired, Title: "Session expired", Detail: detail}
	return e
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
