package raftfsm

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// A member whose folder is new takes part in nothing until a majority has confirmed the leader, and then follows no leader of an
// older one. Those who want its vote get none. Once it has its vote, all is raft's own matter.
func TestWhomAMemberWithoutAVoteFollows(t *testing.T) {
	const before, floor = 4, 5
	appendOf := func(term uint64) any { return &raft.AppendEntriesRequest{Term: term} }
	installOf := func(term uint64) any { return &raft.InstallSnapshotRequest{Term: term, Size: 3} }
	for name, c := range map[string]struct {
		heard   bool
		command any
		passed  bool
		err     error
	}{
		"entries before it has heard":      {command: appendOf(floor), err: errNotHeard},
		"a snapshot before it has heard":   {command: installOf(floor), err: errNotHeard},
		"an office before it has heard":    {command: &raft.TimeoutNowRequest{}, err: errNotHeard},
		"a vote before it has heard":       {command: &raft.RequestVoteRequest{Term: 9}},
		"an office":                        {heard: true, command: &raft.TimeoutNowRequest{}, err: errNoVote},
		"entries of a term that is over":   {heard: true, command: appendOf(before)},
		"a snapshot of a term that's over": {heard: true, command: installOf(before)},
		"entries of the newest term":       {heard: true, command: appendOf(floor), passed: true},
		"a snapshot of the newest term":    {heard: true, command: installOf(floor), passed: true},
		"a vote":                           {heard: true, command: &raft.RequestVoteRequest{Term: 9}},
		"a vote beforehand":                {heard: true, command: &raft.RequestPreVoteRequest{Term: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			n := &Node{cfg: Config{Name: "a"}, log: quiet}
			n.franchise.heard.Store(c.heard)
			n.franchise.floor.Store(floor)
			data := strings.NewReader("abc")
			answers := make(chan raft.RPCResponse, 1)
			rpc := raft.RPC{Command: c.command, Reader: data, RespChan: answers}
			if took := n.declines(rpc) || n.refuses(rpc); took == c.passed {
				t.Fatalf("answered by the member itself: %v", took)
			}
			if c.passed {
				if data.Len() != 3 {
					t.Error("what was sent is not raft's any more")
				}
				return
			}
			a := <-answers
			if !errors.Is(a.Error, c.err) {
				t.Fatalf("answer %v, want %v", a.Error, c.err)
			}
			if _, sent := c.command.(*raft.InstallSnapshotRequest); sent && data.Len() > 0 {
				t.Errorf("%d bytes are in the next request's way", data.Len())
			}
			switch r := a.Response.(type) {
			case *raft.AppendEntriesResponse:
				if r.Success || r.Term != floor {
					t.Errorf("%+v", r)
				}
			case *raft.InstallSnapshotResponse:
				if r.Success || r.Term != floor {
					t.Errorf("%+v", r)
				}
			case *raft.RequestVoteResponse:
				if r.Granted || r.Term != 0 {
					t.Errorf("%+v", r)
				}
			case *raft.RequestPreVoteResponse:
				if r.Granted || r.Term != 0 {
					t.Errorf("%+v", r)
				}
			default:
				if a.Error == nil {
					t.Errorf("answer %T", r)
				}
			}
		})
	}
}
