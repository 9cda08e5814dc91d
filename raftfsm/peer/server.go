package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// Handler answers one kind of call. ctx ends when the connection does. The
// handler may keep the payload; the answer is copied before the handler's next
// call. The answer to a one-way message is dropped, its error logged.
type Handler func(ctx context.Context, from Peer, kind byte, payload []byte) (resp []byte, err error)

// Route says how one kind of call is answered.
type Route struct {
	Handler Handler
	// Ordered calls the handler on the connection's reader, one message after
	// the other in the order they were sent. While it runs nothing else is read
	// from the connection, which is how it pushes back: soon the senders wait.
	// Blocked for longer than UserTimeout it costs the connection. Unordered
	// handlers run in goroutines, MaxConcurrentCalls a connection. Nor is the
	// connection's end noticed while an ordered handler runs, so its ctx may end
	// late: it needs a limit of its own.
	//
	// Calls that must not wait behind an ordered handler need a connection, and
	// so a Pool, of their own.
	Ordered bool
}

// routes is indexed by kind; a nil handler is an unknown kind.
type routes [256]Route

// Serve starts to answer calls. May be called once.
func (m *Mux) Serve(table map[byte]Route) error {
	rt := new(routes)
	for kind, r := range table {
		if r.Handler == nil {
			return fmt.Errorf("peer: no handler for calls of kind %d", kind)
		}
		rt[kind] = r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes != nil {
		return errors.New("peer: Serve called twice")
	}
	m.routes = rt
	return nil
}

// Peer is the dialing side of a connection, as its handlers see it. Two Peers are
// equal if they are the same connection.
type Peer struct {
	Name string // the member, proven
	Conn uint64 // the connection, unique in the life of this Mux; never 0
	out  *outbox
}

// Send pushes a one-way message to the dialer's OnPush, behind all this goroutine
// pushed before. It waits while the queue is full. Every error is an ErrNotSent.
func (p Peer) Send(ctx context.Context, kind byte, payload []byte) error {
	if p.out == nil {
		return notSent(ErrConnLost)
	}
	if err := p.out.put(ctx, 0, kind, payload); err != nil {
		return notSent(err)
	}
	return nil
}

// incoming is one accepted connection for calls.
type incoming struct {
	log    *slog.Logger
	nc     net.Conn
	out    *outbox
	from   Peer
	routes *routes
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	slots  chan struct{}  // a token for each unordered call that runs
	wg     sync.WaitGroup // the writer and the unordered calls
}

// serveCalls answers the calls of a connection until it ends and its handlers
// have returned.
func serveCalls(m *Mux, nc net.Conn, name string, rt *routes) {
	out := newOutbox()
	s := &incoming{
		log:    m.log.With("member", name),
		nc:     nc,
		out:    out,
		from:   Peer{Name: name, Conn: m.nextID.Add(1), out: out},
		routes: rt,
		slots:  make(chan struct{}, MaxConcurrentCalls),
	}
	s.ctx, s.cancel = context.WithCancel(m.ctx)
	stop := context.AfterFunc(m.ctx, func() { s.fail(ErrClosed) })
	defer stop()
	s.log.Debug("member connected", "conn", s.from.Conn)
	s.wg.Go(func() { s.fail(out.run(nc)) })
	s.fail(s.read())
	s.wg.Wait()
	s.log.Debug("member gone", "conn", s.from.Conn, "error", out.cause())
}

// fail ends the connection for a reason; only the first one counts.
func (s *incoming) fail(cause error) {
	s.out.fail(lost(cause))
	s.cancel()
	s.nc.Close()
}

// read takes calls until the connection ends.
func (s *incoming) read() error {
	r := bufio.NewReaderSize(s.nc, readBuffer)
	for {
		id, kind, payload, err := readFrame(r)
		if err == nil {
			err = s.ctx.Err() // what is buffered of a dead connection is not served
		}
		if err != nil {
			return err
		}
		route := s.routes[kind]
		switch {
		case route.Handler == nil:
			s.reply(id, kind, nil, &RemoteError{Code: CodeUnknownKind, Text: fmt.Sprintf("no call of kind %d", kind)})
		case route.Ordered:
			s.run(route.Handler, id, kind, payload)
		default:
			select {
			case s.slots <- struct{}{}:
			case <-s.ctx.Done():
				return s.ctx.Err()
			}
			s.wg.Go(func() {
				s.run(route.Handler, id, kind, payload)
				<-s.slots
			})
		}
	}
}

// run calls the handler and sends what it returns.
func (s *incoming) run(h Handler, id uint64, kind byte, payload []byte) {
	resp, err := h(s.ctx, s.from, kind, payload)
	s.reply(id, kind, resp, err)
}

// reply queues the answer to a call, or logs the error of a one-way message. If
// the queue is full it waits: a dialer that reads no answers gets no calls run.
func (s *incoming) reply(id uint64, kind byte, resp []byte, err error) {
	if id == 0 {
		if err != nil {
			s.log.Debug("one-way message failed", "kind", kind, "error", err)
		}
		return
	}
	if err == nil && len(resp) > MaxPayload {
		err = &RemoteError{Code: CodeTooLarge, Text: fmt.Sprintf("answer of %d bytes", len(resp))}
	}
	answer := answerOK
	if err != nil {
		answer, resp = answerError, errorPayload(asRemote(err))
	}
	// It fails only when the connection has ended, and then nobody waits.
	_ = s.out.put(s.ctx, id, answer, resp)
}
