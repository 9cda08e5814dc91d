package znode

// outcomes reads the last section and looks into every outcome.
func (d *decoder) outcomes(s *State) error {
	if err := d.section(sectionOutcomes); err != nil {
		return err
	}
	o, x := &s.Outcomes, outcomeIndex{byKey: make(map[[16]byte]place)}
	last := int64(0)
	for range d.count(MaxOutcomes) {
		b, err := d.str(maxOneOutcomeBytes)
		if err != nil {
			return err
		}
		one, ok := checkOutcome(b, s)
		if !ok || one.due < last {
			return corrupt("an outcome cannot be")
		}
		last = one.due
		if o.add(one, &x); o.bytes > MaxOutcomeBytes {
			return corrupt("its outcomes are too long")
		}
	}
	return d.bad
}

// maxOneOutcomeBytes is at least what one outcome can take: a stat and a number for each op, and what they read.
const maxOneOutcomeBytes = MaxTxnOps*256 + 2*MaxKeptReadBytes + MaxPathBytes

// checkOutcome takes bytes apart that may be anything.
func checkOutcome(b []byte, s *State) (one outcome, ok bool) {
	c := checker{b: b}
	copy(one.key[:], c.take(len(one.key)))
	copy(one.print[:], c.take(len(one.print)))
	one.zxid, one.due, one.owner = Zxid(c.num()), int64(c.num()), Owner(c.num())
	size := c.num()
	if c.bad || size != uint64(len(c.b)) || one.zxid == 0 || one.zxid > s.Zxid || Zxid(one.owner) > one.zxid ||
		one.due < OutcomeTime || one.due > s.Time+OutcomeTime {
		return one, false
	}
	one.body = c.b
	return one, c.outcome(&Result{}, one.zxid, -1)
}
