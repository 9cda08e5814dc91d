package raftfsm

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/guard"
	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
)

// Node is one member of a cluster.
type Node struct {
	cfg   Config
	log   *slog.Logger
	mux   *peer.Mux
	trans *guard.Transport
	raft  *raft.Raft

	progress     *progress
	calls        *calls
	outbox       *outbox
	size         *logSize
	disk         disk
	reads        rounds // of this member's own readers
	leaderRounds rounds // of all members' readers, while this one leads
	writes       *peer.Pool
	asks         *peer.Pool // not behind writes: those may be held back
	reports      reports
	digests      digests
	started      time.Time
	counts       counts
	links        atomic.Uint64 // how many connections of writes have ended: what is sent next goes over a later one

	fsm       *fsm       // its goroutine is raft's
	restoring sync.Mutex // held while this member proposes a restore

	ready atomic.Bool // caught up once since the start
	nudge chan struct{}

	gate      gate
	changing  chan struct{} // a token while this member, leading, changes who the members are
	settled   settled
	franchise franchise
	out       atomic.Bool // this member has heard that it was removed

	opened  chan struct{} // closed once raft is set
	nudgeMu sync.Mutex    // guards nudging
	nudging map[string]bool

	ctx       context.Context // ends with stop
	cancel    context.CancelFunc
	stop      <-chan struct{}
	wg        sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// Open starts a member and returns at once: it may take a while until it is Ready.
func Open(cfg Config) (*Node, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	n := &Node{
		cfg: cfg, log: cfg.Logger.With("node", cfg.Name), mux: cfg.Mux, progress: &progress{}, calls: newCalls(newOrigin()),
		outbox: newOutbox(), started: time.Now(), nudge: make(chan struct{}, 1), opened: make(chan struct{}), nudging: make(map[string]bool),
		changing: make(chan struct{}, 1),
	}
	n.outbox.node = n
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.stop = n.ctx.Done()
	n.progress.stop = n.stop
	n.reads = rounds{ask: n.readIndex, ctx: n.ctx, spawn: n.wg.Go, ended: n.countRound}
	n.leaderRounds = rounds{ask: n.leaderIndex, ctx: n.ctx, spawn: n.wg.Go}
	n.size = &logSize{limit: cfg.SnapshotBytes, state: n.stateBytes, due: func() {
		trailing := n.size.trailing()
		n.wg.Go(func() { n.compact(trailing) })
	}}
	if err := n.open(); err != nil {
		n.cancel()
		return nil, err
	}
	return n, nil
}

func (n *Node) open() (err error) {
	cfg := n.cfg
	if err := n.bootstrap(); err != nil {
		return err
	}
	if err := n.franchise.load(&n.cfg); err != nil {
		return err
	}
	inner := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: n.mux.RaftLayer(cfg.RaftAdvertise), MaxPool: 3, MaxRPCsInFlight: guard.MaxRPCsInFlight,
		Timeout: cfg.RPCTimeout, Logger: raftLogger(n.log),
	})
	n.trans, err = guard.NewTransport(guard.TransportConfig{Inner: dialing{inner, n, n.canvass(inner.Consumer())}, Stall: cfg.Storage.Stall, MaxStall: cfg.MaxStall})
	if err != nil {
		return err
	}
	// The pools are there before raft: it may lead before NewRaft returns.
	n.writes = peer.NewPool(n.mux, peer.PoolConfig{OnPush: n.onRefused, OnDown: n.onLost})
	n.asks = peer.NewPool(n.mux, peer.PoolConfig{})
	f := newFSM(n.log, n.progress, n.calls, n.outbox, n.size)
	f.watchers, f.sessions = cfg.Watchers, cfg.Sessions
	f.digests, f.version, f.fatal = &n.digests, cfg.LogVersion, cfg.Fatal
	n.fsm = f
	f.counts, f.meter = &n.counts, cfg.Meter
	n.raft, err = raft.NewRaft(n.raftConfig(), configured{f, &n.settled}, cfg.Storage.Logs, ballot{cfg.Storage.Stable, &n.franchise}, cfg.Storage.Snaps, n.trans)
	if err != nil {
		return errors.Join(fmt.Errorf("starting raft: %w", err), n.trans.Close())
	}
	err = n.mux.Serve(map[byte]peer.Route{
		kindForward:   {Handler: n.onForward, Ordered: true},
		kindReadIndex: {Handler: n.onReadIndex},
		kindTerm:      {Handler: n.onTerm},
		kindFence:     {Handler: n.onFence},
		kindAsk:       {Handler: n.onAsk},
		kindReport:    {Handler: n.onReport},
		kindNote:      {Handler: n.onNote},
		kindChange:    {Handler: n.onChange},
		kindMember:    {Handler: n.onMember},
	})
	if err != nil {
		return errors.Join(err, n.raft.Shutdown().Error(), n.trans.Close())
	}
	for _, run := range []func(){n.outbox.run, n.observe, n.nudges, n.watchDisk, n.catchUp, n.compareDigests, n.tend, n.whereabouts, n.birth, n.listen} {
		n.wg.Go(run)
	}
	close(n.opened)
	n.electAlone()
	n.outbox.poke()
	return nil
}

// bootstrap writes the first configuration, unless there is one or it is for others to send.
func (n *Node) bootstrap() error {
	if n.cfg.Joined {
		return nil
	}
	s := n.cfg.Storage
	var conf raft.Configuration
	for _, m := range n.cfg.Members {
		conf.Servers = append(conf.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(m.Name), Address: raft.ServerAddress(m.RaftAddr)})
	}
	has, err := raft.HasExistingState(s.Logs, s.Stable, s.Snaps)
	switch {
	case err != nil:
		return err
	case !has:
		if len(conf.Servers) > 1 { // first, so that no crash leaves the one without the other
			err = s.Stable.Set(keyNewborn, []byte{1})
		}
		if err == nil {
			err = raft.BootstrapCluster(n.raftConfig(), s.Logs, s.Stable, s.Snaps, nil, conf) // which has no use for a transport
		}
	default:
		var half bool
		if half, err = s.halfBootstrapped(); half {
			err = s.Logs.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)})
		}
	}
	if err != nil {
		return fmt.Errorf("writing the first configuration: %w", err)
	}
	return nil
}

// halfBootstrapped says whether a first start died after it wrote term 1 and before the configuration, the log's first
// entry. Nobody else has a term of 1 and neither log, snapshot nor vote: the first election is of term 2.
func (s *Storage) halfBootstrapped() (bool, error) {
	last, err := s.Logs.LastIndex()
	if err != nil || last > 0 {
		return false, err
	}
	snaps, err := s.Snaps.List()
	if err != nil || len(snaps) > 0 {
		return false, err
	}
	term, err := s.Stable.GetUint64([]byte("CurrentTerm"))
	if err != nil || term != 1 {
		return false, err
	}
	switch _, err := s.Stable.GetUint64([]byte("LastVoteTerm")); {
	case err == nil:
		return false, nil
	case err.Error() != "not found": // raft's own test for it
		return false, err
	}
	return true, nil
}

// newOrigin names this run of the process.
func newOrigin() command.Origin {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return command.Origin(binary.LittleEndian.Uint64(b[:]))
}

// catchUp makes the member ready once it holds all that was committed when it first heard of a leader.
func (n *Node) catchUp() {
	for {
		_, err := n.Linearizable(n.ctx)
		if err == nil {
			err = n.earnVote(n.ctx)
		}
		if err == nil {
			n.ready.Store(true)
			n.counts.live.Store(true)
			n.log.Info("ready", "zxid", n.progress.now.Load().state.Zxid)
			return
		}
		select {
		case <-n.stop:
			return
		case <-time.After(roundPause):
		}
	}
}

// Ready says whether the member has caught up since it started.
func (n *Node) Ready() bool { return n.ready.Load() }

// Propose has txn carried out by the cluster and gives its result once this member's own state holds it. Errors are those
// of package command. A transaction that a change of leader swept away is proposed again, as long as ctx lasts: it is
// known by then that it was not carried out.
func (n *Node) Propose(ctx context.Context, txn *znode.Txn) (*znode.Result, error) {
	results, err := n.ProposeAll(ctx, []znode.Txn{*txn})
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// ProposeAll is Propose of several transactions, as one command: they are carried out in this order with nothing in between, each
// for itself, or with an error none of them was, or none is known to have been. There may be so many as command.Command's Validate
// allows.
func (n *Node) ProposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error) {
	results, err := n.proposeAll(ctx, txns)
	n.counts.wrote(results, err, len(txns))
	return results, err
}

func (n *Node) proposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error) {
	if n.ctx.Err() != nil {
		return nil, command.ErrShuttingDown
	}
	c, err := n.calls.start(txns)
	if err != nil {
		return nil, err
	}
	o := n.outcomeOf(ctx, c)
	n.logProposal(c, &o)
	return o.results, o.err
}

// outcomeOf proposes a call and waits for what becomes of it.
func (n *Node) outcomeOf(ctx context.Context, c *call) outcome {
	n.outbox.add(c)
	select {
	case o := <-c.done:
		return o
	case <-ctx.Done():
		return n.calls.giveUp(c, command.ErrNoLeader)
	case <-n.stop:
		return n.calls.giveUp(c, command.ErrShuttingDown)
	}
}

// State is this member's own, without waiting for anyone.
func (n *Node) State() (*znode.State, error) {
	if !n.ready.Load() {
		return nil, command.ErrBehind
	}
	return n.progress.now.Load().state, nil
}

// StateAt is a state of at least z.
func (n *Node) StateAt(ctx context.Context, z znode.Zxid) (*znode.State, error) {
	if v := n.progress.atZxid(ctx, z); v != nil && n.ready.Load() {
		return v.state, nil
	}
	return nil, command.ErrBehind
}

// stateBytes is about how large the state is in a log.
func (n *Node) stateBytes() int64 {
	t := n.progress.now.Load().state.Tree
	return t.Bytes() + int64(t.Len())*nodeOverhead
}

// Close stops the member and waits for all of it. Requests under way end with ErrShuttingDown or ErrUnknown. To hand
// leadership over first is the caller's business: HandOver.
func (n *Node) Close() error {
	n.closeOnce.Do(func() {
		n.cancel()
		left := n.outbox.drain(MaxEntriesInFlight)
		err := n.raft.Shutdown().Error()
		n.fsm.staging.drop()
		n.outbox.drain(left)
		n.calls.endAll(command.ErrShuttingDown)
		// Whatever could start a goroutine ends before the wait for all of them.
		n.reads.close()
		n.leaderRounds.close()
		n.reports.close()
		err = errors.Join(err, n.writes.Close(), n.asks.Close(), n.mux.Close())
		n.wg.Wait()
		n.closeErr = errors.Join(err, n.trans.Close())
	})
	return n.closeErr
}
