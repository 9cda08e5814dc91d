package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holt/raftfsm/znode"
)

const (
	// defaultBackupKeep is how many backups of its own a member keeps.
	defaultBackupKeep = 24
	// maxBackupKeep bounds that.
	maxBackupKeep = 100_000
	// minBackupEvery is the shortest time between two backups: each writes the whole tree.
	minBackupEvery = time.Second
	// backupLookEvery is how often it is looked at the clock.
	backupLookEvery = time.Second
)

// backupName is what a backup made here is called: its zxid, so that names sort as states do, and when it was written.
var backupName = regexp.MustCompile(`^holt-([0-9]{20})-[0-9]{8}T[0-9]{6}Z\.snapshot$`)

// backups writes this member's own state to a folder every so often.
type backups struct {
	dir     string
	every   time.Duration
	keep    int
	reserve uint64 // room that must be left on the folder's disk, in bytes
	log     *slog.Logger
	state   func() (*znode.State, error)
	now     func() time.Time

	failed prometheus.Counter
	last   prometheus.Gauge
}

// newBackups is what the configuration asks for. Its numbers are there even if it asks for none.
func newBackups(cfg ServeConfig, log *slog.Logger, state func() (*znode.State, error), metrics prometheus.Registerer) (*backups, error) {
	if cfg.BackupEvery > 0 {
		if err := os.MkdirAll(cfg.BackupDir, 0o700); err != nil {
			return nil, usageError{fmt.Errorf("HOLT_BACKUP_DIR: %w", err)}
		}
	}
	b := &backups{
		dir: cfg.BackupDir, every: cfg.BackupEvery, keep: cfg.BackupKeep, reserve: cfg.DiskReserve, log: log, state: state, now: time.Now,
		failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "holt_backup_failures_total", Help: "Scheduled backups that could not be written."}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holt_backup_last_success_timestamp_seconds",
			Help: "When the newest scheduled backup was last up to date; 0 if there is none, or none are asked for.",
		}),
	}
	metrics.MustRegister(b.failed, b.last)
	return b, nil
}

// openBackups comes first, so that a first start that cannot write backups leaves no data folder.
func (m *member) openBackups() (err error) {
	m.backups, err = newBackups(m.cfg, m.log, func() (*znode.State, error) { return m.node.State() }, m.metrics.registry)
	return err
}

// checkBackups says what is wrong with what is said about backups.
func (c ServeConfig) checkBackups() error {
	switch {
	case c.BackupEvery != 0 && c.BackupEvery < minBackupEvery:
		return fmt.Errorf("HOLT_BACKUP_EVERY must be 0 or at least %v", minBackupEvery)
	case c.BackupEvery != 0 && c.BackupDir == "":
		return errors.New("HOLT_BACKUP_EVERY needs a folder to write to: HOLT_BACKUP_DIR")
	case c.BackupEvery == 0 && c.BackupDir != "":
		return errors.New("HOLT_BACKUP_DIR is used only with HOLT_BACKUP_EVERY")
	case c.BackupKeep < 1 || c.BackupKeep > maxBackupKeep:
		return fmt.Errorf("HOLT_BACKUP_KEEP must be between 1 and %d", maxBackupKeep)
	}
	return nil
}

// run writes backups until ctx ends. The first is due one period after the newest that is there, by the clock: a member that is
// restarted often is backed up all the same.
func (b *backups) run(ctx context.Context) {
	if b.every == 0 {
		return
	}
	b.reap()
	tick := time.NewTicker(min(b.every, backupLookEvery))
	defer tick.Stop()
	due := b.firstDue()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := b.now(); !now.Before(due) {
			due = now.Add(b.every)
			b.once(ctx)
		}
	}
}

// firstDue is when the next is due after what lies in the folder.
func (b *backups) firstDue() time.Time {
	now := b.now()
	names, err := b.names()
	if err != nil || len(names) == 0 {
		return now
	}
	info, err := os.Stat(filepath.Join(b.dir, names[len(names)-1]))
	if err != nil || info.ModTime().After(now) {
		return now
	}
	b.last.Set(float64(info.ModTime().Unix()))
	return info.ModTime().Add(b.every)
}

// once writes one backup, unless the newest is of this very state, and removes those that are too many.
func (b *backups) once(ctx context.Context) {
	s, err := b.state()
	if err != nil {
		b.log.Debug("no backup: this member has not caught up yet", "error", err)
		return
	}
	name, err := b.write(ctx, s)
	if ctx.Err() != nil {
		return // the member stops
	}
	if err != nil {
		b.failed.Inc()
		b.log.Error("a scheduled backup could not be written", "dir", b.dir, "zxid", uint64(s.Zxid), "error", err)
		return
	}
	b.last.Set(float64(b.now().Unix()))
	if name != "" {
		b.log.Info("wrote a backup", "file", name, "zxid", uint64(s.Zxid), "znodes", s.Tree.Len())
	}
	if err := b.retain(); err != nil {
		b.log.Warn("old backups could not be removed", "dir", b.dir, "error", err)
	}
}

// write gives the name of the file, "" if there is one of this state already.
func (b *backups) write(ctx context.Context, s *znode.State) (string, error) {
	names, err := b.names()
	if err != nil {
		return "", err
	}
	if len(names) > 0 && zxidOf(names[len(names)-1]) == s.Zxid {
		return "", nil
	}
	if err := b.room(s); err != nil {
		return "", err
	}
	name := fmt.Sprintf("holt-%020d-%s.snapshot", uint64(s.Zxid), b.now().UTC().Format("20060102T150405Z"))
	path := filepath.Join(b.dir, name)
	err = writeWhole(path, func(w io.Writer) error { return s.Encode(while{ctx, w}) })
	if err == nil {
		err = syncFolder(b.dir)
	}
	return path, err
}

// room says whether the disk has room for s and the reserve.
func (b *backups) room(s *znode.State) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &st); err != nil {
		return fmt.Errorf("statfs %s: %w", b.dir, err)
	}
	free, needed := st.Bavail*uint64(st.Bsize), uint64(s.Tree.Bytes())+b.reserve
	if free < needed {
		return fmt.Errorf("%d bytes are free, and the backup and HOLT_DISK_RESERVE need about %d", free, needed)
	}
	return nil
}

// while writes as long as ctx lasts.
type while struct {
	ctx context.Context
	w   io.Writer
}

func (w while) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// names are the backups in the folder, oldest state first; whatever else lies there is nobody's business here.
func (b *backups) names() ([]string, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && backupName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// zxidOf is the zxid in the name of a backup.
func zxidOf(name string) znode.Zxid {
	z, err := strconv.ParseUint(backupName.FindStringSubmatch(name)[1], 10, 64)
	if err != nil {
		return 0 // of nobody's state
	}
	return znode.Zxid(z)
}

// retain removes the oldest of too many. The newest always stays.
func (b *backups) retain() error {
	names, err := b.names()
	if err != nil {
		return err
	}
	for len(names) > max(b.keep, 1) {
		if err := os.Remove(filepath.Join(b.dir, names[0])); err != nil {
			return err
		}
		names = names[1:]
	}
	return nil
}

// reap removes what a crash left of a backup that was being written.
func (b *backups) reap() {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return // the first backup says so
	}
	for _, e := range entries {
		name, _, ok := strings.Cut(strings.TrimPrefix(e.Name(), "."), ".snapshot.")
		if ok && strings.HasPrefix(e.Name(), ".") && backupName.MatchString(name+".snapshot") {
			if err := os.Remove(filepath.Join(b.dir, e.Name())); err == nil {
				b.log.Info("removed a backup that a crash left unfinished", "file", e.Name())
			}
		}
	}
}

// syncFolder makes what was renamed in a folder last.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
