package peer

import (
	"errors"
	"fmt"
)

var (
	// ErrAuth means that the other side did not prove that it holds the
	// cluster's secret, or hung up before we could prove that we do.
	ErrAuth = errors.New("peer: authentication failed")
	// ErrConnLost means that the connection ended. A call that fails with it and
	// without ErrNotSent may have been carried out.
	ErrConnLost = errors.New("peer: connection lost")
	// ErrNotSent marks every failure after which the message certainly never
	// left this process.
	ErrNotSent = errors.New("peer: not sent")
	// ErrTooLarge means a payload over MaxPayload. It comes with ErrNotSent.
	ErrTooLarge = errors.New("peer: message too large")
	// ErrTooManyCalls means MaxPendingCalls on one connection are waiting for
	// their answers. It comes with ErrNotSent.
	ErrTooManyCalls = errors.New("peer: too many calls in flight")
	// ErrTooManyTargets means that a pool already holds MaxTargets targets.
	ErrTooManyTargets = errors.New("peer: too many targets")
	// ErrClosed means that the Mux or the Pool was closed by its owner.
	ErrClosed = errors.New("peer: closed")
	// ErrFrame means bytes that are no frame: the connection cannot go on.
	ErrFrame = errors.New("peer: malformed frame")
)

// Refusal is why an authenticated listener turned a connection down.
type Refusal byte

// The refusals. Their numbers are part of the protocol.
const (
	accepted Refusal = iota
	// WrongName: another member than the wanted one listens there.
	WrongName
	// WrongCluster: the two members belong to different clusters.
	WrongCluster
	// SameName: the dialer has the listener's own name; it dialed itself, or two
	// members were given one name.
	SameName
	// NotServing: the listener does not take this kind of connection yet.
	NotServing
	// Busy: the listener holds MaxConns connections.
	Busy
)

// String is the refusal in words, for logs.
func (r Refusal) String() string {
	switch r {
	case accepted:
		return "accepted"
	case WrongName:
		return "wrong name"
	case WrongCluster:
		return "wrong cluster"
	case SameName:
		return "same name"
	case NotServing:
		return "not serving"
	case Busy:
		return "busy"
	}
	return fmt.Sprintf("refusal %d", byte(r))
}

// RefusedError is a listener's answer to a dialer that proved itself but may not
// come in. What it says is authenticated.
type RefusedError struct {
	Reason  Refusal
	Wanted  string // the member the dialer asked for, "" for any
	Name    string // the member that answered
	Cluster string // its cluster, "" when it does not know yet
}

// Error says who answered and why not.
func (e *RefusedError) Error() string {
	switch e.Reason {
	case WrongName:
		return fmt.Sprintf("peer: wanted member %q, but member %q listens there", e.Wanted, e.Name)
	case WrongCluster:
		return fmt.Sprintf("peer: member %q belongs to another cluster, %q", e.Name, e.Cluster)
	case SameName:
		return fmt.Sprintf("peer: the member that listens there is also named %q: dialed itself, or a name used twice", e.Name)
	}
	return fmt.Sprintf("peer: member %q refused: %v", e.Name, e.Reason)
}

// The codes this package itself puts into a RemoteError.
const (
	CodeInternal    = "internal"     // the handler returned some other error
	CodeUnknownKind = "unknown_kind" // no route for this kind of call
	CodeTooLarge    = "too_large"    // the answer does not fit into a frame
)

// RemoteError is an error a handler returned, as the caller sees it. A handler
// that returns one chooses the code; any other error arrives as CodeInternal.
type RemoteError struct {
	Code string // at most 255 bytes
	Text string // at most MaxErrorText bytes, cut beyond
}

// Error is the code and the text.
func (e *RemoteError) Error() string { return "peer: remote error " + e.Code + ": " + e.Text }

// notSent marks err as without effect.
func notSent(err error) error { return fmt.Errorf("%w: %w", ErrNotSent, err) }

// lost is the error of a connection that ended because of cause.
func lost(cause error) error {
	if cause == nil || errors.Is(cause, ErrConnLost) {
		return ErrConnLost
	}
	return fmt.Errorf("%w: %w", ErrConnLost, cause)
}
