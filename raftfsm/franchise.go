package raftfsm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"holt/raftfsm/peer"
)

// franchise is whether this member may vote at all. One whose folder is new may not before it has caught up once. One that begins a cluster
// with others may once it is known that there is no such cluster yet, too (birth.go).
//
// Its name may be that of a member whose disk is lost, and one that was away, or was removed and does not know of it, may still count on
// that one's vote. The old one would have refused a candidate who has less in its log than it had itself. The new one cannot until it has
// all of that again; meanwhile its log begins with configurations in which its name had a vote, and raft would grant anything at all while
// it knows of no configuration. What the old one acknowledged could be lost, or two lead at a time with a following each.
//
// The old one may also have entered terms that the new one knows nothing of, and would have refused the entries of an older term's leader.
// So the new one takes part in nothing until a majority without it, and without others like it, has confirmed the leader that calls. And the
// old one may have voted in any of those terms, so the new one does not vote in them.
type franchise struct {
	granting sync.Mutex // held while the vote is granted
	granted  atomic.Bool
	heard    atomic.Bool      // that which is in floor, or it is of no account
	floor    atomic.Uint64    // no entry of a leader of a term before this is taken while the vote is not granted
	voted    atomic.Uint64    // it may have voted in this term and those before, and does not vote in them again
	callers  chan peer.Target // has room for one: who calls itself the leader of a member that has not heard yet
}

var (
	// errNoVote says that this member does not vote yet.
	errNoVote = errors.New("the member has a new folder and has not caught up yet: it does not vote")
	// errNotHeard says that this member does not take part yet.
	errNotHeard = errors.New("the member that was asked has a new folder and has not heard yet that a majority follows this leader: it takes part in nothing")
)

var (
	// keyNewborn is there since a folder was made to begin a cluster with others in it. Folders of versions before had no such key.
	keyNewborn = []byte("HoltNewborn")
	// keyCaughtUp is there once a member may vote that could not when its folder was made.
	keyCaughtUp = []byte("HoltCaughtUp")
	// keyVoted is the newest term in which the member may have voted before its folder was made.
	keyVoted = []byte("HoltVoted")
)

// load finds out whether the member may vote, of a folder that has its first configuration.
func (f *franchise) load(cfg *Config) error {
	f.callers = make(chan peer.Target, 1)
	without := cfg.Joined
	if !without {
		var err error
		if without, err = has(cfg.Storage.Stable, keyNewborn); err != nil {
			return err
		}
	}
	caughtUp, err := has(cfg.Storage.Stable, keyCaughtUp)
	f.granted.Store(!without || caughtUp)
	f.heard.Store(f.granted.Load())
	if err != nil {
		return err
	}
	voted, err := cfg.Storage.Stable.GetUint64(keyVoted)
	if err != nil && err.Error() != "not found" { // raft's own test for it
		return fmt.Errorf("reading where this member may have voted: %w", err)
	}
	f.voted.Store(voted)
	return nil
}

// has says whether something is stored under a key.
func has(s raft.StableStore, key []byte) (bool, error) {
	b, err := s.Get(key)
	if err != nil && err.Error() != "not found" { // raft's own test for it
		return false, fmt.Errorf("reading whether this member may vote: %w", err)
	}
	return len(b) > 0, nil
}

// grant is called when the member has caught up, or there was nothing to catch up with. In terms up to voted it gives no vote: the old one may
// have given it.
func (f *franchise) grant(cfg *Config, voted uint64) error {
	f.granting.Lock()
	defer f.granting.Unlock()
	if f.granted.Load() {
		return nil
	}
	if err := cfg.Storage.Stable.SetUint64(keyVoted, voted); err != nil {
		return fmt.Errorf("noting where this member may have voted: %w", err)
	}
	f.voted.Store(voted)
	if err := cfg.Storage.Stable.Set(keyCaughtUp, []byte{1}); err != nil {
		return fmt.Errorf("noting that this member may vote: %w", err)
	}
	f.granted.Store(true)
	return nil
}

// ballot is raft's stable store, which does not take the vote of a member that has none, be it for itself.
type ballot struct {
	raft.StableStore
	may *franchise
}

// SetUint64 stores a number.
func (b ballot) SetUint64(key []byte, val uint64) error {
	if string(key) == "LastVoteTerm" && (!b.may.granted.Load() || val <= b.may.voted.Load()) {
		return errNoVote
	}
	return b.StableStore.SetUint64(key, val)
}

// canvass takes what members ask of this one, and answers itself what raft would answer wrongly while this member has no vote.
func (n *Node) canvass(from <-chan raft.RPC) <-chan raft.RPC {
	if n.franchise.granted.Load() {
		return from
	}
	to := make(chan raft.RPC)
	n.wg.Go(func() {
		for {
			select {
			case rpc := <-from:
				if !n.franchise.granted.Load() && (n.declines(rpc) || n.refuses(rpc)) {
					continue
				}
				select {
				case to <- rpc:
				case <-n.stop:
					return
				}
			case <-n.stop:
				return
			}
		}
	})
	return to
}

// declines answers who wants a vote, and says whether that is what it was. Raft would take the term from them, which its leader would have
// to follow.
func (n *Node) declines(rpc raft.RPC) bool {
	switch rpc.Command.(type) {
	case *raft.RequestVoteRequest:
		rpc.Respond(&raft.RequestVoteResponse{RPCHeader: n.rpcHeader()}, nil)
	case *raft.RequestPreVoteRequest:
		rpc.Respond(&raft.RequestPreVoteResponse{RPCHeader: n.rpcHeader()}, nil)
	default:
		return false
	}
	n.log.Debug("a vote is wanted of this member, which has none yet")
	return true
}

// refuses answers who must not be followed, or may not be followed yet, and says whether it did.
func (n *Node) refuses(rpc raft.RPC) bool {
	if !n.franchise.heard.Load() {
		if c, ok := rpc.Command.(raft.WithRPCHeader); ok {
			h := c.GetRPCHeader()
			select {
			case n.franchise.callers <- peer.Target{Name: string(h.ID), Addr: parseAddress(raft.ServerAddress(h.Addr)).Addr}:
			default:
			}
		}
		drain(rpc)
		rpc.Respond(nil, errNotHeard)
		return true
	}
	if _, office := rpc.Command.(*raft.TimeoutNowRequest); office {
		rpc.Respond(nil, errNoVote)
		return true
	}
	floor := n.franchise.floor.Load()
	switch req := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		if req.Term >= floor {
			return false
		}
		rpc.Respond(&raft.AppendEntriesResponse{RPCHeader: n.rpcHeader(), Term: floor}, nil)
	case *raft.InstallSnapshotRequest:
		if req.Term >= floor {
			return false
		}
		drain(rpc)
		rpc.Respond(&raft.InstallSnapshotResponse{RPCHeader: n.rpcHeader(), Term: floor}, nil)
	default:
		return false
	}
	n.log.Info("refused to follow a leader of a term that is over", "newer", floor)
	return true
}

// drain reads the snapshot that comes with a request, which would be in the way of the connection's next one.
func drain(rpc raft.RPC) {
	if rpc.Reader != nil {
		_, _ = io.Copy(io.Discard, rpc.Reader)
	}
}

func (n *Node) rpcHeader() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(n.cfg.Name), Addr: []byte(n.cfg.RaftAdvertise)}
}

// earnVote takes the vote once this member holds all that its leader holds now, committed or not: until then that one may count, as this
// member's, entries that it had before its folder was lost.
func (n *Node) earnVote(ctx context.Context) error {
	if n.franchise.granted.Load() {
		return nil
	}
	r := n.role()
	if r.leads || r.leader == "" {
		return errNotReady
	}
	ctx, cancel := context.WithTimeout(ctx, roundTimeout) // what the leader has last may be swept away
	defer cancel()
	a, err := n.askStanding(ctx, r.target())
	switch {
	case err != nil:
		return err
	case n.progress.atIndex(ctx, a.last) == nil, n.raft.CurrentTerm() != a.term:
		return errNotReady
	}
	return n.franchise.grant(&n.cfg, max(a.term, n.franchise.floor.Load()))
}
