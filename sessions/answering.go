package sessions

import (
	"context"
	"fmt"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// errNotKept says that this member keeps no leases: it does not lead, or has not begun to.
var errNotKept = fmt.Errorf("%w: this member keeps no leases", command.ErrNoLeader)

// current is the office this member has and knows to have.
func (t *tracker) current() (*office, error) {
	o := t.held()
	if o == nil || !t.inOffice(o) {
		t.poke()
		return nil, errNotKept
	}
	return o, nil
}

// confirm asks a quorum whether this member leads. That it can not be asked, or only slowly, is a stall.
func (t *tracker) confirm(ctx context.Context) error {
	start := t.now()
	err := t.member.Confirm(ctx)
	switch took := t.now() - start; {
	case took > stallLimit:
		t.suspicion("a quorum did not answer in time", took)
	case err != nil && ctx.Err() == nil:
		t.suspicion("a quorum could not be asked", took)
	}
	return err
}

// touch notes that these sessions were heard of. Nothing is acknowledged.
func (t *tracker) touch(keys []znode.SessionKey) error {
	o, err := t.current()
	if err != nil {
		return err
	}
	return t.record(o, keys, t.now(), nil)
}

// record notes that these sessions were heard of at that time, and in recorded of which that could be noted.
func (t *tracker) record(o *office, keys []znode.SessionKey, at time.Duration, recorded []*lease) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.office != o {
		return errNotKept
	}
	renewed := uint64(0)
	for i, k := range keys {
		l := o.table.leases[k]
		if l == nil || !o.table.renew(l, at) {
			continue
		}
		renewed++
		if recorded != nil {
			recorded[i] = l
		}
	}
	if recorded != nil {
		t.tally.renewals.Add(renewed)
	} else {
		t.tally.touches.Add(renewed)
	}
	return nil
}

// renew records renewals, has it confirmed that this member led when they had been, and says how the sessions stand.
func (t *tracker) renew(ctx context.Context, keys []znode.SessionKey) ([]answer, error) {
	o, err := t.current()
	if err != nil {
		return nil, err
	}
	recorded, since := make([]*lease, len(keys)), time.Now()
	if err := t.record(o, keys, t.now(), recorded); err != nil {
		return nil, err
	}
	if err := t.confirm(ctx); err != nil {
		return nil, err
	}
	if !t.inOffice(o) {
		return nil, errNotKept
	}
	answers := make([]answer, 0, len(keys))
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	// Under the lock: what a later state has of these sessions is applied to the table after this.
	state, err := t.member.State()
	if err != nil || t.office != o {
		return nil, errNotKept
	}
	for i, k := range keys {
		answers = append(answers, o.renewed(state.Sessions, k, recorded[i], time.Since(since), now))
	}
	return answers, nil
}

// renewed is how a session stands once all that was committed before it was renewed has been told to the table and is in
// the state. The recorded lease is nil if it could not be renewed.
//
// What it has left is reckoned from when the renewal was recorded, so long ago. A later one may be noted already, but whether
// this member led then is not known yet.
func (o *office) renewed(s *znode.Sessions, k znode.SessionKey, recorded *lease, ago, now time.Duration) answer {
	if recorded != nil && recorded.standing == held {
		return recorded.alive(recorded.timeout() - ago)
	}
	session := s.ByKey(k)
	if session == nil {
		return over(s.EndedByKey(k))
	}
	if o.table.leases[k] == nil {
		o.table.open(session, now) // it was opened just now
	}
	return answer{status: askAgain}
}

// look says how sessions stand.
func (t *tracker) look(ctx context.Context, owners []znode.Owner) ([]answer, error) {
	o, err := t.current()
	if err != nil {
		return nil, err
	}
	if err := t.confirm(ctx); err != nil {
		return nil, err
	}
	if !t.inOffice(o) {
		return nil, errNotKept
	}
	answers := make([]answer, 0, len(owners))
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	state, err := t.member.State()
	if err != nil || t.office != o {
		return nil, errNotKept
	}
	for _, owner := range owners {
		session := state.Sessions.Get(owner)
		if session == nil {
			answers = append(answers, over(state.Sessions.Ended(owner)))
			continue
		}
		l := o.table.leases[session.Key]
		if l == nil {
			l = o.table.open(session, now)
		}
		left := o.table.deadline(l) - now
		if l.standing != held {
			left = 0 // its end is proposed
		}
		answers = append(answers, l.alive(left))
	}
	return answers, nil
}

// alive is the answer about a session that can be used for so long without renewal.
func (l *lease) alive(left time.Duration) answer {
	ms := min(max(left.Milliseconds(), 0), l.session.Timeout)
	return answer{status: isAlive, lease: command.Lease{Owner: l.session.Owner, Alive: true, Timeout: l.session.Timeout, ExpiresIn: ms}}
}

// over is the answer about a session that has ended, or never was.
func over(left *znode.Tombstone) answer {
	if left == nil {
		return answer{status: isOver}
	}
	return answer{status: isOver, lease: command.Lease{Owner: left.Owner, Reason: left.Reason}}
}
