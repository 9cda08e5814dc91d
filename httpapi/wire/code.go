package wire

// Code names an error; the set is closed and the same in Go, on the wire and in openapi.yaml.
type Code string

// The codes, grouped by what a caller can do about them.
const (
	BadArguments         Code = "bad_arguments"
	InvalidACL           Code = "invalid_acl"
	AuthFailed           Code = "auth_failed"
	NoAuth               Code = "no_auth"
	CrossOrigin          Code = "cross_origin"
	NoNode               Code = "no_node"
	NoWatch              Code = "no_watch"
	NoMember             Code = "no_member"
	NoRoute              Code = "no_route"
	MethodNotAllowed     Code = "method_not_allowed"
	NodeExists           Code = "node_exists"
	NotEmpty             Code = "not_empty"
	NoChildrenEphemerals Code = "no_children_for_ephemerals"
	ReconfigInProgress   Code = "reconfig_in_progress"
	ReconfigUnsafe       Code = "reconfig_unsafe"
	SessionExpired       Code = "session_expired"
	BadVersion           Code = "bad_version"
	TooLarge             Code = "too_large"
	WrongHost            Code = "wrong_host"
	IdempotencyMismatch  Code = "idempotency_mismatch"
	PreconditionRequired Code = "precondition_required"
	Throttled            Code = "throttled"
	Internal             Code = "internal"
	NotImplemented       Code = "not_implemented"
	NoLeader             Code = "no_leader"
	Behind               Code = "behind"
	ShuttingDown         Code = "shutting_down"
	OutcomeUnknown       Code = "outcome_unknown"
	QuotaExceeded        Code = "quota_exceeded"
	DiskFull             Code = "disk_full"
)
