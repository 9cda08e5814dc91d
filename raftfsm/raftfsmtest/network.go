package raftfsmtest

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
