package watch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"holt/raftfsm/znode"
)

// flushStory has a session that watches /a, in a bubble: what Flushed waits for can be said exactly.
func flushStory(t *testing.T, story func(t *testing.T, r *rig, o znode.Owner)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k, o := r.open(1)
		r.do(create("/a"), create("/b"))
		r.doAs(k, znode.AddWatchOp(znode.MustPath("/a"), znode.PersistentWatch))
		r.hub.Publish(r.State()) // 3
		synctest.Wait()
		story(t, r, o)
	})
}

// show does it and shows it to the hub.
func (r *rig) show(ops ...znode.Op) znode.Zxid {
	r.Helper()
	z := r.do(ops...)
	r.hub.Publish(r.State())
	synctest.Wait()
	return z
}

// wait is a Flushed under way, and its end.
func (r *rig) wait(ctx context.Context, o znode.Owner, z znode.Zxid) (ended func() bool, err *error) {
	err = new(error)
	done := make(chan struct{})
	go func() {
		defer close(done)
		*err = r.hub.Flushed(ctx, o, z)
	}()
	return func() bool {
		synctest.Wait()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}, err
}

func (r *rig) is(what string, ended func() bool, want bool) {
	r.Helper()
	if ended() != want {
		r.Errorf("%s: flushed %t, want %t", what, !want, want)
	}
}

func TestFlushed(t *testing.T) {
	flushStory(t, func(t *testing.T, r *rig, o znode.Owner) {
		z := r.Zxid()
		none, _ := r.wait(t.Context(), o, z+1000)
		r.is("no stream at all", none, true)
		s := r.subscribe(Filter{Session: o}, z)
		idle, _ := r.wait(t.Context(), o, z)
		r.is("nothing pending, never taken", idle, true)
		other, _ := r.wait(t.Context(), o+1, z+1000)
		r.is("another session", other, true)

		future, err := r.wait(t.Context(), o, z+1)
		r.is("ahead of the state", future, false)
		r.show(write("/a")) // z+1
		r.is("pending", future, false)
		earlier, _ := r.wait(t.Context(), o, z)
		r.is("what was before", earlier, true)
		buf := make([]*Message, 4)
		s.Take(buf)
		r.is("taken", future, false)
		s.Sent(z)
		r.is("what was before sent", future, false)
		s.Sent(z + 1)
		r.is("sent", future, true)
		if *err != nil {
			t.Error(*err)
		}

		unwatched, _ := r.wait(t.Context(), o, z+2)
		r.is("ahead of the state", unwatched, false)
		r.show(write("/b")) // z+2
		r.is("nothing of it for the session", unwatched, true)
	})
}

// TestFlushedInParts: a stream may send what it has taken bit by bit.
func TestFlushedInParts(t *testing.T) {
	flushStory(t, func(t *testing.T, r *rig, o znode.Owner) {
		z := r.Zxid()
		s := r.subscribe(Filter{Session: o}, z)
		far, _ := r.wait(t.Context(), o, z+3)
		r.show(write("/a"))
		r.show(write("/b"))
		r.is("not dispatched", far, false)
		r.show(write("/a"))
		first, _ := r.wait(t.Context(), o, z+1)
		s.Take(make([]*Message, 4))
		r.is("taken: the first", first, false)
		s.Sent(z + 1)
		r.is("the first was sent: first", first, true)
		r.is("the first was sent: all", far, false)
		s.Sent(z + 3)
		r.is("all was sent", far, true)
	})
}

// TestFlushedManyStreams: all streams of the session count, a closed one no more.
func TestFlushedManyStreams(t *testing.T) {
	flushStory(t, func(t *testing.T, r *rig, o znode.Owner) {
		z := r.Zxid()
		one, two := r.subscribe(Filter{Session: o}, z), r.subscribe(Filter{Session: o}, z)
		r.subscribe(Filter{Paths: paths("/a"), Data: true}, z) // is nobody's
		r.show(write("/a"))
		flushed, _ := r.wait(t.Context(), o, z+1)
		buf := make([]*Message, 4)
		one.Take(buf)
		one.Sent(z + 1)
		r.is("one of two", flushed, false)
		two.Take(buf)
		r.is("the other has taken", flushed, false)
		two.Close()
		r.is("the other has closed", flushed, true)
	})
}

// TestFlushedBehind: what is not read from the history yet counts as pending, and so does a loss that is not told.
func TestFlushedBehind(t *testing.T) {
	flushStory(t, func(t *testing.T, r *rig, o znode.Owner) {
		z := r.Zxid()
		r.show(write("/b"))
		s := r.subscribe(Filter{Session: o}, z)
		flushed, _ := r.wait(t.Context(), o, z+1)
		r.is("not looked yet", flushed, false)
		buf := make([]*Message, 2*MaxPending)
		s.Take(buf)
		r.is("nothing was found", flushed, true)

		for range 2 * MaxPending {
			r.show(write("/a"))
		}
		early, _ := r.wait(t.Context(), o, z+2)
		late, _ := r.wait(t.Context(), o, r.Zxid())
		_, upTo, _ := s.Take(buf)
		s.Sent(upTo)
		r.is("the queue was sent: early", early, true)
		r.is("the queue was sent: late", late, false)
		_, upTo, _ = s.Take(buf)
		r.is("the rest was taken", late, false)
		s.Sent(upTo)
		r.is("the rest was sent", late, true)

		unwatched := r.show(write("/b"))
		for range znode.MaxHistoryRecords + 2000 {
			r.do(write("/b"))
		}
		r.hub.Publish(r.State())
		synctest.Wait()
		sent, _ := r.wait(t.Context(), o, unwatched)
		r.is("before the loss", sent, true)
		lost, _ := r.wait(t.Context(), o, z+500)
		r.is("not known to be lost", lost, false)
		if n, upTo, gone := s.Take(buf); n != 0 || !gone {
			t.Errorf("%d messages up to %d, lost %t", n, upTo, gone)
		}
		r.is("lost, not told", lost, false)
		s.Sent(r.Zxid())
		r.is("lost, told", lost, true)
	})
}

// TestOldStateIsNoNews: the hub does not go back.
func TestOldStateIsNoNews(t *testing.T) {
	flushStory(t, func(t *testing.T, r *rig, o znode.Owner) {
		s, old := r.subscribe(onA(), r.Zxid()), r.State()
		r.show(write("/a"))
		r.hub.Publish(old)
		synctest.Wait()
		if r.hub.upTo() != r.Zxid() {
			t.Errorf("the hub is at %d, it was at %d", r.hub.upTo(), r.Zxid())
		}
		r.show(write("/a"))
		r.want(s, lines(4, 5)...)
	})
}

func TestFlushedEnds(t *testing.T) {
	flushStory(t, func(t *testing.T, r *rig, o znode.Owner) {
		r.subscribe(Filter{Session: o}, r.Zxid())
		ctx, cancel := context.WithCancel(t.Context())
		impatient, err := r.wait(ctx, o, r.Zxid()+1)
		patient, err2 := r.wait(t.Context(), o, r.Zxid()+1)
		cancel()
		r.is("given up", impatient, true)
		r.is("not given up", patient, false)
		r.hub.Close()
		r.is("hub closed", patient, true)
		if !errors.Is(*err, context.Canceled) || !errors.Is(*err2, ErrClosed) {
			t.Errorf("%v and %v, want canceled and closed", *err, *err2)
		}
		if f := &r.hub.flushes; f.n.Load() != 0 || len(f.early)+len(f.session) != 0 {
			t.Error("somebody still waits")
		}
	})
}
