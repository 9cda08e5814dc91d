package httpapi

import (
	"context"
	"errors"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// Limits of streams.
const (
	// MaxWatchPaths bounds the paths of one stream.
	MaxWatchPaths = watch.MaxPaths
	// MaxDumps bounds the streams that are sent the present state at once; more wait for their turn.
	MaxDumps = 64
	// MaxStreamBytes bounds the large blocks that all streams together hold while they are on their way to their clients:
	// messages and states with data, and as much again messages without. A stream whose block has no room waits.
	MaxStreamBytes = 64 << 20
)

// streaming is what all streams of an API share. The zero value is ready.
type streaming struct {
	dumps  room // of MaxDumps
	data   room // of MaxStreamBytes, for what has data
	events room // of MaxStreamBytes, for messages without
}

// wish is what the client of a stream asks for.
type wish struct {
	filter  watch.Filter
	data    bool // with the data of what was created or changed
	initial bool // the present state first
	once    bool // end after the first message that tells of a change, or that one may be missing

	resumes bool       // from since; else from now on
	since   znode.Zxid // all up to here is known to the client
	lost    bool       // it does resume, but nobody can tell from where
}

// getWatch answers GET /v1/watch and /v1/watch{path}.
func (a *API) getWatch(x *exchange) error {
	w, err := x.watchWish()
	if err != nil {
		return err
	}
	now, err := x.firstState()
	if err != nil {
		return err
	}
	return x.stream(w, now)
}

// firstState is the state a stream begins from, as of any read; but nil where there is none yet. A browser gives up for
// ever on any answer but 200, so what passes is waited for in the stream.
func (x *exchange) firstState() (*znode.State, error) {
	now, err := x.state()
	switch {
	case err == nil:
		return now, nil
	case errors.Is(err, command.ErrBehind) || errors.Is(err, command.ErrShuttingDown):
		return nil, nil
	default:
		return nil, err
	}
}

// watchWish is the parameters of a watch.
func (x *exchange) watchWish() (*wish, error) {
	w := &wish{filter: watch.Filter{Data: true, Children: true}}
	var err error
	if w.filter.Paths, err = x.watchPaths(); err != nil {
		return nil, err
	}
	if w.filter.Recursive, err = x.query.flag("recursive"); err != nil {
		return nil, err
	}
	if w.initial, err = x.query.flag("initial"); err != nil {
		return nil, err
	}
	if v, ok := x.query.get("events"); ok {
		kinds := strings.Split(v, ",")
		w.filter.Data, w.filter.Children = slices.Contains(kinds, "data"), slices.Contains(kinds, "children")
		if len(kinds) != count(w.filter.Data, w.filter.Children) {
			return nil, badArguments("events is data, children or data,children, not " + quoted(v))
		}
		if w.filter.Recursive && !w.filter.Data {
			return nil, badArguments("a recursive watch is told of data only: a child that comes or goes is itself an event there")
		}
	}
	return w, x.streamWish(w)
}

func count(bits ...bool) (n int) {
	for _, b := range bits {
		if b {
			n++
		}
	}
	return n
}

// watchPaths is the path of the URL, or those of the query, each once; the root if there is neither.
func (x *exchange) watchPaths() ([]znode.Path, error) {
	named := x.query.all("path")
	if len(named) == 0 {
		p, err := x.znodePath()
		return []znode.Path{p}, err
	}
	if strings.Trim(x.path, "/") != "" {
		return nil, badArguments("the path is in the URL already: ask /v1/watch?path=…&path=… for more than one")
	}
	if len(named) > MaxWatchPaths {
		return nil, tooMany("a stream has at most "+strconv.Itoa(MaxWatchPaths)+" paths", MaxWatchPaths, int64(len(named)))
	}
	paths := make([]znode.Path, 0, len(named))
	for _, name := range named {
		p, err := znode.ParsePath(name)
		if err != nil {
			return nil, badPath(name, err)
		}
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths, nil
}

// streamWish is the parameters that all streams have.
func (x *exchange) streamWish(w *wish) (err error) {
	if w.once, err = x.query.flag("once"); err != nil {
		return err
	}
	if v, ok := x.query.get("include"); ok {
		if v != "data" {
			return badArguments("include is data, not " + quoted(v))
		}
		w.data = true
	}
	if v, ok := x.query.get("since"); ok {
		z, err := strconv.ParseUint(v, 10, 63)
		if err != nil {
			return badArguments("since is a zxid, not " + quoted(v))
		}
		w.resumes, w.since = true, znode.Zxid(z)
	}
	// The header wins: a browser that comes back repeats the first URL, with an old position or none.
	if v := textproto.TrimString(x.r.Header.Get("Last-Event-ID")); v != "" {
		z, err := strconv.ParseUint(v, 10, 63)
		w.resumes, w.since, w.lost = true, znode.Zxid(z), err != nil
	}
	return nil
}

// getSessionEvents answers GET /v1/sessions/{id}/events.
func (a *API) getSessionEvents(x *exchange) error {
	id, _, _ := strings.Cut(x.path, "/")
	key, err := sessionKey(id)
	if err != nil {
		return err
	}
	w := &wish{}
	if err := x.streamWish(w); err != nil {
		return err
	}
	now, err := x.firstState()
	if err != nil {
		return err
	}
	owner, err := x.streamSession(key, now)
	if err != nil {
		return err
	}
	w.filter.Session = owner
	if !w.lost {
		// From its beginning, if the client does not say from where: what was told while there was no stream has waited.
		w.resumes, w.since = true, max(w.since, znode.Zxid(owner))
	}
	return x.stream(w, now)
}

// streamSession is the session of a stream, alive and renewed. Where now, which may be nil, does not know it the leader
// is asked.
func (x *exchange) streamSession(key znode.SessionKey, now *znode.State) (znode.Owner, error) {
	if now != nil {
		if live := now.Sessions.ByKey(key); live != nil {
			x.api.cfg.Sessions.Touch(key)
			return live.Owner, nil
		}
		if t := now.Sessions.EndedByKey(key); t != nil {
			return 0, sessionOver(t.Reason).at(now.Zxid)
		}
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.ZxidWait)
	defer cancel()
	lease, err := x.api.renew(ctx, key)
	return lease.Owner, err
}

// sessionEnd is how the session of a stream ended, nil while it has not. now is not older than its opening.
func sessionEnd(now *znode.State, owner znode.Owner) *znode.Tombstone {
	if owner == 0 || now.Sessions.Get(owner) != nil {
		return nil
	}
	if t := now.Sessions.Ended(owner); t != nil {
		return t
	}
	return &znode.Tombstone{Owner: owner, Reason: znode.Expired} // long ago
}

// tooManyStreams is the answer where the hub is full.
func tooManyStreams() *problem {
	return refuse(wire.Throttled, "this server has as many streams as it can carry")
}
