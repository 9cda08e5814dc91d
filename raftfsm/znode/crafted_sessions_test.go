package znode

import (
	"bytes"
	"math"
	"slices"
	"testing"
)

// parts is what a crafted state, at zxid 9 and time 100, has beside the root.
type parts struct {
	nodes                []raw
	live, ended, watches [][]byte
	floor                uint64
	chunks               [][]byte // the last is the tail; none: an empty one
	outcomes             [][]byte
}

func (p parts) bytes() []byte { return p.in(3) }

// in is the state in version 2 or 3 of the format.
func (p parts) in(version byte) []byte {
	root := leaf("=", "", "", 0)
	if n := uint64(len(p.nodes)); n > 0 {
		root = root.more(9, n, n)
	}
	b := append([]byte(stateMagic), version, sectionMeta)
	b = append(appendNums(b, 9, 100, uint64(1+len(p.nodes))), sectionNodes)
	b = append(b, root...)
	for _, n := range p.nodes {
		b = append(b, n...)
	}
	b = append(b, sectionSessions)
	for _, list := range [][][]byte{p.live, p.ended, p.watches} {
		b = appendNums(b, uint64(len(list)))
		b = append(b, slices.Concat(list...)...)
	}
	if p.chunks == nil {
		p.chunks = [][]byte{part(p.floor, p.floor, 0)}
	}
	b = appendNums(append(b, sectionHistory), p.floor, uint64(len(p.chunks)-1))
	b = append(b, slices.Concat(p.chunks...)...)
	if version > 2 {
		b = appendNums(append(b, sectionOutcomes), uint64(len(p.outcomes)))
		b = append(b, slices.Concat(p.outcomes...)...)
	}
	return sealed(append(b, sectionEnd))
}

func live(name string, owner, timeout, opened uint64) []byte {
	k := key(name)
	return appendNums(k[:], owner, timeout, opened, owner)
}

// lastUsed is the live session, used at a zxid below 128.
func lastUsed(live []byte, zxid byte) []byte {
	b := bytes.Clone(live)
	b[len(b)-1] = zxid
	return b
}

func dead(name string, owner, reason, zxid, time uint64) []byte {
	k := key(name)
	return appendNums(k[:], owner, reason, zxid, time)
}

func watching(owner, mode uint64, p string) []byte {
	return appendString(appendNums(nil, owner, mode), p)
}

// owned makes a znode an ephemeral.
func (r raw) owned(owner uint64) raw {
	r[0] |= flagOwner
	return appendNums(r, owner)
}

func part(base, last, records uint64, b ...[]byte) []byte {
	all := slices.Concat(b...)
	return append(appendNums(nil, base, last, records, uint64(len(all))), all...)
}

// happened is an event, of a type with its cause in the upper half.
func happened(what byte, p string) []byte { return appendString([]byte{what}, p) }

// record is a record of n events, so many zxids after the one before, told to pairs of session (less the one before) and
// event.
func record(step, n uint64, events []byte, told ...uint64) []byte {
	b := append(appendNums(nil, step, n), events...)
	return appendNums(appendNums(b, uint64(len(told)/2)), told...)
}

// Sessions, watches and records with a correct checksum that no Encode writes. The first of each group is right.
func TestCraftedSessions(t *testing.T) {
	ann, bob := live("ann", 2, 100, 7), live("bob", 3, 100, 7)
	a := func() raw { return leaf("=", "a", "", 4).more(4, 0, 0) }
	set := happened(3, "/a")
	one := func(b []byte) parts { return parts{chunks: [][]byte{part(0, 5, 1, b)}} }
	for _, tt := range []struct {
		name string
		ok   bool
		parts
	}{
		{"none", true, parts{}},
		{"two", true, parts{live: [][]byte{ann, bob}}},
		{"out of order", false, parts{live: [][]byte{bob, ann}}},
		{"the same twice", false, parts{live: [][]byte{ann, ann}}},
		{"one key twice", false, parts{live: [][]byte{ann, live("ann", 3, 100, 7)}}},
		{"nobody", false, parts{live: [][]byte{live("ann", 0, 100, 7)}}},
		{"opened last", true, parts{live: [][]byte{live("ann", 9, MaxSessionTimeout, 100)}}},
		{"of a future zxid", false, parts{live: [][]byte{live("ann", 10, 100, 7)}}},
		{"of a future time", false, parts{live: [][]byte{live("ann", 2, 100, 101)}}},
		{"of a time below 0", false, parts{live: [][]byte{live("ann", 2, 100, math.MaxUint64)}}},
		{"without a timeout", false, parts{live: [][]byte{live("ann", 2, 0, 7)}}},
		{"with a timeout too long", false, parts{live: [][]byte{live("ann", 2, MaxSessionTimeout+1, 7)}}},
		{"with a timeout below 0", false, parts{live: [][]byte{live("ann", 2, math.MaxUint64, 7)}}},

		{"used last", true, parts{live: [][]byte{lastUsed(ann, 9)}}},
		{"used in the future", false, parts{live: [][]byte{lastUsed(ann, 10)}}},
		{"used before it was opened", false, parts{live: [][]byte{lastUsed(ann, 1)}}},

		{"ended", true, parts{live: [][]byte{ann}, ended: [][]byte{dead("cid", 1, 3, 5, 7), dead("bob", 3, 1, 6, 7)}}},
		{"ended out of order", false, parts{ended: [][]byte{dead("bob", 3, 1, 6, 7), dead("cid", 1, 3, 5, 7)}}},
		{"ended at one zxid", false, parts{ended: [][]byte{dead("bob", 3, 1, 6, 7), dead("cid", 1, 3, 6, 7)}}},
		{"ended later at an earlier time", false, parts{ended: [][]byte{dead("bob", 3, 1, 6, 7), dead("cid", 1, 3, 7, 6)}}},
		{"ended twice", false, parts{ended: [][]byte{dead("bob", 3, 1, 6, 7), dead("cid", 3, 1, 7, 7)}}},
		{"ended and alive", false, parts{live: [][]byte{ann}, ended: [][]byte{dead("bob", 2, 1, 6, 7)}}},
		{"ended with the key of one alive", false, parts{live: [][]byte{ann}, ended: [][]byte{dead("ann", 3, 1, 6, 7)}}},
		{"two ends with one key", false, parts{ended: [][]byte{dead("bob", 3, 1, 6, 7), dead("bob", 4, 1, 7, 7)}}},
		{"ended for no reason", false, parts{ended: [][]byte{dead("bob", 3, 0, 6, 7)}}},
		{"ended for an unknown reason", false, parts{ended: [][]byte{dead("bob", 3, 4, 6, 7)}}},
		{"ended for a reason and 256", false, parts{ended: [][]byte{dead("bob", 3, 257, 6, 7)}}},
		{"ended when it began", false, parts{ended: [][]byte{dead("bob", 6, 1, 6, 7)}}},
		{"ended in a future zxid", false, parts{ended: [][]byte{dead("bob", 3, 1, 10, 7)}}},
		{"ended at a future time", false, parts{ended: [][]byte{dead("bob", 3, 1, 6, 101)}}},

		{"an ephemeral", true, parts{nodes: []raw{a().owned(2)}, live: [][]byte{ann}}},
		{"an ephemeral of nobody", false, parts{nodes: []raw{a().owned(0)}, live: [][]byte{ann}}},
		{"an ephemeral of one that ended", false, parts{nodes: []raw{a().owned(2)}, ended: [][]byte{dead("ann", 2, 1, 6, 7)}}},
		{"an ephemeral of one not there", false, parts{nodes: []raw{a().owned(3)}, live: [][]byte{ann}}},
		{"an ephemeral older than its session", false, parts{nodes: []raw{a().owned(5)}, live: [][]byte{live("ann", 5, 100, 7)}}},
		{"an ephemeral that had children", false, parts{nodes: []raw{leaf("=", "a", "", 4).more(5, 1, 0).owned(2)}, live: [][]byte{ann}}},

		{"watches", true, parts{live: [][]byte{ann, bob}, watches: [][]byte{
			watching(2, 1, "/"), watching(2, 5, "/"), watching(2, 1, "/no/way"), watching(3, 2, "/")}}},
		{"watches of no order of sessions", false, parts{live: [][]byte{ann, bob}, watches: [][]byte{watching(3, 1, "/"), watching(2, 1, "/")}}},
		{"watches of no order of paths", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(2, 1, "/b"), watching(2, 1, "/a")}}},
		{"watches of no order of modes", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(2, 2, "/"), watching(2, 1, "/")}}},
		{"a watch twice", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(2, 2, "/"), watching(2, 2, "/")}}},
		{"a watch of nobody", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(3, 1, "/")}}},
		{"a watch of any mode", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(2, 0, "/")}}},
		{"a watch of no mode", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(2, 6, "/")}}},
		{"a watch of mode 1 and 256", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(2, 257, "/")}}},
		{"a watch at no path", false, parts{live: [][]byte{ann}, watches: [][]byte{watching(2, 1, "/a/")}}},

		{"a history", true, parts{floor: 3, chunks: [][]byte{part(3, 5, 2, record(1, 1, set), record(1, 1, set)), part(5, 9, 1, record(4, 1, set))}}},
		{"a history that begins now", true, parts{floor: 9}},
		{"a history from the future", false, parts{floor: 10}},
		{"a history into the future", false, parts{floor: 3, chunks: [][]byte{part(3, 10, 1, record(7, 1, set))}}},
		{"a history that goes round", false, parts{floor: 3, chunks: [][]byte{part(3, 4, 2, record(math.MaxUint64, 1, set), record(2, 1, set))}}},
		{"a history by large steps", false, parts{floor: 3, chunks: [][]byte{
			part(3, 4, 3, record(math.MaxInt64, 1, set), record(math.MaxInt64, 1, set), record(3, 1, set))}}},
		{"a gap between chunks", false, parts{floor: 3, chunks: [][]byte{part(3, 5, 1, record(2, 1, set)), part(6, 9, 1, record(3, 1, set))}}},
		{"a gap at its begin", false, parts{floor: 3, chunks: [][]byte{part(4, 5, 1, record(1, 1, set))}}},
		{"a wrong end", false, parts{floor: 3, chunks: [][]byte{part(3, 6, 1, record(2, 1, set))}}},
		{"a wrong number of records", false, parts{floor: 3, chunks: [][]byte{part(3, 5, 2, record(2, 1, set))}}},
		{"a chunk of nothing", false, parts{floor: 3, chunks: [][]byte{part(3, 3, 0), part(3, 9, 1, record(6, 1, set))}}},
		{"a chunk too many", false, parts{floor: 3, chunks: [][]byte{slices.Concat(part(3, 3, 0), part(3, 3, 0))}}},

		{"a record", true, one(record(5, 2, slices.Concat(set, happened(2|1<<4, "/é"))))},
		{"a record of the end of a session", true, one(record(5, 1, happened(5|3<<4, "/"), 2, 0))},
		{"a record at the same zxid", false, parts{chunks: [][]byte{part(0, 5, 2, record(5, 1, set), record(0, 1, set))}}},
		{"a record of nothing", false, one(record(5, 0, nil))},
		{"a record cut short", false, one(record(5, 2, set))},
		{"a record and more", false, one(append(record(5, 1, set), 1))},
		{"an event of no type", false, one(record(5, 1, happened(0, "/a")))},
		{"an event of an unknown type", false, one(record(5, 1, happened(6, "/a")))},
		{"an event of an unknown cause", false, one(record(5, 1, happened(2|4<<4, "/a")))},
		{"an event at no path", false, one(record(5, 1, happened(2, "a")))},
		{"an event at a path of 0 bytes", false, one(record(5, 1, happened(2, "")))},
		{"an event at a path longer than the record", false, one(append(appendNums(nil, 5, 1), 3, 99, '/'))},
		{"more events than memory holds", false, one(record(5, math.MaxUint64, set))},

		{"told", true, one(record(5, 2, slices.Concat(set, set), 2, 0, 0, 1, 1, 0))},
		{"told to nobody", false, one(record(5, 1, set, 0, 0))},
		{"told of no event", false, one(record(5, 1, set, 2, 1))},
		{"told to the future", false, one(record(5, 1, set, 6, 0))},
		{"told twice", false, one(record(5, 1, set, 2, 0, 0, 0))},
		{"told backwards", false, one(record(5, 2, slices.Concat(set, set), 2, 1, 0, 0))},
		{"told to sessions backwards", false, one(record(5, 1, set, 3, 0, math.MaxUint64, 0))},
		{"told to more than memory holds", false, one(append(append(appendNums(nil, 5, 1), set...), 0xff, 0xff, 0xff, 0xff, 0x0f))},
	} {
		for _, b := range [][]byte{tt.in(2), tt.in(3)} {
			if !tt.ok {
				refusesBytes(t, b, "%s", tt.name)
			} else if s, err := DecodeState(bytes.NewReader(b)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			} else if !bytes.Equal(encode(t, s), tt.in(3)) {
				t.Errorf("%s: written again, the bytes differ", tt.name)
			}
		}
	}
}

// Numbers beyond what there can be are refused before anything is made room for.
func TestCraftedCounts(t *testing.T) {
	good := parts{}.bytes()
	at := bytes.Index(good, []byte{sectionSessions, 0, 0, 0, sectionHistory, 0, 0})
	for i, most := range map[int]uint64{1: MaxSessions, 2: MaxTombstones, 3: MaxWatches, 6: MaxHistoryRecords, 10: MaxHistoryBytes, 12: MaxOutcomes} {
		for _, n := range []uint64{most, most + 1, math.MaxUint64} {
			b := slices.Concat(good[:at+i], appendNums(nil, n), good[at+i+1:len(good)-4])
			refusesBytes(t, sealed(b), "number %d is %d", i, n)
		}
	}
}
