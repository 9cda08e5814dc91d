package raftfsmtest

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"holt/raftfsm/peer"
)

// Partition cuts the network into groups of members: within one all reach each other, between two nobody does. A member
// in no group is alone. What was cut before is healed first.
func (c *Cluster) Partition(groups ...[]int) {
	of := make([]int, len(c.hosts))
	for i := range of {
		of[i] = -1 - i // alone
	}
	for g, members := range groups {
		for _, i := range members {
			of[i] = g
		}
	}
	c.net.HealAll()
	for i := range c.hosts {
		for j := range i {
			if of[i] != of[j] {
				c.net.Cut(c.hosts[i].name, c.hosts[j].name)
			}
		}
	}
}

// Isolate cuts a member off from all others.
func (c *Cluster) Isolate(i int) {
	for j := range c.hosts {
		if j != i {
			c.net.Cut(c.hosts[i].name, c.hosts[j].name)
		}
	}
}

// Cut cuts the link between two members, silently.
func (c *Cluster) Cut(i, j int) { c.net.Cut(c.hosts[i].name, c.hosts[j].name) }

// Mend undoes the Cut of two members: what it swallowed arrives now.
func (c *Cluster) Mend(i, j int) { c.net.Heal(c.hosts[i].name, c.hosts[j].name) }

// Heal undoes all cuts.
func (c *Cluster) Heal() { c.net.HealAll() }

// HangUp ends all connections between two members, as a router that restarts does. What was written before still
// arrives, and new connections can be made at once.
func (c *Cluster) HangUp(i, j int) {
	a, b := c.hosts[i].name, c.hosts[j].name
	for _, conn := range append(c.dialed.between(a, b), c.dialed.between(b, a)...) {
		conn.Close()
	}
}

// dialed are the open connections, as their dialers hold them.
type dialed struct {
	mu    sync.Mutex // guards conns
	conns map[*dialedConn]struct{}
}

type dialedConn struct {
	net.Conn
	from, to string
	set      *dialed
}

// Close closes and forgets the connection.
func (c *dialedConn) Close() error {
	c.set.mu.Lock()
	delete(c.set.conns, c)
	c.set.mu.Unlock()
	return c.Conn.Close()
}

// dialer keeps what dial opens from one host. A process that is dead opens nothing.
func (d *dialed) dialer(from string, dead *atomic.Bool, dial peer.DialFunc) peer.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if dead.Load() { // it died while this was dialed
			conn.Close()
			return nil, syscall.ENETDOWN
		}
		to, _, _ := strings.Cut(addr, ":")
		c := &dialedConn{conn, from, to, d}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.conns == nil {
			d.conns = make(map[*dialedConn]struct{})
		}
		d.conns[c] = struct{}{}
		return c, nil
	}
}

func (d *dialed) between(from, to string) []net.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []net.Conn
	for c := range d.conns {
		if c.from == from && c.to == to {
			out = append(out, c)
		}
	}
	return out
}
