package httpapi

import (
	"io"
	"net/http"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// getZnode answers GET and HEAD /v1/znodes{path}: data and stat.
func (a *API) getZnode(x *exchange) error {
	format, err := x.format()
	if err != nil {
		return err
	}
	n, s, err := x.node(itsData)
	if err != nil {
		return err
	}
	stat := n.Stat()
	tag, version := x.setStat(&stat, s.Zxid)
	h := x.Header()
	if none := x.r.Header["If-None-Match"]; len(none) > 0 {
		same, err := noneMatch(none, tag[1:len(tag)-1], version)
		if err != nil {
			return err
		}
		if same {
			return x.notModified()
		}
	}
	if format == asJSON {
		b := buffers.Get().(*[]byte)
		defer giveBack(b)
		*b = appendZnode(*b, n, &stat)
		return x.writeJSON(http.StatusOK, *b)
	}
	h["Content-Type"] = typeBytes
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["Content-Security-Policy"] = sandbox
	x.setLength(len(n.Data()))
	x.WriteHeader(http.StatusOK)
	if !x.head {
		_, _ = io.WriteString(x.ResponseWriter, n.Data())
	}
	return nil
}

func (x *exchange) notModified() error {
	h := x.Header()
	h["Cache-Control"] = noStore
	x.WriteHeader(http.StatusNotModified)
	return nil
}

// putZnode answers PUT /v1/znodes{path}: the body becomes the data.
func (a *API) putZnode(x *exchange) error {
	path, err := x.znodePath()
	if err != nil {
		return err
	}
	pre, err := x.precondition(path)
	if err != nil {
		return err
	}
	if a.cfg.RequirePrecondition && !pre.asks() {
		return refuse(wire.PreconditionRequired, "PUT needs If-Match, or If-None-Match: * to create").about(path)
	}
	making, err := x.making(pre.exists)
	if err != nil {
		return err
	}
	data, err := x.body(a.cfg.MaxDataBytes)
	if err != nil {
		return err
	}
	var txn *znode.Txn
	switch {
	case !pre.exists:
		op := znode.PutOp(path, data)
		if pre.absent {
			op.Kind = znode.Create
		}
		op.Mode, op.TTL, op.Parents = making.mode, making.ttl, making.parents
		if op.Mode.Sequential() {
			return badArguments("mode " + op.Mode.String() + " is for POST: the server completes the name")
		}
		txn = single(op)
	case path.IsRoot():
		txn = single(znode.SetOp(path, data, pre.tags...))
	default:
		// What fails without the precondition fails in the same way with it (RFC 9110, 13.2.1): where the parent is missing. The
		// parent is looked at in the transaction, since by the time of the answer, or of a replay, it may have come or gone.
		txn = &znode.Txn{Ops: []znode.Op{znode.CheckOp(path.Parent()), znode.SetOp(path, data, pre.tags...)}}
	}
	res, err := x.propose(txn)
	if err != nil {
		return err
	}
	if res.Code != znode.OK {
		return failedPrecondition(res, path, pre)
	}
	return x.written(res)
}

// making is how a write makes a znode that is not there yet.
type making struct {
	mode    znode.Mode
	ttl     int64 // in ms
	parents bool
}

// making reads the parameters. A znode that must exist is not made: there it takes none of them.
func (x *exchange) making(exists bool) (m making, err error) {
	for _, name := range []string{"mode", "ttl", "parents"} {
		if _, given := x.query.get(name); given && exists {
			return m, badArguments("If-Match asks for a znode that exists, " + name + " is for one that is made")
		}
	}
	if name, ok := x.query.get("mode"); ok {
		if m.mode, err = x.parseMode(name); err != nil {
			return m, err
		}
	}
	text, given := x.query.get("ttl")
	if given {
		ttl, err := time.ParseDuration(text)
		if err != nil || ttl%time.Millisecond != 0 {
			return m, badArguments("ttl is a time like 10m, in whole ms, not " + quoted(text))
		}
		m.ttl = ttl.Milliseconds()
	}
	if err := checkTTL(m.mode, m.ttl, given, "ttl"); err != nil {
		return m, err
	}
	m.parents, err = x.query.flag("parents")
	return m, err
}

// postZnode answers POST /v1/znodes{path}: create, as ZooKeeper's.
func (a *API) postZnode(x *exchange) error {
	making, err := x.making(false)
	if err != nil {
		return err
	}
	op := znode.Op{Kind: znode.Create, Mode: making.mode, TTL: making.ttl, Parents: making.parents}
	if op.Mode.Sequential() {
		prefix, err := x.znodePrefix()
		if err != nil {
			return err
		}
		op.Path = znode.Path(prefix)
	} else if op.Path, err = x.znodePath(); err != nil {
		return err
	}
	if op.Data, err = x.body(a.cfg.MaxDataBytes); err != nil {
		return err
	}
	res, err := x.propose(single(op))
	if err != nil {
		return err
	}
	if res.Code != znode.OK {
		return refusal(res)
	}
	return x.written(res)
}

// parseMode is a mode that the request can create.
func (x *exchange) parseMode(name string) (znode.Mode, error) {
	mode, ok := znode.ParseMode(name)
	switch {
	case !ok:
		return 0, badArguments("mode is " + modeNames + ", not " + quoted(name))
	case mode.Ephemeral() && x.holder == nil:
		return 0, badArguments("mode " + name + " needs header Holt-Session: the znode goes when the session does")
	}
	return mode, nil
}

// modeNames is all modes, for a message.
const modeNames = "persistent, ephemeral, persistent_sequential, ephemeral_sequential, container, persistent_with_ttl or " +
	"persistent_sequential_with_ttl"

// deleteZnode answers DELETE /v1/znodes{path}.
func (a *API) deleteZnode(x *exchange) error {
	path, err := x.znodePath()
	if err != nil {
		return err
	}
	pre, err := x.precondition(path)
	if err != nil {
		return err
	}
	if a.cfg.RequirePrecondition && !pre.asks() {
		return refuse(wire.PreconditionRequired, "DELETE needs If-Match").about(path)
	}
	op := znode.DeleteOp(path, pre.tags...)
	if op.Recursive, err = x.query.flag("recursive"); err != nil {
		return err
	}
	res, err := x.propose(single(op))
	switch {
	case err != nil:
		return err
	case res.Code == znode.TooLarge:
		return a.tooManyZnodes(path, res)
	case res.Code != znode.OK:
		return failedPrecondition(res, path, pre)
	}
	x.setZxid(res.Zxid)
	x.WriteHeader(http.StatusNoContent)
	return nil
}

// single is the transaction of one op, in one piece of memory.
func single(op znode.Op) *znode.Txn {
	t := &struct {
		txn znode.Txn
		ops [1]znode.Op
	}{ops: [1]znode.Op{op}}
	t.txn.Ops = t.ops[:]
	return &t.txn
}

// written answers a write with the znode as its last op left it.
func (x *exchange) written(res *znode.Result) error {
	op := &res.Ops[len(res.Ops)-1]
	stat, path := op.Stat(), op.Where().String()
	x.setStat(&stat, res.Zxid)
	status := http.StatusOK
	if op.Created {
		status = http.StatusCreated
		x.Header()["Location"] = []string{"/v1/znodes" + escapePath(path)}
	}
	b := buffers.Get().(*[]byte)
	defer giveBack(b)
	*b = appendWritten(*b, path, &stat)
	return x.writeJSON(status, *b)
}

// failedPrecondition is the problem of a write that was refused: 412 where its precondition is the reason.
func failedPrecondition(res *znode.Result, path znode.Path, pre precondition) *problem {
	p := refusal(res)
	op := &res.Ops[res.Failed]
	switch {
	case op.Code == znode.NoNode && pre.exists && op.Path == path:
		p.Status = http.StatusPreconditionFailed
	case op.Code == znode.NodeExists && pre.absent:
		p.Status = http.StatusPreconditionFailed
	case op.Code == znode.IdempotencyMismatch:
		p.Path = path.String() // and not its parent, whose check is the first op
	}
	return p
}
