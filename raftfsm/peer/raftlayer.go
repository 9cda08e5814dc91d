package peer

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// RaftAddress is a target as an address for raft's transport, which knows no
// more of a member than its address: see RaftLayer.
func RaftAddress(t Target) raft.ServerAddress {
	if t.Name == "" {
		return raft.ServerAddress(t.Addr)
	}
	return raft.ServerAddress(t.Name + " " + t.Addr)
}

// raftTarget undoes RaftAddress: there is no space in a host:port.
func raftTarget(a raft.ServerAddress) Target {
	s := string(a)
	i := strings.LastIndexByte(s, ' ')
	return Target{Name: s[:max(i, 0)], Addr: s[i+1:]}
}

// RaftLayer is the stream layer for raft's NetworkTransport. Its address is the
// advertised host:port as text, never resolved. Its Dial takes what RaftAddress
// makes of a target, authenticates, wants the member of that name (any, where
// there is only a host:port), and resolves the host each time.
//
// Closing the layer ends its connections in both directions: NetworkTransport
// closes its layer but not the connections it pooled. A second call replaces the
// first layer and closes it.
func (m *Mux) RaftLayer(advertise string) raft.StreamLayer {
	l := &raftLayer{
		mux:       m,
		advertise: advertise,
		incoming:  make(chan net.Conn, RaftBacklog),
		done:      make(chan struct{}),
		conns:     make(map[*raftConn]struct{}),
	}
	m.mu.Lock()
	old, closed := m.raft, m.closed
	m.raft = l
	m.mu.Unlock()
	if old != nil {
		old.Close()
	}
	if closed {
		l.Close()
	}
	return l
}

type raftLayer struct {
	mux       *Mux
	advertise string
	incoming  chan net.Conn // proven, not accepted yet; when full the next is closed
	done      chan struct{} // closed by Close

	mu     sync.Mutex             // guards the fields below
	conns  map[*raftConn]struct{} // open, both directions
	closed bool
}

// raftAddr is an address that is only a name.
type raftAddr string

func (raftAddr) Network() string  { return "tcp" }
func (a raftAddr) String() string { return string(a) }

// raftConn tells when raft has closed it.
type raftConn struct {
	net.Conn
	layer *raftLayer
	once  sync.Once
	done  chan struct{}
}

func (c *raftConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.layer.mu.Lock()
		delete(c.layer.conns, c)
		c.layer.mu.Unlock()
		close(c.done)
	})
	return err
}

// track makes the layer own a connection; false when the layer is closed.
func (l *raftLayer) track(c net.Conn) (*raftConn, bool) {
	rc := &raftConn{Conn: c, layer: l, done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return rc, false
	}
	l.conns[rc] = struct{}{}
	return rc, true
}

// serve hands an accepted connection to raft and stays until it is closed.
func (l *raftLayer) serve(c net.Conn) {
	rc, ok := l.track(c)
	if !ok {
		return
	}
	select {
	case l.incoming <- rc:
		<-rc.done
	default:
		rc.Close()
	}
}

// Accept waits for the next proven connection.
func (l *raftLayer) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Dial connects to the member that RaftAddress named.
func (l *raftLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.mux.ctx, timeout)
	defer cancel()
	c, _, err := l.mux.connect(ctx, raftTarget(address), KindRaft)
	if err != nil {
		return nil, err
	}
	rc, ok := l.track(c)
	if !ok {
		c.Close()
		return nil, net.ErrClosed
	}
	return rc, nil
}

// Addr is the advertised name.
func (l *raftLayer) Addr() net.Addr { return raftAddr(l.advertise) }

// Close ends Accept and all connections of the layer.
func (l *raftLayer) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	conns := make([]*raftConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	close(l.done)
	for _, c := range conns {
		c.Close()
	}
	return nil
}
