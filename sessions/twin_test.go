package sessions

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

const (
	twinSessions = 12
	twinRounds   = 4
	network      = 10 * time.Millisecond // the most that an answer takes
	// settled is how long after the end of all trouble its effects may last: a proposal that hangs, the pause until it is
	// proposed again, a quorum that is waited for.
	settled = proposeTimeout + retryPause + confirmTimeout
)

// twin is what one may say about a session without knowing how leases work: when it was certainly renewed, when it may have
// been, and so between when and when it may end.
type twin struct {
	timeout time.Duration
	// acked is the latest moment at which a renewal began that was acknowledged: the session must not end before its timeout
	// after that.
	acked time.Time
	// tried is when it was heard of last in any way: it must end by its timeout after that, all being well.
	tried time.Time
	// closed says that its own end was asked for.
	closed bool
}

// chaos is members, sessions and trouble.
type chaos struct {
	*fake
	seed uint64
	stop chan struct{} // clients
	wg   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	rng   *rand.Rand
	twins [twinSessions]twin
	quiet [twinSessions]bool // whether its client is silent
	acks  int
}

func (c *chaos) intn(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}

func (c *chaos) wait(most time.Duration) bool {
	timer := time.NewTimer(time.Duration(1 + c.intn(int(most))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.stop:
		return false
	}
}

func (c *chaos) fail(i int, format string, args ...any) {
	c.Errorf("seed %d, session %d of %v: %s", c.seed, i, c.twins[i].timeout, fmt.Sprintf(format, args...))
}

// ack checks a renewal that was acknowledged, begun at that time and with so much left, and notes it.
func (c *chaos) ack(i int, begin time.Time, left time.Duration) {
	end := c.endOf(i)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks++
	w := &c.twins[i]
	w.tried = time.Now()
	if begin.After(w.acked) {
		w.acked = begin
	}
	if from := time.Now().Add(left - w.timeout - network); from.After(w.acked) {
		w.acked = from
	}
	if !end.IsZero() {
		c.checkEnd(i, end)
		if begin.After(end) {
			c.fail(i, "it is said to be alive %v after its end", begin.Sub(end))
		}
	}
}

// checkEnd checks that the session did not end too early.
func (c *chaos) checkEnd(i int, end time.Time) {
	if w := &c.twins[i]; !w.closed && end.Sub(w.acked) < w.timeout {
		c.fail(i, "it ended %v after a renewal", end.Sub(w.acked))
	}
}

// check looks at all sessions: nobody ended too early, and if all has been well since some time, nobody ends too late.
func (c *chaos) check(well time.Time) {
	for i := range c.twins {
		end := c.endOf(i)
		c.mu.Lock()
		w := &c.twins[i]
		from := well.Add(settled)
		if w.tried.After(from) {
			from = w.tried
		}
		switch late := time.Since(from) - w.timeout; {
		case !end.IsZero():
			c.checkEnd(i, end)
		case !well.IsZero() && c.quiet[i] && late > time.Second:
			c.fail(i, "it has been silent for %v and lives", time.Since(w.tried))
			w.tried = time.Now() // say so once
		}
		c.mu.Unlock()
	}
}

// client is one session's, now and then silent for longer than it may be.
func (c *chaos) client(i int) {
	timeout := c.twins[i].timeout
	for c.wait(timeout * 2 / 3) {
		m := c.intn(len(c.members))
		begin := time.Now()
		c.tried(i)
		switch n := c.intn(40); {
		case n < 30:
			l, err := c.keep(m, i, timeout/4)
			c.tried(i)
			switch {
			case err == nil && l.Alive:
				c.ack(i, begin, time.Duration(l.ExpiresIn)*time.Millisecond)
			case err == nil && c.endOf(i).IsZero():
				c.fail(i, "it is said to be over, and is not: %+v", l)
			case err == nil:
				return
			}
		case n < 33:
			c.members[m].leases.Touch(key(i))
			c.touched(i)
		case n < 36:
			c.write(i, begin)
		case n == 36 && timeout < 2*time.Second:
			c.mu.Lock()
			c.twins[i].closed = true
			c.mu.Unlock()
			if _, err := c.carryOut(&znode.Txn{Ops: []znode.Op{znode.CloseSessionOp(key(i))}}); err == nil {
				return
			}
		case n == 37:
			c.silence(i, true)
			if !c.wait(3 * timeout) {
				return
			}
			c.silence(i, false)
		}
	}
}

func (c *chaos) tried(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.twins[i].tried = time.Now()
}

// touched: it can take until the end of a question under way.
func (c *chaos) touched(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.twins[i].tried = time.Now().Add(2 * askTimeout)
}

func (c *chaos) silence(i int, quiet bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet[i] = quiet
}

// write is a transaction of the session. It counts as a renewal only if the session had time left: afterwards it may
// overtake the proposal of the end.
func (c *chaos) write(i int, begin time.Time) {
	r, err := c.carryOut(&znode.Txn{Session: new(key(i)), Ops: []znode.Op{znode.CheckOp(znode.Root)}})
	c.mu.Lock()
	left := begin.Sub(c.twins[i].acked) < c.twins[i].timeout
	c.mu.Unlock()
	if err == nil && r.Code == znode.OK && left {
		c.ack(i, begin, 0)
	}
}

// trouble does one thing that goes wrong.
func (c *chaos) trouble() {
	m := c.members[c.intn(len(c.members))]
	c.fake.mu.Lock()
	if c.leader != nil && c.intn(2) == 0 {
		m = c.leader
	}
	c.fake.mu.Unlock()
	switch c.intn(10) {
	case 0, 1:
		c.lead(c.intn(len(c.members)))
	case 2:
		c.depose(false)
		c.lead(c.intn(len(c.members)))
	case 3:
		m.set(func(m *member) { m.cut = !m.cut })
	case 4:
		at := []string{"", "office", "confirm", "confirmed", "propose"}[c.intn(5)]
		m.set(func(m *member) {
			if m.stalled == nil {
				m.stalled, m.stallAt = make(chan struct{}), at
			}
		})
	case 5:
		m.wake()
	case 6:
		how := c.intn(3)
		m.set(func(m *member) {
			m.confirm = func(ctx context.Context) error {
				if how > 0 {
					rest(ctx, time.Duration(how)*time.Second)
				}
				return command.ErrNoLeader
			}
		})
	case 7:
		m.set(func(m *member) { m.confirm, m.propose = nil, nil })
	case 8:
		m.set(func(m *member) { m.propose = c.mess(m) })
	case 9: // for a moment it seems to be none
		var was uint64
		m.set(func(m *member) { was, m.term = m.term, 0 })
		time.Sleep(2 * tick)
		c.fake.mu.Lock()
		if c.leader == m && c.fake.term == was {
			m.set(func(m *member) { m.term = was })
		}
		c.fake.mu.Unlock()
	}
}

// mess is a log that does all that a log may.
func (c *chaos) mess(m *member) func(context.Context, *znode.Txn) (*znode.Result, error) {
	return func(ctx context.Context, txn *znode.Txn) (*znode.Result, error) {
		rest(ctx, time.Duration(c.intn(int(time.Second))))
		switch c.intn(5) {
		case 0:
			return nil, command.ErrNoLeader
		case 1:
			return nil, command.ErrUnknown
		case 2: // and is carried out later
			late := time.Duration(c.intn(int(3 * time.Second)))
			c.wg.Go(func() { time.Sleep(late); _, _ = c.carryOut(txn) })
			return nil, command.ErrUnknown
		case 3:
			<-ctx.Done()
			return nil, command.ErrUnknown
		}
		return c.carryOut(txn)
	}
}

// wake lets a stopped process go on.
func (m *member) wake() {
	m.set(func(m *member) {
		if m.stalled != nil {
			close(m.stalled)
			m.stalled = nil
		}
	})
}

// heal ends all trouble.
func (c *chaos) heal() {
	c.set(func(m *member) { m.cut, m.confirm, m.propose = false, nil, nil })
	for _, m := range c.members {
		m.wake()
	}
	c.fake.mu.Lock()
	leader := c.leader
	for _, m := range c.members {
		m.set(func(m *member) {
			if m != leader {
				m.term = 0
			}
		})
	}
	c.fake.mu.Unlock()
	c.lead(c.intn(len(c.members)))
}

// Whatever goes wrong: nobody ends before the timeout after a renewal that was acknowledged, what is acknowledged is true, and
// once all is well those who are silent end in time.
func TestRandomTroubleAgainstTwin(t *testing.T) {
	acks, ends := 0, 0
	for seed := range uint64(60) {
		story(t, func(t *testing.T) {
			f := led(t, 3)
			defer f.close()
			c := &chaos{fake: f, seed: seed, stop: make(chan struct{}), rng: rand.New(rand.NewPCG(seed, 7))}
			f.set(func(m *member) { m.latency = time.Duration(c.intn(int(network))) })
			for i := range c.twins {
				c.twins[i] = twin{timeout: 500*time.Millisecond + time.Duration(c.intn(int(5*time.Second))).Truncate(time.Millisecond), acked: time.Now(), tried: time.Now()}
				f.open(i, c.twins[i].timeout)
				c.wg.Go(func() { c.client(i); c.silence(i, true) })
			}
			for range twinRounds {
				for range 15 {
					time.Sleep(time.Duration(c.intn(int(time.Second))))
					c.trouble()
					c.check(time.Time{})
				}
				c.heal()
				for well := time.Now(); time.Since(well) < 12*time.Second; {
					time.Sleep(tick)
					c.check(well)
				}
			}
			close(c.stop)
			c.wg.Wait()
			well := time.Now()
			time.Sleep(settled + 10*time.Second)
			c.check(well)
			acks += c.acks
			ends += len(f.ended())
		})
	}
	t.Logf("%d renewals acknowledged, %d of %d sessions ended", acks, ends, 60*twinSessions)
}
