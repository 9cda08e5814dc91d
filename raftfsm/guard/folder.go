package guard

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// The names in a member's folder.
const (
	// BoltFile holds raft's log, term and vote.
	BoltFile = "raft.db"
	// IdentityFile says whose folder it is.
	IdentityFile = "identity.json"
	// SnapshotDir is where raft.FileSnapshotStore, given the member's folder, keeps snapshots.
	SnapshotDir = "snapshots"
)

// keyStore is the key in raft.db that ties it to the identity file.
const keyStore = "HoltStore"

// storeIDBytes is how many random bytes tell one folder from another.
const storeIDBytes = 16

// Store is a member's open folder. It is a Raw.
type Store struct {
	*raftboltdb.BoltStore
	// Identity is the one on disk, all fields filled.
	Identity Identity

	dir string
}

// OpenStore opens the folder of a member and makes sure that it is that member's and whole; a refusal is a *StoreError. Where nobody lived
// yet, it moves in: want must then have a name and a cluster. Later either may be empty, for "whoever lives here".
//
// What it is for: bolt takes an empty file for a new store. A member so reborn has forgotten its vote and may give another.
// What it cannot see: an older copy of the whole folder put in place.
func OpenStore(dir string, want Identity) (*Store, error) {
	have, err := readIdentity(filepath.Join(dir, IdentityFile))
	if err != nil {
		return nil, err
	}
	if have == nil {
		return moveIn(dir, want)
	}
	return comeHome(dir, *have, want)
}

// comeHome opens a folder that has an identity, unless another is wanted.
func comeHome(dir string, have, want Identity) (*Store, error) {
	idPath := filepath.Join(dir, IdentityFile)
	if want.Name != "" && want.Name != have.Name {
		return nil, refuse(ReasonName, idPath, nil, "folder belongs to member %q, not %q", have.Name, want.Name)
	}
	if want.Cluster != "" && want.Cluster != have.Cluster {
		return nil, refuse(ReasonCluster, idPath, nil, "folder belongs to a member of cluster %q, not %q", have.Cluster, want.Cluster)
	}
	if have.Recovery != nil {
		return nil, refuse(ReasonRecovery, idPath, nil, "a recovery of member %q was begun and not finished", have.Name)
	}
	return openLived(dir, have)
}

// openLived opens a folder that has an identity.
func openLived(dir string, have Identity) (*Store, error) {
	dbPath := filepath.Join(dir, BoltFile)
	size, err := fileSize(dbPath)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, refuse(ReasonAmnesia, dbPath, nil, "missing or empty, but member %q lived here and may have voted", have.Name)
	}
	if err := checkMeta(dbPath); err != nil {
		return nil, err
	}
	db, err := OpenBolt(dbPath)
	if err != nil {
		return nil, err
	}
	id, err := db.Get([]byte(keyStore))
	switch {
	case err != nil && !errors.Is(err, raftboltdb.ErrKeyNotFound):
		return nil, errors.Join(fmt.Errorf("read store id: %w", err), db.Close())
	case string(id) != have.Store:
		return nil, errors.Join(refuse(ReasonForeign, dbPath, nil, "does not belong to the identity file beside it"), db.Close())
	}
	return &Store{BoltStore: db, Identity: have, dir: dir}, nil
}

// moveIn makes a folder a member's. raft.db becomes durable first, then the identity: a crash between leaves a raft.db that was
// never used, which the next start takes over. So an identity without a raft.db always means loss.
func moveIn(dir string, want Identity) (*Store, error) {
	if want.Name == "" || want.Cluster == "" {
		return nil, fmt.Errorf("folder %s is new: a member's name and cluster are needed", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	dbPath := filepath.Join(dir, BoltFile)
	if err := refuseRemains(dir, dbPath); err != nil {
		return nil, err
	}
	db, err := OpenBolt(dbPath)
	if err != nil {
		return nil, err
	}
	id, err := settle(dir, db, want)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{BoltStore: db, Identity: id, dir: dir}, nil
}

// refuseRemains refuses a folder without an identity in which somebody lived all the same, as far as it shows from outside.
func refuseRemains(dir, dbPath string) error {
	snapshots, err := os.ReadDir(filepath.Join(dir, SnapshotDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look for snapshots: %w", err)
	}
	if len(snapshots) > 0 {
		return refuse(ReasonForeign, filepath.Join(dir, SnapshotDir), nil, "snapshots without an identity file beside them")
	}
	size, err := fileSize(dbPath)
	if err != nil || size == 0 {
		return err
	}
	return checkMeta(dbPath)
}

// settle writes the identity into a folder whose raft.db is open, and so locked.
func settle(dir string, db *raftboltdb.BoltStore, want Identity) (Identity, error) {
	idPath := filepath.Join(dir, IdentityFile)
	other, err := readIdentity(idPath)
	if err != nil {
		return Identity{}, err
	}
	if other != nil {
		return Identity{}, refuse(ReasonLocked, dir, nil, "another holt moved in at the same moment")
	}
	lived, err := used(db)
	if err != nil {
		return Identity{}, fmt.Errorf("look into raft.db: %w", err)
	}
	if lived {
		return Identity{}, refuse(ReasonForeign, filepath.Join(dir, BoltFile), nil, "has been in use, but no identity file says by whom")
	}
	random := make([]byte, storeIDBytes)
	if _, err := rand.Read(random); err != nil {
		return Identity{}, fmt.Errorf("draw store id: %w", err)
	}
	want.Store = hex.EncodeToString(random)
	if err := db.Set([]byte(keyStore), []byte(want.Store)); err != nil {
		return Identity{}, fmt.Errorf("write store id: %w", err)
	}
	if err := errors.Join(syncDir(dir), syncDir(filepath.Dir(dir))); err != nil {
		return Identity{}, err
	}
	return want, writeIdentity(idPath, want)
}

// fileSize is the size of the file at path in bytes, 0 when there is none.
func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for %s: %w", path, err)
	}
	return info.Size(), nil
}
