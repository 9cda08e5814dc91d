package httpapi

import (
	"net/http"

	"holt/httpapi/wire"
)

// getCluster answers GET /v1/cluster from what this member knows; it works without a leader.
func (a *API) getCluster(x *exchange) error {
	if err := x.present(); err != nil {
		return err
	}
	s := a.cfg.Cluster.Status()
	out := wire.Cluster{Name: s.Name, Leader: s.Leader, Term: s.Term, Zxid: uint64(s.Zxid)}
	out.Members = make([]wire.Member, 0, len(s.Members))
	for _, m := range s.Members {
		out.Members = append(out.Members, wire.Member{
			ID: m.ID, RaftAddr: m.RaftAddr, URL: m.URL, Voter: m.Voter, Leader: m.ID == s.Leader,
		})
	}
	x.setZxid(s.Zxid)
	return x.writeValue(http.StatusOK, &out)
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
