package apitest

import (
	"context"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// Restore is a Restorer. It fails as Propose does.
func (n *Node) Restore(ctx context.Context, s *znode.State, replace bool) (znode.Zxid, error) {
	if !n.wait(ctx, func() bool { return !n.faults.Hold }) {
		return 0, command.ErrNoLeader
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.faults.Propose != nil {
		return 0, n.faults.Propose
	}
	if !replace && !n.machine.Empty() {
		return 0, command.ErrNotEmpty
	}
	n.proposed++
	n.machine.Advance(int64(n.proposed), 1)
	n.machine.Restore(s)
	n.state = n.machine.State()
	n.Hub.Publish(n.state)
	n.wake()
	if n.faults.Swallow != nil {
		return 0, n.faults.Swallow
	}
	return n.state.Zxid, nil
}
