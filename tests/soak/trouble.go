package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"holt/tests/harness"
)

// stopTime bounds how long a member may take to stop in order.
const stopTime = 30 * time.Second

// trouble is at these parts of the run, in hundredths: the members are restarted one after the other, then the leader is killed, then any
// member. Between them it is quiet for long enough to see what grows.
var troubleAt = []int{5, 55}

// fate is one trouble.
type fate struct {
	from, to time.Duration // since the beginning
	restarts int
	kills    int
}

func told(all []fate) string {
	var sum fate
	for _, f := range all {
		sum.restarts, sum.kills = sum.restarts+f.restarts, sum.kills+f.kills
	}
	return fmt.Sprintf("%d members stopped in order and %d killed, all of which were started again", sum.restarts, sum.kills)
}

// trouble makes it, until ctx ends.
func trouble(ctx context.Context, s *stage, c *harness.Cluster, began time.Time, length time.Duration) (out []fate) {
	for _, part := range troubleAt {
		select {
		case <-time.After(time.Until(began.Add(length * time.Duration(part) / 100))):
		case <-ctx.Done():
			return out
		}
		f := fate{from: time.Since(began)}
		for _, m := range c.Members {
			m.Signal(syscall.SIGTERM)
			if code := m.Exit(stopTime); code != 0 {
				s.Errorf("member %s stopped with code %d", m.Name, code)
			}
			m.Start().Ready()
			f.restarts++
		}
		for _, m := range []*harness.Member{c.Leader(), c.Members[rand.IntN(len(c.Members))]} {
			m.Restart().Ready()
			f.kills++
		}
		f.to = time.Since(began)
		out = append(out, f)
	}
	return out
}
