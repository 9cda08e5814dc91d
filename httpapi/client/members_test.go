package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
)

func TestMembersAreAddedAndRemoved(t *testing.T) {
	s, c := serve(t)
	observer := false
	cl, err := c.AddMember(t.Context(), wire.NewMember{ID: "a/b", RaftAddr: "b:7071", URL: "http://b:7070", Voter: &observer})
	if err != nil || len(cl.Members) != 2 || cl.Members[1].ID != "a/b" || cl.Members[1].Voter || !cl.Members[1].Observer {
		t.Errorf("%+v, %v", cl, err)
	}
	if cl, err = c.Transfer(t.Context(), "a/b"); err != nil || cl.Leader != "a/b" {
		t.Errorf("%+v, %v", cl, err)
	}
	report, err := c.ClusterReport(t.Context())
	if err != nil || len(report.Members) != 2 || !report.Members[0].Reachable || report.Members[1].Reachable {
		t.Errorf("%+v, %v", report, err)
	}
	s.Lose(1)
	if err := c.RemoveMember(t.Context(), "a/b"); err != nil {
		t.Errorf("its first answer was lost, and it is removed: %v", err)
	}
	if err := c.RemoveMember(t.Context(), "a/b"); !errors.Is(err, client.NoMember) {
		t.Errorf("it was none: %v", err)
	}
	if cl, err := c.Cluster(t.Context()); err != nil || len(cl.Members) != 1 {
		t.Errorf("%+v, %v", cl, err)
	}
}

// Another change of the members is waited for; one that is not safe, is not.
func TestAChangeWaitsForTheOneBeforeIt(t *testing.T) {
	s, c := serve(t)
	n2 := []httpapi.Member{{ID: "n2"}}
	s.Node.Fail(apitest.Faults{Change: command.Refuse(command.ChangeInProgress, "n3 is being added"), Others: n2})
	asked := 0
	s.Before(func(http.ResponseWriter, *http.Request) {
		if asked++; asked == 2 {
			s.Node.Fail(apitest.Faults{Others: n2})
		}
	})
	if err := c.RemoveMember(t.Context(), "n2"); err != nil || asked != 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	s.Node.Fail(apitest.Faults{Change: command.Refuse(command.ChangeUnsafe, "n3 does not answer")})
	before := len(s.Requests())
	if err := c.RemoveMember(t.Context(), "n2"); !errors.Is(err, client.ReconfigUnsafe) || !strings.Contains(err.Error(), "n3 does not answer") {
		t.Error(err)
	}
	if n := len(s.Requests()) - before; n != 1 {
		t.Errorf("%d requests", n)
	}
}
