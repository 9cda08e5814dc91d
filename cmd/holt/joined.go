package main

import (
	"context"

	"holt/httpapi"
	"holt/raftfsm"
)

// joined shows a Node as the httpapi.Cluster it is. Changes of the members are the Node's own.
type joined struct {
	*raftfsm.Node
	intro *introduction
}

// Status is the cluster as the node knows it.
func (j joined) Status() httpapi.Status {
	s := j.Node.Status()
	out := httpapi.Status{Name: s.Name, Cluster: s.Cluster, Leader: s.Leader, Term: s.Term, Zxid: s.Zxid}
	for _, m := range s.Members {
		out.Members = append(out.Members, httpapi.Member{ID: m.Name, RaftAddr: m.RaftAddr, URL: m.URL, Voter: m.Voter, Observer: m.Observer})
	}
	return out
}

// Reports are the members' own, as far as they can be reached.
func (j joined) Reports(ctx context.Context) map[string]httpapi.Report {
	out := make(map[string]httpapi.Report)
	for name, r := range j.Node.Reports(ctx) {
		out[name] = httpapi.Report{
			Ready: r.Ready, Zxid: r.Zxid, AppliedIndex: r.AppliedIndex, SnapshotZxid: r.Snapshot.Zxid, SnapshotTime: r.Snapshot.Time,
			Znodes: r.Znodes, DataBytes: r.DataBytes, DiskFree: r.DiskFree, DiskFull: r.DiskFull, Sessions: r.Sessions, Streams: r.Streams,
			Version: r.Version, UptimeMs: r.UptimeMs,
		}
	}
	return out
}
