package znode

import "strings"

// The body of an outcome is the code, how many ops there were, and if it is OK the results of all, else the number and the result
// of the one that was refused. Paths that are the op's own are left out: whoever asks again says them again.

// Flags of an op's result in it.
const (
	keptCreated   = 1 << iota
	keptFound     // a znode follows
	keptElsewhere // a path that is not the op's follows
	keptData      // the znode's data follows
	keptNames     // the names of its children follow
	keptSession   // the session that was opened or closed follows
	keptDeleted   // how many were deleted follows
	keptNumber    // what a sequential create put behind the op's path follows
)

// appendOutcome encodes what the same transaction is answered from when it comes again.
func appendOutcome(b []byte, txn *Txn, r *Result) []byte {
	b = appendNums(append(b, byte(r.Code)), uint64(len(txn.Ops)))
	if r.Code != OK {
		b = appendNums(b, uint64(r.Failed))
		return appendOpOutcome(b, &txn.Ops[r.Failed], &r.Ops[r.Failed], r.Zxid)
	}
	for i := range r.Ops {
		b = appendOpOutcome(b, &txn.Ops[i], &r.Ops[i], r.Zxid)
	}
	return b
}

func appendOpOutcome(b []byte, op *Op, r *OpResult, z Zxid) []byte {
	var flags byte
	where := r.Path
	if r.Node != nil && r.Code == OK {
		where = r.Node.Path()
	}
	set := func(flag byte, is bool) {
		if is {
			flags |= flag
		}
	}
	set(keptCreated, r.Created)
	set(keptFound, r.Node != nil)
	set(keptNumber, r.Created && op.Mode.Sequential())
	set(keptElsewhere, where != Path{} && where != op.Path && flags&keptNumber == 0)
	set(keptData, r.Code == OK && op.Kind == Get)
	set(keptNames, r.Code == OK && op.Kind == Children)
	set(keptSession, r.Session != nil)
	set(keptDeleted, r.Deleted > 0)
	b = append(b, flags, byte(r.Loaded))
	if flags&keptElsewhere != 0 {
		b = appendString(b, where.String())
	}
	if flags&keptNumber != 0 {
		b = appendString(b, where.String()[len(op.Path.String()):])
	}
	if flags&keptFound != 0 {
		b = appendKeptZnode(b, r.Node, z)
	}
	if flags&keptData != 0 {
		b = appendString(b, r.Node.Data())
	}
	if flags&keptNames != 0 {
		b = appendNums(b, uint64(r.Node.NumChildren()))
		for name := range r.Names() {
			b = appendString(b, name)
		}
	}
	if s := r.Session; s != nil {
		b = appendNums(append(b, s.Key[:]...), uint64(s.Owner), uint64(s.Timeout), uint64(s.Opened))
		b = append(b, r.Seal[:]...)
	}
	if flags&keptDeleted != 0 {
		b = appendNums(b, uint64(r.Deleted))
	}
	return b
}

// appendKeptZnode encodes a znode's stat. Its zxids are near that of the transaction as a rule.
func appendKeptZnode(b []byte, n *Node, z Zxid) []byte {
	s, ttl := n.Stat(), int64(0)
	if n.more != nil {
		ttl = n.more.ttl
	}
	return appendNums(b, uint64(z-s.Czxid), uint64(z-s.Mzxid), uint64(z-s.Pzxid), uint64(s.Ctime), uint64(s.Mtime-s.Ctime), uint64(s.Version),
		uint64(s.Cversion), uint64(s.Aversion), uint64(n.Owner()), uint64(s.DataLength), uint64(s.NumChildren), uint64(ttl-isContainer))
}

// outcome reads the body of a transaction of so many ops, or of any number with -1, into r, and says whether it is one. Where a path is
// left out, it is the zero Path.
func (c *checker) outcome(r *Result, z Zxid, ops int) bool {
	r.Code = Code(c.byte())
	n := c.num()
	if c.bad || r.Code >= codes || r.Code == RolledBack || n == 0 || n > MaxTxnOps || ops >= 0 && n != uint64(ops) {
		return false
	}
	if r.Code == OK {
		for range n {
			op := c.opOutcome(z)
			if op.kept != nil {
				op.Path = Path{}
			}
			r.Ops = append(r.Ops, op)
		}
		return !c.bad && len(c.b) == 0
	}
	failed := c.num()
	if failed >= n {
		return false
	}
	for range failed {
		r.Ops = append(r.Ops, OpResult{})
	}
	op := c.opOutcome(z)
	op.Code = r.Code
	r.Ops = append(r.Ops, op)
	r.refuse(int(n))
	return !c.bad && len(c.b) == 0
}

func (c *checker) opOutcome(z Zxid) (r OpResult) {
	flags := c.byte()
	r.Loaded = Loaded(c.byte())
	if r.Loaded >= loadeds || flags&(keptCreated|keptData|keptNames|keptNumber) != 0 && flags&keptFound == 0 {
		c.bad = true
		return r
	}
	r.Created = flags&keptCreated != 0
	if flags&keptElsewhere != 0 {
		r.Path = c.path()
	}
	number := ""
	if flags&keptNumber != 0 {
		number = c.str(maxNumberBytes)
	}
	if flags&keptFound != 0 {
		r.kept = c.znode(z)
		r.kept.path, r.kept.number = r.Path, number
	}
	if flags&keptData != 0 {
		r.kept.data = c.str(MaxDataBytes)
	}
	if flags&keptNames != 0 {
		for n := c.num(); n > 0 && !c.bad; n-- {
			r.kept.names = append(r.kept.names, c.str(MaxPathBytes))
		}
	}
	if flags&keptSession != 0 {
		r.Session = &Session{}
		copy(r.Session.Key[:], c.take(len(r.Session.Key)))
		r.Session.Owner, r.Session.Timeout, r.Session.Opened = Owner(c.num()), int64(c.num()), int64(c.num())
		copy(r.Seal[:], c.take(len(r.Seal)))
	}
	if flags&keptDeleted != 0 {
		r.Deleted = int(c.num())
	}
	return r
}

// maxNumberBytes is at least how long the number of a sequential znode is.
const maxNumberBytes = 20

func (c *checker) znode(z Zxid) *keptZnode {
	k := &keptZnode{}
	s := &k.stat
	for _, at := range []*Zxid{&s.Czxid, &s.Mzxid, &s.Pzxid} {
		before := Zxid(c.num())
		c.bad = c.bad || before > z
		*at = z - before
	}
	s.Ctime = int64(c.num())
	s.Mtime = s.Ctime + int64(c.num())
	s.Version, s.Cversion, s.Aversion = int64(c.num()), int64(c.num()), int64(c.num())
	owner := Owner(c.num())
	s.EphemeralOwner = owner.String()
	s.DataLength, s.NumChildren = int64(c.num()), int64(c.num())
	like := Node{more: &more{owner: owner, ttl: int64(c.num()) + isContainer}}
	k.mode, k.ttl = like.Mode(), like.TTL()
	return k
}

func (c *checker) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *checker) take(n int) []byte {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

// str copies: what it gives outlives the outcome.
func (c *checker) str(limit uint64) string {
	n := c.num()
	if n > limit {
		c.bad, c.b = true, nil
		return ""
	}
	return string(c.take(int(n)))
}

func (c *checker) path() Path {
	p := c.str(MaxPathBytes)
	if p != "/" && (checkPath(p) != "" || strings.HasSuffix(p, "/")) {
		c.bad = true
	}
	return Path{p}
}
