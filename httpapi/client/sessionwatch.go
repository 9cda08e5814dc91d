package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"holt/httpapi/wire"
)

// WatchMode is which changes a watch of a session is about, and whether it stays. The first three fire once.
type WatchMode string

const (
	// WatchData is about the data of a znode that exists, and its end.
	WatchData WatchMode = "data"
	// WatchExists is about that and its beginning.
	WatchExists WatchMode = "exists"
	// WatchChildren is about the list of children of a znode that exists, and its own end.
	WatchChildren WatchMode = "children"
	// WatchPersistent is about all of these, until it is removed.
	WatchPersistent WatchMode = "persistent"
	// WatchPersistentRecursive is about the znode and all below, but no list of children, until it is removed.
	WatchPersistentRecursive WatchMode = "persistent_recursive"
)

// Watched is what was read in the moment a watch was set: between the two nothing happened.
type Watched struct {
	Zxid     uint64
	Exists   bool
	Stat     wire.Stat // of a znode that exists
	Data     []byte    // of WatchData
	Children []string  // of WatchChildren
}

// SetWatch sets a watch of the session and reads what it is about. It fires on Events. WatchData and WatchChildren of a
// znode that does not exist are NoNode, and set nothing. Sent again, as a lost answer has it, the request may find that the
// watch fired in between: Events then tells a change of before the Watched.Zxid, and the watch is set anew.
func (s *Session) SetWatch(ctx context.Context, path string, mode WatchMode) (*Watched, error) {
	body, err := json.Marshal(wire.Watch{Path: path, Mode: string(mode)})
	if err != nil {
		return nil, err
	}
	q := s.watches(http.MethodPost)
	q.body, q.write, q.again, q.header = body, true, true, map[string]string{"Content-Type": "application/json"}
	a, err := s.own.do(ctx, q)
	if err != nil {
		return nil, err
	}
	var in wire.WatchSet
	if err := a.decode(q, &in); err != nil {
		return nil, err
	}
	w := &Watched{Zxid: in.Zxid, Children: in.Children, Exists: in.Stat != nil}
	if in.Stat != nil {
		w.Stat = *in.Stat
	}
	if w.Data, err = decodeData(in.Data, in.Encoding); err != nil {
		return nil, unexpected(q, a.endpoint, err)
	}
	s.base.Seen(in.Zxid)
	return w, nil
}

// RemoveWatch takes a watch away; mode "" stands for all of the path. NoWatch if there is none, and this call cannot have
// been what removed it.
func (s *Session) RemoveWatch(ctx context.Context, path string, mode WatchMode) error {
	q := s.watches(http.MethodDelete)
	q.write, q.again, q.query = true, true, url.Values{"path": {path}}
	if mode != "" {
		q.query.Set("mode", string(mode))
	}
	_, err := s.own.do(ctx, q)
	var e *Error
	if errors.As(err, &e) && e.Code() == NoWatch && e.doubted {
		return nil // it may have been this very call, whose first answer was lost
	}
	return err
}

// Watches lists the watches that the session has.
func (s *Session) Watches(ctx context.Context) ([]wire.Watch, error) {
	in, err := ask[wire.Watches](ctx, s.own, s.watches(http.MethodGet))
	if err != nil {
		return nil, err
	}
	return in.Watches, nil
}

func (s *Session) watches(method string) *call {
	return &call{method: method, prefix: sessionsPrefix, id: string(s.ID), under: "/watches", limit: MaxJSONAnswer}
}

// Events tells what the watches of the session fired, as Watch tells changes, and at last that the session Ended: then
// the loop is over without an error. since is the zxid after which all is told; 0 is the session's beginning. If it is
// over already, the error is SessionExpired.
func (s *Session) Events(ctx context.Context, since uint64) iter.Seq2[Message, error] {
	if since == 0 {
		since, _ = strconv.ParseUint(strings.TrimPrefix(s.Owner, "s"), 10, 64) // the owner is named after it
	}
	return func(yield func(Message, error) bool) {
		q := &call{method: http.MethodGet, prefix: sessionsPrefix, id: string(s.ID), under: "/events", stream: true,
			query: url.Values{"since": {strconv.FormatUint(since, 10)}}}
		st := &stream{Client: s.base, q: q, yield: yield, last: since, placed: true}
		st.run(ctx)
	}
}
