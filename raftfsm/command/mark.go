package command

import (
	"encoding/binary"
	"errors"
	"fmt"

	"holt/raftfsm/znode"
)

// LogVersion is the newest version of what may stand in the log that this program reads; it reads all before it. Version 1 had
// transactions only, version 2 has Mark, Verdict and RestoreStep.
//
// A leader proposes what came with a version only once every member has said that it reads that.
const LogVersion = 2

// The commands that are about the log itself and not about the tree. Each is told from the others by its first byte.
const (
	KindMark    = 4
	KindVerdict = 5
)

// versions says with which version of the log each kind of command came.
var versions = [...]uint8{kindTxn: 1, kindSessionTxn: 1, kindBatch: 1, KindMark: 2, KindVerdict: 2, 6: 2} // 6 is a step of a restore

// ErrTooNew is wrapped where a whole entry holds what only a later version of the program reads.
var ErrTooNew = errors.New("the log is of a later version of holt")

// KindOf is the kind of an encoded command and the version of the log it came with, or ErrTooNew if whoever reads this version of the log
// and those before it does not know it.
func KindOf(b []byte, version uint8) (kind byte, since uint8, err error) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0, malformed("it has no kind")
	}
	if k := b[0]; int(k) < len(versions) && versions[k] <= version {
		return k, versions[k], nil
	}
	return 0, 0, fmt.Errorf("%w: a command of kind %d, this member reads version %d", ErrTooNew, b[0], version)
}

// Mark asks every member to note the digest of its state at this place of the log.
type Mark struct {
	Version uint8 // of the digest; a member that knows another notes nothing
}

// Verdict says which digest a majority of the voters noted at a mark. A member that noted another one has gone wrong.
type Verdict struct {
	Version uint8 // of the digest
	Index   uint64
	Zxid    znode.Zxid
	Digest  znode.Digest
}

// Append encodes m behind b: the kind, the version of the digest.
func (m Mark) Append(b []byte) []byte { return append(b, KindMark, m.Version) }

// Decode reads a mark, all of b.
func (m *Mark) Decode(b []byte) error {
	r := reader{b: b}
	if k := r.byte(); k != KindMark {
		return malformed("kind %d where a mark belongs", k)
	}
	m.Version = r.byte()
	return r.end()
}

// Append encodes v behind b: the kind, the version of the digest, index and zxid as uvarints, the digest in 8 bytes, low byte first.
func (v *Verdict) Append(b []byte) []byte {
	b = append(b, KindVerdict, v.Version)
	b = binary.AppendUvarint(b, v.Index)
	b = binary.AppendUvarint(b, uint64(v.Zxid))
	return binary.LittleEndian.AppendUint64(b, uint64(v.Digest))
}

// Decode reads a verdict, all of b.
func (v *Verdict) Decode(b []byte) error {
	r := reader{b: b}
	if k := r.byte(); k != KindVerdict {
		return malformed("kind %d where a verdict belongs", k)
	}
	v.Version, v.Index, v.Zxid = r.byte(), r.num(), znode.Zxid(r.num())
	v.Digest = znode.Digest(r.uint64())
	return r.end()
}
