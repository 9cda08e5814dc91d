package httpapi

import (
	"math/rand/v2"
	"net/http"
	"time"

	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

const (
	// streamBatch is how many messages are taken and flushed together.
	streamBatch = 32
	// largeBytes is from where a block counts against MaxStreamBytes.
	largeBytes = 16 << 10
	// slowestRate, in bytes a second, is how fast a client must at least take what is larger than flushBytes, beyond the
	// StreamWriteTimeout that it has for anything.
	slowestRate = 1 << 20
)

// The forms a message is encoded in, one for all streams that share it.
const (
	withoutData = iota
	withData
)

// stream is one client's stream of events. It is a cursor, not a queue: what it holds while it is idle is this and the
// subscription. The goroutine of the request does all.
type stream struct {
	x       *exchange
	wish    *wish
	control *http.ResponseController
	sub     *watch.Subscription // nil until it begins
	at      znode.Zxid          // all up to here has been said
	opened  bool                // whether the client may go on from there
	done    bool                // whether the client has all it asked for

	unflushed int       // bytes written since the deadline was set
	told      int       // messages among them
	dies      time.Time // when the stream has lived long enough
	beatAt    time.Time // when the next bookmark is due
	timer     *time.Timer

	batch [streamBatch]*watch.Message
}

// start sets the stream's times.
func (s *stream) start() {
	half := s.x.api.cfg.StreamLife / 2
	s.dies = time.Now().Add(half + rand.N(half+1))
	s.timer = time.NewTimer(0)
	s.nextBeat()
}

// nextBeat sets the time of the next bookmark: a Heartbeat from now, give or take a tenth, since streams that began
// together must not all wake the member together.
func (s *stream) nextBeat() {
	beat := s.x.api.cfg.Heartbeat
	now := time.Now()
	s.beatAt = now.Add(beat - beat/10 + rand.N(beat/5+1))
	s.timer.Reset(min(s.beatAt.Sub(now), s.dies.Sub(now)))
}

// close lets go of all that the stream has.
func (s *stream) close() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.sub != nil {
		s.sub.Close()
	}
}

// ending says whether streams are to end.
func (s *stream) ending() bool {
	select {
	case <-s.x.api.ending:
		return true
	default:
		return false
	}
}

// live is the stream after its open, until it ends.
func (s *stream) live() error {
	gone := s.x.r.Context().Done()
	for !s.done {
		var err error
		select {
		case <-s.sub.Ready(): // of another subscription once the states were sent again
			err = s.deliver()
		case <-s.timer.C:
			err = s.beat()
		case <-s.x.api.ending:
			err = s.last()
		case <-s.sub.Done():
			err = s.last()
		case <-gone:
			err = errGone
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// beat tells the client how far it is.
func (s *stream) beat() error {
	if !time.Now().Before(s.dies) {
		return s.last()
	}
	s.nextBeat()
	if err := s.deliver(); err != nil || s.done {
		return err
	}
	if err := s.mark("bookmark"); err != nil {
		return err
	}
	return s.flush()
}

// last delivers what there is before the stream ends.
func (s *stream) last() error {
	if err := s.deliver(); err != nil || s.done {
		return err
	}
	return errEnding
}

// farewell ends a stream that its client is to take up again: elsewhere, or here.
func (s *stream) farewell() error {
	if s.opened {
		if err := s.mark("bookmark"); err != nil {
			return err
		}
	}
	if err := s.say(appendRetry); err != nil {
		return err
	}
	return s.flush()
}

// deliver sends the messages that are there, all in one flush. When there are more, the subscription is ready again.
func (s *stream) deliver() error {
	n, upTo, lost := s.sub.Take(s.batch[:])
	defer clear(s.batch[:n])
	if lost && upTo > s.at {
		if err := s.lag(); err != nil {
			return err
		}
	}
	if s.done {
		return s.flush()
	}
	for _, m := range s.batch[:n] {
		if m.Zxid <= s.at {
			continue // in the state that was sent
		}
		if err := s.tell(m); err != nil {
			return err
		}
		s.at = m.Zxid
		if s.done {
			return s.flush()
		}
	}
	s.at = max(s.at, upTo)
	err := s.flush()
	if err == nil && s.wish.filter.Session != 0 {
		s.sub.Sent(s.at)
	}
	return err
}

// lag begins the stream anew from now, because it was too slow for the history.
func (s *stream) lag() error {
	now, err := s.x.api.cfg.Reader.State()
	if err != nil {
		return errEnding
	}
	if s.at < now.History.Restored() {
		return s.present(now, resetRestored)
	}
	return s.present(now, resetLagged)
}

// tell sends a message.
func (s *stream) tell(m *watch.Message) error {
	if e := m.Events[0]; e.Type == znode.SessionEnded { // always alone: with the session its watches went
		s.done = true
		return s.say(func(b []byte) []byte { return appendSessionEnd(b, m.Zxid, s.wish.filter.Session, e.Cause) })
	}
	s.done = s.wish.once
	s.told++
	form := withoutData
	if s.wish.data {
		form = withData
	}
	return s.encode(m, form)
}

// encode sends a message in one of its forms.
func (s *stream) encode(m *watch.Message, form int) error {
	now, err := s.dataOf(form)
	if err != nil {
		return err
	}
	size := messageBytes(m, now)
	if size <= largeBytes {
		return s.write(m.Encoded(form, func() []byte { return appendMessage(make([]byte, 0, size), m, now) }))
	}
	return s.encodeLarge(m, size, form)
}

// dataOf is the state to take the data from that belongs to a form, nil if none does.
func (s *stream) dataOf(form int) (*znode.State, error) {
	if form == withoutData {
		return nil, nil
	}
	now, err := s.x.api.cfg.Reader.State()
	if err != nil {
		return nil, errEnding
	}
	return now, nil
}

// encodeLarge is encode for what has to wait for room. The state is not held while it waits.
func (s *stream) encodeLarge(m *watch.Message, size, form int) error {
	room := &s.x.api.streaming.data
	if form == withoutData {
		room = &s.x.api.streaming.events // those who share a message share one form of it
	}
	place := room.ask(MaxStreamBytes, size, m)
	defer room.giveBack(MaxStreamBytes, place)
	if err := s.await(place.granted, "waiting for room for data"); err != nil {
		return err
	}
	now, err := s.dataOf(form)
	if err != nil {
		return err
	}
	return s.write(place.share.encoded(func() []byte {
		return m.Encoded(form, func() []byte { return appendMessage(make([]byte, 0, size), m, now) })
	}))
}

// await waits for something, saying why.
func (s *stream) await(c <-chan struct{}, why string) error {
	if c == nil {
		return nil
	}
	for {
		if err := s.comment(why); err != nil {
			return err
		}
		select {
		case <-c:
			return nil
		case <-s.timer.C:
			if !time.Now().Before(s.dies) {
				return errEnding
			}
			s.nextBeat()
		case <-s.x.api.ending:
			return errEnding
		case <-s.x.r.Context().Done():
			return errGone
		}
	}
}

// comment says something to people, at once.
func (s *stream) comment(text string) error {
	if err := s.say(func(b []byte) []byte { return appendComment(b, text) }); err != nil {
		return err
	}
	return s.flush()
}

// mark sends an open or a bookmark.
func (s *stream) mark(name string) error {
	leader := s.x.api.cfg.Cluster.Status().Leader
	return s.say(func(b []byte) []byte { return appendMark(b, name, s.at, leader) })
}

// say writes a small block.
func (s *stream) say(block func([]byte) []byte) error {
	b := buffers.Get().(*[]byte)
	defer giveBack(b)
	*b = block(*b)
	return s.write(*b)
}

// write writes whole blocks. Those that fit into net/http's buffer go out with the next flush. A client that does not take
// them in time is cut off: it must not hold them, nor the goroutine, for as long as it likes.
func (s *stream) write(b []byte) error {
	if s.x.status == 0 {
		s.x.WriteHeader(http.StatusOK)
		if err := s.say(appendRetry); err != nil {
			return err
		}
	}
	if s.unflushed == 0 || s.unflushed+len(b) > flushBytes {
		s.unflushed = 0
		s.x.setWriteDeadline(time.Now().Add(s.x.api.cfg.StreamWriteTimeout + time.Duration(len(b))*time.Second/slowestRate))
	}
	s.unflushed += len(b)
	_, err := s.x.ResponseWriter.Write(b)
	return err
}

// flush sends what was written.
func (s *stream) flush() error {
	if s.unflushed == 0 {
		return nil
	}
	s.unflushed = 0
	err := s.control.Flush()
	if err == nil && s.told > 0 {
		s.x.api.meter.Sent(s.told)
	}
	s.told = 0
	if s.x.r.ProtoMajor > 1 {
		s.x.setWriteDeadline(time.Time{}) // HTTP/2 would end the stream then, even one that is idle
	}
	return err
}
