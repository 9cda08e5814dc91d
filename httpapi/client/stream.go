package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"
)

const (
	// heartbeat is how often a server sends something on every stream; one that was silent for so many of them is gone.
	heartbeat = 15 * time.Second
	silence   = 3 * heartbeat
	// maxRetry bounds the pause that a server can ask for between two connections.
	maxRetry = time.Minute
	// A connection that lasted this long was a good one: what comes after it begins with short pauses.
	goodConnection = time.Second
	// leaderless is how many bookmarks in a row may say that there is no leader before another member is asked: this one
	// may be cut off from the others, and nothing happens there.
	leaderless = 2
	// maxMessage bounds one message, in bytes: one transaction with all its data, escaped.
	maxMessage = 64 << 20
)

// Why a connection was given up by this side.
var (
	errSilent     = errors.New("nothing came for " + silence.String())
	errLeaderless = errors.New("the member knows no leader")
	errCut        = errors.New("the connection ended")
)

// stream is one Watch: connections one after the other, to whichever member answers, that look like one.
type stream struct {
	*Client
	q     *call
	once  bool
	yield func(Message, error) bool

	last    uint64        // all up to it has been told, if placed
	placed  bool          // whether last says anything
	opened  bool          // whether there was an Open
	partial bool          // whether States were told, or a Reset before them, and no Open yet
	anew    bool          // whether that Open says where the stream is, whatever last was
	without int           // bookmarks in a row without a leader
	retry   time.Duration // the pause the server asked for
	heard   bool          // whether this connection told anything
	done    bool          // nothing more is to be told
}

// run connects until all is told.
func (s *stream) run(ctx context.Context) {
	began, at, failed := time.Now(), int(s.preferred.Load()), 0
	for {
		connected := time.Now()
		s.heard = false
		err := s.connect(ctx, s.endpoints[at%len(s.endpoints)])
		switch {
		case s.done:
			return
		case ctx.Err() != nil:
			s.yield(Message{}, broken(s.q, "", false, ctx.Err()))
			return
		case !err.elsewhere, !s.opened && s.late(err, time.Since(began)):
			s.yield(Message{}, err)
			return
		}
		s.log.Debug("going on to another member", "endpoint", err.Endpoint, "code", string(err.Code()), "err", err.Cause)
		if s.partial {
			s.partial, s.anew = false, false
			if s.give(Message{Kind: Reset, Reason: Interrupted, JSON: []byte(`{"zxid":0,"reason":"interrupted","events":[]}`)}); s.done {
				return
			}
		}
		at++
		if failed++; s.heard && time.Since(connected) >= goodConnection {
			failed = 0
		}
		if !s.pause(ctx, failed, err.retryAfter) {
			s.yield(Message{}, broken(s.q, "", false, ctx.Err()))
			return
		}
	}
}

// late says whether to give up what never began.
func (s *stream) late(err *Error, tried time.Duration) bool {
	return tried >= s.timeout || isDial(err.Cause) && tried >= s.unreachable
}

// pause waits before the next connection: not at all while there are members left to ask, and never less than a server
// asked for. All clients of a member that went come at once, so a part of it is random. It is false when ctx ends.
func (s *stream) pause(ctx context.Context, failed int, asked time.Duration) bool {
	if failed%len(s.endpoints) != 0 {
		return ctx.Err() == nil
	}
	d := min(firstPause<<min(failed/len(s.endpoints), 10), longPause)
	d = d/2 + rand.N(d/2)
	if told := max(s.retry, asked); told > 0 {
		d = max(d, told+rand.N(told/4+1))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// request is the header of the next connection: to go on after the last message. Where there was none, it asks for a
// member that is as new as what this Client has seen.
func (s *stream) request() map[string]string {
	h := map[string]string{}
	switch {
	case s.opened && s.placed:
		h["Last-Event-ID"] = strconv.FormatUint(s.last, 10)
	case !s.placed && s.seen.Load() > 0:
		h[zxidHeader] = strconv.FormatUint(s.seen.Load(), 10)
	}
	if s.as != nil {
		h[sessionHeader] = string(s.as.id)
	}
	return h
}

// take takes one message that came; id is its own, if it has one. An error ends the connection.
func (s *stream) take(kind Kind, id string, text []byte) *Error {
	m, err := decodeMessage(kind, text)
	if err != nil {
		return unexpected(s.q, "", err)
	}
	s.heard = true
	if !s.place(&m, id) {
		return nil
	}
	s.Seen(m.Zxid)
	switch kind {
	case Changed, Open, Bookmark, State, Reset, Ended:
		s.give(m)
	}
	return s.followed(m)
}

// place notes where the stream is with a message, and says whether it is to be told.
func (s *stream) place(m *Message, id string) bool {
	switch m.Kind {
	case State:
		s.partial = true
	case Open:
		if s.anew || !s.placed {
			s.last, s.placed = m.Zxid, true
		}
		again := s.opened && !s.partial
		s.opened, s.partial, s.anew = true, false, false
		return !again // it is told once, and behind States
	case Reset:
		if m.Reason == ReasonRestored {
			s.forget(m.Zxid)
		}
		if id != strconv.FormatUint(m.Zxid, 10) {
			s.partial, s.anew = true, true // States follow; until they have all come the stream is where it was
			return true
		}
		s.last, s.placed = m.Zxid, true
	case Ended: // is told in any case
	default:
		if s.placed && (m.Zxid < s.last || m.Zxid == s.last && m.Kind == Changed) {
			return false // it has been told
		}
		s.last, s.placed = m.Zxid, true
	}
	return true
}

// give hands a message to the caller.
func (s *stream) give(m Message) {
	if !s.yield(m, nil) || m.Kind == Ended || s.once && (m.Kind == Changed || m.Kind == Reset) {
		s.done = true
	}
}

// followed gives the member up when it has been without a leader for too long and there are others.
func (s *stream) followed(m Message) *Error {
	switch {
	case m.Kind == Bookmark && m.Leader == "":
		if s.without++; s.without >= leaderless && len(s.endpoints) > 1 {
			s.without = 0
			return broken(s.q, "", false, errLeaderless)
		}
	case m.Kind == Bookmark || m.Kind == Changed:
		s.without = 0
	}
	return nil
}
