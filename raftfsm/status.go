package raftfsm

import (
	"time"

	"holt/raftfsm/znode"
)

// Status is the cluster as this member knows it.
type Status struct {
	Name    string
	Leader  string // "" while there is none
	Term    uint64
	Zxid    znode.Zxid
	Members []MemberStatus
}

// MemberStatus is one member of it.
type MemberStatus struct {
	Member
	Voter bool
}

// Status never waits.
func (n *Node) Status() Status {
	r := n.role()
	s := Status{Name: n.cfg.Name, Leader: r.leader, Term: r.term, Zxid: n.progress.now.Load().state.Zxid}
	urls := make(map[string]string)
	for _, m := range n.cfg.Members {
		urls[m.Name] = m.URL
	}
	for _, v := range n.servers() {
		s.Members = append(s.Members, MemberStatus{Member{v.Name, v.Addr, urls[v.Name]}, v.Voter})
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
	Znodes       int
	DataBytes    int64
	Calls        int // proposed and not answered
	DiskFree     uint64
	DiskFull     bool
	Sessions     int // alive
	Ephemerals   int
	Watches      int           // of sessions
	History      int           // records
	Members      int           // of the cluster
	Voters       int           // of them
	PeersUp      int           // of the others that this one has a connection to
	LastContact  time.Duration // since this member heard of its leader; 0 if it leads
	Snapshot     SnapshotMark
	Counts       Counts
}

// Stats never waits.
func (n *Node) Stats() Stats {
	v, r := n.progress.now.Load(), n.role()
	s := Stats{
		Zxid: v.state.Zxid, Term: r.term, AppliedIndex: v.index, CommitIndex: n.raft.CommitIndex(), LastIndex: n.raft.LastIndex(),
		Leader: r.leads, HasLeader: r.leader != "", Ready: n.Ready(), Znodes: v.state.Tree.Len(), DataBytes: v.state.Tree.Bytes(),
		Calls: n.calls.len(), DiskFree: n.disk.free.Load(), DiskFull: n.disk.full.Load(),
		Sessions: v.state.Sessions.Len(), Ephemerals: v.state.Sessions.NumEphemerals(), Watches: v.state.Sessions.NumWatches(),
		History: v.state.History.Len(), PeersUp: n.asks.Counts().Up, LastContact: n.lastContact(r.leads), Counts: n.counted(),
	}
	for _, m := range n.servers() {
		s.Members++
		if m.Voter {
			s.Voters++
		}
	}
	if mark := n.progress.saved.Load(); mark != nil {
		s.Snapshot = *mark
	}
	return s
}
