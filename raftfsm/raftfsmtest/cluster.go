// Package raftfsmtest is a whole cluster in one test: real members with real raft over a network, disks and a clock in
// memory, and every fault an operator can have: crashes, cut links, slow, full and broken disks.
//
// A Cluster lives in a testing/synctest bubble, so that minutes pass in milliseconds and a test ends with no goroutine
// left. A crash takes the process and leaves the disk: what a member stored before is there when it is restarted, and
// what it does after is not. Raft's own timers are random; a test that repeats a schedule of faults draws it from a seed.
//
// It is not a model of a disk that forgets or of a network that reorders; package guard has the tests of damaged disks.
package raftfsmtest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/guard"
	"holt/raftfsm/peer"
	"holt/raftfsm/peer/peertest"
)

const (
	// MaxMembers bounds the members of a test's cluster, voters and others together.
	MaxMembers = 16
	// MaxLogBytes bounds what is kept of the members' logs, to be shown when a test fails.
	MaxLogBytes = 1 << 20
	// Patience is how long, in the bubble's time, WaitLeader, WaitReady and Settle wait before they fail the test.
	Patience = 2 * time.Minute
	// LogLevelVariable names the environment variable that sets what is logged: debug, info, warn (the default).
	LogLevelVariable = "HOLT_TEST_LOG"
)

// Config is what a test chooses. The zero Config is three voters.
type Config struct {
	// Members is how many voters there are. Default 3.
	Members int
	// NonVoters is how many members follow without a vote; they come after the voters.
	NonVoters int
	// SnapshotBytes, DiskReserve, Heartbeat and MaxStall are those of raftfsm.Config.
	SnapshotBytes int64
	DiskReserve   uint64
	Heartbeat     time.Duration
	MaxStall      time.Duration
	// DigestEvery is that of raftfsm.Config: 0 is never.
	DigestEvery time.Duration
	// Attach gives what a member's process has beside the Node. It is called at every start; nil attaches nothing.
	Attach func(member int) Attachment
}

// Attachment is what hangs on a Node. All of it may be nil.
type Attachment struct {
	Watchers raftfsm.Watchers
	Sessions raftfsm.Sessions
	// Streams counts them.
	Streams func() int
	// LogVersion is that of raftfsm.Config: 0 is the newest.
	LogVersion uint8
	// Now is the member's wall clock, if it is not the bubble's.
	Now func() time.Time
	// Opened is called with the Node once it is open, Closed before it is closed, be it by a crash.
	Opened func(*raftfsm.Node)
	Closed func()
}

// Cluster is the members, their disks and the network between them. All its methods belong to the test's goroutine,
// except those that say otherwise.
type Cluster struct {
	t       testing.TB
	cfg     Config
	members []raftfsm.Member // those the cluster starts from
	hosts   []*host
	byIndex [MaxMembers]atomic.Pointer[host] // the same, for any goroutine
	net     *peertest.Network
	dialed  dialed
	dying   sync.WaitGroup // members whose disks broke
	logs    *tail
	logger  *slog.Logger
}

// host is a machine: its disk stays when the process is gone.
type host struct {
	name  string
	disk  *Disk
	snaps *snapshots
	up    atomic.Pointer[process] // nil while it is down
	fatal atomic.Pointer[error]   // the first fatal error since its start
	index int

	addr   string // what it listens on, and calls itself
	joined bool   // it begins no cluster
}

// process is what runs on a host from a start to a crash.
type process struct {
	node  *raftfsm.Node
	aside Attachment
	dead  atomic.Bool // set when it crashes
}

// New starts a cluster and stops it when the test ends. It must be called in a bubble.
func New(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	c := NewStopped(t, cfg)
	for i := range c.hosts {
		c.Start(i)
	}
	return c
}

// NewStopped is a cluster whose members have not been started yet.
func NewStopped(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	if cfg.Members == 0 {
		cfg.Members = 3
	}
	all := cfg.Members + cfg.NonVoters
	if all > MaxMembers {
		t.Fatalf("a cluster of %d members, the limit is %d", all, MaxMembers)
	}
	c := &Cluster{t: t, cfg: cfg, net: peertest.New(), logs: &tail{}}
	c.net.DeadAfter = peer.UserTimeout
	level := slog.LevelWarn
	if s := os.Getenv(LogLevelVariable); s != "" {
		if err := level.UnmarshalText([]byte(s)); err != nil {
			t.Fatalf("%s: %v", LogLevelVariable, err)
		}
	}
	c.logger = slog.New(slog.NewTextHandler(c.logs, &slog.HandlerOptions{Level: level}))
	for i := range all {
		name := fmt.Sprintf("m%d", i)
		c.members = append(c.members, raftfsm.Member{Name: name, RaftAddr: name + ":7", URL: "http://" + name})
		c.addHost(name)
	}
	if cfg.NonVoters > 0 {
		c.bootstrap()
	}
	t.Cleanup(c.close)
	return c
}

// bootstrap writes a first configuration with non-voters, which raftfsm itself does not make yet.
func (c *Cluster) bootstrap() {
	var conf raft.Configuration
	for i, m := range c.members {
		s := raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(m.Name), Address: raft.ServerAddress(m.RaftAddr)}
		if i >= c.cfg.Members {
			s.Suffrage = raft.Nonvoter
			s.Address += raft.ServerAddress(" " + m.URL + " observer")
		}
		conf.Servers = append(conf.Servers, s)
	}
	for _, h := range c.hosts {
		rc := raft.DefaultConfig()
		rc.LocalID = raft.ServerID(h.name)
		if err := raft.BootstrapCluster(rc, h.disk, h.disk, h.snaps, nil, conf); err != nil {
			c.t.Fatal(err)
		}
	}
}

// Len is how many members there are, up or down.
func (c *Cluster) Len() int { return len(c.hosts) }

// Node is member i's, nil while it is down. Any goroutine may ask.
func (c *Cluster) Node(i int) *raftfsm.Node {
	if p := c.byIndex[i].Load().up.Load(); p != nil {
		return p.node
	}
	return nil
}

// Disk is member i's; it is there while the member is down, too.
func (c *Cluster) Disk(i int) *Disk { return c.hosts[i].disk }

// Name is member i's.
func (c *Cluster) Name(i int) string { return c.hosts[i].name }

// Fatal is the first error after which member i or its storage gave up since its start, or nil.
func (c *Cluster) Fatal(i int) error {
	if p := c.hosts[i].fatal.Load(); p != nil {
		return *p
	}
	return nil
}

// Start starts a member that is down.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	h := c.hosts[i]
	if h.up.Load() != nil {
		c.t.Fatalf("%s is up already", h.name)
	}
	p, err := c.open(h)
	if err != nil {
		c.t.Fatalf("starting %s: %v", h.name, err)
	}
	h.up.Store(p)
	if h.fatal.Load() != nil { // it has died meanwhile
		c.crash(h)
	}
}

// open is what a process does when it starts.
func (c *Cluster) open(h *host) (*process, error) {
	h.disk.thaw()
	h.fatal.Store(nil)
	p := &process{}
	stall := &guard.Stall{}
	logs, stable, err := guard.NewStores(guard.Config{
		Raw: h.disk, Stall: stall, CheckEntry: checkEntry, CacheEntries: 64,
		Fatal: func(err error) { c.die(h, err) },
	})
	if err != nil {
		return nil, err
	}
	snaps, err := guard.NewSnaps(h.snaps, logs)
	if err != nil {
		return nil, err
	}
	ln, err := c.net.Listen(h.addr)
	if err != nil {
		return nil, err
	}
	mux, err := peer.Listen(peer.Config{
		Name: h.name, Cluster: raftfsm.ClusterID(c.members), Secret: []byte("in the bubble"), Listener: ln,
		Dial: c.dialed.dialer(h.name, &p.dead, c.net.Dialer(h.name)), Logger: c.logger,
	})
	if err != nil {
		return nil, err
	}
	if c.cfg.Attach != nil {
		p.aside = c.cfg.Attach(h.index)
	}
	p.node, err = raftfsm.Open(raftfsm.Config{
		Watchers: p.aside.Watchers, Sessions: p.aside.Sessions, Now: p.aside.Now, Streams: p.aside.Streams, Version: "of " + h.name,
		Name: h.name, Members: c.members, Joined: h.joined, RaftAdvertise: h.addr, Mux: mux, Logger: c.logger,
		Storage:   &raftfsm.Storage{Logs: logs, Stable: stable, Snaps: snaps, Stall: stall},
		Heartbeat: c.cfg.Heartbeat, MaxStall: c.cfg.MaxStall, SnapshotBytes: c.cfg.SnapshotBytes,
		FreeBytes: h.disk.Free, DiskReserve: c.cfg.DiskReserve,
		DigestEvery: c.cfg.DigestEvery, LogVersion: p.aside.LogVersion, Fatal: func(err error) { c.die(h, err) },
	})
	if err == nil && p.aside.Opened != nil {
		p.aside.Opened(p.node)
	}
	return p, err
}

// close ends what hangs on the node, then the node.
func (p *process) close() error {
	if p.aside.Closed != nil {
		p.aside.Closed()
	}
	return p.node.Close()
}

func checkEntry(l *raft.Log) error {
	if l.Type != raft.LogCommand {
		return nil
	}
	return command.CheckEntry(l.Data)
}

// Stop ends a member in order: leadership is handed over first, if it leads.
func (c *Cluster) Stop(i int) {
	c.t.Helper()
	h := c.hosts[i]
	p := h.up.Swap(nil)
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.node.HandOver(ctx); err != nil {
		c.t.Logf("%s could not hand over: %v", h.name, err)
	}
	if err := p.close(); err != nil {
		c.t.Errorf("closing %s: %v", h.name, err)
	}
}

// Crash is kill -9 of a member: its connections are reset, its port refuses, its disk stays as it is.
func (c *Cluster) Crash(i int) { c.crash(c.hosts[i]) }

func (c *Cluster) crash(h *host) {
	p := h.up.Swap(nil)
	if p == nil {
		return
	}
	// In this order: whatever the dead process still stores is what it stored just before, and nobody hears of what it
	// believes to have stored after.
	p.dead.Store(true)
	c.net.Kill(h.name)
	h.disk.freeze()
	_ = p.close() // its goroutines are all that is left of it; what they say no longer counts
}

// die is what a process does when its storage gives up, or the member itself: it ends at once.
func (c *Cluster) die(h *host, err error) {
	if h.fatal.CompareAndSwap(nil, &err) {
		c.dying.Go(func() { c.crash(h) })
	}
}

// SnapshotIndex is the raft index of the newest snapshot on member i's disk, 0 if there is none.
func (c *Cluster) SnapshotIndex(i int) uint64 {
	all, err := c.hosts[i].snaps.List()
	if err != nil || len(all) == 0 {
		return 0
	}
	return all[0].Index
}

// SnapshotReads is how often member i has read a snapshot on its disk: when it started, when one had been sent to it, and
// to send one.
func (c *Cluster) SnapshotReads(i int) int {
	s := c.hosts[i].snaps
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read
}

// Restart crashes a member, unless it is down, and starts it again.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	c.Crash(i)
	c.Start(i)
}

// close stops all members, at the end of the test.
func (c *Cluster) close() {
	var wg sync.WaitGroup
	for i := range c.hosts {
		wg.Go(func() { c.Crash(i) })
	}
	wg.Wait()
	c.dying.Wait()
	if c.t.Failed() {
		c.t.Logf("what the members logged last:\n%s", c.logs.String())
	}
}

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte     // at most 2*MaxLogBytes
}

// Write never fails.
func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf = append(l.buf, p...); len(l.buf) > 2*MaxLogBytes {
		l.buf = append(l.buf[:0], l.buf[len(l.buf)-MaxLogBytes:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.ToValidUTF8(l.buf[max(0, len(l.buf)-MaxLogBytes):], nil))
}
