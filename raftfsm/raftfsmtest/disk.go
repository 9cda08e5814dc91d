package raftfsmtest

import (
	"io/fs"
	"math"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
)

// Disk is what a member stores its log and its vote on. What was stored is durable at once. Its methods may be called at
// the same time.
type Disk struct {
	*raft.InmemStore

	mu     sync.Mutex // guards the fields below
	slow   time.Duration
	broken error
	frozen bool
	free   uint64
}

func newDisk() *Disk { return &Disk{InmemStore: raft.NewInmemStore(), free: math.MaxUint64} }

// Slow makes every write take this long; zero makes the disk quick again.
func (d *Disk) Slow(each time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = each
}

// Break makes every append to the log fail with err, without effect; nil repairs the disk.
func (d *Disk) Break(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

// SetFree says how many bytes are left. At first there is no end of room.
func (d *Disk) SetFree(bytes uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = bytes
}

// Free is how many bytes are left, as raftfsm.Config asks for it.
func (d *Disk) Free() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free, nil
}

// freeze makes the disk of a crashed member stay as it is.
func (d *Disk) freeze() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen = true
}

func (d *Disk) isFrozen() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.frozen
}

func (d *Disk) thaw() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen = false
}

// errFrozen is an error that the guards take for a full disk, so that what is left of a crashed member ends quietly.
var errFrozen = &fs.PathError{Op: "write", Path: "log", Err: syscall.ENOSPC}

// write waits as long as the disk takes, then does it, unless the member has crashed meanwhile.
func (d *Disk) write(log bool, do func() error) error {
	d.mu.Lock()
	slow := d.slow
	d.mu.Unlock()
	if slow > 0 {
		time.Sleep(slow)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.frozen && log:
		return errFrozen
	case d.frozen:
		return nil // nobody hears of it: the member's connections are gone
	case log && d.broken != nil:
		return d.broken
	}
	return do()
}

// StoreLog appends one entry.
func (d *Disk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends copies of the entries: what a disk holds does not change with its writer's memory.
func (d *Disk) StoreLogs(logs []*raft.Log) error {
	kept := make([]*raft.Log, len(logs))
	for i, l := range logs {
		c := *l
		c.Data = append([]byte(nil), l.Data...)
		kept[i] = &c
	}
	return d.write(true, func() error { return d.InmemStore.StoreLogs(kept) })
}

// DeleteRange deletes entries, both ends included.
func (d *Disk) DeleteRange(lo, hi uint64) error {
	lo = max(lo, 1) // raft asks for 0 of a log without entries, after which InmemStore takes -1 for its last
	return d.write(true, func() error { return d.InmemStore.DeleteRange(lo, hi) })
}

// Set stores bytes.
func (d *Disk) Set(key, val []byte) error {
	return d.write(false, func() error { return d.InmemStore.Set(key, val) })
}

// SetUint64 stores a number.
func (d *Disk) SetUint64(key []byte, val uint64) error {
	return d.write(false, func() error { return d.InmemStore.SetUint64(key, val) })
}
