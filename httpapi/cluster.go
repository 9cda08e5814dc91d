package httpapi

import (
	"context"
	"net/http"

	"holt/httpapi/wire"
)

// getCluster answers GET /v1/cluster from what this member knows; it works without a leader.
func (a *API) getCluster(x *exchange) error {
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
	ctx, cancel := context.WithTimeout(x.r.Context(), a.cfg.LinearWait)
	defer cancel()
	s, err := a.cfg.Reader.Linearizable(ctx)
	if err != nil {
		return err
	}
	if asked, err := x.askedZxid(); err != nil {
		return err
	} else if s.Zxid < asked {
		if s, err = x.stateAt(asked); err != nil {
			return err
		}
	}
	x.setZxid(s.Zxid)
	return x.writeValue(http.StatusOK, &wire.Sync{Zxid: uint64(s.Zxid)})
}
