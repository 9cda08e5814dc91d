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

// MembersFile, in a member's folder, has the list the cluster started from.
const MembersFile = "members.json"

// snapshotsKept is how many snapshots stay on disk.
const snapshotsKept = 2

// Folder is a member's open data folder.
type Folder struct {
	Storage
	Dir     string
	Name    string
	Cluster string
	Members []Member
	store   *guard.Store
}

// FolderConfig is what OpenFolder needs.
type FolderConfig struct {
	Dir string
	// Name of the member; "" means whoever lives there already.
	Name string
	// Members are the list for the first start; on later ones the stored list counts.
	Members []Member
	Logger  *slog.Logger
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
	if !lived {
		if err := ValidateMembers(cfg.Members); err != nil {
			return nil, err
		}
		want.Cluster = ClusterID(cfg.Members)
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

func (f *Folder) open(cfg FolderConfig) (err error) {
	if f.Members, err = keepMembers(filepath.Join(f.Dir, MembersFile), cfg.Members); err != nil {
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
func keepMembers(path string, first []Member) ([]Member, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := ValidateMembers(first); err != nil {
			return nil, fmt.Errorf("%s is missing: %w", path, err)
		}
		return first, writeMembers(path, first)
	}
	if err != nil {
		return nil, err
	}
	var ms []Member
	if err := json.Unmarshal(b, &ms); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ms, ValidateMembers(ms)
}

// writeMembers puts the file in its place whole or not at all.
func writeMembers(path string, ms []Member) error {
	b, err := json.MarshalIndent(ms, "", "  ")
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
