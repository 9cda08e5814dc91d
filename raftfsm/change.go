package raftfsm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/peer"
)

const (
	// MaxVoters bounds the members that vote, or are to.
	MaxVoters = 9
	// MaxNameBytes, MaxAddrBytes and MaxURLBytes bound what is kept of a member.
	MaxNameBytes = peer.MaxName
	MaxAddrBytes = 261
	MaxURLBytes  = 1024
	// changeTimeout bounds a change of the members, asked for again after each change of leader.
	changeTimeout = 10 * time.Second
	// changeWait bounds how long a change waits for the one before it.
	changeWait = 3 * time.Second
	// changePause is between two tries.
	changePause = 50 * time.Millisecond
	// shownTime bounds how long a member that asked for a change waits until it has it itself.
	shownTime = time.Second
	// MaxChangeBytes bounds a change, and what is answered to it, encoded.
	MaxChangeBytes = 16 << 10
)

// changeKind is what is to be done.
type changeKind string

const (
	changeAdd      changeKind = "add"
	changeRemove   changeKind = "remove"
	changeTransfer changeKind = "transfer"
)

// change is asked of the leader. Members of other versions may know other fields, so it goes over the wire as JSON.
type change struct {
	Kind   changeKind
	Member command.MemberSpec // of a removal and of a transfer the name alone
}

// changeAnswer is how it went. Its zero value but for Index says: done.
type changeAnswer struct {
	Index   uint64               `json:",omitempty"` // of the entry that has it
	Reason  command.ChangeReason `json:",omitempty"` // refused; 0 if not
	Detail  string               `json:",omitempty"`
	Again   bool                 `json:",omitempty"` // not done: this member does not lead, or has just handed over
	Unknown bool                 `json:",omitempty"`
}

// AddMember makes a server a member, or changes the address, the URL or the kind of one. It may be called on any member and returns
// once the change is committed; a voter begins without a vote and is promoted by the leader when it has caught up. To ask for what is
// there already is no error. Errors are *command.ChangeError, ErrNoLeader, ErrUnknown and ErrShuttingDown.
func (n *Node) AddMember(ctx context.Context, m command.MemberSpec) error {
	if err := checkSpec(m); err != nil {
		return err
	}
	return n.change(ctx, change{changeAdd, m})
}

// RemoveMember takes a member out. It may be called on any member, of any member: a leader that is to go hands over first.
func (n *Node) RemoveMember(ctx context.Context, name string) error {
	return n.change(ctx, change{changeRemove, command.MemberSpec{Name: name}})
}

// Transfer gives leadership to a voter, "" to whichever is most up to date, and returns once that one leads. It may be called on any member.
func (n *Node) Transfer(ctx context.Context, to string) error {
	return n.change(ctx, change{changeTransfer, command.MemberSpec{Name: to}})
}

// change asks whoever leads, again after each change of leader. To ask twice is to want the same twice: where the first time may have
// worked, the second finds it done.
func (n *Node) change(ctx context.Context, ch change) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	first, unknown := "", false // who was asked first
	for {
		if first != "" && n.transferred(ch, first) {
			return nil
		}
		if first == "" {
			first = n.role().leader
		}
		index, err := n.askChange(ctx, ch)
		var refused *command.ChangeError
		switch {
		case err == nil:
			n.shown(ctx, ch, index, first)
			return nil
		case errors.As(err, &refused):
			return afterUnknown(ch, refused, unknown)
		case errors.Is(err, command.ErrUnknown):
			unknown = true
		}
		pause := time.NewTimer(changePause)
		select {
		case <-pause.C:
			continue
		case <-ctx.Done():
			err = command.ErrNoLeader
		case <-n.stop:
			err = command.ErrShuttingDown
		}
		pause.Stop()
		if unknown {
			return command.ErrUnknown
		}
		return err
	}
}

// afterUnknown is what a refusal means to who has asked before and was not told how that went.
func afterUnknown(ch change, refused *command.ChangeError, unknown bool) error {
	switch {
	case unknown && ch.Kind == changeRemove && refused.Reason == command.ChangeNoMember:
		return nil
	case unknown && refused.Reason == command.ChangeInProgress:
		return command.ErrUnknown // that may be the one under way
	}
	return refused
}

// transferred says whether leadership has gone where it is to go.
func (n *Node) transferred(ch change, from string) bool {
	if ch.Kind != changeTransfer {
		return false
	}
	now := n.role().leader
	if ch.Member.Name == "" {
		return now != "" && now != from
	}
	return now == ch.Member.Name
}

// shown waits, not for long, until this member knows of a change that was made, so that it shows it to who asked for it.
func (n *Node) shown(ctx context.Context, ch change, index uint64, from string) {
	ctx, cancel := context.WithTimeout(ctx, shownTime)
	defer cancel()
	if ch.Kind != changeTransfer {
		n.progress.atIndex(ctx, index)
		return
	}
	for !n.transferred(ch, from) && ctx.Err() == nil && n.sleep(roundPause) {
		continue
	}
}

// askChange asks the present leader once.
func (n *Node) askChange(ctx context.Context, ch change) (index uint64, err error) {
	r := n.role()
	if r.leads {
		return n.makeChange(ctx, ch)
	}
	if r.leader == "" {
		return 0, errNotReady
	}
	b, err := json.Marshal(ch)
	if err != nil {
		return 0, fmt.Errorf("encoding a change: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go n.whileLeads(ctx, r, cancel) // ends with ctx
	conn, err := n.asks.Get(ctx, r.target())
	if err != nil {
		return 0, errNotReady
	}
	if b, err = conn.Call(ctx, kindChange, b); err != nil {
		var remote *peer.RemoteError
		if errors.Is(err, peer.ErrNotSent) || errors.As(err, &remote) {
			return 0, errNotReady
		}
		return 0, command.ErrUnknown
	}
	var a changeAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		return 0, command.ErrUnknown
	}
	return a.Index, a.err()
}

func (a *changeAnswer) err() error {
	switch {
	case a.Unknown:
		return command.ErrUnknown
	case a.Again:
		return errNotReady
	case a.Reason != 0:
		return &command.ChangeError{Reason: a.Reason, Detail: a.Detail}
	}
	return nil
}

// onChange makes a change that another member was asked for.
func (n *Node) onChange(ctx context.Context, _ peer.Peer, _ byte, b []byte) ([]byte, error) {
	var ch change
	if len(b) > MaxChangeBytes {
		return nil, fmt.Errorf("a change of %d bytes, the limit is %d", len(b), MaxChangeBytes)
	}
	if err := json.Unmarshal(b, &ch); err != nil {
		return nil, fmt.Errorf("a change that cannot be read: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	index, err := n.makeChange(ctx, ch)
	a := changeAnswer{Index: index}
	var refused *command.ChangeError
	switch {
	case err == nil:
	case errors.As(err, &refused):
		a.Reason, a.Detail = refused.Reason, refused.Detail
	case errors.Is(err, command.ErrUnknown):
		a.Unknown = true
	default:
		a.Again = true
	}
	return json.Marshal(a)
}
