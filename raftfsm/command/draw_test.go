package command

import (
	"slices"

	"pgregory.net/rapid"

	"holt/raftfsm/znode"
)

// drawCommand draws any command of one transaction that its constructors can make.
func drawCommand(t *rapid.T) *Command {
	c := &Command{Origin: Origin(rapid.Uint64().Draw(t, "origin")), Seq: rapid.Uint64().Draw(t, "seq"), Txns: make([]znode.Txn, 1)}
	if rapid.Bool().Draw(t, "about sessions") {
		drawSessionOp(t, &c.Txns[0])
		return c
	}
	session := rapid.Bool().Draw(t, "of a session")
	if session {
		c.Txns[0].Session = drawKey(t)
	}
	c.Txns[0].Ops = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) znode.Op { return drawOp(t, session) }), 1, 20).Draw(t, "ops")
	return c
}

// drawBatch draws a command of several transactions, some of them to be carried out once.
func drawBatch(t *rapid.T) *Command {
	c := drawCommand(t)
	for range rapid.IntRange(0, 3).Draw(t, "more") {
		c.Txns = append(c.Txns, drawCommand(t).Txns...)
	}
	for i := range c.Txns {
		txn := &c.Txns[i]
		never := slices.ContainsFunc(txn.Ops, func(op znode.Op) bool {
			return op.Kind == znode.AddWatch || op.Kind == znode.RemoveWatch || op.Kind == znode.Reap
		})
		if never || rapid.Bool().Draw(t, "as often as it comes") {
			continue
		}
		txn.Once = znode.NewOnce(rapid.String().Draw(t, "key"), txn)
		if first := &txn.Ops[0]; first.Kind == znode.OpenSession {
			first.Session.Seal = znode.Seal(*drawKey(t))
		}
	}
	return c
}

// drawOp draws an op of a transaction of a session, or of none.
func drawOp(t *rapid.T, session bool) znode.Op {
	p := rapid.Map(rapid.StringMatching(`(/[a-c]{1,3}é?){1,4}`), znode.MustPath).Draw(t, "path")
	data := string(rapid.SliceOf(rapid.Byte()).Draw(t, "data"))
	tag := rapid.Custom(func(t *rapid.T) znode.Tag {
		return znode.Tag{Version: rapid.Int64().Draw(t, "version"), Czxid: znode.Zxid(rapid.Uint64().Draw(t, "czxid"))}
	})
	tags := rapid.SliceOfN(tag, 0, znode.MaxTags)
	switch rapid.IntRange(0, 12).Draw(t, "kind") {
	case 0, 1, 2:
		return drawMaking(t, p, data, session)
	case 3:
		return znode.SetOp(p, data, tags.Draw(t, "tags")...)
	case 4:
		return znode.DeleteOp(p, tags.Draw(t, "tags")...)
	case 5:
		return znode.CheckOp(p, tags.Draw(t, "tags")...)
	case 6:
		return znode.DeleteTreeOp(p, tags.Draw(t, "tags")...)
	case 7:
		return rapid.SampledFrom([]znode.Op{znode.GetOp(p), znode.ChildrenOp(p), znode.ExistsOp(p)}).Draw(t, "read")
	case 8:
		op := znode.CheckSessionOp(znode.Owner(rapid.Uint64Min(1).Draw(t, "owner")))
		op.Path = znode.Root // as it is read
		return op
	case 9:
		mode, ttl := drawMode(t, []znode.Mode{znode.Persistent, znode.Container, znode.PersistentWithTTL})
		return znode.LoadOp(p, data, mode, ttl, rapid.Bool().Draw(t, "replace"))
	case 10:
		return znode.RaiseOp(p, rapid.Uint64Max(znode.MaxCreated).Draw(t, "created"))
	case 11:
		return znode.ReapOp(p, tag.Draw(t, "seen"))
	}
	return znode.CheckAbsentOp(p)
}

func drawMaking(t *rapid.T, p znode.Path, data string, session bool) znode.Op {
	modes := []znode.Mode{znode.Persistent, znode.PersistentSequential, znode.Container, znode.PersistentWithTTL, znode.PersistentSequentialWithTTL}
	if session {
		modes = append(modes, znode.Ephemeral, znode.EphemeralSequential)
	}
	op := znode.PutOp(p, data)
	if op.Mode, op.TTL = drawMode(t, modes); op.Mode.Sequential() {
		op.Kind, op.Path = znode.Create, znode.Path(prefix(p.String()+"/"))
	} else if rapid.Bool().Draw(t, "create") {
		op.Kind = znode.Create
	}
	op.Parents = rapid.Bool().Draw(t, "parents")
	return op
}

// drawMode draws one of the modes, with a time to live if it has one.
func drawMode(t *rapid.T, modes []znode.Mode) (m znode.Mode, ttl int64) {
	if m = rapid.SampledFrom(modes).Draw(t, "mode"); m.HasTTL() {
		ttl = rapid.Int64Range(1, znode.MaxTTL).Draw(t, "ttl")
	}
	return m, ttl
}
