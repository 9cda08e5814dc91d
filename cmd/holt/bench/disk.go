package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"
)

// maxDisk bounds the file of durable appends, in bytes; it is begun again when it is full.
const maxDisk = 256 << 20

// disk appends records to a file and makes each durable before the next: what one writer without batching could reach
// on this disk. It is used by one goroutine.
type disk struct {
	f      *os.File
	record []byte
	at     int64
}

// openDisk makes the file in dir ("": the system's temporary folder) for records of size bytes, at least one.
func openDisk(dir string, size int) (*disk, error) {
	f, err := os.CreateTemp(dir, "holt-bench-*")
	if err != nil {
		return nil, err
	}
	return &disk{f: f, record: bytes.Repeat([]byte{'x'}, max(size, 1))}, nil
}

// run appends for d, or until ctx ends.
func (d *disk) run(ctx context.Context, length time.Duration) sample {
	var s sample
	began := time.Now()
	end := began.Add(length)
	for now := began; now.Before(end) && ctx.Err() == nil; {
		err := d.append()
		after := time.Now()
		if err != nil {
			s.errors++
			s.why = first(s.why, err)
			pause(ctx, errorPause)
		} else {
			s.lat.add(after.Sub(now))
		}
		now = time.Now()
	}
	s.took = time.Since(began)
	return s
}

func (d *disk) append() error {
	if d.at+int64(len(d.record)) > maxDisk {
		if err := d.f.Truncate(0); err != nil {
			return err
		}
		d.at = 0
	}
	n, err := d.f.WriteAt(d.record, d.at)
	d.at += int64(n)
	if err != nil {
		return err
	}
	return syncData(d.f)
}

func (d *disk) close() error { return errors.Join(d.f.Close(), os.Remove(d.f.Name())) }
