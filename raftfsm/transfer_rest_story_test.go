package raftfsm_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/raftfsmtest"
)

// A leader whose office is being handed on before it has proposed anything is refused by raft at once. It waits before it tries again,
// also with writes of followers in hand: whoever tries without a pause keeps a core busy and fills the log, and here no time passes.
func TestALeaderThatIsRefusedWaitsBeforeItTriesAgain(t *testing.T) {
	const most = 100 // looks at a clock in one moment: each entry takes one
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards what follows
		var at time.Time
		looks, worst := 0, 0
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			if !now.Equal(at) {
				at, looks = now, 0
			}
			looks++
			worst = max(worst, looks)
			return now
		}
		c := raftfsmtest.New(t, raftfsmtest.Config{Attach: func(int) raftfsmtest.Attachment { return raftfsmtest.Attachment{Now: clock} }})
		c.WaitReady()
		w := writeEvery(c, 5*time.Millisecond, []int{0, 1, 2}, 10, 30*time.Second)
		for round := range 30 {
			l := c.WaitLeader()
			c.Disk((l + 1) % 3).Slow(20 * time.Millisecond)
			_ = transfer(c, l, "")
			var all sync.WaitGroup
			for k := range 3 { // at once and everywhere, so that who has just begun is to go
				all.Go(func() { _ = transfer(c, k, c.Name((round+k)%3)) })
			}
			all.Wait()
			for k := range 3 {
				c.Disk(k).Slow(0)
			}
		}
		w.halt()
		w.check(t, c.Settle())
		if worst > most {
			t.Errorf("%d entries were tried in one moment", worst)
		}
	})
}
