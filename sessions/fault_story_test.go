package sessions

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// client renews a session through a member every third of its timeout, until stop is closed. It fails the test if it is told
// that its session is over.
func (f *fake) client(m, i int, timeout time.Duration, stop <-chan struct{}) {
	ticker := time.NewTicker(timeout / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
		if l, err := f.keep(m, i, timeout/3); err == nil && !l.Alive {
			f.Errorf("session %d is over (%s), and was never silent", i, l.Reason)
			return
		}
	}
}

// A process that was stopped finds nobody's renewals when it goes on, and ends nobody for it, wherever it was stopped.
func TestStalledLeaderEndsNobody(t *testing.T) {
	const timeout = 4 * time.Second
	for _, at := range []string{"", "office", "confirm", "confirmed", "propose"} {
		t.Run("at "+at, func(t *testing.T) {
			story(t, func(t *testing.T) {
				f := led(t, 1)
				defer f.close()
				stop := make(chan struct{})
				defer synctest.Wait()
				defer close(stop)
				for i := range 20 {
					f.open(i, timeout)
					go f.client(0, i, timeout, stop)
					time.Sleep(77 * time.Millisecond)
				}
				f.open(100, 6*time.Second) // silent; due while the process is stopped, or just before
				time.Sleep(6*time.Second - 50*time.Millisecond)
				f.members[0].stall(at)
				time.Sleep(3 * timeout)
				f.members[0].resume()
				resumed := time.Now()
				time.Sleep(4 * timeout)
				for i := range 20 {
					if !f.lives(i) {
						t.Errorf("session %d ended, %v after the stall", i, f.endOf(i).Sub(resumed))
					}
				}
				within(t, "the end of the silent one", f.endOf(100), resumed, 0, 7*time.Second)
			})
		})
	}
}

// A leader whose quorum does not answer acknowledges nothing and ends nobody. When it answers again, all have their timeout.
func TestQuorumDoesNotAnswer(t *testing.T) {
	const timeout = 4 * time.Second
	for _, tt := range []struct {
		name    string
		confirm func(ctx context.Context) error
	}{
		{"it hangs", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{"it fails", func(context.Context) error { return command.ErrNoLeader }},
		{"it is slow to fail", func(ctx context.Context) error { rest(ctx, time.Second); return command.ErrNoLeader }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			story(t, func(t *testing.T) {
				f := led(t, 3)
				defer f.close()
				begin := time.Now()
				f.open(1, timeout)
				f.open(2, timeout)
				time.Sleep(time.Second)
				f.members[0].set(func(m *member) { m.confirm = tt.confirm })
				for time.Since(begin) < 3*timeout {
					if l, err := f.keep(1, 1, 1500*time.Millisecond); err != command.ErrNoLeader {
						t.Fatalf("acknowledged: %+v, %v", l, err)
					}
				}
				if !f.lives(1) || !f.lives(2) {
					t.Fatal("a session ended")
				}
				f.members[0].set(func(m *member) { m.confirm = nil })
				healed := time.Now()
				for range 3 {
					time.Sleep(timeout - time.Second)
					f.mustKeep(1, 1)
				}
				// It may have waited for an answer for confirmTimeout when the quorum came back.
				within(t, "the end of the silent one", f.endOf(2), healed, timeout, timeout+confirmTimeout+time.Second)
			})
		})
	}
}

// It is enough that those who renew find no quorum: the leader that ends sessions learns of it.
func TestRenewalsThatFailAreAStall(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 2)
		defer f.close()
		f.open(1, 2*time.Second)
		time.Sleep(1900 * time.Millisecond)
		f.members[0].set(func(m *member) { m.confirm = func(context.Context) error { return command.ErrNoLeader } })
		if _, err := f.keep(1, 1, 10*time.Millisecond); err == nil {
			t.Fatal("acknowledged")
		}
		f.members[0].set(func(m *member) { m.confirm = nil })
		healed := time.Now()
		time.Sleep(4 * time.Second)
		within(t, "the end", f.endOf(1), healed, 2*time.Second, 3*time.Second)
	})
}

// So does a quorum that answers, but only after a while: others may not have got an answer in time. But a session that stays
// silent is granted its timeout once for that, and not for ever.
func TestSlowQuorumIsAStall(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 2)
		defer f.close()
		f.open(1, 2*time.Second)
		f.open(2, 2*time.Second)
		time.Sleep(time.Second)
		f.members[0].set(func(m *member) {
			m.confirm = func(ctx context.Context) error { rest(ctx, 600*time.Millisecond); return nil }
		})
		f.mustKeep(1, 2)
		answered := time.Now()
		time.Sleep(6 * time.Second)
		within(t, "the end of the silent one", f.endOf(1), answered, 2*time.Second, 4*time.Second)
	})
}

// What an answer says is left is left, whoever leads then.
func TestAnswerDoesNotSayTooMuch(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 3)
		defer f.close()
		f.open(1, 2*time.Second)
		time.Sleep(time.Second)
		f.members[0].stall("confirmed")
		answered := make(chan command.Lease)
		go func() { l, _ := f.keep(1, 1, time.Minute); answered <- l }()
		time.Sleep(tick)
		f.depose(false) // the quorum had answered before
		f.lead(1)
		time.Sleep(time.Second)
		// A renewal over a network that is slow, on the one that does not know.
		go func() {
			_, _ = f.members[0].leases.OnAsk(t.Context(), appendKeys(nil, askRenew, []znode.SessionKey{key(1)}))
		}()
		synctest.Wait()
		f.members[0].resume()
		if l := <-answered; !l.Alive || l.ExpiresIn != 2000-1000-tick.Milliseconds() {
			t.Errorf("%+v", l)
		}
		f.members[0].set(func(m *member) { m.term = 0 })
	})
}

// A leader that was cut off and not told that there is another acknowledges nothing and ends nobody.
func TestCutOffLeader(t *testing.T) {
	story(t, func(t *testing.T) {
		const timeout = 2 * time.Second
		f := led(t, 3)
		defer f.close()
		f.open(1, timeout)
		f.open(2, timeout)
		time.Sleep(time.Second)
		f.members[0].set(func(m *member) { m.cut = true })
		f.depose(false)
		if l, err := f.keep(0, 1, 500*time.Millisecond); err != command.ErrNoLeader {
			t.Errorf("the one cut off acknowledged: %+v, %v", l, err)
		}
		f.lead(1)
		changed := time.Now()
		f.members[0].set(func(m *member) { m.term = 1 }) // still
		for range 10 {
			time.Sleep(500 * time.Millisecond)
			f.mustKeep(2, 1)
			if l, err := f.keep(0, 1, 200*time.Millisecond); err != command.ErrNoLeader {
				t.Errorf("the one cut off acknowledged: %+v, %v", l, err)
			}
		}
		if n := f.members[0].counted().proposed; n > 0 {
			t.Errorf("the one cut off proposed %d ends", n)
		}
		within(t, "the end of the silent one", f.endOf(2), changed, timeout, timeout+time.Second)
	})
}
