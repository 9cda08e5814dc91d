package guard

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// DefaultCacheEntries is how many of the newest log entries are kept in memory when Config does not say.
	DefaultCacheEntries = 256
	// DefaultCacheBytes is how many bytes of log data are kept in memory at most when Config does not say.
	DefaultCacheBytes = 8 << 20
	// DeleteChunk is how many indexes one transaction deletes when the log's beginning is dropped. bolt deletes 5,000 in some
	// 10 ms, and no append can run meanwhile.
	DeleteChunk = 5000
)

// Raw is the store the guards stand on, in practice *raftboltdb.BoltStore.
type Raw interface {
	raft.LogStore
	raft.StableStore
}

// Config is what NewStores needs.
type Config struct {
	// Raw does the work. It must tolerate gaps in the log (not be a raft.MonotonicLogStore). Its owner closes it, after raft.
	Raw Raw
	// Stall is marked while Raw writes.
	Stall *Stall
	// Fatal is called once, with the first error that leaves the disk's state unknown or shows damage. It should end the process;
	// if it returns, every later call of the stores fails with that error, and raft may panic on it.
	Fatal func(error)
	// CheckEntry judges every entry read from Raw, before raft sees it. Nil: no check.
	CheckEntry func(*raft.Log) error
	// Observe is told of every successful append: how long it took, how many entries and how many bytes of data it held. Nil: nobody asks.
	Observe func(took time.Duration, entries, bytes int)
	// CacheEntries and CacheBytes bound the cache of the newest entries. Zero: the defaults.
	CacheEntries, CacheBytes int
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Raw == nil || c.Stall == nil || c.Fatal == nil {
		return errors.New("guard stores: Raw, Stall and Fatal are required")
	}
	if m, ok := c.Raw.(raft.MonotonicLogStore); ok && m.IsMonotonic() {
		return errors.New("guard stores: a raw store that refuses gaps is not supported")
	}
	if c.CacheEntries < 0 || c.CacheBytes < 0 {
		return errors.New("guard stores: negative cache size")
	}
	return nil
}

// NewStores stacks the guards in the only right order and returns what raft.NewRaft takes as log store and stable store. Both share
// one latch: after a failed write of either, neither works.
func NewStores(c Config) (*Logs, *Stable, error) {
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	if c.CacheEntries == 0 {
		c.CacheEntries = DefaultCacheEntries
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	d := &disk{raw: c.Raw, stall: c.Stall, fatal: c.Fatal, check: c.CheckEntry, observe: c.Observe}
	return &Logs{store: newCache(d, c.CacheEntries, c.CacheBytes)}, &Stable{disk: d}, nil
}
