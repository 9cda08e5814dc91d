package sessions

import (
	"context"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

var timeouts = []time.Duration{
	100 * time.Millisecond, 101 * time.Millisecond, time.Second, 2 * time.Second, 10 * time.Second, 5 * time.Minute, time.Hour,
}

// within checks that a time lies in a window.
func within(t testing.TB, what string, at, from time.Time, least, most time.Duration) {
	t.Helper()
	if at.IsZero() {
		t.Errorf("%s: not at all, %v after", what, time.Since(from))
	} else if d := at.Sub(from); d < least || d > most {
		t.Errorf("%s: after %v, it must be %v to %v", what, d, least, most)
	}
}

func TestSilentSessionEnds(t *testing.T) {
	for _, timeout := range timeouts {
		story(t, func(t *testing.T) {
			f := led(t, 3)
			defer f.close()
			begin := time.Now()
			f.open(1, timeout)
			f.open(2, timeout)
			f.open(3, timeout)
			time.Sleep(timeout * 2 / 3)
			renewed := time.Now()
			f.mustKeep(1, 2)
			if r, err := f.carryOut(&znode.Txn{Session: new(key(3)), Ops: []znode.Op{znode.CheckOp(znode.Root)}}); err != nil || r.Code != znode.OK {
				t.Fatal(r, err)
			}
			time.Sleep(timeout + 2*time.Second)
			within(t, "the end of one that was silent", f.endOf(1), begin, timeout, timeout+time.Second)
			within(t, "the end of one that was renewed", f.endOf(2), renewed, timeout, timeout+time.Second)
			within(t, "the end of one that wrote", f.endOf(3), renewed, timeout, timeout+time.Second)
			if l, err := f.keep(2, 1, time.Second); err != nil || l.Alive || l.Reason != znode.Expired {
				t.Errorf("renewed after its end: %+v, %v", l, err)
			}
		})
	}
}

func TestRenewedJustInTimeLives(t *testing.T) {
	for _, timeout := range timeouts[:5] {
		story(t, func(t *testing.T) {
			f := led(t, 3)
			defer f.close()
			f.members[1].set(func(m *member) { m.latency = 5 * time.Millisecond })
			f.open(1, timeout)
			f.open(2, timeout)
			for range 20 {
				time.Sleep(timeout - 12*time.Millisecond) // 5 there, 5 back
				f.mustKeep(1, 2)
				time.Sleep(time.Millisecond)
				f.mustKeep(0, 1)
			}
		})
	}
}

// A lease says how long it has, and to look at it does not renew it.
func TestLookDoesNotRenew(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 3)
		defer f.close()
		begin := time.Now()
		owner := f.open(1, 4*time.Second).Owner
		look := func(o znode.Owner) command.Lease {
			leases, err := f.members[2].leases.Look(t.Context(), []znode.Owner{o})
			if err != nil {
				t.Fatal(err)
			}
			return leases[0]
		}
		for i := range 4 {
			want := command.Lease{Owner: owner, Alive: true, Timeout: 4000, ExpiresIn: int64(4000 - 1000*i)}
			if got := look(owner); got != want {
				t.Errorf("after %d s: %+v, want %+v", i, got, want)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second)
		within(t, "the end of one that was looked at", f.endOf(1), begin, 4*time.Second, 5*time.Second)
		if got, want := look(owner), (command.Lease{Owner: owner, Reason: znode.Expired}); got != want {
			t.Errorf("after its end: %+v, want %+v", got, want)
		}
		if got := look(99); got != (command.Lease{}) {
			t.Errorf("one that never was: %+v", got)
		}
	})
}

func TestKeepaliveSaysHowItStands(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 3)
		defer f.close()
		owners := make([]znode.Owner, 4)
		for i := range owners {
			owners[i] = f.open(i, 10*time.Second).Owner
		}
		must := func(r *znode.Result, err error) {
			if err != nil || r.Code != znode.OK {
				t.Fatal(r, err)
			}
		}
		must(f.carryOut(&znode.Txn{Ops: []znode.Op{znode.CloseSessionOp(key(1))}}))
		must(f.carryOut(&znode.Txn{Ops: []znode.Op{znode.KillSessionOp(owners[2])}}))
		time.Sleep(time.Second)
		got, err := f.members[1].leases.Keepalive(t.Context(), []znode.SessionKey{key(9), key(2), key(1), key(0), key(0)})
		if err != nil {
			t.Fatal(err)
		}
		alive := command.Lease{Owner: owners[0], Alive: true, Timeout: 10_000, ExpiresIn: 10_000}
		for i, want := range []command.Lease{
			{}, {Owner: owners[2], Reason: znode.Killed}, {Owner: owners[1], Reason: znode.Closed}, alive, alive,
		} {
			if got[i] != want {
				t.Errorf("answer %d: %+v, want %+v", i, got[i], want)
			}
		}
		if got, err := f.members[1].leases.Keepalive(t.Context(), nil); len(got) > 0 || err != nil {
			t.Errorf("no keys: %v, %v", got, err)
		}
	})
}

// The state has the session, but what came with it has not been told yet.
func TestSessionOpenedJustNowCanBeRenewed(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 1)
		defer f.close()
		begin := time.Now()
		f.mu.Lock()
		f.machine.Apply(&znode.Txn{Ops: []znode.Op{znode.OpenSessionOp(key(1), 5000)}})
		f.state.Store(f.machine.State())
		f.mu.Unlock()
		if f.mustKeep(0, 1); time.Since(begin) > 2*batchGap {
			t.Errorf("it took %v", time.Since(begin))
		}
		time.Sleep(7 * time.Second)
		within(t, "its end", f.endOf(1), begin, 5*time.Second, 6*time.Second+2*batchGap)
	})
}

func TestNewLeaderGrantsTheTimeoutOnce(t *testing.T) {
	for _, timeout := range timeouts[:5] {
		story(t, func(t *testing.T) {
			f := led(t, 3)
			defer f.close()
			f.open(1, timeout)
			time.Sleep(timeout * 9 / 10)
			f.lead(1)
			changed := time.Now()
			time.Sleep(timeout * 9 / 10)
			f.open(2, timeout)
			opened := time.Now()
			time.Sleep(timeout + 2*time.Second)
			within(t, "the end of the silent one", f.endOf(1), changed, timeout, timeout+time.Second)
			within(t, "the end of one opened under the new leader", f.endOf(2), opened, timeout, timeout+time.Second)
		})
	}
}

// Sessions that come and go while a new leader reads the state are neither lost nor brought back.
func TestChangesWhileTheLeaderTakesOver(t *testing.T) {
	story(t, func(t *testing.T) {
		f := cluster(t, 2)
		defer f.close()
		f.lead(0)
		f.open(1, 4*time.Second)
		f.open(2, 4*time.Second)
		f.members[1].stall("state")
		f.lead(1)
		time.Sleep(200 * time.Millisecond)
		f.open(3, 4*time.Second)
		f.open(4, 4*time.Second)
		for _, i := range []int{2, 4} {
			if _, err := f.carryOut(&znode.Txn{Ops: []znode.Op{znode.CloseSessionOp(key(i))}}); err != nil {
				t.Fatal(err)
			}
		}
		f.members[1].resume()
		took := time.Now()
		time.Sleep(tick)
		if n := f.members[1].kept(); n != 2 {
			t.Errorf("%d leases, two sessions are alive", n)
		}
		time.Sleep(6 * time.Second)
		within(t, "the end of the first", f.endOf(1), took, 4*time.Second, 5*time.Second)
		within(t, "the end of the third", f.endOf(3), took, 4*time.Second, 5*time.Second)
	})
}

// While nobody leads, nothing is acknowledged and nobody ends. It is waited for as long as the caller likes.
func TestNoLeader(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 3)
		defer f.close()
		f.open(1, 2*time.Second)
		f.depose(true)
		begin := time.Now()
		if l, err := f.keep(1, 1, 10*time.Second); err != command.ErrNoLeader || time.Since(begin) != 10*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(begin), l, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.members[1].leases.Look(ctx, []znode.Owner{1}); err != command.ErrNoLeader {
			t.Error(err)
		}
		waited := make(chan command.Lease)
		go func() { l, _ := f.keep(1, 1, 10*time.Second); waited <- l }()
		time.Sleep(5 * time.Second)
		f.lead(2)
		begin = time.Now()
		if l := <-waited; !l.Alive || time.Since(begin) > 500*time.Millisecond {
			t.Errorf("%v after there was a leader: %+v", time.Since(begin), l)
		}
	})
}

func TestTouchRenews(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 3)
		defer f.close()
		f.open(1, 2*time.Second)
		f.open(2, 2*time.Second)
		for range 10 {
			time.Sleep(1900 * time.Millisecond)
			f.members[0].leases.Touch(key(1))
			f.members[2].leases.Touch(key(2))
		}
		last := time.Now()
		if n := f.members[0].counted().confirms; n > 0 {
			t.Errorf("a quorum was asked %d times, and nobody waited", n)
		}
		time.Sleep(4 * time.Second)
		within(t, "the end of the first", f.endOf(1), last, 2*time.Second, 3*time.Second)
		within(t, "the end of the second", f.endOf(2), last, 2*time.Second, 3*time.Second)
	})
}
