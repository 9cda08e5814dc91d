// Package peertest is a network in memory, for tests of members that talk to each
// other. Its connections behave as TCP's do where it matters: bytes are buffered,
// a full buffer makes the writer wait, deadlines work, a killed machine resets its
// connections, and what a cut link swallowed arrives once the link is healed.
//
// Everything waits on channels and condition variables, and time comes from
// package time, so a whole network can live in a testing/synctest bubble. There
// is no delay and no loss but what a test asks for.
package peertest

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// Buffer is how many bytes one direction of a connection holds before its
	// writer waits.
	Buffer = 64 << 10
	// Backlog is how many connections a listener holds before they are accepted;
	// further dials wait.
	Backlog = 128
)

// link is one direction between two hosts.
type link struct{ from, to string }

// Network joins hosts by name. Its methods may be called at the same time.
type Network struct {
	// DeadAfter is how long after a cut the connections over it break with
	// ETIMEDOUT at both ends, as TCP_USER_TIMEOUT makes real ones. Zero is never.
	// To be set before the first use.
	DeadAfter time.Duration

	mu        sync.Mutex // guards the fields below
	listeners map[string]*listener
	cut       map[link]struct{}
	conns     map[*pair]struct{}
	changed   chan struct{} // closed, and replaced, when listeners or links change
}

// pair is a connection: two pipes, one a direction.
type pair struct {
	dialer, listener string // hosts
	there, back      *pipe  // dialer to listener, listener to dialer
}

// New makes a network without hosts: a host exists as soon as it is named.
func New() *Network {
	return &Network{
		listeners: make(map[string]*listener),
		cut:       make(map[link]struct{}),
		conns:     make(map[*pair]struct{}),
		changed:   make(chan struct{}),
	}
}

// Addr is a host:port by name.
type Addr string

// Network is "mem".
func (Addr) Network() string { return "mem" }

// String is the host:port.
func (a Addr) String() string { return string(a) }

// host is the part of an address before its port.
func host(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		return addr[:i]
	}
	return addr
}

// Listen opens a listener on a host:port nobody listens on.
func (n *Network) Listen(addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "mem", Addr: Addr(addr), Err: syscall.EADDRINUSE}
	}
	l := &listener{network: n, addr: addr, backlog: make(chan *Conn, Backlog), done: make(chan struct{})}
	n.listeners[addr] = l
	n.signal()
	return l, nil
}

// Dialer is the dial function of one host. An address nobody listens on refuses
// with ECONNREFUSED; across a cut link a dial waits until it is healed.
func (n *Network) Dialer(from string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		c, err := n.dial(ctx, from, addr)
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: "mem", Addr: Addr(addr), Err: err}
		}
		return c, nil
	}
}

func (n *Network) dial(ctx context.Context, from, addr string) (*Conn, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, changed, err := n.try(from, addr)
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// try connects if it can be done or refused now; else it returns the channel that
// tells when to try again.
func (n *Network) try(from, addr string) (*Conn, <-chan struct{}, error) {
	to := host(addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isCut(from, to) || n.isCut(to, from) {
		return nil, n.changed, nil
	}
	l := n.listeners[addr]
	if l == nil {
		return nil, nil, syscall.ECONNREFUSED
	}
	p := &pair{dialer: from, listener: to, there: newPipe(), back: newPipe()}
	forget := func() {
		n.mu.Lock()
		delete(n.conns, p)
		n.mu.Unlock()
	}
	ours := newConn(p.back, p.there, Addr(from+":0"), Addr(addr), forget)
	theirs := newConn(p.there, p.back, Addr(addr), Addr(from+":0"), forget)
	select {
	case l.backlog <- theirs:
		n.conns[p] = struct{}{}
		return ours, nil, nil
	default:
		return nil, n.changed, nil
	}
}

// signal wakes the dials that wait. The caller holds mu.
func (n *Network) signal() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// isCut: the caller holds mu.
func (n *Network) isCut(from, to string) bool {
	_, cut := n.cut[link{from, to}]
	return cut
}

// Cut swallows everything between two hosts, silently, until Heal.
func (n *Network) Cut(a, b string) { n.set(true, link{a, b}, link{b, a}) }

// CutOneWay swallows everything from one host to the other; no new connection
// between them can be made, but open ones carry what goes the other way.
func (n *Network) CutOneWay(from, to string) { n.set(true, link{from, to}) }

// Heal undoes the cuts between two hosts: what they swallowed arrives now.
func (n *Network) Heal(a, b string) { n.set(false, link{a, b}, link{b, a}) }

// HealAll undoes all cuts.
func (n *Network) HealAll() {
	n.mu.Lock()
	all := make([]link, 0, len(n.cut))
	for l := range n.cut {
		all = append(all, l)
	}
	n.mu.Unlock()
	n.set(false, all...)
}

// Isolate cuts one host off from the others named.
func (n *Network) Isolate(a string, others ...string) {
	for _, b := range others {
		if b != a {
			n.Cut(a, b)
		}
	}
}

// set cuts or heals links, and tells their connections.
func (n *Network) set(cut bool, links ...link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range links {
		if cut {
			n.cut[l] = struct{}{}
		} else {
			delete(n.cut, l)
		}
	}
	for p := range n.conns {
		there, back := n.isCut(p.dialer, p.listener), n.isCut(p.listener, p.dialer)
		p.there.setCut(there)
		p.back.setCut(back)
		if (there || back) && n.DeadAfter > 0 {
			time.AfterFunc(n.DeadAfter, func() { n.expire(p) })
		}
	}
	n.signal()
}

// expire breaks a connection that was cut for DeadAfter.
func (n *Network) expire(p *pair) {
	since := time.Now().Add(-n.DeadAfter)
	if p.there.cutSince(since) || p.back.cutSince(since) {
		n.breakPair(p, syscall.ETIMEDOUT)
	}
}

// breakPair ends a connection with an error at both ends.
func (n *Network) breakPair(p *pair, err error) {
	p.there.fail(err)
	p.back.fail(err)
	n.mu.Lock()
	delete(n.conns, p)
	n.mu.Unlock()
}

// Kill is what the kernel does for a killed process: the host's listeners are
// gone, so dials are refused, and its connections are reset; across a cut link
// only its own end notices. The host may listen again.
func (n *Network) Kill(name string) {
	n.mu.Lock()
	var dead []*listener
	for addr, l := range n.listeners {
		if host(addr) == name {
			dead = append(dead, l)
		}
	}
	type end struct{ p, other *pipe } // the killed host reads p and writes other
	var ends []end
	for p := range n.conns {
		switch name {
		case p.dialer:
			ends = append(ends, end{p.back, p.there})
		case p.listener:
			ends = append(ends, end{p.there, p.back})
		}
	}
	n.mu.Unlock()
	for _, l := range dead {
		l.Close()
	}
	for _, e := range ends {
		e.p.kill()
		e.other.abort()
	}
}

// Conns is how many connections are open, for tests that look for leaks.
func (n *Network) Conns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// listener is one open port.
type listener struct {
	network *Network
	addr    string
	backlog chan *Conn
	done    chan struct{} // closed by Close
	once    sync.Once
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "mem", Addr: Addr(l.addr), Err: net.ErrClosed}
	default:
	}
	select {
	case c := <-l.backlog:
		l.network.mu.Lock()
		l.network.signal() // there is room in the backlog
		l.network.mu.Unlock()
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "mem", Addr: Addr(l.addr), Err: net.ErrClosed}
	}
}

// Addr is the host:port by name.
func (l *listener) Addr() net.Addr { return Addr(l.addr) }

// Close frees the port and resets what was not accepted.
func (l *listener) Close() error {
	closed := errors.New("closed twice")
	l.once.Do(func() {
		closed = nil
		close(l.done)
		l.network.mu.Lock()
		delete(l.network.listeners, l.addr)
		l.network.signal()
		l.network.mu.Unlock()
		for {
			select {
			case c := <-l.backlog:
				c.out.abort()
				c.Close()
			default:
				return
			}
		}
	})
	if closed != nil {
		return net.ErrClosed
	}
	return nil
}
