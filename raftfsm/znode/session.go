package znode

import "strconv"

// SessionKey is the SHA-256 of a session's id. The id itself, which is all it takes to be the session, is never stored.
type SessionKey [32]byte

// Owner is the public name of a session: the zxid of the transaction that opened it, so no other session ever has it.
// 0 is nobody.
type Owner Zxid

// String is "s" and the number, or "" for nobody.
func (o Owner) String() string {
	if o == 0 {
		return ""
	}
	return "s" + strconv.FormatUint(uint64(o), 10)
}

// ParseOwner reads what String gave for somebody.
func ParseOwner(s string) (o Owner, ok bool) {
	if len(s) < 2 || s[0] != 's' || s[1] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:], 10, 63)
	return Owner(n), err == nil && Owner(n).String() == s
}

// Session is a client that is known to be alive. It never changes.
type Session struct {
	Key     SessionKey
	Owner   Owner
	Timeout int64 // ms without renewal after which the session may be ended
	Opened  int64 // ms since the Unix epoch
	// Used is the zxid of the last transaction by which the session changed anything, at first that of its opening.
	Used Zxid
}

// Reason is why a session ended.
type Reason uint8

// The reasons. Every end of a session has one of them.
const (
	Expired Reason = iota + 1 // not renewed for its timeout; only a leader says so
	Closed                    // by whoever held it
	Killed                    // by an operator, who knew its public name
	reasons                   // one more than the last
)

var reasonNames = [reasons]string{Expired: "expired", Closed: "closed", Killed: "killed"}

// String is "" for no reason.
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Tombstone is what is left of a session that ended.
type Tombstone struct {
	Key    SessionKey
	Owner  Owner
	Reason Reason
	Zxid   Zxid  // of the end
	Time   int64 // of it, ms since the Unix epoch
}

// SessionOp is what Op has beside its path and kind when it is about a session.
type SessionOp struct {
	// Key is that of the session to open, or, where Owner is 0, to close.
	Key SessionKey
	// Owner is the session to close.
	Owner Owner
	// Timeout in ms, of OpenSession.
	Timeout int64
	// Reason, of CloseSession.
	Reason Reason
	// Term, of CloseSession: unless 0, the op is refused with StaleTerm in an entry of another term. An expiry is judged by
	// one leader and must not be carried out under the next, who has granted the session its timeout again.
	Term uint64
	// Used, of CloseSession with a Term, is the session's as that leader knew it: if the session was used since, the op is
	// refused with SessionUsed. Such a transaction is a renewal that was acknowledged.
	Used Zxid
	// Watch is which kind of watch, of AddWatch and RemoveWatch.
	Watch WatchMode
	// Seal, of OpenSession, is kept with the outcome and given again; zero if the transaction is not kept.
	Seal Seal
}

// Seal is the id of a session in a form that only who has the Idempotency-Key of its opening can read: the id itself is not
// stored, and still whoever asks again under the same key must be told it.
type Seal [32]byte

// OpenSessionOp opens a session; it must be alone in its transaction.
func OpenSessionOp(key SessionKey, timeout int64) Op {
	return Op{Kind: OpenSession, Session: &SessionOp{Key: key, Timeout: timeout}}
}

// CloseSessionOp ends the session with that key; it must be alone in its transaction.
func CloseSessionOp(key SessionKey) Op {
	return Op{Kind: CloseSession, Session: &SessionOp{Key: key, Reason: Closed}}
}

// KillSessionOp ends the session with that public name; it must be alone in its transaction.
func KillSessionOp(o Owner) Op {
	return Op{Kind: CloseSession, Session: &SessionOp{Owner: o, Reason: Killed}}
}

// ExpireSessionOp ends a session that was not renewed, unless the term is over or the session was used after a zxid; it
// must be alone in its transaction.
func ExpireSessionOp(o Owner, used Zxid, term uint64) Op {
	return Op{Kind: CloseSession, Session: &SessionOp{Owner: o, Reason: Expired, Used: used, Term: term}}
}

// AddWatchOp sets a watch of the transaction's session and reads what it is about; it must be alone in its transaction.
func AddWatchOp(p Path, m WatchMode) Op {
	return Op{Kind: AddWatch, Path: p, Session: &SessionOp{Watch: m}}
}

// RemoveWatchOp takes a watch of the transaction's session back, or with AnyWatch all it has at p; it must be alone in its
// transaction.
func RemoveWatchOp(p Path, m WatchMode) Op {
	return Op{Kind: RemoveWatch, Path: p, Session: &SessionOp{Watch: m}}
}
