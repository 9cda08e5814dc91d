package httpapi

import (
	"net/http"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// getCluster answers GET /v1/cluster from what this member knows; it works without a leader. With verbose the others are asked, too.
func (a *API) getCluster(x *exchange) error {
	if err := x.present(); err != nil {
		return err
	}
	verbose, err := x.query.flag("verbose")
	if err != nil {
		return err
	}
	if verbose {
		return a.reportCluster(x)
	}
	return x.writeCluster(http.StatusOK)
}

// writeCluster answers with the cluster as this member knows it.
func (x *exchange) writeCluster(status int) error {
	s := x.api.cfg.Cluster.Status()
	out := wire.Cluster{Name: s.Name, ClusterID: s.Cluster, Leader: s.Leader, Term: s.Term, Zxid: uint64(s.Zxid)}
	out.Members = make([]wire.Member, 0, len(s.Members))
	for _, m := range s.Members {
		out.Members = append(out.Members, m.of(&s))
	}
	x.setZxid(s.Zxid)
	return x.writeValue(status, &out)
}

// of is the member as a row of the cluster.
func (m *Member) of(s *Status) wire.Member {
	return wire.Member{ID: m.ID, RaftAddr: m.RaftAddr, URL: m.URL, Voter: m.Voter, Observer: m.Observer, Leader: m.ID == s.Leader}
}

// reportCluster answers with what the members say of themselves.
func (a *API) reportCluster(x *exchange) error {
	of := a.cfg.Cluster.Reports(x.r.Context())
	s := a.cfg.Cluster.Status()
	newest := znode.Zxid(0) // of those told: this member's own may have moved on since
	for _, r := range of {
		newest = max(newest, r.Zxid)
	}
	out := wire.ClusterReport{Name: s.Name, ClusterID: s.Cluster, Leader: s.Leader, Term: s.Term, Zxid: uint64(s.Zxid)}
	out.Members = make([]wire.MemberReport, 0, len(s.Members))
	for _, m := range s.Members {
		row := wire.MemberReport{Member: m.of(&s)}
		if r, ok := of[m.ID]; ok {
			fillReport(&row, &r, newest)
		}
		out.Members = append(out.Members, row)
	}
	x.setZxid(s.Zxid)
	return x.writeValue(http.StatusOK, &out)
}

// fillReport adds what a member that was reached says of itself.
func fillReport(row *wire.MemberReport, r *Report, newest znode.Zxid) {
	row.Reachable, row.Ready = true, r.Ready
	row.Zxid, row.Lag, row.AppliedIndex = uint64(r.Zxid), uint64(newest-r.Zxid), r.AppliedIndex
	row.SnapshotZxid, row.SnapshotTime = uint64(r.SnapshotZxid), r.SnapshotTime
	row.Znodes, row.DataBytes, row.DiskFreeBytes, row.DiskFull = r.Znodes, r.DataBytes, r.DiskFree, r.DiskFull
	row.Sessions, row.Streams, row.Version, row.UptimeMs = r.Sessions, r.Streams, r.Version, r.UptimeMs
}

// postSync answers POST /v1/sync once this member has applied all that was committed when it was asked.
func (a *API) postSync(x *exchange) error {
	asked, err := x.askedZxid()
	if err != nil {
		return err
	}
	s, err := x.linearState()
	if err == nil && s.Zxid < asked {
		s, err = x.stateAt(asked)
	}
	if err == nil && x.holder != nil {
		err = x.lives(s, true)
	}
	if err != nil {
		return err
	}
	x.setZxid(s.Zxid)
	return x.writeValue(http.StatusOK, &wire.Sync{Zxid: uint64(s.Zxid)})
}
