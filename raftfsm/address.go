package raftfsm

import (
	"strings"

	"github.com/hashicorp/raft"
)

// observerMark ends the address of a member that is never to vote.
const observerMark = "observer"

// address is what raft's configuration says of a member beside its name and its vote. It lies in the field raft has for an address, so
// that it changes with the configuration and at no other time:
//
//	host:port                 a voter from the cluster's first start: its URL is in the list the cluster started from
//	host:port URL             any other member; one without a vote is to get one
//	host:port URL observer    one that is never to vote
//
// Fields are separated by single spaces; the URL may be empty. Words that this version does not know are ignored.
type address struct {
	Addr     string // host:port; the host is resolved at each dial
	URL      string
	Observer bool
}

// parseAddress never fails: what makes no sense as an address cannot be dialed, and that is all.
func parseAddress(s raft.ServerAddress) (a address) {
	var rest string
	a.Addr, rest, _ = strings.Cut(string(s), " ")
	a.URL, rest, _ = strings.Cut(rest, " ")
	for word := range strings.SplitSeq(rest, " ") {
		a.Observer = a.Observer || word == observerMark
	}
	return a
}

// encode undoes parseAddress. There is no space in Addr and URL: whoever adds a member checks that.
func (a address) encode() raft.ServerAddress {
	s := a.Addr
	if a.URL != "" || a.Observer {
		s += " " + a.URL
	}
	if a.Observer {
		s += " " + observerMark
	}
	return raft.ServerAddress(s)
}
