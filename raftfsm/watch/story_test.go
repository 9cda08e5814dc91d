package watch

import (
	"fmt"
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

func onA() Filter { return Filter{Paths: paths("/a"), Data: true, Children: true} }

// lines is what a subscription to /a is to be given of writes from first to last.
func lines(first, last znode.Zxid) (want []string) {
	for z := first; z <= last; z++ {
		want = append(want, fmt.Sprintf("%d: =/a", z))
	}
	return want
}

// TestQueueFull: who does not take for long reads on in the history, misses nothing, and is live again.
func TestQueueFull(t *testing.T) {
	r := newRig(t)
	r.then(create("/a"))
	s := r.subscribe(onA(), 1)
	for range MaxPending {
		r.then(write("/a"))
	}
	if s.behind || len(s.pending) != MaxPending {
		t.Fatalf("behind %t with %d messages", s.behind, len(s.pending))
	}
	for range 100 {
		r.then(write("/a"))
	}
	if !s.behind || len(s.pending) != MaxPending {
		t.Fatalf("behind %t with %d messages", s.behind, len(s.pending))
	}
	<-s.Ready()
	buf := make([]*Message, 1000)
	n, upTo, _ := s.Take(buf)
	if n != MaxPending || upTo != buf[n-1].Zxid || !ready(s) {
		t.Errorf("%d messages up to %d first, want the queue up to %d and more to come", n, upTo, buf[n-1].Zxid)
	}
	r.want(s, lines(2+MaxPending, 101+MaxPending)...)
	if s.behind || cap(s.pending) > maxIdleQueue {
		t.Errorf("it is not live again: behind %t, a queue of %d", s.behind, cap(s.pending))
	}
	r.want(s)
	last := r.then(write("/a"))
	r.want(s, lines(last, last)...)
	if s.behind {
		t.Error("it did not stay live")
	}
	if r.hub.pending.Load() != 0 {
		t.Errorf("%d bytes counted in empty queues", r.hub.pending.Load())
	}
}

// TestRoomForAllQueues: what is pending in all queues together is bounded; beyond, it is read from the history.
func TestRoomForAllQueues(t *testing.T) {
	r := newRig(t)
	name := "/" + strings.Repeat("x", 2000)
	r.then(create(name))
	one, two := r.subscribe(Filter{Paths: paths(name), Data: true}, 1), r.subscribe(Filter{Paths: paths(name), Data: true}, 1)
	r.then(write(name))
	each := r.hub.pending.Load()
	if each < 2000 || each > 3000 {
		t.Fatalf("a message of a path of 2000 bytes in two queues counts %d", each)
	}
	r.hub.pending.Add(MaxPendingBytes - 2*each) // as if others had it
	r.then(write(name))
	r.then(write(name))
	if len(one.pending) != 2 || !one.behind || !two.behind {
		t.Errorf("%d messages are pending, behind %t; want 2, true", len(one.pending), one.behind)
	}
	want := []string{"2: =" + name, "3: =" + name, "4: =" + name}
	r.want(one, want...)
	r.want(two, want...)
	if got := r.hub.pending.Load(); got != MaxPendingBytes-2*each {
		t.Errorf("afterwards %d are counted, want none of these", got-MaxPendingBytes+2*each)
	}
}

// TestTakeIsBounded: a Take that finds nothing in a long history gives the turn back, and says how far it came.
func TestTakeIsBounded(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	r.do(create("/b"))
	for range 3 * MaxScan {
		r.do(write("/b"))
	}
	r.do(write("/a"))
	r.publish()
	s := r.subscribe(onA(), 2)
	var calls int
	var before znode.Zxid
	for n := 0; n == 0; calls++ {
		if !ready(s) {
			t.Fatal("Ready does not say that there is more")
		}
		var upTo znode.Zxid
		if n, upTo, _ = s.Take(make([]*Message, 9)); upTo <= before {
			t.Fatalf("no way was made: up to %d after %d", upTo, before)
		} else if n == 0 && upTo > before+MaxScan {
			t.Errorf("looked at records from %d to %d in one call", before, upTo)
		}
		before = upTo
	}
	if calls < 6 || before != r.Zxid() {
		t.Errorf("found after %d calls up to %d", calls, before)
	}
}

// TestHistoryTooShort has subscriptions that stand still while so much is written that the history forgets where they are.
func TestHistoryTooShort(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	r.do(create("/b"))
	r.publish() // 2
	quiet, busy := r.subscribe(Filter{Paths: paths("/c"), Data: true}, 2), r.subscribe(Filter{Paths: paths("/b"), Data: true}, 2)
	few := r.subscribe(onA(), 2)
	r.then(write("/a")) // 3
	for range znode.MaxHistoryRecords + 2000 {
		r.do(write("/b"))
		if r.Zxid()%5000 == 0 {
			r.publish()
		}
	}
	z := r.publish()
	floor := r.State().History.Floor()
	if floor < 1000 {
		t.Fatalf("the history reaches back to %d", floor)
	}
	before, after := r.subscribe(onA(), floor-1), r.subscribe(onA(), floor)

	r.want(few, lines(3, 3)...) // it was in its queue in time
	r.want(quiet)               // there was nothing to miss
	var pending []string
	for at := znode.Zxid(4); at < 4+MaxPending; at++ {
		pending = append(pending, fmt.Sprintf("%d: =/b", at))
	}
	r.want(busy, append(pending, fmt.Sprintf("lost to %d", z))...)
	r.want(before, fmt.Sprintf("lost to %d", z))
	r.want(after)

	// It can hold no more, but all that it holds not is still in the history.
	full := r.subscribe(onA(), z)
	for range MaxPending {
		r.then(write("/a"))
	}
	for range znode.MaxHistoryRecords + 2000 {
		r.do(write("/b"))
		if r.Zxid()%5000 == 0 {
			r.publish()
		}
	}
	y := r.then(write("/a"))
	if !full.behind {
		t.Error("a queue holds too much")
	}
	r.want(full, append(lines(z+1, z+MaxPending), lines(y, y)...)...)
	r.want(before, append(lines(z+1, z+MaxPending), lines(y, y)...)...)
	z = y

	// And on they go.
	r.then(write("/b"), write("/a"))
	r.want(before, lines(z+1, z+1)...)
	s := r.subscribe(Filter{Paths: paths("/b"), Data: true}, z)
	r.want(s, fmt.Sprintf("%d: =/b", z+1))
}

// TestHubAheadOfTake: while Take reads the history of a state, the hub comes to a later one, and does not give what is in it
// to a subscription that is behind. It must be found to be behind still.
func TestHubAheadOfTake(t *testing.T) {
	for name, later := range map[string]func(*Subscription){
		"a message":  func(s *Subscription) { s.offer(&Message{Zxid: 3, Events: make([]znode.Event, 1)}) },
		"a snapshot": func(s *Subscription) { s.skip(2, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.do(create("/a"))
			r.then(write("/a"))
			s := r.subscribe(onA(), 0)
			<-s.Ready()
			later(s)
			ready(s)
			if n, upTo, lost := s.Take(make([]*Message, 9)); n != 2 || upTo != 2 || lost {
				t.Errorf("%d messages up to %d, lost %t", n, upTo, lost)
			}
			if !s.behind || !ready(s) {
				t.Error("nothing brings it to what it was not given")
			}
			r.then(write("/a"))
			r.want(s, lines(3, 3)...)
			if s.behind {
				t.Error("it is still behind")
			}
		})
	}
}

// TestSnapshotInstalled: the state jumps, and its history does not reach back to the last one.
func TestSnapshotInstalled(t *testing.T) {
	r := newRig(t)
	k, o := r.open(1)
	r.do(create("/a"))
	r.doAs(k, znode.AddWatchOp(znode.MustPath("/a"), znode.PersistentWatch))
	z := r.publish() // 3
	idle, deep := r.subscribe(onA(), z), r.subscribe(Filter{Paths: paths("/"), Recursive: true, Data: true}, 0)
	r.want(deep, "2: +/a")
	told, still := r.subscribe(Filter{Session: o}, z), r.subscribe(Filter{Paths: paths("/b"), Data: true}, z)
	r.then(write("/a")) // 4: pending at all
	for range znode.MaxHistoryRecords + 2000 {
		r.do(write("/a"))
	}
	now := r.Zxid()
	floor := r.State().History.Floor()
	ahead, inside := r.subscribe(onA(), now+3), r.subscribe(onA(), floor+1)
	r.publish()
	lost := fmt.Sprintf("lost to %d", now)
	<-still.Ready()
	r.want(still, lost)
	r.want(idle, "4: =/a", lost)
	r.want(deep, "4: =/a", lost)
	r.want(told, "4: =/a", lost)
	r.want(ahead)
	r.want(inside, lines(floor+2, now)...)

	for range 5 {
		r.then(write("/a"))
	}
	for _, s := range []*Subscription{idle, deep, told, inside} {
		r.want(s, lines(now+1, now+5)...)
	}
	r.want(ahead, lines(now+4, now+5)...)
}

// TestJumpWithinHistory: a state that left others out is no loss while its history is whole.
func TestJumpWithinHistory(t *testing.T) {
	r := newRig(t)
	s := r.subscribe(onA(), 0) // before there is any state
	r.do(create("/a"))
	for range 20 {
		r.do(write("/a"))
	}
	r.publish()
	r.want(s, append([]string{"1: +/a"}, lines(2, 21)...)...)
	old := r.State()
	r.then(write("/a"))
	r.hub.Publish(old) // is not news
	r.then(write("/a"))
	r.want(s, lines(22, 23)...)
}

// TestAheadOfTheState: nothing is given, and no position said, that is before the one asked for.
func TestAheadOfTheState(t *testing.T) {
	r := newRig(t)
	r.then(create("/a"))
	s := r.subscribe(onA(), 4)
	for range 3 { // 2, 3, 4
		r.then(write("/a"))
		if n, upTo, lost := s.Take(make([]*Message, 9)); n != 0 || upTo != 4 || lost {
			t.Fatalf("%d messages up to %d, lost %t", n, upTo, lost)
		}
	}
	r.then(write("/a"))
	r.want(s, lines(5, 5)...)
}

// TestBookmark: a quiet subscription moves along with the state, one with something to take does not pass it.
func TestBookmark(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	r.then(create("/b"))
	s := r.subscribe(onA(), 2)
	buf := make([]*Message, 2)
	take := func(wantN int, want znode.Zxid) {
		t.Helper()
		if n, upTo, _ := s.Take(buf); n != wantN || upTo != want {
			t.Errorf("%d messages up to %d, want %d up to %d", n, upTo, wantN, want)
		}
	}
	take(0, 2)
	r.then(write("/b"))
	take(0, 3)
	for range 3 {
		r.then(write("/a")) // 4, 6, 8
		r.then(write("/b"))
	}
	if n, upTo, _ := s.Take(nil); n != 0 || upTo != 3 {
		t.Errorf("without room, %d messages up to %d", n, upTo)
	}
	<-s.Ready()
	take(2, 6)
	<-s.Ready() // the queue is not empty
	take(1, 9)
	r.open(1) // no events at all
	r.publish()
	take(0, 10)
	s = r.subscribe(onA(), 4) // from the history: 6 and 8
	buf = make([]*Message, 3)
	take(2, 10)
}

// TestSharedMessages: subscriptions that want the same events share the message, whatever their filters.
func TestSharedMessages(t *testing.T) {
	r := newRig(t)
	all := []*Subscription{
		r.subscribe(onA(), 0),
		r.subscribe(Filter{Paths: paths("/a"), Data: true}, 0),
		r.subscribe(Filter{Paths: paths("/"), Recursive: true, Data: true}, 0),
		r.subscribe(Filter{Paths: paths("/a", "/"), Recursive: true, Data: true}, 0),
		r.subscribe(Filter{Paths: paths("/b"), Data: true}, 0),
		r.subscribe(Filter{Paths: paths("/", "/b"), Data: true, Children: true}, 0),
	}
	r.do(create("/a"))
	r.then(create("/b"), write("/a"))
	var got [][]*Message
	for _, s := range all {
		buf := make([]*Message, 3)
		n, _, _ := s.Take(buf)
		got = append(got, buf[:n])
	}
	if got[0][0] != got[1][0] || got[0][0] != got[2][0] || got[0][0] != got[3][0] {
		t.Error("the beginning of /a is not shared")
	}
	if got[0][1] != got[1][1] || got[2][1] != got[3][1] || got[0][1] == got[2][1] {
		t.Error("the second transaction is not shared by those who want the same of it")
	}
	for i, want := range []string{"2: =/a", "2: =/a", "2: +/b =/a", "2: +/b =/a", "", "2: +/b */"} {
		if want != "" && text(got[i][1]) != want {
			t.Errorf("subscription %d was given %s, want %s", i, text(got[i][1]), want)
		}
	}
	if text(got[4][0]) != "2: +/b" || text(got[5][0]) != "1: */" {
		t.Errorf("the last two were given %s and %s", text(got[4][0]), text(got[5][0]))
	}
}

// TestManySets: a transaction of which nearly every subscription wants something else.
func TestManySets(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	var ops []znode.Op
	var subs []*Subscription
	var want []string
	const many = 3 * maxGrownKept
	for i := range many {
		p, q := fmt.Sprintf("/a/%d", i), fmt.Sprintf("/a/%d", (i+7)%many)
		ops = append(ops, create(p))
		for range 2 {
			subs = append(subs, r.subscribe(Filter{Paths: paths(q, p), Data: true}, 0))
			first, second := p, q
			if i+7 >= many {
				first, second = q, p
			}
			want = append(want, fmt.Sprintf("+%s +%s", first, second))
		}
	}
	r.then(ops...)
	for i, s := range subs {
		r.want(s, "2: "+want[i])
	}
	r.then(write("/a/5"))
	for i, s := range subs {
		if i/2 == 5 || i/2 == many-2 {
			r.want(s, "3: =/a/5")
		} else {
			r.want(s)
		}
	}
}
