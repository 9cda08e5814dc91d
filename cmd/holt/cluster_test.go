package main

import (
	"net/http"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/raftfsm/command"
)

func TestClusterVerbs(t *testing.T) {
	s := serve(t)
	n3 := httpapi.Member{ID: "n3", RaftAddr: "n3:7071", URL: "http://n3:7070"}
	s.Node.Fail(apitest.Faults{Others: []httpapi.Member{n3}})
	for _, c := range []struct {
		args, out string
		exit      int
		err       string
	}{
		{args: "cluster add n2 n2:7071 http://n2:7070", out: "n2 is a member and votes\n"},
		{args: "cluster add n2 n2:7072 http://n2:7070 --observer", out: "n2 is an observer\n"},
		{args: "cluster", out: "leader n1,.*\nMEMBER .*\nn1 +leader .*\nn3 +joining +http://n3:7070 +n3:7071\nn2 +observer +http://n2:7070 +n2:7072\n"},
		{args: "cluster promote n2", out: "n2 is a member and votes\n"},
		{args: "cluster status", out: "(.*\n)*n2 +follower +http://n2:7070 +n2:7072\n"},
		{args: "cluster demote n2 --json", out: `{"name":"n1",.*{"id":"n2",.*"voter":false,"observer":true,.*}\n`},
		{args: "cluster promote n9", exit: exitNotFound, err: `holt cluster promote: there is no member "n9" (no_member); holt cluster lists the members`},
		{args: "cluster transfer n2", out: "n2 leads\n"},
		{args: "cluster transfer --json", out: `{"name":"n1",.*"leader":"n3",.*}\n`},
		{args: "cluster remove n2", out: "n2 is no longer a member: .*\n"},
		{args: "cluster remove n2", exit: exitNotFound, err: "holt cluster remove: there is no member \"n2\" (no_member)"},
		{args: "cluster remove n1", exit: exitRefused, err: "holt cluster remove: n1 is needed (reconfig_unsafe); bring those members back"},
		{args: "cluster remove n3 --json", out: `{"name":"n1",.*"members":\[{"id":"n1",[^{]*\]}\n`},
		{args: "cluster add n2 n2 http://n2:7070", exit: exitUsage, err: `raft_addr is host:port, not "n2" (bad_arguments)`},
		{args: "cluster add n2 n2:7071", exit: exitUsage, err: "holt cluster add"},
		{args: "cluster remove", exit: exitUsage, err: "holt cluster remove"},
		{args: "cluster frobnicate", exit: exitUsage, err: "frobnicate"},
	} {
		exit, out, err := holt(t.Context(), "", strings.Fields(c.args)...)
		if exit != c.exit || !matches(c.out, out) || !strings.Contains(err, c.err) || c.err == "" && err != "" {
			t.Errorf("%s: exit %d, printed %q, said %q; want %d, %q, %q", c.args, exit, out, err, c.exit, c.out, c.err)
		}
	}
}

// add --wait returns when the member has caught up and votes, and not before.
func TestAddWaitsForTheMember(t *testing.T) {
	s := serve(t)
	n2 := httpapi.Member{ID: "n2", RaftAddr: "n2:7071", URL: "http://n2:7070", Voter: true}
	looks := 0
	s.Before(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			return
		}
		looks++
		reports := map[int]httpapi.Report{2: {Ready: false}, 3: {Ready: true}}
		f := apitest.Faults{Others: []httpapi.Member{n2}}
		if report, ok := reports[looks]; ok {
			f.Reports = map[string]httpapi.Report{"n2": report}
		}
		s.Node.Fail(f)
	})
	if exit, out, err := holt(t.Context(), "", "cluster", "add", "n2", "n2:7071", "http://n2:7070", "--wait"); exit != 0 || looks != 3 || out != "n2 is a member and votes\n" {
		t.Errorf("exit %d after %d looks: %q %q", exit, looks, out, err)
	}
}

func TestAChangeThatMayHaveBeenMadeIsUnknown(t *testing.T) {
	s := serve(t)
	s.Node.Fail(apitest.Faults{Change: command.ErrUnknown})
	exit, _, err := holt(t.Context(), "", "cluster", "remove", "n2", "--timeout", "500ms")
	if exit != exitUnknown || !strings.Contains(err, "(outcome_unknown)") {
		t.Errorf("exit %d: %s", exit, err)
	}
}
