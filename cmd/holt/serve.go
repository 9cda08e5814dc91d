package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"holt/httpapi"
	"holt/raftfsm"
	"holt/raftfsm/guard"
	"holt/raftfsm/peer"
	"holt/raftfsm/reaper"
	"holt/raftfsm/watch"
	"holt/sessions"
	"holt/web"
)

const (
	// handOverTime bounds giving leadership to another member when this one stops.
	handOverTime = 3 * time.Second
	// drainTime bounds finishing the requests under way when this member stops.
	drainTime = 15 * time.Second
)

// errStorage ends a member whose disk failed; the process has an exit code for it.
var errStorage = errors.New("the disk of this member cannot be trusted any more; if this persists after a restart, replace the member")

// serveCmd is holt serve.
type serveCmd struct {
	ServeConfig `embed:""`
}

// Help is behind the flags in --help.
func (serveCmd) Help() string {
	return "Each flag is also a variable: --http-addr is HOLT_HTTP_ADDR. Flags win; a misspelt variable is an error; an " +
		"empty one counts as unset. With nothing set this is a durable cluster of one on this machine alone."
}

// Run serves until a signal, or until the disk can no longer be trusted.
func (s *serveCmd) Run(parsed *kong.Context) error {
	given := make(map[string]bool)
	for _, f := range parsed.Flags() {
		given[f.Name] = f.Set
	}
	cfg, err := loadConfig(s.ServeConfig, func(flag string) bool { return given[flag] })
	if err != nil {
		return usageError{err}
	}
	log := newLogger(cfg)
	defer ignoreHangups(log)()
	manager := takeNotifier(log)
	heedMemoryLimit(log)
	m, err := openMember(cfg, log)
	if err != nil {
		return err
	}
	m.manager = manager
	return m.run()
}

func newLogger(cfg ServeConfig) *slog.Logger {
	var level slog.LevelVar
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // checked before
	opts := &slog.HandlerOptions{Level: &level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}

// member is everything a running member is made of, in the order it is opened.
type member struct {
	cfg    ServeConfig
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc

	metrics *metrics
	folder  *raftfsm.Folder
	hub     *watch.Hub
	leases  *sessions.Leases
	node    *raftfsm.Node
	reaper  *reaper.Reaper
	intro   *introduction
	api     *httpapi.API
	server  *http.Server
	lis     net.Listener
	wg      sync.WaitGroup // goroutines that end with ctx
	backups *backups
	debug   *profiles // nil: off
	manager *notifier // nil: nobody asks
}

func openMember(cfg ServeConfig, log *slog.Logger) (*member, error) {
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	m := &member{cfg: cfg, log: log, metrics: metrics}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for _, open := range []func() error{m.openBackups, m.openFolder, m.openNode, m.openServer} {
		if err := open(); err != nil {
			return nil, errors.Join(err, m.close())
		}
	}
	return m, nil
}

// openFolder opens the data folder, after a child process has looked whether it can be.
func (m *member) openFolder() error {
	lived, err := raftfsm.Lived(m.cfg.DataDir)
	if err != nil {
		return usageError{fmt.Errorf("HOLT_DATA_DIR: %w", err)}
	}
	name := m.cfg.Name
	if !lived && name == "" {
		if name, err = os.Hostname(); err != nil {
			return fmt.Errorf("HOLT_NAME is not set and the host has no name: %w", err)
		}
	}
	if lived {
		if err := checkInChild(m.cfg.DataDir); err != nil {
			return err
		}
	}
	members, err := m.cfg.members(name)
	if err != nil {
		return err
	}
	var join *raftfsm.Join
	if !lived {
		if _, err := m.cfg.self(name, members); err != nil {
			return usageError{err}
		}
		if err := m.cfg.checkFree(); err != nil {
			return usageError{err}
		}
		if len(m.cfg.Join) > 0 {
			if join, err = m.learn(name); err != nil {
				return err
			}
		}
	}
	m.folder, err = raftfsm.OpenFolder(raftfsm.FolderConfig{
		Dir: m.cfg.DataDir, Name: name, Members: members, Join: join, Logger: m.log, Fatal: m.onFatal, ObserveAppend: m.metrics.observeAppend,
	})
	var making *fs.PathError
	switch {
	case errors.As(err, &making) && making.Op == "mkdir":
		return usageError{fmt.Errorf("HOLT_DATA_DIR: %w", err)}
	case err != nil:
		return err
	}
	if m.cfg.Cluster != "" && !slices.Equal(m.folder.Members, members) {
		m.log.Warn("HOLT_CLUSTER counts on the first start only: the list in the data folder is another and is used", "data", m.cfg.DataDir)
	}
	if len(m.cfg.Join) > 0 && !m.folder.Joined {
		m.log.Warn("HOLT_JOIN counts on the first start only: this member has begun a cluster and is in it; to join another, give it an empty folder", "data", m.cfg.DataDir)
	}
	return nil
}

// checkInChild looks for damage in a process of its own: bbolt ends the process on some.
func checkInChild(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	path := filepath.Join(dir, guard.BoltFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil // opening the folder says what that means
	}
	return guard.CheckInChild(exec.Command(self, "check", path), path)
}

func (m *member) openNode() error {
	self, err := m.cfg.later(m.folder)
	if err != nil {
		return usageError{err}
	}
	if _, dialed, _ := net.SplitHostPort(self.RaftAddr); !strings.HasSuffix(m.cfg.RaftAddr, ":"+dialed) {
		m.log.Warn("the other members dial another port than this one listens on", "dialed", self.RaftAddr, "listening", m.cfg.RaftAddr)
	}
	mux, err := peer.Listen(peer.Config{
		Name: m.folder.Name, Cluster: m.folder.Cluster, Secret: []byte(m.cfg.PeerSecret), LoopbackOnly: m.cfg.PeerSecret == "",
		BindAddr: m.cfg.RaftAddr, Logger: m.log,
	})
	if err != nil {
		return err
	}
	free := m.folder.FreeBytes
	if m.cfg.DiskReserve == 0 {
		free = nil
	}
	m.hub = watch.NewHub(watch.Config{MaxSubscriptions: m.cfg.MaxStreams})
	m.leases = sessions.New(sessions.Config{Logger: m.log})
	m.node, err = raftfsm.Open(raftfsm.Config{
		Watchers: m.hub, Sessions: m.leases, Meter: m.metrics,
		Name: m.folder.Name, Members: m.folder.Members, Joined: m.folder.Joined, RaftAdvertise: self.RaftAddr, Storage: &m.folder.Storage, Mux: mux,
		Logger: m.log, Heartbeat: m.cfg.Heartbeat, SnapshotBytes: m.cfg.SnapshotBytes, FreeBytes: free, DiskReserve: m.cfg.DiskReserve,
		DigestEvery: m.cfg.DigestEvery, Fatal: onDiverged,
		Version: buildVersion(), Streams: func() int { n, _ := m.hub.Streams(); return n },
	})
	if err != nil {
		return errors.Join(err, mux.Close())
	}
	m.leases.Start(m.node)
	m.reaper = reaper.Start(reaper.Config{Member: m.node, Logger: m.log, Reaped: m.metrics.observeReaped})
	m.metrics.watch(m.node, m.leases, m.folder.Dir)
	m.metrics.streams(m.hub)
	m.intro = m.newIntroduction()
	return nil
}

func (m *member) openServer() error {
	banner, err := web.ParseBanner(m.cfg.UIBanner)
	if err != nil {
		return fmt.Errorf("HOLT_UI_BANNER: %w", err)
	}
	pages, err := web.New(web.Config{Member: m.folder.Name, Version: buildVersion(), Banner: banner, ReadOnly: m.cfg.UIReadOnly})
	if err != nil {
		return err
	}
	api, err := httpapi.New(httpapi.Config{
		Proposer: m.node, Reader: m.node, Cluster: joined{m.node, m.intro}, Hub: m.hub, Sessions: m.leases, Logger: m.log, AllowedHosts: m.hosts(),
		Restore:      m.node.Restore,
		MaxDataBytes: m.cfg.MaxDataBytes, RequirePrecondition: m.cfg.RequirePrecondition, MaxRequests: m.cfg.MaxRequests,
		MaxStreams: m.cfg.MaxStreams, MinSessionTimeout: m.cfg.SessionTimeoutMin, MaxSessionTimeout: m.cfg.SessionTimeoutMax,
		Core: httpapi.CoreLimits{
			WaitingWrites: raftfsm.MaxCalls, WaitingWriteBytes: raftfsm.MaxCallBytes, DiskReserveBytes: int64(m.cfg.DiskReserve),
			Members: raftfsm.MaxMembers, Voters: raftfsm.MaxVoters,
		},
		WriteWait: m.cfg.WriteWait, AccessLog: m.cfg.AccessLog, Metrics: m.metrics.requests, MetricsHandler: m.metrics.handler(), UI: pages,
	})
	if err != nil {
		return err
	}
	m.api = api
	m.metrics.pipelines(api)
	m.server = httpapi.NewServer(m.cfg.HTTPAddr, api.Handler(), m.log)
	if m.lis, err = net.Listen("tcp", m.cfg.HTTPAddr); err != nil {
		return err
	}
	m.debug, err = serveProfiles(m.cfg.PprofAddr, m.log)
	return err
}

// hosts are the names clients may call this server by, besides those of this machine.
func (m *member) hosts() []string {
	hosts := append([]string(nil), m.cfg.AllowedHosts...)
	for _, f := range append(m.folder.Members, raftfsm.Member{URL: m.cfg.URL}) {
		if u, err := url.Parse(f.URL); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	if host, _, err := net.SplitHostPort(m.cfg.HTTPAddr); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	return hosts
}

// onFatal ends the process on the spot: what the disk did not take must not be waited for, and nothing that holds on to
// memory the disk contradicts may answer another request.
func (m *member) onFatal(err error) {
	m.log.Error("the disk of this member cannot be trusted any more", "error", err)
	fmt.Fprintln(os.Stderr, sentence("serve", fmt.Errorf("%w: %w", errStorage, err)))
	os.Exit(exitStorage)
}

// onDiverged ends the process on the spot: a member that holds something else than the others, or does not read what they write, must
// not answer another request. The node has logged it.
func onDiverged(err error) {
	if errors.Is(err, raftfsm.ErrDiverged) {
		err = fmt.Errorf("%w; if it stops again after a restart, replace it: holt cluster remove, then let it join with an empty data folder", err)
	}
	fmt.Fprintln(os.Stderr, sentence("serve", err))
	os.Exit(exitStorage)
}

// run serves until a signal comes.
func (m *member) run() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	served := make(chan error, 1)
	go func() { served <- m.server.Serve(m.lis) }()
	m.wg.Go(func() { manageMemory(m.ctx) })
	m.wg.Go(func() { m.watchCeilings(m.ctx) })
	m.wg.Go(func() { m.manager.run(m.ctx, m.status, m.alive) })
	m.wg.Go(func() { m.intro.run(m.ctx) })
	m.wg.Go(func() { m.backups.run(m.ctx) })
	m.log.Info("serving", "name", m.folder.Name, "http", m.lis.Addr().String(), "raft", m.cfg.RaftAddr, "data", m.cfg.DataDir, "version", buildVersion())
	select {
	case s := <-signals:
		signal.Stop(signals) // a second one ends the process at once
		m.log.Info("stopping", "signal", s.String())
		m.manager.say("STOPPING=1", "STATUS=stopping")
		return m.stop()
	case err := <-served:
		return errors.Join(err, m.close())
	}
}

// stop hands leadership over, lets the requests under way finish and closes everything.
func (m *member) stop() error {
	ctx, cancel := context.WithTimeout(m.ctx, handOverTime)
	if err := m.node.HandOver(ctx); err != nil {
		m.log.Warn("leadership was not handed over", "error", err)
	}
	cancel()
	m.api.EndStreams() // their clients go on with another member
	ctx, cancel = context.WithTimeout(m.ctx, drainTime)
	defer cancel()
	if err := m.server.Shutdown(ctx); err != nil {
		m.log.Warn("requests under way were cut off", "error", err)
	}
	if err := m.close(); err != nil {
		return err
	}
	m.log.Info("stopped")
	return nil
}

// close closes what was opened, last first.
func (m *member) close() error {
	m.cancel()
	m.wg.Wait()
	errs := []error{m.debug.close()}
	if m.server != nil {
		errs = append(errs, m.server.Close())
	}
	if m.reaper != nil {
		errs = append(errs, m.reaper.Close())
	}
	if m.leases != nil {
		errs = append(errs, m.leases.Close())
	}
	if m.node != nil {
		errs = append(errs, m.node.Close())
	}
	if m.hub != nil {
		m.hub.Close()
	}
	if m.folder != nil {
		errs = append(errs, m.folder.Close())
	}
	return errors.Join(errs...)
}
