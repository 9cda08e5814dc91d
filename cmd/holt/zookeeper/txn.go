package zookeeper

import "fmt"

// Types of transactions in ZooKeeper's logs, from its OpCode.
const (
	txnError           = -1
	txnCreateSession   = -10
	txnCloseSession    = -11
	txnCreate          = 1
	txnDelete          = 2
	txnSetData         = 5
	txnSetACL          = 7
	txnCheck           = 13
	txnMulti           = 14
	txnCreate2         = 15
	txnReconfig        = 16
	txnCreateContainer = 19
	txnDeleteContainer = 20
	txnCreateTTL       = 21
)

// digestBytes is the size of what servers from 3.6 on put behind a transaction: a version and a digest of the tree.
const digestBytes = 12

// epochShift divides a zxid into the epoch of a leader and a counter, which begins at 1 and has no gaps.
const epochShift = 32

// header is what every transaction begins with.
type header struct {
	session int64
	zxid    uint64
	kind    int32
}

// applyRecord carries out one transaction of a log, unless it is in the tree already. Transactions that are missing are
// an error: what they did would be lost without a word.
func (t *tree) applyRecord(record []byte) error {
	d := newDecoder(record)
	var h header
	h.session = d.long()
	d.int() // the client's own number
	h.zxid = uint64(d.long())
	d.long() // time
	h.kind = d.int()
	if d.err != nil {
		return d.err
	}
	if h.zxid <= t.zxid {
		return nil
	}
	if missing := t.missingBefore(h.zxid); missing != 0 {
		return missingError(missing, t.zxid)
	}
	if err := t.apply(h, record[len(record)-d.left():], true); err != nil {
		return fmt.Errorf("transaction %#x: %w", h.zxid, err)
	}
	t.zxid = h.zxid
	t.replayed++
	return nil
}

// missingBefore is a transaction that must have been between the last one and this, or 0. In an epoch the numbers have
// no gap. Where an epoch ended only a snapshot tells: a follower that was far behind was sent one in place of a log.
func (t *tree) missingBefore(zxid uint64) uint64 {
	next := t.zxid + 1
	if epoch := zxid >> epochShift; epoch != t.zxid>>epochShift {
		next = epoch<<epochShift + 1
	}
	if next != zxid {
		return next
	}
	for len(t.marks) > 0 && t.marks[0] < zxid {
		mark := t.marks[0]
		t.marks = t.marks[1:]
		if mark > t.zxid && uint32(mark) != 0 { // 0 is an epoch's beginning, and no transaction
			return mark
		}
	}
	return 0
}

// missingAtEnd is a transaction that must have been behind the last one, or 0.
func (t *tree) missingAtEnd() uint64 {
	for _, mark := range t.marks {
		if mark > t.zxid && uint32(mark) != 0 {
			return mark
		}
	}
	return 0
}

func missingError(zxid, last uint64) error {
	return fmt.Errorf("transaction %#x is missing: the logs that there are give no more than %#x and then go on later or end; "+
		"is there another folder of logs (dataLogDir), or another server's folder?", zxid, last)
}

// apply carries out a transaction, or one op of a multi, which cannot be a multi itself.
func (t *tree) apply(h header, body []byte, whole bool) error {
	d := newDecoder(body)
	switch h.kind {
	case txnCreate, txnCreate2, txnCreateContainer, txnCreateTTL:
		t.applyCreate(h, d)
	case txnDelete, txnDeleteContainer:
		if path := d.text(); d.err == nil {
			t.remove(path)
		}
	case txnSetData, txnReconfig:
		path := d.text()
		data, size := d.data()
		if n := t.find(path); n != nil && d.err == nil {
			n.data, n.size = data, size
		}
	case txnSetACL:
		path, a := d.text(), d.acl()
		if n := t.find(path); n != nil && d.err == nil {
			n.acl = a
		}
	case txnCreateSession:
		t.sessions[h.session] = struct{}{}
	case txnCloseSession:
		t.closeSession(h.session, closedPaths(body))
	case txnError, txnCheck: // they change nothing
	case txnMulti:
		if !whole {
			return fmt.Errorf("%w: a multi in a multi", ErrCorrupt)
		}
		return t.applyMulti(h, d)
	default:
		return fmt.Errorf("a transaction of a type that is not known: %d", h.kind)
	}
	return d.err
}

// applyCreate carries out the four ways to create.
func (t *tree) applyCreate(h header, d *decoder) {
	path := d.text()
	n := &node{czxid: int64(h.zxid)}
	n.data, n.size = d.data()
	n.acl = d.acl()
	switch h.kind {
	case txnCreateContainer:
		n.owner = -1 << 63 // containerOwner
	case txnCreate, txnCreate2:
		if d.bool() {
			n.owner = h.session
		}
	}
	created := int32(-1)
	if d.err == nil && (d.left() > 0 || h.kind != txnCreate) { // the first versions wrote no count
		created = d.int()
	}
	if h.kind == txnCreateTTL {
		n.owner = int64(ttlOwner | uint64(d.long())&ttlMask)
	}
	if d.err != nil {
		return
	}
	if n.owner == h.session && n.owner != 0 {
		t.sessions[h.session] = struct{}{}
	}
	t.create(path, n, created)
}

// applyMulti carries out the ops of a multi. One that failed is logged with its ops turned into errors.
func (t *tree) applyMulti(h header, d *decoder) error {
	type op struct {
		kind int32
		body []byte
	}
	var ops []op
	failed := false
	for n := d.count(); n > 0 && d.err == nil; n-- {
		o := op{kind: d.int()}
		size, _ := d.length()
		if size > d.left() {
			d.fail(errCut)
		}
		o.body = d.bytes(size)
		failed = failed || o.kind == txnError
		ops = append(ops, o)
	}
	if d.err != nil || failed {
		return d.err
	}
	for _, o := range ops {
		if err := t.apply(header{h.session, h.zxid, o.kind}, o.body, false); err != nil {
			return err
		}
	}
	return nil
}

// closedPaths are the paths that a session's end deletes. Before 3.6 they were not logged; a digest may be there all the
// same, which then does not read as paths.
func closedPaths(body []byte) []string {
	d := newDecoder(body)
	var paths []string
	for n := d.count(); n > 0 && d.err == nil; n-- {
		paths = append(paths, d.text())
	}
	if d.err != nil || d.left() != 0 && d.left() != digestBytes {
		return nil
	}
	return paths
}
