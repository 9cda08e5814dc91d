package raftfsm

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"

	"holt/raftfsm/command"
	"holt/raftfsm/guard"
)

// The files of this package in a member's folder.
const (
	// MembersFile has the list the cluster started from, in the folder of a member that was there then.
	MembersFile = "members.json"
	// JoinFile is in the folder of any other member instead: it never begins a cluster. It has what the member was told when it came.
	JoinFile = "join.json"
)

// maxMembersBytes bounds either.
const maxMembersBytes = 1 << 20

// Join is a cluster that a new member is to join.
type Join struct {
	Cluster string         `json:"cluster"` // its id
	Members []MemberStatus `json:"members"` // who is in it
}

// snapshotsKept is how many snapshots stay on disk.
const snapshotsKept = 2

// Folder is a member's open data folder.
type Folder struct {
	Storage
	Dir     string
	Name    string
	Cluster string
	Members []Member // see Config
	Joined  bool     // see Config
	store   *guard.Store
}

// FolderConfig is what OpenFolder needs.
type FolderConfig struct {
	Dir string
	// Name of the member; "" means whoever lives there already.
	Name string
	// Members are the list for the first start; on later ones the stored list counts.
	Members []Member
	// Join, on the first start, has the member join a cluster instead of beginning one with Members. On later ones it is not needed;
	// the id, if it is given, must be the folder's.
	Join   *Join
	Logger *slog.Logger
	// Fatal is called with the first error after which the disk cannot be trusted. It should end the process.
	Fatal func(error)
	// ObserveAppend is told how long each write to the log took. May be nil.
	ObserveAppend func(took time.Duration, entries, bytes int)
}

// Lived says whether a member has ever started in the folder.
func Lived(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, guard.IdentityFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// OpenFolder opens a member's folder or makes a new one. Whatever is not that member's, or not whole, is refused with a
// *guard.StoreError that says what to do.
func OpenFolder(cfg FolderConfig) (*Folder, error) {
	lived, err := Lived(cfg.Dir)
	if err != nil {
		return nil, err
	}
	want := guard.Identity{Name: cfg.Name}
	if cfg.Join != nil {
		want.Cluster = cfg.Join.Cluster
	}
	if !lived {
		if err := firstStart(cfg, &want); err != nil {
			return nil, err
		}
	}
	store, err := guard.OpenStore(cfg.Dir, want)
	if err != nil {
		return nil, err
	}
	f := &Folder{Dir: cfg.Dir, Name: store.Identity.Name, Cluster: store.Identity.Cluster, store: store}
	if err := f.open(cfg); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return f, nil
}

// firstStart does what must be done before the folder has an identity, from when on it is never asked again how it came to be.
func firstStart(cfg FolderConfig, want *guard.Identity) error {
	path := filepath.Join(cfg.Dir, JoinFile)
	if cfg.Join == nil {
		if err := ValidateMembers(cfg.Members); err != nil {
			return err
		}
		if want.Cluster = ClusterID(cfg.Members); len(cfg.Members) == 1 {
			// Nobody else needs to come to the same. And should this be the first of a cluster that grew since, and its folder be
			// lost, the others must not take it for theirs: what it acknowledges from now on would end when they do.
			want.Cluster = newClusterID()
		}
		if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
			return err // nil, too: of a start that came to nothing
		}
		return nil
	}
	if err := cfg.Join.check(cfg.Name); err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return writeJSON(path, cfg.Join)
}

// check refuses to join as one who is there already and votes: a voter that lost its folder has forgotten what it acknowledged and whom
// it voted for, and must not go on as if it were the same.
func (j *Join) check(name string) error {
	if j.Cluster == "" {
		return errors.New("the id of the cluster to join is not known")
	}
	for _, m := range j.Members {
		if m.Name == name && m.Voter {
			return fmt.Errorf("member %q votes in the cluster already, and this folder is new: if the member has lost its folder, remove it from the cluster first (holt cluster remove %s)", name, name)
		}
	}
	return ValidateMembers(j.list())
}

// list is the members without what changes.
func (j *Join) list() (ms []Member) {
	for _, m := range j.Members {
		ms = append(ms, m.Member)
	}
	return ms
}

// keepList reads the list of members the folder has, or writes it on the first start.
func (f *Folder) keepList(first []Member) (err error) {
	var j Join
	switch err := readJSON(filepath.Join(f.Dir, JoinFile), &j); {
	case err == nil:
		f.Joined, f.Members = true, j.list()
		return ValidateMembers(f.Members)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	f.Members, err = keepMembers(filepath.Join(f.Dir, MembersFile), first)
	return err
}

func (f *Folder) open(cfg FolderConfig) (err error) {
	if err := f.keepList(cfg.Members); err != nil {
		return err
	}
	f.Stall = &guard.Stall{}
	logs, stable, err := guard.NewStores(guard.Config{
		Raw: f.store, Stall: f.Stall, Fatal: cfg.Fatal, CheckEntry: checkEntry, Observe: cfg.ObserveAppend,
	})
	if err != nil {
		return err
	}
	reaped, err := guard.ReapTmp(filepath.Join(f.Dir, guard.SnapshotDir))
	if err != nil {
		return err
	}
	for _, path := range reaped {
		cfg.Logger.Info("removed a snapshot that a crash left unfinished", "file", path)
	}
	files, err := raft.NewFileSnapshotStoreWithLogger(f.Dir, snapshotsKept, raftLogger(cfg.Logger))
	if err != nil {
		return fmt.Errorf("opening the snapshots: %w", err)
	}
	snaps, err := guard.NewSnaps(files, logs)
	if err != nil {
		return err
	}
	f.Logs, f.Stable, f.Snaps = logs, stable, snaps
	return nil
}

// checkEntry judges an entry read from disk.
func checkEntry(l *raft.Log) error {
	if l.Type != raft.LogCommand {
		return nil
	}
	return command.CheckEntry(l.Data)
}

// keepMembers reads the list of members, or writes it where there is none yet.
func keepMembers(path string, first []Member) (ms []Member, err error) {
	err = readJSON(path, &ms)
	if errors.Is(err, os.ErrNotExist) {
		if err := ValidateMembers(first); err != nil {
			return nil, fmt.Errorf("%s is missing: %w", path, err)
		}
		return first, writeMembers(path, first)
	}
	if err != nil {
		return nil, err
	}
	return ms, ValidateMembers(ms)
}

func writeMembers(path string, ms []Member) error { return writeJSON(path, ms) }

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(b) > maxMembersBytes {
		return fmt.Errorf("%s has %d bytes, the limit is %d", path, len(b), maxMembersBytes)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON puts the file in its place whole or not at all.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// FreeBytes is the room left on the folder's disk.
func (f *Folder) FreeBytes() (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(f.Dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", f.Dir, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// Close closes the files, after the Node.
func (f *Folder) Close() error { return f.store.Close() }
