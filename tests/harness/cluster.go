package harness

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"holt/httpapi/client"
)

// SettleTime bounds how long a cluster may take to elect a leader or to become equal.
const SettleTime = 60 * time.Second

// Cluster is several members that know each other.
type Cluster struct {
	Members []*Member
	t       testing.TB
}

// NewCluster is a cluster of n members, named a, b, c and so on, that were never started. They share a secret.
func (b *Binary) NewCluster(t testing.TB, n int, more Env) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var list []string
	for i := range n {
		m := b.NewMember(t, string(rune('a'+i)))
		list = append(list, fmt.Sprintf("%s=%s=%s", m.Name, m.RaftAddr, m.URL))
		c.Members = append(c.Members, m)
	}
	for _, m := range c.Members {
		m.Env["HOLT_CLUSTER"] = strings.Join(list, ",")
		m.Env["HOLT_PEER_SECRET"] = "a secret of the tests"
		for k, v := range more {
			m.Env[k] = v
		}
	}
	return c
}

// Start starts all members and waits until they are ready.
func (c *Cluster) Start() *Cluster {
	c.t.Helper()
	for _, m := range c.Members {
		m.Start()
	}
	for _, m := range c.Members {
		m.Ready()
	}
	return c
}

// URLs of all members, beginning with the one of this number.
func (c *Cluster) URLs(first int) []string {
	var out []string
	for i := range c.Members {
		out = append(out, c.Members[(first+i)%len(c.Members)].URL)
	}
	return out
}

// Client is a client of all members that asks the one of this number first.
func (c *Cluster) Client(first int) *client.Client { return NewClient(c.t, c.URLs(first)...) }

// Leader waits until a running member leads.
func (c *Cluster) Leader() *Member {
	c.t.Helper()
	var leader *Member
	Eventually(c.t, SettleTime, "the cluster has a leader", func() bool {
		for _, m := range c.Members {
			if m.Process != nil && !m.Ended() && m.Metric("holt_raft_is_leader") == 1 {
				leader = m
			}
		}
		return leader != nil
	})
	return leader
}

// Followers are the other members.
func (c *Cluster) Followers() []*Member {
	c.t.Helper()
	leader := c.Leader()
	var out []*Member
	for _, m := range c.Members {
		if m != leader {
			out = append(out, m)
		}
	}
	return out
}

// Equal waits until all members are at one zxid and fails unless their states are then equal byte for byte. Nothing may be
// written meanwhile. It gives the state's length in bytes.
func (c *Cluster) Equal() int {
	c.t.Helper()
	states := make([]string, len(c.Members))
	Eventually(c.t, SettleTime, "all members are at one zxid", func() bool {
		zxids := make(map[string]bool)
		for i, m := range c.Members {
			status, header, body := m.Get("/v1/snapshot")
			if status != http.StatusOK {
				return false
			}
			zxids[header.Get("Holt-Zxid")] = true
			states[i] = body
		}
		return len(zxids) == 1
	})
	for i, s := range states[1:] {
		if s != states[0] {
			c.t.Fatalf("members %s and %s are at one zxid with different states, of %d and %d bytes; they differ from byte %d",
				c.Members[0].Name, c.Members[i+1].Name, len(states[0]), len(s), differ(states[0], s))
		}
	}
	return len(states[0])
}

// differ is the first place where a and b are not alike.
func differ(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// Zxid is the highest zxid a running member has come to.
func (c *Cluster) Zxid() uint64 {
	var z uint64
	for _, m := range c.Members {
		z = max(z, uint64(max(0, m.Metric("holt_zxid"))))
	}
	return z
}

// Alone is this member as a cluster for its clients, who know of no other.
func (m *Member) Alone() *Cluster { return &Cluster{Members: []*Member{m}, t: m.t} }
