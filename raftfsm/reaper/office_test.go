package reaper

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

func TestOnlyAMemberThatLeadsReaps(t *testing.T) {
	tell(t, func(f *fake) {
		f.set(func() { f.leads = false })
		f.pass(soon)
		f.do(withTTL("/t", ttl))
		f.pass(time.Hour)
		f.holds("/t")
		f.set(func() { f.leads, f.behind = true, true })
		f.pass(time.Hour)
		f.set(func() { f.behind = false })
		f.holds("/t")
		f.pass(soon)
		f.holds()
	})
}

// What was waiting for a leader goes first: a new leader rests before it reaps.
func TestANewLeaderLetsOthersGoFirst(t *testing.T) {
	tell(t, func(f *fake) {
		const justBefore = 10 * time.Millisecond
		f.do(withTTL("/t", ttl))
		f.set(func() { f.leads = false })
		f.pass(time.Hour - justBefore)
		f.set(func() { f.leads, f.term = true, 8 })
		f.pass(justBefore + OfficeGrace - time.Millisecond)
		f.do(setData("/t"))
		f.pass(ttl - justBefore)
		f.holds("/t")
		f.set(func() { f.term = 9 }) // it lost the office and got it back between two looks
		f.pass(justBefore + OfficeGrace - time.Millisecond)
		f.holds("/t")
		f.pass(soon)
		f.holds()
		if n := len(f.proposed()); n != 1 {
			t.Errorf("proposed %d times", n)
		}
	})
}

func TestWhatNobodyCarriesOutIsProposedAgain(t *testing.T) {
	for name, err := range map[string]error{"no leader": command.ErrNoLeader, "unknown, not done": command.ErrUnknown, "throttled": command.ErrThrottled} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(f *fake) {
				f.do(withTTL("/t", ttl))
				f.set(func() { f.failing = err })
				f.pass(ttl + time.Minute)
				f.holds("/t")
				if n := len(f.proposed()); n < 30 || n > 61 {
					t.Errorf("proposed %d times in a minute", n)
				}
				f.set(func() { f.failing = nil })
				f.pass(soon)
				f.holds()
			})
		})
	}
	t.Run("unknown, done", func(t *testing.T) {
		tell(t, func(f *fake) {
			f.do(withTTL("/t", ttl))
			f.set(func() { f.lost = command.ErrUnknown })
			f.pass(ttl + time.Minute)
			f.holds()
			if n := len(f.proposed()); n != 1 {
				t.Errorf("proposed %d times", n)
			}
		})
	})
	t.Run("no answer", func(t *testing.T) {
		tell(t, func(f *fake) {
			f.do(withTTL("/t", ttl))
			f.set(func() { f.takes = time.Hour })
			f.pass(ttl + soon)
			f.set(func() { f.takes = 0 })
			f.pass(proposeTimeout + failPause + soon)
			f.holds()
		})
	})
}

// Nothing is proposed where nothing is due, and looking costs little.
func TestAnIdleReaperLooksOnceASecond(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", 2*time.Hour))
		f.do(plain("/p"))
		f.set(func() { f.looks = 0 })
		f.pass(time.Hour)
		if f.looks > int(time.Hour/LookEvery)+1 || len(f.proposed()) > 0 {
			t.Errorf("%d looks in an hour, %v", f.looks, f.proposed())
		}
	})
}

// The clock of this leader is behind that of the one before: the time of the log stands still until it has caught up, and so does the
// linger of a container.
func TestAClockThatIsBehindHoldsUpContainers(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"), plain("/c/a"), withTTL("/t", ttl))
		f.set(func() { f.ahead = -time.Hour })
		f.do(remove("/c/a"))
		f.pass(time.Hour)
		f.holds("/c", "/t") // the log's time has stood still
		f.pass(linger - time.Millisecond)
		f.holds("/c", "/t")
		f.pass(soon)
		f.holds("/t")
		f.pass(ttl - linger)
		f.holds()
	})
}

// The clock of this leader is ahead of that of the one before: a container that was just emptied goes early, one with a child does not.
func TestAClockThatIsAheadCutsTheLingerShort(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"), plain("/c/a"), container("/used"), plain("/used/a"))
		f.do(remove("/c/a"))
		f.pass(linger / 2)
		f.set(func() { f.ahead = linger / 4 })
		f.pass(linger/4 - time.Millisecond)
		f.holds("/c", "/used", "/used/a")
		f.set(func() { f.ahead = time.Hour })
		f.pass(soon)
		f.holds("/used", "/used/a")
		f.do(remove("/used/a"))
		f.pass(linger - time.Millisecond) // of what comes now, it has all
		f.holds("/used")
		f.pass(soon)
		f.holds()
	})
}

// What is due by the clock of the reaper and not by that of the log is not asked for in haste.
func TestARefusalOfWhatIsDueIsNotRepeatedInHaste(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", ttl))
		f.set(func() { f.late = 10 * time.Minute })
		f.pass(ttl + time.Minute)
		f.holds("/t")
		if n := len(f.proposed()); n == 0 || n > 8 {
			t.Errorf("proposed %d times in a minute", n)
		}
		f.set(func() { f.late = 0 })
		f.pass(RetryAfter + soon)
		f.holds()
	})
}

// Thousands are refused for whatever reason, again and again. Those behind them go nonetheless, and those before them.
func TestWhatIsRefusedStarvesNobody(t *testing.T) {
	const n = 15 * MaxPerSecond
	tell(t, func(f *fake) {
		f.do(withTTL("/c", ttl), plain("/c/a"))
		f.pass(time.Second)
		stuck := numbered("/s", n, func(p string) znode.Op { return withTTL(p, ttl) })
		for len(stuck) > 0 {
			f.do(stuck[:1000]...)
			stuck = stuck[1000:]
		}
		f.pass(time.Second)
		f.do(withTTL("/t", ttl))
		f.set(func() { f.stuck = func(p znode.Path) bool { return strings.HasPrefix(p.String(), "/s") } })
		f.pass(ttl + n*time.Second/MaxPerSecond + soon)
		if f.state.Tree.Get(znode.MustPath("/t")) != nil {
			t.Error("what is behind them is there still")
		}
		f.do(remove("/c/a"))
		f.pass(n*time.Second/MaxPerSecond + RetryAfter + soon)
		if f.state.Tree.Get(znode.MustPath("/c")) != nil {
			t.Error("what is before them is there still")
		}
		f.set(func() { f.stuck = nil })
		f.pass(2*n*time.Second/MaxPerSecond + RetryAfter + soon)
		f.holds()
	})
}

// The order of places is that of the tree.
func TestPlacesAreInTheOrderOfTheTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := znode.NewMachine()
	dirs := []string{"", "/a", "/b", "/ab", "/a/b", "/a-b", "/a0"}
	for _, d := range dirs[1:] {
		op := plain(d)
		m.Apply(&znode.Txn{Ops: []znode.Op{op}})
	}
	for i := range 1000 {
		m.Advance(1000+int64(i/200), 1)
		name := fmt.Sprintf("%s/%c%d", dirs[rng.IntN(len(dirs))], "-.09az"[rng.IntN(6)], rng.IntN(500))
		m.Apply(&znode.Txn{Ops: []znode.Op{withTTL(name, time.Duration(1+rng.IntN(3))*time.Millisecond)}})
	}
	var last place
	n := 0
	for z := range m.State().Tree.Due(1 << 60) {
		p := placeOf(z)
		if !last.before(p) || p.before(last) {
			t.Fatalf("%+v, then %+v", last, p)
		}
		last = p
		n++
	}
	if n < 500 {
		t.Errorf("%d znodes show nothing", n)
	}
}
