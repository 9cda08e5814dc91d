package znode

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// DigestVersion says what goes into a Digest and how. Whoever changes that raises it: members compare digests of one version only.
const DigestVersion = 1

// Digest stands for a state: two members that applied the same transactions have the same one, and two states that differ have not,
// but for one chance in 2^64. It is no protection against somebody who wants two states to look alike.
//
// What goes in: zxid and time, every znode (path, data, all that is known about it), sessions alive and ended, their watches. The
// history and the kept outcomes do not: what an older program left of them may differ between members that are all right.
//
// Znodes and sessions are summed up, each hashed for itself, so that a change costs the hash of what was and of what is, whatever
// the size of the tree. The sums are in no snapshot: whoever reads one sums up what it finds.
type Digest uint64

// String is 16 hexadecimal digits.
func (d Digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }

// Digest is the state's, O(1).
func (s *State) Digest() Digest { return digest(s.Zxid, s.Time, s.Tree, s.Sessions) }

// Digest is that of State, without making one.
func (m *Machine) Digest() Digest { return digest(m.zxid, m.time, m.tree, m.sessions) }

func digest(z Zxid, time int64, t *Tree, s *Sessions) Digest {
	var h hashing
	h.add(uint64(z), uint64(time), uint64(t.Len()), t.sum, s.sum)
	return Digest(h.sum())
}

// hashing takes numbers and gives one for them all. It lives on the stack.
type hashing struct {
	b [16 * 8]byte
	n int
}

func (h *hashing) add(nums ...uint64) {
	for _, v := range nums {
		binary.LittleEndian.PutUint64(h.b[h.n:], v)
		h.n += 8
	}
}

func (h *hashing) sum() uint64 { return xxhash.Sum64(h.b[:h.n]) }

// hash is of all that a znode is. Every change pays for two of them, so the numbers are laid out by hand: through hashing it takes twice
// as long.
func (n *Node) hash() uint64 {
	var b [14 * 8]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], xxhash.Sum64String(n.text))
	le.PutUint64(b[8:], uint64(n.pathLen))
	le.PutUint64(b[16:], uint64(n.czxid))
	le.PutUint64(b[24:], uint64(n.mzxid))
	le.PutUint64(b[32:], uint64(n.ctime))
	le.PutUint64(b[40:], uint64(n.mtime))
	le.PutUint64(b[48:], uint64(n.version))
	m := n.more
	if m == nil {
		return xxhash.Sum64(b[:7*8])
	}
	le.PutUint64(b[56:], uint64(m.pzxid))
	le.PutUint64(b[64:], m.created)
	le.PutUint64(b[72:], m.children)
	le.PutUint64(b[80:], uint64(m.aversion))
	le.PutUint64(b[88:], uint64(m.owner))
	le.PutUint64(b[96:], uint64(m.ttl))
	le.PutUint64(b[104:], uint64(m.emptied))
	return xxhash.Sum64(b[:])
}

// What a hash in the sum of the sessions is of.
const (
	hashSession   = 1
	hashTombstone = 2
	hashWatch     = 3
)

func (s *Session) hash() uint64 {
	var h hashing
	h.add(hashSession, xxhash.Sum64(s.Key[:]), uint64(s.Owner), uint64(s.Timeout), uint64(s.Opened), uint64(s.Used))
	return h.sum()
}

func (t *Tombstone) hash() uint64 {
	var h hashing
	h.add(hashTombstone, xxhash.Sum64(t.Key[:]), uint64(t.Owner), uint64(t.Reason), uint64(t.Zxid), uint64(t.Time))
	return h.sum()
}

func (w *Watch) hash() uint64 {
	var h hashing
	h.add(hashWatch, xxhash.Sum64String(w.Path.String()), uint64(w.Mode), uint64(w.Owner))
	return h.sum()
}
