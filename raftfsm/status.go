package raftfsm

import (
	"time"

	"holt/raftfsm/znode"
)

// Status is the cluster as this member knows it. Who it says is a member, and votes, is committed: one who waits for that can count on it.
type Status struct {
	Name    string
	Cluster string // its id, in hex
	Leader  string // "" while there is none
	Term    uint64
	Zxid    znode.Zxid
	Members []MemberStatus
}

// MemberStatus is one member of it.
type MemberStatus struct {
	Member
	Voter bool `json:"voter"`
	// Observer says that it is never to vote. Who neither votes nor is an observer is promoted once it has caught up.
	Observer bool `json:"observer"`
}

// Status never waits.
func (n *Node) Status() Status {
	r := n.role()
	s := Status{Name: n.cfg.Name, Cluster: n.mux.Cluster(), Leader: r.leader, Term: r.term, Zxid: n.progress.now.Load().state.Zxid}
	for _, m := range n.committed() {
		if m.URL == "" {
			m.URL = n.firstURL(m.Name)
		}
		s.Members = append(s.Members, MemberStatus{Member{m.Name, m.Addr, m.URL}, m.Voter, m.Observer})
	}
	return s
}

// Stats are the numbers worth watching.
type Stats struct {
	Zxid         znode.Zxid
	Term         uint64
	AppliedIndex uint64
	CommitIndex  uint64
	LastIndex    uint64 // of the log
	Leader       bool
	HasLeader    bool
	Ready        bool
	NoVote       bool // its folder is new and it has not caught up
	Znodes       int
	DataBytes    int64
	Calls        int // proposed and not answered
	DiskFree     uint64
	DiskFull     bool
	Sessions     int // alive
	Ephemerals   int
	Watches      int // of sessions
	History      int // records
	// The newest comparison of the members' states that this one stood: the log index of the mark and the zxid there; 0 before the
	// first. DigestDisputed says, on the leader, that members contradicted one another and there was no majority.
	DigestIndex    uint64
	DigestZxid     znode.Zxid
	DigestDisputed bool
	Members        int           // of the cluster
	Voters         int           // of them
	PeersUp        int           // of the others that this one has a connection to
	LastContact    time.Duration // since this member heard of its leader; 0 if it leads
	Snapshot       SnapshotMark
	Counts         Counts
}

// Stats never waits.
func (n *Node) Stats() Stats {
	v, r := n.progress.now.Load(), n.role()
	s := Stats{
		Zxid: v.state.Zxid, Term: r.term, AppliedIndex: v.index, CommitIndex: n.raft.CommitIndex(), LastIndex: n.raft.LastIndex(),
		Leader: r.leads, HasLeader: r.leader != "", Ready: n.Ready(), NoVote: !n.franchise.granted.Load(),
		Znodes: v.state.Tree.Len(), DataBytes: v.state.Tree.Bytes(), Calls: n.calls.len(), DiskFree: n.disk.free.Load(), DiskFull: n.disk.full.Load(),
		Sessions: v.state.Sessions.Len(), Ephemerals: v.state.Sessions.NumEphemerals(), Watches: v.state.Sessions.NumWatches(),
		History: v.state.History.Len(), PeersUp: n.asks.Counts().Up, LastContact: n.lastContact(r.leads), Counts: n.counted(),
	}
	for _, m := range n.servers() {
		s.Members++
		if m.Voter {
			s.Voters++
		}
	}
	agreed := n.digests.standing()
	s.DigestIndex, s.DigestZxid, s.DigestDisputed = agreed.index, agreed.zxid, n.digests.disputed.Load()
	if mark := n.progress.saved.Load(); mark != nil {
		s.Snapshot = *mark
	}
	return s
}
