package sessions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// Member is what leases need of the member they are on.
type Member interface {
	// Propose carries out a transaction. Errors are those of package command.
	Propose(ctx context.Context, txn *znode.Txn) (*znode.Result, error)
	// State is this member's own, without waiting for anyone.
	State() (*znode.State, error)
	// Office says whether this member leads, in which term, and has applied an entry of it. It does not wait.
	Office() (term uint64, leads bool)
	// Confirm returns nil once a quorum has confirmed, after the call, that this member leads, and all that was committed
	// before the call is applied here and was told to Leases.Applied.
	Confirm(ctx context.Context) error
	// AskLeader hands a payload to Leases.OnAsk of the member that leads, maybe this one.
	AskLeader(ctx context.Context, payload []byte) ([]byte, error)
}

// Config is what Leases are made of.
type Config struct {
	// Logger gets what happens. Nil: nobody does.
	Logger *slog.Logger
}

// askTimeout bounds one question to the leader.
const askTimeout = 2 * time.Second

// Leases keeps the leases while its member leads, and asks whoever does otherwise. All its methods can be called by many.
type Leases struct {
	tracker  *tracker
	renewals *asker[znode.SessionKey]
	looks    *asker[znode.Owner]
	member   Member // since Start; of the goroutines that it starts

	ctx    context.Context // ends everything
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
}

// New is leases of a member that is not there yet: until Start, questions wait and nobody expires.
func New(cfg Config) *Leases {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Leases{}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tracker = newTracker(l.ctx, log)
	l.renewals = newAsker(l.askRenewal)
	l.looks = newAsker(l.askLook)
	return l
}

// Start begins to work for a member. It is called once.
func (l *Leases) Start(m Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.member, l.tracker.member = m, m
	l.wg.Go(l.tracker.run)
	l.wg.Go(func() { l.renewals.run(l.ctx) })
	l.wg.Go(func() { l.looks.run(l.ctx) })
}

// Close ends what is waiting with command.ErrShuttingDown and waits for all goroutines. Nobody expires by it.
func (l *Leases) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.renewals.close()
	l.looks.close()
	l.wg.Wait()
	return nil
}

// Applied tells what committed commands meant for sessions, in their order, once a state that has it can be read. It does
// not wait for anyone and does not keep the slice.
func (l *Leases) Applied(changes []command.SessionChange) { l.tracker.applied(changes) }

// OnAsk answers the question of some member to the leader. The error says that this member can not answer, now.
func (l *Leases) OnAsk(ctx context.Context, payload []byte) ([]byte, error) {
	q, err := decodeQuestion(payload)
	if err != nil {
		return nil, err
	}
	var answers []answer
	switch q.kind {
	case askRenew:
		answers, err = l.tracker.renew(ctx, q.keys)
	case askTouch:
		err = l.tracker.touch(q.keys)
	case askLook:
		answers, err = l.tracker.look(ctx, q.owners)
	}
	if err != nil {
		return nil, err
	}
	return appendAnswers(nil, q.kind, answers), nil
}

// Keepalive renews the sessions with these keys, through whoever leads, and says of each how it stands, in their order.
// It waits for a leader as long as ctx lasts, and so it does for the end of a session that is being proposed.
//
// Any error means that nothing is known to be renewed: command.ErrNoLeader when ctx ends first, command.ErrThrottled when
// more than MaxWaiting are waiting on this member, command.ErrShuttingDown.
func (l *Leases) Keepalive(ctx context.Context, keys []znode.SessionKey) ([]command.Lease, error) {
	return l.renewals.get(ctx, keys)
}

// Look says how sessions stand, in the order of their names, without renewing them. Errors are those of Keepalive.
func (l *Leases) Look(ctx context.Context, owners []znode.Owner) ([]command.Lease, error) {
	return l.looks.get(ctx, owners)
}

// Touch passes on in the background that the session with this key was heard of. It never waits. If the leader can not be
// asked at once, or more than MaxTouches are waiting, it is forgotten.
func (l *Leases) Touch(k znode.SessionKey) { l.renewals.touch(k) }

// askRenewal asks the leader once. Where nobody waits for the answer, the leader need not confirm anything.
func (l *Leases) askRenewal(ctx context.Context, keys []znode.SessionKey, waitedFor bool) ([]answer, error) {
	kind := askTouch
	if waitedFor {
		kind = askRenew
	}
	return l.ask(ctx, appendKeys(nil, kind, keys), kind, len(keys))
}

func (l *Leases) askLook(ctx context.Context, owners []znode.Owner, _ bool) ([]answer, error) {
	return l.ask(ctx, appendOwners(nil, owners), askLook, len(owners))
}

func (l *Leases) ask(ctx context.Context, payload []byte, kind askKind, n int) ([]answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	l.tracker.tally.questions.Add(1)
	b, err := l.member.AskLeader(ctx, payload)
	if err != nil {
		return nil, err
	}
	answers, err := decodeAnswers(b, kind)
	if err == nil && kind != askTouch && len(answers) != n {
		err = errors.New("the leader answered another question")
	}
	return answers, err
}
