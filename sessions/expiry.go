package sessions

import (
	"context"
	"errors"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

const (
	// MaxProposals bounds the ends of sessions that are proposed and not yet committed.
	MaxProposals = 64
	// nextBatch is at how many of them the next are proposed: a quorum is asked once for each batch.
	nextBatch = MaxProposals / 2
	// confirmTimeout bounds how long a quorum is waited for.
	confirmTimeout = 2 * time.Second
	// proposeTimeout bounds how long the end of a session may take; then its outcome is unknown.
	proposeTimeout = 5 * time.Second
	// retryPause is how long an end of unknown outcome rests before it is proposed again.
	retryPause = time.Second
)

// retry is a lease whose end is to be proposed again.
type retry struct {
	lease *lease
	at    time.Duration
}

// expire proposes the ends of sessions that were not heard of, the next batch of them.
//
// A quorum has to confirm that this member leads, and all that was committed before to be applied here, before a deadline
// counts: a transaction of the session may have been committed and not yet noted. And the clock is looked at after that,
// once: if much time has passed since it was last looked at, nobody is judged by it.
func (t *tracker) expire(o *office) {
	if !t.anyDue(o) {
		return
	}
	ctx, cancel := context.WithTimeout(o.ctx, confirmTimeout)
	err := t.confirm(ctx)
	cancel()
	now := t.clock()
	if err != nil || !t.inOffice(o) {
		return // it comes back with the next tick
	}
	batch := t.choose(o, now)
	if len(batch) == 0 {
		return
	}
	t.log.Info("sessions were not heard of in time: ending them", "sessions", len(batch), "term", o.term)
	for _, l := range batch {
		t.wg.Go(func() { t.propose(o, l) })
	}
}

// anyDue says whether there is anything to do that a quorum has to be asked for.
func (t *tracker) anyDue(o *office) bool {
	for {
		due, settled := t.nextDue(o)
		if settled {
			return due
		}
	}
}

func (t *tracker) nextDue(o *office) (due, settled bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.suspect:
		return true, true
	case o.underWay > nextBatch:
		return false, true // the proposals that end will wake the loop
	case len(o.again) > 0 && o.again[0].at <= t.seen:
		return true, true
	}
	return o.table.due(t.seen, maxSteps)
}

// patience is how many times in a row a stall lets nobody be judged. A quorum that is always slow must not keep the silent
// alive: they have been granted their timeout by then, and were not heard of in it.
const patience = 3

// choose makes a batch of leases closing. After a stall it grants every session its timeout and chooses none, unless there is
// one stall after the other: it is called when a quorum has confirmed that this member leads.
func (t *tracker) choose(o *office, now time.Duration) []*lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.suspect {
		t.suspect = false
		o.table.grant(now)
		t.log.Info("every session that was heard of since the last stall is granted its timeout", "term", o.term, "sessions", len(o.table.leases))
		if t.stalls++; t.stalls < patience {
			return nil
		}
	}
	t.stalls = 0
	batch := t.batch[:0:max(MaxProposals-o.underWay, 0)]
	for len(batch) < cap(batch) && len(o.again) > 0 && o.again[0].at <= now {
		if l := o.again[0].lease; l.standing == unsure {
			batch = append(batch, l)
		}
		o.again = o.again[1:]
	}
	// What is not settled in so many steps comes with the next batch.
	batch, _ = o.table.take(batch, now, o.term, maxSteps)
	o.underWay += len(batch)
	return batch
}

// propose ends one session, or finds out that it can not.
func (t *tracker) propose(o *office, l *lease) {
	ctx, cancel := context.WithTimeout(o.ctx, proposeTimeout)
	defer cancel()
	r, err := t.member.Propose(ctx, &znode.Txn{Ops: []znode.Op{*l.end}})
	if err != nil {
		t.log.Debug("the end of a session was not carried out", "session", l.end.Session.Owner, "term", o.term, "error", err)
	}
	if t.settle(o, l, r, err) {
		t.poke()
	}
}

// settle takes over what became of a proposal, and says whether there is room for the next batch by it.
func (t *tracker) settle(o *office, l *lease, r *znode.Result, err error) bool {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.office != o {
		return false
	}
	o.settle(l, r, err, now)
	return o.underWay == nextBatch || o.underWay == 0
}

// settle is how a lease stands after a proposal of its end.
func (o *office) settle(l *lease, r *znode.Result, err error, now time.Duration) {
	o.underWay--
	switch {
	case l.standing == gone:
	case err == nil && (r.Code == znode.OK || r.Code == znode.SessionExpired):
		o.table.remove(l)
	case err == nil && r.Code == znode.SessionUsed:
		// A transaction of the session overtook its end. Whatever becomes of other proposals, they were judged alike.
		o.table.revive(l, now)
	case l.standing == closing && notDone(err):
		o.table.reprieve(l, now, retryPause)
	default:
		// Unknown; or of another term, in which case this office is over and will soon be noticed to be. What was unknown
		// once stays so, whatever becomes of further proposals.
		l.standing = unsure
		o.again = append(o.again, retry{l, now + retryPause})
	}
}

// notDone says whether the proposal is certain not to be carried out.
func notDone(err error) bool {
	if errors.Is(err, command.ErrUnknown) {
		return false
	}
	for _, known := range []error{
		command.ErrNoLeader, command.ErrBehind, command.ErrShuttingDown, command.ErrThrottled, command.ErrDiskFull,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// doom makes leases unsure: an end of theirs was proposed in this term before. One that was used since cannot end by that.
func (o *office) doom(ends map[znode.SessionKey]znode.Op, now time.Duration) {
	for k, end := range ends {
		if l := o.table.leases[k]; l != nil && l.session.Used <= end.Session.Used {
			l.standing, l.end = unsure, &end
			o.table.stale++
			o.again = append(o.again, retry{l, now})
		}
	}
}
