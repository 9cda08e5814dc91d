package raftfsm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/guard"
	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
)

// DefaultHeartbeat is how long a follower waits for its leader, give or take.
const DefaultHeartbeat = 500 * time.Millisecond

// Config is what a member needs. What touches the world comes in here, so that a whole cluster runs in one test.
type Config struct {
	// Name is this member's, for ever.
	Name string
	// Members is the list the cluster starts from; it counts only on the first start, but for the URLs of those in it. For a member
	// that joins it is who was there when it came.
	Members []Member
	// Joined says that the member does not begin a cluster: it knows of no members until the leader of one tells it.
	Joined bool
	// RaftAdvertise is what the others call this member's raft address.
	RaftAdvertise string
	// Storage holds log, vote and snapshots. Whoever opened it closes it, after the Node.
	Storage *Storage
	// Mux carries all connections between members. The Node closes it.
	Mux *peer.Mux
	// Watchers are told of every state. Nil: nobody watches.
	Watchers Watchers
	// Sessions keeps the leases. Nil: nobody does, and sessions never expire.
	Sessions Sessions
	// Meter is told how large things were and how long they took. Nil: nobody is.
	Meter Meter
	// Logger gets what happens.
	Logger *slog.Logger
	// Version is that of the program, for the members who ask; at most MaxVersionBytes. Streams tells them how many streams of
	// events there are; nil: nobody counts.
	Version string
	Streams func() int

	// Heartbeat is how long a follower waits for its leader before it asks for votes, give or take; the timeouts of
	// elections and of the leader's lease follow from it. Default DefaultHeartbeat. Who is the only voter does not wait.
	Heartbeat time.Duration
	// RPCTimeout bounds one exchange with a member that does not answer. Default 5 s.
	RPCTimeout time.Duration
	// MaxStall is how long the disk may hang before a leader falls silent, so that another takes over. Default 1 s.
	MaxStall time.Duration
	// SnapshotBytes is how much log is applied between snapshots, at least. Default SnapshotBytes.
	SnapshotBytes int64
	// FreeBytes tells how much room the disk has. Nil: nobody looks.
	FreeBytes func() (uint64, error)
	// DiskReserve is how much of it must be left, in bytes. Default DefaultDiskReserve.
	DiskReserve uint64
	// DigestEvery is how often this member, while it leads, has all members compare what they hold. 0: never.
	DigestEvery time.Duration
	// LogVersion is the newest version of the log that this member reads and writes. Default command.LogVersion; less makes it behave as
	// an older program does.
	LogVersion uint8
	// Fatal is called once, with an error that wraps ErrDiverged or ErrTooOld, when this member must not go on. It should end the
	// process; the member applies and answers nothing more. Nil: it panics.
	Fatal func(error)
	// Now is the wall clock. Default time.Now.
	Now func() time.Time
}

// Watchers is whoever follows the states of this member.
type Watchers interface {
	// Publish is called with each state once it can be read, in order, on the goroutine that applies: it must not block.
	// After a snapshot was installed the zxid may have jumped.
	Publish(s *znode.State)
}

// Sessions is whoever keeps the leases of sessions.
type Sessions interface {
	// Applied is called with what committed commands meant for sessions, in order, once a state that has it can be read,
	// on the goroutine that applies: it must not block, nor keep the slice. What a snapshot brings is not told.
	Applied(changes []command.SessionChange)
	// OnAsk answers what some member asked of its leader with AskLeader. This member may have ceased to lead.
	OnAsk(ctx context.Context, payload []byte) ([]byte, error)
}

// Storage is where a member keeps what it must not forget.
type Storage struct {
	Logs   raft.LogStore
	Stable raft.StableStore
	Snaps  raft.SnapshotStore
	Stall  *guard.Stall
}

func (c *Config) validate() error {
	switch {
	case c.Name == "" || c.RaftAdvertise == "":
		return errors.New("a member needs a name and a raft address")
	case len(c.Version) > MaxVersionBytes:
		return fmt.Errorf("the version has %d bytes, the limit is %d", len(c.Version), MaxVersionBytes)
	case c.LogVersion > command.LogVersion:
		return fmt.Errorf("version %d of the log is not known yet, the newest is %d", c.LogVersion, command.LogVersion)
	case c.Storage == nil || c.Mux == nil || c.Logger == nil:
		return errors.New("a member needs storage, a mux and a logger")
	}
	return ValidateMembers(c.Members)
}

func (c Config) withDefaults() Config {
	setDefault(&c.Heartbeat, DefaultHeartbeat)
	setDefault(&c.RPCTimeout, 5*time.Second)
	setDefault(&c.MaxStall, time.Second)
	setDefault(&c.SnapshotBytes, SnapshotBytes)
	setDefault(&c.DiskReserve, DefaultDiskReserve)
	setDefault(&c.LogVersion, command.LogVersion)
	if c.Meter == nil {
		c.Meter = unmetered{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// raftConfig is the library's configuration; reference for each choice is in DESIGN.md.
func (n *Node) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.cfg.Name)
	c.Logger = raftLogger(n.log)
	c.HeartbeatTimeout = n.cfg.Heartbeat
	c.ElectionTimeout = c.HeartbeatTimeout
	c.LeaderLeaseTimeout = c.HeartbeatTimeout * 4 / 5
	c.CommitTimeout = 50 * time.Millisecond // nudges are quicker
	c.MaxAppendEntries = 64
	c.BatchApplyCh = false
	c.ShutdownOnRemove = false
	c.SnapshotInterval = 24 * time.Hour // logSize decides, by bytes
	c.TrailingLogs = MaxTrailingLogs
	c.NoLegacyTelemetry = true
	return c
}
