package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

func TestMetricsCountWhatIsReaped(t *testing.T) {
	m, err := newMetrics()
	if err != nil {
		t.Fatal(err)
	}
	shown := func(lines ...string) {
		t.Helper()
		w := httptest.NewRecorder()
		m.handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, line := range lines {
			if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
				t.Errorf("there is no line %s", line)
			}
		}
	}
	shown(`holt_reaped_znodes_total{mode="container"} 0`, `holt_reaped_znodes_total{mode="persistent_with_ttl"} 0`)
	m.observeReaped(znode.Container, 2)
	m.observeReaped(znode.PersistentWithTTL, 64)
	m.observeReaped(znode.PersistentWithTTL, 1)
	shown(`holt_reaped_znodes_total{mode="container"} 2`, `holt_reaped_znodes_total{mode="persistent_with_ttl"} 65`)
}
