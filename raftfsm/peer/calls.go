package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// readBuffer is the size in bytes of the buffer frames are read through.
const readBuffer = 64 << 10

// OnPush is told of a frame the other member pushed. It runs on the connection's
// reader: pushes arrive in order, and answers wait while it runs. It may keep
// the payload. It must not close its connection, nor wait for an answer on it.
type OnPush func(kind byte, payload []byte)

// Conn is a connection for calls, on the side that dialed. All its methods may
// be used at the same time.
type Conn struct {
	name string
	nc   net.Conn
	out  *outbox
	push OnPush
	wg   sync.WaitGroup // reader and writer

	mu      sync.Mutex // guards the fields below
	pending map[uint64]*call
	free    []*call // to use again; at most maxFreeCalls
	nextID  uint64
}

// maxFreeCalls bounds how many finished calls a connection keeps for reuse.
const maxFreeCalls = 1024

// call is one awaited answer. Whoever removes it from pending sends exactly one
// result, which never blocks.
type call struct{ result chan result }

type result struct {
	payload []byte
	err     error
}

// Dial connects to a member, proves both sides to each other and returns the
// connection. push may be nil: then pushes are ignored. Errors are ErrAuth,
// *RefusedError, ctx's or those of the network; nothing has been sent then.
func (m *Mux) Dial(ctx context.Context, t Target, push OnPush) (*Conn, error) {
	nc, name, err := m.connect(ctx, t, KindCalls)
	if err != nil {
		return nil, err
	}
	c := &Conn{name: name, nc: nc, out: newOutbox(), push: push, pending: make(map[uint64]*call)}
	c.wg.Go(func() { c.fail(c.out.run(nc)) })
	c.wg.Go(func() { c.fail(c.read()) })
	return c, nil
}

// Name is the member at the other end, proven.
func (c *Conn) Name() string { return c.name }

// Call sends a message and waits for its answer, which is the caller's to keep.
// A *RemoteError is the handler's. ErrNotSent means that nothing was sent; after
// any other error, ctx's included, the handler may have run.
func (c *Conn) Call(ctx context.Context, kind byte, payload []byte) ([]byte, error) {
	id, k, err := c.expect()
	if err != nil {
		return nil, notSent(err)
	}
	if err := c.out.put(ctx, id, kind, payload); err != nil {
		if c.abandon(id) == nil {
			<-k.result // the connection ended and fail got there first
		}
		c.release(k)
		return nil, notSent(err)
	}
	select {
	case r := <-k.result:
		c.release(k)
		return r.payload, r.err
	case <-ctx.Done():
	}
	if c.abandon(id) == nil {
		r := <-k.result // it came at the same moment
		c.release(k)
		return r.payload, r.err
	}
	c.release(k)
	return nil, fmt.Errorf("peer: waiting for the answer of %q: %w", c.name, ctx.Err())
}

// Send sends a one-way message. It returns once the message is queued, behind
// all this goroutine sent before; nil does not mean that it arrived. Every error
// is an ErrNotSent. The order holds within a connection only: after a redial, the
// other member may still be reading what came over the old one.
func (c *Conn) Send(ctx context.Context, kind byte, payload []byte) error {
	if err := c.out.put(ctx, 0, kind, payload); err != nil {
		return notSent(err)
	}
	return nil
}

// Closed is closed when the connection has ended.
func (c *Conn) Closed() <-chan struct{} { return c.out.done }

// Err is why the connection ended, an ErrConnLost; nil while it has not.
func (c *Conn) Err() error { return c.out.cause() }

// Close ends the connection and waits for its goroutines. What is queued and
// unwritten is lost; calls in flight fail with ErrConnLost. Not to be called
// from OnPush.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	c.wg.Wait()
	return nil
}

// expect registers a new call.
func (c *Conn) expect() (uint64, *call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending == nil {
		return 0, nil, c.out.cause()
	}
	if len(c.pending) >= MaxPendingCalls {
		return 0, nil, ErrTooManyCalls
	}
	var k *call
	if n := len(c.free); n > 0 {
		k, c.free = c.free[n-1], c.free[:n-1]
	} else {
		k = &call{result: make(chan result, 1)}
	}
	c.nextID++
	c.pending[c.nextID] = k
	return c.nextID, k, nil
}

// abandon takes a call out of pending; nil when somebody else has, and then its
// result is on the way.
func (c *Conn) abandon(id uint64) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.pending[id]
	delete(c.pending, id)
	return k
}

// release keeps a call that will get no further result for reuse. The pool is
// per connection, so that channels never cross from one test bubble to another.
func (c *Conn) release(k *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.free) < maxFreeCalls {
		c.free = append(c.free, k)
	}
}

// fail ends the connection for a reason; only the first one counts.
func (c *Conn) fail(cause error) {
	c.out.fail(lost(cause))
	c.nc.Close()
	c.mu.Lock()
	pending := c.pending
	c.pending = nil
	c.mu.Unlock()
	for _, k := range pending {
		k.result <- result{err: c.out.cause()}
	}
}

// read delivers answers and pushes until the connection ends.
func (c *Conn) read() error {
	r := bufio.NewReaderSize(c.nc, readBuffer)
	for {
		id, kind, payload, err := readFrame(r)
		if err != nil {
			return err
		}
		if id == 0 {
			if c.push != nil {
				c.push(kind, payload)
			}
			continue
		}
		res := result{payload: payload}
		switch kind {
		case answerOK:
		case answerError:
			remote, err := parseError(payload)
			if err != nil {
				return err
			}
			res = result{err: remote}
		default:
			return fmt.Errorf("%w: answer of kind %d", ErrFrame, kind)
		}
		// An answer nobody waits for any more is dropped.
		if k := c.abandon(id); k != nil {
			k.result <- res
		}
	}
}

// asRemote is the error a caller gets for what a handler returned.
func asRemote(err error) *RemoteError {
	var remote *RemoteError
	if errors.As(err, &remote) {
		return remote
	}
	return &RemoteError{Code: CodeInternal, Text: err.Error()}
}
