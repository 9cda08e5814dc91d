package raftfsm

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxEntriesInFlight is how many raft entries a leader has outstanding: one being agreed on, one being written, one
	// waiting for raft to take it. More would only make them smaller.
	MaxEntriesInFlight = 3
	// MaxBundles is how many bundles of other members' commands may wait on the leader; then their connections are not
	// read, which holds their senders back.
	MaxBundles = 16
	// enqueueTimeout bounds how long raft may take to accept an entry; after it, the entry is certainly not in the log.
	enqueueTimeout = 2 * time.Second
	// refusedPause is how long this member waits before it tries again after its leader refused or could not be reached.
	refusedPause = 10 * time.Millisecond
	// drainTimeout bounds how long a member that stops waits for the entries it has in flight.
	drainTimeout = 200 * time.Millisecond
)

// Limits of the queue. The calls that wait are bounded by MaxCalls and MaxCallBytes; those given up are swept out when
// they and the others come to this.
const (
	maxQueue      = 2 * MaxCalls
	maxQueueBytes = 2 * MaxCallBytes
)

// outbox holds the commands that wait to be proposed, in order. One goroutine empties it: on the leader into raft
// entries, as many commands each as are waiting (propose.go); elsewhere into frames to the leader (forward.go).
type outbox struct {
	node *Node

	mu    sync.Mutex // guards the next three
	queue []*call
	bytes int       // of the bodies in queue
	after time.Time // not before this

	wake    chan struct{} // has room for one
	bundles chan *bundle
	asked   chan *fenceRequest
	held    *bundle       // did not fit into the last entry
	slots   chan struct{} // a token for each entry in flight
	alarm   *time.Timer   // wakes after a rest
	fences  fences        // of the term this member leads
	mine    bool          // others filled the last entry: the next begins with this member's own calls

	epoch atomic.Uint64 // the term this member last opened with an Epoch
}

func newOutbox() *outbox {
	return &outbox{
		wake: make(chan struct{}, 1), bundles: make(chan *bundle, MaxBundles),
		asked: make(chan *fenceRequest, MaxFences), slots: make(chan struct{}, MaxEntriesInFlight),
	}
}

// add puts a call behind the others.
func (o *outbox) add(c *call) {
	o.mu.Lock()
	if len(o.queue) >= maxQueue || o.bytes+len(c.body) > maxQueueBytes {
		o.queue = o.node.calls.onlyWaiting(o.queue) // the rest was given up
		o.bytes = sizeOf(o.queue)
	}
	o.queue = append(o.queue, c)
	o.bytes += len(c.body)
	o.mu.Unlock()
	o.poke()
}

// again puts calls that came back before the others.
func (o *outbox) again(batch []*call) {
	if len(batch) == 0 {
		return
	}
	o.mu.Lock()
	o.bytes += sizeOf(batch)
	o.queue = append(batch, o.queue...)
	o.mu.Unlock()
	o.poke()
}

// sizeOf is how many bytes the bodies of calls have together.
func sizeOf(batch []*call) (n int) {
	for _, c := range batch {
		n += len(c.body)
	}
	return n
}

// pause lets the outbox rest: its leader is not there, or not yet.
func (o *outbox) pause() {
	o.mu.Lock()
	o.after = time.Now().Add(refusedPause)
	o.mu.Unlock()
	o.poke()
}

func (o *outbox) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take removes calls from the front: at most room commands and bytes, but at least one call if there is any room.
func (o *outbox) take(room, bytes int) []*call {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, size := 0, 0
	for n < len(o.queue) && n < room {
		if size += len(o.queue[n].body); size > bytes && n > 0 {
			break
		}
		n++
	}
	batch := o.queue[:n:n]
	o.queue = o.queue[n:]
	o.bytes -= sizeOf(batch)
	return batch
}

func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) == 0
}

// rest is how long the outbox has been asked to pause still.
func (o *outbox) rest() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.after.IsZero() {
		return 0
	}
	d := time.Until(o.after)
	if d <= 0 {
		o.after = time.Time{}
	}
	return d
}

// run empties the outbox until the node stops.
func (o *outbox) run() {
	n := o.node
	o.alarm = time.AfterFunc(refusedPause, o.poke)
	defer o.alarm.Stop()
	for {
		bundles := o.bundles
		if o.held != nil {
			bundles = nil
		}
		select {
		case <-n.stop:
			return
		case <-o.wake:
		case b := <-bundles:
			o.held = b
		case f := <-o.asked:
			o.fence(f)
		}
		for o.step() {
		}
	}
}

// step does one thing and says whether there may be more to do at once.
func (o *outbox) step() bool {
	n := o.node
	select {
	case f := <-o.asked: // these do not wait until all writes are done
		o.fence(f)
	default:
	}
	r := n.role()
	// What is held for a leader that is elsewhere by now is refused at once; what this one would propose has just been refused to it.
	if d := o.rest(); d > 0 && (o.held == nil || r.leads) {
		o.alarm.Reset(d)
		return false
	}
	if r.leads {
		return o.propose(r.term)
	}
	if o.held != nil {
		o.held.refuse(reasonNotLeader, o.held.seqs)
		o.held = nil
		return true
	}
	if o.empty() {
		return false
	}
	return n.forward(r)
}

// drain takes this many slots, so that no entry is in flight nor can be, and gives how many it could not get in time.
func (o *outbox) drain(slots int) (left int) {
	limit := time.NewTimer(drainTimeout)
	defer limit.Stop()
	for ; slots > 0; slots-- {
		select {
		case o.slots <- struct{}{}:
		case <-limit.C:
			return slots
		}
	}
	return 0
}
