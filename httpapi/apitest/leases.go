package apitest

import (
	"context"
	"math"

	"holt/httpapi"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

var _ httpapi.Sessions = (*Node)(nil)

// Keepalive is a Sessions'.
func (n *Node) Keepalive(ctx context.Context, keys []znode.SessionKey) ([]command.Lease, error) {
	return n.answer(ctx, len(keys), func(i int) command.Lease {
		l := n.lease(n.state.Sessions.ByKey(keys[i]), n.state.Sessions.EndedByKey(keys[i]))
		if l.Alive {
			n.renewed[keys[i]]++
		}
		return l
	})
}

// Look is a Sessions'.
func (n *Node) Look(ctx context.Context, owners []znode.Owner) ([]command.Lease, error) {
	return n.answer(ctx, len(owners), func(i int) command.Lease {
		return n.lease(n.state.Sessions.Get(owners[i]), n.state.Sessions.Ended(owners[i]))
	})
}

// answer answers as the leader does, or fails as it is told to.
func (n *Node) answer(ctx context.Context, many int, one func(i int) command.Lease) ([]command.Lease, error) {
	if !n.wait(ctx, func() bool { return !n.faults.Hold }) {
		return nil, command.ErrNoLeader
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.faults.Sessions != nil {
		return nil, n.faults.Sessions
	}
	leases := make([]command.Lease, many)
	for i := range leases {
		leases[i] = one(i)
	}
	return leases, nil
}

func (n *Node) lease(live *znode.Session, ended *znode.Tombstone) command.Lease {
	switch {
	case live != nil:
		return command.Lease{Owner: live.Owner, Alive: true, Timeout: live.Timeout, ExpiresIn: live.Timeout}
	case ended != nil:
		return command.Lease{Owner: ended.Owner, Reason: ended.Reason}
	default:
		return command.Lease{}
	}
}

// Touch is a Sessions'.
func (n *Node) Touch(key znode.SessionKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renewed[key]++
}

// Renewed is how often the sessions were renewed, all together.
func (n *Node) Renewed() (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range n.renewed {
		times += k
	}
	return times
}

// Expire ends a session, and panics if it is not alive.
func (n *Node) Expire(o znode.Owner) {
	res, err := n.Propose(context.Background(), &znode.Txn{Ops: []znode.Op{znode.ExpireSessionOp(o, math.MaxInt64, 1)}})
	if err != nil || res.Code != znode.OK {
		panic("apitest: the session did not expire")
	}
}
