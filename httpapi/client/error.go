package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"holt/httpapi/wire"
)

// Code is why a call failed. Every code is an error, so errors.Is(err, client.NoNode) asks for it.
type Code wire.Code

// The codes of the wire, and those that arise here.
const (
	BadArguments         = Code(wire.BadArguments)
	InvalidACL           = Code(wire.InvalidACL)
	AuthFailed           = Code(wire.AuthFailed)
	NoAuth               = Code(wire.NoAuth)
	CrossOrigin          = Code(wire.CrossOrigin)
	NoNode               = Code(wire.NoNode)
	NoWatch              = Code(wire.NoWatch)
	NoMember             = Code(wire.NoMember)
	NoRoute              = Code(wire.NoRoute)
	MethodNotAllowed     = Code(wire.MethodNotAllowed)
	NodeExists           = Code(wire.NodeExists)
	NotEmpty             = Code(wire.NotEmpty)
	NoChildrenEphemerals = Code(wire.NoChildrenEphemerals)
	ReconfigInProgress   = Code(wire.ReconfigInProgress)
	ReconfigUnsafe       = Code(wire.ReconfigUnsafe)
	SessionExpired       = Code(wire.SessionExpired)
	BadVersion           = Code(wire.BadVersion)
	TooLarge             = Code(wire.TooLarge)
	WrongHost            = Code(wire.WrongHost)
	IdempotencyMismatch  = Code(wire.IdempotencyMismatch)
	PreconditionRequired = Code(wire.PreconditionRequired)
	Throttled            = Code(wire.Throttled)
	Internal             = Code(wire.Internal)
	NotImplemented       = Code(wire.NotImplemented)
	NoLeader             = Code(wire.NoLeader)
	Behind               = Code(wire.Behind)
	ShuttingDown         = Code(wire.ShuttingDown)
	OutcomeUnknown       = Code(wire.OutcomeUnknown)
	QuotaExceeded        = Code(wire.QuotaExceeded)
	DiskFull             = Code(wire.DiskFull)

	// Unreachable: no endpoint answered in time. Nothing was changed.
	Unreachable = Code("unreachable")
	// NotModified: nothing had changed when the time to wait for it was up.
	NotModified = Code("not_modified")
	// Unexpected: the answer is not one of holt's. Of a write this is never said, but OutcomeUnknown.
	Unexpected = Code("unexpected_answer")
)

// ErrUnknown is the outcome of a write that may or may not have been, or still be, carried out.
const ErrUnknown = OutcomeUnknown

// Error is the code as the wire spells it.
func (c Code) Error() string { return string(c) }

// Error is a failed call: what the server said, or what happened on the way to it (Status is 0 then).
type Error struct {
	Problem  wire.Problem
	Op       string // such as "GET /v1/znodes"
	Endpoint string // the member that answered, or was asked last
	Cause    error  // what broke, where it was not the server that refused
	Key      string // the Idempotency-Key of a write; "" if it had none, or it is a secret. See Client.Keyed
	Replayed bool   // this refusal was given before

	elsewhere  bool          // another member may be asked
	later      bool          // and, after a pause, this one again
	retryAfter time.Duration // the pause the server asks for; 0: none
	doubted    bool          // an attempt before this answer may have been carried out
}

// Code is the problem's code.
func (e *Error) Code() Code { return Code(e.Problem.Code) }

// Error names the request, the path, the code and the detail.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Problem.Path != "" {
		b.WriteString(" " + e.Problem.Path)
	}
	fmt.Fprintf(&b, ": %s", e.Problem.Code)
	if e.Problem.Detail != "" {
		b.WriteString(": " + e.Problem.Detail)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

// Is compares with a Code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf is the code of err; "" where it has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return ""
}

// headCodes are the codes of refusals without a body (HEAD), as far as the status tells.
var headCodes = map[int]wire.Code{
	http.StatusBadRequest: wire.BadArguments, http.StatusUnauthorized: wire.AuthFailed, http.StatusForbidden: wire.NoAuth,
	http.StatusNotFound: wire.NoNode, http.StatusMethodNotAllowed: wire.MethodNotAllowed, http.StatusGone: wire.SessionExpired,
	http.StatusMisdirectedRequest: wire.WrongHost, http.StatusTooManyRequests: wire.Throttled,
	http.StatusNotImplemented: wire.NotImplemented, http.StatusServiceUnavailable: wire.NoLeader,
}

// refused makes the error of an answer that is not a success, and decides whether the call may go on.
func refused(q *call, endpoint string, res *http.Response, body []byte) *Error {
	e := &Error{Op: q.op(), Endpoint: endpoint, Replayed: res.Header.Get(replayedHeader) == "true"}
	if res.StatusCode == http.StatusNotModified {
		e.Problem = wire.Problem{Code: wire.Code(NotModified), Title: "Not modified", Status: res.StatusCode, Path: q.path}
		return e
	}
	if json.Unmarshal(body, &e.Problem) != nil || e.Problem.Code == "" {
		e.Problem = wire.Problem{Code: wire.Code(Unexpected), Title: http.StatusText(res.StatusCode),
			Detail: fmt.Sprintf("status %d without a problem of holt's", res.StatusCode)}
		if code, ok := headCodes[res.StatusCode]; ok && q.method == http.MethodHead {
			e.Problem.Code, e.Problem.Detail = code, ""
			if code == wire.NoNode {
				e.Problem.Detail = "there is no znode at " + q.path // as the server would say
			}
		}
	}
	e.Problem.Status = res.StatusCode
	if e.Problem.Path == "" {
		e.Problem.Path = q.path
	}
	e.retryAfter = retryAfter(res.Header)
	e.judge(q, res.StatusCode)
	if q.write && e.maybeDone() && e.Code() != OutcomeUnknown {
		e.Problem.Detail = fmt.Sprintf("the answer was status %d, %s: %s", res.StatusCode, e.Problem.Code, e.Problem.Detail)
		e.Problem.Code, e.Problem.Retryable = wire.OutcomeUnknown, false
	}
	return e
}

// judge sets where the call may go on. A refusal by holt was certainly not carried out; a gateway between us may have
// passed a write on before it gave up, so its 503 is believed only where the call may be sent again in any case.
func (e *Error) judge(q *call, status int) {
	holts, again := e.Code() != Unexpected, q.repeatable()
	switch status {
	case http.StatusMisdirectedRequest:
		e.elsewhere = true
	case http.StatusConflict:
		e.elsewhere, e.later = e.Code() == ReconfigInProgress, e.Code() == ReconfigInProgress
	case http.StatusTooManyRequests:
		e.elsewhere, e.later = true, true
	case http.StatusServiceUnavailable:
		e.elsewhere, e.later = holts || again, holts || again
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		e.elsewhere, e.later = again, again
	case http.StatusInternalServerError:
		e.elsewhere = q.write && again // another may say what became of it; a read would only fail there, too
	}
}

// judged says whether a refusal of a write with a key is about the write, wherever it is asked for: it is replayed, or
// it is what the replicated state says, which would have replayed another outcome. TooLarge is said by a member alone,
// too, but alike by all.
func (e *Error) judged() bool {
	switch e.Code() {
	case NoNode, NodeExists, NotEmpty, NoChildrenEphemerals, BadVersion, TooLarge, SessionExpired, IdempotencyMismatch:
		return true
	}
	return e.Replayed
}

// maybeDone says whether a write with this answer may have been carried out: after a 500, or a gateway's 502, nobody
// says that it was not.
func (e *Error) maybeDone() bool {
	if e.Problem.Status < http.StatusInternalServerError {
		return false
	}
	switch e.Code() {
	case NoLeader, Behind, ShuttingDown, NotImplemented, QuotaExceeded, DiskFull:
		return false
	}
	return true
}

// broken makes the error of a request that got no answer. left says that somebody may have got the request.
func broken(q *call, endpoint string, left bool, cause error) *Error {
	e := &Error{Op: q.op(), Endpoint: endpoint, Cause: cause}
	e.Problem = wire.Problem{Code: wire.Code(Unreachable), Title: "No answer", Path: q.path, Retryable: true,
		Detail: strings.TrimSuffix("no answer from "+endpoint, " from ")}
	if q.write && left {
		e.Problem = wire.Problem{Code: wire.OutcomeUnknown, Title: "Outcome unknown", Path: q.path,
			Detail: "the request was sent to " + endpoint + ", the answer never came"}
		e.elsewhere, e.later = q.repeatable(), q.repeatable()
		return e
	}
	e.elsewhere, e.later = true, true
	return e
}

// unexpected makes the error of an answer of success that cannot be understood.
func unexpected(q *call, endpoint string, cause error) *Error {
	e := &Error{Op: q.op(), Endpoint: endpoint, Cause: cause, Key: q.shownKey()}
	e.Problem = wire.Problem{Code: wire.Code(Unexpected), Title: "Unexpected answer", Path: q.path,
		Detail: "the answer of " + endpoint + " is not one of holt's"}
	if q.write {
		e.Problem.Code, e.Problem.Title = wire.OutcomeUnknown, "Outcome unknown"
	}
	return e
}

// notSent makes the error of a request of a session that may be over: it was not sent.
func notSent(q *call, cause error) *Error {
	e := &Error{Op: q.op(), Cause: cause}
	e.Problem = wire.Problem{Code: wire.SessionExpired, Title: "Session expired", Path: q.path,
		Detail: "the session may be over, so this was not sent"}
	return e
}

// mistake makes the error of a request that is wrong: it was not sent.
func mistake(q *call, detail string) *Error {
	e := &Error{Op: q.op()}
	e.Problem = wire.Problem{Code: wire.BadArguments, Title: "Bad arguments", Path: q.path, Detail: detail}
	return e
}
