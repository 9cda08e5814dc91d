package znode

import (
	"bytes"
	"cmp"
	"iter"
	"strings"

	"github.com/tidwall/btree"
)

// Sessions is the table of sessions: who is alive, with ephemerals and watches, and who was until lately. Like the Tree,
// one goroutine may change it while any number read its copies.
type Sessions struct {
	live       *btree.BTreeG[*Session]   // by owner
	keys       *btree.BTreeG[keyed]      // of live and ended
	ended      *btree.BTreeG[*Tombstone] // by owner
	endings    []*Tombstone              // in the order of their ends; only ever appended to and cut in front
	ephemerals *btree.BTreeG[ephemeral]  // by owner, path
	byOwner    *btree.BTreeG[*Watch]     // by owner, path, mode
	byPath     *btree.BTreeG[*Watch]     // by path, mode, owner
	sum        uint64                    // of the hashes of sessions, alive and ended, and watches
}

type keyed struct {
	key   SessionKey
	owner Owner
}

type ephemeral struct {
	owner Owner
	path  Path
}

func newBTree[T any](less func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true, Degree: degree})
}

func newSessions() *Sessions {
	return &Sessions{
		live:  newBTree(func(a, b *Session) bool { return a.Owner < b.Owner }),
		keys:  newBTree(func(a, b keyed) bool { return bytes.Compare(a.key[:], b.key[:]) < 0 }),
		ended: newBTree(func(a, b *Tombstone) bool { return a.Owner < b.Owner }),
		ephemerals: newBTree(func(a, b ephemeral) bool {
			return cmp.Or(cmp.Compare(a.owner, b.owner), strings.Compare(a.path.String(), b.path.String())) < 0
		}),
		byOwner: newBTree(func(a, b *Watch) bool {
			return cmp.Or(cmp.Compare(a.Owner, b.Owner), strings.Compare(a.Path.String(), b.Path.String()), cmp.Compare(a.Mode, b.Mode)) < 0
		}),
		byPath: newBTree(func(a, b *Watch) bool {
			return cmp.Or(strings.Compare(a.Path.String(), b.Path.String()), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Owner, b.Owner)) < 0
		}),
	}
}

// Copy is the table as it is now.
func (s *Sessions) Copy() *Sessions {
	return &Sessions{
		live: s.live.Copy(), keys: s.keys.Copy(), ended: s.ended.Copy(), endings: s.endings,
		ephemerals: s.ephemerals.Copy(), byOwner: s.byOwner.Copy(), byPath: s.byPath.Copy(),
		sum: s.sum,
	}
}

// Get is the live session of that name, or nil.
func (s *Sessions) Get(o Owner) *Session {
	found, _ := s.live.Get(&Session{Owner: o})
	return found
}

// ByKey is the live session with that key, or nil.
func (s *Sessions) ByKey(k SessionKey) *Session {
	if found, ok := s.keys.Get(keyed{key: k}); ok {
		return s.Get(found.owner)
	}
	return nil
}

// Ended is what is left of the session with that name, nil if it is alive, was never or ended too long ago.
func (s *Sessions) Ended(o Owner) *Tombstone {
	found, _ := s.ended.Get(&Tombstone{Owner: o})
	return found
}

// EndedByKey is Ended of the session with that key.
func (s *Sessions) EndedByKey(k SessionKey) *Tombstone {
	if found, ok := s.keys.Get(keyed{key: k}); ok {
		return s.Ended(found.owner)
	}
	return nil
}

// Len is how many are alive.
func (s *Sessions) Len() int { return s.live.Len() }

// NumEphemerals is how many ephemeral znodes all have together.
func (s *Sessions) NumEphemerals() int { return s.ephemerals.Len() }

// NumWatches is how many watches all have together.
func (s *Sessions) NumWatches() int { return s.byOwner.Len() }

// All yields the live sessions with names greater than after, oldest first.
func (s *Sessions) All(after Owner) iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		s.live.Ascend(&Session{Owner: after + 1}, yield)
	}
}

// Ephemerals yields the paths of a session's ephemeral znodes, sorted.
func (s *Sessions) Ephemerals(o Owner) iter.Seq[Path] {
	return func(yield func(Path) bool) {
		s.ephemerals.Ascend(ephemeral{o, Root}, func(e ephemeral) bool { return e.owner == o && yield(e.path) })
	}
}

// Watches yields a session's watches, by path, then mode.
func (s *Sessions) Watches(o Owner) iter.Seq[*Watch] {
	return func(yield func(*Watch) bool) {
		s.byOwner.Ascend(&Watch{Owner: o}, func(w *Watch) bool { return w.Owner == o && yield(w) })
	}
}

// WatchesAt yields the watches that are set at a path, by mode, then session.
func (s *Sessions) WatchesAt(p Path) iter.Seq[*Watch] {
	return func(yield func(*Watch) bool) {
		s.byPath.Ascend(&Watch{Path: p}, func(w *Watch) bool { return w.Path.String() == p.String() && yield(w) })
	}
}

func (s *Sessions) open(n *Session) {
	s.live.Set(n)
	s.keys.Set(keyed{n.Key, n.Owner})
	s.sum += n.hash()
}

// renew puts a live session as it is now in the place of what it was.
func (s *Sessions) renew(n *Session) {
	if old, ok := s.live.Set(n); ok {
		s.sum -= old.hash()
	}
	s.sum += n.hash()
}

// end makes a live session, without ephemerals and watches by now, a tombstone.
func (s *Sessions) end(t *Tombstone) {
	if gone, ok := s.live.Delete(&Session{Owner: t.Owner}); ok {
		s.sum -= gone.hash()
	}
	s.bury(t)
}

func (s *Sessions) bury(t *Tombstone) {
	s.keys.Set(keyed{t.Key, t.Owner})
	s.ended.Set(t)
	s.endings = append(s.endings, t)
	s.sum += t.hash()
}

// forget drops the tombstones of sessions that ended before a time, and the oldest of too many.
func (s *Sessions) forget(before int64) {
	for len(s.endings) > 0 && (s.endings[0].Time < before || len(s.endings) > MaxTombstones) {
		t := s.endings[0]
		s.endings = s.endings[1:]
		s.ended.Delete(t)
		s.sum -= t.hash()
		s.keys.Delete(keyed{key: t.Key})
	}
}

func (s *Sessions) addEphemeral(o Owner, p Path) {
	// The znode's own path shares its memory with the data.
	s.ephemerals.Set(ephemeral{o, Path{strings.Clone(p.String())}})
}

func (s *Sessions) removeEphemeral(o Owner, p Path) { s.ephemerals.Delete(ephemeral{o, p}) }

// watch says whether w is new.
func (s *Sessions) watch(w *Watch) bool {
	if _, ok := s.byOwner.Get(w); ok {
		return false
	}
	s.byOwner.Set(w)
	s.byPath.Set(w)
	s.sum += w.hash()
	return true
}

// unwatch says whether w was there.
func (s *Sessions) unwatch(w *Watch) bool {
	gone, ok := s.byOwner.Delete(w)
	s.byPath.Delete(w)
	if ok {
		s.sum -= gone.hash()
	}
	return ok
}
