package sessions

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/znode"
)

// crowd is many sessions, of which some fall silent.
type crowd struct {
	*fake
	rng      *rand.Rand
	timeout  []time.Duration
	next     []time.Time // to renew
	silent   []time.Time // from when on; zero: never
	wg       sync.WaitGroup
	mu       sync.Mutex  // guards what follows
	from, to []time.Time // the last renewal was asked for, and acknowledged
}

func (c *crowd) step(now time.Time) {
	due := make([][]int, len(c.members))
	for i := range c.next {
		if now.Before(c.next[i]) || !c.silent[i].IsZero() && now.After(c.silent[i]) {
			continue
		}
		m := c.rng.IntN(len(due))
		due[m] = append(due[m], i)
		c.next[i] = now.Add(c.timeout[i]/8 + time.Duration(c.rng.Int64N(int64(c.timeout[i]*5/8))))
	}
	for m, sessions := range due {
		for len(sessions) > 0 {
			n := min(len(sessions), 1+c.rng.IntN(400))
			mine := sessions[:n]
			c.wg.Go(func() { c.renew(m, mine) })
			sessions = sessions[n:]
		}
	}
}

func (c *crowd) renew(m int, sessions []int) {
	keys := make([]znode.SessionKey, len(sessions))
	for at, i := range sessions {
		keys[at] = key(i)
	}
	begin := time.Now()
	leases, err := c.members[m].leases.Keepalive(c.Context(), keys)
	if err != nil {
		c.Error(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, i := range sessions {
		if !leases[at].Alive {
			c.Errorf("session %d of %v is over, and was renewed %v before", i, c.timeout[i], begin.Sub(c.from[i]))
			continue
		}
		c.from[i], c.to[i] = begin, time.Now()
	}
}

// Nobody who is heard of ends, and everybody else does, in time; and the leader is asked a few times a second.
func TestHundredThousandSessions(t *testing.T) {
	const sessions, period = 100_000, 20 * time.Second
	story(t, func(t *testing.T) {
		f := led(t, 3)
		defer f.close()
		f.set(func(m *member) { m.latency = 2 * time.Millisecond })
		c := &crowd{fake: f, rng: rand.New(rand.NewPCG(1, 2))}
		for i := range sessions {
			c.timeout = append(c.timeout, 8*time.Second+time.Duration(c.rng.Int64N(int64(12*time.Second))))
			f.open(i, c.timeout[i])
			c.next = append(c.next, time.Now().Add(time.Duration(c.rng.Int64N(int64(c.timeout[i]/2)))))
			c.from, c.to, c.silent = append(c.from, time.Now()), append(c.to, time.Now()), append(c.silent, time.Time{})
			if i%3 == 0 {
				c.silent[i] = time.Now().Add(time.Duration(c.rng.Int64N(int64(period))))
			}
		}
		begin := time.Now()
		for time.Since(begin) < period+21*time.Second {
			time.Sleep(tick)
			c.step(time.Now())
		}
		c.wg.Wait()
		for i := range sessions {
			switch at := f.endOf(i); {
			case c.silent[i].IsZero() && !at.IsZero():
				t.Fatalf("session %d ended and was not silent", i)
			case c.silent[i].IsZero():
			case at.Sub(c.from[i]) < c.timeout[i] || at.Sub(c.to[i]) > c.timeout[i]+time.Second:
				t.Fatalf("session %d of %v ended %v after its renewal", i, c.timeout[i], at.Sub(c.from[i]))
			}
		}
		f.checkQuestions(begin)
	})
}

func (f *fake) set(change func(m *member)) {
	for _, m := range f.members {
		m.set(change)
	}
}

// checkQuestions checks that no member asked too often, or too much at a time.
func (f *fake) checkQuestions(since time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last, keys := make(map[*member]time.Time), 0
	for _, a := range f.asks {
		if a.keys > MaxBatch {
			f.Errorf("a question about %d sessions", a.keys)
		}
		// They are noted after the network, which is as slow for all.
		if gap := a.at.Sub(last[a.from]); gap < batchGap {
			f.Errorf("two questions within %v", gap)
		}
		last[a.from] = a.at
		keys += a.keys
	}
	f.Logf("%d questions about %d sessions in %v", len(f.asks), keys, time.Since(since))
}
