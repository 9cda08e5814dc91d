package znode

// Limits of the domain. They are checked where a request comes in; Apply relies on them.
const (
	// MaxPathBytes bounds a path, in bytes of UTF-8.
	MaxPathBytes = 4096
	// MaxPathDepth bounds the number of names in a path.
	MaxPathDepth = 128
	// MaxDataBytes bounds the data of one znode. A server may be configured to take less, never more.
	MaxDataBytes = 1 << 20
	// MaxTxnOps bounds the ops of one transaction.
	MaxTxnOps = 1024
	// MaxTxnBytes bounds the data of all ops of one transaction together.
	MaxTxnBytes = 4 << 20
	// MaxTags bounds the alternatives of one precondition.
	MaxTags = 16
)
