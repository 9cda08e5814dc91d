package raftfsmtest

import (
	"fmt"

	"holt/raftfsm/command"
)

func (c *Cluster) addHost(name string) *host {
	disk := newDisk()
	h := &host{name: name, index: len(c.hosts), disk: disk, snaps: &snapshots{disk: disk}, addr: name + ":7"}
	c.byIndex[h.index].Store(h)
	c.hosts = append(c.hosts, h)
	return h
}

// AddHost is one more machine, with an empty disk, whose process is to join the cluster: it can be started, and becomes a member when
// the members are asked to add it. It gives its number.
func (c *Cluster) AddHost() int {
	c.t.Helper()
	if len(c.hosts) >= MaxMembers {
		c.t.Fatalf("a cluster of %d machines is the largest", MaxMembers)
	}
	h := c.addHost(fmt.Sprintf("m%d", len(c.hosts)))
	h.joined = true
	return h.index
}

// Spec is what a member is added with.
func (c *Cluster) Spec(i int, voter bool) command.MemberSpec {
	h := c.hosts[i]
	return command.MemberSpec{Name: h.name, RaftAddr: h.addr, URL: "http://" + h.name, Voter: voter}
}

// Move gives a member that is down another port, which it has from its next start on.
func (c *Cluster) Move(i int, port string) {
	c.t.Helper()
	h := c.hosts[i]
	if h.up.Load() != nil {
		c.t.Fatalf("%s is up: it cannot move", h.name)
	}
	h.addr = h.name + ":" + port
}

// Wipe puts an empty disk into the machine of a member that is down; the next start is that of a member that joins.
func (c *Cluster) Wipe(i int) {
	c.t.Helper()
	h := c.hosts[i]
	if h.up.Load() != nil {
		c.t.Fatalf("%s is up: it has its disk", h.name)
	}
	h.disk, h.joined = newDisk(), true
	h.snaps = &snapshots{disk: h.disk}
}

// Empty gives a founder that is down an empty disk, without a word to whoever starts it: it will begin the cluster once more.
func (c *Cluster) Empty(i int) {
	c.t.Helper()
	c.Wipe(i)
	c.hosts[i].joined = false
}

// memberNodes are the numbers of the nodes that are up and take themselves for members.
func (c *Cluster) memberNodes() []int {
	var out []int
	for i := range c.hosts {
		if n := c.Node(i); n != nil && n.IsMember() {
			out = append(out, i)
		}
	}
	return out
}
