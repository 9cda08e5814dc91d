package znode

// forgetPerOutcome bounds how many outcomes are looked at to be forgotten for each that is kept: more than one, so that what has
// gathered shrinks, and few enough to be done in passing.
const forgetPerOutcome = 16

// keptOutcome is the outcome of an earlier transaction under the key of this one, if it is still to be had. What is past its time and
// not forgotten yet counts as forgotten, or it would depend on chance.
func (m *Machine) keptOutcome(key [16]byte) (o outcome, ok bool) {
	if o, ok = m.outcomes.find(key, &m.index); ok && o.due < m.now && !m.lives(o.owner) {
		ok = false
	}
	return o, ok
}

// lives says whether an outcome's session is alive.
func (m *Machine) lives(o Owner) bool { return o != 0 && m.sessions.Get(o) != nil }

// keep remembers how a transaction ended.
func (m *Machine) keep(txn *Txn, r *Result) {
	one := outcome{key: txn.Once.Key, print: txn.Once.Print, zxid: r.Zxid, due: m.now + OutcomeTime}
	if m.session != nil {
		one.owner = m.session.Owner
	} else if s := r.Ops[0].Session; s != nil && txn.Ops[0].Kind == OpenSession {
		one.owner = s.Owner
	}
	m.body = appendOutcome(m.body[:0], txn, r)
	one.body = m.body
	m.outcomes.add(one, &m.index)
	if cap(m.body) > chunkBytes {
		m.body = nil
	}
	for range forgetPerOutcome {
		if !m.forgetOutcome() {
			break
		}
	}
	m.outcomes.trim(MaxOutcomes, MaxOutcomeBytes, &m.index)
	m.dirty = true
}

// forgetOutcome forgets the oldest outcome if its time is over, and says whether it was. That of a living session is kept for
// another while; it is not looked at again before.
func (m *Machine) forgetOutcome() bool {
	if m.outcomes.Len() == 0 {
		return false
	}
	o := m.outcomes.head()
	if o.due >= m.now {
		return false
	}
	if p := m.index.byKey[o.key]; m.lives(o.owner) && p == (place{m.index.first, uint32(m.outcomes.start)}) {
		o.due = m.now + OutcomeTime
		m.outcomes.add(o, &m.index)
	}
	m.outcomes.drop(&m.index)
	return true
}

// replay is the result that was kept, for the same transaction come again.
func (m *Machine) replay(txn *Txn, o outcome) *Result {
	r := newResult(len(txn.Ops))
	r.Zxid, r.Replayed = o.zxid, true
	c := checker{b: o.body}
	if o.print != txn.Once.Print || !c.outcome(r, o.zxid, len(txn.Ops)) {
		r.Ops = append(r.Ops[:0], refused(IdempotencyMismatch, txn.Ops[0].Path, nil))
		r.refuse(len(txn.Ops))
		r.Zxid, r.Replayed = m.zxid, false
		return r
	}
	// The session of the outcome is the transaction's, if it was alive.
	r.SessionOver = r.Code == SessionExpired && txn.Session != nil && o.owner == 0
	for i := range r.Ops { // what the transaction says is not kept twice
		op := &r.Ops[i]
		if op.kept != nil && op.kept.path == (Path{}) {
			op.kept.path = Path{txn.Ops[i].Path.String() + op.kept.number}
		}
		if i == r.Failed && op.Path == (Path{}) || op.Loaded == LoadedNot {
			op.Path = txn.Ops[i].Path
		}
	}
	return r
}
