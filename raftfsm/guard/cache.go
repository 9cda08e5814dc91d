package guard

import (
	"sync"

	"github.com/hashicorp/raft"
)

// cache keeps the newest log entries in memory, so that replication and apply do not read the disk. raft's own LogCache counts
// entries only, and 256 entries of 1 MiB are too many; this one is bounded by bytes as well.
//
// What it holds is always a run of consecutive indexes that were stored with success. Only appends fill it, a read never does.
type cache struct {
	raft.LogStore
	maxBytes int

	mu    sync.RWMutex // guards ring, first, count and bytes
	ring  []raft.Log   // entry i is at i modulo len(ring)
	first uint64       // oldest index held, meaningless when count is 0
	count int
	bytes int // entryBytes of all that is held, at most maxBytes
}

func newCache(store raft.LogStore, entries, bytes int) *cache {
	return &cache{LogStore: store, maxBytes: bytes, ring: make([]raft.Log, entries)}
}

func (c *cache) GetLog(index uint64, out *raft.Log) error {
	c.mu.RLock()
	hit := c.count > 0 && index >= c.first && index < c.first+uint64(c.count)
	if hit {
		*out = *c.at(index)
	}
	c.mu.RUnlock()
	if hit {
		return nil
	}
	return c.LogStore.GetLog(index, out)
}

func (c *cache) StoreLog(entry *raft.Log) error { return c.StoreLogs([]*raft.Log{entry}) }

// StoreLogs forgets what is about to be overwritten before the store is asked: if it fails, nobody may be told the old entry
// from memory nor the new one.
func (c *cache) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	c.mu.Lock()
	c.dropFrom(entries[0].Index)
	c.mu.Unlock()
	if err := c.LogStore.StoreLogs(entries); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		c.push(e)
	}
	return nil
}

// DeleteRange forgets first and deletes then: in between, a read goes to the store, which is right at any moment.
func (c *cache) DeleteRange(lo, hi uint64) error {
	c.mu.Lock()
	if lo <= c.first {
		c.dropThrough(hi)
	} else {
		c.dropFrom(lo)
	}
	c.mu.Unlock()
	return c.LogStore.DeleteRange(lo, hi)
}

func (c *cache) at(index uint64) *raft.Log { return &c.ring[index%uint64(len(c.ring))] }

// push adds an entry behind the newest, making room at the old end. An entry that does not follow the newest starts a new run.
func (c *cache) push(e *raft.Log) {
	if c.count > 0 && e.Index != c.first+uint64(c.count) {
		c.dropFrom(0)
	}
	for c.count > 0 && (c.count == len(c.ring) || c.bytes+entryBytes(e) > c.maxBytes) {
		c.dropThrough(c.first)
	}
	if entryBytes(e) > c.maxBytes {
		return
	}
	if c.count == 0 {
		c.first = e.Index
	}
	*c.at(e.Index) = *e
	c.count++
	c.bytes += entryBytes(e)
}

// dropFrom forgets index and all that follows.
func (c *cache) dropFrom(index uint64) {
	for c.count > 0 && c.first+uint64(c.count)-1 >= index {
		c.forget(c.first + uint64(c.count) - 1)
	}
}

// dropThrough forgets all up to index, included.
func (c *cache) dropThrough(index uint64) {
	for c.count > 0 && c.first <= index {
		c.forget(c.first)
		c.first++
	}
}

// forget empties one slot, so that its data can be collected.
func (c *cache) forget(index uint64) {
	e := c.at(index)
	c.bytes -= entryBytes(e)
	c.count--
	*e = raft.Log{}
}
