package raftfsm_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
	"holt/sessions"
	"holt/tests/properties"
)

// served is a cluster whose members carry streams and keep leases, as servers do, and a witness of all they do.
type served struct {
	*raftfsmtest.Cluster
	t       *testing.T
	witness properties.Witness
	hubs    [raftfsmtest.MaxMembers]atomic.Pointer[watch.Hub] // nil of a member that is down
	leases  [raftfsmtest.MaxMembers]atomic.Pointer[sessions.Leases]
	opened  atomic.Uint64 // sessions, to give each a key of its own

	mu   sync.Mutex // guards what follows
	last znode.Zxid // up to where ends has looked
	ends map[znode.Owner]time.Time
}

// shown is what states are shown to: the witness first, so that it has seen what a stream is told of.
type shown struct {
	c   *served
	hub *watch.Hub
}

func (b shown) Publish(s *znode.State) {
	b.c.witness.Publish(s)
	b.c.note(s)
	b.hub.Publish(s)
}

// note notes when sessions end: when the first member has applied it.
func (c *served) note(s *znode.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Zxid <= c.last {
		return
	}
	records, whole := s.History.After(c.last)
	c.last = s.Zxid
	if !whole {
		return // the witness says so
	}
	for r := range records {
		for _, told := range r.Told {
			if r.Events[told.Event].Type == znode.SessionEnded {
				c.ends[told.Owner] = time.Now()
			}
		}
	}
}

// ended says when a session ended, the zero time if it has not.
func (c *served) ended(o znode.Owner) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ends[o]
}

// servedStory runs a test in a bubble with such a cluster, ready.
func servedStory(t *testing.T, cfg raftfsmtest.Config, tell func(t *testing.T, c *served)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &served{t: t, ends: map[znode.Owner]time.Time{}}
		cfg.Attach = c.attach
		c.Cluster = raftfsmtest.New(t, cfg)
		c.WaitReady()
		tell(t, c)
	})
}

func (c *served) attach(i int) raftfsmtest.Attachment {
	hub := watch.NewHub(watch.Config{})
	leases := sessions.New(sessions.Config{Logger: slog.New(slog.DiscardHandler)})
	return raftfsmtest.Attachment{
		Watchers: shown{c, hub},
		Sessions: leases,
		Opened: func(n *raftfsm.Node) {
			leases.Start(n)
			c.hubs[i].Store(hub)
			c.leases[i].Store(leases)
		},
		Closed: func() {
			c.hubs[i].CompareAndSwap(hub, nil)
			c.leases[i].CompareAndSwap(leases, nil)
			hub.Close()
			_ = leases.Close()
		},
	}
}

// truth is what all transactions so far did.
func (c *served) truth() *properties.Truth {
	c.t.Helper()
	truth, err := c.witness.Truth()
	if err != nil {
		c.t.Fatal(err)
	}
	return truth
}

// holder is who holds a session.
type holder struct {
	key     znode.SessionKey
	owner   znode.Owner
	timeout time.Duration
}

// repair ends all faults and waits until every member has caught up; it gives the leader.
func (c *served) repair() int {
	c.Heal()
	for i := range c.Len() {
		c.Disk(i).Slow(0)
		if c.Node(i) == nil {
			c.Start(i)
		}
	}
	return c.WaitReady()
}

// newKey is one that nobody has had.
func (c *served) newKey() (k znode.SessionKey) {
	binary.BigEndian.PutUint64(k[:], c.opened.Add(1))
	return k
}

// open opens a session through member i, which has to succeed.
func (c *served) open(i int, timeout time.Duration) holder {
	c.t.Helper()
	k := c.newKey()
	r := must(c.t, c.Cluster, i, znode.OpenSessionOp(k, timeout.Milliseconds()))
	return holder{k, r.Ops[0].Session.Owner, timeout}
}

// do has a transaction carried out through member i, within the time given.
func (c *served) do(i int, within time.Duration, txn *znode.Txn) (*znode.Result, error) {
	n := c.Node(i)
	if n == nil {
		return nil, command.ErrShuttingDown
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return n.Propose(ctx, txn)
}

// as is do of one op of a session.
func (c *served) as(h holder, i int, within time.Duration, op znode.Op) (*znode.Result, error) {
	return c.do(i, within, &znode.Txn{Ops: []znode.Op{op}, Session: &h.key})
}

// anyhow is do of one op that belongs to no session.
func (c *served) anyhow(i int, within time.Duration, op znode.Op) (*znode.Result, error) {
	return c.do(i, within, &znode.Txn{Ops: []znode.Op{op}})
}

// mustAs is as that has to be done.
func (c *served) mustAs(h holder, i int, op znode.Op) *znode.Result {
	c.t.Helper()
	r, err := c.as(h, i, time.Minute, op)
	if err != nil || r.Code != znode.OK {
		c.t.Fatalf("session %s through %s: %+v, %v\n%s", h.owner, c.Name(i), r, err, c.Describe())
	}
	return r
}

// keepalive renews a session through member i.
func (c *served) keepalive(h holder, i int, within time.Duration) (command.Lease, error) {
	l := c.leases[i].Load()
	if l == nil {
		return command.Lease{}, command.ErrShuttingDown
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	leases, err := l.Keepalive(ctx, []znode.SessionKey{h.key})
	if err != nil {
		return command.Lease{}, err
	}
	return leases[0], nil
}

// alive renews a session through member i and fails the test if that does not work.
func (c *served) alive(h holder, i int) {
	c.t.Helper()
	l, err := c.keepalive(h, i, 10*time.Second)
	if err != nil || !l.Alive || l.Owner != h.owner || l.Timeout != h.timeout.Milliseconds() {
		c.t.Fatalf("keepalive of %s through %s: %+v, %v\n%s", h.owner, c.Name(i), l, err, c.Describe())
	}
	if left := time.Duration(l.ExpiresIn) * time.Millisecond; left > h.timeout || left < h.timeout-100*time.Millisecond {
		c.t.Errorf("renewed just now, %s has %v of %v", h.owner, left, h.timeout)
	}
}

// lives says whether the session is alive in member i's state. Of a member that is down it is.
func (c *served) lives(h holder, i int) bool {
	if n := c.Node(i); n != nil {
		if s, err := n.State(); err == nil {
			return s.Sessions.Get(h.owner) != nil
		}
	}
	return true
}

// endsWithin waits for the end of a session and holds it to a window.
func (c *served) endsWithin(h holder, from, to time.Time) {
	c.t.Helper()
	c.Eventually(fmt.Sprintf("the end of %s", h.owner), func() bool { return !c.ended(h.owner).IsZero() })
	switch at := c.ended(h.owner); {
	case at.Before(from):
		c.t.Errorf("%s, timeout %v, ended %v too early", h.owner, h.timeout, from.Sub(at))
	case at.After(to):
		c.t.Errorf("%s, timeout %v, ended %v too late", h.owner, h.timeout, at.Sub(to))
	}
}

// grace is how much later than at its timeout a silent session may end.
const grace = time.Second

// orphans are ephemeral znodes whose session is not alive, and those that the table of sessions does not know.
func orphans(s *znode.State) (out []string) {
	n := 0
	for node := range s.Tree.All() {
		o := node.Owner()
		if o == 0 {
			continue
		}
		n++
		if s.Sessions.Get(o) == nil {
			out = append(out, fmt.Sprintf("%s of %s", node.Path(), o))
		}
	}
	if n != s.Sessions.NumEphemerals() {
		out = append(out, fmt.Sprintf("there are %d, the table knows %d", n, s.Sessions.NumEphemerals()))
	}
	return out
}

// goneTogether holds the end of a session to what its ephemerals, which are all of these paths, must have come to: deleted
// in the very transaction that ended it, for that reason.
func goneTogether(t *testing.T, truth *properties.Truth, o znode.Owner, reason znode.Reason, paths ...string) {
	t.Helper()
	end, over := truth.Ends()[o]
	if !over || end.Reason != reason {
		t.Errorf("%s ended: %t, %q, not %q", o, over, end.Reason, reason)
	}
	for _, p := range paths {
		if !end.Deleted[p] {
			t.Errorf("%s ended at zxid %d and did not take %s with it", o, end.Zxid, p)
		}
	}
	if len(end.Deleted) != len(paths) {
		t.Errorf("%s took %v with it, it had %v", o, end.Deleted, paths)
	}
}

// seedsUpTo is seeds with another number by default.
func seedsUpTo(t *testing.T, n int) []uint64 {
	if os.Getenv("HOLT_TEST_SEEDS") == "" && os.Getenv("HOLT_TEST_SEED") == "" {
		return seeds(t)[:n]
	}
	return seeds(t)
}
