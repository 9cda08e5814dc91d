package apitest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"holt/httpapi"
	"holt/raftfsm/command"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// Node is a cluster of one in memory: a Proposer, a Reader, Sessions and a Cluster. Its time is its number of proposals.
// Sessions of it end only when they are told to.
type Node struct {
	// Hub is told of every state.
	Hub *watch.Hub

	mu       sync.Mutex // guards all below
	machine  *znode.Machine
	state    *znode.State
	proposed int
	asked    int
	renewed  map[znode.SessionKey]int // how often
	faults   Faults
	changed  chan struct{} // closed when state or faults change
	leader   string        // whom leadership was given to; "" is this member
}

// Faults is how a Node fails. The zero value is a Node that works.
type Faults struct {
	Propose  error // what Propose gives instead of carrying out
	Swallow  error // what Propose gives after it has carried out: ErrUnknown, most likely
	State    error // what State gives
	Sessions error // what Keepalive and Look give
	// Old is what State gives instead of the newest: of a member that is behind. StateAt and Linearizable catch up.
	Old          *znode.State
	Linearizable error // what Linearizable gives
	Hold         bool  // Propose and Linearizable wait for as long as this is set
	NoLeader     bool  // Status knows no leader
	// Others are members beside this one, and Reports what they say of themselves; who is not in Reports cannot be reached.
	Others []httpapi.Member
	// Change is what the changes of the members give instead of being made.
	Change  error
	Reports map[string]httpapi.Report
	Checks  []httpapi.Check
}

// NewNode is a Node with nothing but the root.
func NewNode() *Node {
	m := znode.NewMachine()
	n := &Node{
		Hub: watch.NewHub(watch.Config{}), machine: m, state: m.State(), changed: make(chan struct{}),
		renewed: make(map[znode.SessionKey]int),
	}
	n.Hub.Publish(n.state)
	return n
}

// Close closes the Hub.
func (n *Node) Close() { n.Hub.Close() }

// Fail makes the Node fail in that way from now on.
func (n *Node) Fail(f Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = f
	n.wake()
}

// wake tells all who wait; n.mu is held.
func (n *Node) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// Proposed is how many proposals were carried out or refused, each of one transaction or, of ProposeAll, of several.
func (n *Node) Proposed() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proposed
}

// Asked is how often Propose or ProposeAll was called.
func (n *Node) Asked() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// wait waits until f is true; f is called with n.mu held. It gives false when ctx ends first.
func (n *Node) wait(ctx context.Context, f func() bool) bool {
	for {
		n.mu.Lock()
		ok, changed := f(), n.changed
		n.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// Propose is a Proposer's.
func (n *Node) Propose(ctx context.Context, txn *znode.Txn) (*znode.Result, error) {
	results, err := n.ProposeAll(ctx, []znode.Txn{*txn})
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// ProposeAll is a Proposer's. Nothing comes between the transactions, and no state between them is ever seen.
func (n *Node) ProposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error) {
	n.mu.Lock()
	n.asked++
	n.mu.Unlock()
	if !n.wait(ctx, func() bool { return !n.faults.Hold }) {
		return nil, command.ErrUnknown
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.faults.Propose != nil {
		return nil, n.faults.Propose
	}
	n.proposed++
	n.machine.Advance(int64(n.proposed), 1)
	results := make([]*znode.Result, len(txns))
	for i := range txns {
		if err := txns[i].Validate(); err != nil {
			panic("apitest: the API proposed what is not valid: " + err.Error())
		}
		results[i] = n.machine.Apply(&txns[i])
	}
	n.state = n.machine.State()
	n.Hub.Publish(n.state)
	n.wake()
	if n.faults.Swallow != nil {
		return nil, n.faults.Swallow
	}
	return results, nil
}

// State is a Reader's.
func (n *Node) State() (*znode.State, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.faults.Old != nil {
		return n.faults.Old, n.faults.State
	}
	return n.state, n.faults.State
}

// StateAt is a Reader's.
func (n *Node) StateAt(ctx context.Context, zxid znode.Zxid) (*znode.State, error) {
	if !n.wait(ctx, func() bool { return n.state.Zxid >= zxid }) {
		return nil, command.ErrBehind
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state, n.faults.State
}

// Linearizable is a Reader's.
func (n *Node) Linearizable(ctx context.Context) (*znode.State, error) {
	if !n.wait(ctx, func() bool { return !n.faults.Hold }) {
		return nil, command.ErrNoLeader
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state, n.faults.Linearizable
}

// Status is a Cluster's.
func (n *Node) Status() httpapi.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := httpapi.Status{Name: "n1", Cluster: "c1", Leader: cmp.Or(n.leader, "n1"), Term: 1, Zxid: n.state.Zxid, Members: []httpapi.Member{
		{ID: "n1", RaftAddr: "127.0.0.1:7071", URL: "http://127.0.0.1:7070", Voter: true},
	}}
	s.Members = append(s.Members, n.faults.Others...)
	if n.faults.NoLeader {
		s.Leader = ""
	}
	return s
}

// Reports is a Cluster's.
func (n *Node) Reports(context.Context) map[string]httpapi.Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := map[string]httpapi.Report{"n1": {
		Ready: true, Zxid: n.state.Zxid, AppliedIndex: 7, SnapshotZxid: 1, SnapshotTime: 1_795_301_423_000, Znodes: uint64(n.state.Tree.Len()),
		DataBytes: uint64(n.state.Tree.Bytes()), DiskFree: 1 << 30, Sessions: 2, Streams: 3, Version: "test", UptimeMs: 4,
	}}
	maps.Copy(of, n.faults.Reports)
	return of
}

// Checks is a Cluster's.
func (n *Node) Checks() []httpapi.Check {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.faults.Checks != nil {
		return n.faults.Checks
	}
	return []httpapi.Check{
		{Name: "log", OK: true, Live: true, Detail: "the last write took 1ms"},
		{Name: "leader", OK: true, Detail: "n1 leads"},
	}
}

// AddMember is a Cluster's. A new member votes at once.
func (n *Node) AddMember(_ context.Context, m command.MemberSpec) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.faults.Change != nil {
		return n.faults.Change
	}
	n.drop(m.Name)
	n.faults.Others = append(n.faults.Others, httpapi.Member{ID: m.Name, RaftAddr: m.RaftAddr, URL: m.URL, Voter: m.Voter, Observer: !m.Voter})
	return nil
}

// drop takes a member out, if it is there; n.mu is held.
func (n *Node) drop(name string) bool {
	before := len(n.faults.Others)
	n.faults.Others = slices.DeleteFunc(slices.Clone(n.faults.Others), func(m httpapi.Member) bool { return m.ID == name })
	return len(n.faults.Others) < before
}

// RemoveMember is a Cluster's. This member cannot be removed.
func (n *Node) RemoveMember(_ context.Context, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.faults.Change != nil:
		return n.faults.Change
	case name == "n1":
		return command.Refuse(command.ChangeUnsafe, "n1 is needed")
	case !n.drop(name):
		return command.Refuse(command.ChangeNoMember, "there is no member %q", name)
	}
	return nil
}

// Transfer is a Cluster's.
func (n *Node) Transfer(_ context.Context, to string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.faults.Change != nil {
		return n.faults.Change
	}
	if to == "" {
		to = n.faults.Others[0].ID
	}
	n.leader = to
	return nil
}
