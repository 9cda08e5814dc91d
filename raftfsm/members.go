package raftfsm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"holt/raftfsm/peer"
)

// Member is one server of the cluster.
type Member struct {
	Name     string `json:"name"`
	RaftAddr string `json:"raft_addr"` // host:port; the host is resolved at each dial
	URL      string `json:"url"`       // for clients
}

// MaxMembers bounds the servers of one cluster.
const MaxMembers = 63

// ValidateMembers says what is wrong with the list a cluster starts from.
func ValidateMembers(ms []Member) error {
	if len(ms) == 0 || len(ms) > MaxMembers {
		return fmt.Errorf("a cluster has 1 to %d members, not %d", MaxMembers, len(ms))
	}
	names, addrs := map[string]bool{}, map[string]bool{}
	for _, m := range ms {
		switch {
		case m.Name == "" || m.RaftAddr == "":
			return errors.New("a member needs a name and a raft address")
		case names[m.Name]:
			return fmt.Errorf("member %q is listed twice", m.Name)
		case addrs[m.RaftAddr]:
			return fmt.Errorf("raft address %s is listed twice", m.RaftAddr)
		}
		names[m.Name], addrs[m.RaftAddr] = true, true
	}
	return nil
}

// ClusterID is the id of the cluster that begins with these members, of which there are several: every one of them, started by itself,
// comes to the same.
func ClusterID(ms []Member) string {
	var lines []string
	for _, m := range ms {
		lines = append(lines, m.Name+"="+m.RaftAddr)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}

// server is a member as raft's configuration has it.
type server struct {
	Name string
	address
	Voter bool
	raw   raft.ServerAddress // what address was read from
}

func (s server) target() peer.Target { return peer.Target{Name: s.Name, Addr: s.Addr} }

// joins says whether the member follows without a vote and is to get one.
func (s server) joins() bool { return !s.Voter && !s.Observer }

// servers are the present members. Raft's configuration is the one that was written last, committed or not, as its rules want it.
func (n *Node) servers() []server { return serversOf(n.raft.GetConfiguration().Configuration()) }

func serversOf(c raft.Configuration) []server {
	out := make([]server, 0, len(c.Servers))
	for _, s := range c.Servers {
		out = append(out, server{string(s.ID), parseAddress(s.Address), s.Suffrage == raft.Voter, s.Address})
	}
	return out
}

func (n *Node) voters() []server { return votersOf(n.servers()) }

// votersOf are those that vote; all is not used again.
func votersOf(all []server) []server {
	return slices.DeleteFunc(all, func(s server) bool { return !s.Voter })
}

// find is where the member of that name is, -1 if it is nowhere.
func find(all []server, name string) int {
	return slices.IndexFunc(all, func(s server) bool { return s.Name == name })
}

// firstURL is the URL of a member from the cluster's first start, of which raft's configuration has none.
func (n *Node) firstURL(name string) string {
	for _, m := range n.cfg.Members {
		if m.Name == name {
			return m.URL
		}
	}
	return ""
}

// IsMember says whether this server is one of the cluster's members, as far as it knows: one that joins is not at first, one that was
// removed is not any more, and learns of it from its log or within whereaboutsEvery of losing its leader.
func (n *Node) IsMember() bool { return !n.out.Load() && find(n.servers(), n.cfg.Name) >= 0 }

// role is what this member is at the moment.
type role struct {
	leads  bool
	term   uint64
	leader string // name; "" while there is none
	addr   string // of the leader
}

func (r role) target() peer.Target { return peer.Target{Name: r.leader, Addr: r.addr} }

func (n *Node) role() role {
	r := role{term: n.raft.CurrentTerm()}
	if r.leads = n.leads(); r.leads {
		r.leader = n.cfg.Name
		return r
	}
	// The address is what the leader calls itself, which is good even while the configuration has an old one.
	addr, id := n.raft.LeaderWithID()
	if r.leader, r.addr = string(id), parseAddress(addr).Addr; r.leader == n.cfg.Name {
		r.leader = "" // it was this one
	}
	return r
}

func (n *Node) leads() bool { return n.raft.State() == raft.Leader }
