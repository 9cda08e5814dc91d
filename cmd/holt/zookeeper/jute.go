package zookeeper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"

	"holt/raftfsm/znode"
)

const (
	// maxText bounds a string, in bytes. ZooKeeper's own limit on a request is 1 MiB unless it is told otherwise.
	maxText = 4 << 20
	// atOnce is how much is allocated on the word of a length, in bytes. Of what is longer no more is than there is to read.
	atOnce = znode.MaxDataBytes
)

// decoder reads jute, ZooKeeper's encoding: big-endian numbers, and lengths before what varies. The first error stays;
// after it everything is zero.
type decoder struct {
	src io.Reader
	sum hash.Hash32 // of all that was read; may be nil
	err error
	buf [8]byte
}

// newSummed is a decoder that keeps the Adler-32 of what it read.
func newSummed(r io.Reader) *decoder { return &decoder{src: r, sum: adler32.New()} }

func newDecoder(b []byte) *decoder { return &decoder{src: bytes.NewReader(b)} }

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) corrupt(format string, args ...any) {
	d.fail(fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...)))
}

func (d *decoder) full(b []byte) bool {
	if d.err != nil {
		return false
	}
	if _, err := io.ReadFull(d.src, b); err != nil {
		d.fail(cut(err))
		return false
	}
	if d.sum != nil {
		d.sum.Write(b)
	}
	return true
}

// errCut is the end of a file in the middle of something.
var errCut = fmt.Errorf("%w: it is cut off", ErrCorrupt)

// cut is err, or errCut where it is the end of the file.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

func (d *decoder) byte() byte {
	if !d.full(d.buf[:1]) {
		return 0
	}
	return d.buf[0]
}

func (d *decoder) bool() bool { return d.byte() != 0 }

func (d *decoder) int() int32 {
	if !d.full(d.buf[:4]) {
		return 0
	}
	return int32(binary.BigEndian.Uint32(d.buf[:4]))
}

func (d *decoder) long() int64 {
	if !d.full(d.buf[:8]) {
		return 0
	}
	return int64(binary.BigEndian.Uint64(d.buf[:8]))
}

// length is a length before bytes or a vector; -1, which stands for null, is told apart.
func (d *decoder) length() (n int, null bool) {
	v := d.int()
	if v < -1 {
		d.corrupt("a length of %d", v)
		return 0, true
	}
	return int(max(v, 0)), v == -1
}

func (d *decoder) text() string {
	n, _ := d.length()
	if n > maxText {
		d.corrupt("a string of %d bytes", n)
		return ""
	}
	return string(d.bytes(n))
}

// bytes reads n bytes into memory of their own.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n <= atOnce {
		b := make([]byte, n)
		if !d.full(b) {
			return nil
		}
		return b
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, d.src, int64(n)); err != nil {
		d.fail(cut(err))
		return nil
	}
	if d.sum != nil {
		d.sum.Write(b.Bytes())
	}
	return b.Bytes()
}

// data reads the data of a znode. What is larger than a znode of holt's can hold is passed over, and nil.
func (d *decoder) data() (data []byte, size int64) {
	n, null := d.length()
	switch {
	case d.err != nil || null:
		return nil, 0
	case n > znode.MaxDataBytes:
		to := io.Discard
		if d.sum != nil {
			to = d.sum
		}
		if _, err := io.CopyN(to, d.src, int64(n)); err != nil {
			d.fail(cut(err))
		}
		return nil, int64(n)
	}
	return d.bytes(n), int64(n)
}

// count begins a vector or a map; null is empty.
func (d *decoder) count() int {
	n, _ := d.length()
	return n
}

func (d *decoder) acl() *acl {
	var ids []identity
	for n := d.count(); n > 0 && d.err == nil; n-- {
		ids = append(ids, identity{perms: d.int(), scheme: d.text(), id: d.text()})
	}
	if d.err != nil {
		return nil
	}
	return newACL(ids)
}

// left is how many bytes are left of a record in memory.
func (d *decoder) left() int {
	r, ok := d.src.(*bytes.Reader)
	if !ok {
		panic("zookeeper: left is for records in memory")
	}
	return r.Len()
}
