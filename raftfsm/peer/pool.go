package peer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// PoolConfig is what a Pool needs from outside. Its functions may be nil.
type PoolConfig struct {
	// OnPush is told of pushes, as the OnPush of each connection.
	OnPush func(from Target, kind byte, payload []byte)
	// OnDown is called when an established connection has ended, unless the pool
	// ended it. The target is not dialed again before it returns.
	OnDown func(Target)
}

// Pool keeps one connection to each target it was asked for. A target is dialed
// when it is first asked for, and again whenever its connection ends, until it is
// dropped: so that the next call finds a connection, and OnDown is told early.
// All methods may be called at the same time.
type Pool struct {
	mux    *Mux
	cfg    PoolConfig
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // keepers
	lost   atomic.Uint64  // connections
	failed atomic.Uint64  // dials

	mu      sync.Mutex // guards the fields below
	keepers map[Target]*keeper
	closed  bool
}

// keeper keeps the connection to one target.
type keeper struct {
	target Target
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.Mutex    // guards the fields below
	conn *Conn         // nil while there is none
	up   chan struct{} // closed while there is one
	last error         // of the last dial
}

// NewPool makes an empty pool of connections dialed by the Mux.
func NewPool(m *Mux, cfg PoolConfig) *Pool {
	p := &Pool{mux: m, cfg: cfg, keepers: make(map[Target]*keeper)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Get returns the live connection to a target, waiting for one as long as ctx
// allows. It may end at any moment; do not close it. Every error is an
// ErrNotSent: ctx's with the last dial's, ErrClosed or ErrTooManyTargets.
func (p *Pool) Get(ctx context.Context, t Target) (*Conn, error) {
	k, err := p.keep(t)
	if err != nil {
		return nil, notSent(err)
	}
	for {
		conn, up, last := k.state()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-up:
		case <-k.ctx.Done():
			return nil, notSent(ErrClosed)
		case <-ctx.Done():
			if last != nil {
				return nil, notSent(fmt.Errorf("%w: %w", ctx.Err(), last))
			}
			return nil, notSent(ctx.Err())
		}
	}
}

// Try returns the live connection to a target if there is one now, and sees to it
// that there will be one.
func (p *Pool) Try(t Target) (*Conn, bool) {
	k, err := p.keep(t)
	if err != nil {
		return nil, false
	}
	conn, _, _ := k.state()
	return conn, conn != nil
}

// Drop ends the connection to a target and stops dialing it. It does not wait;
// OnDown is not called for it.
func (p *Pool) Drop(t Target) {
	p.mu.Lock()
	k := p.keepers[t]
	delete(p.keepers, t)
	p.mu.Unlock()
	if k != nil {
		k.cancel()
	}
}

// Close ends all connections and waits for the pool's goroutines. Not to be
// called from OnDown or OnPush.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	clear(p.keepers)
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
	return nil
}

// keep finds the keeper of a target, or starts one.
func (p *Pool) keep(t Target) (*keeper, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if k := p.keepers[t]; k != nil {
		return k, nil
	}
	if len(p.keepers) >= MaxTargets {
		return nil, ErrTooManyTargets
	}
	k := &keeper{target: t, up: make(chan struct{})}
	k.ctx, k.cancel = context.WithCancel(p.ctx)
	p.keepers[t] = k
	p.wg.Go(func() { p.run(k) })
	return k, nil
}

// run dials a target again and again, until it is dropped or the pool closed.
func (p *Pool) run(k *keeper) {
	defer k.cancel()
	backoff := BackoffMin
	for {
		since := time.Now()
		if p.hold(k) && time.Since(since) > BackoffMax {
			backoff = BackoffMin
		}
		if !sleep(k.ctx, backoff/2+rand.N(backoff/2)) {
			return
		}
		backoff = min(2*backoff, BackoffMax)
	}
}

// hold dials a target once and stays until the connection ends. It reports
// whether there was one.
func (p *Pool) hold(k *keeper) bool {
	var push OnPush
	if p.cfg.OnPush != nil {
		push = func(kind byte, payload []byte) { p.cfg.OnPush(k.target, kind, payload) }
	}
	conn, err := p.mux.Dial(k.ctx, k.target, push)
	if err != nil {
		if k.ctx.Err() == nil {
			p.failed.Add(1)
		}
		if k.failed(err) {
			p.mux.log.Warn("member cannot be reached", "target", k.target.String(), "error", err)
		}
		return false
	}
	k.set(conn)
	select {
	case <-conn.Closed():
	case <-k.ctx.Done():
	}
	k.set(nil)
	err = conn.Err()
	conn.Close()
	if k.ctx.Err() == nil {
		p.lost.Add(1)
		p.mux.log.Info("connection to member ended", "target", k.target.String(), "error", err)
		if p.cfg.OnDown != nil {
			p.cfg.OnDown(k.target)
		}
	}
	return true
}

func (k *keeper) state() (*Conn, <-chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != nil && k.conn.Err() != nil {
		// It ended and the keeper has not noticed yet. up is closed still: a
		// waiter must not spin on it.
		k.conn, k.up = nil, make(chan struct{})
	}
	return k.conn, k.up, k.last
}

// set publishes a new connection, or that there is none.
func (k *keeper) set(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case c != nil:
		k.conn, k.last = c, nil
		close(k.up)
	case k.conn != nil:
		k.conn, k.up = nil, make(chan struct{})
	}
}

// failed notes why a dial failed, and reports whether that is news.
func (k *keeper) failed(err error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	news := k.last == nil && !errors.Is(err, context.Canceled)
	k.last = err
	return news
}
