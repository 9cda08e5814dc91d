package guard

import "fmt"

// Reason is why a member's folder was refused. The set is closed.
type Reason string

// The reasons.
const (
	// ReasonLocked: another process has the folder open.
	ReasonLocked Reason = "locked"
	// ReasonAmnesia: a member lived here and its log is gone.
	ReasonAmnesia Reason = "amnesia"
	// ReasonForeign: the log belongs to no known member, or to another store than the identity beside it.
	ReasonForeign Reason = "foreign"
	// ReasonName: the member that lives here has another name.
	ReasonName Reason = "name"
	// ReasonCluster: the member that lives here is of another cluster.
	ReasonCluster Reason = "cluster"
	// ReasonDamaged: a file is damaged.
	ReasonDamaged Reason = "damaged"
	// ReasonRecovery: a recovery of the folder was begun and not finished.
	ReasonRecovery Reason = "recovery"
)

// rejoin is the way back for a member that cannot be trusted with its past.
const rejoin = "if all other members are up and ready (/readyz on each), delete this folder and start the member again under the same " +
	"name: it comes back empty and catches up, and the others must stay up until it has; if it is the only member, restore the folder from a backup"

// advice is what an operator should do, by reason.
func (r Reason) advice() string {
	switch r {
	case ReasonLocked:
		return "stop the other process, or give this member a folder of its own"
	case ReasonForeign:
		return "point this member at its own folder; if this member never ran, delete the folder's contents and start it again; otherwise " + rejoin
	case ReasonName, ReasonCluster:
		return "start it under its own name and cluster, or give this member a folder of its own"
	case ReasonRecovery:
		return "run holt recover again on this folder, which finishes it"
	default:
		return rejoin
	}
}

// adviceMark stands in a message between what is wrong and what to do about it.
const adviceMark = "; what to do: "

// StoreError says that a member must not start on a folder, why, and what to do about it.
type StoreError struct {
	Reason Reason
	Path   string // the file or folder that was refused
	Detail string // what was found
	Advice string // what to do
	Err    error  // the cause, may be nil
}

func refuse(reason Reason, path string, cause error, format string, args ...any) *StoreError {
	return &StoreError{Reason: reason, Path: path, Detail: fmt.Sprintf(format, args...), Advice: reason.advice(), Err: cause}
}

func (e *StoreError) Error() string {
	s := e.Path + ": " + e.Detail
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + adviceMark + e.Advice
}

// Unwrap is the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// Damaged is the refusal of a folder for damage that was found in the file or folder at path; cause may be nil.
func Damaged(path string, cause error, format string, args ...any) *StoreError {
	return refuse(ReasonDamaged, path, cause, format, args...)
}
