package raftfsm

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/guard"
	"holt/raftfsm/znode"
)

const (
	// RecoveryLift is how far a recovery lifts the zxid at least, and RecoveryLiftPerSecond for each second since the last transaction the
	// member knows of: more than a cluster carries out. So no zxid of a transaction that was acknowledged and is lost is given again.
	RecoveryLift          = 1_000_000
	RecoveryLiftPerSecond = 200_000
	// maxRecoveryLift bounds it, should the clock be wrong.
	maxRecoveryLift = 1 << 48
)

// keyCurrentTerm is where raft keeps its term.
const keyCurrentTerm = "CurrentTerm"

// RecoverConfig is what OpenRecovery needs.
type RecoverConfig struct {
	// Dir is the data folder of a member that does not run.
	Dir string
	// Now is the wall clock. Default time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// RecoveryPlan is what a recovery finds and what it would do.
type RecoveryPlan struct {
	Self    Member   // the member, which is to be the whole cluster
	Members []Member // of the old cluster, as far as this member knows; a name alone is all that is known of some
	// Voter says whether the member had a vote in it.
	Voter            bool
	Cluster, Renamed string // the id of the old and that of the new cluster
	// LastIndex and LastTerm are those of the last entry the member holds, be it committed or not. Stale is how many entries behind it are
	// left out, since a snapshot the member was sent shows that they were never committed.
	LastIndex, LastTerm uint64
	Stale               uint64
	Zxid, Lifted        znode.Zxid // now, and afterwards
	Time                int64      // of the last transaction, ms since the Unix epoch
	Znodes, Sessions    int
	// Resumed says that the state was recovered before, by a recovery that was not finished.
	Resumed bool
}

// Recovery makes the member of a folder the only one of a new cluster, with the state it holds. It is for a cluster that has lost its
// majority for good: whatever this member had not received is lost. It holds the folder's lock until Close.
//
// The state is written as a snapshot beyond all the folder's log, of a term of its own, with a configuration of this member alone. Nothing
// in the folder is taken away before that is durable, and the folder is noted as one in recovery until all is done.
type Recovery struct {
	cfg   RecoverConfig
	store *guard.Store
	snaps *raft.FileSnapshotStore
	plan  RecoveryPlan
	view  *view // what becomes the snapshot
	index uint64
	term  uint64
}

// OpenRecovery opens a folder and finds out what a recovery comes to, without changing it. A folder that is locked or not whole is
// refused with a *guard.StoreError.
func OpenRecovery(cfg RecoverConfig) (*Recovery, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	store, err := guard.OpenToRecover(cfg.Dir)
	if err != nil {
		return nil, err
	}
	r := &Recovery{cfg: cfg, store: store}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return r, nil
}

// Plan is what Run will do.
func (r *Recovery) Plan() RecoveryPlan { return r.plan }

// Close lets go of the folder.
func (r *Recovery) Close() error { return r.store.Close() }

func (r *Recovery) open() error {
	quiet := slog.New(slog.DiscardHandler) // what the library says of its steps
	var err error
	if r.snaps, err = raft.NewFileSnapshotStoreWithLogger(r.cfg.Dir, snapshotsKept, raftLogger(quiet)); err != nil {
		return fmt.Errorf("opening the snapshots: %w", err)
	}
	held, err := replay(r.store, r.snaps, r.cfg.Dir)
	if err != nil {
		return err
	}
	id := r.store.Identity
	p := &r.plan
	p.Cluster, p.Renamed = id.Cluster, newClusterID()
	p.LastIndex, p.LastTerm, p.Stale = held.index, held.term, held.stale
	if err := r.findSelf(held.configuration); err != nil {
		return err
	}
	state := held.view.state
	p.Zxid, p.Lifted, p.Time = state.Zxid, r.lift(state), state.Time
	if begun := id.Recovery; begun != nil {
		p.Renamed = begun.Cluster
		if p.Resumed = held.snapshot.Index == begun.Index && held.snapshot.Term == begun.Term; p.Resumed {
			p.Lifted = state.Zxid
			r.index, r.term = begun.Index, begun.Term
		}
	}
	p.Znodes, p.Sessions = state.Tree.Len(), state.Sessions.Len()
	if p.Resumed {
		return nil
	}
	current, err := r.store.GetUint64([]byte(keyCurrentTerm))
	if err != nil && err.Error() != "not found" { // raft's own test for it
		return fmt.Errorf("reading the term: %w", err)
	}
	r.index, r.term = held.last+1, max(current, held.term)+1
	r.view = &view{index: r.index, term: r.term, state: state.Lift(p.Lifted)}
	return nil
}

// lift is the zxid the new cluster begins with.
func (r *Recovery) lift(s *znode.State) znode.Zxid {
	away := max(0, r.cfg.Now().UnixMilli()-s.Time) / 1000
	if s.Time == 0 {
		away = 0 // nothing ever happened
	}
	return s.Zxid + min(RecoveryLift+znode.Zxid(away)*RecoveryLiftPerSecond, maxRecoveryLift)
}

// findSelf finds the member in its last configuration, or in the list the folder began with.
func (r *Recovery) findSelf(conf raft.Configuration) error {
	name := r.store.Identity.Name
	var listed []Member // none in the folder of one that joined: its address has all
	if err := readJSON(filepath.Join(r.cfg.Dir, MembersFile), &listed); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	byName := make(map[string]Member)
	for _, m := range listed {
		byName[m.Name] = m
	}
	p := &r.plan
	for _, s := range conf.Servers {
		m := memberOf(s, byName[string(s.ID)].URL)
		if p.Members = append(p.Members, m); m.Name == name {
			p.Self, p.Voter = m, s.Suffrage == raft.Voter
		}
	}
	if p.Self.Name == "" {
		p.Self = byName[name]
	}
	if p.Self.Name == "" {
		return fmt.Errorf("the folder of member %q does not know its address: neither its log nor %s has it", name, MembersFile)
	}
	return nil
}

// memberOf is a server of raft's configuration; url is that of one whose address does not hold it.
func memberOf(s raft.Server, url string) Member {
	a := parseAddress(s.Address)
	return Member{Name: string(s.ID), RaftAddr: a.Addr, URL: cmp.Or(a.URL, url)}
}

// newClusterID draws the id of a new cluster.
func newClusterID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Run recovers. Wherever it is cut short, the folder is either as it was or refused by OpenFolder until a recovery finishes it.
func (r *Recovery) Run() error {
	for _, s := range r.steps() {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		r.cfg.Logger.Debug("recovery: " + s.what)
	}
	return nil
}

// step is one part of a recovery. Each can be done again.
type step struct {
	what string
	do   func() error
}

func (r *Recovery) steps() []step {
	return []step{
		{"noting that a recovery was begun", func() error {
			return r.store.BeginRecovery(guard.Recovery{Cluster: r.plan.Renamed, Index: r.index, Term: r.term})
		}},
		{"raising the term", r.raiseTerm},
		{"writing the state", r.writeState},
		{"dropping the log", r.dropLog},
		{"dropping older snapshots", r.dropSnapshots},
		{"granting it its vote", func() error { return r.store.Set(keyCaughtUp, []byte{1}) }},
		{"writing the list of members", r.writeList},
		{"ending the recovery", r.store.EndRecovery},
	}
}

func (r *Recovery) raiseTerm() error {
	current, err := r.store.GetUint64([]byte(keyCurrentTerm))
	if err == nil && current >= r.term {
		return nil
	}
	return r.store.SetUint64([]byte(keyCurrentTerm), r.term)
}

func (r *Recovery) writeState() error {
	if r.view == nil {
		return nil // done before
	}
	if _, err := guard.ReapTmp(filepath.Join(r.cfg.Dir, guard.SnapshotDir)); err != nil {
		return err
	}
	self := raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(r.plan.Self.Name), Address: raft.ServerAddress(r.plan.Self.RaftAddr)}
	_, trans := raft.NewInmemTransport(self.Address) // which the library wants, for how addresses are written
	sink, err := r.snaps.Create(1, r.index, r.term, raft.Configuration{Servers: []raft.Server{self}}, r.index, trans)
	if err != nil {
		return err
	}
	if err := writeSnapshot(sink, r.view); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (r *Recovery) dropLog() error {
	for {
		first, err := r.store.FirstIndex()
		if err != nil || first == 0 {
			return err
		}
		last, err := r.store.LastIndex()
		if err != nil {
			return err
		}
		if err := r.store.DeleteRange(first, min(last, first+guard.DeleteChunk-1)); err != nil {
			return err
		}
	}
}

// dropSnapshots deletes all but the one the new cluster begins with: what they go on from is gone.
func (r *Recovery) dropSnapshots() error {
	dir := filepath.Join(r.cfg.Dir, guard.SnapshotDir)
	names, err := snapshotNames(dir)
	if err != nil {
		return err
	}
	kept := 0
	for _, n := range names {
		if n.index == r.index && n.term == r.term {
			kept++
		}
	}
	if kept == 0 {
		return fmt.Errorf("the recovered state is not in %s", dir)
	}
	for _, n := range names {
		if n.index == r.index && n.term == r.term {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, n.name)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recovery) writeList() error {
	if err := writeJSON(filepath.Join(r.cfg.Dir, MembersFile), []Member{r.plan.Self}); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(r.cfg.Dir, JoinFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dir, err := os.Open(r.cfg.Dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// snapshotName is what the library calls a snapshot.
type snapshotName struct {
	name        string
	term, index uint64
}

// snapshotNames are the snapshots in a folder, readable or not, without unfinished ones.
func snapshotNames(dir string) ([]snapshotName, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []snapshotName
	for _, e := range entries {
		fields := strings.Split(e.Name(), "-") // an unfinished one has more to its last
		if len(fields) != 3 {
			continue
		}
		term, err1 := strconv.ParseUint(fields[0], 10, 64)
		index, err2 := strconv.ParseUint(fields[1], 10, 64)
		_, err3 := strconv.ParseUint(fields[2], 10, 64)
		if errors.Join(err1, err2, err3) == nil {
			names = append(names, snapshotName{e.Name(), term, index})
		}
	}
	return names, nil
}
