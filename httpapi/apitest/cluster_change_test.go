package apitest

import (
	"fmt"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
)

// asJSON is between the first line of a request and its body.
const asJSON = "Content-Type: application/json\n\n"

func TestMembersComeAndGo(t *testing.T) {
	s := start(t)
	n2 := wire.Member{ID: "n2", RaftAddr: "n2:7071", URL: "http://n2:7070", Voter: true}
	add := func(more string) string {
		return "POST /v1/cluster/members\n" + asJSON + `{"id":"n2","raft_addr":"n2:7071","url":"http://n2:7070"` + more + `}`
	}
	if c := read[wire.Cluster](s.do(add("")).is(201).has("Holt-Zxid", "0")); len(c.Members) != 2 || c.Members[1] != n2 || c.ClusterID != "c1" {
		t.Errorf("the cluster is %+v", c)
	}
	n2.Voter, n2.Observer = false, true
	if c := read[wire.Cluster](s.do(add(`,"voter":false`)).is(200)); len(c.Members) != 2 || c.Members[1] != n2 {
		t.Errorf("the cluster is %+v", c)
	}
	s.do(add(`,"voter":true`)).is(200)
	if c := read[wire.Cluster](s.do("POST /v1/cluster/leader\nContent-Type: application/json\n\n{\"id\":\"n2\"}").is(200)); c.Leader != "n2" || !c.Members[1].Leader {
		t.Errorf("the cluster is %+v", c)
	}
	s.do("POST /v1/cluster/leader\nContent-Type: application/json\n\n{\"id\":\"n1\"}").is(200)
	for _, whoever := range []string{"POST /v1/cluster/leader", "POST /v1/cluster/leader\nContent-Type: application/json\n\n{}", "POST /v1/cluster/leader\nContent-Type: application/json\n\n{\"id\":\"\"}"} {
		if c := read[wire.Cluster](s.do(whoever).is(200)); c.Leader != "n2" {
			t.Errorf("%q: the cluster is %+v", whoever, c)
		}
	}
	s.do("DELETE /v1/cluster/members/n2").is(204).says("")
	if p := s.do("DELETE /v1/cluster/members/n2").fails(404, wire.NoMember); !strings.Contains(p.Detail, "n2") {
		t.Errorf("%+v", p)
	}
	s.do("POST /v1/cluster/members\n" + asJSON + `{"id":"Jörg/2","raft_addr":"[fd00::2]:7071","url":"https://[fd00::2]"}`).is(201)
	s.do("DELETE /v1/cluster/members/J%C3%B6rg%2F2").is(204)
	if s.Proposed() != 0 {
		t.Errorf("%d transactions: members are no part of the tree", s.Proposed())
	}
}

func TestARefusedChangeOfTheMembersSaysWhy(t *testing.T) {
	requests := []string{
		"POST /v1/cluster/members\n" + asJSON + `{"id":"n2","raft_addr":"n2:7071","url":"http://n2:7070"}`,
		"DELETE /v1/cluster/members/n2", "POST /v1/cluster/leader",
	}
	for _, c := range []struct {
		err       error
		status    int
		code      wire.Code
		retryable bool
		detail    string
	}{
		{command.Refuse(command.ChangeInvalid, "n2 is not a name"), 400, wire.BadArguments, false, "n2 is not a name"},
		{command.Refuse(command.ChangeNoMember, "there is no n2"), 404, wire.NoMember, false, "there is no n2"},
		{command.Refuse(command.ChangeInProgress, "n3 is being added"), 409, wire.ReconfigInProgress, true, "n3 is being added"},
		{fmt.Errorf("asking: %w", command.Refuse(command.ChangeUnsafe, "n3 does not answer")), 409, wire.ReconfigUnsafe, false, "n3 does not answer"},
		{command.ErrNoLeader, 503, wire.NoLeader, true, ""},
		{command.ErrShuttingDown, 503, wire.ShuttingDown, true, ""},
		{command.ErrUnknown, 504, wire.OutcomeUnknown, false, "GET /v1/cluster"},
	} {
		s := start(t)
		s.Fail(Faults{Change: c.err})
		for _, request := range requests {
			a := s.do(request)
			p := a.fails(c.status, c.code)
			if p.Retryable != c.retryable || (a.header.Get("Retry-After") != "") != c.retryable || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%s: %+v, Retry-After %q", request, p, a.header.Get("Retry-After"))
			}
		}
	}
}

func TestWhatCannotBeAMemberIsRefused(t *testing.T) {
	s := start(t)
	for _, body := range []string{
		``, `{}`, `[]`, `null`, `{"id":"n2"}`, `{"id":"n2","raft_addr":"n2:1"}`, `{"raft_addr":"n2:1","url":"http://n2"}`,
		`{"id":"n2","raft_addr":"n2:1","url":"http://n2","voter":null}`, `{"id":"n2","raft_addr":"n2:1","url":"http://n2","voter":"yes"}`,
		`{"id":"n2","raft_addr":"n2:1","url":"http://n2","observer":true}`, `{"ID":"n2","raft_addr":"n2:1","url":"http://n2"}`,
	} {
		s.do("POST /v1/cluster/members\nContent-Type: application/json\n\n"+body).fails(400, wire.BadArguments)
	}
	member := func(id, addr, url string) string {
		return fmt.Sprintf("POST /v1/cluster/members\n"+asJSON+`{"id":%q,"raft_addr":%q,"url":%q}`, id, addr, url)
	}
	s.do(member("n2", "n2:7071", "http://n2")).is(201)
	for _, id := range []string{"", ".", "..", "a b", " ", "a\u200b", "a\u00a0b", strings.Repeat("n", 256)} {
		s.do(member(id, "n2:7071", "http://n2")).fails(400, wire.BadArguments)
	}
	for _, addr := range []string{"n2", "n2:", ":7071", "n2:0", "n2:65536", "n2:http", "0.0.0.0:7071", "[::]:7071", "n 2:7071", "n2:7071 http://n2",
		strings.Repeat("n", 257) + ":7071"} {
		s.do(member("n2", addr, "http://n2")).fails(400, wire.BadArguments)
	}
	for _, url := range []string{"n2:7070", "ftp://n2", "http://", "http://:7070", "http://n2 observer", "http://ann:secret@n2", "http://n2/?a", "http://n2#a",
		"http://" + strings.Repeat("n", 1025)} {
		p := s.do(member("n2", "n2:7071", url)).fails(400, wire.BadArguments)
		if strings.Contains(p.Detail, "secret") {
			t.Errorf("%s shows a password", p.Detail)
		}
	}
	for request, status := range map[string]int{
		"POST /v1/cluster/members?x=1\n\n{}": 400, "GET /v1/cluster/members": 405, "PUT /v1/cluster/members/n2": 405, "GET /v1/cluster/leader": 405,
		"DELETE /v1/cluster/members/": 404, "DELETE /v1/cluster/members": 405, "DELETE /v1/cluster/members/a/b": 404, "DELETE /v1/cluster/members/%20": 400,
		"DELETE /v1/cluster/members/n2\n\nbody": 400, "POST /v1/cluster/leader\n\nn2": 400, "POST /v1/cluster/leader\nContent-Type: application/json\n\n{\"name\":\"n2\"}": 400,
		"POST /v1/cluster/leader\nContent-Type: application/json\n\n{\"id\":\"a b\"}": 400, "POST /v1/cluster/members\nContent-Type: text/plain\n\n{}": 400,
		"POST /v1/cluster/members\nIdempotency-Key: k\n\n{}": 400, "POST /v1/cluster/members\n\n" + strings.Repeat(" ", 16<<10+1): 413,
		"DELETE /v1/cluster/members/n2\nSec-Fetch-Site: cross-site": 403, "POST /v1/cluster/leader\nOrigin: http://evil.example": 403,
		"DELETE /v1/cluster/members/n2\nHolt-Session: 00000000000000000000000000000000": 410,
	} {
		s.do(request).is(status)
	}
	if members := read[wire.Cluster](s.do("GET /v1/cluster").is(200)).Members; len(members) != 2 || members[1].RaftAddr != "n2:7071" || members[1].URL != "http://n2" {
		t.Errorf("one of them changed the members: %+v", members)
	}
}

// Clients may call a member by the name in its URL as soon as it is one, and not once it is none any more.
func TestTheNamesOfMembersAreHosts(t *testing.T) {
	s := start(t)
	s.do("GET /v1/cluster\nHost: n2.example:7070").fails(421, wire.WrongHost)
	s.Fail(Faults{Others: []httpapi.Member{{ID: "n2", URL: "http://N2.example:7070"}, {ID: "n3"}, {ID: "n4", URL: "http://[fd00::4]:1"}}})
	for _, host := range []string{"n2.example:7070", "n2.EXAMPLE.", "[fd00::4]:7"} {
		eventually(t, host+" is one of this server's", func() bool { return s.do("GET /v1/cluster\nHost: "+host).status == 200 })
	}
	s.do("GET /v1/cluster\nHost: n3").fails(421, wire.WrongHost)
	s.Fail(Faults{})
	eventually(t, "n2.example is none of this server's", func() bool { return s.do("GET /v1/cluster\nHost: n2.example:7070").status == 421 })
}
