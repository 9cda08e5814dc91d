package raftfsm

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
)

const (
	// reachTimeout bounds how long voters are waited for before a change that needs them.
	reachTimeout = time.Second
	// caughtUp is how many entries a member may be behind to count as one that keeps up.
	caughtUp = 64
)

// standing is what a member says of itself.
type standing struct {
	term   uint64 // 0 of one that takes part in nothing: its word is no proof of a term
	last   uint64 // index of its log
	unborn bool   // it is to begin the cluster, and has never voted since its folder was made
}

// standing is what this member says of itself.
func (n *Node) standing() (s standing) {
	granted := n.franchise.granted.Load()
	if granted || n.franchise.heard.Load() {
		s.term = n.raft.CurrentTerm()
	}
	s.last, s.unborn = n.raft.LastIndex(), !granted && !n.cfg.Joined
	return s
}

// reach asks servers whether they are there, and gives what those say that answered. This member always does.
func (n *Node) reach(ctx context.Context, all []server) map[string]standing {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	var mu sync.Mutex // guards there
	there := make(map[string]standing)
	say := func(name string, a standing) {
		mu.Lock()
		defer mu.Unlock()
		there[name] = a
	}
	var asked sync.WaitGroup
	for _, s := range all {
		if s.Name == n.cfg.Name {
			say(s.Name, n.standing())
			continue
		}
		asked.Go(func() {
			if a, err := n.askStanding(ctx, s.target()); err == nil {
				say(s.Name, a)
			}
		})
	}
	asked.Wait()
	return there
}

// safe refuses a change after which so few of the voters, those given, answer that nothing could be written. It asks them now, at the
// addresses they will have: what was heard a while ago would not do.
func (n *Node) safe(ctx context.Context, after []server) error {
	there := n.reach(ctx, after)
	needed := len(after)/2 + 1
	if len(there) >= needed {
		return nil
	}
	var away []string
	for _, s := range after {
		if _, ok := there[s.Name]; !ok {
			away = append(away, s.Name)
		}
	}
	return command.Refuse(command.ChangeUnsafe, "nothing could be written after this change: %d of the %d voters are needed and %d answer (no answer from %s)",
		needed, len(after), len(there), strings.Join(away, ", "))
}

// successor is the other voter with the longest log among those that answer.
func (n *Node) successor(ctx context.Context, voters []server) (best server, ok bool) {
	there := n.reach(ctx, voters)
	var longest uint64
	for _, s := range voters {
		if a, answers := there[s.Name]; answers && !a.unborn && s.Name != n.cfg.Name && (!ok || a.last > longest) {
			best, longest, ok = s, a.last, true
		}
	}
	return best, ok
}

// transfer gives this leader's office to a voter, "" to the one that is most up to date. Errors are as makeChange's.
func (n *Node) transfer(ctx context.Context, to string) error {
	if !n.leads() {
		return errNotReady
	}
	all := n.servers()
	voters := n.voters()
	var next server
	switch i := find(all, to); {
	case to == n.cfg.Name:
		return nil
	case to == "" && len(voters) < 2:
		return command.Refuse(command.ChangeInvalid, "there is no other voter")
	case to == "":
		var ok bool
		if next, ok = n.successor(ctx, voters); !ok {
			return command.Refuse(command.ChangeUnsafe, "no other voter answers")
		}
	case i < 0:
		return command.Refuse(command.ChangeNoMember, "there is no member %q", to)
	case !all[i].Voter:
		return command.Refuse(command.ChangeInvalid, "%q does not vote, so it cannot lead", to)
	default:
		next = all[i]
		commit := n.raft.CommitIndex()
		a, answers := n.reach(ctx, all[i:i+1])[to]
		if !answers {
			return command.Refuse(command.ChangeUnsafe, "%q does not answer", to)
		}
		if a.last+caughtUp < commit {
			return command.Refuse(command.ChangeUnsafe, "%q is %d entries behind", to, commit-a.last)
		}
	}
	return n.handTo(ctx, next)
}

// handTo has raft hand over, and waits until it has or has not.
func (n *Node) handTo(ctx context.Context, next server) error {
	n.log.Info("handing leadership over", "to", next.Name)
	done := make(chan error, 1)
	go func() { done <- n.raft.LeadershipTransferToServer(raft.ServerID(next.Name), next.raw).Error() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	case <-n.stop:
		return command.ErrShuttingDown
	}
	switch {
	case err == nil:
		return nil
	case !n.leads(), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrNotLeader):
		return errNotReady
	}
	return command.Refuse(command.ChangeUnsafe, "%q did not take over: %v", next.Name, err)
}
