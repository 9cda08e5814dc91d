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
		s := &Session{Key: k, Owner: Owner(d.num()), Timeout: int64(d.num()), Opened: int64(d.num()), Used: Zxid(d.num())}
		if d.bad != nil {
			return d.bad
		}
		if !d.fresh(k, s.Owner, newest) || s.Owner <= last || s.Timeout <= 0 || s.Timeout > MaxSessionTimeout || s.Opened < 0 || s.Opened > now ||
			Zxid(s.Owner) > s.Used || s.Used > newest {
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
		t := &Tombstone{Key: k, Owner: Owner(d.num()), Reason: Reason(d.count(uint64(reasons - 1))), Zxid: Zxid(d.num()), Time: int64(d.num())}
		if d.bad != nil {
			return d.bad
		}
		if !d.fresh(k, t.Owner, newest) || t.Reason == 0 || t.Zxid < last.Zxid || t.Zxid == last.Zxid && d.version <= neverRestored || t.Zxid > newest ||
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
		w := &Watch{Owner: Owner(d.num()), Mode: WatchMode(d.count(uint64(watchModes - 1)))}
		path, err := d.str(MaxPathBytes)
		if err != nil {
			return err
		}
		if w.Path, err = ParsePath(string(path)); err != nil {
			return corrupt("a watch: %v", err)
		}
		if w.Mode == AnyWatch || d.sessions.Get(w.Owner) == nil {
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

// history reads its section and looks into every record.
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
		switch {
		case i < full && c.records == 0:
			return nil, corrupt("a part of its history is empty")
		case i < full:
			h.full = append(h.full, *c)
		default:
			h.tail = *c
		}
	}
	return h, d.bad
}

// restored reads the zxid of the last restore, which left no history of what was before.
func (d *decoder) restored(h *History) error {
	if err := d.section(sectionRestored); err != nil {
		return err
	}
	if h.restored = Zxid(d.num()); d.bad == nil && (h.restored == 0 || h.restored > h.floor) {
		return corrupt("a restore at zxid %d, and a history from %d", h.restored, h.floor)
	}
	return d.bad
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
	if c.base != at || at > newest {
		return nil, corrupt("its history goes from zxid %d to %d", at, c.base)
	}
	last, records, ok := checkRecords(c.b, c.base, newest)
	if !ok || c.last != last || c.records != records {
		return nil, corrupt("its history after zxid %d cannot be", at)
	}
	c.remark()
	return c, nil
}

// checkRecords says whether b is what encode writes from base up to newest at most, and where it leads.
func checkRecords(b []byte, base, newest Zxid) (last Zxid, records int, ok bool) {
	c := checker{b: b}
	for last = base; len(c.b) > 0 && !c.bad; records++ {
		step := c.num()
		if step == 0 || step > uint64(newest-last) {
			return 0, 0, false
		}
		last += Zxid(step)
		events := c.num()
		for i := uint64(0); i < events && !c.bad; i++ {
			c.event()
		}
		c.bad = c.bad || events == 0
		c.told(events, uint64(last))
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

// told checks who is told of a record: by session, then event, each pair once.
func (c *checker) told(events, newest uint64) {
	owner, event := uint64(0), uint64(0)
	told := c.num()
	for i := uint64(0); i < told && !c.bad; i++ {
		step, e := c.num(), c.num()
		if e >= events || step > newest-owner || step == 0 && (i == 0 || e <= event) {
			c.bad = true
		}
		owner, event = owner+step, e
	}
}
