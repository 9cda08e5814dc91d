package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holt/raftfsm/znode"
)

// backedUp is scheduled backups of a machine in memory, in a bubble whose time is theirs.
type backedUp struct {
	*backups
	t       *testing.T
	numbers *prometheus.Registry

	mu      sync.Mutex // guards what follows
	machine *znode.Machine
	failure error // what asking for the state gives
}

// number is one of the metrics.
func (b *backedUp) number(name string) float64 {
	b.t.Helper()
	all, err := b.numbers.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue() // one of them is not there
		}
	}
	b.t.Fatalf("no metric %s", name)
	return 0
}

func newBackedUp(t *testing.T, every time.Duration, keep int) *backedUp {
	t.Helper()
	b := &backedUp{t: t, machine: znode.NewMachine(), numbers: prometheus.NewRegistry()}
	cfg := ServeConfig{BackupDir: filepath.Join(t.TempDir(), "backups"), BackupEvery: every, BackupKeep: keep}
	var err error
	b.backups, err = newBackups(cfg, slog.New(slog.DiscardHandler), func() (*znode.State, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.machine.State(), b.failure
	}, b.numbers)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write has the tree change.
func (b *backedUp) write(path string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.machine.Apply(&znode.Txn{Ops: []znode.Op{znode.PutOp(znode.MustPath(path), "x")}}); r.Code != znode.OK {
		b.t.Fatal(r.Code)
	}
}

// fail makes asking for the state fail from now on, or no more.
func (b *backedUp) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failure = err
}

// holds checks of which zxids there are backups, and that each is whole.
func (b *backedUp) holds(zxids ...znode.Zxid) {
	b.t.Helper()
	names, err := b.names()
	if err != nil {
		b.t.Fatal(err)
	}
	var got []znode.Zxid
	for _, name := range names {
		f, err := os.Open(filepath.Join(b.dir, name))
		if err != nil {
			b.t.Fatal(err)
		}
		s, err := znode.DecodeState(f)
		if err := errors.Join(err, f.Close()); err != nil {
			b.t.Fatalf("%s: %v", name, err)
		}
		if s.Zxid != zxidOf(name) {
			b.t.Errorf("%s holds zxid %d", name, s.Zxid)
		}
		got = append(got, s.Zxid)
	}
	if !slices.Equal(got, zxids) {
		b.t.Errorf("backups of %v, want %v", got, zxids)
	}
}

func TestBackupsAreWrittenWhileSomethingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackedUp(t, time.Hour, 3)
		foreign := []string{"holt-1.snapshot", "notes.txt", "holt-00000000000000000001-20000101T000000Z.snapshot.old"}
		for _, name := range foreign {
			if err := os.WriteFile(filepath.Join(b.dir, name), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); b.run(ctx) }()
		b.write("/a")
		time.Sleep(2 * time.Second)
		b.holds(1)
		time.Sleep(3 * time.Hour) // nothing has changed
		b.holds(1)
		for i := range 4 {
			b.write(fmt.Sprintf("/b%d", i))
			time.Sleep(time.Hour)
		}
		b.holds(3, 4, 5)
		if got, now := b.number("holt_backup_last_success_timestamp_seconds"), float64(time.Now().Unix()); got < now-3602 || got > now {
			t.Errorf("the last success was at %v, it is %v", got, now)
		}
		b.write("/c")
		b.fail(errors.New("behind"))
		time.Sleep(time.Hour)
		b.holds(3, 4, 5)
		b.fail(nil)
		time.Sleep(time.Hour)
		b.holds(4, 5, 6)
		cancel()
		<-ended
		for _, name := range foreign {
			if got, err := os.ReadFile(filepath.Join(b.dir, name)); err != nil || string(got) != "mine" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		entries, err := os.ReadDir(b.dir)
		if err != nil || len(entries) != len(foreign)+3 {
			t.Errorf("%d files, %v", len(entries), err)
		}
	})
}

// What cannot be written is counted, and harms nothing that is there.
func TestABackupForWhichThereIsNoRoom(t *testing.T) {
	b := newBackedUp(t, time.Hour, 3)
	b.write("/a")
	b.once(t.Context())
	b.write("/b")
	b.reserve = math.MaxUint64 / 2
	b.once(t.Context())
	b.holds(1)
	if got := b.number("holt_backup_failures_total"); got != 1 {
		t.Errorf("%v failures", got)
	}
	b.reserve = 0
	b.once(t.Context())
	b.holds(1, 2)
}

// A member that is restarted more often than it is to be backed up is backed up all the same, and not at every start.
func TestBackupsGoOnWhereTheyWere(t *testing.T) {
	b := newBackedUp(t, time.Hour, 3)
	b.write("/a")
	b.once(t.Context())
	b.holds(1)
	left := filepath.Join(b.dir, ".holt-00000000000000000002-20000101T000000Z.snapshot.123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.write("/b")
	start := time.Now()
	again := *b.backups
	if due := again.firstDue(); due.Before(start.Add(59*time.Minute)) || due.After(start.Add(61*time.Minute)) {
		t.Errorf("due at %v, it is %v", due, start)
	}
	b.now = func() time.Time { return start.Add(2 * time.Hour) }
	if due := b.firstDue(); due.After(b.now()) {
		t.Errorf("due at %v, it is %v", due, b.now())
	}
	b.now = func() time.Time { return start.Add(-2 * time.Hour) } // the clock was put back
	if due := b.firstDue(); due.After(b.now()) {
		t.Errorf("due at %v, it is %v", due, b.now())
	}
	b.reap()
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half backup is there: %v", err)
	}
	b.holds(1)
}

func TestABackupThatIsCutOffByTheEndIsNone(t *testing.T) {
	b := newBackedUp(t, time.Hour, 3)
	b.write("/a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.once(ctx)
	b.holds()
	if entries, err := os.ReadDir(b.dir); err != nil || len(entries) > 0 || b.number("holt_backup_failures_total") > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestAFolderThatCannotBeWrittenTo(t *testing.T) {
	b := newBackedUp(t, time.Hour, 3)
	b.write("/a")
	if err := os.Remove(b.dir); err != nil {
		t.Fatal(err)
	}
	b.once(t.Context())
	if got := b.number("holt_backup_failures_total"); got != 1 {
		t.Errorf("%v failures", got)
	}
	cfg := ServeConfig{BackupDir: "/dev/null/backups", BackupEvery: time.Hour, BackupKeep: 1}
	if _, err := newBackups(cfg, b.log, b.state, prometheus.NewRegistry()); err == nil || !strings.Contains(err.Error(), "HOLT_BACKUP_DIR") || exitCode(err) != exitUsage {
		t.Errorf("%v", err)
	}
}
