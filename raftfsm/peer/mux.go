package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Mux is one member's end of all its connections to other members. All its
// methods may be called at the same time.
type Mux struct {
	cfg     Config
	log     *slog.Logger
	ln      net.Listener
	dial    DialFunc
	cluster atomic.Pointer[string]
	nextID  atomic.Uint64 // of incoming call connections

	unproven chan struct{} // a token for each connection in handshake
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup // accept loop, handshakes, call connections
	warned   atomic.Int64   // when a failed handshake was last logged, Unix ns

	mu     sync.Mutex            // guards the fields below
	open   map[net.Conn]struct{} // accepted and not closed, at most MaxConns + MaxHandshakes
	proven int                   // how many of them were admitted
	raft   *raftLayer            // nil until RaftLayer
	routes *routes               // nil until Serve
	closed bool
}

// Listen binds the address and starts to accept. Until RaftLayer and Serve are
// called, the connections they would take are refused with NotServing.
func Listen(cfg Config) (*Mux, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	ln := cfg.Listener
	if ln == nil {
		var err error
		lc := net.ListenConfig{KeepAliveConfig: keepAlive()}
		if ln, err = lc.Listen(context.Background(), "tcp", cfg.BindAddr); err != nil {
			return nil, fmt.Errorf("peer: listening on %s: %w", cfg.BindAddr, err)
		}
	}
	if cfg.LoopbackOnly && !onThisMachine(ln.Addr()) {
		ln.Close()
		return nil, fmt.Errorf("peer: %v can be reached from other machines: set a secret", ln.Addr())
	}
	m := &Mux{
		cfg:      cfg,
		log:      cfg.Logger.With("component", "peer"),
		ln:       ln,
		dial:     cfg.Dial,
		unproven: make(chan struct{}, cfg.MaxHandshakes),
		open:     make(map[net.Conn]struct{}),
	}
	if m.dial == nil {
		m.dial = (&net.Dialer{KeepAliveConfig: keepAlive()}).DialContext
	}
	m.SetCluster(cfg.Cluster)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.wg.Go(m.accept)
	return m, nil
}

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: KeepAlive, Interval: time.Second, Count: 5}
}

// onThisMachine reports whether only this machine can use the address. An
// address that is not TCP is one a test made in memory.
func onThisMachine(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return !ok || t.IP.IsLoopback()
}

// Addr is the address the Mux listens on.
func (m *Mux) Addr() net.Addr { return m.ln.Addr() }

// Cluster is the cluster id in use, "" while it is not known.
func (m *Mux) Cluster() string { return *m.cluster.Load() }

// SetCluster gives the cluster id, once a joining member has learnt it. It
// counts for connections made from now on. An id over MaxName is cut.
func (m *Mux) SetCluster(id string) {
	id = id[:min(len(id), MaxName)]
	m.cluster.Store(&id)
}

// Close stops listening, ends all accepted connections and the raft layer, and
// waits until their goroutines, handlers included, are done. Connections that
// were dialed belong to whoever dialed them, save those of raft.
func (m *Mux) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	layer := m.raft
	conns := make([]net.Conn, 0, len(m.open))
	for c := range m.open {
		conns = append(conns, c)
	}
	m.mu.Unlock()

	m.cancel()
	err := m.ln.Close()
	for _, c := range conns {
		c.Close()
	}
	if layer != nil {
		layer.Close()
	}
	m.wg.Wait()
	return err
}

// accept takes connections until the listener is closed. An error of one accept
// (no file descriptors left, say) is waited out.
func (m *Mux) accept() {
	wait := BackoffMin
	for {
		c, err := m.ln.Accept()
		if err == nil {
			wait = BackoffMin
			m.admit(c)
			continue
		}
		if m.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		m.log.Warn("accepting a connection failed", "error", err)
		if !sleep(m.ctx, wait) {
			return
		}
		wait = min(2*wait, BackoffMax)
	}
}

// sleep waits and reports whether it was not cut short.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// admit starts the handshake of a connection, or closes it at once when too many
// are in handshake already.
func (m *Mux) admit(c net.Conn) {
	select {
	case m.unproven <- struct{}{}:
	default:
		c.Close()
		m.warn("too many unproven connections", errors.New("closed at once"), c)
		return
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		c.Close()
		return
	}
	m.open[c] = struct{}{}
	m.wg.Go(func() { m.receive(c) })
	m.mu.Unlock()
}

// receive runs the listener's handshake and hands the connection on.
func (m *Mux) receive(c net.Conn) {
	tune(c, m.log)
	var layer *raftLayer
	var rt *routes
	counted := false
	c.SetDeadline(time.Now().Add(m.cfg.HandshakeTimeout))
	h, v, err := receive(c, m.cfg.Secret, func(h hello) verdict {
		v := verdict{reason: m.judge(h), name: m.cfg.Name, cluster: m.Cluster()}
		if v.reason == accepted {
			layer, rt, v.reason = m.reserve(h.kind)
			counted = v.reason == accepted
		}
		return v
	})
	<-m.unproven
	defer m.forget(c, counted)
	switch {
	case err != nil:
		m.warn("handshake failed", err, c)
	case v.reason != accepted:
		m.log.Warn("member refused", "member", h.name, "wanted", h.wanted, "reason", v.reason.String())
	default:
		c.SetDeadline(time.Time{})
		if h.kind == KindRaft {
			layer.serve(c)
		} else {
			serveCalls(m, c, h.name, rt)
		}
	}
}

// judge compares names and clusters of a dialer that proved itself.
func (m *Mux) judge(h hello) Refusal {
	own := m.Cluster()
	switch {
	case h.wanted != "" && h.wanted != m.cfg.Name:
		return WrongName
	case h.name == m.cfg.Name:
		return SameName
	case h.cluster != "" && own != "" && h.cluster != own:
		return WrongCluster
	}
	return accepted
}

// reserve counts one more admitted connection and says who serves it.
func (m *Mux) reserve(k Kind) (*raftLayer, *routes, Refusal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k == KindRaft && m.raft == nil || k == KindCalls && m.routes == nil {
		return nil, nil, NotServing
	}
	if m.proven >= MaxConns {
		return nil, nil, Busy
	}
	m.proven++
	return m.raft, m.routes, accepted
}

// forget closes an accepted connection and lets go of it.
func (m *Mux) forget(c net.Conn, counted bool) {
	c.Close()
	m.mu.Lock()
	delete(m.open, c)
	if counted {
		m.proven--
	}
	m.mu.Unlock()
}

// warn logs what a stranger can cause, at most once a second.
func (m *Mux) warn(msg string, err error, c net.Conn) {
	level, now, last := slog.LevelWarn, time.Now().UnixNano(), m.warned.Load()
	if now-last < int64(time.Second) || !m.warned.CompareAndSwap(last, now) {
		level = slog.LevelDebug
	}
	m.log.Log(m.ctx, level, msg, "remote", c.RemoteAddr().String(), "error", err)
}

// connect dials a target and proves both sides to each other. It returns the
// name of the member that answered.
func (m *Mux) connect(ctx context.Context, t Target, k Kind) (net.Conn, string, error) {
	if len(t.Name) > MaxName {
		return nil, "", fmt.Errorf("peer: member name of %d bytes", len(t.Name))
	}
	dctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	c, err := m.dial(dctx, "tcp", t.Addr)
	if err != nil {
		return nil, "", fmt.Errorf("peer: dialing %v: %w", t, err)
	}
	if m.cfg.LoopbackOnly && !onThisMachine(c.RemoteAddr()) {
		c.Close()
		return nil, "", fmt.Errorf("peer: %v is on another machine: set a secret", t)
	}
	tune(c, m.log)
	c.SetDeadline(time.Now().Add(m.cfg.HandshakeTimeout))
	stop := context.AfterFunc(ctx, func() { c.Close() })
	name, err := greet(c, m.cfg.Secret, hello{kind: k, name: m.cfg.Name, wanted: t.Name, cluster: m.Cluster()})
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		c.Close()
		return nil, "", fmt.Errorf("peer: greeting %v: %w", t, err)
	}
	c.SetDeadline(time.Time{})
	return c, name, nil
}

// tune sets the options of a TCP connection; others have none.
func tune(c net.Conn, log *slog.Logger) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	if err := setUserTimeout(t); err != nil {
		log.Debug("setting the TCP user timeout failed", "error", err)
	}
}

// Refused dials the plain address and reports whether every address the host
// name stands for refused the connection: the machine is up and nobody listens,
// so the process that did is gone. A timeout, an unknown host or any other error
// is false, and so is a connection that succeeds. A packet filter that answers
// with a reset looks the same as a dead process. It takes at most DialTimeout.
func (m *Mux) Refused(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	addrs := []string{addr}
	if m.cfg.Dial == nil {
		var err error
		if addrs, err = resolve(ctx, addr); err != nil {
			return false
		}
	}
	for _, a := range addrs {
		c, err := m.dial(ctx, "tcp", a)
		if err == nil {
			c.Close()
			return false
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return false
		}
	}
	return len(addrs) > 0
}

// resolve gives every address of a host:port. A dialer would name the first
// failure only, and hide that another address timed out.
func resolve(ctx context.Context, addr string) ([]string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	for i, ip := range ips {
		ips[i] = net.JoinHostPort(ip, port)
	}
	return ips, nil
}
