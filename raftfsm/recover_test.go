package raftfsm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/guard"
	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
)

// oldTerm is the term of the cluster that lost its majority, begunAt the time of its entries.
const (
	oldTerm = 5
	begunAt = int64(1_700_000_000_000)
)

// past is what happened in a folder before the others were lost.
type past struct {
	entries  int    // of one transaction each, behind the configuration
	snapshot uint64 // index of the snapshot; 0: none
	second   uint64 // of a later one
	dropped  uint64 // up to where the log was dropped
	stale    int    // entries of an earlier term at the log's end
	voteless bool   // the folder was new a while before
}

// puts is entry i, which makes a znode of its number.
func puts(t *testing.T, i, term uint64) *raft.Log {
	t.Helper()
	c := command.Command{Origin: 3, Seq: i, Txns: []znode.Txn{{Ops: []znode.Op{znode.PutOp(znode.MustPath(fmt.Sprintf("/n%d", i)), "x")}}}}
	return entryOf(i, term, term, begunAt+int64(i), c.Append(nil))
}

// left is the folder of the member that is left of three, and the state it holds.
func left(t *testing.T, p past) (string, *znode.State) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	folder, err := open(t, FolderConfig{Dir: dir, Name: "c", Members: three()})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	var conf raft.Configuration
	for _, m := range three() {
		conf.Servers = append(conf.Servers, raft.Server{ID: raft.ServerID(m.Name), Address: raft.ServerAddress(m.RaftAddr)})
	}
	twin, n := newTestFSM()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(folder.Stable.SetUint64([]byte(keyCurrentTerm), oldTerm))
	if p.voteless {
		do(folder.Stable.Set(keyNewborn, []byte{1}))
	}
	logs := []*raft.Log{{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)}}
	views := make(map[uint64]*view)
	for i := uint64(2); i < uint64(p.entries+2); i++ {
		logs = append(logs, puts(t, i, oldTerm))
		twin.ApplyBatch(logs[i-1:])
		views[i] = n.progress.now.Load()
	}
	for i := range uint64(p.stale) {
		logs = append(logs, puts(t, uint64(p.entries)+2+i, oldTerm-2))
	}
	do(folder.Logs.StoreLogs(logs))
	for _, i := range []uint64{p.snapshot, p.second} {
		if i > 0 {
			_, trans := raft.NewInmemTransport("c:7")
			sink, err := folder.Snaps.Create(1, i, oldTerm, conf, 1, trans)
			do(err)
			do(writeSnapshot(sink, views[i]))
			do(sink.Close())
		}
	}
	if p.dropped > 0 {
		do(folder.Logs.DeleteRange(1, p.dropped))
	}
	return dir, n.progress.now.Load().state
}

// recoveryOf opens the recovery of a folder ten seconds after the last of its transactions.
func recoveryOf(dir string) (*Recovery, error) {
	return OpenRecovery(RecoverConfig{Dir: dir, Logger: quiet, Now: func() time.Time { return time.UnixMilli(begunAt).Add(10 * time.Second) }})
}

// recovered recovers a folder and gives the plan.
func recovered(t *testing.T, dir string) RecoveryPlan {
	t.Helper()
	r, err := recoveryOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Run(), r.Close()); err != nil {
		t.Fatal(err)
	}
	return r.Plan()
}

func TestTheMemberThatIsLeftBecomesTheCluster(t *testing.T) {
	for name, p := range map[string]past{
		"its log is all it has":                   {entries: 300},
		"a snapshot, and the log behind it":       {entries: 300, snapshot: 200, dropped: 150},
		"a snapshot in which the log ends":        {entries: 300, snapshot: 301, dropped: 200},
		"a snapshot alone":                        {entries: 300, snapshot: 301, dropped: 301},
		"entries behind it that others wrote off": {entries: 300, snapshot: 301, dropped: 301, stale: 7},
		"two snapshots":                           {entries: 300, snapshot: 100, second: 200, dropped: 150},
		"it had no vote yet":                      {entries: 300, voteless: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, want := left(t, p)
			plan := recovered(t, dir)
			last := uint64(p.entries + 1)
			if plan.Cluster != ClusterID(three()) || plan.Renamed == plan.Cluster || plan.LastIndex != last || plan.LastTerm != oldTerm ||
				plan.Stale != uint64(p.stale) || plan.Zxid != want.Zxid || plan.Znodes != want.Tree.Len() || plan.Resumed || !plan.Voter ||
				plan.Self != three()[2] || !slices.Equal(plan.Members, three()) {
				t.Errorf("plan: %+v", plan)
			}
			lives(t, dir, plan, want)
		})
	}
}

// lives starts the member of a recovered folder, which must have all of a state, and go on.
func lives(t *testing.T, dir string, plan RecoveryPlan, want *znode.State) {
	t.Helper()
	folder, err := open(t, FolderConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if folder.Cluster != plan.Renamed || folder.Name != "c" || !slices.Equal(folder.Members, []Member{plan.Self}) {
		t.Errorf("folder of %s in cluster %s with %v, want %s", folder.Name, folder.Cluster, folder.Members, plan.Renamed)
	}
	mux, err := peer.Listen(peer.Config{Name: folder.Name, Cluster: folder.Cluster, LoopbackOnly: true, BindAddr: "127.0.0.1:0", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(Config{Name: folder.Name, Members: folder.Members, RaftAdvertise: plan.Self.RaftAddr, Storage: &folder.Storage, Mux: mux, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	s, err := n.Linearizable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Zxid != plan.Lifted || s.Time < want.Time || s.History.Floor() != plan.Lifted || s.History.Len() != 0 {
		t.Errorf("zxid %d, time %d, history from %d; want zxid %d, time %d", s.Zxid, s.Time, s.History.Floor(), plan.Lifted, want.Time)
	}
	if got, want := treeOf(s), treeOf(want); got != want {
		t.Errorf("the tree is another: %.200s, want %.200s", got, want)
	}
	r, err := n.Propose(t.Context(), putTxn("after"))
	if err != nil || r.Zxid != plan.Lifted+1 {
		t.Errorf("the first write: %+v, %v", r, err)
	}
}

func treeOf(s *znode.State) string {
	var b strings.Builder
	for n := range s.Tree.All() {
		fmt.Fprintf(&b, "%s %q %+v\n", n.Path(), n.Data(), n.Stat())
	}
	return b.String()
}

// Wherever the recovery dies, the folder is as before, or refused until the recovery is done again, and nothing is lost.
func TestARecoveryThatIsCutShortIsFinishedByTheNext(t *testing.T) {
	steps := len((&Recovery{}).steps())
	for _, p := range []past{{entries: 50}, {entries: 300, snapshot: 100, second: 200, dropped: 150}, {entries: 60, snapshot: 61, dropped: 61}} {
		for done := range steps {
			dir, want := left(t, p)
			r, err := recoveryOf(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range r.steps()[:done] {
				if err := s.do(); err != nil {
					t.Fatalf("%s: %v", s.what, err)
				}
			}
			must(t, r.Close())
			must(t, os.MkdirAll(filepath.Join(dir, guard.SnapshotDir, "9-9-9.tmp"), 0o700)) // one that was being written
			folder, err := open(t, FolderConfig{Dir: dir})
			var refused *guard.StoreError
			switch {
			case done == 0:
				if err != nil || folder.Cluster != ClusterID(three()) {
					t.Fatalf("before the first step: %v", err)
				}
				must(t, folder.Close())
			case !errors.As(err, &refused) || refused.Reason != guard.ReasonRecovery || !strings.Contains(err.Error(), "run holt recover again"):
				t.Fatalf("after %d steps: %v", done, err)
			}
			plan := recovered(t, dir)
			if written := done > 2; plan.Resumed != written || done > 0 && plan.Renamed != r.plan.Renamed || plan.Lifted != r.plan.Lifted {
				t.Errorf("after %d steps: %+v", done, plan)
			}
			lives(t, dir, plan, want)
		}
	}
}

func TestAPlanChangesNothing(t *testing.T) {
	dir, want := left(t, past{entries: 300, snapshot: 200, dropped: 150})
	for range 2 {
		r, err := recoveryOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		must(t, r.Close())
	}
	folder, err := open(t, FolderConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if folder.Cluster != ClusterID(three()) || !slices.Equal(folder.Members, three()) {
		t.Errorf("%s, %v", folder.Cluster, folder.Members)
	}
	term, err := folder.Stable.GetUint64([]byte(keyCurrentTerm))
	if err != nil || term != oldTerm {
		t.Errorf("term %d, %v", term, err)
	}
	h, err := replay(folder.store, folder.Snaps, dir)
	if err != nil || h.snapshot.Index != 200 || h.index != 301 || !bytes.Equal(encoded(t, h.view.state), encoded(t, want)) {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestWhatCannotBeRecoveredIsRefused(t *testing.T) {
	snapshots := func(dir string) []string {
		all, err := filepath.Glob(filepath.Join(dir, guard.SnapshotDir, "*"))
		must(t, err)
		slices.Sort(all)
		return all
	}
	flip := func(path string) {
		b, err := os.ReadFile(path)
		must(t, err)
		b[len(b)/2] ^= 1
		must(t, os.WriteFile(path, b, 0o600))
	}
	inLog := func(dir string, do func(*guard.Store) error) {
		s, err := guard.OpenStore(dir, guard.Identity{})
		must(t, err)
		must(t, do(s))
		must(t, s.Close())
	}
	for name, c := range map[string]struct {
		past  past
		spoil func(dir string)
		says  string
	}{
		"a folder of nobody":  {past{entries: 5}, func(dir string) { must(t, os.Remove(filepath.Join(dir, guard.IdentityFile))) }, "is not the data folder of a member"},
		"the log is gone":     {past{entries: 5}, func(dir string) { must(t, os.Remove(filepath.Join(dir, guard.BoltFile))) }, "missing or empty"},
		"an entry is damaged": {past{entries: 5}, func(dir string) { inLog(dir, func(s *guard.Store) error { return s.StoreLog(damagedEntry(t, 4)) }) }, "entry 4"},
		"a later version's entry": {past{entries: 5}, func(dir string) {
			inLog(dir, func(s *guard.Store) error { return s.StoreLog(entryOf(7, oldTerm, oldTerm, begunAt, []byte{200})) })
		}, ErrTooOld.Error()},
		"entries are missing":        {past{entries: 9}, func(dir string) { inLog(dir, func(s *guard.Store) error { return s.DeleteRange(4, 5) }) }, "entry 4"},
		"the log's beginning":        {past{entries: 9}, func(dir string) { inLog(dir, func(s *guard.Store) error { return s.DeleteRange(1, 5) }) }, "begins at 6"},
		"the snapshot is damaged":    {past{entries: 99, snapshot: 50, dropped: 20}, func(dir string) { flip(filepath.Join(snapshots(dir)[0], "state.bin")) }, "cannot be read"},
		"the snapshot has no head":   {past{entries: 99, snapshot: 50, dropped: 20}, func(dir string) { must(t, os.Remove(filepath.Join(snapshots(dir)[0], "meta.json"))) }, "cannot be read"},
		"the older one goes too far": {past{entries: 99, snapshot: 50, second: 80, dropped: 60}, func(dir string) { flip(filepath.Join(snapshots(dir)[1], "state.bin")) }, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := left(t, c.past)
			c.spoil(dir)
			if r, err := recoveryOf(dir); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v; want an error that says %q", r, err, c.says)
			}
		})
	}
}

// damagedEntry is an entry whose checksum is not that of its bytes.
func damagedEntry(t *testing.T, i uint64) *raft.Log {
	l := puts(t, i, oldTerm)
	l.Data[len(l.Data)-1] ^= 1
	return l
}

// A restore that was on its way through the log when the others were lost is as if it had never begun.
func TestHalfARestoreIsLeftOut(t *testing.T) {
	dir, want := left(t, past{entries: 50})
	s, err := guard.OpenStore(dir, guard.Identity{})
	must(t, err)
	id := command.RestoreID{1}
	for i, step := range []command.RestoreStep{{Kind: command.RestoreBegin, ID: id}, {Kind: command.RestorePiece, ID: id, Data: "the beginning of a state"}} {
		c := command.Command{Origin: 3, Seq: uint64(100 + i), Restore: &step}
		must(t, s.StoreLog(entryOf(uint64(52+i), oldTerm, oldTerm, begunAt+60, c.Append(nil))))
	}
	must(t, s.Close())
	plan := recovered(t, dir)
	if plan.LastIndex != 53 || plan.Zxid != want.Zxid {
		t.Errorf("%+v", plan)
	}
	lives(t, dir, plan, want)
}

func TestAnOlderSnapshotWillDoWhileTheLogGoesOnFromIt(t *testing.T) {
	dir, want := left(t, past{entries: 300, snapshot: 100, second: 200, dropped: 50})
	newest, err := filepath.Glob(filepath.Join(dir, guard.SnapshotDir, "*-200-*", "state.bin"))
	if err != nil || len(newest) != 1 {
		t.Fatal(newest, err)
	}
	must(t, os.Truncate(newest[0], 10))
	plan := recovered(t, dir)
	if plan.Zxid != want.Zxid {
		t.Errorf("%+v", plan)
	}
	lives(t, dir, plan, want)
}

func TestNobodyRecoversARunningMember(t *testing.T) {
	dir, _ := left(t, past{entries: 5})
	folder, err := open(t, FolderConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	var refused *guard.StoreError
	if _, err := recoveryOf(dir); !errors.As(err, &refused) || refused.Reason != guard.ReasonLocked {
		t.Errorf("%v", err)
	}
}

func TestHowFarTheZxidIsLifted(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		last int64 // ms before now; negative: after it
		want znode.Zxid
	}{
		{0, RecoveryLift},
		{999, RecoveryLift},
		{1000, RecoveryLift + RecoveryLiftPerSecond},
		{day.Milliseconds(), RecoveryLift + 24*3600*RecoveryLiftPerSecond},
		{-day.Milliseconds(), RecoveryLift},
		{100 * 365 * day.Milliseconds(), maxRecoveryLift},
	} {
		now := time.UnixMilli(begunAt * 3)
		r := &Recovery{cfg: RecoverConfig{Now: func() time.Time { return now }}}
		if got := r.lift(&znode.State{Zxid: 7, Time: now.UnixMilli() - c.last}); got != 7+c.want {
			t.Errorf("last seen %d ms ago: lifted to %d, want %d", c.last, got, 7+c.want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
