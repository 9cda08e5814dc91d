package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/apitest"
)

func TestHealth(t *testing.T) {
	s := serve(t)
	addr := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := net.SplitHostPort(addr)
	sick := apitest.Faults{NoLeader: true, Checks: []httpapi.Check{{Name: "process", OK: true, Live: true}, {Name: "leader", Detail: "there is none"}}}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	t.Setenv("HOLT_ENDPOINTS", "http://127.0.0.1:1") // it is not asked
	for _, c := range []struct {
		env, args string
		faults    apitest.Faults
		exit      int
		says      string
	}{
		{"", "health " + s.URL, apitest.Faults{}, 0, "ok"},
		{"", "health --live " + s.URL + "/", apitest.Faults{}, 0, "ok"},
		{addr, "health", apitest.Faults{}, 0, "ok"},
		{"0.0.0.0:" + port, "health", apitest.Faults{}, 0, "ok"},
		{":" + port, "health --live", sick, 0, "ok"},
		{addr, "health", sick, 1, "holt health: status 503: failing: leader (there is none)"},
		{addr, "health " + other.URL, apitest.Faults{}, 1, "status 404: no answer of holt's"},
		{addr, "health http://127.0.0.1:1", apitest.Faults{}, 1, "connection refused"},
		{"nowhere", "health", apitest.Faults{}, exitUsage, "HOLT_HTTP_ADDR"},
		{addr, "health nowhere", apitest.Faults{}, exitUsage, "is not an http URL"},
	} {
		t.Setenv("HOLT_HTTP_ADDR", c.env)
		s.Node.Fail(c.faults)
		exit, out, err := holt(t.Context(), "", strings.Fields(c.args)...)
		if said := out + err; exit != c.exit || !strings.Contains(said, c.says) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s with HOLT_HTTP_ADDR=%s: exit %d, %q; want %d, %q", c.args, c.env, exit, said, c.exit, c.says)
		}
	}
}

// A member that takes the connection and says nothing is as bad as none.
func TestHealthWaitsThreeSeconds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	begun := time.Now()
	exit, _, said := holt(t.Context(), "", "health", "http://"+l.Addr().String())
	if took := time.Since(begun); exit != 1 || took > 2*healthWait || !strings.Contains(said, "no answer from http://"+l.Addr().String()+"/readyz within 3s") {
		t.Errorf("exit %d after %v: %s", exit, took, said)
	}
}
