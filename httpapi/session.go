package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// eventsMargin is how much longer than a stream may be stuck an answer waits for it: by then it is no more.
const eventsMargin = 2 * time.Second

// unknownReason stands for why a session is over that nobody remembers: it ended long ago, or never was.
const unknownReason = "unknown"

// sessionIDBytes is how long the id of a session is; it is written in hex.
const sessionIDBytes = 16

// sessionKey is the key of the session with that id. The id is not shown in errors: it may be right but for a letter.
func sessionKey(id string) (key znode.SessionKey, err error) {
	if _, ok := znode.ParseOwner(id); ok {
		return key, badArguments(id + " is the public name of a session; this needs its id, which only the answer to its opening had")
	}
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != sessionIDBytes || strings.ToLower(id) != id {
		return key, badArguments("the id of a session is 32 digits, 0 to 9 and a to f")
	}
	return sha256.Sum256(raw), nil
}

// sessionOver is the answer to what came from, or for, a session that is over for good.
func sessionOver(r znode.Reason) *problem {
	detail := map[znode.Reason]string{
		znode.Expired: "the session was not renewed in time and has expired",
		znode.Closed:  "the session was closed",
		znode.Killed:  "the session was ended by an operator",
	}[r]
	p := refuse(wire.SessionExpired, detail)
	p.Reason = r.String()
	if r == 0 {
		p.Reason, p.Detail = unknownReason, "the session ended long ago, or there never was one"
	}
	return p
}

// over is sessionOver for a session that a transaction at z found to be over.
func (a *API) over(sub subject, z znode.Zxid) *problem {
	var reason znode.Reason
	if s, err := a.cfg.Reader.State(); err == nil {
		if _, ended := sub.in(s.Sessions); ended != nil {
			reason = ended.Reason
		}
	}
	return sessionOver(reason).at(z)
}

// lives holds the request to its session being alive in s, the state it is answered from. It is renewed, unless it has
// been. Where s does not know the session the leader is asked: this member may be behind.
func (x *exchange) lives(s *znode.State, renewed bool) error {
	key := *x.holder
	if t := s.Sessions.EndedByKey(key); t != nil {
		return sessionOver(t.Reason).at(s.Zxid)
	}
	if renewed {
		return nil
	}
	if s.Sessions.ByKey(key) != nil {
		x.api.cfg.Sessions.Touch(key)
		return nil
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.ZxidWait)
	defer cancel()
	_, err := x.api.renew(ctx, key)
	return err
}

// present is lives for a request that is answered from no state.
func (x *exchange) present() error {
	if x.holder == nil {
		return nil
	}
	s, err := x.api.cfg.Reader.State()
	if err != nil {
		return err
	}
	return x.lives(s, false)
}

// renew renews a session; one that is over is an error.
func (a *API) renew(ctx context.Context, key znode.SessionKey) (command.Lease, error) {
	leases, err := a.cfg.Sessions.Keepalive(ctx, []znode.SessionKey{key})
	switch {
	case err != nil:
		return command.Lease{}, err
	case !leases[0].Alive:
		return leases[0], sessionOver(leases[0].Reason)
	}
	return leases[0], nil
}

// join makes a transaction one of the request's session. To open a session or to end another is none: there the session
// is looked at before. One that is known to be over needs no proposal to be refused, unless what the request asks for may have
// been done under its key while it was alive.
func (x *exchange) join(txn *znode.Txn) error {
	switch op := &txn.Ops[0]; {
	case op.Kind == znode.CloseSession && op.Session.Key == *x.holder: // itself
	case op.Kind == znode.OpenSession || op.Kind == znode.CloseSession:
		return x.present()
	default:
		txn.Session = x.holder
	}
	if x.key != "" {
		return nil
	}
	s, err := x.api.cfg.Reader.State()
	if err != nil {
		return nil // this member may still pass on what it cannot judge
	}
	return x.lives(s, true)
}

// awaitEvents waits until the streams of the request's session that this member carries have all events up to the zxid
// of the answer: what the answer shows must not come before the events that tell of it. A stream that does not get on
// ends, and if it would not, the answer is cut off: it must not overtake.
func (x *exchange) awaitEvents() {
	a := x.api
	s, err := a.cfg.Reader.State()
	if err != nil || x.at.streams || x.at.showsNothing {
		return
	}
	var owner znode.Owner
	if live := s.Sessions.ByKey(*x.holder); live != nil {
		owner = live.Owner
	} else if t := s.Sessions.EndedByKey(*x.holder); t != nil {
		owner = t.Owner
	} else {
		return // what this member does not know has no streams here
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), a.cfg.StreamWriteTimeout+eventsMargin)
	defer cancel()
	// A hub that is closed has no streams to wait for.
	if err := a.cfg.Hub.Flushed(ctx, owner, x.zxid); err != nil && !errors.Is(err, watch.ErrClosed) {
		a.log.Warn("answer cut off: the events before it cannot be told", "session", owner, "zxid", x.zxid, "error", err)
		panic(http.ErrAbortHandler)
	}
}
