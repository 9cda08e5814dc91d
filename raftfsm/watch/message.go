package watch

import (
	"sync"
	"sync/atomic"

	"holt/raftfsm/znode"
)

// Message is what one transaction did, as far as a subscription is about it. It never changes, and is shared by all
// subscriptions that want the same events.
type Message struct {
	// Zxid of the transaction.
	Zxid znode.Zxid
	// Events in the order in which the transaction made them, at least one.
	Events []znode.Event

	queues    atomic.Int32 // in how many queues it is
	encodings *encodings   // where what is encoded is kept; nil: nowhere, the message is not shared
	forms     [forms]atomic.Pointer[encoded]
}

// forms is how many ways there are to encode a message.
const forms = 2

// Encoded is what encode makes of the message: it is made once for all who share the message and ask for the same form,
// 0 or 1. It may be called again where two ask at the same time, or when the room for such bytes (MaxEncodedBytes) went to
// others. The bytes must not be changed.
func (m *Message) Encoded(form int, encode func() []byte) []byte {
	if m.encodings == nil {
		return encode()
	}
	before := m.forms[form].Load()
	if before != nil {
		if b := before.bytes.Load(); b != nil {
			return *b
		}
	}
	b := encode()
	if e := m.encodings.room(len(b)); e != nil {
		e.bytes.Store(&b)
		if m.forms[form].CompareAndSwap(before, e) {
			m.encodings.keep(e)
		}
	}
	return b
}

// Size of a message in memory, about: the part that is always there, and that for each event.
const (
	messageBytes = 112
	eventBytes   = 40
)

func (m *Message) size() int64 {
	n := messageBytes + eventBytes*len(m.Events)
	for i := range m.Events {
		n += len(m.Events[i].Path.String())
	}
	return int64(n)
}

// detached is the event with a path of its own: one from the history would keep a chunk of it alive.
func detached(e znode.Event) znode.Event {
	if !e.Path.IsRoot() {
		e.Path = e.Path.Parent().Child(e.Path.Name())
	}
	return e
}

// Limits of what is kept encoded.
const (
	// MaxEncodedBytes bounds it. Beyond, what was encoded first is dropped.
	MaxEncodedBytes = 32 << 20
	// maxEncodedEach bounds one: a larger one is not kept.
	maxEncodedEach = MaxEncodedBytes / 4
	// encodedBytes is what keeping one costs beside its bytes, about.
	encodedBytes = 96
)

// encodings keeps encoded messages. It holds on to their bytes, not to the messages.
type encodings struct {
	mu    sync.Mutex // guards what follows
	queue []*encoded // oldest first
	bytes int
}

// encoded is a message in some form, until its bytes are dropped.
type encoded struct {
	size  int
	bytes atomic.Pointer[[]byte]
}

// room is a place for n bytes, nil if they are too many.
func (c *encodings) room(n int) *encoded {
	if n > maxEncodedEach {
		return nil
	}
	return &encoded{size: n + encodedBytes}
}

// keep takes e in and drops the oldest while there is too much.
func (c *encodings) keep(e *encoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, e)
	c.bytes += e.size
	for c.bytes > MaxEncodedBytes {
		oldest := c.queue[0]
		c.queue[0] = nil
		c.queue = c.queue[1:]
		c.bytes -= oldest.size
		oldest.bytes.Store(nil)
	}
}
