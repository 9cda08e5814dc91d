package command

import "errors"

// How a proposal can end other than with a result. The first five mean: not done, safe to send again. The last means
// what it says and is never given for the others.
var (
	// ErrNoLeader: there is no leader to propose to, or it changed before the command was in its log.
	ErrNoLeader = errors.New("there is no leader at the moment")
	// ErrBehind: this member has not caught up far enough to answer.
	ErrBehind = errors.New("this member has not caught up yet")
	// ErrShuttingDown: this member is stopping.
	ErrShuttingDown = errors.New("this member is shutting down")
	// ErrThrottled: more is waiting than the limit allows.
	ErrThrottled = errors.New("too many writes are waiting")
	// ErrDiskFull: the leader's disk has less room than its reserve; only what does not grow the state is taken.
	ErrDiskFull = errors.New("the disk is nearly full")
	// ErrUnknown: the command was proposed and may or may not be carried out, now or later.
	ErrUnknown = errors.New("the outcome is unknown")
)
