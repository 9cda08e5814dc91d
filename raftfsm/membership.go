package raftfsm

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
)

// checkSpec refuses what cannot be kept of a member, or means nothing.
func checkSpec(m command.MemberSpec) error {
	for _, f := range []struct {
		what, is string
		limit    int
	}{{"name", m.Name, MaxNameBytes}, {"raft address", m.RaftAddr, MaxAddrBytes}, {"URL", m.URL, MaxURLBytes}} {
		switch {
		case f.is == "":
			return command.Refuse(command.ChangeInvalid, "a member needs a %s", f.what)
		case len(f.is) > f.limit:
			return command.Refuse(command.ChangeInvalid, "the %s of a member has at most %d bytes, not %d", f.what, f.limit, len(f.is))
		case strings.ContainsFunc(f.is, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
			return command.Refuse(command.ChangeInvalid, "the %s of a member has no spaces in it, as %q has", f.what, f.is)
		}
	}
	if _, _, err := net.SplitHostPort(m.RaftAddr); err != nil {
		return command.Refuse(command.ChangeInvalid, "the raft address of a member is host:port, not %q", m.RaftAddr)
	}
	return nil
}

// makeChange makes a change on the leader. One is made at a time; the next waits for it, no longer than changeWait. The index is that of
// the entry with the change, or of one behind it. Errors are *command.ChangeError, ErrUnknown, and others if nothing was done and the
// member that leads now should be asked.
func (n *Node) makeChange(ctx context.Context, ch change) (index uint64, err error) {
	wait, cancel := context.WithTimeout(ctx, changeWait)
	defer cancel()
	select {
	case n.changing <- struct{}{}:
		defer func() { <-n.changing }()
	case <-wait.Done():
		return 0, command.Refuse(command.ChangeInProgress, "another change of the members is under way")
	case <-n.stop:
		return 0, command.ErrShuttingDown
	}
	if ch.Kind == changeTransfer {
		return 0, n.transfer(ctx, ch.Member.Name)
	}
	e, err := n.edit(ctx)
	if err != nil {
		return 0, err
	}
	switch ch.Kind {
	case changeAdd:
		err = e.add(ctx, ch.Member)
	case changeRemove:
		err = e.remove(ctx, ch.Member.Name)
	default:
		err = command.Refuse(command.ChangeInvalid, "the leader knows no change %q: its program is older", ch.Kind)
	}
	return e.index, err
}

// edit is a change of raft's configuration as it is being made, by the one goroutine that holds the token.
type edit struct {
	*Node
	all   []server // the configuration that is changed
	index uint64   // where it stands in the log; what is changed must be what stands there
}

// edit reads the configuration and where it stands in the log. Raft tells the index of a configuration only to who writes one, so this
// writes the present one again: it takes out a member that cannot be. Once that is committed in this term, nobody else has changed it.
func (n *Node) edit(ctx context.Context) (*edit, error) {
	index, err := n.written(ctx, func() raft.IndexFuture { return n.raft.RemoveServer("", 0, enqueueTimeout) })
	if errors.Is(err, command.ErrUnknown) {
		err = errNotReady // it changes nothing
	}
	if err != nil {
		return nil, err
	}
	return &edit{n, n.servers(), index}, nil
}

// written has a configuration written and waits until it is committed. It is an entry in flight like any other, which a node that is
// closed waits for: a raft that is shut down does not answer for what was committed and not yet applied.
func (n *Node) written(ctx context.Context, do func() raft.IndexFuture) (index uint64, err error) {
	select {
	case n.outbox.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, errNotReady
	case <-n.stop:
		return 0, command.ErrShuttingDown
	}
	f := do()
	done := make(chan error, 1)
	n.outbox.follow(f, func(err error) { done <- err })
	select {
	case err = <-done:
	case <-ctx.Done():
		return 0, command.ErrUnknown
	case <-n.stop:
		return 0, command.ErrUnknown
	}
	switch {
	case err == nil:
		return f.Index(), nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return 0, errNotReady
	}
	n.log.Warn("it is not known whether a change of the members is committed", "error", err)
	return 0, command.ErrUnknown
}

// step carries out one change and notes where the configuration stands then.
func (e *edit) step(ctx context.Context, what, name string, do func() raft.IndexFuture) error {
	index, err := e.written(ctx, func() raft.IndexFuture { return e.reconfigure(do) })
	if err != nil {
		return err
	}
	e.index = index
	e.log.Info("the members have changed", "change", what, "member", name, "index", index)
	return nil
}

// add makes the member what m says.
func (e *edit) add(ctx context.Context, m command.MemberSpec) error {
	// Again, since members of other versions ask too.
	if err := checkSpec(m); err != nil {
		return err
	}
	if err := e.room(m); err != nil {
		return err
	}
	want := address{m.RaftAddr, m.URL, !m.Voter}.encode()
	id := raft.ServerID(m.Name)
	i := find(e.all, m.Name)
	switch {
	case i < 0:
		return e.step(ctx, "added", m.Name, func() raft.IndexFuture {
			return e.raft.AddNonvoter(id, want, e.index, enqueueTimeout)
		})
	case !e.all[i].Voter:
		if e.all[i].raw == want {
			return nil
		}
		return e.step(ctx, "changed", m.Name, func() raft.IndexFuture {
			return e.raft.AddNonvoter(id, want, e.index, enqueueTimeout)
		})
	case !m.Voter:
		return e.demote(ctx, i, want)
	}
	old := e.all[i]
	if old.URL == "" {
		old.URL = e.firstURL(old.Name)
	}
	if old.Addr == m.RaftAddr && old.URL == m.URL && !old.Observer {
		return nil
	}
	after := votersOf(slices.Clone(e.all))
	after[find(after, m.Name)].address = parseAddress(want)
	if err := e.safe(ctx, after); err != nil {
		return err
	}
	return e.step(ctx, "changed", m.Name, func() raft.IndexFuture {
		return e.raft.AddVoter(id, want, e.index, enqueueTimeout)
	})
}

// room refuses a member too many, and one whose address is another's.
func (e *edit) room(m command.MemberSpec) error {
	voters := 0
	for _, s := range e.all {
		switch {
		case s.Name == m.Name:
			continue
		case s.Addr == m.RaftAddr:
			return command.Refuse(command.ChangeInvalid, "%s is the raft address of member %q", m.RaftAddr, s.Name)
		case s.Voter || s.joins():
			voters++
		}
	}
	switch {
	case m.Voter && voters >= MaxVoters:
		return command.Refuse(command.ChangeInvalid, "at most %d members vote: add %q as an observer", MaxVoters, m.Name)
	case find(e.all, m.Name) < 0 && len(e.all) >= MaxMembers:
		return command.Refuse(command.ChangeInvalid, "a cluster has at most %d members", MaxMembers)
	}
	return nil
}

// demote takes the vote of member i. The mark that it is never to vote comes first: should this leader end in between, the next one
// goes on, and it is not promoted again.
func (e *edit) demote(ctx context.Context, i int, want raft.ServerAddress) error {
	s := e.all[i]
	if err := e.without(ctx, s); err != nil {
		return err
	}
	id := raft.ServerID(s.Name)
	if s.raw != want {
		if err := e.step(ctx, "to lose its vote", s.Name, func() raft.IndexFuture {
			return e.raft.AddVoter(id, want, e.index, enqueueTimeout)
		}); err != nil {
			return err
		}
	}
	return e.step(ctx, "votes no more", s.Name, func() raft.IndexFuture {
		return e.raft.DemoteVoter(id, e.index, enqueueTimeout)
	})
}

// remove takes a member out.
func (e *edit) remove(ctx context.Context, name string) error {
	i := find(e.all, name)
	if i < 0 {
		return command.Refuse(command.ChangeNoMember, "there is no member %q", name)
	}
	if e.all[i].Voter {
		if err := e.without(ctx, e.all[i]); err != nil {
			return err
		}
	}
	return e.step(ctx, "removed", name, func() raft.IndexFuture {
		return e.raft.RemoveServer(raft.ServerID(name), e.index, enqueueTimeout)
	})
}

// without sees to it that the cluster can do without a voter. If that is this leader it hands over, and the error has the next one asked.
func (e *edit) without(ctx context.Context, s server) error {
	after := slices.DeleteFunc(votersOf(slices.Clone(e.all)), func(o server) bool { return o.Name == s.Name })
	if len(after) == 0 {
		return command.Refuse(command.ChangeUnsafe, "%q is the last voter", s.Name)
	}
	if err := e.safe(ctx, after); err != nil {
		return err
	}
	if s.Name != e.cfg.Name {
		return nil
	}
	if err := e.transfer(ctx, ""); err != nil {
		return err
	}
	return errNotReady
}
