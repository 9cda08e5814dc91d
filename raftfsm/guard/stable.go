package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/hashicorp/raft"
)

// The keys under which raft keeps its vote, and ours.
const (
	keyVoteTerm      = "LastVoteTerm"
	keyVoteCandidate = "LastVoteCand"
	keyVote          = "HoltVote"
	keyCurrentTerm   = "CurrentTerm"
)

const (
	voteVersion  = 1
	voteOverhead = 1 + 8 + 4 // version, term, checksum
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Stable is the stable store raft gets. Its own task is #661.
//
// raft stores the term of its vote, then the candidate, in two transactions. A crash between leaves the new term beside the candidate of an
// older vote, and that candidate is then granted a "repeated" vote without a look at its log. Here the term waits in memory until the
// candidate arrives, and both are stored as one record.
type Stable struct {
	disk *disk

	mu      sync.Mutex // guards pending
	pending *uint64    // term of a vote whose candidate has not arrived yet
}

var _ raft.StableStore = (*Stable)(nil)

// SetUint64 stores a number durably, except the term of a vote: that is durable once the candidate is.
func (s *Stable) SetUint64(key []byte, val uint64) error {
	if string(key) != keyVoteTerm {
		return s.disk.SetUint64(key, val)
	}
	if err := s.disk.broken(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = &val
	return nil
}

// Set stores bytes durably; with the candidate of a vote goes its term.
func (s *Stable) Set(key, val []byte) error {
	if string(key) != keyVoteCandidate {
		return s.disk.Set(key, val)
	}
	s.mu.Lock()
	term := s.pending
	s.pending = nil
	s.mu.Unlock()
	if term == nil {
		return errors.New("candidate of a vote without its term")
	}
	return s.disk.Set([]byte(keyVote), encodeVote(*term, val))
}

// GetUint64 reads a number; an error with the text "not found" when it was never stored.
func (s *Stable) GetUint64(key []byte) (uint64, error) {
	if string(key) != keyVoteTerm {
		return s.disk.GetUint64(key)
	}
	term, _, err := s.vote()
	return term, err
}

// Get reads bytes; an error with the text "not found" when they were never stored.
func (s *Stable) Get(key []byte) ([]byte, error) {
	if string(key) != keyVoteCandidate {
		return s.disk.Get(key)
	}
	_, candidate, err := s.vote()
	return candidate, err
}

// vote reads the last durable vote. A damaged record is fatal: a member that forgot its vote may vote twice.
func (s *Stable) vote() (term uint64, candidate []byte, err error) {
	b, err := s.disk.Get([]byte(keyVote))
	if err != nil {
		return 0, nil, err
	}
	term, candidate, err = decodeVote(b)
	if err != nil {
		return 0, nil, s.disk.trip(err)
	}
	return term, candidate, nil
}

// encodeVote lays a vote out as version byte, term (8 bytes, big-endian), candidate, CRC32C (4 bytes, big-endian) of all before.
func encodeVote(term uint64, candidate []byte) []byte {
	b := make([]byte, 0, voteOverhead+len(candidate))
	b = append(b, voteVersion)
	b = binary.BigEndian.AppendUint64(b, term)
	b = append(b, candidate...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeVote(b []byte) (term uint64, candidate []byte, err error) {
	if len(b) < voteOverhead || b[0] != voteVersion {
		return 0, nil, fmt.Errorf("vote record of %d bytes is not one this version knows", len(b))
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return 0, nil, errors.New("vote record is damaged: checksum differs")
	}
	return binary.BigEndian.Uint64(body[1:9]), body[9:], nil
}
