package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// Why a stream ends before its client has all it wanted.
var (
	errEnding = errors.New("this member ends the stream") // it stops, or the stream has lived long enough
	errGone   = errors.New("the client is gone")
)

// stream answers with a stream. now is the state it begins from, nil if there is none yet.
func (x *exchange) stream(w *wish, now *znode.State) error {
	x.setStreamHeaders(now)
	if x.head {
		x.WriteHeader(http.StatusOK)
		return nil
	}
	s := &stream{x: x, wish: w, control: http.NewResponseController(x.ResponseWriter)}
	defer s.close()
	ofSession, end := w.filter.Session != 0, StreamLeft
	x.api.meter.Begin(ofSession)
	defer func() { x.api.meter.End(ofSession, end) }()
	err := s.run(now)
	moved := errors.Is(err, errEnding)
	if moved {
		err = s.farewell()
	}
	end = streamEnd(err, moved, x.status != 0)
	switch {
	case err == nil || errors.Is(err, errGone):
		return nil
	case x.status == 0:
		return err
	}
	x.api.log.Debug("stream broke off", "route", x.at.route, "err", err)
	panic(http.ErrAbortHandler) // so that the client does not take this for an end that was meant
}

func (x *exchange) setStreamHeaders(now *znode.State) {
	if now == nil {
		x.setOwnZxid()
	} else {
		x.setZxid(now.Zxid)
	}
	h := x.Header()
	h["Content-Type"] = typeEvents
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["X-Accel-Buffering"] = unbuffered
}

// Values of headers.
var (
	typeEvents = []string{"text/event-stream"}
	unbuffered = []string{"no"} // nginx would gather events until it has some kilobytes of them
)

// run is the stream from its first block to its end; nil when the client has all it asked for.
func (s *stream) run(now *znode.State) error {
	if s.ending() {
		return errEnding
	}
	s.start()
	w := s.wish
	if now == nil || w.resumes && w.since > now.Zxid {
		var err error
		if now, err = s.arrive(); err != nil {
			return err
		}
	}
	s.at = now.Zxid
	if w.resumes {
		s.at = w.since
	}
	var err error
	if reason := s.reason(now); reason != "" || w.initial && !w.resumes {
		err = s.present(now, reason)
	} else if err = s.subscribe(s.at); err == nil {
		err = s.open(now)
	}
	if err == nil {
		err = s.flush()
	}
	if err != nil || s.done {
		return err
	}
	return s.live()
}

// subscribe makes what comes after a zxid what the stream is given.
func (s *stream) subscribe(after znode.Zxid) error {
	if s.sub != nil {
		s.sub.Close()
		s.sub = nil
	}
	sub, err := s.x.api.cfg.Hub.Subscribe(s.wish.filter, after)
	switch {
	case errors.Is(err, watch.ErrTooMany) && s.x.status == 0:
		return tooManyStreams()
	case err != nil:
		return errEnding // to come back later, or elsewhere
	}
	s.sub = sub
	return nil
}

// reason is why the stream cannot simply go on where its client stands, "" if it can; now is the state it begins from.
func (s *stream) reason(now *znode.State) string {
	switch w := s.wish; {
	case !w.resumes:
		return ""
	case w.lost:
		return resetHistory
	case w.since < now.History.Restored():
		return resetRestored
	case w.since < now.History.Floor():
		return resetHistory
	case w.since > now.Zxid:
		return resetRestored
	default:
		return ""
	}
}

// arriveTurn is how long the member is given to come to a position by itself before a quorum is asked whether there is
// such a position at all.
const arriveTurn = 200 * time.Millisecond

// arrive waits until this member's state is as far as the client's, which may come from another member. The state that it
// gives is not so far if a quorum says that there is none that is.
func (s *stream) arrive() (*znode.State, error) {
	api := s.x.api
	ctx, stop := s.untilEnding()
	defer stop()
	for {
		turn, over := context.WithTimeout(ctx, arriveTurn)
		now, err := api.cfg.Reader.StateAt(turn, s.wish.since)
		over()
		if err == nil {
			return now, nil
		}
		turn, over = context.WithTimeout(ctx, api.cfg.LinearWait)
		now, err = api.cfg.Reader.Linearizable(turn)
		over()
		switch {
		case err == nil:
			return now, nil
		case s.x.r.Context().Err() != nil:
			return nil, errGone
		case s.ending() || !time.Now().Before(s.dies) || errors.Is(err, command.ErrShuttingDown):
			return nil, errEnding
		}
		if s.x.status == 0 || !time.Now().Before(s.beatAt) {
			s.nextBeat()
			if err := s.comment("waiting for zxid " + strconv.FormatUint(uint64(s.wish.since), 10)); err != nil {
				return nil, err
			}
		}
	}
}

// untilEnding is the request's context, which ends when the streams are to end, too.
func (s *stream) untilEnding() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(s.x.r.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.x.api.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-watched }
}

// present sends why the stream is reset, if it is, then the state of now, or of a later one, if it is asked for, then
// open: all up to that state has been said then.
func (s *stream) present(now *znode.State, reason string) error {
	s.opened = false
	if s.wish.initial {
		dumps := &s.x.api.streaming.dumps
		turn := dumps.ask(MaxDumps, 1, nil)
		defer dumps.giveBack(MaxDumps, turn)
		if err := s.await(turn.granted, "waiting for a turn to send the present state"); err != nil {
			return err
		}
		if turn.granted != nil {
			var err error
			if now, err = s.x.api.cfg.Reader.State(); err != nil {
				return errEnding
			}
		}
	}
	// From the state that is sent and not from before it, where the history may not reach. A stream that lags has a
	// subscription that goes on from where the history does.
	if s.sub == nil || s.wish.initial {
		if err := s.subscribe(now.Zxid); err != nil {
			return err
		}
	}
	if reason != "" {
		s.x.api.meter.Reset(reason)
		events := s.proven(now, reason)
		// With states to come the client keeps the position it has, to be reset again if they do not all come.
		withID := !s.wish.initial
		if err := s.say(func(b []byte) []byte { return appendReset(b, now.Zxid, reason, events, withID) }); err != nil {
			return err
		}
		s.done = s.wish.once
	}
	if s.wish.initial {
		if err := s.dump(now); err != nil {
			return err
		}
	}
	s.at = now.Zxid
	return s.open(now)
}

// open says that the stream is live from s.at; or, where the session that it is of has ended by then, that it has.
func (s *stream) open(now *znode.State) error {
	if end := sessionEnd(now, s.wish.filter.Session); end != nil && end.Zxid <= s.at {
		s.done = true
		return s.say(func(b []byte) []byte { return appendSessionEnd(b, s.at, end.Owner, end.Reason) })
	}
	s.opened = true
	return s.mark("open")
}

// proven is what the stats of the stream's own paths say about the time since s.at, as ZooKeeper's setWatches: nothing of
// what is below them, nor of what came and went. What is not there may have been deleted, unless its parent says that
// nothing was. Of a position that is none there is nothing to say.
func (s *stream) proven(now *znode.State, reason string) []znode.Event {
	var events []znode.Event
	f := &s.wish.filter
	if s.wish.lost && reason == resetHistory || s.at > now.Zxid {
		return nil
	}
	for _, p := range f.Paths {
		n := now.Tree.Get(p)
		if n == nil {
			if up := now.Tree.Get(p.Parent()); up == nil || up.Stat().Pzxid > s.at {
				events = append(events, znode.Event{Type: znode.NodeDeleted, Path: p})
			}
			continue
		}
		stat := n.Stat()
		switch {
		case f.Data && stat.Czxid > s.at:
			events = append(events, znode.Event{Type: znode.NodeCreated, Path: p})
		case f.Data && stat.Mzxid > s.at:
			events = append(events, znode.Event{Type: znode.NodeDataChanged, Path: p})
		}
		if f.Children && !f.Recursive && stat.Pzxid > s.at {
			events = append(events, znode.Event{Type: znode.NodeChildrenChanged, Path: p})
		}
	}
	return events
}
