package sessions

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// oracle answers questions as the test likes and notes them.
type oracle struct {
	mu     sync.Mutex // guards what follows
	asks   []inquiry
	most   int // at a time
	now    int
	takes  time.Duration
	err    error
	status status
}

type inquiry struct {
	at        time.Time
	owners    int
	waitedFor bool
}

func (o *oracle) ask(ctx context.Context, owners []znode.Owner, waitedFor bool) ([]answer, error) {
	o.mu.Lock()
	o.asks = append(o.asks, inquiry{time.Now(), len(owners), waitedFor})
	o.now++
	o.most = max(o.most, o.now)
	takes := o.takes
	o.mu.Unlock()
	rest(ctx, takes)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now--
	if o.err != nil || ctx.Err() != nil {
		return nil, errors.Join(command.ErrNoLeader, o.err)
	}
	answers := make([]answer, len(owners))
	for i, owner := range owners {
		answers[i] = answer{isAlive, command.Lease{Owner: owner, Alive: true}}
		if o.status != 0 {
			answers[i].status = o.status
		}
	}
	return answers, nil
}

func (o *oracle) set(change func(o *oracle)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(o)
}

func (o *oracle) asked() []inquiry {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asks
}

// asking runs a story with an asker. Its end must find nothing waiting.
func asking(t *testing.T, o *oracle, tell func(t *testing.T, a *asker[znode.Owner])) {
	t.Helper()
	story(t, func(t *testing.T) {
		a := newAsker(o.ask)
		ctx, cancel := context.WithCancel(t.Context())
		go a.run(ctx)
		tell(t, a)
		o.set(func(o *oracle) { o.err, o.status = nil, 0 })
		time.Sleep(10 * time.Second)
		a.mu.Lock()
		if a.waiting != 0 || a.given != 0 || a.touches != 0 || len(a.wants) != 0 || len(a.queue) != 0 {
			t.Errorf("at the end: %d waiting, %d given up, %d touches, %d wants, %d in the queue",
				a.waiting, a.given, a.touches, len(a.wants), len(a.queue))
		}
		a.mu.Unlock()
		cancel()
		synctest.Wait()
	})
}

func ownersFrom(first, n int) []znode.Owner {
	owners := make([]znode.Owner, n)
	for i := range owners {
		owners[i] = znode.Owner(first + i)
	}
	return owners
}

// One question at a time, with as many sessions as may be, not too often, and each session once.
func TestQuestionsAreGathered(t *testing.T) {
	o := &oracle{takes: 10 * time.Millisecond}
	asking(t, o, func(t *testing.T, a *asker[znode.Owner]) {
		var wg sync.WaitGroup
		begin := time.Now()
		get := func(owners []znode.Owner) {
			wg.Go(func() {
				leases, err := a.get(t.Context(), owners)
				if err != nil {
					t.Error(err)
					return
				}
				for i, l := range leases {
					if l.Owner != owners[i] {
						t.Errorf("the answer about %s is for %s", l.Owner, owners[i])
					}
				}
			})
		}
		get(ownersFrom(1, 1))
		synctest.Wait()
		if n := len(o.asked()); n != 1 || !o.asked()[0].at.Equal(begin) {
			t.Errorf("%d questions; the first goes at once", n)
		}
		for range 2 {
			for i := range 250 {
				get(ownersFrom(100*i, 100))
			}
		}
		wg.Wait()
		got := o.asked()
		for i, want := range []int{1, MaxBatch, MaxBatch, 5000} {
			if got[i].owners != want || !got[i].at.Equal(begin.Add(time.Duration(i)*batchGap)) {
				t.Errorf("question %d about %d sessions after %v; it must be %d after %v", i, got[i].owners, got[i].at.Sub(begin), want, time.Duration(i)*batchGap)
			}
		}
		if len(got) != 4 || o.most != 1 {
			t.Errorf("%d questions, %d at a time", len(got), o.most)
		}
		time.Sleep(time.Second)
		begin = time.Now()
		get(ownersFrom(1, 1))
		wg.Wait()
		if took := time.Since(begin); took != o.takes {
			t.Errorf("after a rest it took %v", took)
		}
	})
}

// An answer is never that of a question that was under way when it began to be waited for: the renewal would be older.
func TestQuestionUnderWayIsNotJoined(t *testing.T) {
	o := &oracle{takes: time.Second}
	asking(t, o, func(t *testing.T, a *asker[znode.Owner]) {
		go func() { _, _ = a.get(t.Context(), ownersFrom(1, 1)) }()
		time.Sleep(500 * time.Millisecond)
		begin := time.Now()
		if _, err := a.get(t.Context(), ownersFrom(1, 1)); err != nil || time.Since(begin) != 1500*time.Millisecond {
			t.Errorf("it took %v, %v", time.Since(begin), err)
		}
	})
}

func TestQuestionIsAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		status status
	}{
		{"nobody answers", command.ErrNoLeader, 0},
		{"it is being decided", nil, askAgain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &oracle{err: tt.err, status: tt.status}
			asking(t, o, func(t *testing.T, a *asker[znode.Owner]) {
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				go func() {
					time.Sleep(2 * time.Second)
					o.set(func(o *oracle) { o.err, o.status = nil, 0 })
				}()
				given := make(chan error)
				go func() { _, err := a.get(short, ownersFrom(1, 10)); given <- err }()
				begin := time.Now()
				leases, err := a.get(t.Context(), ownersFrom(5, 10))
				if took := time.Since(begin); err != nil || !leases[9].Alive || took > 2*time.Second+batchGap {
					t.Errorf("after %v: %v, %v", took, leases, err)
				}
				if err := <-given; err != command.ErrNoLeader {
					t.Errorf("the one that had no more time: %v", err)
				}
				if n := len(o.asked()); n > 1+int(2*time.Second/batchGap)+1 {
					t.Errorf("%d questions in two seconds", n)
				}
				if got := o.asked(); got[0].owners != 14 && got[1].owners != 14 || got[len(got)-1].owners != 10 {
					t.Errorf("first about %d sessions, last about %d", got[0].owners, got[len(got)-1].owners)
				}
			})
		})
	}
}

// More than may wait are turned away; who gives up makes room.
func TestTooManyWaiting(t *testing.T) {
	o := &oracle{err: command.ErrNoLeader, takes: 2 * time.Second}
	asking(t, o, func(t *testing.T, a *asker[znode.Owner]) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := a.get(ctx, ownersFrom(i*MaxWaiting/10, MaxWaiting/10)); err != command.ErrNoLeader {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if _, err := a.get(t.Context(), ownersFrom(1, 1)); err != command.ErrThrottled {
			t.Error(err)
		}
		if _, err := a.get(t.Context(), ownersFrom(1, MaxWaiting+1)); err != command.ErrThrottled {
			t.Error(err)
		}
		cancel()
		wg.Wait()
		// While the same question is under way still.
		for range 20 {
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := a.get(gone, ownersFrom(1, MaxWaiting/10)); err != command.ErrNoLeader {
				t.Error(err)
			}
		}
		wg.Go(func() {
			if _, err := a.get(t.Context(), ownersFrom(1, MaxWaiting/2)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		o.set(func(o *oracle) { o.err, o.takes = nil, 0 })
		wg.Wait()
	})
}

// Touches go along with the others, or alone; they are neither repeated nor kept in any number.
func TestTouchesAreGathered(t *testing.T) {
	o := &oracle{takes: time.Second}
	asking(t, o, func(t *testing.T, a *asker[znode.Owner]) {
		for range 3 {
			a.touch(1)
		}
		synctest.Wait()
		for i := range 2 * MaxTouches {
			a.touch(znode.Owner(i))
			a.touch(znode.Owner(i))
		}
		if _, err := a.get(t.Context(), ownersFrom(3*MaxTouches, 1)); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		got := o.asked()
		if len(got) != 3 || got[0].owners != 1 || got[0].waitedFor || got[1].owners != MaxBatch || got[2].owners != 1 || !got[2].waitedFor {
			t.Errorf("%+v", got)
		}
		o.set(func(o *oracle) { o.err = command.ErrNoLeader })
		a.touch(1)
		time.Sleep(5 * time.Second)
		if n := len(o.asked()); n != 4 {
			t.Errorf("a touch that failed led to %d questions", n-3)
		}
	})
}

func TestCloseEndsWhoWaits(t *testing.T) {
	story(t, func(t *testing.T) {
		f := cluster(t, 1) // nobody leads
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := f.members[0].leases.Keepalive(t.Context(), []znode.SessionKey{key(i), key(1)}); err != command.ErrShuttingDown {
					t.Error(err)
				}
				if _, err := f.members[0].leases.Look(t.Context(), []znode.Owner{1}); err != command.ErrShuttingDown {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		f.close()
		wg.Wait()
		f.close() // again
		f.members[0].leases.Touch(key(1))
	})
}

// What AskLeader says of a member that stops ends who waits there.
func TestMemberThatStops(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 1)
		defer f.close()
		f.members[0].set(func(m *member) { m.confirm = func(context.Context) error { return command.ErrShuttingDown } })
		if _, err := f.keep(0, 1, time.Hour); !errors.Is(err, command.ErrShuttingDown) {
			t.Error(err)
		}
	})
}

func TestLeasesThatWereNotStarted(t *testing.T) {
	story(t, func(t *testing.T) {
		l := New(Config{})
		l.Applied([]command.SessionChange{{Session: &znode.Session{Owner: 1}, Kind: command.SessionOpened}})
		l.Touch(key(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Keepalive(ctx, []znode.SessionKey{key(1)}); err != command.ErrNoLeader {
			t.Error(err)
		}
		if _, err := l.OnAsk(ctx, appendKeys(nil, askRenew, []znode.SessionKey{key(1)})); !errors.Is(err, command.ErrNoLeader) {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		l.Start(nil) // too late: nothing begins
	})
}
