package guard

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// sender is a transport that takes appends and answers them all alike.
type sender struct {
	Underlying
	got    raft.AppendEntriesRequest
	answer raft.AppendEntriesResponse
}

func (s *sender) AppendEntries(_ raft.ServerID, _ raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	s.got, *resp = *req, s.answer
	return nil
}

func (s *sender) Consumer() <-chan raft.RPC { return nil }
func (s *sender) Close() error              { return nil }

// send has the guard send an append after entry 10 of a leader of term 3 that has committed up to 200.
func send(t *testing.T, answer raft.AppendEntriesResponse, entries ...*raft.Log) (*raft.AppendEntriesRequest, raft.AppendEntriesRequest, error) {
	t.Helper()
	s := &sender{answer: answer}
	tr, err := NewTransport(TransportConfig{Inner: s, Stall: &Stall{}})
	must(t, err)
	defer tr.Close()
	req := &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 10, PrevLogTerm: 2, Entries: entries, LeaderCommitIndex: 200}
	err = tr.AppendEntries("b", "b", req, &raft.AppendEntriesResponse{})
	return req, s.got, err
}

func sized(first uint64, sizes ...int) (out []*raft.Log) {
	for i, n := range sizes {
		out = append(out, &raft.Log{Index: first + uint64(i), Term: 3, Data: make([]byte, n)})
	}
	return out
}

// What an append says is committed lies within what it has matched of the follower's log, and it is not larger than can
// be sent in time. Raft reads from the request how far it got, so that must say the same as what was sent.
func TestAppendIsBounded(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []*raft.Log
		sent    int
		commit  uint64
	}{
		{"nothing new", nil, 0, 10},
		{"entries", sized(11, 1, 1, 1), 3, 13},
		{"as much as fits", sized(11, MaxAppendBytes/2, MaxAppendBytes/2, 1), 2, 12},
		{"the first alone is too large", sized(11, MaxAppendBytes+1, 1), 1, 11},
		{"beyond what is committed", sized(200, 1, 1), 2, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, got, err := send(t, raft.AppendEntriesResponse{Term: 3, Success: true}, c.entries...)
			if err != nil || len(got.Entries) != c.sent || got.LeaderCommitIndex != c.commit || len(req.Entries) != c.sent {
				t.Errorf("%d entries of %d sent with commit index %d, %v", len(got.Entries), len(req.Entries), got.LeaderCommitIndex, err)
			}
		})
	}
}

// Only a follower that could not store is an error; what raft must learn from a no stays one.
func TestFollowerThatCannotStoreIsAnError(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer raft.AppendEntriesResponse
		want   error
	}{
		{"stored", raft.AppendEntriesResponse{Term: 3, Success: true}, nil},
		{"not stored", raft.AppendEntriesResponse{Term: 3}, ErrNotStored},
		{"does not fit", raft.AppendEntriesResponse{Term: 3, NoRetryBackoff: true}, nil},
		{"a later term", raft.AppendEntriesResponse{Term: 4}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := send(t, c.answer, sized(11, 1)...); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
