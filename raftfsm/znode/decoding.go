package znode

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"strings"
)

// ErrCorruptState says that bytes are not a state, or not all of one. Errors of DecodeState wrap it.
var ErrCorruptState = errors.New("not a valid state")

// residue is the CRC32C of any bytes followed by their own CRC32C, low byte first.
var residue = crc32.Checksum(make([]byte, 4), castagnoli)

// DecodeState reads what Encode wrote, to the end of r, and checks all of it: checksum, paths, order, and that every
// znode has its parent and every parent as many children as it says. The error wraps ErrCorruptState, or is the reader's.
func DecodeState(r io.Reader) (*State, error) {
	crc := crc32.New(castagnoli)
	d := &decoder{r: bufio.NewReaderSize(io.TeeReader(r, crc), bufferBytes), crc: crc, tree: emptyTree(), sessions: newSessions()}
	s, err := d.state()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = corrupt("it ends too early")
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorruptState, fmt.Sprintf(format, args...))
}

type decoder struct {
	r    *bufio.Reader
	crc  hash.Hash32
	tree *Tree
	last *Node
	dir  string // of last
	buf  []byte
	bad  error // the first number that could not be read; those after it read as 0

	parent *Node  // of the children being read
	seen   uint64 // of them so far
	listed uint64 // children that parents vouch for, all together

	version    byte // of the format
	sessions   *Sessions
	ephemerals []*Node // to be held to the sessions that own them
}

func (d *decoder) state() (*State, error) {
	if err := d.head(); err != nil {
		return nil, err
	}
	if err := d.section(sectionMeta); err != nil {
		return nil, err
	}
	zxid, time, count := d.num(), d.num(), d.num()
	if d.bad != nil {
		return nil, d.bad
	}
	if err := d.section(sectionNodes); err != nil {
		return nil, err
	}
	if zxid > math.MaxInt64 || time > math.MaxInt64 || count == 0 {
		return nil, corrupt("its numbers are out of range")
	}
	// place holds each parent whose children are here to their number. If the sum fits as well, no other znode claims any.
	for range count {
		if err := d.node(Zxid(zxid)); err != nil {
			return nil, err
		}
		if d.listed >= count {
			return nil, corrupt("its %d znodes say they have %d children together", count, d.listed)
		}
	}
	if err := d.endChildren(); err != nil {
		return nil, err
	}
	s := &State{Zxid: Zxid(zxid), Time: int64(time), Tree: d.tree, Sessions: d.sessions, History: History{floor: Zxid(zxid)}}
	s.History.tail = chunk{base: Zxid(zxid), last: Zxid(zxid)}
	if d.version > 1 {
		if err := d.sessionTable(Zxid(zxid), int64(time)); err != nil {
			return nil, err
		}
		h, err := d.history(Zxid(zxid))
		if err != nil {
			return nil, err
		}
		s.History = *h
	}
	if d.version > 2 {
		if err := d.outcomes(s); err != nil {
			return nil, err
		}
	}
	if d.version > neverRestored {
		if err := d.restored(&s.History); err != nil {
			return nil, err
		}
	}
	if err := d.owners(); err != nil {
		return nil, err
	}
	return s, d.end()
}

func (d *decoder) head() error {
	head, err := d.bytes(len(stateMagic) + 1)
	switch {
	case err != nil:
		return err
	case string(head[:len(stateMagic)]) != stateMagic:
		return corrupt("it does not begin as one")
	case head[len(stateMagic)] == 0 || head[len(stateMagic)] > stateVersion:
		return corrupt("format version %d, this program reads up to %d", head[len(stateMagic)], stateVersion)
	}
	d.version = head[len(stateMagic)]
	return nil
}

func (d *decoder) section(want byte) error {
	b, err := d.r.ReadByte()
	if err == nil && b != want {
		err = corrupt("section %d where %d belongs", b, want)
	}
	return err
}

func (d *decoder) end() error {
	if err := d.section(sectionEnd); err != nil {
		return err
	}
	if _, err := d.bytes(crc32.Size); err != nil {
		return err
	}
	switch _, err := d.r.ReadByte(); {
	case err == nil:
		return corrupt("bytes follow its end")
	case err != io.EOF:
		return err
	}
	if d.crc.Sum32() != residue {
		return corrupt("the checksum differs")
	}
	return nil
}

// node reads one znode and puts it at the end of the tree.
func (d *decoder) node(newest Zxid) error {
	flag, err := d.r.ReadByte()
	if err != nil {
		return err
	}
	if flag >= flags || flag >= flagGoes && d.version < 3 {
		return corrupt("flags %#x", flag)
	}
	dir := d.dir
	if flag&flagSameDir == 0 {
		b, err := d.str(MaxPathBytes)
		if err != nil {
			return err
		}
		dir = string(b)
	}
	n := &Node{nameAt: uint16(len(dir) + 1)}
	if err := d.text(n, dir); err != nil {
		return err
	}
	if d.stat(n, flag); d.bad != nil {
		return d.bad
	}
	if reason := checkStat(n, flag, newest); reason != "" {
		return corrupt("znode %q %s", n.Path(), reason)
	}
	if err := d.place(n, dir); err != nil {
		return err
	}
	d.tree.load(n)
	if n.Owner() != 0 {
		d.ephemerals = append(d.ephemerals, n)
	}
	d.last, d.dir = n, dir
	return nil
}

// text reads name and data into the node, behind dir.
func (d *decoder) text(n *Node, dir string) error {
	name, err := d.str(MaxPathBytes)
	if err != nil {
		return err
	}
	d.buf = append(append(append(d.buf[:0], dir...), '/'), name...)
	n.pathLen = uint16(len(d.buf))
	data, err := d.str(MaxDataBytes)
	if err != nil {
		return err
	}
	d.buf = append(d.buf, data...)
	n.text = string(d.buf)
	return nil
}

// stat reads the numbers of a znode; whoever calls looks at bad.
func (d *decoder) stat(n *Node, flag byte) {
	n.czxid, n.ctime = Zxid(d.num()), int64(d.num())
	n.mzxid, n.mtime = n.czxid, n.ctime
	if flag&flagSet != 0 {
		n.mzxid, n.mtime, n.version = Zxid(d.num()), int64(d.num()), int64(d.num())
	}
	if flag&flagMore != 0 {
		n.more = &more{pzxid: Zxid(d.num()), created: d.num(), children: d.num(), aversion: int64(d.num())}
		d.listed += n.more.children
		if flag&flagOwner != 0 {
			n.more.owner = Owner(d.num())
		}
		if flag&flagGoes != 0 {
			if n.more.ttl = int64(d.num()) + isContainer; n.more.ttl == isContainer {
				n.more.emptied = int64(d.num())
			}
		}
	}
}

// checkStat says what Apply could not have left behind in n, or "".
func checkStat(n *Node, flag byte, newest Zxid) string {
	m := n.more
	switch {
	case n.czxid > n.mzxid || n.mzxid > newest || m != nil && (m.pzxid < n.czxid || m.pzxid > newest):
		return "has a zxid out of order"
	case flag&flagSet != 0 && n.version <= 0:
		return fmt.Sprintf("was set and has the version %d", n.version)
	case m != nil && (m.children > m.created || m.created > math.MaxInt64/2):
		return fmt.Sprintf("has %d children of %d", m.children, m.created)
	case flag&flagOwner != 0 && (m == nil || m.owner == 0 || Zxid(m.owner) >= n.czxid):
		return "has no sound owner"
	case flag&flagOwner != 0 && m.created > 0:
		return "is ephemeral and had children"
	case flag&flagGoes != 0 && (m == nil || m.owner != 0 || m.ttl == 0 || m.ttl < isContainer || m.ttl > MaxTTL || m.emptied < 0 || n.Path().IsRoot()):
		return "has no sound time to live"
	}
	return ""
}

// place checks that n may follow the znode before it. Directories come after the znode they belong to, since its
// directory is a prefix of theirs.
func (d *decoder) place(n *Node, dir string) error {
	if d.last == nil {
		if n.text[:n.pathLen] != "/" {
			return corrupt("it begins with %q and not with the root", n.Path())
		}
		return nil
	}
	if reason := checkPath(n.text[:n.pathLen]); reason != "" {
		return corrupt("path %q: %s", n.Path(), reason)
	}
	if strings.Contains(n.Name(), "/") {
		return corrupt("name %q in the directory %q", n.Name(), dir)
	}
	if !nodeLess(d.last, n) {
		return corrupt("znode %q is out of order", n.Path())
	}
	if d.parent == nil || dir != d.dir {
		if err := d.endChildren(); err != nil {
			return err
		}
		if d.parent = d.tree.Get(Path{dir}); d.parent == nil {
			return corrupt("znode %q has no parent", n.Path())
		}
	}
	d.seen++
	return nil
}

// endChildren holds the parent of the children read last to its count of them.
func (d *decoder) endChildren() error {
	if d.parent != nil && uint64(d.parent.NumChildren()) != d.seen {
		return corrupt("znode %q says it has %d children, there are %d", d.parent.Path(), d.parent.NumChildren(), d.seen)
	}
	d.seen = 0
	return nil
}

// num reads a number, 0 if it cannot.
func (d *decoder) num() uint64 {
	if d.bad != nil {
		return 0
	}
	b, err := d.r.Peek(binary.MaxVarintLen64)
	n, size := binary.Uvarint(b)
	switch {
	case size > 0:
		_, d.bad = d.r.Discard(size)
		return n
	case size < 0 || err == nil:
		d.bad = corrupt("a number is too large")
	default:
		d.bad = err
	}
	return 0
}

// str reads a length and so many bytes, which are good until the next read.
func (d *decoder) str(limit int) ([]byte, error) {
	n := d.num()
	if d.bad != nil {
		return nil, d.bad
	}
	if n > uint64(limit) {
		return nil, corrupt("%d bytes where %d are the limit", n, limit)
	}
	return d.bytes(int(n))
}

func (d *decoder) bytes(n int) ([]byte, error) {
	b, err := d.r.Peek(n)
	if err == nil {
		_, err = d.r.Discard(n)
	}
	return b, err
}
