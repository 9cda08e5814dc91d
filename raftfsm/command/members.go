package command

import "fmt"

// MemberSpec is a server as it is to be in the cluster.
type MemberSpec struct {
	Name     string // for ever
	RaftAddr string // host:port; the host is resolved at each dial
	URL      string // for clients
	// Voter says that it votes once it has caught up. Who never votes is an observer: it serves reads and streams and forwards writes.
	Voter bool
}

// ChangeReason is why a change of the members was refused. Nothing was changed then.
type ChangeReason int

// The reasons.
const (
	// ChangeInvalid: the request itself makes no sense.
	ChangeInvalid ChangeReason = iota + 1
	// ChangeNoMember: there is no member of that name.
	ChangeNoMember
	// ChangeInProgress: another change is under way; ask again.
	ChangeInProgress
	// ChangeUnsafe: too few voters could be reached, before or after it, for the cluster to go on working.
	ChangeUnsafe
)

// ChangeError is a refused change of the members. Other errors are those of this package: ErrNoLeader says that nothing was done,
// ErrUnknown that it may be done yet.
type ChangeError struct {
	Reason ChangeReason
	Detail string // a sentence for people
}

// Error is the sentence.
func (e *ChangeError) Error() string { return e.Detail }

// Refuse makes a ChangeError.
func Refuse(r ChangeReason, format string, args ...any) error {
	return &ChangeError{r, fmt.Sprintf(format, args...)}
}
