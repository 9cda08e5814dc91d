package reaper

import (
	"slices"
	"testing"
	"time"

	"holt/raftfsm/znode"
)

const (
	grace  = znode.ContainerGrace * time.Millisecond
	linger = znode.ContainerLinger * time.Millisecond
)

func TestAContainerGoesALingerAfterItsLastChild(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"))
		f.do(plain("/c/a"))
		f.do(plain("/c/b"))
		f.pass(time.Hour)
		f.holds("/c", "/c/a", "/c/b")
		f.do(remove("/c/a"))
		f.pass(time.Hour)
		f.holds("/c", "/c/b")
		f.do(remove("/c/b"))
		f.pass(linger - time.Millisecond)
		f.holds("/c")
		f.pass(time.Millisecond + batchPause) // it was known when to look again
		f.holds()
		if f.reaped[znode.Container] != 1 || f.reaped[znode.PersistentWithTTL] != 0 {
			t.Errorf("counted %v", f.reaped)
		}
	})
}

// Whoever comes back to a container within the linger finds it, time after time, and each time it has as long again.
func TestAContainerThatIsUsedChildAfterChildStays(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"))
		for range 5 {
			f.do(plain("/c/a"))
			f.do(remove("/c/a"))
			f.pass(linger - time.Millisecond)
			f.holds("/c")
		}
		f.do(plain("/c/a"), remove("/c/a")) // in one transaction as well
		f.pass(linger - time.Millisecond)
		f.do(setData("/c")) // which is no use of it
		f.holds("/c")
		if all := f.proposed(); len(all) > 0 {
			t.Errorf("proposed %+v", all)
		}
		f.pass(soon)
		f.holds()
	})
}

// A container that was never used stays for the grace, counted from when it was made, whatever its data.
func TestAContainerThatWasNeverUsedStaysForAGrace(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"))
		f.pass(grace - time.Second)
		f.do(setData("/c"))
		f.pass(time.Second - time.Millisecond)
		f.holds("/c")
		f.pass(soon)
		f.holds()
	})
}

func TestContainersGoFromTheLeavesUp(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"), container("/c/d"), container("/c/d/e"), container("/c/d/e/f"), plain("/c/d/e/f/g"),
			plain("/p"), container("/p/q"), plain("/p/q/r"))
		f.do(remove("/c/d/e/f/g"), remove("/p/q/r"))
		f.pass(linger - time.Millisecond)
		f.holds("/c", "/c/d", "/c/d/e", "/c/d/e/f", "/p", "/p/q")
		for _, left := range [][]string{{"/c", "/c/d", "/c/d/e", "/p"}, {"/c", "/c/d", "/p"}, {"/c", "/p"}, {"/p"}} { // /p is no container
			f.pass(time.Millisecond + batchPause)
			f.holds(left...)
			f.pass(linger - time.Millisecond - batchPause) // counted from when the one within went
			f.holds(left...)
		}
		var order []string
		for _, b := range f.proposed() {
			order = append(order, b.paths...)
		}
		if want := []string{"/c/d/e/f", "/p/q", "/c/d/e", "/c/d", "/c"}; !slices.Equal(order, want) {
			t.Errorf("reaped in the order %q", order)
		}
	})
}

// Between the look and the transaction a child appears: the container is not empty any more, and stays as long as it is there.
func TestAContainerThatIsUsedAgainMeanwhileStays(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"), plain("/c/a"))
		f.do(remove("/c/a"))
		f.set(func() { f.before = func() { f.do(plain("/c/b")) } })
		f.pass(linger + soon)
		f.holds("/c", "/c/b")
		if all := f.proposed(); len(all) != 1 || all[0].codes[0] != znode.NotEmpty {
			t.Errorf("the test shows nothing, or it was proposed again: %+v", all)
		}
		f.do(remove("/c/b")) // it need not rest
		f.pass(linger - time.Millisecond)
		f.holds("/c")
		f.pass(soon)
		f.holds()
	})
}

// Between the look and the transaction a child comes and goes: the container stays for another linger. It is not held to be one that is
// refused although it is due: what falls due before it meanwhile does not wait.
func TestAContainerThatWasUsedMeanwhileStaysForAnotherLinger(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(withTTL("/t", time.Second), plain("/t/a"))
		f.do(container("/c"), plain("/c/a"))
		f.do(remove("/c/a"))
		f.set(func() { f.before = func() { f.do(plain("/c/b"), remove("/c/b")) } })
		f.pass(linger + batchPause)
		if all := f.proposed(); len(all) != 1 || all[0].codes[0] != znode.BadVersion {
			t.Errorf("the test shows nothing, or it was proposed again: %+v", all)
		}
		f.do(remove("/t/a"))
		f.pass(soon)
		f.holds("/c")
		f.pass(linger - batchPause - soon - time.Millisecond)
		f.holds("/c")
		f.pass(soon)
		f.holds()
	})
}

// Another container at the same path is not the one that was seen, though it is due as well by the time of the log, which leaps.
func TestAContainerThatWasMadeAnewMeanwhileStays(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/c"), plain("/c/a"))
		f.do(remove("/c/a"))
		f.set(func() {
			f.before = func() {
				f.do(remove("/c"))
				f.do(container("/c"))
				f.do(plain("/c/a"))
				f.do(remove("/c/a"), setData("/c"), plain("/c/b"))
				f.do(remove("/c/b"))
				f.set(func() { f.ahead = linger })
			}
		})
		f.pass(linger + soon)
		f.holds() // seen anew, it went with the next look
		codes := []znode.Code{}
		for _, b := range f.proposed() {
			codes = append(codes, b.codes...)
		}
		if !slices.Equal(codes, []znode.Code{znode.BadVersion, znode.OK}) {
			t.Errorf("ended with %v", codes)
		}
	})
}

func TestWhatATransactionLeavesOfAContainerCounts(t *testing.T) {
	tell(t, func(f *fake) {
		f.do(container("/used"), plain("/used/a"), remove("/used/a"))
		f.do(container("/full"), plain("/full/a"))
		f.do(container("/new"))
		f.pass(linger - time.Millisecond)
		f.holds("/used", "/full", "/full/a", "/new")
		f.pass(soon)
		f.holds("/full", "/full/a", "/new")
		f.pass(grace)
		f.holds("/full", "/full/a")
	})
}

// Thousands of containers lose their child at once. They go, at no more than the rate that there may be, one batch at a time.
func TestReapingIsPaced(t *testing.T) {
	const n, perTxn = 5000, 500
	for name, takes := range map[string]time.Duration{"quick": 0, "slow": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(f *fake) {
				f.set(func() { f.takes = takes })
				all := numbered("/c", n, container)
				for chunk := range slices.Chunk(all, perTxn) {
					f.do(chunk...)
				}
				began := time.Now().Add(linger)
				for _, c := range all {
					f.do(plain(c.Path.String()+"/a"), remove(c.Path.String()+"/a"))
				}
				least := n * time.Second / MaxPerSecond
				most := (n/BatchSize + 1) * (batchPause + takes)
				f.pass(linger + most + soon)
				f.holds()
				batches := f.proposed()
				if took := batches[len(batches)-1].at.Sub(began); took < least-batchPause {
					t.Errorf("%d took %v, it should be %v at least", n, took, least)
				}
				for i, b := range batches {
					within := len(b.paths)
					for j := i - 1; j >= 0 && b.at.Sub(batches[j].at) < time.Second; j-- {
						within += len(batches[j].paths)
					}
					if within > MaxPerSecond+BatchSize || len(b.paths) > BatchSize {
						t.Fatalf("batch %d has %d, %d within a second", i, len(b.paths), within)
					}
				}
				if f.reaped[znode.Container] != n {
					t.Errorf("counted %v", f.reaped)
				}
			})
		})
	}
}
