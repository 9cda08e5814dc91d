package raftfsmtest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"holt/raftfsm/znode"
)

// pollEvery is between two looks at a condition, in the bubble's time.
const pollEvery = time.Millisecond

// Eventually waits until ok holds, and fails the test if it does not within Patience.
func (c *Cluster) Eventually(what string, ok func() bool) {
	c.t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for limit := time.Now().Add(Patience); !ok(); <-tick.C {
		if time.Now().After(limit) {
			c.t.Fatalf("%s: not within %v\n%s", what, Patience, c.Describe())
		}
	}
}

// Leader is the member that leads in the highest term, -1 if none does. A member that was cut off may believe for a
// while that it leads; the term tells.
func (c *Cluster) Leader() int {
	leader, term := -1, uint64(0)
	for i := range c.hosts {
		n := c.Node(i)
		if n == nil {
			continue
		}
		if s := n.Stats(); s.Leader && s.Term > term {
			leader, term = i, s.Term
		}
	}
	return leader
}

// WaitLeader waits until some member leads that is not among these.
func (c *Cluster) WaitLeader(not ...int) int {
	c.t.Helper()
	leader := -1
	c.Eventually("a leader", func() bool {
		leader = c.Leader()
		for _, i := range not {
			if leader == i {
				return false
			}
		}
		return leader >= 0
	})
	return leader
}

// WaitReady waits until every member that is up has caught up, and gives the leader. Who is not a member, or not any more, is not
// waited for, here and in Settle.
func (c *Cluster) WaitReady() int {
	c.t.Helper()
	c.Eventually("all members ready", func() bool {
		for _, i := range c.memberNodes() {
			if !c.Node(i).Ready() {
				return false
			}
		}
		return c.Leader() >= 0
	})
	return c.Leader()
}

// Followers are the members that are up and do not lead.
func (c *Cluster) Followers() []int {
	var out []int
	leader := c.Leader()
	for i := range c.hosts {
		if i != leader && c.Node(i) != nil {
			out = append(out, i)
		}
	}
	return out
}

// Settle waits until all members that are up have applied all that is committed, then compares their states byte for
// byte, and gives that state.
func (c *Cluster) Settle() *znode.State {
	c.t.Helper()
	c.WaitReady()
	c.Eventually("all members at the same index", func() bool {
		leader := c.Leader()
		if leader < 0 {
			return false
		}
		want := c.Node(leader).Stats()
		for _, i := range c.memberNodes() {
			s := c.Node(i).Stats()
			if !s.Ready || s.AppliedIndex != want.LastIndex || s.LastIndex != want.LastIndex || s.Zxid != want.Zxid {
				return false
			}
		}
		return true
	})
	states := c.States()
	var first *znode.State
	var wantBytes []byte
	for _, i := range c.memberNodes() {
		s := states[i]
		if s == nil {
			continue
		}
		var b bytes.Buffer
		if err := s.Encode(&b); err != nil {
			c.t.Fatal(err)
		}
		if first == nil {
			first, wantBytes = s, b.Bytes()
		} else if !bytes.Equal(b.Bytes(), wantBytes) {
			c.t.Fatalf("%s holds another state than the members before it:\n%s\nand\n%s", c.hosts[i].name, List(first), List(s))
		}
	}
	return first
}

// States are the members' own, nil for one that is down or has not caught up.
func (c *Cluster) States() []*znode.State {
	out := make([]*znode.State, len(c.hosts))
	for i := range c.hosts {
		if n := c.Node(i); n != nil {
			if s, err := n.State(); err == nil {
				out[i] = s
			}
		}
	}
	return out
}

// Logged says whether a text is in what the members logged last.
func (c *Cluster) Logged(text string) bool { return strings.Contains(c.logs.String(), text) }

// Describe is a line for each member, for the message of a test that fails.
func (c *Cluster) Describe() string {
	var b strings.Builder
	for i, h := range c.hosts {
		n := c.Node(i)
		if n == nil {
			fmt.Fprintf(&b, "%s is down\n", h.name)
			continue
		}
		s := n.Stats()
		fmt.Fprintf(&b, "%s leader=%t ready=%t term=%d zxid=%d applied=%d commit=%d last=%d calls=%d\n", h.name, s.Leader, s.Ready, s.Term, s.Zxid,
			s.AppliedIndex, s.CommitIndex, s.LastIndex, s.Calls)
	}
	return b.String()
}

// List is a state in words, a line for each znode.
func List(s *znode.State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "zxid %d, time %d\n", s.Zxid, s.Time)
	for n := range s.Tree.All() {
		fmt.Fprintf(&b, "%s = %q %+v\n", n.Path(), n.Data(), n.Stat())
	}
	return b.String()
}
