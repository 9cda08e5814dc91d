package raftfsm

import (
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// settled is the newest configuration that is known to be committed; nil while none is known to be.
type settled struct{ atomic.Pointer[[]server] }

// committed are the members as they are committed. Raft itself tells the newest, which may be undone yet; where nothing better is known,
// after a start and after a snapshot was installed, that is what there is. A member that starts applies old ones first.
func (n *Node) committed() []server {
	if s := n.settled.Load(); s != nil && n.Ready() {
		return *s
	}
	return n.servers()
}

// configured is the fsm that also notes committed configurations, before the view in which they are is published.
type configured struct {
	*fsm
	settled *settled
}

// ApplyBatch notes the newest configuration and applies.
func (c configured) ApplyBatch(logs []*raft.Log) []any {
	for i := len(logs) - 1; i >= 0; i-- {
		if logs[i].Type == raft.LogConfiguration {
			all := serversOf(raft.DecodeConfiguration(logs[i].Data))
			c.settled.Store(&all)
			break
		}
	}
	return c.fsm.ApplyBatch(logs)
}

// Restore forgets what was noted: the snapshot comes with a newer one.
func (c configured) Restore(r io.ReadCloser) error {
	c.settled.Store(nil)
	return c.fsm.Restore(r)
}
