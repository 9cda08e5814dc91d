package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm"
)

const (
	// memberMark, in a member's folder, says that it joined and has been a member: one that was removed must not come back by itself.
	memberMark = "joined"
	// introducePause is between two looks whether the cluster knows this member, and introduceSaid between two lines of the log.
	introducePause = 500 * time.Millisecond
	introduceSaid  = 10 * time.Second
	// introduceAsk bounds one try to have it known.
	introduceAsk = 15 * time.Second
)

// introduction has the cluster know this member as it is: one that joins is made a member, one that has moved tells its new addresses.
// It ends once that is so, and never has a member back that was removed.
type introduction struct {
	node  cluster
	self  raftfsm.Member // an empty address is left as the cluster has it
	voter bool           // of one that joins
	mark  string         // file; see memberMark
	urls  []string       // of members to ask, besides those it knows
	own   string         // URL at which this member asks itself
	log   *slog.Logger

	joins   atomic.Bool            // not a member yet, since the folder was made
	trouble atomic.Pointer[string] // why it is not one yet, for people; nil if there is nothing to say
}

// cluster is what an introduction needs of the node.
type cluster interface {
	Status() raftfsm.Status
	IsMember() bool
}

// newIntroduction is that of a member whose folder and node are open.
func (m *member) newIntroduction() *introduction {
	i := &introduction{
		node: m.node, self: raftfsm.Member{Name: m.folder.Name, RaftAddr: m.cfg.RaftAdvertise, URL: m.cfg.URL}, voter: m.cfg.Voter,
		mark: filepath.Join(m.folder.Dir, memberMark), urls: m.cfg.Join,
		own: "http://" + dialable(m.cfg.HTTPAddr), log: m.log,
	}
	if m.folder.Joined {
		i.self = m.cfg.joiner(m.folder.Name)
		_, err := os.Stat(i.mark)
		i.joins.Store(errors.Is(err, os.ErrNotExist))
	}
	for _, f := range m.folder.Members {
		if f.Name != i.self.Name {
			i.urls = append(slices.Clip(i.urls), f.URL)
		}
	}
	return i
}

// run ends when the cluster knows this member, or ctx ends.
func (i *introduction) run(ctx context.Context) {
	look := time.NewTicker(introducePause)
	defer look.Stop()
	var said time.Time
	for {
		todo, err := i.todo()
		if err == nil && todo == nil {
			i.trouble.Store(nil)
			return
		}
		if err == nil {
			err = i.tell(ctx, todo)
		}
		if err != nil && ctx.Err() == nil {
			text := err.Error()
			i.trouble.Store(&text)
			if time.Since(said) >= introduceSaid {
				said = time.Now()
				i.log.Warn("the cluster does not know this member as it is yet", "node", i.self.Name, "error", err)
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// todo is what the cluster must still be told; nil if nothing.
func (i *introduction) todo() (*wire.NewMember, error) {
	s := i.node.Status()
	at := slices.IndexFunc(s.Members, func(m raftfsm.MemberStatus) bool { return m.Name == i.self.Name })
	member := i.node.IsMember() && at >= 0
	switch {
	case !member && i.joins.Load():
		return &wire.NewMember{ID: i.self.Name, RaftAddr: i.self.RaftAddr, URL: i.self.URL, Voter: &i.voter}, nil
	case !member:
		return nil, nil // it was removed, which the node says loudly
	case i.joins.Load():
		if err := os.WriteFile(i.mark, nil, 0o600); err != nil {
			return nil, err
		}
		i.joins.Store(false)
		i.log.Info("this server is a member now", "node", i.self.Name)
	}
	is := s.Members[at]
	addr, url := or(i.self.RaftAddr, is.RaftAddr), or(i.self.URL, is.URL)
	if addr == is.RaftAddr && url == is.URL || unspecified(addr) {
		return nil, nil
	}
	voter := is.Voter || !is.Observer
	return &wire.NewMember{ID: i.self.Name, RaftAddr: addr, URL: url, Voter: &voter}, nil
}

// tell asks the other members: they know the leader, which does not know where this one is. One that is alone asks itself.
func (i *introduction) tell(ctx context.Context, m *wire.NewMember) error {
	c, err := client.New(client.Config{Endpoints: i.endpoints(), Timeout: introduceAsk})
	if err != nil {
		return fmt.Errorf("nobody to ask: %w", err)
	}
	defer c.Close()
	_, err = c.AddMember(ctx, *m)
	return err
}

// endpoints are the members to ask.
func (i *introduction) endpoints() []string {
	all := slices.Clone(i.urls)
	alone := true
	for _, m := range i.node.Status().Members {
		if m.Name != i.self.Name {
			all, alone = append(all, m.URL), false
		}
	}
	if alone && !i.joins.Load() {
		all = []string{i.own}
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(u string) bool { return (client.Config{Endpoints: []string{u}}).Validate() != nil })
	return all[:min(len(all), client.MaxEndpoints)]
}

// state is the reason for /readyz that this server is a member.
func (i *introduction) state() (ok bool, detail string) {
	if i.node.IsMember() {
		return true, "it is one of the cluster's members"
	}
	trouble := i.trouble.Load()
	switch {
	case !i.joins.Load():
		return false, "it was removed from the cluster: stop it; to have it back, empty its folder and let it join"
	case trouble != nil:
		return false, "it has not joined yet: " + *trouble
	}
	return false, "it is joining"
}
