package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// identityVersion is the format of the identity file this package writes and the only one it reads.
const identityVersion = 1

// maxIdentityBytes bounds what is read of an identity file.
const maxIdentityBytes = 64 << 10

// Identity says whose folder it is.
type Identity struct {
	Cluster string // the cluster, alike on all its members
	Name    string // the member, raft's server id
	Store   string // hex; drawn when the folder was made, and kept in raft.db too. Callers leave it empty
	// Recovery is that of the folder which was begun and not finished, nil almost always. Callers leave it empty.
	Recovery *Recovery
}

// identityFile is Identity as it lies on disk.
type identityFile struct {
	Version int    `json:"version"`
	Cluster string `json:"cluster"`
	Name    string `json:"name"`
	Store   string `json:"store"`

	Recovery *Recovery `json:"recovery,omitempty"`
}

// readIdentity reads the identity file at path; nil when there is none.
func readIdentity(path string) (*Identity, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	if len(b) > maxIdentityBytes {
		return nil, refuse(ReasonDamaged, path, nil, "identity file of %d bytes", len(b))
	}
	var f identityFile
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, refuse(ReasonDamaged, path, err, "identity file cannot be read")
	}
	if f.Version != identityVersion || f.Cluster == "" || f.Name == "" || f.Store == "" {
		return nil, refuse(ReasonDamaged, path, nil, "identity file is of version %d or lacks a field", f.Version)
	}
	if r := f.Recovery; r != nil && (r.Cluster == "" || r.Index == 0 || r.Term == 0) {
		return nil, refuse(ReasonDamaged, path, nil, "identity file has half a recovery")
	}
	return &Identity{Cluster: f.Cluster, Name: f.Name, Store: f.Store, Recovery: f.Recovery}, nil
}

// writeIdentity puts the identity file at path, whole or not at all, and returns when it is durable.
func writeIdentity(path string, id Identity) error {
	b, err := json.MarshalIndent(identityFile{identityVersion, id.Cluster, id.Name, id.Store, id.Recovery}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	tmp := path + tmpSuffix
	if err := writeSynced(tmp, append(b, '\n')); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync folder: %w", err), f.Close())
	}
	return f.Close()
}
