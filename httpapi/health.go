package httpapi

import (
	"net/http"
	"strings"

	"holt/httpapi/wire"
)

// getLivez answers /livez: whether this process is worth keeping. It needs no quorum, or a cluster that lost it would
// be restarted to death.
func (a *API) getLivez(x *exchange) error {
	return x.health(wire.Internal, func(c Check) bool { return c.Live })
}

// getReadyz answers /readyz: whether requests should be sent here.
func (a *API) getReadyz(x *exchange) error {
	code := wire.Behind
	if a.cfg.Cluster.Status().Leader == "" {
		code = wire.NoLeader
	}
	return x.health(code, func(Check) bool { return true })
}

// health reports the checks that count; failing ones are a problem of that code.
func (x *exchange) health(code wire.Code, counts func(Check) bool) error {
	verbose, err := x.query.flag("verbose")
	if err != nil {
		return err
	}
	checks := []wire.Check{}
	var failed []string
	for _, c := range x.api.cfg.Cluster.Checks() {
		if !counts(c) {
			continue
		}
		checks = append(checks, wire.Check{Name: c.Name, OK: c.OK, Detail: c.Detail})
		if !c.OK {
			failed = append(failed, c.Name+" ("+c.Detail+")")
		}
	}
	if failed != nil {
		p := refuse(code, "failing: "+strings.Join(failed, ", "))
		p.Checks = checks
		return p
	}
	if !verbose {
		checks = checks[:0]
	}
	x.setOwnZxid()
	return x.writeValue(http.StatusOK, &wire.Health{OK: true, Checks: checks})
}

// getMetrics answers /metrics.
func (a *API) getMetrics(x *exchange) error {
	if a.cfg.MetricsHandler == nil {
		return refuse(wire.NotImplemented, "this server keeps no metrics")
	}
	x.setOwnZxid()
	x.Header()["Cache-Control"] = noStore
	a.cfg.MetricsHandler.ServeHTTP(x, x.r)
	return nil
}
