package raftfsm

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// SnapshotBytes is how many bytes of log are applied before a snapshot is taken, at least; for a larger state it is
	// a quarter of the state, so that all snapshots together write no more than a few times what the log does.
	SnapshotBytes = 64 << 20
	// TrailingShare of SnapshotBytes is about how much log is kept behind a snapshot for members that lag: one part in so
	// many.
	TrailingShare = 2
	// MinTrailingLogs and MaxTrailingLogs bound that in entries.
	MinTrailingLogs = 128
	MaxTrailingLogs = 16384
	// nodeOverhead is about what a znode takes in a log entry besides its data.
	nodeOverhead = 64
)

// logSize counts what was applied since the last snapshot and says when the next is due. Raft's own rule counts entries,
// and one of ours is 100 bytes or half a MiB.
type logSize struct {
	limit   int64 // bytes; SnapshotBytes unless configured
	due     func()
	state   func() int64 // bytes of the state, about
	entries int64
	bytes   int64
	held    bool // none may be taken for now
	urgent  bool // one is due whatever the size
	running atomic.Bool
}

// applied counts entries; only the goroutine that applies them calls it.
func (s *logSize) applied(logs []*raft.Log) {
	for _, l := range logs {
		s.bytes += int64(len(l.Data))
	}
	s.entries += int64(len(logs))
	if !s.held && (s.urgent || s.bytes > max(s.limit, s.state()/4)) && s.running.CompareAndSwap(false, true) {
		s.due()
		s.bytes, s.entries, s.urgent = 0, 0, false
	}
}

// hold lets no snapshot become due until it is called with false.
func (s *logSize) hold(on bool) { s.held = on }

// soon makes one due with the next entries: the log says in many words what the state says in few.
func (s *logSize) soon() { s.urgent = true }

// trailing is how many entries of the present size are kept behind the next snapshot.
func (s *logSize) trailing() uint64 {
	return uint64(min(max(s.limit/TrailingShare*s.entries/max(s.bytes, 1), MinTrailingLogs), MaxTrailingLogs))
}

// compact takes a snapshot and lets raft drop the log before it.
func (n *Node) compact(trailing uint64) {
	defer n.size.running.Store(false)
	select {
	case <-n.opened:
	case <-n.stop:
		return
	}
	conf := n.raft.ReloadableConfig()
	conf.TrailingLogs = trailing
	if err := n.raft.ReloadConfig(conf); err != nil {
		n.log.Warn("setting how much log is kept", "error", err)
	}
	begun := time.Now()
	err := n.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) || errors.Is(err, raft.ErrRaftShutdown) {
		return
	}
	n.counts.snapshot(time.Since(begun), err)
	if err != nil {
		n.log.Warn("taking a snapshot", "error", err)
	}
}
