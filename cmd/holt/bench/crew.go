package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	errorPause = 20 * time.Millisecond // of a client after an error, so that a broken server is not run over
	lastAnswer = 5 * time.Second       // how long the last answers of a turn are waited for
)

// requests appends a random request for a host to out.
type requests func(out []byte, host string, rnd *rand.Rand) []byte

// crew is a number of clients, each with a connection of its own that it keeps between turns.
type crew struct {
	clients []*worker
}

type worker struct {
	conn
	rnd  *rand.Rand
	make requests
	took histogram
	errs int64
	why  error // the first error
}

// newCrew spreads n clients over hosts. Nothing is connected yet.
func newCrew(n int, hosts []string, make requests) *crew {
	c := &crew{}
	for i := range n {
		c.clients = append(c.clients, &worker{conn: conn{host: hosts[i%len(hosts)]}, make: make,
			rnd: rand.New(rand.NewPCG(uint64(i), 1))})
	}
	return c
}

// run lets all clients work for d, or until ctx ends, and gives what they did in that time.
func (c *crew) run(ctx context.Context, d time.Duration) sample {
	var all sync.WaitGroup
	began := time.Now()
	end := began.Add(d)
	for _, w := range c.clients {
		all.Go(func() { w.run(ctx, end) })
	}
	all.Wait()
	s := sample{took: time.Since(began)}
	for _, w := range c.clients {
		s.merge(w)
	}
	return s
}

func (c *crew) close() {
	for _, w := range c.clients {
		w.close()
	}
}

func (w *worker) run(ctx context.Context, end time.Time) {
	w.took, w.errs, w.why = histogram{}, 0, nil
	deadline := end.Add(lastAnswer)
	w.until(deadline)
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		w.out = w.make(w.out[:0], w.host, w.rnd)
		err := w.exchange(deadline)
		after := time.Now()
		if err == nil {
			w.took.add(after.Sub(now))
			now = after
			continue
		}
		w.errs++
		if w.why == nil {
			w.why = err
		}
		pause(ctx, errorPause)
		now = time.Now()
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// sample is what was done in a turn, or in several.
type sample struct {
	lat    histogram
	took   time.Duration
	errors int64
	why    error // the first error
}

func (s *sample) merge(w *worker) {
	s.lat.merge(&w.took)
	s.errors += w.errs
	s.why = first(s.why, w.why)
}

func (s *sample) add(o sample) {
	s.lat.merge(&o.lat)
	s.took += o.took
	s.errors += o.errors
	s.why = first(s.why, o.why)
}

// perSecond is how many were done in a second.
func (s *sample) perSecond() float64 {
	if s.took <= 0 {
		return 0
	}
	return float64(s.lat.n) / s.took.Seconds()
}

// first is the error that happened first; a refusal tells more than the connection it may have cost.
func first(a, b error) error {
	var refused *statusError
	if a == nil || !errors.As(a, &refused) && errors.As(b, &refused) {
		return b
	}
	return a
}
