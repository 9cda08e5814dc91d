package apitest

import (
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
)

func TestTheMembersTellHowTheyAre(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nfour").is(201)
	s.do("PUT /v1/znodes/a\n\nfour").is(200)
	s.Fail(Faults{
		Others: []httpapi.Member{
			{ID: "n2", RaftAddr: "n2:7071", URL: "http://n2:7070", Voter: true}, {ID: "n3", RaftAddr: "n3:7071"},
		},
		Reports: map[string]httpapi.Report{"n3": {Zxid: 1, DiskFull: true}, "gone": {Zxid: 2}},
	})
	c := read[wire.ClusterReport](s.do("GET /v1/cluster?verbose").is(200).has("Holt-Zxid", "2"))
	own := wire.MemberReport{
		Member:    wire.Member{ID: "n1", RaftAddr: "127.0.0.1:7071", URL: "http://127.0.0.1:7070", Voter: true, Leader: true},
		Reachable: true, Ready: true, Zxid: 2, AppliedIndex: 7, SnapshotZxid: 1, SnapshotTime: 1_795_301_423_000, Znodes: 2, DataBytes: 4,
		DiskFreeBytes: 1 << 30, Sessions: 2, Streams: 3, Version: "test", UptimeMs: 4,
	}
	silent := wire.MemberReport{Member: wire.Member{ID: "n2", RaftAddr: "n2:7071", URL: "http://n2:7070", Voter: true}}
	behind := wire.MemberReport{Member: wire.Member{ID: "n3", RaftAddr: "n3:7071"}, Reachable: true, Zxid: 1, Lag: 1, DiskFull: true}
	if c.Name != "n1" || c.Leader != "n1" || c.Zxid != 2 || len(c.Members) != 3 {
		t.Fatalf("the cluster is %+v", c)
	}
	for i, want := range []wire.MemberReport{own, silent, behind} {
		if c.Members[i] != want {
			t.Errorf("member %d is %+v, want %+v", i, c.Members[i], want)
		}
	}
	// One that knows more than this one, which is behind itself, then.
	s.Fail(Faults{NoLeader: true, Others: []httpapi.Member{{ID: "n2"}}, Reports: map[string]httpapi.Report{"n2": {Zxid: 9}}})
	c = read[wire.ClusterReport](s.do("GET /v1/cluster?verbose=true").is(200))
	if c.Leader != "" || c.Members[0].Leader || c.Members[0].Lag != 7 || c.Members[1].Lag != 0 {
		t.Errorf("the cluster is %+v", c)
	}
}
