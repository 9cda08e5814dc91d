package sessions

import (
	"context"
	"errors"
	"fmt"
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

// So does a quorum that answers, but only after a while: others may not have got an answer in time.
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
		f.members[0].set(func(m *member) { m.confirm = nil })
		answered := time.Now()
		time.Sleep(4 * time.Second)
		within(t, "the end of the silent one", f.endOf(1), answered, 2*time.Second, 3*time.Second)
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

// What a leader proposed in its term does nothing in the next.
func TestEndProposedByDeposedLeaderIsRefused(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 3)
		defer f.close()
		f.open(1, 2*time.Second)
		var refused *znode.Result
		f.members[0].set(func(m *member) {
			m.propose = func(_ context.Context, txn *znode.Txn) (r *znode.Result, err error) {
				time.Sleep(3 * time.Second) // it is in the log of the next leader by then
				refused, err = f.carryOut(txn)
				return refused, err
			}
		})
		time.Sleep(2500 * time.Millisecond)
		f.lead(1)
		changed := time.Now()
		time.Sleep(1900 * time.Millisecond)
		f.mustKeep(2, 1)
		time.Sleep(1900 * time.Millisecond)
		f.mustKeep(2, 1)
		if refused == nil || refused.Code != znode.StaleTerm {
			t.Errorf("the proposal ended as %+v", refused)
		}
		renewed := time.Now()
		time.Sleep(4 * time.Second)
		within(t, "the end", f.endOf(1), renewed, 2*time.Second, 3*time.Second)
		within(t, "the end", f.endOf(1), changed, 4*time.Second, 10*time.Second)
		if f.ended()[0].term != 2 {
			t.Errorf("it ended in term %d", f.ended()[0].term)
		}
	})
}

// Between the proposal of its end and what becomes of it, a session is not said to be alive.
func TestKeepaliveWaitsForTheEnd(t *testing.T) {
	const timeout, takes = 2 * time.Second, 3 * time.Second
	for _, tt := range []struct {
		name   string
		become func(f *fake, txn *znode.Txn) (*znode.Result, error)
		lives  bool
	}{
		{"it is carried out", (*fake).carryOut, false},
		{"it is not done", func(*fake, *znode.Txn) (*znode.Result, error) { return nil, command.ErrNoLeader }, true},
		{"there is no room", func(*fake, *znode.Txn) (*znode.Result, error) {
			return nil, errors.Join(command.ErrThrottled, errFrame)
		}, true},
		{"unknown, and was done", func(f *fake, txn *znode.Txn) (*znode.Result, error) {
			_, _ = f.carryOut(txn)
			return nil, command.ErrUnknown
		}, false},
		{"unknown, and was not done", func(*fake, *znode.Txn) (*znode.Result, error) { return nil, command.ErrUnknown }, false},
		{"an error nobody knows", func(*fake, *znode.Txn) (*znode.Result, error) { return nil, context.Canceled }, false},
		{"it was ended by another", func(f *fake, txn *znode.Txn) (*znode.Result, error) {
			if _, err := f.carryOut(&znode.Txn{Ops: []znode.Op{znode.KillSessionOp(txn.Ops[0].Session.Owner)}}); err != nil {
				return nil, err
			}
			return f.carryOut(txn)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			story(t, func(t *testing.T) {
				f := led(t, 2)
				defer f.close()
				f.open(1, timeout)
				proposed, tries := make(chan struct{}), 0
				f.members[0].set(func(m *member) {
					m.propose = func(_ context.Context, txn *znode.Txn) (*znode.Result, error) {
						if tries++; tries > 1 {
							return f.carryOut(txn) // the log works again
						}
						close(proposed)
						time.Sleep(takes)
						return tt.become(f, txn)
					}
				})
				<-proposed
				if l, err := f.keep(1, 1, takes-time.Second); err != command.ErrNoLeader {
					t.Errorf("acknowledged while the end is proposed: %+v, %v", l, err)
				}
				begin := time.Now()
				l, err := f.keep(1, 1, 10*time.Second)
				if err != nil || l.Alive != tt.lives || !tt.lives && l.Reason == 0 {
					t.Errorf("%+v, %v, want %v", l, err, tt.lives)
				}
				if took := time.Since(begin); took > time.Second+retryPause+tick {
					t.Errorf("it took %v", took)
				}
				if tt.lives {
					begin = time.Now()
					time.Sleep(4 * time.Second)
					within(t, "the end, if it is silent again", f.endOf(1), begin, timeout, timeout+time.Second)
				}
			})
		})
	}
}

// What is unknown once stays so: the first proposal may be carried out long after the second was refused.
func TestUnknownEndIsNotTakenBack(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 2)
		defer f.close()
		f.open(1, 2*time.Second)
		var first *znode.Txn
		f.members[0].set(func(m *member) {
			m.propose = func(_ context.Context, txn *znode.Txn) (*znode.Result, error) {
				if first == nil {
					first = txn
					return nil, command.ErrUnknown
				}
				return nil, command.ErrThrottled
			}
		})
		time.Sleep(10 * time.Second)
		if l, err := f.keep(1, 1, 5*time.Second); err != command.ErrNoLeader {
			t.Errorf("acknowledged: %+v, %v", l, err)
		}
		if n := f.members[0].counted().proposed; n < 5 || n > 15 {
			t.Errorf("proposed %d times in 13 s", n)
		}
		if _, err := f.carryOut(first); err != nil {
			t.Fatal(err)
		}
		if l, err := f.keep(1, 1, time.Second); err != nil || l.Reason != znode.Expired {
			t.Errorf("%+v, %v", l, err)
		}
		n := f.members[0].counted().proposed
		time.Sleep(5 * time.Second)
		if more := f.members[0].counted().proposed - n; more > 0 {
			t.Errorf("proposed %d times after it was done", more)
		}
	})
}

// A leader that seems to be none for a moment, and is in the same term again, has its proposals under way still.
func TestOfficeThatComesBack(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 2)
		defer f.close()
		f.open(1, 2*time.Second)
		f.open(2, 3*time.Second)
		f.members[0].set(func(m *member) {
			m.propose = func(_ context.Context, txn *znode.Txn) (*znode.Result, error) {
				time.Sleep(4 * time.Second)
				m.set(func(m *member) { m.propose = nil })
				return f.carryOut(txn)
			}
		})
		time.Sleep(2500 * time.Millisecond) // the end of the first is proposed
		f.members[0].set(func(m *member) { m.term = 0 })
		time.Sleep(tick)
		f.members[0].set(func(m *member) { m.term = 1 })
		time.Sleep(2 * tick)
		if l, err := f.keep(1, 1, 2*time.Second); err != command.ErrNoLeader {
			t.Errorf("acknowledged while its end is proposed: %+v, %v", l, err)
		}
		f.mustKeep(1, 2)
		if l, err := f.keep(1, 1, 10*time.Second); err != nil || l.Alive {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// Thousands whose time comes together are ended a few at a time.
func TestManyEndTogether(t *testing.T) {
	story(t, func(t *testing.T) {
		const sessions = 5000
		f := led(t, 1)
		defer f.close()
		m := f.members[0]
		m.set(func(m *member) { m.latency = 3 * time.Millisecond })
		for i := range sessions {
			f.open(i, 2*time.Second)
		}
		begin := time.Now()
		time.Sleep(2500 * time.Millisecond)
		f.open(sessions, 2*time.Second)
		f.mustKeep(0, sessions)
		time.Sleep(500 * time.Millisecond)
		if n := len(f.ended()); n != sessions {
			t.Errorf("%d of %d ended, %v after their timeout", n, sessions, time.Since(begin)-2*time.Second)
		}
		if c := m.counted(); c.most > MaxProposals || c.proposed != sessions || c.confirms > 1+1+sessions/nextBatch {
			t.Errorf("%+v", c)
		}
	})
}

// Nothing is lost where the state cannot be read; it is tried again.
func TestStateThatCannotBeRead(t *testing.T) {
	story(t, func(t *testing.T) {
		f := cluster(t, 1)
		defer f.close()
		f.members[0].set(func(m *member) { m.stateErr = command.ErrBehind })
		f.lead(0)
		f.open(1, 2*time.Second)
		if _, err := f.keep(0, 1, 5*time.Second); err != command.ErrNoLeader {
			t.Error(err)
		}
		f.members[0].set(func(m *member) { m.stateErr = nil })
		begin := time.Now()
		time.Sleep(4 * time.Second)
		within(t, "the end", f.endOf(1), begin, 2*time.Second, 3*time.Second)
	})
}

func TestSettle(t *testing.T) {
	for _, tt := range []struct {
		err  error
		done bool
	}{
		{command.ErrNoLeader, true}, {command.ErrBehind, true}, {command.ErrShuttingDown, true}, {command.ErrThrottled, true},
		{command.ErrDiskFull, true}, {fmt.Errorf("at: %w", command.ErrNoLeader), true},
		{command.ErrUnknown, false}, {errors.Join(command.ErrNoLeader, command.ErrUnknown), false},
		{context.DeadlineExceeded, false}, {nil, false},
	} {
		if notDone(tt.err) != tt.done {
			t.Errorf("%v: certain not to be done: %v", tt.err, !tt.done)
		}
	}
}
