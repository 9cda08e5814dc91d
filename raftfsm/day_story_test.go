package raftfsm_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// A day as it is lived: few clients who do not stop, and everything that happens to a cluster. HOLT_TEST_DAY sets how long it is; a whole
// one takes minutes, so that the tests of every day live a part of it.
const (
	dayLength   = 15 * time.Minute
	dayMembers  = 3
	daySpares   = 3
	dayWriters  = 3
	dayPause    = 3 * time.Second // of a writer between two writes
	dayStaying  = 4               // sessions that are renewed all day
	dayTimeout  = 20 * time.Second
	dayBetween  = 40 * time.Second // between two happenings, at most
	dayVisit    = 30 * time.Second // of a session that comes and goes, at most
	dayCalm     = 10               // happenings before it is calm for a while
	dayUnmended = 4                // happenings before what is broken is mended, at most
	dayDigest   = time.Minute
	// dayDrift is how far a member's clock is off, at most. Outcomes are kept for ten minutes by the leader's clock.
	dayDrift = 2 * time.Minute
)

// day is a cluster on a day, and those who live with it.
type day struct {
	*served
	rng    *rand.Rand
	age    atomic.Int64                         // how much later it is by all members' clocks than in the bubble, in ns
	drift  [raftfsmtest.MaxMembers]atomic.Int64 // of each member's clock, in ns
	over   chan struct{}                        // closed at its end
	wg     sync.WaitGroup                       // of writers and of those who stay
	visits sync.WaitGroup                       // of those who come and go
	held   atomic.Bool                          // no writer begins another write
	busy   atomic.Int32                         // writers with a write under way

	// Of the test's goroutine.
	runs     [raftfsmtest.MaxMembers]bool // is a member, or is to become one
	unmended int                          // happenings since all was well
	writers  []*diarist
	stay     []*guest
	visitors []*tenant
	told     map[string]int // what came of it
	judged   znode.Zxid     // the newest zxid at which the members' states were compared
}

func TestADayInTheLifeOfACluster(t *testing.T) {
	length := dayLength
	if s := os.Getenv("HOLT_TEST_DAY"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil || length < time.Minute {
			t.Fatalf("HOLT_TEST_DAY is how long the day is, such as 24h, not %q", s)
		}
	}
	for _, seed := range seedsUpTo(t, 1) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newDay(t, seed).live(length) })
		})
	}
}

func newDay(t *testing.T, seed uint64) *day {
	d := &day{
		served: &served{t: t, ends: map[znode.Owner]time.Time{}}, rng: rand.New(rand.NewPCG(seed, 1)), over: make(chan struct{}),
		told: map[string]int{},
	}
	d.Cluster = raftfsmtest.NewStopped(t, raftfsmtest.Config{
		Members: dayMembers, SnapshotBytes: 16 << 10, DigestEvery: dayDigest,
		Attach: func(i int) raftfsmtest.Attachment {
			a := d.attach(i)
			a.Now = func() time.Time { return time.Now().Add(time.Duration(d.age.Load() + d.drift[i].Load())) }
			return a
		},
	})
	for range daySpares {
		d.AddHost() // before anybody asks how many there are
	}
	for i := range dayMembers {
		d.Start(i)
		d.runs[i] = true
	}
	d.WaitReady()
	for _, p := range []string{"/e", "/w"} {
		must(t, d.Cluster, 0, znode.CreateOp(path(p), "", znode.Persistent))
	}
	for k := range dayWriters {
		w := &diarist{d: d, at: fmt.Sprintf("/w/%d", k), rng: rand.New(rand.NewPCG(seed, uint64(100+k)))}
		must(t, d.Cluster, 0, znode.CreateOp(path(w.at), "0", znode.Persistent))
		d.writers = append(d.writers, w)
		d.wg.Go(w.write)
	}
	for k := range dayStaying {
		g := &guest{holder: d.open(k%dayMembers, dayTimeout)}
		d.mustAs(g.holder, 0, ephemeral(fmt.Sprintf("/e/%s", g.owner)))
		d.stay = append(d.stay, g)
		d.wg.Go(func() { g.stays(d, rand.New(rand.NewPCG(seed, uint64(200+k)))) })
	}
	return d
}

// live lets the day pass.
func (d *day) live(length time.Duration) {
	began := time.Now()
	for n := 1; time.Since(began) < length; n++ {
		time.Sleep(time.Duration(d.rng.Int64N(int64(dayBetween))))
		d.visit()
		d.happen()
		if n%dayCalm == 0 {
			d.calm()
		}
	}
	d.calm()
	close(d.over)
	d.held.Store(false)
	d.wg.Wait()
	d.check(d.Settle())
	d.t.Logf("%v, by the members' clocks %v: %v", time.Since(began).Round(time.Second),
		(time.Since(began) + time.Duration(d.age.Load())).Round(time.Minute), d.told)
}

// hold waits until nothing is being written, and lets nobody begin.
func (d *day) hold() {
	d.held.Store(true)
	d.until("nothing is being written", func() bool { return d.busy.Load() == 0 })
}

// until is Eventually for what takes seconds.
func (d *day) until(what string, ok func() bool) {
	d.t.Helper()
	for limit := time.Now().Add(raftfsmtest.Patience); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(limit) {
			d.t.Fatalf("%s: not within %v\n%s", what, raftfsmtest.Patience, d.Describe())
		}
	}
}

// visit has somebody come who will go before it is calm.
func (d *day) visit() {
	n := &tenant{rng: rand.New(rand.NewPCG(d.rng.Uint64(), 1))}
	n.timeout = time.Second + time.Duration(d.rng.IntN(int(dayTimeout/time.Millisecond)))*time.Millisecond
	d.visitors = append(d.visitors, n)
	quiet := time.Now().Add(time.Duration(d.rng.Int64N(int64(dayVisit))))
	d.visits.Go(func() { n.live(d.served, quiet, d.over) })
}

// calm mends everything, waits until those who are gone must be gone, and compares what is there with what must be. Then an hour or
// more passes by the members' clocks.
func (d *day) calm() {
	d.mend()
	d.visits.Wait()
	d.hold()
	d.WaitReady()
	d.reconcile()
	time.Sleep(dayTimeout + time.Second + 2*grace)
	d.until("the members have compared what they hold", func() bool {
		leader := d.Leader()
		if leader < 0 {
			return false
		}
		now := d.Node(leader).Stats()
		for i := range d.Len() {
			if n := d.Node(i); n != nil && n.IsMember() && n.Stats().DigestZxid != now.Zxid {
				return false
			}
		}
		d.judged = now.DigestZxid
		return !now.DigestDisputed
	})
	s := d.Settle()
	for _, v := range d.visitors {
		if v.owner != 0 && d.ended(v.owner).IsZero() {
			d.t.Errorf("%s, timeout %v, was last heard of %v ago and has not ended", v.owner, v.timeout, time.Since(v.tried))
		}
	}
	for _, g := range d.stay {
		if s.Sessions.Get(g.owner) == nil {
			d.t.Errorf("%s was renewed all the time and has ended", g.owner)
		}
	}
	if s.Sessions.Len() != dayStaying || s.Sessions.NumEphemerals() != dayStaying || orphans(s) != nil {
		d.t.Errorf("%d sessions and %d ephemerals are left, %v", s.Sessions.Len(), s.Sessions.NumEphemerals(), orphans(s))
	}
	if d.judged != s.Zxid {
		d.t.Errorf("compared at zxid %d, it is %d", d.judged, s.Zxid)
	}
	d.told["calm"]++
	d.age.Add(int64(time.Hour) + d.rng.Int64N(int64(time.Hour)))
	d.held.Store(false)
}

// check holds the day to what those who lived it know.
func (d *day) check(s *znode.State) {
	for _, w := range d.writers {
		w.check(s)
		d.told["writes"] += w.sets + w.made + w.gone
		d.told["writes asked for again"] += w.again
		d.told["writes answered with what had been done"] += w.replayed
	}
	ends := d.truth().Ends()
	for _, v := range d.visitors {
		end, over := ends[v.owner]
		switch at := d.ended(v.owner); {
		case v.owner == 0:
			d.told["visitors who were not let in"]++
		case !over || at.IsZero():
			d.t.Errorf("%s has not ended", v.owner)
		case end.Reason == znode.Closed && (v.closing.IsZero() || at.Before(v.closing)):
			d.t.Errorf("%s was closed, and not by its holder", v.owner)
		case end.Reason == znode.Expired && at.Before(v.renewed.Add(v.timeout)):
			d.t.Errorf("%s, timeout %v, ended %v after a renewal that was acknowledged", v.owner, v.timeout, at.Sub(v.renewed))
		default:
			d.told["visitors"]++
		}
	}
	for _, g := range d.stay {
		d.told["renewals"] += g.acks
	}
	for _, what := range []string{"writes", "writes asked for again", "visitors", "renewals", "calm"} {
		if d.told[what] == 0 {
			d.t.Errorf("none: %s. The day shows little", what)
		}
	}
}

// guest is somebody who stays.
type guest struct {
	holder
	acks int
}

// stays renews the session all day: a few times within its timeout it asks one member after the other until one says that it is renewed.
func (g *guest) stays(d *day, rng *rand.Rand) {
	for {
		for k := range rng.Perm(d.Len()) {
			l, err := d.keepalive(g.holder, k, g.timeout/20)
			if err == nil && !l.Alive {
				d.t.Errorf("%s is over, %s, and was renewed all the time", g.owner, l.Reason)
				return
			}
			if err == nil {
				g.acks++
				break
			}
		}
		select {
		case <-d.over:
			return
		case <-time.After(g.timeout/8 + time.Duration(rng.Int64N(int64(g.timeout/8)))):
		}
	}
}

// diarist writes all day, each write under a key until it is told what came of it. It alone writes at its znode and below, so that
// it knows what must be there.
type diarist struct {
	d         *day
	at        string
	rng       *rand.Rand
	sets      int // of the znode, each of which makes its version one higher
	made      int // children, of which
	gone      int // the oldest have been deleted
	keys      int
	again     int
	replayed  int
	abandoned bool // no answer came
}

func (w *diarist) child(n int) znode.Path { return path(fmt.Sprintf("%s/%d", w.at, n)) }

func (w *diarist) write() {
	for !w.abandoned {
		select {
		case <-w.d.over:
			return
		case <-time.After(dayPause/2 + time.Duration(w.rng.Int64N(int64(dayPause)))):
		}
		w.d.busy.Add(1)
		if !w.d.held.Load() {
			w.once()
		}
		w.d.busy.Add(-1)
	}
}

// once does the next thing.
func (w *diarist) once() {
	switch w.rng.IntN(4) {
	case 0:
		if w.insist(znode.CreateOp(w.child(w.made), "", znode.Persistent)) != nil {
			w.made++
		}
	case 1:
		if w.made-w.gone > 5 && w.insist(znode.DeleteOp(w.child(w.gone))) != nil {
			w.gone++
		}
	default:
		r := w.insist(znode.SetOp(path(w.at), fmt.Sprint(w.sets+1)))
		if r == nil {
			return
		}
		if w.sets++; r.Ops[0].Stat().Version != int64(w.sets) {
			w.d.t.Errorf("write %d of %s made version %d", w.sets, w.at, r.Ops[0].Stat().Version)
		}
		w.read()
	}
}

// read reads what it has written, through anybody.
func (w *diarist) read() {
	i := w.rng.IntN(w.d.Len())
	if w.d.Node(i) == nil {
		return
	}
	s, err := linearizable(w.d.t, w.d.Cluster, i, time.Second)
	if err == nil && data(s, w.at) != fmt.Sprint(w.sets) {
		w.d.t.Errorf("%s wrote %d and reads %s", w.at, w.sets, data(s, w.at))
	}
}

// insist sends a write through one member after the other until there is a definite answer.
func (w *diarist) insist(op znode.Op) *znode.Result {
	w.keys++
	for limit := time.Now().Add(znode.OutcomeTime * time.Millisecond / 2); time.Now().Before(limit); w.again++ {
		txn := &znode.Txn{Ops: []znode.Op{op}}
		txn.Once = znode.NewOnce(fmt.Sprint(w.at, " ", w.keys), txn)
		r, err := w.d.do(w.rng.IntN(w.d.Len()), time.Duration(50+w.rng.IntN(3000))*time.Millisecond, txn)
		if err != nil {
			time.Sleep(time.Duration(50+w.rng.IntN(200)) * time.Millisecond)
			continue
		}
		if r.Replayed {
			w.replayed++
		}
		if r.Code != znode.OK {
			w.d.t.Errorf("write %d at %s, of which there is one: %s", w.keys, w.at, r.Code)
			w.abandoned = true
			return nil
		}
		return r
	}
	w.d.t.Errorf("write %d at %s had no answer\n%s", w.keys, w.at, w.d.Describe())
	w.abandoned = true
	return nil
}

func (w *diarist) check(s *znode.State) {
	n := s.Tree.Get(path(w.at))
	if n == nil || n.Version() != int64(w.sets) || n.Data() != fmt.Sprint(w.sets) {
		w.d.t.Errorf("%s was set %d times; it is %+v", w.at, w.sets, n)
		return
	}
	var have, want []string
	for c := range s.Tree.Children(path(w.at), "") {
		have = append(have, c.Path().String())
	}
	for k := w.gone; k < w.made; k++ {
		want = append(want, w.child(k).String())
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		w.d.t.Errorf("%s has %v, not %v", w.at, have, want)
	}
}

// known are errors that somebody who asks for something on such a day may be told.
var known = []error{command.ErrNoLeader, command.ErrUnknown, command.ErrShuttingDown}
