package raftfsm

import (
	"sync/atomic"
	"time"
)

const (
	// diskCheckEvery is how often the room on the disk is looked at.
	diskCheckEvery = time.Second
	// DefaultDiskReserve is how much room must be left, in bytes, before what grows the state is refused.
	DefaultDiskReserve = 256 << 20
)

// disk watches the room that is left.
type disk struct {
	full atomic.Bool
	free atomic.Uint64 // bytes, when last looked
}

// watchDisk refuses growth while there is too little room, and takes it again when there is.
func (n *Node) watchDisk() {
	if n.cfg.FreeBytes == nil {
		return
	}
	tick := time.NewTicker(diskCheckEvery)
	defer tick.Stop()
	for {
		n.lookAtDisk()
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
	}
}

func (n *Node) lookAtDisk() {
	free, err := n.cfg.FreeBytes()
	if err != nil {
		n.log.Warn("the room on the disk is not known", "error", err)
		return
	}
	n.disk.free.Store(free)
	full := free < n.cfg.DiskReserve
	if n.disk.full.Swap(full) == full {
		return
	}
	if full {
		n.log.Error("the disk is nearly full: only deletes are taken", "free_bytes", free, "reserve_bytes", n.cfg.DiskReserve)
	} else {
		n.log.Info("there is room on the disk again", "free_bytes", free)
	}
}
