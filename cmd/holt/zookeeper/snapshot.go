package zookeeper

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

const (
	snapshotMagic = "ZKSN"
	logMagic      = "ZKLG"
	formatVersion = 2
	// openACLNumber stands for world:anyone:cdrwa in a snapshot.
	openACLNumber = -1
	// readBuffer is how much of a file is read at once, in bytes.
	readBuffer = 256 << 10
)

// ErrSnappy says that a snapshot is compressed in a way that is not read here.
var ErrSnappy = errors.New("it is compressed with snappy, which is not read here: let the server write it with " +
	"snapshot.compression.method=gz (or CHECKED), or read the live ensemble")

// The first bytes of compressed snapshots.
var (
	gzipMagic   = []byte{0x1f, 0x8b}
	snappyMagic = []byte("\x82SNAPPY\x00")
)

// snapshotName is the name of a snapshot file: the zxid is of the last transaction that is certainly in it.
var snapshotName = regexp.MustCompile(`^snapshot\.([0-9a-f]{1,16})(\.gz|\.snappy)?$`)

// readSnapshotAlone reads a snapshot without the logs that belong to it.
func readSnapshotAlone(ctx context.Context, path string, notes *notes) (*tree, error) {
	t, err := readSnapshotFile(ctx, path)
	if err != nil {
		return nil, err
	}
	if m := snapshotName.FindStringSubmatch(filepath.Base(path)); m == nil {
		t.zxid = t.newest
		notes.add("the file's name has no zxid: the newest one in its znodes is %#x", t.zxid)
	} else if t.zxid, err = strconv.ParseUint(m[1], 16, 64); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.newest > t.zxid {
		notes.add("this snapshot was written while the tree changed: it is of zxid %#x but has znodes as of %#x, and others "+
			"may be older than those; its data folder, with the transaction logs, gives one state", t.zxid, t.newest)
	}
	notes.add("a snapshot file without the transaction logs lacks what was written after it")
	return t, nil
}

// readSnapshotFile reads a file, plain or compressed with gzip.
func readSnapshotFile(ctx context.Context, path string) (*tree, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readSnapshot(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return t, nil
}

// readSnapshot reads a whole snapshot and checks its checksum.
func readSnapshot(ctx context.Context, r io.Reader) (*tree, error) {
	in := bufio.NewReaderSize(r, readBuffer)
	head, _ := in.Peek(len(snappyMagic))
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		in = bufio.NewReaderSize(z, readBuffer)
	case bytes.HasPrefix(head, snappyMagic):
		return nil, ErrSnappy
	case bytes.HasPrefix(head, []byte(logMagic)):
		return nil, fmt.Errorf("%w: it is a transaction log; read the data folder that it is in", ErrCorrupt)
	}
	d := newSummed(in)
	readHeader(d, snapshotMagic)
	t := newTree()
	for n := d.count(); n > 0 && d.err == nil; n-- {
		t.sessions[d.long()] = struct{}{}
		d.int() // its timeout
	}
	acls := readACLs(d)
	if err := readNodes(ctx, d, t, acls); err != nil {
		return nil, err
	}
	sum := int64(d.sum.Sum32())
	if d.long() != sum || d.text() != "/" || d.err != nil {
		d.corrupt("the checksum is not that of the content")
		return nil, d.err
	}
	return t, nil
}

// readHeader reads what snapshots and logs begin with.
func readHeader(d *decoder, magic string) {
	got := d.bytes(len(magic))
	if d.err == nil && string(got) != magic {
		d.corrupt("it begins with %q, not %s", got, magic)
	}
	if v := d.int(); d.err == nil && v != formatVersion {
		d.corrupt("its format is %d, and only %d is known", v, formatVersion)
	}
	d.long() // the database's number, which says nothing
}

func readACLs(d *decoder) map[int64]*acl {
	acls := map[int64]*acl{}
	for n := d.count(); n > 0 && d.err == nil; n-- {
		number := d.long()
		acls[number] = d.acl()
	}
	acls[openACLNumber] = nil
	return acls
}

// readNodes reads the znodes, which end with the path "/"; the root's own is "".
func readNodes(ctx context.Context, d *decoder, t *tree, acls map[int64]*acl) error {
	for i := 0; ; i++ {
		path := d.text()
		if d.err != nil {
			return d.err
		}
		if path == "/" {
			break
		}
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := readNode(d, t, acls)
		if d.err != nil {
			return d.err
		}
		if err := t.put(path, n); err != nil {
			return err
		}
	}
	if t.root == nil {
		return fmt.Errorf("%w: it has no root", ErrCorrupt)
	}
	return nil
}

// readNode reads a znode: data, the number of its ACL, and the stat with the fields in this order.
func readNode(d *decoder, t *tree, acls map[int64]*acl) *node {
	n := &node{}
	n.data, n.size = d.data()
	number := d.long()
	n.czxid = d.long()
	mzxid := d.long()
	d.long() // ctime
	d.long() // mtime
	d.int()  // version
	n.created = d.int()
	d.int() // aversion
	n.owner = d.long()
	pzxid := d.long()
	t.newest = max(t.newest, uint64(n.czxid), uint64(mzxid), uint64(pzxid))
	var ok bool
	if n.acl, ok = acls[number]; !ok {
		n.acl = &acl{text: fmt.Sprintf("an ACL with the number %d that the snapshot lacks", number), missing: true}
	}
	return n
}
