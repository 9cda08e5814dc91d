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

	// MaxSessions bounds the sessions that are alive.
	MaxSessions = 250_000
	// MaxSessionEphemerals bounds the ephemeral znodes of one session: they go in one transaction.
	MaxSessionEphemerals = 10_000
	// MaxSessionWatches bounds the watches of one session.
	MaxSessionWatches = 10_000
	// MaxWatches bounds the watches of all sessions.
	MaxWatches = 1_000_000
	// MinSessionTimeout and MaxSessionTimeout bound a session's timeout, in ms. A server may be configured to allow less.
	MinSessionTimeout = 100
	MaxSessionTimeout = 24 * 3600 * 1000
	// MaxTombstones bounds how many ended sessions are remembered.
	MaxTombstones = 100_000
	// TombstoneTime is how long an ended session is remembered at least, in ms, unless there are too many.
	TombstoneTime = 3600 * 1000

	// MaxTTL bounds a znode's time to live, in ms, as ZooKeeper does: about 34 years.
	MaxTTL = 1<<40 - 1
	// ContainerGrace is how long a container that never had children is left alone, in ms.
	ContainerGrace = 5 * 60 * 1000
	// ContainerLinger is how long a container stays after it lost its last child, in ms: whoever uses it all the time, one child
	// after the other, must not find it gone each time. ZooKeeper looks once a minute, so there it is chance.
	ContainerLinger = 10 * 1000
	// MaxTreeDelete bounds how many znodes one transaction deletes by recursive deletes: all members carry it out in one step.
	MaxTreeDelete = 10_000
	// MaxParents bounds how many missing parents one transaction makes: each holds its whole path, so a short request could make much.
	MaxParents = 10_000
	// MaxReadBytes bounds the data and names that the reads in one transaction give.
	MaxReadBytes = MaxTxnBytes
	// MaxKeptReadBytes is MaxReadBytes of a transaction whose outcome is kept.
	MaxKeptReadBytes = 64 << 10
	// MaxCreated bounds the number of children that an import says a znode ever had.
	MaxCreated = 1 << 53

	// MaxOutcomes bounds how many outcomes of transactions with an Idempotency-Key are kept.
	MaxOutcomes = 500_000
	// MaxOutcomeBytes bounds how many bytes they take together.
	MaxOutcomeBytes = 128 << 20
	// OutcomeTime is how long an outcome is kept, in ms, unless there are too many; and until its session ends, if that is later.
	OutcomeTime = 10 * 60 * 1000
)
