package main

import (
	"strings"
	"testing"

	"holt/httpapi/wire"
)

func TestTheClusterToJoinIsJudged(t *testing.T) {
	here := wire.Member{ID: "n1", RaftAddr: "127.0.0.1:7071", URL: "http://127.0.0.1:7070", Voter: true}
	there := wire.Member{ID: "n2", RaftAddr: "n2:7071", URL: "http://n2:7070", Observer: true}
	j, err := joinOf(&wire.Cluster{ClusterID: "c1", Members: []wire.Member{here, there}}, false)
	if err != nil || j.Cluster != "c1" || len(j.Members) != 2 || j.Members[0].Name != "n1" || !j.Members[0].Voter ||
		j.Members[1].RaftAddr != "n2:7071" || j.Members[1].URL != "http://n2:7070" || !j.Members[1].Observer {
		t.Errorf("%+v, %v", j, err)
	}
	if _, err := joinOf(&wire.Cluster{ClusterID: "c1", Members: []wire.Member{here}}, true); err != nil {
		t.Errorf("all are on this machine: %v", err)
	}
	if _, err := joinOf(&wire.Cluster{ClusterID: "c1", Members: []wire.Member{here, there}}, true); err == nil || exitCode(err) != exitUsage ||
		!strings.Contains(err.Error(), "HOLT_PEER_SECRET") || !strings.Contains(err.Error(), "n2") {
		t.Errorf("without a secret: %v", err)
	}
	if _, err := joinOf(&wire.Cluster{Name: "n1", Members: []wire.Member{here}}, false); err == nil || !strings.Contains(err.Error(), "HOLT_JOIN") {
		t.Errorf("without an id: %v", err)
	}
}
