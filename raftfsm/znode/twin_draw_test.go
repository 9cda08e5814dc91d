package znode

import (
	"cmp"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// universe is few enough paths that most ops meet what others left behind. "!" sorts before "/", "~" after.
func universe() []string {
	paths := []string{"/"}
	for _, a := range []string{"a", "a!", "a~"} {
		paths = append(paths, "/"+a)
		for _, b := range []string{"b", "c"} {
			paths = append(paths, "/"+a+"/"+b, "/"+a+"/"+b+"/d")
		}
	}
	return paths
}

func drawTags(t *rapid.T, tw *twin, p string) []Tag {
	n := tw.nodes[p]
	one := rapid.Custom(func(t *rapid.T) Tag {
		tag := Tag{Version: n.version + int64(rapid.SampledFrom([]int{0, 0, 0, 1, -1}).Draw(t, "off"))}
		switch rapid.IntRange(0, 3).Draw(t, "czxid") {
		case 0, 1:
			tag.Czxid = Zxid(n.czxid)
		case 2:
			tag.Czxid = Zxid(n.czxid + 1)
		}
		return tag
	})
	return rapid.SliceOfN(one, 0, 2).Draw(t, "tags")
}

// drawOp draws an op of a transaction of a session, or of none.
func drawOp(t *rapid.T, tw *twin, session bool) Op {
	p := rapid.SampledFrom(universe()).Draw(t, "path")
	if rapid.IntRange(0, 2).Draw(t, "there") == 0 {
		p = rapid.SampledFrom(tw.paths()).Draw(t, "path")
		if rapid.IntRange(0, 3).Draw(t, "below") == 3 {
			p = path(p).Child("b").String()
		}
	}
	data := rapid.StringN(0, 4, 8).Draw(t, "data")
	switch rapid.SampledFrom([]string{
		"create", "create", "sequential", "put", "put", "set", "set", "delete", "delete", "check", "absent", "delete tree",
		"reads", "reads", "check session", "load", "load", "raise", "reap",
	}).Draw(t, "op") {
	case "create", "sequential", "put":
		return drawMaking(t, p, data, session)
	case "set":
		return set(p, data, drawTags(t, tw, p)...)
	case "delete":
		return remove(p, drawTags(t, tw, p)...)
	case "delete tree":
		return DeleteTreeOp(path(p), drawTags(t, tw, p)...)
	case "check":
		return check(p, drawTags(t, tw, p)...)
	case "reads":
		return rapid.SampledFrom([]Op{GetOp(path(p)), ChildrenOp(path(p)), ExistsOp(path(p))}).Draw(t, "read")
	case "check session":
		return drawCheckSession(t, tw, session)
	case "load":
		return drawLoad(t, tw, p, data)
	case "raise":
		return RaiseOp(path(p), uint64(rapid.IntRange(0, 12).Draw(t, "created")))
	case "reap":
		return drawReap(t, tw, p)
	}
	return absent(p)
}

// drawOps draws ops that seldom are refused as well as ones that often are: the longer a transaction, the likelier
// something in it is, so each op looks at the state the ones before it would leave.
func drawOps(t *rapid.T, tw *twin) *Txn {
	txn := &Txn{Session: drawSession(t, tw)}
	n := rapid.IntRange(1, 20).Draw(t, "ops")
	careful := rapid.Bool().Draw(t, "careful")
	ahead := tw.clone()
	for range n {
		op := drawOp(t, ahead, txn.Session != nil)
		if careful {
			if a := ahead.apply(&Txn{Ops: []Op{op}, Session: txn.Session}); a.code != "ok" {
				continue
			}
			ahead.zxid = tw.zxid // all share one
		}
		txn.Ops = append(txn.Ops, op)
	}
	if len(txn.Ops) == 0 {
		txn.Ops = []Op{check("/")}
	}
	return txn
}

var sessionNames = []string{"ann", "bob", "cid", "dan", "eve"}

func drawKey(t *rapid.T) SessionKey { return key(rapid.SampledFrom(sessionNames).Draw(t, "session")) }

// drawSession draws nobody, mostly one that lives, and sometimes one that does not.
func drawSession(t *rapid.T, tw *twin) *SessionKey {
	k := drawKey(t)
	switch live := tw.live(); {
	case rapid.IntRange(0, 9).Draw(t, "any") == 7:
		return &k
	case len(live) == 0 || rapid.IntRange(0, 9).Draw(t, "nobody") == 7:
		return nil
	default:
		k = rapid.SampledFrom(live).Draw(t, "live")
		return &k
	}
}

// live are the keys of those alive, oldest first.
func (t *twin) live() []SessionKey {
	return slices.SortedFunc(maps.Keys(t.sessions), func(a, b SessionKey) int {
		return cmp.Compare(t.sessions[a].owner, t.sessions[b].owner)
	})
}

func drawEnd(t *rapid.T, tw *twin) Op {
	owners := []int64{tw.zxid}
	for _, s := range tw.live() {
		owners = append(owners, tw.sessions[s].owner)
	}
	for _, e := range tw.ended {
		owners = append(owners, e.owner)
	}
	o := Owner(rapid.SampledFrom(owners).Draw(t, "owner"))
	switch rapid.IntRange(0, 4).Draw(t, "end") {
	case 0:
		return CloseSessionOp(drawKey(t))
	case 1:
		return KillSessionOp(o)
	}
	used := Zxid(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "slack"))
	for _, s := range tw.sessions {
		if Owner(s.owner) == o {
			used += Zxid(max(s.used-1, 0))
		}
	}
	return ExpireSessionOp(o, used, uint64(rapid.IntRange(1, 2).Draw(t, "term")))
}

// drawTxn draws a transaction, sometimes one of those in the past once more.
func drawTxn(t *rapid.T, tw *twin, past []*Txn) *Txn {
	alone := func(op Op) *Txn { return &Txn{Ops: []Op{op}} }
	what := rapid.SampledFrom([]string{
		"ops", "ops", "ops", "watch", "ops", "end", "watch", "unwatch", "ops", "watch", "open", "unwatch",
	}).Draw(t, "transaction")
	switch what {
	case "open":
		return drawOnce(t, past, alone(OpenSessionOp(drawKey(t), int64(rapid.IntRange(100, 102).Draw(t, "timeout")))))
	case "end":
		return drawOnce(t, past, alone(drawEnd(t, tw)))
	}
	session := drawSession(t, tw)
	if what == "ops" || session == nil {
		return drawOnce(t, past, drawOps(t, tw))
	}
	p := path(rapid.SampledFrom(universe()).Draw(t, "path"))
	mode := WatchMode(rapid.IntRange(int(DataWatch), int(PersistentRecursive)).Draw(t, "mode"))
	txn := &Txn{Session: session, Ops: []Op{AddWatchOp(p, mode)}}
	if what == "unwatch" {
		if mine := tw.watchesOf(*session); len(mine) > 0 && rapid.Bool().Draw(t, "there") {
			w := rapid.SampledFrom(mine).Draw(t, "watch")
			p = path(w.path)
			mode, _ = ParseWatchMode(w.mode)
		}
		if rapid.IntRange(0, 3).Draw(t, "any") == 0 {
			mode = AnyWatch
		}
		txn.Ops[0] = RemoveWatchOp(p, mode)
	}
	return txn
}

func (t *twin) watchesOf(k SessionKey) []twinWatch {
	return slices.DeleteFunc(slices.Clone(t.watches), func(w twinWatch) bool { return w.owner != t.sessions[k].owner })
}
