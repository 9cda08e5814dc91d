package command

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxPieceBytes bounds a piece of a state on its way through the log. Two fit into an entry, with room for others' commands beside one.
const MaxPieceBytes = 240 << 10

// RestoreID names one attempt to restore: random, new with each.
type RestoreID [16]byte

// RestoreStep is one step of replacing the state by another, which goes through the log in pieces like any command. Members gather the
// pieces beside the state they serve; the last step puts what they came to in its place, in the middle of the log and on all alike.
//
// An attempt belongs to the term of its first step: a step in a later one is refused, and the attempt is over.
type RestoreStep struct {
	Kind RestoreKind
	ID   RestoreID
	// Number is that of a piece, the first being 0; of RestoreEnd, how many there were.
	Number uint64
	// Replace, of RestoreEnd, allows that there are znodes besides the root.
	Replace bool
	// Data, of RestorePiece, is the next bytes of the state, encoded and compressed.
	Data string
}

// RestoreKind is which step it is.
type RestoreKind uint8

// The steps.
const (
	RestoreBegin RestoreKind = iota + 1
	RestorePiece
	RestoreEnd   // puts the state in its place
	RestoreAbort // forgets the pieces
	restoreKinds // one more than the last
)

// How a restore can end besides in what a proposal can: nothing was done then.
var (
	// ErrRestoring: another restore is under way.
	ErrRestoring = fmt.Errorf("%w: another restore is under way", ErrThrottled)
	// ErrNotEmpty: there are znodes, and the restore was not told to replace them.
	ErrNotEmpty = errors.New("the tree is not empty")
	// ErrUnreadable: the members could not read the state, or it cannot be one to go on from.
	ErrUnreadable = errors.New("the members cannot read that state")
	// ErrOldMember: a member's program is too old to take part.
	ErrOldMember = errors.New("a member's program is too old to take part in a restore")
)

const restoreReplace = 1 // the flag of Replace

func (s *RestoreStep) validate() error {
	piece := s.Kind == RestorePiece
	switch {
	case s.Kind == 0 || s.Kind >= restoreKinds:
		return fmt.Errorf("step %d of a restore", s.Kind)
	case piece != (len(s.Data) > 0) || len(s.Data) > MaxPieceBytes:
		return fmt.Errorf("%d bytes in step %d of a restore", len(s.Data), s.Kind)
	case s.Number > 0 && !piece && s.Kind != RestoreEnd, s.Replace && s.Kind != RestoreEnd:
		return fmt.Errorf("step %d of a restore says more than it may", s.Kind)
	}
	return nil
}

func (s *RestoreStep) append(b []byte) []byte {
	var flags byte
	if s.Replace {
		flags |= restoreReplace
	}
	b = append(b, byte(s.Kind), flags)
	b = append(b, s.ID[:]...)
	b = binary.AppendUvarint(b, s.Number)
	return appendString(b, s.Data)
}

func (s *RestoreStep) size() int {
	return 2 + len(s.ID) + 2*binary.MaxVarintLen64 + len(s.Data)
}

// restore reads a step.
func (r *reader) restore() *RestoreStep {
	s := &RestoreStep{Kind: RestoreKind(r.byte())}
	flags := r.byte()
	if flags > restoreReplace {
		r.bad = true
	}
	s.Replace = flags&restoreReplace != 0
	copy(s.ID[:], r.take(len(s.ID)))
	s.Number = r.num()
	s.Data = r.str()
	return s
}
