package httpapi

import (
	"context"
	"net/textproto"
	"strconv"
	"strings"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// state is the state to answer a read from: at the consistency it asks for, and at least as new as it says it has seen.
// If the request belongs to a session, it is alive there.
func (x *exchange) state() (*znode.State, error) {
	linear, err := x.linearizable()
	if err != nil {
		return nil, err
	}
	asked, err := x.askedZxid()
	if err != nil {
		return nil, err
	}
	var s *znode.State
	if linear {
		s, err = x.linearState()
	} else {
		s, err = x.api.cfg.Reader.State()
	}
	switch {
	case err == nil && s.Zxid < asked:
		s, err = x.stateAt(asked) // newer than s, and so as good
	case err != nil && asked > 0 && !linear:
		s, err = x.stateAt(asked) // a member that has just started may catch up
	}
	if err == nil && x.holder != nil {
		err = x.lives(s, linear)
	}
	return s, err
}

// linearState also renews the session of the request, if it belongs to one.
func (x *exchange) linearState() (*znode.State, error) {
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.LinearWait)
	defer cancel()
	if x.holder == nil {
		return x.api.cfg.Reader.Linearizable(ctx)
	}
	renewed := make(chan error, 1)
	go func(a *API, key znode.SessionKey) {
		_, err := a.renew(ctx, key)
		renewed <- err
	}(x.api, *x.holder)
	s, err := x.api.cfg.Reader.Linearizable(ctx)
	if err := <-renewed; err != nil {
		return nil, err
	}
	return s, err
}

// node is the znode a read names, in the state to answer it from, which with wait may be a later one.
func (x *exchange) node(of aspect) (*znode.Node, *znode.State, error) {
	path, err := x.znodePath()
	if err != nil {
		return nil, nil, err
	}
	s, err := x.state()
	if err != nil {
		return nil, nil, err
	}
	if x.mayWait() {
		if s, err = x.hold(path, s, of); err != nil {
			return nil, nil, err
		}
	}
	n := s.Tree.Get(path)
	if n == nil {
		return nil, nil, noNode(path, s.Zxid)
	}
	return n, s, nil
}

// stateAt waits for a state of at least asked.
func (x *exchange) stateAt(asked znode.Zxid) (*znode.State, error) {
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.ZxidWait)
	defer cancel()
	s, err := x.api.cfg.Reader.StateAt(ctx, asked)
	if err != nil {
		p, _ := problemOf(err)
		if p.Code == wire.Behind {
			p.Detail = "zxid " + strconv.FormatUint(uint64(asked), 10) + " has not come to this server within " +
				x.api.cfg.ZxidWait.String()
			return nil, p
		}
	}
	return s, err
}

// propose carries out a transaction, after the state the request says it has seen. It belongs to the session of the
// request, if that has one: a refusal because the session is over is an error.
func (x *exchange) propose(txn *znode.Txn) (*znode.Result, error) {
	asked, err := x.askedZxid()
	if err != nil {
		return nil, err
	}
	if asked > 0 {
		s, err := x.api.cfg.Reader.State()
		if err != nil || s.Zxid < asked {
			if _, err = x.stateAt(asked); err != nil {
				return nil, err
			}
		}
	}
	if x.holder != nil {
		if err := x.join(txn); err != nil {
			return nil, err
		}
	}
	if x.key != "" {
		txn.Once = znode.NewOnce(x.key, txn)
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.WriteWait)
	defer cancel()
	res, err := x.api.cfg.Proposer.Propose(ctx, txn)
	switch {
	case err != nil:
		return nil, err
	case res == nil:
		return nil, command.ErrUnknown // a Proposer that breaks its promise must not become a panic after the fact
	}
	if res.Replayed {
		x.Header()["Idempotent-Replayed"] = replayed
	}
	if res.SessionOver {
		return nil, x.api.over(subject{key: txn.Session}, res.Zxid)
	}
	return res, nil
}

// representations of a znode.
const (
	asBytes = iota
	asJSON
)

// format chooses the representation: ?format=, else what Accept likes best, else the bytes.
func (x *exchange) format() (int, error) {
	switch value, ok := x.query.get("format"); {
	case ok && value == "json":
		return asJSON, nil
	case ok && value == "raw":
		return asBytes, nil
	case ok:
		return 0, badArguments("format is json or raw, not " + quoted(value))
	}
	accept := x.r.Header["Accept"]
	if len(accept) == 0 || len(accept) == 1 && accept[0] == "*/*" {
		return asBytes, nil
	}
	return negotiate(strings.Join(accept, ",")), nil
}

// negotiate is Accept's choice (RFC 9110, 12.5.1). Nothing it refuses is an error: bytes are better than a 406. JSON
// has to be named: "*/*" alone means bytes.
func negotiate(accept string) int {
	var json, bytes struct {
		q     float64
		order int // its place in the list if it was named itself, else 0
	}
	order := 0
	for part := range strings.SplitSeq(accept, ",") {
		order++
		mediaType, parameters, _ := strings.Cut(part, ";")
		switch q := quality(parameters); strings.ToLower(textproto.TrimString(mediaType)) {
		case "application/json":
			json.q, json.order = q, order
		case "application/octet-stream":
			bytes.q, bytes.order = q, order
		case "application/*", "*/*":
			if bytes.order == 0 {
				bytes.q = max(bytes.q, q)
			}
		}
	}
	switch {
	case json.order == 0 || json.q == 0 || json.q < bytes.q:
		return asBytes
	case json.q > bytes.q || bytes.order == 0 || json.order < bytes.order:
		return asJSON
	default:
		return asBytes
	}
}

// quality is the weight among the parameters of a media range, 1 if there is none that makes sense.
func quality(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(textproto.TrimString(name), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(textproto.TrimString(value), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}
