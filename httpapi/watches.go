package httpapi

import (
	"iter"
	"net/http"
	"strings"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// MaxWatchBodyBytes bounds the JSON that asks for a watch: a path, escaped, and a word.
const MaxWatchBodyBytes = 64 << 10

// postWatch answers POST /v1/sessions/{id}/watches with what the watch is about, as it was when it was set.
func (a *API) postWatch(x *exchange) error {
	if _, err := x.own(); err != nil {
		return err
	}
	var body wire.Watch
	if err := x.decode(&body, MaxWatchBodyBytes); err != nil {
		return err
	}
	path, err := znode.ParsePath(body.Path)
	if err != nil {
		return badPath(body.Path, err)
	}
	mode, err := watchMode(body.Mode)
	if err != nil {
		return err
	}
	res, err := x.propose(single(znode.AddWatchOp(path, mode)))
	if err != nil {
		return err
	}
	if res.Code != znode.OK {
		p := refusal(res)
		if res.Code == znode.QuotaExceeded {
			p.Detail = "the session, or all together, have as many watches as they can: session_watches and watches in /v1/limits"
		}
		return p
	}
	x.setZxid(res.Zxid)
	return x.writeWatched(path, mode, res)
}

func watchMode(name string) (znode.WatchMode, error) {
	mode, ok := znode.ParseWatchMode(name)
	if !ok {
		return 0, badArguments("mode is data, exists, children, persistent or persistent_recursive, not " + quoted(name))
	}
	return mode, nil
}

// writeWatched writes wire.WatchSet, of which the mode says what is in it.
func (x *exchange) writeWatched(path znode.Path, mode znode.WatchMode, res *znode.Result) error {
	op := &res.Ops[0]
	w := x.begin(http.StatusCreated)
	defer w.free()
	w.b = appendString(append(w.b, `{"path":`...), path.String())
	w.b = appendString(append(w.b, `,"mode":`...), mode.String())
	w.b = appendNumber(append(w.b, `,"zxid":`...), uint64(res.Zxid))
	switch mode {
	case znode.DataWatch:
		w.b = appendValue(append(w.b, ','), op.Node.Data())
	case znode.ChildrenWatch:
		w.b = append(w.b, `,"children":[`...)
		n := 0
		for child := range op.Tree.Children(path, "") {
			if !w.comma(n) {
				break
			}
			w.b = appendString(w.b, child.Name())
			n++
		}
		w.b = append(w.b, ']')
	default:
		w.b = append(w.b, `,"exists":`...)
		if op.Node == nil {
			w.b = append(w.b, "false,\"stat\":null}\n"...)
			return w.end()
		}
		w.b = append(w.b, "true"...)
	}
	stat := op.Node.Stat()
	w.b = appendStat(append(w.b, `,"stat":`...), &stat)
	w.b = append(w.b, '}', '\n')
	return w.end()
}

// deleteWatch answers DELETE /v1/sessions/{id}/watches: one watch, or without mode all at the path.
func (a *API) deleteWatch(x *exchange) error {
	if _, err := x.own(); err != nil {
		return err
	}
	path, ok, err := x.pathParameter()
	if err != nil {
		return err
	}
	if !ok {
		return badArguments("parameter path is needed")
	}
	mode := znode.AnyWatch
	if name, ok := x.query.get("mode"); ok {
		if mode, err = watchMode(name); err != nil {
			return err
		}
	}
	res, err := x.propose(single(znode.RemoveWatchOp(path, mode)))
	if err != nil {
		return err
	}
	if res.Code != znode.OK {
		return refusal(res)
	}
	x.setZxid(res.Zxid)
	x.WriteHeader(http.StatusNoContent)
	return nil
}

// pathParameter is the parameter path, and whether it is there.
func (x *exchange) pathParameter() (znode.Path, bool, error) {
	v, ok := x.query.get("path")
	if !ok {
		return znode.Path{}, false, nil
	}
	path, err := znode.ParsePath(v)
	if err != nil {
		return path, true, badPath(v, err)
	}
	return path, true, nil
}

// getSessionWatches answers GET /v1/sessions/{id}/watches, also by public name.
func (a *API) getSessionWatches(x *exchange) error {
	sub, err := x.subject()
	if err != nil {
		return err
	}
	live, s, err := x.named(sub)
	if err != nil {
		return err
	}
	x.setZxid(s.Zxid)
	w := x.begin(http.StatusOK)
	defer w.free()
	w.b = append(w.b, `{"watches":[`...)
	w.appendWatches(s.Sessions, live.Owner)
	w.b = append(w.b, ']', '}', '\n')
	return w.end()
}

// appendWatches is a session's watches, each a wire.Watch.
func (w *streamed) appendWatches(t *znode.Sessions, o znode.Owner) {
	n := 0
	for one := range t.Watches(o) {
		if !w.comma(n) {
			return
		}
		w.b = append(appendWatch(append(w.b, '{'), one), '}')
		n++
	}
}

func appendWatch(b []byte, w *znode.Watch) []byte {
	b = appendString(append(b, `"path":`...), w.Path.String())
	return appendString(append(b, `,"mode":`...), w.Mode.String())
}

// getWatches answers GET /v1/watches: who watches what; with path, who watches that very znode.
func (a *API) getWatches(x *exchange) error {
	limit, err := x.limit(defaultRows, maxRows)
	if err != nil {
		return err
	}
	after, err := x.watchCursor()
	if err != nil {
		return err
	}
	path, one, err := x.pathParameter()
	if err != nil {
		return err
	}
	s, err := x.state()
	if err != nil {
		return err
	}
	rows := watchesAfter(s.Sessions, after)
	if one {
		rows = watchesAt(s.Sessions, path, after)
	}
	next, last := "", (*znode.Watch)(nil)
	x.setZxid(s.Zxid)
	page := make([]*znode.Watch, 0, min(limit, defaultRows))
	for row := range rows {
		if len(page) == limit {
			next = last.Owner.String() + "," + last.Mode.String() + "," + last.Path.String()
			x.linkNext("/v1/watches", next)
			break
		}
		page, last = append(page, row), row
	}
	w := x.begin(http.StatusOK)
	defer w.free()
	w.b = append(w.b, `{"watches":[`...)
	for i, row := range page {
		if !w.comma(i) {
			break
		}
		w.b = appendString(append(w.b, `{"owner":`...), row.Owner.String())
		w.b = append(appendWatch(append(w.b, ','), row), '}')
	}
	w.b = appendString(append(w.b, `],"next":`...), next)
	w.b = append(w.b, '}', '\n')
	return w.end()
}

// watchCursor is the parameter after: the last watch of the page before, or nothing.
func (x *exchange) watchCursor() (after znode.Watch, err error) {
	v, ok := x.query.get("after")
	if !ok {
		return after, nil
	}
	owner, rest, _ := strings.Cut(v, ",")
	mode, path, _ := strings.Cut(rest, ",")
	var known bool
	after.Owner, ok = znode.ParseOwner(owner)
	after.Mode, known = znode.ParseWatchMode(mode)
	if after.Path, err = znode.ParsePath(path); err != nil || !ok || !known {
		return after, badArguments("after is what next was on the page before, not " + quoted(v))
	}
	return after, nil
}

// watchesAfter yields all watches behind one: by session, path, mode.
func watchesAfter(t *znode.Sessions, after znode.Watch) iter.Seq[*znode.Watch] {
	return func(yield func(*znode.Watch) bool) {
		for w := range t.Watches(after.Owner) {
			at, from := w.Path.String(), after.Path.String()
			if (at > from || at == from && w.Mode > after.Mode) && !yield(w) {
				return
			}
		}
		for s := range t.All(after.Owner) {
			for w := range t.Watches(s.Owner) {
				if !yield(w) {
					return
				}
			}
		}
	}
}

// watchesAt yields the watches at a path behind one: by mode, session.
func watchesAt(t *znode.Sessions, path znode.Path, after znode.Watch) iter.Seq[*znode.Watch] {
	return func(yield func(*znode.Watch) bool) {
		for w := range t.WatchesAt(path) {
			if (w.Mode > after.Mode || w.Mode == after.Mode && w.Owner > after.Owner) && !yield(w) {
				return
			}
		}
	}
}
