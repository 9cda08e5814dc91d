package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// lookWait bounds the wait for what only the leader knows of a session, when that is not what was asked for.
const lookWait = time.Second

// subject is the session that the path of a request names: by its id, or by its public name.
type subject struct {
	key   *znode.SessionKey // nil if it is named by its public name
	owner znode.Owner
}

// subject reads it.
func (x *exchange) subject() (subject, error) {
	escaped, _, _ := strings.Cut(x.path, "/")
	name, err := unescapePath(escaped)
	if err != nil {
		return subject{}, err
	}
	if owner, ok := znode.ParseOwner(name); ok {
		return subject{owner: owner}, nil
	}
	key, err := sessionKey(name)
	if err != nil {
		return subject{}, badArguments("a session is named by its id, 32 digits, 0 to 9 and a to f, or by its public name, like s17")
	}
	return subject{key: &key}, nil
}

// own is the key of the session that the path names by its id; the request then belongs to it.
func (x *exchange) own() (znode.SessionKey, error) {
	escaped, _, _ := strings.Cut(x.path, "/")
	name, err := unescapePath(escaped)
	if err != nil {
		return znode.SessionKey{}, err
	}
	key, err := sessionKey(name)
	if err != nil {
		return key, err
	}
	return key, x.act(key)
}

// act makes the request one of the session with that key.
func (x *exchange) act(key znode.SessionKey) error {
	if x.holder != nil && *x.holder != key {
		return badArguments("header Holt-Session and the path are two different sessions")
	}
	x.holder = &key
	return nil
}

// in is the session in a state: one of the two, or nothing.
func (s subject) in(t *znode.Sessions) (*znode.Session, *znode.Tombstone) {
	if s.key != nil {
		return t.ByKey(*s.key), t.EndedByKey(*s.key)
	}
	return t.Get(s.owner), t.Ended(s.owner)
}

// named is the session of that name or id, which is alive, and a state that has it. Where this member does not know it the leader is asked, and
// what it says waited for.
func (x *exchange) named(sub subject) (*znode.Session, *znode.State, error) {
	s, err := x.state()
	for asked := false; err == nil; asked = true {
		live, ended := sub.in(s.Sessions)
		switch {
		case live != nil:
			return live, s, nil
		case ended != nil:
			return nil, nil, sessionOver(ended.Reason).at(s.Zxid)
		case asked:
			return nil, nil, command.ErrBehind
		}
		var owner znode.Owner
		if owner, err = x.ask(sub); err == nil {
			s, err = x.stateAt(znode.Zxid(owner)) // that is when it was opened
		}
	}
	return nil, nil, err
}

// ask asks the leader for the public name of a session; that it is over is an error.
func (x *exchange) ask(sub subject) (znode.Owner, error) {
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.ZxidWait)
	defer cancel()
	if sub.key != nil {
		lease, err := x.api.renew(ctx, *sub.key)
		return lease.Owner, err
	}
	leases, err := x.api.cfg.Sessions.Look(ctx, []znode.Owner{sub.owner})
	if err == nil && !leases[0].Alive {
		err = sessionOver(leases[0].Reason)
	}
	return sub.owner, err
}

// leases is what the leader knows about sessions, nil if it cannot say.
func (x *exchange) leases(owners []znode.Owner) []command.Lease {
	if len(owners) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), lookWait)
	defer cancel()
	leases, err := x.api.cfg.Sessions.Look(ctx, owners)
	if err != nil {
		return nil
	}
	return leases
}

// postSession answers POST /v1/sessions: a new session.
func (a *API) postSession(x *exchange) error {
	timeout, err := x.timeout()
	if err != nil {
		return err
	}
	var id [sessionIDBytes]byte
	_, _ = rand.Read(id[:]) // which never fails
	text := hex.EncodeToString(id[:])
	key, err := sessionKey(text)
	if err != nil {
		return err
	}
	op := znode.OpenSessionOp(key, timeout.Milliseconds())
	if x.key != "" {
		op.Session.Seal = sealID(x.key, id)
	}
	res, err := x.propose(single(op))
	if err != nil {
		return err
	}
	switch res.Code {
	case znode.OK:
	case znode.QuotaExceeded:
		return refuse(wire.QuotaExceeded, "there are as many sessions as there can be: sessions in /v1/limits").at(res.Zxid)
	default:
		return ofNone(refusal(res))
	}
	if x.key != "" {
		if text, err = x.sealedID(&res.Ops[0]); err != nil {
			return err
		}
	}
	s := res.Ops[0].Session
	x.setZxid(res.Zxid)
	x.Header()["Location"] = []string{"/v1/sessions/" + s.Owner.String()}
	return x.writeValue(http.StatusCreated, &wire.SessionOpened{ID: text, Owner: s.Owner.String(), TimeoutMs: s.Timeout})
}

// ofNone says that a problem is about no znode: what is refused about a session has no path.
func ofNone(p *problem) *problem {
	p.Path = ""
	return p
}

// timeout is the parameter, brought within what this server allows.
func (x *exchange) timeout() (time.Duration, error) {
	cfg := &x.api.cfg
	timeout := cfg.SessionTimeout
	if v, ok := x.query.get("timeout"); ok {
		var err error
		if timeout, err = time.ParseDuration(v); err != nil || timeout <= 0 {
			return 0, badArguments("timeout is a time like 10s, not " + quoted(v))
		}
	}
	return min(max(timeout, cfg.MinSessionTimeout), cfg.MaxSessionTimeout), nil
}

// deleteSession answers DELETE /v1/sessions/{id}: by id its holder closes it, by public name an operator ends it.
func (a *API) deleteSession(x *exchange) error {
	sub, err := x.subject()
	if err != nil {
		return err
	}
	op := znode.KillSessionOp(sub.owner)
	if sub.key != nil {
		op = znode.CloseSessionOp(*sub.key)
		if err := x.act(*sub.key); err != nil {
			return err
		}
	}
	res, err := x.propose(single(op))
	switch {
	case err != nil:
		return err
	case res.Code == znode.SessionExpired:
		return a.over(sub, res.Zxid)
	case res.Code != znode.OK:
		return ofNone(refusal(res))
	}
	x.setZxid(res.Zxid)
	x.WriteHeader(http.StatusNoContent)
	return nil
}

// getSession answers GET /v1/sessions/{id}, also by public name. It renews nothing.
func (a *API) getSession(x *exchange) error {
	sub, err := x.subject()
	if err != nil {
		return err
	}
	live, s, err := x.named(sub)
	if err != nil {
		return err
	}
	leases := x.leases([]znode.Owner{live.Owner})
	if leases != nil && !leases[0].Alive {
		return sessionOver(leases[0].Reason).at(s.Zxid)
	}
	x.setZxid(s.Zxid)
	w := x.begin(http.StatusOK)
	defer w.free()
	w.b = appendSessionRow(append(w.b, '{'), live, leases)
	w.b = append(w.b, `,"ephemerals":[`...)
	n := 0
	for p := range s.Sessions.Ephemerals(live.Owner) {
		if !w.comma(n) {
			break
		}
		w.b = appendString(w.b, p.String())
		n++
	}
	w.b = append(w.b, `],"watches":[`...)
	w.appendWatches(s.Sessions, live.Owner)
	w.b = append(w.b, ']', '}', '\n')
	return w.end()
}

// appendSessionRow is what wire.Session and wire.SessionRow have in common; leases is about this session, or nil.
func appendSessionRow(b []byte, s *znode.Session, leases []command.Lease) []byte {
	b = appendString(append(b, `"owner":`...), s.Owner.String())
	b = strconv.AppendInt(append(b, `,"timeout_ms":`...), s.Timeout, 10)
	b = append(b, `,"expires_in_ms":`...)
	if leases == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, max(0, leases[0].ExpiresIn), 10)
	}
	return strconv.AppendInt(append(b, `,"opened":`...), s.Opened, 10)
}

// getSessions answers GET /v1/sessions: those that are alive, by public name, oldest first.
func (a *API) getSessions(x *exchange) error {
	limit, err := x.limit(defaultRows, maxRows)
	if err != nil {
		return err
	}
	var after znode.Owner
	if v, ok := x.query.get("after"); ok {
		if after, ok = znode.ParseOwner(v); !ok {
			return badArguments("after is the public name of a session, like s17, not " + quoted(v))
		}
	}
	s, err := x.state()
	if err != nil {
		return err
	}
	var page []*znode.Session
	var owners []znode.Owner
	next := ""
	for one := range s.Sessions.All(after) {
		if len(page) == limit {
			next = page[limit-1].Owner.String()
			x.linkNext("/v1/sessions", next)
			break
		}
		page, owners = append(page, one), append(owners, one.Owner)
	}
	leases := x.leases(owners)
	x.setZxid(s.Zxid)
	w := x.begin(http.StatusOK)
	defer w.free()
	w.b = append(w.b, `{"sessions":[`...)
	for i, one := range page {
		if !w.comma(i) {
			break
		}
		var its []command.Lease
		if leases != nil {
			its = leases[i : i+1]
		}
		w.b = append(appendSessionRow(append(w.b, '{'), one, its), '}')
	}
	w.b = appendString(append(w.b, `],"next":`...), next)
	w.b = append(w.b, '}', '\n')
	return w.end()
}
