package sessions

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

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
		{"a transaction of the session overtakes it", func(f *fake, txn *znode.Txn) (*znode.Result, error) {
			k := key(1)
			if _, err := f.carryOut(&znode.Txn{Ops: []znode.Op{znode.AddWatchOp(znode.Root, znode.ExistsWatch)}, Session: &k}); err != nil {
				return nil, err
			}
			return f.carryOut(txn)
		}, true},
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

// Nor if it was renewed in time, but the quorum took longer to confirm that than the session had.
func TestEndIsProposedBeforeTheRenewalIsConfirmed(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 2)
		defer f.close()
		f.open(1, 100*time.Millisecond)
		var confirms atomic.Int64
		f.members[0].set(func(m *member) {
			m.confirm = func(ctx context.Context) error {
				if confirms.Add(1) == 1 {
					rest(ctx, 400*time.Millisecond)
				}
				return nil
			}
			m.propose = func(_ context.Context, txn *znode.Txn) (*znode.Result, error) {
				time.Sleep(3 * time.Second)
				return f.carryOut(txn)
			}
		})
		if l, err := f.keep(1, 1, 2*time.Second); err != command.ErrNoLeader {
			t.Errorf("acknowledged while the end is proposed: %+v, %v", l, err)
		}
		if l, err := f.keep(1, 1, 10*time.Second); err != nil || l.Alive {
			t.Errorf("%+v, %v", l, err)
		}
	})
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
		const sessions = 1000
		f := led(t, 1)
		defer f.close()
		m := f.members[0]
		m.set(func(m *member) {
			m.latency = 3 * time.Millisecond
			m.propose = func(ctx context.Context, txn *znode.Txn) (*znode.Result, error) {
				rest(ctx, time.Duration(txn.Ops[0].Session.Owner%5)*6*time.Millisecond)
				return f.carryOut(txn)
			}
		})
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
