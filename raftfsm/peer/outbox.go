package peer

import (
	"context"
	"io"
	"runtime"
	"sync"
)

// outbox is what waits to be written on one connection: frames, already encoded
// one behind the other. Its writer takes all of them at a time, so that many
// small frames cost one system call. It holds at most QueueFrames frames and
// QueueBytes bytes (one frame always fits into an empty one); when it is full,
// senders wait, first come first served.
type outbox struct {
	wake chan struct{} // has a token when there is something to write
	turn chan struct{} // held by the sender that waits for room next
	done chan struct{} // closed when the connection has ended

	mu      sync.Mutex // guards the fields below
	buf     []byte
	frames  int
	waiting int           // senders that wait for their turn or for room
	room    chan struct{} // closed, and replaced, when the writer takes buf
	err     error         // why done is closed
}

// keepBuffer is the size in bytes up to which a written buffer is kept for reuse
// in any case; a larger one only if a quarter of it was needed.
const keepBuffer = 256 << 10

func newOutbox() *outbox {
	return &outbox{
		wake: make(chan struct{}, 1),
		turn: make(chan struct{}, 1),
		done: make(chan struct{}),
		room: make(chan struct{}),
	}
}

// put queues a frame; the payload is copied. Frames of one goroutine are written
// in the order it put them. An error means that the frame was not queued.
func (o *outbox) put(ctx context.Context, id uint64, kind byte, payload []byte) error {
	if len(payload) > MaxPayload {
		return ErrTooLarge
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	o.mu.Lock()
	if o.err != nil || o.waiting == 0 && o.fits(id, payload) {
		defer o.mu.Unlock()
		return o.add(id, kind, payload)
	}
	o.waiting++
	o.mu.Unlock()
	err := o.putSlow(ctx, id, kind, payload)
	o.mu.Lock()
	o.waiting--
	o.mu.Unlock()
	return err
}

// putSlow waits in line, then for room.
func (o *outbox) putSlow(ctx context.Context, id uint64, kind byte, payload []byte) error {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-o.done:
		return o.cause()
	}
	defer func() { <-o.turn }()
	for {
		o.mu.Lock()
		if o.err != nil || o.fits(id, payload) {
			defer o.mu.Unlock()
			return o.add(id, kind, payload)
		}
		room := o.room
		o.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-o.done:
		}
	}
}

// fits reports whether there is room. The caller holds mu.
func (o *outbox) fits(id uint64, payload []byte) bool {
	return o.frames == 0 || o.frames < QueueFrames && len(o.buf)+frameSize(id, payload) <= QueueBytes
}

// add encodes a frame into the buffer. The caller holds mu.
func (o *outbox) add(id uint64, kind byte, payload []byte) error {
	if o.err != nil {
		return o.err
	}
	o.buf = appendFrame(o.buf, id, kind, payload)
	o.frames++
	if o.frames == 1 {
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// fail ends the outbox; the first error stays. What is queued is dropped.
func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
		o.buf, o.frames = nil, 0
		close(o.done)
	}
}

// cause is why the outbox ended, nil while it has not.
func (o *outbox) cause() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// run writes until the outbox fails or a write does, and returns that error.
func (o *outbox) run(w io.Writer) error {
	var spare []byte
	for {
		select {
		case <-o.wake:
		case <-o.done:
			return o.cause()
		}
		// Senders that are ready to run add their frames first: fewer, longer
		// writes. With nobody ready this costs well under a microsecond.
		runtime.Gosched()
		o.mu.Lock()
		out := o.buf
		o.buf, o.frames = spare, 0
		if o.waiting > 0 {
			close(o.room)
			o.room = make(chan struct{})
		}
		o.mu.Unlock()
		if _, err := w.Write(out); err != nil {
			return err
		}
		if spare = nil; cap(out) <= keepBuffer || len(out) > cap(out)/4 {
			spare = out[:0]
		}
	}
}
