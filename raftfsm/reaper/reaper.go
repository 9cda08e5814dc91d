package reaper

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holt/raftfsm/znode"
)

const (
	// LookEvery is the longest time between two looks at what is due: what is made with a short TTL, and who leads, is
	// noticed by then.
	LookEvery = time.Second
	// OfficeGrace is how long a member that comes into office lets other writes go first.
	OfficeGrace = time.Second
	// MaxPerSecond bounds the znodes that are proposed to be reaped.
	MaxPerSecond = 1000
	// BatchSize bounds those proposed together, each in a transaction of its own. Larger ones would be in the way of
	// other writes, smaller ones cost more.
	BatchSize = 64
	// RetryAfter is how long what was refused rests, unless it was changed meanwhile.
	RetryAfter = 10 * time.Second

	// batchPause is between two batches.
	batchPause = time.Second * BatchSize / MaxPerSecond
	// failPause is how long to wait when nobody carries out a batch, or nobody knows whether it was.
	failPause = time.Second
	// proposeTimeout bounds how long a batch may take; then its outcome is unknown.
	proposeTimeout = 5 * time.Second
)

// Member is what a reaper needs of the member it is on.
type Member interface {
	// State is this member's own, without waiting for anyone.
	State() (*znode.State, error)
	// Office says whether this member leads, in which term, and has applied an entry of it. It does not wait.
	Office() (term uint64, leads bool)
	// ProposeAll carries out transactions, each for itself, and gives their results. Errors are those of package command.
	ProposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error)
}

// Config is what a Reaper is made of.
type Config struct {
	// Member is whose state is looked at, and who proposes. It must be there.
	Member Member
	// Logger gets what happens, at debug. Nil: nobody does.
	Logger *slog.Logger
	// Now is the clock that the member gives entries their time by. Default time.Now.
	Now func() time.Time
	// Reaped is told of each batch how many znodes of a mode it took: znode.Container or znode.PersistentWithTTL. It must not
	// wait. Those of unknown outcome are not counted. Nil: nobody is told.
	Reaped func(mode znode.Mode, n int)
}

// Reaper is the one goroutine.
type Reaper struct {
	cfg    Config
	ctx    context.Context // ends it
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// Of the goroutine alone.
	term  uint64 // of the office it reaps in; 0: none
	sweep sweep
}

// Start begins to work.
func Start(cfg Config) *Reaper {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Reaped == nil {
		cfg.Reaped = func(znode.Mode, int) {}
	}
	r := &Reaper{cfg: cfg}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Go(r.run)
	return r
}

// Close ends it, and waits for that. What is proposed may be carried out all the same.
func (r *Reaper) Close() error {
	r.cancel()
	r.wg.Wait()
	return nil
}

func (r *Reaper) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-timer.C:
			timer.Reset(r.turn())
		}
	}
}

// turn does what there is to do now, and says how long to wait then.
func (r *Reaper) turn() time.Duration {
	term, leads := r.cfg.Member.Office()
	switch {
	case !leads:
		r.term = 0
		return LookEvery
	case term != r.term:
		r.term, r.sweep = term, sweep{}
		return OfficeGrace
	}
	s, err := r.cfg.Member.State()
	if err != nil {
		return LookEvery
	}
	// Apply's time will not be less than this, or the clock was set back meanwhile.
	now := max(s.Time, r.cfg.Now().UnixMilli())
	batch, next := r.sweep.next(s.Tree, now)
	if len(batch) == 0 {
		return min(LookEvery, max(batchPause, time.Duration(min(next-now, LookEvery.Milliseconds()))*time.Millisecond))
	}
	if !r.propose(batch) {
		return failPause
	}
	return batchPause
}

// propose has a batch carried out, and says whether it is known to have been.
func (r *Reaper) propose(batch []*znode.Node) bool {
	txns := make([]znode.Txn, len(batch))
	for i, n := range batch {
		txns[i].Ops = []znode.Op{znode.ReapOp(n.Path(), seen(n))}
	}
	ctx, cancel := context.WithTimeout(r.ctx, proposeTimeout)
	defer cancel()
	results, err := r.cfg.Member.ProposeAll(ctx, txns)
	if err != nil {
		r.cfg.Logger.Debug("znodes that are due were not reaped, or nobody knows", "znodes", len(batch), "term", r.term, "error", err)
		return false
	}
	var containers, ttls, refused int
	for i, res := range results {
		switch {
		case res.Code != znode.OK:
			refused++
			if unchanged(batch[i], res) {
				r.sweep.refused = true
			}
		case batch[i].Mode() == znode.Container:
			containers++
		default:
			ttls++
		}
	}
	r.sweep.passed(batch)
	r.tell(znode.Container, containers)
	r.tell(znode.PersistentWithTTL, ttls)
	r.cfg.Logger.Debug("znodes were reaped", "containers", containers, "ttls", ttls, "refused", refused, "term", r.term)
	return true
}

func (r *Reaper) tell(m znode.Mode, n int) {
	if n > 0 {
		r.cfg.Reaped(m, n)
	}
}

// seen is what a znode is told by from what may be at its path later.
func seen(n *znode.Node) znode.Tag { return znode.Tag{Version: n.Version(), Czxid: n.Czxid()} }

// unchanged says whether a znode was refused to be reaped as it was seen: it will be due in the next look as well. Of all
// other refusals the next look knows better. A container that was used meanwhile has the same tag, but is due later.
func unchanged(n *znode.Node, res *znode.Result) bool {
	found := res.Ops[0].Node
	return res.Code == znode.BadVersion && found != nil && seen(found) == seen(n) && placeOf(found) == placeOf(n)
}
