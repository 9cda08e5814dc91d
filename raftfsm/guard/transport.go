package guard

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// MaxAppendBytes is how much log data one append carries, in bytes, unless its first entry alone is larger. Raft counts entries only, and 64
// of the largest would not get through a slow network within the RPC's timeout, however often they are sent.
const MaxAppendBytes = 8 << 20

// maxInjected is how many injected RPCs may wait for raft's main loop. One is enough for what they are for: a second wish for
// an election says nothing new.
const maxInjected = 1

var (
	// ErrStalled is the error of an append that was withheld because the local disk hangs.
	ErrStalled = errors.New("local disk stalled: append withheld")
	// ErrNotStored is the error of an append whose entries fit the follower's log, but could not be stored there.
	ErrNotStored = errors.New("the follower could not store the entries")
	// ErrInjectBusy is returned by Inject while an earlier injected RPC still waits for raft's main loop.
	ErrInjectBusy = errors.New("an injected rpc is already waiting")
)

// Underlying is what Transport needs of the transport it wraps. PreVote is demanded here because raft switches PreVote off
// without a word when a transport lacks it. Both *raft.NetworkTransport and *raft.InmemTransport satisfy it.
type Underlying interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
}

// TransportConfig is what NewTransport needs.
type TransportConfig struct {
	// Inner carries the RPCs. The Transport closes it.
	Inner Underlying
	// Stall tells how the local disk does. The same one goes into Config.
	Stall *Stall
	// MaxStall is how long a store call may run before appends are withheld; it should be about the heartbeat timeout, above the
	// disk's usual hiccups. Zero: never withhold.
	MaxStall time.Duration
}

// Validate says what is missing.
func (c TransportConfig) Validate() error {
	switch {
	case c.Inner == nil:
		return errors.New("guard transport: no inner transport")
	case c.Stall == nil:
		return errors.New("guard transport: no stall")
	}
	return nil
}

// Transport is a raft.Transport without four bugs.
//
// #695: the library handles a heartbeat on the connection's goroutine, where a newer term in it races the main loop, and two members can
// store different entries under one index and term. Here SetHeartbeatHandler does nothing, so that a heartbeat waits its turn
// like every other RPC. The price: a follower's slow disk delays its answers, and the leader's lease must outlast that.
//
// #503: a leader whose disk hangs goes on sending heartbeats and empty appends from other goroutines, and nobody replaces it. Here
// everything that keeps followers quiet is withheld once a store call runs for longer than MaxStall.
//
// And a follower takes a commit index for its whole log, not just for what the append has matched of it. A follower with entries that were
// replaced elsewhere, and whose disk fails to drop them, says no to each append; the library then goes back by an entry with each no, until it
// sends entries from before the difference only, and with them the follower commits what it should have dropped. Here an append never
// carries a commit index beyond its own last entry, and a follower that cannot store is no reason to go back.
//
// Beyond that it lets the member speak to its own raft as a peer would: see Inject.
type Transport struct {
	Underlying
	stall    *Stall
	maxStall time.Duration

	consumer  chan raft.RPC
	injected  chan raft.RPC // bounded by maxInjected; when full, Inject refuses
	closing   chan struct{}
	pumpDone  chan struct{}
	closeOnce sync.Once
	closeErr  error // written once under closeOnce
}

var (
	_ raft.Transport   = (*Transport)(nil)
	_ raft.WithPreVote = (*Transport)(nil)
	_ raft.WithClose   = (*Transport)(nil)
	_ raft.WithPeers   = (*Transport)(nil)
)

// NewTransport wraps c.Inner and starts the goroutine that merges peers' and injected RPCs; Close ends it.
func NewTransport(c TransportConfig) (*Transport, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &Transport{
		Underlying: c.Inner,
		stall:      c.Stall,
		maxStall:   c.MaxStall,
		consumer:   make(chan raft.RPC),
		injected:   make(chan raft.RPC, maxInjected),
		closing:    make(chan struct{}),
		pumpDone:   make(chan struct{}),
	}
	go t.pump()
	return t, nil
}

// pump hands RPCs to raft one at a time. An RPC that raft did not take before Close is dropped unanswered: that is what a peer sees
// of a dead process too, and the in-memory transport cannot take an error for an answer.
func (t *Transport) pump() {
	defer close(t.pumpDone)
	inner := t.Underlying.Consumer()
	for {
		var rpc raft.RPC
		select {
		case rpc = <-inner:
		case rpc = <-t.injected:
		case <-t.closing:
			return
		}
		select {
		case t.consumer <- rpc:
		case <-t.closing:
			return
		}
	}
}

// Consumer is the channel raft takes RPCs from: those of peers and those injected. It is never closed, as the library's is not.
func (t *Transport) Consumer() <-chan raft.RPC { return t.consumer }

// SetHeartbeatHandler ignores the handler (#695): heartbeats come through Consumer.
func (t *Transport) SetHeartbeatHandler(func(raft.RPC)) {}

// Inject puts cmd before the local raft as if a peer had sent it; the answer is thrown away. cmd is one of raft's request types with its
// RPCHeader filled in. It never waits: ErrInjectBusy when an earlier one was not taken yet, raft.ErrTransportShutdown after Close.
func (t *Transport) Inject(cmd any) error {
	rpc := raft.RPC{Command: cmd, RespChan: make(chan raft.RPCResponse, 1)}
	select {
	case <-t.closing:
		return raft.ErrTransportShutdown
	default:
	}
	select {
	case t.injected <- rpc:
		return nil
	default:
		return ErrInjectBusy
	}
}

// ElectNow makes the local raft start an election at once, without PreVote and although its voters still believe in their leader. Call it
// only on a voter that follows, and only when the leader's process is known to be gone: a leader so called would step down.
func (t *Transport) ElectNow() error {
	return t.Inject(&raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}})
}

// AppendEntries sends entries or a heartbeat, or fails with ErrStalled. It may cut req.Entries short, and raft goes on from there.
func (t *Transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.stall.Stalled(t.maxStall) {
		return ErrStalled
	}
	bound(req)
	if err := t.Underlying.AppendEntries(id, target, req, resp); err != nil {
		return err
	}
	// Of an append that does not fit, raft says NoRetryBackoff.
	if len(req.Entries) > 0 && !resp.Success && !resp.NoRetryBackoff && resp.Term <= req.Term {
		return ErrNotStored
	}
	return nil
}

// bound keeps an append to MaxAppendBytes, and its commit index to what the follower's log is known to agree with once it took the append.
func bound(req *raft.AppendEntriesRequest) {
	last, bytes := req.PrevLogEntry, 0
	for i, e := range req.Entries {
		if bytes += entryBytes(e); bytes > MaxAppendBytes && i > 0 {
			req.Entries = req.Entries[:i]
			break
		}
		last = e.Index
	}
	req.LeaderCommitIndex = min(req.LeaderCommitIndex, last)
}

// InstallSnapshot sends a snapshot, or fails with ErrStalled: a snapshot keeps a follower quiet as an append does.
func (t *Transport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	if t.stall.Stalled(t.maxStall) {
		return ErrStalled
	}
	return t.Underlying.InstallSnapshot(id, target, req, resp, data)
}

// AppendEntriesPipeline opens a pipeline whose appends are withheld like single ones.
func (t *Transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := t.Underlying.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	return &pipeline{AppendPipeline: inner, transport: t}, nil
}

// Close ends the goroutine of the Transport, waits for it, and closes the inner transport. Later calls return what the first did.
func (t *Transport) Close() error {
	t.closeOnce.Do(func() {
		close(t.closing)
		<-t.pumpDone
		t.closeErr = t.Underlying.Close()
	})
	return t.closeErr
}

// Connect makes a peer reachable when the inner transport is in memory; others find peers by address and ignore it.
func (t *Transport) Connect(peer raft.ServerAddress, other raft.Transport) {
	if o, ok := other.(*Transport); ok {
		other = o.Underlying // the in-memory transport connects only to its own kind
	}
	if p, ok := t.Underlying.(raft.WithPeers); ok {
		p.Connect(peer, other)
	}
}

// Disconnect undoes Connect.
func (t *Transport) Disconnect(peer raft.ServerAddress) {
	if p, ok := t.Underlying.(raft.WithPeers); ok {
		p.Disconnect(peer)
	}
}

// DisconnectAll undoes every Connect.
func (t *Transport) DisconnectAll() {
	if p, ok := t.Underlying.(raft.WithPeers); ok {
		p.DisconnectAll()
	}
}

// pipeline withholds appends while the disk hangs; raft then falls back to single appends.
type pipeline struct {
	raft.AppendPipeline
	transport *Transport
}

func (p *pipeline) AppendEntries(req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if p.transport.stall.Stalled(p.transport.maxStall) {
		return nil, ErrStalled
	}
	bound(req)
	return p.AppendPipeline.AppendEntries(req, resp)
}
