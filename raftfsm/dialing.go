package raftfsm

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/peer"
)

// dialing is raft's transport between raft, which knows members by those addresses, and the layer that dials, which wants their name
// and host:port.
type dialing struct {
	*raft.NetworkTransport
	node     *Node
	consumer <-chan raft.RPC
}

// Consumer is where raft takes from what members ask.
func (d dialing) Consumer() <-chan raft.RPC { return d.consumer }

func dialed(id raft.ServerID, at raft.ServerAddress) raft.ServerAddress {
	return peer.RaftAddress(peer.Target{Name: string(id), Addr: parseAddress(at).Addr})
}

// AppendEntriesPipeline opens a pipeline to a member.
func (d dialing) AppendEntriesPipeline(id raft.ServerID, at raft.ServerAddress) (raft.AppendPipeline, error) {
	return d.NetworkTransport.AppendEntriesPipeline(id, dialed(id, at))
}

// AppendEntries asks a member to take entries.
func (d dialing) AppendEntries(id raft.ServerID, at raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := d.NetworkTransport.AppendEntries(id, dialed(id, at), req, resp)
	if err == nil && (len(req.Entries) > 0 || resp.Term > req.Term) {
		d.node.gate.pass()
	}
	return err
}

// RequestVote asks a member for its vote.
func (d dialing) RequestVote(id raft.ServerID, at raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if !d.node.franchise.granted.Load() {
		return errNoVote
	}
	return d.NetworkTransport.RequestVote(id, dialed(id, at), req, resp)
}

// RequestPreVote asks a member whether it would vote.
func (d dialing) RequestPreVote(id raft.ServerID, at raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if !d.node.franchise.granted.Load() {
		return errNoVote
	}
	return d.NetworkTransport.RequestPreVote(id, dialed(id, at), req, resp)
}

// InstallSnapshot sends a snapshot to a member.
func (d dialing) InstallSnapshot(id raft.ServerID, at raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return d.NetworkTransport.InstallSnapshot(id, dialed(id, at), req, resp, data)
}

// TimeoutNow asks a member to take over.
func (d dialing) TimeoutNow(id raft.ServerID, at raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return d.NetworkTransport.TimeoutNow(id, dialed(id, at), req, resp)
}

// gateTime is how long a gate is shut before what it is shut for, so that who has just passed is through.
const gateTime = time.Millisecond

// gate holds what members answer to appends back while raft takes in that one of them has another address. When an append was taken,
// raft reads the name of the member without the lock under which it replaces name and address together (hashicorp/raft v1.8.0,
// updateLastAppended). The name stays the same, so nothing comes of it, but it is a data race all the same. Heartbeats, which keep the
// leader in office, are not held back.
type gate struct {
	shut atomic.Pointer[chan struct{}] // closed when the gate is opened; nil while it is open
}

// pass waits while the gate is shut.
func (g *gate) pass() {
	if c := g.shut.Load(); c != nil {
		<-*c
	}
}

// close shuts the gate until open is called. One at a time may.
func (g *gate) close() (open func()) {
	c := make(chan struct{})
	g.shut.Store(&c)
	return func() {
		g.shut.Store(nil)
		close(c)
	}
}

// reconfigure has raft take in a new configuration, with the gate shut.
func (n *Node) reconfigure(do func() raft.IndexFuture) raft.IndexFuture {
	open := n.gate.close()
	defer open()
	n.sleep(gateTime)
	f := do()
	// Raft's main loop answers this once it is through with the other. There is nothing to begin with, and it begins nothing.
	_ = n.raft.BootstrapCluster(raft.Configuration{}).Error()
	return f
}
