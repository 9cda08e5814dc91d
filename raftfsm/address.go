package raftfsm

import (
	"io"
	"strings"

	"github.com/hashicorp/raft"

	"holt/raftfsm/peer"
)

// observerMark ends the address of a member that is never to vote.
const observerMark = "observer"

// address is what raft's configuration says of a member beside its name and its vote. It lies in the field raft has for an address, so
// that it changes with the configuration and at no other time:
//
//	host:port                 a voter from the cluster's first start: its URL is in the list the cluster started from
//	host:port URL             any other member; one without a vote is to get one
//	host:port URL observer    one that is never to vote
//
// Fields are separated by single spaces; the URL may be empty. Words that this version does not know are ignored.
type address struct {
	Addr     string // host:port; the host is resolved at each dial
	URL      string
	Observer bool
}

// parseAddress never fails: what makes no sense as an address cannot be dialed, and that is all.
func parseAddress(s raft.ServerAddress) (a address) {
	var rest string
	a.Addr, rest, _ = strings.Cut(string(s), " ")
	a.URL, rest, _ = strings.Cut(rest, " ")
	for word := range strings.SplitSeq(rest, " ") {
		a.Observer = a.Observer || word == observerMark
	}
	return a
}

// encode undoes parseAddress. There is no space in Addr and URL: whoever adds a member checks that.
func (a address) encode() raft.ServerAddress {
	s := a.Addr
	if a.URL != "" || a.Observer {
		s += " " + a.URL
	}
	if a.Observer {
		s += " " + observerMark
	}
	return raft.ServerAddress(s)
}

// dialing is raft's transport between raft, which knows members by those addresses, and the layer that dials, which wants their name
// and host:port.
type dialing struct{ *raft.NetworkTransport }

func dialed(id raft.ServerID, at raft.ServerAddress) raft.ServerAddress {
	return peer.RaftAddress(peer.Target{Name: string(id), Addr: parseAddress(at).Addr})
}

// AppendEntriesPipeline opens a pipeline to a member.
func (d dialing) AppendEntriesPipeline(id raft.ServerID, at raft.ServerAddress) (raft.AppendPipeline, error) {
	return d.NetworkTransport.AppendEntriesPipeline(id, dialed(id, at))
}

// AppendEntries asks a member to take entries.
func (d dialing) AppendEntries(id raft.ServerID, at raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return d.NetworkTransport.AppendEntries(id, dialed(id, at), req, resp)
}

// RequestVote asks a member for its vote.
func (d dialing) RequestVote(id raft.ServerID, at raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return d.NetworkTransport.RequestVote(id, dialed(id, at), req, resp)
}

// RequestPreVote asks a member whether it would vote.
func (d dialing) RequestPreVote(id raft.ServerID, at raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
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
