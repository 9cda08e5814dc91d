package main

import (
	"fmt"

	"holt/httpapi"
	"holt/raftfsm"
)

// joined shows a Node as the httpapi.Cluster it is.
type joined struct{ node *raftfsm.Node }

// Status is the cluster as the node knows it.
func (j joined) Status() httpapi.Status {
	s := j.node.Status()
	out := httpapi.Status{Name: s.Name, Leader: s.Leader, Term: s.Term, Zxid: s.Zxid}
	for _, m := range s.Members {
		out.Members = append(out.Members, httpapi.Member{ID: m.Name, RaftAddr: m.RaftAddr, URL: m.URL, Voter: m.Voter})
	}
	return out
}

// Checks are the reasons to be ready or not.
func (j joined) Checks() []httpapi.Check {
	s := j.node.Stats()
	return []httpapi.Check{
		{Name: "process", OK: true, Live: true, Detail: "running"},
		{Name: "caught_up", OK: s.Ready, Detail: fmt.Sprintf("applied to zxid %d, log index %d of %d", s.Zxid, s.AppliedIndex, s.LastIndex)},
		{Name: "leader", OK: s.HasLeader, Detail: fmt.Sprintf("term %d", s.Term)},
		{Name: "disk", OK: !s.DiskFull, Detail: fmt.Sprintf("%d bytes free", s.DiskFree)},
	}
}
