package znode

import (
	"encoding/binary"
	"math"
	"strings"
)

// sessionTable reads the sessions' section.
func (d *decoder) sessionTable(newest Zxid, now int64) error {
	if err := d.section(sectionSessions); err != nil {
		return err
	}
	for _, part := range []func(Zxid, int64) error{d.live, d.ended, d.watches} {
		if err := part(newest, now); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) key() (k SessionKey, err error) {
	b, err := d.bytes(len(k))
	copy(k[:], b)
	return k, err
}

// fresh says whether no session has this key or name yet.
func (d *decoder) fresh(k SessionKey, o Owner, newest Zxid) bool {
	_, taken := d.sessions.keys.Get(keyed{key: k})
	return !taken && o > 0 && Zxid(o) <= newest && d.sessions.Get(o) == nil && d.sessions.Ended(o) == nil
}

func (d *decoder) live(newest Zxid, now int64) error {
	last := Owner(0)
	for range d.count(MaxSessions) {
		k, err := d.key()
		if err != nil {
			return err
		}
		s := &Session{Key: k, Owner: Owner(d.num()), Timeout: int64(d.num()), Opened: int64(d.num())}
		if d.bad != nil {
			return d.bad
		}
		if !d.fresh(k, s.Owner, newest) || s.Owner <= last || s.Timeout <= 0 || s.Timeout > MaxSessionTimeout || s.Opened < 0 || s.Opened > now {
			return corrupt("session %s cannot be", s.Owner)
		}
		d.sessions.open(s)
		last = s.Owner
	}
	return d.bad
}

func (d *decoder) ended(newest Zxid, now int64) error {
	last := Tombstone{}
	for range d.count(MaxTombstones) {
		k, err := d.key()
		if err != nil {
			return err
		}
		t := &Tombstone{Key: k, Owner: Owner(d.num()), Reason: Reason(d.num()), Zxid: Zxid(d.num()), Time: int64(d.num())}
		if d.bad != nil {
			return d.bad
		}
		if !d.fresh(k, t.Owner, newest) || t.Reason == 0 || t.Reason >= reasons || t.Zxid <= last.Zxid || t.Zxid > newest ||
			Zxid(t.Owner) >= t.Zxid || t.Time < last.Time || t.Time > now {
			return corrupt("the end of session %s cannot be", t.Owner)
		}
		d.sessions.bury(t)
		last = *t
	}
	return d.bad
}

func (d *decoder) watches(Zxid, int64) error {
	var last *Watch
	for range d.count(MaxWatches) {
		w := &Watch{Owner: Owner(d.num()), Mode: WatchMode(d.num())}
		path, err := d.str(MaxPathBytes)
		if err != nil {
			return err
		}
		if w.Path, err = ParsePath(string(path)); err != nil {
			return corrupt("a watch: %v", err)
		}
		if w.Mode == AnyWatch || w.Mode >= watchModes || d.sessions.Get(w.Owner) == nil {
			return corrupt("a watch of mode %d, session %s", w.Mode, w.Owner)
		}
		if last != nil && (w.Owner < last.Owner || w.Owner == last.Owner && (w.Path.String() < last.Path.String() ||
			w.Path == last.Path && w.Mode <= last.Mode)) {
			return corrupt("a watch at %s is out of order", w.Path)
		}
		d.sessions.watch(w)
		last = w
	}
	return d.bad
}

// owners holds every ephemeral znode to the session that owns it.
func (d *decoder) owners() error {
	for _, n := range d.ephemerals {
		if d.sessions.Get(n.Owner()) == nil {
			return corrupt("znode %q belongs to session %s, which is not alive", n.Path(), n.Owner())
		}
		d.sessions.addEphemeral(n.Owner(), n.Path())
	}
	return nil
}

// count reads how many of something follow, 0 if it cannot.
func (d *decoder) count(limit uint64) uint64 {
	n := d.num()
	if n > limit && d.bad == nil {
		d.bad = corrupt("%d of something where %d are the limit", n, limit)
	}
	if d.bad != nil {
		return 0
	}
	return n
}

// history reads the last section and looks into every record.
func (d *decoder) history(newest Zxid) (*History, error) {
	if err := d.section(sectionHistory); err != nil {
		return nil, err
	}
	h := &History{floor: Zxid(d.num())}
	at := h.floor
	full := d.count(MaxHistoryRecords)
	for i := uint64(0); i <= full; i++ {
		c, err := d.chunk(at, newest)
		if err != nil {
			return nil, err
		}
		at = c.last
		h.bytes += len(c.b)
		h.records += c.records
		if h.bytes > MaxHistoryBytes || h.records > MaxHistoryRecords {
			return nil, corrupt("its history is too long")
		}
		if i < full {
			h.full = append(h.full, *c)
		} else {
			h.tail = *c
		}
	}
	return h, d.bad
}

func (d *decoder) chunk(at, newest Zxid) (*chunk, error) {
	c := &chunk{base: Zxid(d.num()), last: Zxid(d.num()), records: int(min(d.num(), math.MaxInt32))}
	size := d.count(MaxHistoryBytes)
	if d.bad != nil {
		return nil, d.bad
	}
	c.b = make([]byte, 0, min(size, bufferBytes))
	for left := int(size); left > 0; {
		b, err := d.bytes(min(left, bufferBytes/2))
		if err != nil {
			return nil, err
		}
		c.b = append(c.b, b...)
		left -= len(b)
	}
	last, records, ok := checkRecords(c.b, c.base)
	if !ok || c.base != at || c.last != last || c.records != records || last > newest {
		return nil, corrupt("its history after zxid %d cannot be", at)
	}
	return c, nil
}

// checkRecords says whether decode can read b, and where that leads.
func checkRecords(b []byte, base Zxid) (last Zxid, records int, ok bool) {
	c := checker{b: b}
	last = base
	for len(c.b) > 0 && !c.bad {
		step := c.num()
		if step == 0 || step > math.MaxInt64 {
			return 0, 0, false
		}
		last += Zxid(step)
		events := c.num()
		for i := uint64(0); i < events && !c.bad; i++ {
			c.event()
		}
		owner := uint64(0)
		told := c.num()
		for i := uint64(0); i < told && !c.bad; i++ {
			owner += c.num()
			c.bad = c.num() >= events || owner == 0 || owner > uint64(last) || c.bad
		}
		c.bad = c.bad || events == 0
		records++
	}
	return last, records, !c.bad
}

// checker takes bytes apart that may be anything.
type checker struct {
	b   []byte
	bad bool
}

func (c *checker) num() uint64 {
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[size:]
	return n
}

func (c *checker) event() {
	if len(c.b) == 0 {
		c.bad = true
		return
	}
	t := c.b[0]
	c.b = c.b[1:]
	n := c.num()
	if c.bad || n > uint64(len(c.b)) || EventType(t&0xf) == 0 || EventType(t&0xf) >= eventTypes || Reason(t>>4) >= reasons {
		c.bad = true
		return
	}
	path := string(c.b[:n])
	c.b = c.b[n:]
	if path != "/" && (checkPath(path) != "" || strings.HasSuffix(path, "/")) {
		c.bad = true
	}
}
