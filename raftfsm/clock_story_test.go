package raftfsm_test

import (
	"testing"
	"time"

	"holt/raftfsm/znode"
)

// timeKept has something written, and holds the time of the state to that of the one before.
func (c *reaped) timeKept(last *int64) {
	c.t.Helper()
	must(c.t, c.Cluster, c.WaitLeader(), plainPut("/tick"))
	s, err := c.Node(c.WaitLeader()).State()
	if err != nil {
		c.t.Fatal(err)
	}
	if s.Time < *last {
		c.t.Errorf("time went back by %v", time.Duration(*last-s.Time)*time.Millisecond)
	}
	*last = s.Time
}

func plainPut(p string) znode.Op { return znode.PutOp(path(p), "x") }

// Somebody sets the clock of the leader's machine while it leads. Sessions go by how long it is since they were heard of, which no clock
// on a wall says; only what is to go at a time goes by the time of the log.
func TestTheLeadersClockJumps(t *testing.T) {
	const timeout, ttl, jump = 10 * time.Second, 50 * time.Second, time.Hour
	for name, ahead := range map[string]time.Duration{"ahead": jump, "back": -jump} {
		t.Run(name, func(t *testing.T) {
			reapStory(t, func(t *testing.T, c *reaped) {
				var last int64
				c.timeKept(&last)
				busy, silent := c.open(0, timeout), c.open(1, timeout)
				c.mustAs(busy, 0, ephemeral("/busy"))
				must(t, c.Cluster, 0, withTTL("/ttl", ttl))
				made, heard := time.Now(), time.Now()
				c.alive(silent, 1)
				time.Sleep(timeout / 2)
				c.alive(busy, 0)

				c.clock(c.Leader(), ahead)
				for range 3 { // beyond the timeout of the silent one
					c.timeKept(&last)
					c.alive(busy, 0)
					if !c.there("/busy") || time.Since(heard) < timeout && !c.lives(silent, 1) {
						t.Fatalf("a session died %v after it was heard of", time.Since(heard))
					}
					time.Sleep(timeout * 3 / 10)
				}
				c.endsWithin(silent, heard.Add(timeout), heard.Add(timeout+grace))
				if at := time.Now(); ahead > 0 {
					c.goesWithin("/ttl", made, at.Add(reapSlack)) // its time has come, by the only clock there is
				} else if !c.there("/ttl") {
					t.Error("it went, though by the clock of the log its time is far")
				}

				// The same, and a leader with another clock.
				c.alive(busy, 0)
				c.handOver(c.Leader())
				c.timeKept(&last)
				c.alive(busy, 0)
				if ahead < 0 {
					time.Sleep(time.Until(made.Add(ttl)) - time.Second)
					c.goesWithin("/ttl", made.Add(ttl), made.Add(ttl+reapSlack)) // the new leader's clock is right
				}
				c.Settle()
			})
		})
	}
}

// All are started again, and their clocks are two minutes back: those are in the log.
func TestAllClocksAreSetBackOverARestart(t *testing.T) {
	const timeout, back = 10 * time.Second, 2 * time.Minute
	reapStory(t, func(t *testing.T, c *reaped) {
		for i := range c.Len() {
			c.clock(i, back)
		}
		var last int64
		c.timeKept(&last)
		h := c.open(0, timeout)
		for range 2 {
			for i := range c.Len() {
				c.Crash(i)
				c.clock(i, 0)
			}
			for i := range c.Len() {
				c.Start(i)
			}
			c.WaitReady()
			c.timeKept(&last)
			c.alive(h, 0)
		}
		heard := time.Now()
		must(t, c.Cluster, 0, withTTL("/ttl", timeout))
		c.endsWithin(h, heard.Add(timeout), heard.Add(timeout+grace))
		time.Sleep(time.Until(heard.Add(back)) - timeout)
		if !c.there("/ttl") {
			t.Error("it went while the time of the log stood still")
		}
		c.timeKept(&last)
		made := heard.Add(back) // as the log has it: when the clocks have come to where they were
		c.goesWithin("/ttl", made, made.Add(timeout+reapSlack))
		c.Settle()
	})
}
