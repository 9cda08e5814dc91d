package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is several members around one state, without a log: what is proposed is applied everywhere at once. Leadership goes
// where the test says.
type fake struct {
	testing.TB
	state   atomic.Pointer[znode.State]
	members []*member

	mu      sync.Mutex // guards what follows
	machine *znode.Machine
	term    uint64
	leader  *member // nil: nobody
	ends    []ending
	deaths  map[znode.SessionKey]ending
	asks    []asked
}

// ending is the end of a session, as it was applied.
type ending struct {
	session *znode.Session
	at      time.Time
	term    uint64 // of the leader
}

// asked is one question that reached a leader.
type asked struct {
	at   time.Time
	from *member
	kind askKind
	keys int
}

// member is one of them. The test sets what goes wrong, before or while it does.
type member struct {
	*fake
	name   string
	leases *Leases

	mu       sync.Mutex // guards what follows
	term     uint64     // of the office it believes to have; 0: none
	cut      bool       // from all others
	latency  time.Duration
	confirm  func(ctx context.Context) error                                  // instead, if not nil
	propose  func(ctx context.Context, txn *znode.Txn) (*znode.Result, error) // instead, if not nil
	stalled  chan struct{}                                                    // until it is closed, nothing of this process goes on
	stallAt  string                                                           // only at this call
	stateErr error
	counts
}

// counts is how often a member was called.
type counts struct {
	confirms, proposed int
	now, most          int // proposals under way
}

func (m *member) counted() counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// cluster is so many members of whom the first leads, in term 1.
func cluster(tb testing.TB, members int) *fake {
	f := &fake{TB: tb, machine: znode.NewMachine(), deaths: make(map[znode.SessionKey]ending)}
	f.state.Store(f.machine.State())
	for i := range members {
		f.members = append(f.members, &member{fake: f, name: string(rune('a' + i)), leases: New(Config{})})
	}
	for _, m := range f.members {
		m.leases.Start(m)
	}
	return f
}

// led is a cluster whose first member leads and keeps the leases.
func led(tb testing.TB, members int) *fake {
	f := cluster(tb, members)
	f.lead(0)
	time.Sleep(tick + time.Millisecond)
	return f
}

func (f *fake) close() {
	for _, m := range f.members {
		if err := m.leases.Close(); err != nil {
			f.Error(err)
		}
	}
}

// lead makes a member the leader of the next term. Whoever led is told.
func (f *fake) lead(i int) {
	f.depose(true)
	f.mu.Lock()
	f.leader = f.members[i]
	f.term++
	term := f.term
	f.mu.Unlock()
	f.members[i].set(func(m *member) { m.term = term })
}

// depose ends the leader's term. Without being told, it goes on believing that it leads.
func (f *fake) depose(told bool) {
	f.mu.Lock()
	old := f.leader
	f.leader = nil
	f.mu.Unlock()
	if old != nil && told {
		old.set(func(m *member) { m.term = 0 })
	}
}

func (m *member) set(change func(*member)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// stall stops the process of a member until resume, at any of its calls, or only at that one.
func (m *member) stall(at string) {
	m.set(func(m *member) { m.stalled, m.stallAt = make(chan struct{}), at })
}

func (m *member) resume() {
	m.set(func(m *member) { close(m.stalled); m.stalled = nil })
}

// pass is where the process may be stopped.
func (m *member) pass(at string) {
	m.mu.Lock()
	c := m.stalled
	if m.stallAt != at && (m.stallAt != "" || at == "state") {
		c = nil // a state is also read under the tracker's lock, and who waits for that stops virtual time
	}
	m.mu.Unlock()
	if c != nil {
		<-c
	}
}

func (m *member) State() (*znode.State, error) {
	s := m.fake.state.Load()
	m.pass("state")
	m.mu.Lock()
	defer m.mu.Unlock()
	return s, m.stateErr
}

func (m *member) Office() (uint64, bool) {
	m.pass("office")
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.term, m.term != 0
}

// leads says whether this member really leads, and can show it.
func (m *member) leads() bool {
	m.fake.mu.Lock()
	defer m.fake.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leader == m && m.term == m.fake.term && !m.cut
}

func (m *member) Confirm(ctx context.Context) error {
	m.mu.Lock()
	m.confirms++
	instead, latency := m.confirm, m.latency
	m.mu.Unlock()
	m.pass("confirm")
	defer m.pass("confirmed")
	if instead != nil {
		return instead(ctx)
	}
	if !rest(ctx, latency) || !m.leads() {
		return command.ErrNoLeader
	}
	return nil
}

func (m *member) Propose(ctx context.Context, txn *znode.Txn) (*znode.Result, error) {
	m.mu.Lock()
	m.proposed++
	m.now++
	m.most = max(m.most, m.now)
	instead, latency := m.propose, m.latency
	m.mu.Unlock()
	defer m.set(func(m *member) { m.now-- })
	m.pass("propose")
	if instead != nil {
		return instead(ctx, txn)
	}
	if !rest(ctx, latency) {
		return nil, command.ErrUnknown
	}
	m.mu.Lock()
	cut := m.cut
	m.mu.Unlock()
	if cut {
		<-ctx.Done()
		return nil, command.ErrUnknown
	}
	return m.carryOut(txn)
}

// carryOut applies a transaction in the current term.
func (f *fake) carryOut(txn *znode.Txn) (*znode.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leader == nil {
		return nil, command.ErrNoLeader
	}
	f.machine.Advance(time.Now().UnixMilli(), f.term)
	r := f.machine.Apply(txn)
	f.state.Store(f.machine.State())
	var changes []command.SessionChange
	if r.Session != nil {
		changes = append(changes, command.SessionChange{Session: r.Session, Kind: command.SessionUsed})
	}
	if s := r.Ops[0].Session; s != nil && r.Code == znode.OK {
		kind := command.SessionOpened
		if !f.machine.Lives(s.Owner) {
			kind = command.SessionClosed
			e := ending{s, time.Now(), f.term}
			f.ends = append(f.ends, e)
			f.deaths[s.Key] = e
		}
		changes = append(changes, command.SessionChange{Session: s, Kind: kind})
	}
	for _, m := range f.members {
		m.leases.Applied(changes)
	}
	return r, nil
}

func (m *member) AskLeader(ctx context.Context, payload []byte) ([]byte, error) {
	m.fake.mu.Lock()
	to := m.leader
	m.fake.mu.Unlock()
	m.mu.Lock()
	if m.term != 0 {
		to = m // it believes so
	}
	cut, latency := m.cut, m.latency
	m.mu.Unlock()
	if to == nil || to != m && (cut || to.isCut()) {
		return nil, command.ErrNoLeader
	}
	if to != m && !rest(ctx, latency) {
		return nil, command.ErrNoLeader
	}
	to.pass("ask")
	q, err := decodeQuestion(payload)
	if err != nil {
		m.Error(err)
	}
	m.fake.mu.Lock()
	m.fake.asks = append(m.fake.asks, asked{time.Now(), m, q.kind, len(q.keys) + len(q.owners)})
	m.fake.mu.Unlock()
	b, err := to.leases.OnAsk(ctx, payload)
	if err == nil && to != m && (!rest(ctx, latency) || to.isCut() || m.isCut()) {
		err = errors.New("the answer was lost")
	}
	if err != nil {
		return nil, errors.Join(command.ErrNoLeader, err)
	}
	return b, nil
}

func (m *member) isCut() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cut
}

// kept is how many leases the member keeps.
func (m *member) kept() int {
	t := m.leases.tracker
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.office == nil {
		return 0
	}
	return len(t.office.table.leases)
}

// key is that of the session with that number.
func key(i int) (k znode.SessionKey) {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(i)+1)
	return sha256.Sum256(id[:])
}

// open opens a session.
func (f *fake) open(i int, timeout time.Duration) *znode.Session {
	f.Helper()
	r, err := f.carryOut(&znode.Txn{Ops: []znode.Op{znode.OpenSessionOp(key(i), timeout.Milliseconds())}})
	if err != nil || r.Code != znode.OK {
		f.Fatalf("session %d cannot be opened: %v, %v", i, r, err)
	}
	return r.Ops[0].Session
}

// lives says whether a session is alive in the state.
func (f *fake) lives(i int) bool { return f.state.Load().Sessions.ByKey(key(i)) != nil }

// endOf is when a session ended; not at all is the zero time.
func (f *fake) endOf(i int) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaths[key(i)].at
}

// ended is all that did.
func (f *fake) ended() []ending {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ends)
}

func (f *fake) lenEnded() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ends)
}

// keep renews a session through a member, within so much time.
func (f *fake) keep(m, i int, within time.Duration) (command.Lease, error) {
	ctx, cancel := context.WithTimeout(f.Context(), within)
	defer cancel()
	leases, err := f.members[m].leases.Keepalive(ctx, []znode.SessionKey{key(i)})
	if err != nil {
		return command.Lease{}, err
	}
	return leases[0], nil
}

// mustKeep renews a session that must be alive.
func (f *fake) mustKeep(m, i int) command.Lease {
	f.Helper()
	l, err := f.keep(m, i, time.Minute)
	if err != nil || !l.Alive {
		f.Fatalf("session %d: %+v, %v; it must be alive", i, l, err)
	}
	return l
}

// story runs a test in virtual time.
func story(t *testing.T, tell func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, tell)
}
