package raftfsm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
	"github.com/klauspost/compress/zstd"

	"holt/raftfsm/znode"
)

// A snapshot is a head (magic, version, raft index and term it stands for) and the state in its own encoding, compressed.
// The state carries its checksum.
const (
	snapshotMagic   = "holtsnap"
	snapshotVersion = 1
	snapshotHead    = len(snapshotMagic) + 1 + 8 + 8
	// snapshotBuffer is the unit of writing to the store, whose own is 4 KiB.
	snapshotBuffer = 1 << 20
)

// snapshot is a view on its way to the disk.
type snapshot struct {
	view     *view
	log      *slog.Logger
	progress *progress
}

// Persist writes it; raft runs it beside Apply.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	start := time.Now()
	if err := writeSnapshot(sink, s.view); err != nil {
		return errors.Join(fmt.Errorf("writing a snapshot: %w", err), sink.Cancel())
	}
	s.log.Info("wrote a snapshot", "zxid", s.view.state.Zxid, "znodes", s.view.state.Tree.Len(), "took", time.Since(start).String())
	if err := sink.Close(); err != nil {
		return err
	}
	s.progress.saved.Store(&SnapshotMark{s.view.state.Zxid, time.Now().UnixMilli()})
	return nil
}

// Release is for raft; there is nothing to let go.
func (s *snapshot) Release() {}

func writeSnapshot(w io.Writer, v *view) error {
	buf := bufio.NewWriterSize(w, snapshotBuffer)
	head := append([]byte(snapshotMagic), snapshotVersion)
	head = binary.BigEndian.AppendUint64(head, v.index)
	head = binary.BigEndian.AppendUint64(head, v.term)
	if _, err := buf.Write(head); err != nil {
		return err
	}
	z, err := zstd.NewWriter(buf, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if err := v.state.Encode(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

func readSnapshot(r io.Reader) (*view, error) {
	in := bufio.NewReaderSize(r, snapshotBuffer)
	head := make([]byte, snapshotHead)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, fmt.Errorf("its head: %w", err)
	}
	magic, rest := string(head[:len(snapshotMagic)]), head[len(snapshotMagic):]
	if magic != snapshotMagic || rest[0] != snapshotVersion {
		return nil, fmt.Errorf("not a snapshot of version %d: %q version %d", snapshotVersion, magic, rest[0])
	}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	s, err := znode.DecodeState(z)
	if err != nil {
		return nil, err
	}
	return &view{state: s, index: binary.BigEndian.Uint64(rest[1:]), term: binary.BigEndian.Uint64(rest[9:])}, nil
}
