package zookeeper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"os"
)

const (
	// maxRecord bounds one transaction in a log, in bytes. ZooKeeper's own limit is 1 MiB unless it is told otherwise.
	maxRecord = 256 << 20
	// endOfRecord stands behind each.
	endOfRecord = 'B'
)

// errPartial says that the last record of a log was not written to its end, as happens when a server is killed.
var errPartial = errors.New("the last transaction was not written to its end")

// replayFile applies the transactions of a log that are newer than t.zxid. partial says that the last was cut.
func replayFile(ctx context.Context, path string, t *tree) (partial bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = replay(ctx, f, t)
	if errors.Is(err, errPartial) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("transaction log %s: %w", path, err)
	}
	return false, nil
}

// replay applies a log. Servers make room in logs ahead: zeros are the end.
func replay(ctx context.Context, r io.Reader, t *tree) error {
	d := &decoder{src: bufio.NewReaderSize(r, readBuffer)}
	head, _ := d.src.(*bufio.Reader).Peek(16)
	if len(head) < 16 {
		return errPartial
	}
	readHeader(d, logMagic)
	for i := 0; d.err == nil; i++ {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		record, err := readRecord(d)
		switch {
		case errors.Is(err, ErrCorrupt):
			return fmt.Errorf("behind the transaction %#x: %w", t.zxid, err)
		case err != nil || record == nil:
			return err
		}
		if err := t.applyRecord(record); err != nil {
			return err
		}
	}
	return d.err
}

// readRecord reads one transaction; it is nil at the end.
func readRecord(d *decoder) ([]byte, error) {
	if _, err := d.src.(*bufio.Reader).Peek(1); errors.Is(err, io.EOF) {
		return nil, nil
	}
	sum := d.long()
	n, _ := d.length()
	if d.err == nil && n == 0 {
		return nil, nil
	}
	if n > maxRecord {
		d.corrupt("a transaction of %d bytes", n)
	}
	record := d.bytes(n)
	end := d.byte()
	switch {
	case errors.Is(d.err, errCut), d.err == nil && end != endOfRecord:
		return nil, errPartial
	case d.err != nil:
		return nil, d.err
	case sum != int64(adler32.Checksum(record)):
		return nil, fmt.Errorf("%w: the checksum is not that of the content", ErrCorrupt)
	}
	return record, nil
}
