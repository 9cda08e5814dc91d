package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// The limits. Those a Config can change are its defaults.
const (
	// HandshakeTimeout bounds the whole handshake, whatever trickles in.
	HandshakeTimeout = 5 * time.Second
	// DialTimeout bounds finding the address and connecting, before the
	// handshake; short, so that a member that moved is looked up anew.
	DialTimeout = 2 * time.Second
	// MaxHandshakes is how many connections may be unproven at a time; further
	// ones are closed at once.
	MaxHandshakes = 64
	// MaxConns is how many accepted connections may be open; the next is refused
	// with Busy.
	MaxConns = 1024
	// MaxName is the length in bytes of a member name or a cluster id.
	MaxName = 255
	// RaftBacklog is how many raft connections may wait for raft to accept them;
	// the next is closed.
	RaftBacklog = 64

	// MaxFrame is the length in bytes of a frame after its length field.
	MaxFrame = 10 << 20
	// MaxPayload is the longest payload of a call, an answer or a push.
	MaxPayload = MaxFrame - maxFrameHead
	// MaxErrorText is the longest text of a RemoteError, in bytes.
	MaxErrorText = 4 << 10
	// QueueFrames and QueueBytes bound what waits to be written on a connection.
	// When either is reached, senders wait. One frame always fits into an empty
	// queue, whatever its size. While one queue is written the next one fills, so
	// a connection holds at most twice as much.
	QueueFrames = 4096
	QueueBytes  = 4 << 20
	// MaxConcurrentCalls is how many unordered calls of one connection run at a
	// time; when they do, nothing more is read from it.
	MaxConcurrentCalls = 256
	// MaxPendingCalls is how many calls may await their answers on a connection;
	// the next fails with ErrTooManyCalls.
	MaxPendingCalls = 1 << 16

	// MaxTargets is how many targets a Pool keeps connections to.
	MaxTargets = 256
	// BackoffMin and BackoffMax bound the wait between two dials of a Pool. It
	// doubles with each failure and is jittered between half and all of itself.
	BackoffMin = 10 * time.Millisecond
	BackoffMax = 500 * time.Millisecond

	// KeepAlive is how long a connection may be idle before it is probed, and
	// UserTimeout how long sent bytes may stay unacknowledged (Linux only)
	// before the connection counts as dead. A receiver that reads nothing for
	// UserTimeout while its buffers are full counts as dead, too.
	KeepAlive   = 5 * time.Second
	UserTimeout = 5 * time.Second
)

// Target is a member to connect to.
type Target struct {
	Name string // the member that must answer; "" lets any member answer
	Addr string // host:port; the host is resolved at each dial
}

// String is the name and the address, for logs.
func (t Target) String() string {
	if t.Name == "" {
		return t.Addr
	}
	return t.Name + "@" + t.Addr
}

// DialFunc opens a plain connection, like net.Dialer.DialContext.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Config is what a Mux needs from outside.
type Config struct {
	// Name is this member's name, 1 to MaxName bytes.
	Name string
	// Cluster is the id of this member's cluster, "" while it is not known: then
	// it is not compared. Mux.SetCluster changes it.
	Cluster string
	// Secret is shared by all members. Whoever pretends to listen at a member's
	// address can test guesses of it off line, so it must be random (16 bytes or
	// more), not a word. It may be empty only with LoopbackOnly.
	Secret []byte
	// LoopbackOnly refuses to listen on, or to dial, an address of another
	// machine.
	LoopbackOnly bool

	// BindAddr is the host:port to listen on, unless Listener is given.
	BindAddr string
	// Listener replaces the TCP listener; the Mux closes it.
	Listener net.Listener
	// Dial replaces net.Dialer.
	Dial DialFunc

	// HandshakeTimeout and MaxHandshakes replace the constants of the same name
	// when they are not zero.
	HandshakeTimeout time.Duration
	MaxHandshakes    int

	// Logger gets what happens to connections. Required.
	Logger *slog.Logger
}

// Validate says what is wrong with the Config, or nil.
func (c *Config) Validate() error {
	switch {
	case c.Name == "" || len(c.Name) > MaxName:
		return fmt.Errorf("peer: member name must have 1 to %d bytes, has %d", MaxName, len(c.Name))
	case len(c.Cluster) > MaxName:
		return fmt.Errorf("peer: cluster id must have at most %d bytes, has %d", MaxName, len(c.Cluster))
	case len(c.Secret) == 0 && !c.LoopbackOnly:
		return errors.New("peer: a secret is required unless all members are on this machine")
	case c.Listener == nil && c.BindAddr == "":
		return errors.New("peer: no address to listen on")
	case c.HandshakeTimeout < 0 || c.MaxHandshakes < 0:
		return errors.New("peer: negative handshake limit")
	case c.Logger == nil:
		return errors.New("peer: no logger")
	}
	return nil
}

// withDefaults fills in what may be left out.
func (c Config) withDefaults() Config {
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = HandshakeTimeout
	}
	if c.MaxHandshakes == 0 {
		c.MaxHandshakes = MaxHandshakes
	}
	return c
}
