package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	bolterrors "go.etcd.io/bbolt/errors"
)

// disk is the lowest guard. It fails for good at the first error after which the raw store's state is unknown, marks calls in Stall,
// deletes long prefixes piecemeal and checks what is read.
//
// Failing for good is the point: after a failed fsync the kernel may have dropped the dirty pages, and a retry that succeeds
// proves nothing. Only a restart, which reads the disk anew, knows what is there.
type disk struct {
	raw     Raw
	stall   *Stall
	fatal   func(error)
	check   func(*raft.Log) error // nil: none
	observe func(time.Duration, int, int)

	failed atomic.Pointer[error] // the first fatal error, nil while all is well
	cut    atomic.Bool           // the log's end was deleted, and nothing was stored since
}

var (
	_ raft.LogStore    = (*disk)(nil)
	_ raft.StableStore = (*disk)(nil)
)

// trip records the first fatal error, reports it once, and returns the one that was first.
func (d *disk) trip(err error) error {
	if d.failed.CompareAndSwap(nil, &err) {
		d.fatal(err)
	}
	return *d.failed.Load()
}

// broken is the first fatal error, or nil.
func (d *disk) broken() error {
	if p := d.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// contained runs f and turns a panic into an error: bbolt panics on a damaged page, and a read of a page that is not in the file any
// more faults. An error names what is wrong, a stack trace from raft's main loop does not.
func contained(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("raw store panicked: %v", p)
		}
	}()
	return f()
}

// cleanlyFull reports whether err says that the disk is full before anything became doubtful. A sync that answers ENOSPC is not clean:
// it failed like any other sync.
func cleanlyFull(err error) bool {
	var p *fs.PathError
	return errors.Is(err, syscall.ENOSPC) && errors.As(err, &p) && p.Op != "sync"
}

// closed reports whether err only says that the owner closed the raw store.
func closed(err error) bool { return errors.Is(err, bolterrors.ErrDatabaseNotOpen) }

func (d *disk) write(what string, f func() error) error {
	if err := d.broken(); err != nil {
		return err
	}
	end := d.stall.begin()
	err := contained(f)
	end()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	if cleanlyFull(err) || closed(err) {
		return err
	}
	return d.trip(err)
}

// read runs f unless the disk is broken. Errors pass through: "not found" is an answer.
func (d *disk) read(f func() error) error {
	if err := d.broken(); err != nil {
		return err
	}
	return contained(f)
}

// GetLog reads one entry. An entry that cannot be decoded, or that CheckEntry refuses, is fatal and never returned.
func (d *disk) GetLog(index uint64, out *raft.Log) error {
	err := d.read(func() error { return d.raw.GetLog(index, out) })
	switch {
	case errors.Is(err, raft.ErrLogNotFound), closed(err):
		return err
	case err == nil && out.Index != index:
		err = fmt.Errorf("holds index %d", out.Index)
	case err == nil && d.check != nil:
		err = d.check(out)
	}
	if err == nil {
		return nil
	}
	*out = raft.Log{}
	return d.trip(fmt.Errorf("log entry %d: %w", index, err))
}

func (d *disk) StoreLog(entry *raft.Log) error { return d.StoreLogs([]*raft.Log{entry}) }

// StoreLogs appends entries in one transaction. Where the log's end was just deleted to make way for them, a full disk is
// fatal too: raft goes on to believe that the end is still there, refuses every append that follows for want of it, and stands for
// election with it. A restart reads what is there.
func (d *disk) StoreLogs(entries []*raft.Log) error {
	start := time.Now()
	if err := d.write("store log entries", func() error { return d.raw.StoreLogs(entries) }); err != nil {
		if d.cut.Load() && !closed(err) {
			return d.trip(err)
		}
		return err
	}
	d.cut.Store(false)
	if d.observe != nil {
		bytes := 0
		for _, e := range entries {
			bytes += entryBytes(e)
		}
		d.observe(time.Since(start), len(entries), bytes)
	}
	return nil
}

// DeleteRange deletes from lo to hi, both included. What lies at the log's beginning goes in chunks, in ascending order, so that
// appends get between and a crash leaves a shorter prefix. All else goes in one transaction: half a suffix would be a hole.
func (d *disk) DeleteRange(lo, hi uint64) error {
	first, err := d.FirstIndex()
	if err != nil {
		return err
	}
	last, err := d.LastIndex()
	if err != nil {
		return err
	}
	remove := func(from, to uint64) error {
		return d.write("delete log entries", func() error { return d.raw.DeleteRange(from, to) })
	}
	prefix := lo <= first && hi < last
	if !prefix {
		err := remove(lo, hi)
		if err == nil {
			d.cut.Store(true)
		}
		return err
	}
	for from := first; from <= hi; from += DeleteChunk {
		if err := remove(from, min(hi, from+DeleteChunk-1)); err != nil {
			return err
		}
		runtime.Gosched() // let a waiting append take the raw store's lock
	}
	return nil
}

func (d *disk) FirstIndex() (index uint64, err error) {
	err = d.read(func() error { index, err = d.raw.FirstIndex(); return err })
	return index, err
}

func (d *disk) LastIndex() (index uint64, err error) {
	err = d.read(func() error { index, err = d.raw.LastIndex(); return err })
	return index, err
}

func (d *disk) Set(key, val []byte) error {
	return d.write("store "+string(key), func() error { return d.raw.Set(key, val) })
}

func (d *disk) SetUint64(key []byte, val uint64) error {
	return d.write("store "+string(key), func() error { return d.raw.SetUint64(key, val) })
}

func (d *disk) Get(key []byte) (val []byte, err error) {
	err = d.read(func() error { val, err = d.raw.Get(key); return err })
	return val, err
}

func (d *disk) GetUint64(key []byte) (val uint64, err error) {
	err = d.read(func() error { val, err = d.raw.GetUint64(key); return err })
	return val, err
}

// entryBytes is what an entry is counted as: its data, not the record around it.
func entryBytes(e *raft.Log) int { return len(e.Data) + len(e.Extensions) }
