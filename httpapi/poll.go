package httpapi

import (
	"errors"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// MaxPollWait bounds how long an answer may be held.
const MaxPollWait = 5 * time.Minute

// aspect is the part of a znode that a read is about, and that its tag stands for.
type aspect int

const (
	itsData aspect = iota
	itsChildren
)

// tag is the tag of a znode, without quotes, and what stands for it as well, if anything.
func (of aspect) tag(s *znode.Stat) (tag, bare string) {
	if of == itsChildren {
		return "c" + strconv.FormatInt(s.Cversion, 10) + "." + strconv.FormatUint(uint64(s.Czxid), 10), ""
	}
	t := string(appendTag(nil, s))
	return t[1 : len(t)-1], strconv.FormatInt(s.Version, 10)
}

// mayWait says, cheaply, whether the request may ask for the answer to be held.
func (x *exchange) mayWait() bool {
	return len(x.query.names) > 0 || x.r.Header["Prefer"] != nil
}

// patience is how long the answer may be held: the parameter wait, else the preference (RFC 7240).
func (x *exchange) patience() (time.Duration, error) {
	if value, ok := x.query.get("wait"); ok {
		wait, err := time.ParseDuration(value)
		if err != nil || wait < 0 || wait > MaxPollWait {
			return 0, badArguments("wait is a time from 0s to " + MaxPollWait.String() + ", like 30s, not " + quoted(value))
		}
		return wait, nil
	}
	value, ok := preference(x.r.Header["Prefer"], "wait")
	if !ok {
		return 0, nil
	}
	seconds, err := strconv.ParseUint(value, 10, 32)
	if err != nil || seconds > uint64(MaxPollWait/time.Second) {
		return 0, badArguments("Prefer: wait is a number of seconds from 0 to " + strconv.Itoa(int(MaxPollWait/time.Second)) +
			", not " + quoted(value))
	}
	x.Header()["Preference-Applied"] = []string{"wait=" + strconv.FormatUint(seconds, 10)}
	return time.Duration(seconds) * time.Second, nil
}

// preference is the value of a preference, the first if it is there more than once.
func preference(values []string, name string) (value string, ok bool) {
	for _, list := range values {
		for part := range strings.SplitSeq(list, ",") {
			part, _, _ = strings.Cut(part, ";")
			key, value, _ := strings.Cut(part, "=")
			if strings.EqualFold(textproto.TrimString(key), name) {
				return strings.Trim(textproto.TrimString(value), `"`), true
			}
		}
	}
	return "", false
}

// hold waits for a state that is worth an answer, for as long as the request allows: with If-None-Match one in which the
// tag is another or the znode is gone, without one in which it exists. It gives that state, or the last there was.
//
// It misses nothing: the subscription begins where the state ends that was looked at, and no tag ever comes again. What
// was made and deleted again before it could be read has nothing to be answered with.
func (x *exchange) hold(path znode.Path, s *znode.State, of aspect) (*znode.State, error) {
	wait, err := x.patience()
	if err != nil || wait == 0 {
		return s, err
	}
	if done, err := x.worthAnswering(path, s, of); done || err != nil {
		return s, err
	}
	if err := x.linger(); err != nil {
		return nil, err
	}
	x.setWriteDeadline(time.Now().Add(wait + x.api.cfg.AnswerTimeout))
	x.api.meter.PollBegin()
	defer x.api.meter.PollEnd()
	sub, err := x.api.cfg.Hub.Subscribe(watch.Filter{Paths: []znode.Path{path}, Data: true, Children: of == itsChildren}, s.Zxid)
	if err != nil {
		return nil, subscribing(err)
	}
	defer sub.Close()
	timeUp := time.NewTimer(wait)
	defer timeUp.Stop()
	for last := false; !last; {
		select {
		case <-sub.Ready():
			if !takeAll(sub) {
				continue
			}
		case <-timeUp.C:
			last = true
		case <-x.r.Context().Done():
			return s, nil // nobody is there any more
		case <-x.api.ending:
			return nil, command.ErrShuttingDown
		case <-sub.Done():
			return nil, command.ErrShuttingDown
		}
		if s, err = x.api.cfg.Reader.State(); err != nil {
			return nil, err
		}
		if x.holder != nil {
			if err := x.lives(s, false); err != nil {
				return nil, err
			}
		}
		if done, err := x.worthAnswering(path, s, of); done || err != nil {
			return s, err
		}
	}
	return s, nil
}

// worthAnswering says whether there is something to answer besides that there is nothing new.
func (x *exchange) worthAnswering(path znode.Path, s *znode.State, of aspect) (bool, error) {
	n := s.Tree.Get(path)
	none := x.r.Header["If-None-Match"]
	if n == nil || len(none) == 0 {
		return (n == nil) == (len(none) > 0), nil
	}
	stat := n.Stat()
	tag, bare := of.tag(&stat)
	same, err := noneMatch(none, tag, bare)
	return !same, err
}

// takeAll empties a subscription and says whether anything was in it. What it was is read from the state.
func takeAll(sub *watch.Subscription) (some bool) {
	var batch [16]*watch.Message
	for {
		n, _, lost := sub.Take(batch[:])
		some = some || n > 0 || lost
		if n < len(batch) && !lost {
			return some
		}
	}
}

// subscribing is what it means for a request that the hub takes no subscription.
func subscribing(err error) error {
	if errors.Is(err, watch.ErrTooMany) {
		return command.ErrThrottled
	}
	return command.ErrShuttingDown
}
