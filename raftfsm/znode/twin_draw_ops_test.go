package znode

import (
	"fmt"

	"pgregory.net/rapid"
)

// drawTime draws what time it is next: mostly the same as before, sometimes minutes later, or about when something is over.
func drawTime(t *rapid.T, tw *twin) int64 {
	now := tw.time + int64(rapid.IntRange(-2, 5).Draw(t, "passed"))
	switch rapid.IntRange(0, 39).Draw(t, "long") {
	case 0:
		now += TombstoneTime / 2
	case 1, 2:
		now += int64(rapid.IntRange(100_000, OutcomeTime+10).Draw(t, "minutes"))
	case 3, 4, 5:
		if len(tw.outcomes) > 0 {
			now = rapid.SampledFrom(tw.outcomes).Draw(t, "kept").due + int64(rapid.IntRange(0, 1).Draw(t, "past it"))
		}
	case 6, 7, 8:
		if goes := tw.goers(now + 400_000); len(goes) > 0 {
			due, _ := tw.due(rapid.SampledFrom(goes).Draw(t, "goes"))
			now = max(now, due-int64(rapid.IntRange(0, 1).Draw(t, "before it")))
		}
	}
	return now
}

// drawMaking draws a create or a put of any mode.
func drawMaking(t *rapid.T, p, data string, session bool) Op {
	modes := []Mode{Persistent, Container, PersistentWithTTL, Persistent, Container, PersistentSequential, PersistentSequentialWithTTL}
	if session && rapid.IntRange(0, 3).Draw(t, "persistent") < 3 {
		modes = []Mode{Ephemeral, Ephemeral, EphemeralSequential}
	}
	m := rapid.SampledFrom(modes).Draw(t, "mode")
	op := Op{Kind: Create, Mode: m, Data: data, Parents: rapid.IntRange(0, 3).Draw(t, "parents") == 3}
	switch {
	case m.Sequential():
		if p != "/" {
			p += rapid.SampledFrom([]string{"", "/", "/b"}).Draw(t, "suffix")
		}
	case rapid.Bool().Draw(t, "put"):
		op.Kind = Put
	}
	op.Path = Path(prefix(p))
	if m.HasTTL() {
		op.TTL = drawTTL(t)
	}
	return op
}

func drawTTL(t *rapid.T) int64 {
	return rapid.SampledFrom([]int64{1, 5, 300_000, MaxTTL}).Draw(t, "ttl")
}

// drawCheckSession draws the transaction's own session, or any there is, was, or was never.
func drawCheckSession(t *rapid.T, tw *twin, session bool) Op {
	var owners []Owner
	if session {
		owners = append(owners, 0)
	}
	for _, k := range tw.live() {
		owners = append(owners, Owner(tw.sessions[k].owner))
	}
	if len(owners) == 0 || rapid.IntRange(0, 9).Draw(t, "not alive") == 0 {
		owners = []Owner{1, 77}
	}
	return CheckSessionOp(rapid.SampledFrom(owners).Draw(t, "owner"))
}

// drawLoad draws a load that is seldom of the same mode by chance, so it often takes that of the znode that is there.
func drawLoad(t *rapid.T, tw *twin, p, data string) Op {
	m := rapid.SampledFrom([]Mode{Persistent, Container, PersistentWithTTL}).Draw(t, "mode")
	ttl := int64(0)
	if m.HasTTL() {
		ttl = drawTTL(t)
	}
	n, exists := tw.nodes[p]
	if exists && n.owner == 0 && rapid.IntRange(0, 3).Draw(t, "alike") > 0 {
		m, ttl = n.mode()
		if rapid.Bool().Draw(t, "same") {
			data = n.data
		}
	}
	return LoadOp(path(p), data, m, ttl, rapid.Bool().Draw(t, "replace"))
}

// drawReap draws what a leader that looks at the tree proposes, and what one proposes that looked too long ago.
func drawReap(t *rapid.T, tw *twin, p string) Op {
	if goes := tw.goers(tw.now); len(goes) > 0 && rapid.IntRange(0, 4).Draw(t, "any") > 0 {
		p = rapid.SampledFrom(goes).Draw(t, "goes")
	}
	n := tw.nodes[p]
	seen := Tag{Version: n.version, Czxid: Zxid(n.czxid)}
	switch rapid.IntRange(0, 9).Draw(t, "stale") {
	case 0:
		seen.Czxid++
	case 1:
		seen.Version++
	}
	return ReapOp(path(p), seen)
}

// drawOnce gives a transaction a key, if it can have one: a new one, or that of a transaction in the past. Or it is that one again.
func drawOnce(t *rapid.T, past []*Txn, txn *Txn) *Txn {
	for _, op := range txn.Ops {
		if op.Kind == Reap {
			return txn
		}
	}
	switch what := rapid.IntRange(0, 9).Draw(t, "once"); {
	case what < 3:
		txn.Once = NewOnce(fmt.Sprint(len(past)), txn)
	case what < 6 && len(past) > 0:
		again := *past[len(past)-1-rapid.IntRange(0, min(len(past)-1, 20)).Draw(t, "ago")]
		if s := again.Ops[0].Session; again.Ops[0].Kind == OpenSession {
			again.Ops = []Op{OpenSessionOp(drawKey(t), s.Timeout)} // whoever asks again has another id at hand
		}
		txn = &again
	case what == 6 && len(past) > 0:
		one := past[len(past)-1-rapid.IntRange(0, min(len(past)-1, 5)).Draw(t, "ago")]
		txn.Once = &Once{Key: one.Once.Key, Print: txn.Fingerprint()}
	}
	if first := &txn.Ops[0]; first.Kind == OpenSession && txn.Once != nil {
		first.Session.Seal = Seal{byte(rapid.IntRange(0, 255).Draw(t, "seal"))}
	}
	return txn
}
