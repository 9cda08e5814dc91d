package reaper

import (
	"testing"
	"time"

	"holt/raftfsm/znode"
)

const ttl = 20 * time.Second

func TestAZnodeGoesWhenItsTTLIsOver(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", ttl))
		f.do(withTTL("/long", time.Hour))
		f.do(plain("/p"))
		f.pass(ttl - time.Millisecond)
		f.holds("/t", "/long", "/p")
		f.pass(soon)
		f.holds("/long", "/p")
		f.pass(time.Hour)
		f.holds("/p")
		if f.reaped[znode.PersistentWithTTL] != 2 || f.reaped[znode.Container] != 0 {
			t.Errorf("counted %v", f.reaped)
		}
	})
}

// It goes sooner than the next look would come, once its time is known.
func TestWhatIsKnownToFallDueIsNotWaitedForLonger(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", LookEvery+LookEvery/2))
		f.pass(LookEvery + LookEvery/2 + batchPause)
		f.holds()
	})
}

func TestASetRestartsTheTTL(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", ttl))
		for range 5 {
			f.pass(ttl - time.Millisecond)
			f.holds("/t")
			f.do(setData("/t"))
		}
		f.pass(ttl - time.Millisecond)
		f.holds("/t")
		f.pass(soon)
		f.holds()
	})
}

// Children keep it, but do not restart its time.
func TestChildrenKeepAZnodeWithATTL(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", ttl))
		f.do(withTTL("/used", ttl), plain("/used/a"))
		f.pass(ttl / 2)
		f.do(plain("/t/a"))
		f.do(remove("/t/a"))
		f.pass(ttl/2 + soon)
		f.holds("/used", "/used/a")
		f.pass(time.Hour)
		f.holds("/used", "/used/a")
		f.do(remove("/used/a"))
		f.pass(soon)
		f.holds()
	})
}

// Between the look and the transaction its data is set: it stays for another TTL.
func TestAZnodeThatIsSetMeanwhileStays(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", ttl))
		f.set(func() { f.before = func() { f.do(setData("/t")) } })
		f.pass(2*ttl - time.Millisecond)
		f.holds("/t")
		if all := f.proposed(); len(all) != 1 || all[0].codes[0] != znode.BadVersion {
			t.Errorf("the test shows nothing, or it was proposed again: %+v", all)
		}
		f.pass(soon)
		f.holds()
	})
}

func TestATransactionMakesZnodesWithTTLs(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/a", ttl), withTTL("/a/b", ttl), withTTL("/a/b/c", 2*ttl), container("/k"), withTTL("/k/t", ttl))
		f.pass(ttl + linger - time.Millisecond)
		f.holds("/a", "/a/b", "/a/b/c", "/k")
		f.pass(soon)
		f.holds("/a", "/a/b", "/a/b/c") // the container followed what was in it
		f.pass(ttl - linger + time.Millisecond)
		f.holds()
	})
}
