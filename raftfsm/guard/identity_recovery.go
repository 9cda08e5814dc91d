package guard

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Recovery is what a recovery of a folder comes to: its member alone becomes a cluster of its own. It is noted in the identity file
// before anything else in the folder changes and taken out after everything has, so that a folder in between is known for one.
type Recovery struct {
	// Cluster is the id of the new cluster.
	Cluster string `json:"cluster"`
	// Index and Term are those of the snapshot the new cluster begins with.
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
}

// OpenToRecover opens the folder of whoever lives in it, also where a recovery was begun and not finished. Of damage it judges what
// OpenStore does.
func OpenToRecover(dir string) (*Store, error) {
	have, err := readIdentity(filepath.Join(dir, IdentityFile))
	if err != nil {
		return nil, err
	}
	if have == nil {
		return nil, fmt.Errorf("%s is not the data folder of a member: there is no %s in it", dir, IdentityFile)
	}
	return openLived(dir, *have)
}

// BeginRecovery notes what the recovery comes to and returns when the note is durable. Until EndRecovery nobody but OpenToRecover opens
// the folder. It may be called again with another note.
func (s *Store) BeginRecovery(r Recovery) error {
	if r.Cluster == "" || r.Index == 0 || r.Term == 0 {
		return errors.New("begin recovery: a cluster, an index and a term are needed")
	}
	id := s.Identity
	id.Recovery = &r
	return s.identify(id)
}

// EndRecovery makes the folder that of a member of the new cluster, durably.
func (s *Store) EndRecovery() error {
	r := s.Identity.Recovery
	if r == nil {
		return errors.New("end recovery: none was begun")
	}
	id := s.Identity
	id.Cluster, id.Recovery = r.Cluster, nil
	return s.identify(id)
}

// identify replaces the identity file.
func (s *Store) identify(id Identity) error {
	if err := writeIdentity(filepath.Join(s.dir, IdentityFile), id); err != nil {
		return err
	}
	s.Identity = id
	return nil
}
