package raftfsmtest

import (
	"bytes"
	"errors"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
)

// Forge makes the log on the disk of a member that is down say something else, of the same length, wherever it says old, with checksums
// that are right: the disk of a machine with bad memory. It says in how many entries it did.
func (c *Cluster) Forge(i int, old, other string) (entries int) {
	c.t.Helper()
	if c.Node(i) != nil || len(old) != len(other) {
		c.t.Fatalf("forging %q as %q on %s, which is up: %t", old, other, c.Name(i), c.Node(i) != nil)
	}
	for _, l := range c.Log(i) {
		if l.Type != raft.LogCommand || !bytes.Contains(l.Data, []byte(old)) {
			continue
		}
		var e command.Entry
		if err := e.Decode(l.Data); err != nil {
			c.t.Fatal(err)
		}
		for k, b := range e.Commands {
			e.Commands[k] = bytes.ReplaceAll(b, []byte(old), []byte(other))
		}
		l.Data = e.Append(nil)
		if err := c.hosts[i].disk.InmemStore.StoreLog(l); err != nil {
			c.t.Fatal(err)
		}
		entries++
	}
	return entries
}

// Log is a copy of what is in the log on the disk of member i, committed or not.
func (c *Cluster) Log(i int) []*raft.Log {
	c.t.Helper()
	store := c.hosts[i].disk.InmemStore
	first, err := store.FirstIndex()
	last, err2 := store.LastIndex()
	if err := errors.Join(err, err2); err != nil {
		c.t.Fatal(err)
	}
	var all []*raft.Log
	for at := max(first, 1); at <= last; at++ {
		l := new(raft.Log)
		if err := store.GetLog(at, l); errors.Is(err, raft.ErrLogNotFound) {
			continue // dropped since
		} else if err != nil {
			c.t.Fatal(err)
		}
		l.Data = bytes.Clone(l.Data)
		all = append(all, l)
	}
	return all
}

// LogVersion is the newest version of the log of which something is in the log on the disk of member i.
func (c *Cluster) LogVersion(i int) uint8 {
	c.t.Helper()
	newest := uint8(1)
	for _, l := range c.Log(i) {
		var e command.Entry
		if l.Type != raft.LogCommand {
			continue
		}
		if err := e.Decode(l.Data); err != nil {
			c.t.Fatal(err)
		}
		for _, b := range e.Commands {
			_, since, err := command.KindOf(b, command.LogVersion)
			if err != nil {
				c.t.Fatal(err)
			}
			newest = max(newest, since)
		}
	}
	return newest
}
