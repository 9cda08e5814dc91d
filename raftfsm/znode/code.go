package znode

// Code is how an op ended: OK, or why it was refused. The set is closed; String is the name on the wire.
type Code uint8

// The codes, with the names ZooKeeper gives them in lower case.
const (
	OK         Code = iota
	RolledBack      // not tried, because an op before it in the transaction was refused
	BadArguments
	NoNode
	NodeExists
	BadVersion
	NotEmpty
	NoChildrenForEphemerals
	SessionExpired
	NoWatch
	QuotaExceeded
	StaleTerm   // what a leader decided came too late: its term was over
	SessionUsed // the session was used since its leader judged it
	TooLarge    // more than one transaction may delete, make above what it makes, or read
	// IdempotencyMismatch: the key was used for another transaction.
	IdempotencyMismatch
	codes // how many there are
)

var codeNames = [codes]string{
	OK: "ok", RolledBack: "rolled_back", BadArguments: "bad_arguments", NoNode: "no_node", NodeExists: "node_exists",
	BadVersion: "bad_version", NotEmpty: "not_empty", NoChildrenForEphemerals: "no_children_for_ephemerals",
	SessionExpired: "session_expired", NoWatch: "no_watch", QuotaExceeded: "quota_exceeded", StaleTerm: "stale_term",
	SessionUsed: "session_used", TooLarge: "too_large", IdempotencyMismatch: "idempotency_mismatch",
}

func (c Code) String() string {
	if c < codes {
		return codeNames[c]
	}
	return "unknown"
}
