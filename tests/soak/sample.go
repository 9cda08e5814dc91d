package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holt/tests/harness"
)

const (
	// samples is about how many there are of each number, and sampleEvery bounds the time between two.
	samples     = 300
	sampleEvery = 5 * time.Second
	sampleLeast = 500 * time.Millisecond
)

// quantity is a number that must not grow.
type quantity struct {
	name   string
	metric string // "": what the data folder takes on the disk
	unit   float64
	unitIs string
	// tolerance is how much the line may rise from the end of the warm-up to the end of the run, in units: what a healthy member's
	// numbers do by chance, and by filling what is bounded (outcomes for ten minutes, ended sessions for an hour). In ten minutes a leak
	// of a hundred bytes for each op, or of a goroutine for each stream, is more.
	tolerance float64
}

const mib = 1 << 20

// quantities are those that are watched.
func quantities() []quantity {
	return []quantity{
		{"resident memory", "process_resident_memory_bytes", mib, "MiB", 32},
		{"heap, as the collector aims at", "go_memstats_next_gc_bytes", mib, "MiB", 24},
		{"goroutines", "go_goroutines", 1, "", 40},
		{"open files", "process_open_fds", 1, "", 40},
		{"disk", "", mib, "MiB", 32},
	}
}

// sample is all quantities of one member at one time.
type sample struct {
	at     time.Duration // since the beginning
	values []float64     // of each quantity, in its unit
}

// watcher takes samples of all members.
type watcher struct {
	c     *harness.Cluster
	every time.Duration
	wg    sync.WaitGroup
	fates []fate     // during the run
	taken [][]sample // of each member; its goroutine's until wg is done
}

func newWatcher(c *harness.Cluster, length time.Duration) *watcher {
	return &watcher{c: c, every: min(max(length/samples, sampleLeast), sampleEvery), taken: make([][]sample, len(c.Members))}
}

func (w *watcher) start(ctx context.Context) {
	began := time.Now()
	for i, m := range w.c.Members {
		w.wg.Go(func() {
			tick := time.NewTicker(w.every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if s, ok := take(m); ok {
					s.at = time.Since(began)
					w.taken[i] = append(w.taken[i], s)
				}
			}
		})
	}
}

// take takes one sample, if the member answers.
func take(m *harness.Member) (s sample, ok bool) {
	_, _, body := m.Get("/metrics")
	for _, q := range quantities() {
		var v float64
		if q.metric == "" {
			v, ok = diskUse(m.Dir)
		} else {
			v, ok = metric(body, q.metric)
		}
		if !ok {
			return s, false
		}
		s.values = append(s.values, v/q.unit)
	}
	return s, true
}

// metric sums the values of a metric, with whatever labels, in what /metrics answered; false if there is none.
func metric(body, name string) (sum float64, ok bool) {
	for line := range strings.Lines(body) {
		rest, is := strings.CutPrefix(line, name)
		if !is || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		if err != nil {
			return 0, false
		}
		sum, ok = sum+v, true
	}
	return sum, ok
}

// now is a metric of a member as it is, -1 if that cannot be had.
func now(m *harness.Member, name string) float64 {
	_, _, body := m.Get("/metrics")
	if v, ok := metric(body, name); ok {
		return v
	}
	return -1
}

// diskUse is what a folder takes on the disk, in bytes. Files may come and go meanwhile.
func diskUse(dir string) (bytes float64, ok bool) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = e.Info()
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if sys, is := info.Sys().(*syscall.Stat_t); is {
			bytes += float64(sys.Blocks) * 512
		}
		return nil
	})
	return bytes, err == nil
}
