package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"time"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	// initialMmapSize is how much address space raft.db is mapped into from the start, in bytes: growing a map stops all readers. It
	// costs no memory.
	initialMmapSize = 1 << 30
	// lockTimeout is how long to wait for another process to let go of raft.db.
	lockTimeout = time.Second
)

// OpenBolt opens or creates the log and vote store at path, for one process only: *StoreError with ReasonLocked when another has it.
//
// The list of free pages is not written with every commit but found by a scan at open, which halves the cost of a small append. A damaged page
// can end the whole process during that scan, in a goroutine of bbolt's own; CheckFile in a child process finds it before.
func OpenBolt(path string) (*raftboltdb.BoltStore, error) {
	store, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout:         lockTimeout,
			NoFreelistSync:  true,
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: initialMmapSize,
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, refuse(ReasonLocked, path, nil, "another holt holds this folder")
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return store, nil
}

// A bolt file begins with two meta pages, written in turn. Each has a page header and then these fields, in the machine's byte order.
// The checksum is FNV-1a of the 56 bytes before it.
const (
	pageHeaderSize   = 16
	metaSize         = 64
	metaOffVersion   = 4
	metaOffPageSize  = 8
	metaOffHighWater = 40 // first page that is not in use
	metaOffTxid      = 48
	metaOffChecksum  = 56
	metaMagic        = 0xED0CDAED
	metaVersion      = 2
	minPageSize      = 512
	maxPageSize      = 64 << 10
)

// meta is what a meta page says of the file.
type meta struct {
	pageSize  uint32
	highWater uint64
	txid      uint64
}

func readMeta(r io.ReaderAt, at int64) (meta, error) {
	b := make([]byte, metaSize)
	if _, err := r.ReadAt(b, at+pageHeaderSize); err != nil {
		return meta{}, err
	}
	order := binary.NativeEndian
	h := fnv.New64a()
	h.Write(b[:metaOffChecksum])
	switch {
	case order.Uint32(b) != metaMagic:
		return meta{}, errors.New("not a bolt meta page")
	case order.Uint32(b[metaOffVersion:]) != metaVersion:
		return meta{}, fmt.Errorf("bolt format version %d", order.Uint32(b[metaOffVersion:]))
	case order.Uint64(b[metaOffChecksum:]) != h.Sum64():
		return meta{}, errors.New("checksum differs")
	}
	m := meta{
		pageSize:  order.Uint32(b[metaOffPageSize:]),
		highWater: order.Uint64(b[metaOffHighWater:]),
		txid:      order.Uint64(b[metaOffTxid:]),
	}
	if m.pageSize < minPageSize || m.pageSize > maxPageSize {
		return meta{}, fmt.Errorf("page size %d", m.pageSize)
	}
	return m, nil
}

// checkMeta compares the file's own account of itself with the file: both meta pages must be whole and the file must reach its
// high-water mark. bolt itself goes on with one meta page, and thereby loses the last batch it acknowledged. A crash cannot
// leave one torn, since its bytes lie in one sector.
func checkMeta(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	defer f.Close()
	first, err := readMeta(f, 0)
	if err != nil {
		return refuse(ReasonDamaged, path, err, "first meta page is damaged")
	}
	second, err := readMeta(f, int64(first.pageSize))
	if err != nil {
		return refuse(ReasonDamaged, path, err, "second meta page is damaged")
	}
	current := first
	if second.txid > first.txid {
		current = second
	}
	info, err := f.Stat() // after the meta pages were read: the file of a live process only grows
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	if want := current.highWater * uint64(current.pageSize); uint64(info.Size()) < want {
		return refuse(ReasonDamaged, path, nil, "file is cut short: %d bytes, of %d in use", info.Size(), want)
	}
	return nil
}

// used reports whether a raft store was ever run on: it holds an entry, a term or a vote.
func used(store Raw) (bool, error) {
	last, err := store.LastIndex()
	if err != nil || last > 0 {
		return last > 0, err
	}
	for _, key := range []string{keyCurrentTerm, keyVote, keyVoteTerm} {
		_, err := store.Get([]byte(key))
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, raftboltdb.ErrKeyNotFound) {
			return false, err
		}
	}
	return false, nil
}
