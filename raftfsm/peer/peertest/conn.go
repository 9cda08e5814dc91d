package peertest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipe is one direction of a connection. What is written waits in it until it is
// read; while it is cut the reader sees nothing of it, not even its end.
type pipe struct {
	mu      sync.Mutex // guards the fields below
	cond    *sync.Cond // anything below changed
	buf     []byte     // at most Buffer
	cut     bool
	since   time.Time // when it was cut
	ended   bool      // the writer is done: the reader gets the rest, then io.EOF
	gone    bool      // the reader is done: the writer gets EPIPE
	aborted bool      // the writer was killed: the reader gets ECONNRESET, not the rest
	killed  bool      // the reader was killed: it gets ECONNRESET, the writer EPIPE
	err     error     // both ends fail with it, cut or not

	read, write deadline
}

// deadline is a time limit of one end of a pipe.
type deadline struct {
	at    time.Time // zero for none
	timer *time.Timer
}

func newPipe() *pipe {
	p := new(pipe)
	p.cond = sync.NewCond(&p.mu)
	return p
}

// change runs f under the lock and wakes whoever waits.
func (p *pipe) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.cond.Broadcast()
}

func (p *pipe) setCut(cut bool) {
	p.change(func() {
		if cut && !p.cut {
			p.since = time.Now()
		}
		p.cut = cut
	})
}

// cutSince reports whether the pipe has been cut at least since t.
func (p *pipe) cutSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut && !p.since.After(t)
}

// fail ends the pipe for both ends at once.
func (p *pipe) fail(err error) {
	p.change(func() {
		if p.err == nil {
			p.err = err
		}
	})
}

// abort ends the pipe for its writer now, for its reader when the link lets it
// know.
func (p *pipe) abort() { p.change(func() { p.aborted = true }) }

// kill ends the pipe for its reader now, for its writer when the link lets it
// know.
func (p *pipe) kill() { p.change(func() { p.killed = true }) }

// expired reports whether a deadline has passed. The caller holds mu.
func (d *deadline) expired() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// setDeadline replaces one of the pipe's deadlines.
func (p *pipe) setDeadline(d *deadline, at time.Time) {
	p.change(func() {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		d.at = at
		if wait := time.Until(at); !at.IsZero() && wait > 0 {
			d.timer = time.AfterFunc(wait, func() { p.change(func() {}) })
		}
	})
}

// receive is the reader's end.
func (p *pipe) receive(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.gone:
			return 0, net.ErrClosed
		case p.killed:
			return 0, syscall.ECONNRESET
		case p.err != nil:
			return 0, p.err
		case p.read.expired():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case p.cut:
		case p.aborted:
			return 0, syscall.ECONNRESET
		case len(p.buf) > 0:
			n := copy(b, p.buf)
			p.buf = p.buf[n:]
			p.cond.Broadcast()
			return n, nil
		case p.ended:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
}

// send is the writer's end.
func (p *pipe) send(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.ended:
			return n, net.ErrClosed
		case p.aborted:
			return n, syscall.ECONNRESET
		case p.err != nil:
			return n, p.err
		case p.write.expired():
			return n, os.ErrDeadlineExceeded
		case (p.gone || p.killed) && !p.cut:
			return n, syscall.EPIPE
		case len(b) == 0:
			return n, nil
		case len(p.buf) < Buffer:
			m := min(len(b), Buffer-len(p.buf))
			p.buf = append(p.buf, b[:m]...)
			b, n = b[m:], n+m
			p.cond.Broadcast()
			continue
		}
		p.cond.Wait()
	}
}

// Conn is one end of a connection in memory.
type Conn struct {
	in, out       *pipe
	local, remote Addr
	once          sync.Once
	forget        func() // tells the network that the connection is gone
}

func newConn(in, out *pipe, local, remote Addr, forget func()) *Conn {
	return &Conn{in: in, out: out, local: local, remote: remote, forget: forget}
}

// wrap gives an error its place, save io.EOF, which readers compare.
func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.remote, Err: err}
}

// Read waits for bytes.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.receive(b)
	return n, c.wrap("read", err)
}

// Write waits for room for all of b.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.send(b)
	return n, c.wrap("write", err)
}

// Close ends this end at once; the other reads what was written, then io.EOF.
func (c *Conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = nil
		c.SetDeadline(time.Time{}) // stops the timers
		c.out.change(func() { c.out.ended = true })
		c.in.change(func() { c.in.gone = true })
		if c.in.over() {
			c.forget()
		}
	})
	return c.wrap("close", err)
}

// over reports whether the other end was closed, too.
func (p *pipe) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended || p.aborted || p.err != nil
}

// LocalAddr is this end's host:port.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other end's host:port; a dialer's port is 0.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline limits reads and writes.
func (c *Conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline limits reads, running ones too.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.read, t)
	return nil
}

// SetWriteDeadline limits writes, running ones too.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.write, t)
	return nil
}
