package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm/guard"
)

// Exit codes: scripts decide by them, so that nobody has to read messages. They are the same for every verb.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitPrecondition = 4
	exitUnknown      = 5
	exitUnreachable  = 6
	exitRefused      = 7
	exitStorage      = 8
)

// exitMeanings documents the exit codes, in their order; --help shows them.
func exitMeanings() []string {
	return []string{
		exitDone:         "done",
		exitFailed:       "another error (a file, a server that is not holt, a bug, an interrupt)",
		exitUsage:        "the command line, or a path in it, is wrong",
		exitNotFound:     "there is no such znode or member, or the parent of the znode is missing",
		exitPrecondition: "the precondition does not hold: another version, or the znode exists",
		exitUnknown:      "outcome unknown: a write may or may not have been done; the message says how to ask again",
		exitUnreachable:  "no member answers, or none can serve now (no leader, behind, busy); nothing was done",
		exitRefused:      "refused: forbidden, too large, has children, no space; or the session is over",
		exitStorage:      "serve: the data folder is not this member's or is damaged, its disk failed, or its state is not that of the others; the message says what to do",
	}
}

// A usageError is a mistake on the command line that is found after parsing.
type usageError struct{ error }

// usagef makes one.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// remedy is what a code comes to on the command line: an exit code, and what to do.
type remedy struct {
	exit   int
	advice string
}

// advised is an error with advice of its verb's own.
type advised struct {
	error
	advice string
	key    string // the Idempotency-Key to ask again under; "" if there is none
}

// Unwrap is the error.
func (e advised) Unwrap() error { return e.error }

// remedyOf is the one table from codes to exit codes.
func remedyOf(code client.Code) remedy {
	switch code {
	case client.BadArguments, client.InvalidACL:
		return remedy{exitUsage, "correct the command line"}
	case client.NoNode:
		return remedy{exitNotFound, "check the path; a parent is made before its children"}
	case client.NoMember:
		return remedy{exitNotFound, "holt cluster lists the members"}
	case client.NoWatch:
		return remedy{exitNotFound, "nothing is left to do"}
	case client.BadVersion:
		return remedy{exitPrecondition, "read it again and decide anew"}
	case client.NodeExists:
		return remedy{exitPrecondition, "leave it, or change it with set"}
	case client.OutcomeUnknown:
		return remedy{exitUnknown, "it may or may not have been done: read before you repeat it"}
	case client.Unreachable:
		return remedy{exitUnreachable, "check --endpoints and whether a member is up"}
	case client.NoLeader, client.Behind, client.ShuttingDown, client.Throttled, client.ReconfigInProgress:
		return remedy{exitUnreachable, "nothing was done: try again later"}
	case client.NotEmpty:
		return remedy{exitRefused, "delete its children first"}
	case client.TooLarge:
		return remedy{exitRefused, "keep large data elsewhere, and its address here"}
	case client.PreconditionRequired:
		return remedy{exitRefused, "this server wants --version, --tag or --create"}
	case client.WrongHost:
		return remedy{exitRefused, "use a name the server knows, or add this one to its HOLT_ALLOWED_HOSTS"}
	case client.AuthFailed, client.NoAuth, client.CrossOrigin:
		return remedy{exitRefused, "ask as somebody who may"}
	case client.DiskFull, client.QuotaExceeded:
		return remedy{exitRefused, "make room: deleting is still allowed"}
	case client.SessionExpired:
		return remedy{exitRefused, "open another session; what belonged to this one is gone, or will soon be"}
	case client.NoChildrenEphemerals:
		return remedy{exitRefused, "an ephemeral znode has no children: make it elsewhere"}
	case client.IdempotencyMismatch:
		return remedy{exitRefused, "take another --idempotency-key: this one was another write's"}
	case client.ReconfigUnsafe:
		return remedy{exitRefused, "bring those members back first, or remove another"}
	case client.NoRoute, client.MethodNotAllowed, client.NotImplemented, client.Unexpected:
		return remedy{exitFailed, "check that the endpoint is holt, and as new as this command"}
	case client.Internal:
		return remedy{exitFailed, "the server's log says more"}
	}
	return remedy{exitFailed, ""}
}

// exitCode is what the process ends with after err.
func exitCode(err error) int {
	var failed *client.Error
	var parse *kong.ParseError
	var usage usageError
	var store *guard.StoreError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &parse), errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errStorage), errors.As(err, &store):
		return exitStorage
	case errors.Is(err, client.OutcomeUnknown):
		return exitUnknown
	case errors.Is(err, context.Canceled):
		return exitFailed
	case errors.As(err, &failed):
		return remedyOf(failed.Code()).exit
	}
	return exitFailed
}

// problem is what goes wrong as --json says it.
type problem struct {
	wire.Problem
	IdempotencyKey string `json:"idempotency_key,omitempty"` // of an unknown outcome: to ask again under
}

// problemOf is err as a problem, for --json. What did not come from the client has a code of the command line's own:
// usage or failed.
func problemOf(err error) problem {
	var failed *client.Error
	if errors.As(err, &failed) {
		p := problem{Problem: failed.Problem}
		p.Detail = detailOf(failed)
		var how advised
		if errors.As(err, &how) {
			p.IdempotencyKey = how.key
		}
		return p
	}
	p := problem{Problem: wire.Problem{Code: "failed", Title: "Failed", Detail: err.Error()}}
	if exitCode(err) == exitUsage {
		p.Code, p.Title = "usage", "Usage"
	}
	return p
}

// sentence says in one line what failed, at which path, with which code, and what to do.
func sentence(verb string, err error) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace("holt "+verb) + ": ")
	var failed *client.Error
	switch {
	case errors.Is(err, context.Canceled) && !errors.Is(err, client.OutcomeUnknown):
		b.WriteString("interrupted")
		if !errors.As(err, &failed) { // which would say that nobody answered
			b.WriteString(": " + err.Error())
		}
		return oneLine(b.String())
	case !errors.As(err, &failed):
		b.WriteString(err.Error())
		if exitCode(err) == exitUsage {
			b.WriteString("; see " + strings.TrimSpace("holt "+verb) + " --help")
		}
		return oneLine(b.String())
	}
	if p := failed.Problem.Path; p != "" && failed.Code() != client.SessionExpired {
		b.WriteString(p + ": ")
	}
	fmt.Fprintf(&b, "%s (%s)", detailOf(failed), failed.Code())
	how := advised{advice: remedyOf(failed.Code()).advice}
	errors.As(err, &how)
	if how.advice != "" {
		b.WriteString("; " + how.advice)
	}
	return oneLine(b.String())
}

// detailOf is the problem's detail with what broke.
func detailOf(e *client.Error) string {
	d := e.Problem.Detail
	if d == "" {
		d = e.Problem.Title
	}
	if d == "" {
		d = "the server refused it"
	}
	if n := e.Problem.Failed; n != nil && !strings.HasPrefix(d, "op ") {
		d = fmt.Sprintf("op %d: %s", *n, d)
	}
	if e.Cause == nil {
		return d
	}
	cause := e.Cause
	var u *url.Error
	if errors.As(cause, &u) {
		cause = u.Err // without method and address, which the detail has
	}
	return d + ": " + cause.Error()
}

// oneLine keeps an error of a server, whatever it holds, from spoiling a terminal or a log.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r <= 0x9f {
			return ' '
		}
		return r
	}, s)
}
