package raftfsm

import (
	"context"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// Restore replaces the tree on all members by the one in s: its sessions end, its zxid is lifted above the present one, streams are told to
// read again. It may be called on any member and gives the zxid of the restored state.
func (n *Node) Restore(ctx context.Context, s *znode.State) (znode.Zxid, error) {
	return 0, command.ErrNoLeader
}
