// Package raftfsm is a member of a holt cluster: it takes transactions, has them agreed on by hashicorp/raft, applies
// them to the tree and gives out states to read from. DESIGN.md beside this file tells the whole way of a request.
//
//	Node      open, propose, read, close
//	outbox    what is waiting to be proposed: on the leader one raft entry at a time, elsewhere frames to the leader
//	calls     what was proposed and not yet answered; its own log tells a member how each ended
//	fsm       applies committed entries, publishes states, answers calls
//	reads     the read index: a commit index confirmed by a quorum of voters
//	edit      who the members are: raft's configuration, changed one step at a time by the leader
//
// It promises: an acknowledged transaction is never lost while a majority keeps its disks; a transaction is carried out
// at most once; ErrUnknown is said of nothing that is known. It does not know HTTP, JSON or sessions.
package raftfsm
