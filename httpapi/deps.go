// Package httpapi is holt's HTTP interface: it turns requests into transactions and reads, and results into answers.
//
// It promises that every error is a problem+json with one of wire's codes, that the three outcomes of a write (done, not
// done, unknown) are never mixed up, and that no request, however slow, large or broken, holds more than the named limits.
// It does not know how the tree is replicated: the interfaces below are all it needs, and cmd joins them to what there is.
package httpapi

import (
	"context"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// Proposer carries out transactions.
type Proposer interface {
	// Propose carries txn out on the whole cluster and gives its result once this member's own state holds it.
	// Errors are those of package command: ErrUnknown says that txn may still be carried out, every other that it was
	// not and will not be. When ctx ends first, the error is ErrUnknown, or ErrNoLeader if it was never proposed.
	// The transaction must be valid and not change afterwards.
	Propose(ctx context.Context, txn *znode.Txn) (*znode.Result, error)
	// ProposeAll is Propose of several transactions, each for itself: they are carried out in this order with nothing in between,
	// and share one fate: with an error, either none was or none is known to have been. The results are in the same order. Their number,
	// ops and bytes are within command.MaxBatchTxns, command.MaxBatchOps and znode.MaxTxnBytes.
	ProposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error)
}

// Reader gives states to read from. None of its calls blocks a write or another read.
type Reader interface {
	// State is this member's own, however old, without waiting for anyone; command.ErrBehind while the member has not
	// yet caught up for the first time since its start.
	State() (*znode.State, error)
	// StateAt is a state of at least zxid, waited for until ctx ends (command.ErrBehind then).
	StateAt(ctx context.Context, zxid znode.Zxid) (*znode.State, error)
	// Linearizable is a state that holds every write acknowledged by any member before the call. It needs a quorum:
	// command.ErrNoLeader when ctx ends first.
	Linearizable(ctx context.Context) (*znode.State, error)
}

// Sessions says who is alive, which is the leader's to know. Every call may be made on any member.
type Sessions interface {
	// Keepalive renews sessions and gives what became of each, in the same order. Those that it says are alive have been
	// renewed by one that still leads, those that are not are over for good. With an error (of package command) nothing is
	// known to be renewed; when ctx ends first, it is ErrNoLeader.
	Keepalive(ctx context.Context, keys []znode.SessionKey) ([]command.Lease, error)
	// Look is Keepalive without renewing.
	Look(ctx context.Context, owners []znode.Owner) ([]command.Lease, error)
	// Touch renews in the background, if all goes well. It never waits.
	Touch(key znode.SessionKey)
}

// Cluster says who the members are and how they are, and changes that. It never waits, but for Reports and for changes.
type Cluster interface {
	Status() Status
	// Reports asks all members how they are and waits a second for their answers, no longer than ctx. They are by Member.ID; who is
	// not there could not be reached. Nobody may change the map.
	Reports(ctx context.Context) map[string]Report
	// Checks are what /readyz and /livez report, in a fixed order.
	Checks() []Check

	// AddMember makes a server a member, or changes the address, the URL or the kind of one. It returns once the change is committed;
	// a new voter may not vote yet. The errors of all three are *command.ChangeError, of a change that was refused, and those of
	// package command: ErrUnknown says that it may be made yet. When ctx ends first, it is that or ErrNoLeader.
	AddMember(ctx context.Context, m command.MemberSpec) error
	// RemoveMember takes the member of that name out.
	RemoveMember(ctx context.Context, name string) error
	// Transfer gives leadership to a voter, "" to whichever is most up to date, and returns once that one leads.
	Transfer(ctx context.Context, to string) error
}

// Status is the cluster as this member knows it.
type Status struct {
	Name    string // this member's
	Cluster string // the cluster's id, in hex
	Leader  string // "" while there is none
	Term    uint64
	Zxid    znode.Zxid
	Members []Member
}

// Member is one server of the cluster.
type Member struct {
	ID       string
	RaftAddr string // host:port
	URL      string // for clients; "" while it is not known
	Voter    bool
	Observer bool // it never votes; who is neither is to vote once it has caught up
}

// Report is how a member says it is.
type Report struct {
	Ready        bool // whether it has caught up since it started
	Zxid         znode.Zxid
	AppliedIndex uint64
	SnapshotZxid znode.Zxid // of the newest snapshot on its disk; 0 before the first
	SnapshotTime int64      // of that, ms since the Unix epoch
	Znodes       uint64
	DataBytes    uint64
	DiskFree     uint64 // bytes; 0 if it does not look
	DiskFull     bool   // whether it takes only deletes
	Sessions     uint64
	Streams      uint64 // of events, and long polls
	Version      string // of its program
	UptimeMs     uint64
}

// Check is one reason to be ready or not.
type Check struct {
	Name   string
	OK     bool
	Live   bool   // whether it counts for /livez too
	Detail string // for people
}

// Metrics counts requests. No label may ever hold a path of a znode.
type Metrics interface {
	// Route gives what counts the requests of one route and method. It is called while the API is made, once for each,
	// and once with "" and "" for the requests that belong to none.
	Route(route, method string) RouteMetrics
	// Streams gives what counts streams and long polls. It is called while the API is made.
	Streams() StreamMetrics
}

// RouteMetrics counts the requests of one route and method. Its methods are on every request's way: they must be cheap.
type RouteMetrics interface {
	Begin()
	End(status int, took time.Duration)
}

// uncounted is the Metrics of an API that has none.
type uncounted struct{}

func (uncounted) Route(string, string) RouteMetrics { return uncounted{} }
func (uncounted) Begin()                            {}
func (uncounted) End(int, time.Duration)            {}
