package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// kind is what all errors of one code have in common.
type kind struct {
	status int
	title  string
	// retryable: nothing was done, and the same request may well succeed a little later. Such answers say when.
	retryable bool
}

// kinds is the table of errors: one row for each of wire's codes.
var kinds = map[wire.Code]kind{
	wire.BadArguments:         {400, "The request is malformed", false},
	wire.InvalidACL:           {400, "The ACL is malformed", false},
	wire.AuthFailed:           {401, "The credentials are wrong", false},
	wire.NoAuth:               {403, "The ACL does not permit it", false},
	wire.CrossOrigin:          {403, "Web pages of other origins may not do that", false},
	wire.NoNode:               {404, "There is no such znode", false},
	wire.NoWatch:              {404, "There is no such watch", false},
	wire.NoMember:             {404, "There is no such member", false},
	wire.NoRoute:              {404, "There is no such resource", false},
	wire.MethodNotAllowed:     {405, "The resource does not have this method", false},
	wire.NodeExists:           {409, "The znode exists", false},
	wire.NotEmpty:             {409, "The znode has children", false},
	wire.NoChildrenEphemerals: {409, "Ephemeral znodes cannot have children", false},
	wire.ReconfigInProgress:   {409, "Another change of the members is in progress", true},
	wire.ReconfigUnsafe:       {409, "The cluster might not go on working after that change", false},
	wire.SessionExpired:       {410, "The session is over", false},
	wire.BadVersion:           {412, "The znode has another version", false},
	wire.TooLarge:             {413, "The request is too large", false},
	wire.WrongHost:            {421, "The request is for another server", false},
	wire.IdempotencyMismatch:  {422, "The idempotency key belongs to another request", false},
	wire.PreconditionRequired: {428, "A precondition is required", false},
	wire.Throttled:            {429, "The server has enough to do", true},
	wire.Internal:             {500, "The server made a mistake", false},
	wire.NotImplemented:       {501, "That is not implemented yet", false},
	wire.NoLeader:             {503, "There is no leader", true},
	wire.Behind:               {503, "The server has not caught up", true},
	wire.ShuttingDown:         {503, "The server is shutting down", true},
	wire.OutcomeUnknown:       {504, "The outcome is unknown", false},
	wire.QuotaExceeded:        {507, "The quota is used up", false},
	wire.DiskFull:             {507, "The disk is nearly full", false},
}

// outcomes says which code the errors of a Proposer and a Reader have.
var outcomes = []struct {
	err  error
	code wire.Code
}{
	{command.ErrUnknown, wire.OutcomeUnknown}, // first: it must never pass for one that says "not done"
	{command.ErrNoLeader, wire.NoLeader},
	{command.ErrBehind, wire.Behind},
	{command.ErrShuttingDown, wire.ShuttingDown},
	{command.ErrThrottled, wire.Throttled},
	{command.ErrDiskFull, wire.DiskFull},
}

// retryAfter is the spread of Retry-After, in seconds: those turned away together should not come back together.
const minRetryAfter, maxRetryAfter = 1, 3

// problem is an error on its way to the client.
type problem struct {
	wire.Problem
	hangUp bool // the rest of the request cannot be read, so an HTTP/1.1 connection is of no more use
	zxided bool // Zxid was set, maybe to 0
}

func (p *problem) Error() string { return string(p.Code) + ": " + p.Detail }

// refuse makes an error of one of the codes. The detail is for people.
func refuse(code wire.Code, detail string) *problem {
	k := kinds[code]
	return &problem{Problem: wire.Problem{
		Type: "urn:holt:problem:" + string(code), Title: k.title, Status: k.status, Detail: detail, Code: code,
		Retryable: k.retryable,
	}}
}

func badArguments(detail string) *problem { return refuse(wire.BadArguments, detail) }

// notYet refuses what the contract has and this version does not.
func notYet(what string) *problem { return refuse(wire.NotImplemented, what+" is not implemented yet") }

// of says which path and state the problem is about.
func (p *problem) of(path znode.Path, z znode.Zxid) *problem {
	p.Path = path.String()
	p.Zxid, p.zxided = uint64(z), true
	return p
}

// at says which state the problem is about.
func (p *problem) at(z znode.Zxid) *problem {
	p.Zxid, p.zxided = uint64(z), true
	return p
}

// noNode is the answer to a read of a znode that does not exist.
func noNode(path znode.Path, z znode.Zxid) *problem {
	return refuse(wire.NoNode, "there is no znode at "+path.String()).of(path, z)
}

// refusal is the problem of a refused transaction.
func refusal(res *znode.Result) *problem {
	op := res.Ops[res.Failed]
	path := op.Path.String()
	p := refuse(wire.Code(op.Code.String()), "").of(op.Path, res.Zxid)
	switch op.Code {
	case znode.BadVersion:
		stat := op.Stat()
		p.CurrentVersion = &stat.Version
		p.Detail = path + " is at version " + strconv.FormatInt(stat.Version, 10) +
			", czxid " + strconv.FormatUint(uint64(stat.Czxid), 10) // the version may well be what was asked for
	case znode.NoNode:
		p.Detail = "there is no znode at " + path
	case znode.NodeExists:
		p.Detail = "there is a znode at " + path + " already"
	case znode.NotEmpty:
		p.Detail = path + " has children"
	case znode.NoWatch:
		p.Detail = "the session has no such watch at " + path
	case znode.NoChildrenForEphemerals:
		p.Detail = path + " is ephemeral, and goes with its session: it cannot have children"
	case znode.QuotaExceeded: // of a create; who asks for something else says so
		p.Detail = "the session has as many ephemerals as it can: session_ephemerals in /v1/limits"
	case znode.IdempotencyMismatch:
		p.Detail = "the key was used for another request: what that ended with is not the answer to this one; take another key for this one"
	case znode.BadArguments:
		p.Detail = "that cannot be done to " + path
	default:
		p.Detail = p.Title + ": " + path
	}
	return p
}

// refused is refusal with what it takes the transaction and this member's state to know: how much was too much, and why a session
// is over.
func (a *API) refused(txn *znode.Txn, res *znode.Result) *problem {
	op := &txn.Ops[res.Failed]
	switch {
	case res.Code == znode.SessionExpired && op.Session != nil:
		p := a.over(subject{owner: op.Session.Owner}, res.Zxid)
		p.Detail = "session " + op.Session.Owner.String() + " is over: " + p.Reason
		return p
	case res.Code == znode.TooLarge && op.Kind == znode.Delete:
		return a.tooManyZnodes(op.Path, res)
	case res.Code == znode.TooLarge && !op.Reads():
		p := refusal(res)
		limit := int64(znode.MaxParents)
		p.Limit = &limit
		p.Detail = "one transaction makes at most " + strconv.FormatInt(limit, 10) + " missing parents"
		return p
	case res.Code == znode.TooLarge:
		p := refusal(res)
		limit := int64(znode.MaxReadBytes)
		if txn.Once != nil {
			limit = znode.MaxKeptReadBytes
		}
		p.Limit = &limit
		p.Detail = "the transaction reads more than " + strconv.FormatInt(limit, 10) + " bytes of data and names"
		if txn.Once != nil {
			p.Detail += ", which are kept with its outcome; without an idempotency key it may read " + strconv.Itoa(znode.MaxReadBytes)
		}
		return p
	}
	return refusal(res)
}

// tooManyZnodes is the refusal of a recursive delete. How many znodes there are is counted here, not by every member: as they are
// now, so that a refusal of long ago goes without.
func (a *API) tooManyZnodes(path znode.Path, res *znode.Result) *problem {
	p := refusal(res)
	limit := int64(znode.MaxTreeDelete)
	p.Limit = &limit
	p.Detail = "one transaction deletes at most " + strconv.FormatInt(limit, 10) + " znodes recursively"
	if s, err := a.cfg.Reader.State(); err == nil && !res.Replayed {
		size := int64(0)
		for range s.Tree.Subtree(path) {
			size++
		}
		p.Size = &size
		p.Detail += "; " + path.String() + " and what is below are " + strconv.FormatInt(size, 10)
	}
	return p
}

// problemOf is any error as a problem, and whether it is one that nobody foresaw.
func problemOf(err error) (p *problem, unforeseen bool) {
	if errors.As(err, &p) {
		return p, false
	}
	if change := (*command.ChangeError)(nil); errors.As(err, &change) && changeCodes[change.Reason] != "" {
		return refuse(changeCodes[change.Reason], change.Detail), false
	}
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			p := refuse(o.code, o.err.Error())
			if o.code == wire.OutcomeUnknown {
				p.Detail += ": sent again under the same idempotency key it is done once, and what became of it is told; without a key, read before you repeat it"
			}
			return p, false
		}
	}
	return refuse(wire.Internal, ""), true
}

// fail answers with a problem. Of one that nobody foresaw the log gets all and the client nothing.
func (x *exchange) fail(err error) {
	if x.status != 0 {
		x.api.log.Debug("answer broke off", "route", x.at.route, "method", x.r.Method, "err", err)
		panic(http.ErrAbortHandler) // what has begun can only be cut off
	}
	p, unforeseen := problemOf(err)
	if unforeseen {
		x.api.log.Error("request failed", "route", x.at.route, "method", x.r.Method, "err", err)
	}
	if !p.zxided {
		p.Zxid = uint64(x.api.cfg.Cluster.Status().Zxid)
	}
	h := x.Header()
	for _, name := range statHeaders {
		delete(h, name) // they may be there already, and are not the problem's
	}
	if p.Status != http.StatusNotFound {
		delete(h, "Preference-Applied") // nothing was waited for
	}
	if p.Retryable {
		h["Retry-After"] = []string{strconv.Itoa(minRetryAfter + rand.IntN(maxRetryAfter-minRetryAfter+1))}
	}
	switch {
	case x.r.ProtoMajor > 1 && !p.hangUp:
		x.drain()
	case x.r.ProtoMajor == 1 && x.at.duplex && !p.hangUp:
		h["Connection"] = []string{"close"}
		x.setReadDeadline(time.Now().Add(drainTime)) // net/http reads what has no end before it answers
	case x.r.ProtoMajor == 1 && p.hangUp:
		h["Connection"] = []string{"close"}
		x.setReadDeadline(time.Now()) // or net/http would wait for some of the rest
	}
	x.setZxid(znode.Zxid(p.Zxid))
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // nothing here is shown as a page; a detail stays readable
	if err := enc.Encode(&p.Problem); err != nil {
		panic("httpapi: a problem that is no JSON: " + err.Error())
	}
	_ = x.writeWhole(p.Status, typeProblem, body.Bytes())
}

// quoted is client's text fit for a message: short and without control characters.
func quoted(s string) string {
	const enough = 100
	if len(s) > enough {
		s = s[:enough] + "…"
	}
	return strconv.Quote(s)
}

// about says which path the problem is about.
func (p *problem) about(path znode.Path) *problem {
	p.Path = path.String()
	return p
}
