package httpapi

import (
	"io"
	"net/http"

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
	data, err := x.body(a.cfg.MaxDataBytes)
	if err != nil {
		return err
	}
	op := znode.PutOp(path, data)
	switch {
	case pre.absent:
		op = znode.CreateOp(path, data, znode.Persistent)
	case pre.exists:
		op = znode.SetOp(path, data, pre.tags...)
	}
	res, err := x.propose(single(op))
	if err != nil {
		return err
	}
	switch {
	case res.Code == znode.OK:
		return x.written(res)
	case res.Code == znode.NoNode && pre.exists && a.isMissing(path.Parent()):
		// What fails without the precondition fails in the same way with it (RFC 9110, 13.2.1).
		return noNode(path.Parent(), res.Zxid)
	default:
		return failedPrecondition(res, path, pre)
	}
}

// postZnode answers POST /v1/znodes{path}: create, as ZooKeeper's.
func (a *API) postZnode(x *exchange) error {
	mode := znode.Persistent
	if name, ok := x.query.get("mode"); ok {
		var err error
		if mode, err = x.parseMode(name); err != nil {
			return err
		}
	}
	var op znode.Op
	if mode.Sequential() {
		prefix, err := x.znodePrefix()
		if err != nil {
			return err
		}
		op = znode.CreateSequentialOp(prefix, "", mode)
	} else {
		path, err := x.znodePath()
		if err != nil {
			return err
		}
		op = znode.CreateOp(path, "", mode)
	}
	var err error
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
		return 0, badArguments("mode is persistent, ephemeral, persistent_sequential or ephemeral_sequential, not " + quoted(name))
	case !mode.Supported():
		return 0, notYet("mode " + name)
	case mode.Ephemeral() && x.holder == nil:
		return 0, badArguments("mode " + name + " needs header Holt-Session: the znode goes when the session does")
	}
	return mode, nil
}

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
	res, err := x.propose(single(znode.DeleteOp(path, pre.tags...)))
	if err != nil {
		return err
	}
	if res.Code != znode.OK {
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

// written answers a write of one op with the znode as it is now.
func (x *exchange) written(res *znode.Result) error {
	op := &res.Ops[0]
	stat, path := op.Node.Stat(), op.Node.Path().String()
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
	}
	return p
}

// isMissing says whether this member's state, which is at least as new as any result it was given, lacks a znode.
func (a *API) isMissing(path znode.Path) bool {
	s, err := a.cfg.Reader.State()
	return err == nil && s.Tree.Get(path) == nil
}
