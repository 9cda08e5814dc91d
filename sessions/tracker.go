package sessions

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

const (
	// tick is how often deadlines are looked at.
	tick = 100 * time.Millisecond
	// stallLimit is how long the clock may go without being looked at, and a quorum without answering, before this leader
	// takes itself to have been stalled.
	stallLimit = 500 * time.Millisecond
	// maxBacklog bounds the changes that gather while a new leader makes its table; at more it begins again.
	maxBacklog = 100_000
	// maxSteps bounds the turns that are put right at a time, since applying waits meanwhile.
	maxSteps = 2048
)

// tracker keeps the leases while its member leads.
type tracker struct {
	log    *slog.Logger
	member Member
	ctx    context.Context // ends everything
	base   time.Time       // of the clock
	wake   chan struct{}   // has room for one: the loop has something to do before its next tick
	wg     sync.WaitGroup  // of proposals
	tally  tally

	// Of the loop alone.
	seen   time.Duration                 // when the clock was looked at last
	doomed map[znode.SessionKey]znode.Op // the ends of those that were closing when the office was lost, should the same term come back
	last   uint64                        // the term of the doomed
	batch  [MaxProposals]*lease          // room

	mu      sync.Mutex // guards what follows, and the table of the office
	office  *office    // nil while this member keeps no leases
	arming  bool       // between reading a state and having a table of it; changes gather in backlog
	backlog []command.SessionChange
	stalls  int  // in a row, of those that let nobody be judged
	suspect bool // a stall was noticed: nobody may be judged by the deadlines there are
}

// office is what a leader has in one term.
type office struct {
	term   uint64
	ctx    context.Context // ends with it
	cancel context.CancelFunc

	// Guarded by tracker.mu.
	table    *table
	underWay int     // proposals
	again    []retry // by time
}

func newTracker(ctx context.Context, log *slog.Logger) *tracker {
	return &tracker{ctx: ctx, log: log, base: time.Now(), wake: make(chan struct{}, 1)}
}

// now is the clock. The loop uses clock.
func (t *tracker) now() time.Duration { return time.Since(t.base) }

// clock is now for whoever judges by it: it notices that it was not looked at for too long.
func (t *tracker) clock() time.Duration {
	now := t.now()
	if gap := now - t.seen; gap > stallLimit {
		t.suspicion("the leases were not looked at", gap)
	}
	t.seen = now
	return now
}

// suspicion lets nobody expire before all have been granted their timeout.
func (t *tracker) suspicion(why string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.office != nil && !t.suspect {
		t.suspect = true
		t.tally.stalls.Add(1)
		t.log.Warn("this leader may have been stalled: nobody expires until a quorum confirms that it leads, and then every session is granted its timeout",
			"reason", why, "took", took, "term", t.office.term)
	}
}

func (t *tracker) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run is the loop.
func (t *tracker) run() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	t.seen = t.now()
	for {
		t.turn()
		select {
		case <-t.ctx.Done():
			t.disarm()
			t.wg.Wait()
			return
		case <-ticker.C:
		case <-t.wake:
		}
	}
}

// turn does what there is to do now.
func (t *tracker) turn() {
	t.clock()
	o := t.held()
	term, leads := t.member.Office()
	if o != nil && (!leads || term != o.term) {
		t.disarm()
		o = nil
	}
	switch {
	case !leads:
	case o == nil:
		t.arm(term)
	default:
		t.expire(o)
	}
}

// held is the office this member has, as far as the tracker has noticed, or nil.
func (t *tracker) held() *office {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.office
}

// inOffice says whether this member leads in the term of o still, as far as it knows.
func (t *tracker) inOffice(o *office) bool {
	term, leads := t.member.Office()
	return leads && term == o.term
}

// arm begins to keep leases: every session is granted its timeout. The table is made beside the applying of changes,
// which gather meanwhile; what the state has already is applied to it again.
func (t *tracker) arm(term uint64) {
	t.mu.Lock()
	t.arming, t.backlog = true, nil
	t.mu.Unlock()
	o, now := &office{term: term}, time.Duration(0)
	state, err := t.member.State()
	if err == nil {
		o.table = newTable(state.Sessions, t.clock())
		now = t.clock()
		o.table.begin(now)
		if t.last == term {
			o.doom(t.doomed, now)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	backlog := t.backlog
	t.arming, t.backlog = false, nil
	if err != nil || len(backlog) > maxBacklog {
		t.log.Warn("the leases could not be taken over yet", "term", term, "error", err)
		return
	}
	o.table.apply(backlog, now)
	o.ctx, o.cancel = context.WithCancel(t.ctx)
	t.office, t.suspect, t.doomed = o, false, nil
	t.log.Info("keeping the leases: every session is granted its timeout", "term", term, "sessions", len(o.table.leases))
}

// disarm forgets the leases. Should the member turn out to be in the same office again, those whose end it has proposed must
// not come back to life.
func (t *tracker) disarm() {
	t.mu.Lock()
	o := t.office
	t.office = nil
	t.mu.Unlock()
	if o == nil {
		return
	}
	o.cancel()
	t.last, t.doomed = o.term, make(map[znode.SessionKey]znode.Op)
	for key, l := range o.table.leases { // nobody else looks at it any more
		if l.standing != held {
			t.doomed[key] = *l.end
		}
	}
	t.log.Info("no longer keeping the leases", "term", o.term)
}

// applied takes over what committed commands meant for sessions.
func (t *tracker) applied(changes []command.SessionChange) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.arming:
		if len(t.backlog) <= maxBacklog {
			t.backlog = append(t.backlog, changes...)
		}
	case t.office != nil:
		t.office.table.apply(changes, now)
	}
}
