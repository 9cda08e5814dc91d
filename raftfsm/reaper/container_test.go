package reaper

import (
	"slices"
	"testing"
	"time"

	"holt/raftfsm/znode"
)

const grace = znode.ContainerGrace * time.Millisecond

func TestAContainerGoesWithItsLastChild(t *testing.T) {
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
		f.pass(soon)
		f.holds()
		if f.reaped[znode.Container] != 1 || f.reaped[znode.PersistentWithTTL] != 0 {
			t.Errorf("counted %v", f.reaped)
		}
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
		f.pass(soon + 3*batchPause)
		f.holds("/p") // which is no container
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
		f.pass(soon)
		f.holds("/c", "/c/b")
		if all := f.proposed(); len(all) != 1 || all[0].codes[0] != znode.NotEmpty {
			t.Errorf("the test shows nothing, or it was proposed again: %+v", all)
		}
		f.do(remove("/c/b")) // it need not rest
		f.pass(soon)
		f.holds()
	})
}

// Another container at the same path is not the one that was seen.
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
			}
		})
		f.pass(soon)
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
				began := time.Now()
				for _, c := range all {
					f.do(plain(c.Path.String()+"/a"), remove(c.Path.String()+"/a"))
				}
				least := n * time.Second / MaxPerSecond
				most := (n/BatchSize + 1) * (batchPause + takes)
				f.pass(most + soon)
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
