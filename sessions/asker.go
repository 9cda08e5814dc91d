package sessions

import (
	"context"
	"errors"
	"sync"
	"time"

	"holt/raftfsm/command"
)

const (
	// MaxWaiting bounds the sessions whose answers are waited for on one member, of each kind of question.
	MaxWaiting = 100_000
	// MaxTouches bounds the sessions that wait to be touched and that nobody waits for.
	MaxTouches = 10_000
	// batchGap is from the start of one question to that of the next. The first after a rest goes at once.
	batchGap = 25 * time.Millisecond
)

// asker gathers questions about sessions and asks the leader about many at a time, one question at a time, until each is
// answered or nobody waits for it any more.
type asker[K comparable] struct {
	// ask asks the leader once: one answer a key, or none if none of them is waited for.
	ask  func(ctx context.Context, keys []K, waitedFor bool) ([]answer, error)
	wake chan struct{} // has room for one
	last time.Time     // when the last question began; of the loop alone

	mu      sync.Mutex // guards what follows, and all calls until they are done
	wants   map[K]*want
	queue   []K // of wants, first come first
	waiting int // places in wants and in the question under way
	given   int // of these, by calls that were given up
	touches int // wants that began as touches
	closed  bool
}

// want is who waits for the answer about one session.
type want struct {
	places []place
	touch  bool // it is asked for even if nobody waits
	began  bool // as a touch
}

// place is where in a call an answer belongs.
type place struct {
	call *call
	at   int
}

// call is one caller with its sessions.
type call struct {
	leases []command.Lease
	left   int           // answers
	done   chan struct{} // closed when there is a result
	ended  bool
	given  bool // the caller waits no more
	err    error
}

func newAsker[K comparable](ask func(context.Context, []K, bool) ([]answer, error)) *asker[K] {
	return &asker[K]{ask: ask, wake: make(chan struct{}, 1), wants: make(map[K]*want)}
}

// get waits for the answers.
func (a *asker[K]) get(ctx context.Context, keys []K) ([]command.Lease, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	c := &call{leases: make([]command.Lease, len(keys)), left: len(keys), done: make(chan struct{})}
	if err := a.add(c, keys); err != nil {
		return nil, err
	}
	a.poke()
	select {
	case <-c.done:
		return c.result()
	case <-ctx.Done():
		return a.giveUp(c)
	}
}

func (c *call) result() ([]command.Lease, error) {
	if c.err != nil {
		return nil, c.err
	}
	return c.leases, nil
}

func (a *asker[K]) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// add puts a call's sessions behind the others.
func (a *asker[K]) add(c *call, keys []K) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return command.ErrShuttingDown
	}
	if a.waiting+len(keys) > MaxWaiting {
		if a.given > MaxWaiting/4 {
			a.sweep()
		}
		if a.waiting+len(keys) > MaxWaiting {
			return command.ErrThrottled
		}
	}
	a.waiting += len(keys)
	for i, k := range keys {
		w := a.want(k)
		w.places = append(w.places, place{c, i})
	}
	return nil
}

// want is the one of that session, which is in the queue.
func (a *asker[K]) want(k K) *want {
	w := a.wants[k]
	if w == nil {
		w = &want{}
		a.wants[k] = w
		a.queue = append(a.queue, k)
	}
	return w
}

// touch adds a session that nobody waits for.
func (a *asker[K]) touch(k K) {
	a.mu.Lock()
	w := a.wants[k]
	switch {
	case a.closed || w == nil && a.touches >= MaxTouches:
		a.mu.Unlock()
		return
	case w == nil:
		w = a.want(k)
		w.began = true
		a.touches++
	}
	w.touch = true
	a.mu.Unlock()
	a.poke()
}

// giveUp ends the wait of a call. Its places stay where they are until they are come across.
func (a *asker[K]) giveUp(c *call) ([]command.Lease, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.ended {
		return c.result()
	}
	c.given = true
	a.given += c.left
	return nil, command.ErrNoLeader
}

// run asks until ctx ends.
func (a *asker[K]) run(ctx context.Context) {
	for {
		select {
		case <-a.wake:
		case <-ctx.Done():
			return
		}
		for a.some() {
			if !rest(ctx, batchGap-time.Since(a.last)) {
				return
			}
			a.last = time.Now()
			a.once(ctx)
		}
	}
}

// rest says whether ctx still lasts after that time.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *asker[K]) some() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.queue) > 0
}

// once asks one question.
func (a *asker[K]) once(ctx context.Context) {
	keys, wants, waitedFor := a.take()
	if len(keys) == 0 {
		return
	}
	answers, err := a.ask(ctx, keys, waitedFor)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case errors.Is(err, command.ErrShuttingDown):
		for _, w := range wants {
			a.end(w, err)
		}
	case err == nil && waitedFor:
		for i, w := range wants {
			a.settle(keys[i], w, &answers[i])
		}
	default: // of touches alone, nobody is there to ask again
		for i, w := range wants {
			a.again(keys[i], w)
		}
	}
}

// take is the next question: the sessions that are wanted by somebody still, and whether any of them is waited for.
func (a *asker[K]) take() (keys []K, wants []*want, waitedFor bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for ; n < len(a.queue) && len(keys) < MaxBatch; n++ {
		k := a.queue[n]
		w := a.wants[k]
		delete(a.wants, k)
		if w.began {
			a.touches--
		}
		a.drop(w)
		if len(w.places) == 0 && !w.touch {
			continue
		}
		keys, wants = append(keys, k), append(wants, w)
		waitedFor = waitedFor || len(w.places) > 0
	}
	if a.queue = a.queue[n:]; len(a.queue) == 0 {
		a.queue = nil
	}
	return keys, wants, waitedFor
}

// drop forgets the places of calls that were given up.
func (a *asker[K]) drop(w *want) {
	kept := w.places[:0]
	for _, p := range w.places {
		if p.call.given {
			a.given--
			a.waiting--
		} else {
			kept = append(kept, p)
		}
	}
	clear(w.places[len(kept):])
	w.places = kept
}

// sweep forgets all places of calls that were given up, and who is not wanted by it.
func (a *asker[K]) sweep() {
	kept := a.queue[:0]
	for _, k := range a.queue {
		w := a.wants[k]
		if a.drop(w); len(w.places) > 0 || w.touch {
			kept = append(kept, k)
		} else {
			delete(a.wants, k)
		}
	}
	a.queue = kept
}

// settle gives the answer to everybody who waits for it, if it is one.
func (a *asker[K]) settle(k K, w *want, got *answer) {
	if got.status == askAgain {
		a.again(k, w)
		return
	}
	a.drop(w)
	for _, p := range w.places {
		a.waiting--
		c := p.call
		if c.ended {
			continue
		}
		c.leases[p.at] = got.lease
		if c.left--; c.left == 0 {
			c.end(nil)
		}
	}
}

// again puts a session back behind the others if somebody waits for it.
func (a *asker[K]) again(k K, w *want) {
	a.drop(w)
	if len(w.places) == 0 {
		return
	}
	if a.closed {
		a.end(w, command.ErrShuttingDown)
		return
	}
	to := a.want(k)
	to.places = append(to.places, w.places...)
}

// end ends everybody who waits for a session.
func (a *asker[K]) end(w *want, err error) {
	for _, p := range w.places {
		a.waiting--
		if p.call.given {
			a.given--
		}
		p.call.end(err)
	}
}

func (c *call) end(err error) {
	if !c.ended {
		c.ended, c.err = true, err
		close(c.done)
	}
}

// close ends everybody who waits. The question under way ends with the context of run.
func (a *asker[K]) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, w := range a.wants {
		a.end(w, command.ErrShuttingDown)
	}
	clear(a.wants)
	a.queue = nil
}
