package harness

import (
	"net"
	"os"
	"testing"
	"time"

	"holt/httpapi/wire"
)

// NewGrowing is a cluster of n members, named a, b, c and so on, that were never started: the first begins a cluster of one, the others
// join it.
func (b *Binary) NewGrowing(t testing.TB, n int, more Env) *Cluster {
	t.Helper()
	c := b.NewCluster(t, n, more)
	for i, m := range c.Members {
		delete(m.Env, "HOLT_CLUSTER")
		if i > 0 {
			m.Env["HOLT_JOIN"] = c.Members[0].URL
		}
	}
	return c
}

// NewJoiner is a member that was never started, and joins this cluster by asking any of its members.
func (c *Cluster) NewJoiner(b *Binary, name string, more Env) *Member {
	c.t.Helper()
	m := b.NewMember(c.t, name)
	first := c.Members[0]
	m.Env["HOLT_PEER_SECRET"] = first.Env["HOLT_PEER_SECRET"]
	for i, other := range c.Members {
		if i > 0 {
			m.Env["HOLT_JOIN"] += ","
		}
		m.Env["HOLT_JOIN"] += other.URL
	}
	for k, v := range more {
		m.Env[k] = v
	}
	return m
}

// Of is a cluster of these members, for whoever is to look at them alone.
func (c *Cluster) Of(members ...*Member) *Cluster { return &Cluster{Members: members, t: c.t} }

// Wipe removes the data folder of a member that does not run.
func (m *Member) Wipe() {
	m.t.Helper()
	if err := os.RemoveAll(m.Dir); err != nil {
		m.t.Fatal(err)
	}
}

// Move gives a member that does not run other addresses, from its next start on.
func (m *Member) Move() {
	m.t.Helper()
	host := m.bin.takeHost()
	m.HTTPAddr, m.RaftAddr = net.JoinHostPort(host, freePort(m.t, host)), net.JoinHostPort(host, freePort(m.t, host))
	m.URL = "http://" + m.HTTPAddr
	m.Env["HOLT_HTTP_ADDR"], m.Env["HOLT_URL"] = m.HTTPAddr, m.URL
	m.Env["HOLT_RAFT_ADDR"], m.Env["HOLT_RAFT_ADVERTISE"] = m.RaftAddr, m.RaftAddr
}

// Known is a member as this cluster knows it, the zero value if it does not.
func (c *Cluster) Known(name string) wire.Member {
	c.t.Helper()
	cl, err := c.Client(0).Cluster(c.t.Context())
	if err != nil {
		return wire.Member{}
	}
	for _, m := range cl.Members {
		if m.ID == name {
			return m
		}
	}
	return wire.Member{}
}

// Votes waits until members vote.
func (c *Cluster) Votes(within time.Duration, members ...*Member) {
	c.t.Helper()
	for _, m := range members {
		Eventually(c.t, within, "member "+m.Name+" votes", func() bool { return c.Known(m.Name).Voter })
	}
}
