package znode

import (
	"bufio"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
)

// A state is written as
//
//	magic, format version
//	sections: a tag byte each; meta (zxid, time, number of znodes), then znodes in the order of the tree,
//	then sessions (those alive, ended, watches), the history (its chunks) and the outcomes that are kept,
//	then, where there was one, the zxid of the last restore
//	the end tag and a CRC32C of all before it, low byte first
//
// Numbers are uvarints. Equal states give equal bytes on every member, however they came to them. Version 1 had neither
// sessions nor history, version 2 neither outcomes nor containers, and version 3, which is still written of a state that was never
// restored, no restore; all are still read.
const (
	stateMagic    = "holtstate"
	stateVersion  = 4
	neverRestored = 3

	sectionEnd      = 0
	sectionMeta     = 1
	sectionNodes    = 2
	sectionSessions = 3
	sectionHistory  = 4
	sectionOutcomes = 5
	sectionRestored = 6

	// bufferBytes is the unit of reading and writing; the data of any znode fits in.
	bufferBytes = 2 * MaxDataBytes
)

// Flags of a znode in the encoding.
const (
	flagSameDir = 1 << iota // the directory is that of the znode before
	flagMore                // children or ACL were there once, or an owner is
	flagSet                 // the data was set after the create, be it in the same transaction
	flagOwner               // a session owns it
	flagGoes                // it has a TTL, or is a container
	flags                   // the first bit that means nothing
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode writes the state to w.
func (s *State) Encode(w io.Writer) error {
	e := &encoder{crc: crc32.New(castagnoli)}
	e.w = bufio.NewWriterSize(io.MultiWriter(w, e.crc), bufferBytes)
	e.str(stateMagic)
	e.byte(s.formatVersion())
	e.byte(sectionMeta)
	e.num(uint64(s.Zxid))
	e.num(uint64(s.Time))
	e.num(uint64(s.Tree.Len()))
	e.byte(sectionNodes)
	for n := range s.Tree.All() {
		if e.node(n); e.err != nil {
			return e.err
		}
	}
	e.sessions(s.Sessions)
	e.history(&s.History)
	e.outcomes(&s.Outcomes)
	if s.formatVersion() > neverRestored {
		e.byte(sectionRestored)
		e.num(uint64(s.History.restored))
	}
	e.byte(sectionEnd)
	if e.err == nil {
		e.err = e.w.Flush()
	}
	if e.err == nil {
		_, e.err = w.Write(binary.LittleEndian.AppendUint32(nil, e.crc.Sum32()))
	}
	return e.err
}

// formatVersion is that of the encoding of s.
func (s *State) formatVersion() byte {
	if s.History.restored == 0 {
		return neverRestored
	}
	return stateVersion
}

type encoder struct {
	w   *bufio.Writer
	crc hash.Hash32
	buf []byte
	dir string
	err error
}

func (e *encoder) write(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}
func (e *encoder) byte(b byte)  { e.write([]byte{b}) }
func (e *encoder) num(n uint64) { e.write(binary.AppendUvarint(nil, n)) }
func (e *encoder) str(s string) { e.write([]byte(s)) }

func (e *encoder) node(n *Node) {
	var flag byte
	dir := n.dir()
	if dir == e.dir {
		flag |= flagSameDir
	}
	if n.more != nil {
		flag |= flagMore
	}
	if n.Owner() != 0 {
		flag |= flagOwner
	}
	if n.more != nil && n.more.ttl != 0 {
		flag |= flagGoes
	}
	if n.version != 0 {
		flag |= flagSet
	}
	b := append(e.buf[:0], flag)
	if flag&flagSameDir == 0 {
		b = appendString(b, dir)
	}
	b = appendString(b, n.Name())
	b = appendString(b, n.Data())
	b = appendNums(b, uint64(n.czxid), uint64(n.ctime))
	if flag&flagSet != 0 {
		b = appendNums(b, uint64(n.mzxid), uint64(n.mtime), uint64(n.version))
	}
	if m := n.more; m != nil {
		b = appendNums(b, uint64(m.pzxid), m.created, m.children, uint64(m.aversion))
		if m.owner != 0 {
			b = appendNums(b, uint64(m.owner))
		}
		if m.ttl != 0 {
			b = appendNums(b, uint64(m.ttl-isContainer))
			if m.ttl == isContainer {
				b = appendNums(b, uint64(m.emptied))
			}
		}
	}
	e.buf, e.dir = b, dir
	e.write(b)
}

// sessions writes the table. Ephemerals are not in it: the znodes say whose they are.
func (e *encoder) sessions(s *Sessions) {
	e.byte(sectionSessions)
	e.num(uint64(s.live.Len()))
	s.live.Scan(func(n *Session) bool {
		e.write(n.Key[:])
		e.write(appendNums(e.buf[:0], uint64(n.Owner), uint64(n.Timeout), uint64(n.Opened), uint64(n.Used)))
		return e.err == nil
	})
	e.num(uint64(len(s.endings)))
	for _, t := range s.endings {
		e.write(t.Key[:])
		e.write(appendNums(e.buf[:0], uint64(t.Owner), uint64(t.Reason), uint64(t.Zxid), uint64(t.Time)))
	}
	e.num(uint64(s.byOwner.Len()))
	s.byOwner.Scan(func(w *Watch) bool {
		b := appendNums(e.buf[:0], uint64(w.Owner), uint64(w.Mode))
		e.write(appendString(b, w.Path.String()))
		return e.err == nil
	})
}

// history writes the records as they are kept, chunk by chunk: where chunks end decides what is forgotten together.
func (e *encoder) history(h *History) {
	e.byte(sectionHistory)
	e.num(uint64(h.floor))
	e.num(uint64(len(h.full)))
	for i := range h.full {
		e.chunk(&h.full[i])
	}
	e.chunk(&h.tail)
}

// outcomes writes them one by one: where their chunks end is each member's own business.
func (e *encoder) outcomes(o *Outcomes) {
	e.byte(sectionOutcomes)
	e.num(uint64(o.count))
	for _, b := range o.all() {
		e.num(uint64(len(b)))
		e.write(b)
	}
}

func (e *encoder) chunk(c *chunk) {
	e.write(appendNums(e.buf[:0], uint64(c.base), uint64(c.last), uint64(c.records), uint64(len(c.b))))
	e.write(c.b)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendNums(b []byte, nums ...uint64) []byte {
	for _, n := range nums {
		b = binary.AppendUvarint(b, n)
	}
	return b
}
