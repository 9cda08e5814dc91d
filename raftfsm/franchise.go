package raftfsm

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// franchise is whether this member may vote at all. One that joined may not before it has caught up once since its folder was made.
//
// Its name may be that of a member whose disk is lost, and a removed member that does not know of it yet, or one that was away, may
// still count on that one's vote. The old one would have refused a candidate who has less in its log than it had itself. The new one
// cannot until it has all of that again; meanwhile its log begins with configurations in which its name had a vote, and raft would grant
// anything at all while it knows of no configuration. Two leaders at a time would come of it, with a following each.
type franchise struct{ granted atomic.Bool }

// errNoVote says that this member does not vote yet.
var errNoVote = errors.New("this member joined and has not caught up yet: it does not vote")

// keyCaughtUp is there once a member that joined has caught up.
var keyCaughtUp = []byte("HoltCaughtUp")

// load finds out whether the member may vote.
func (f *franchise) load(cfg *Config) error {
	if !cfg.Joined {
		f.granted.Store(true)
		return nil
	}
	b, err := cfg.Storage.Stable.Get(keyCaughtUp)
	if err != nil && err.Error() != "not found" { // raft's own test for it
		return fmt.Errorf("reading whether this member has ever caught up: %w", err)
	}
	f.granted.Store(len(b) > 0)
	return nil
}

// grant is called when the member has caught up.
func (f *franchise) grant(cfg *Config) error {
	if f.granted.Load() {
		return nil
	}
	if err := cfg.Storage.Stable.Set(keyCaughtUp, []byte{1}); err != nil {
		return fmt.Errorf("noting that this member has caught up: %w", err)
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
	if string(key) == "LastVoteTerm" && !b.may.granted.Load() {
		return errNoVote
	}
	return b.StableStore.SetUint64(key, val)
}

// canvass takes what members ask of this one, and answers itself those who want a vote it has not. Raft would take the term from them,
// which its leader would have to follow.
func (n *Node) canvass(from <-chan raft.RPC) <-chan raft.RPC {
	if n.franchise.granted.Load() {
		return from
	}
	to := make(chan raft.RPC)
	n.wg.Go(func() {
		for {
			select {
			case rpc := <-from:
				if !n.franchise.granted.Load() && n.declines(rpc) {
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

// declines answers who wants a vote, and says whether that is what it was.
func (n *Node) declines(rpc raft.RPC) bool {
	self := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(n.cfg.Name), Addr: []byte(n.cfg.RaftAdvertise)}
	switch rpc.Command.(type) {
	case *raft.RequestVoteRequest:
		rpc.Respond(&raft.RequestVoteResponse{RPCHeader: self}, nil)
	case *raft.RequestPreVoteRequest:
		rpc.Respond(&raft.RequestPreVoteResponse{RPCHeader: self}, nil)
	default:
		return false
	}
	n.log.Debug("a vote is wanted of this member, which has none yet")
	return true
}
