package command

import "holt/raftfsm/znode"

// Lease is what the leader knows about a session: how long it has, which is in its memory and not in the state.
type Lease struct {
	// Owner is the session's public name, 0 if it is not known.
	Owner znode.Owner
	// Alive says whether the session can still be used. If not, it is over for good.
	Alive bool
	// Timeout in ms, of one that is alive.
	Timeout int64
	// ExpiresIn is how long it has without renewal, in ms from the moment the leader was asked.
	ExpiresIn int64
	// Reason is why it is over; 0 if it ended too long ago, or never was.
	Reason znode.Reason
}

// SessionChange is what an applied command meant for a session.
type SessionChange struct {
	Session *znode.Session
	Kind    ChangeKind
}

// ChangeKind is what happened to the session.
type ChangeKind uint8

// The kinds of change.
const (
	// SessionOpened: it begins.
	SessionOpened ChangeKind = iota + 1
	// SessionUsed: it carried out a transaction, which is a sign of life.
	SessionUsed
	// SessionClosed: it is over.
	SessionClosed
)
