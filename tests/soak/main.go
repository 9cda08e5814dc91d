// Soak runs a cluster of three for a while, with everything that clients do and with members that are restarted and killed, and watches
// whether anything that a member takes grows without end:
//
//	go run ./tests/soak [-for 10m]
//
// The first fifth of the time is for warming up. After it a line is fitted to each number of each member; one that rises by more than
// its tolerance fails the run, as do a write that was acknowledged and is lost, or done twice, an answer that nobody should get, and
// members that differ at the end. It exits with 0 if all is well, with 1 otherwise, and prints a table either way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"holt/tests/harness"
)

const (
	// minTime is the shortest run: after a restart the resident memory rises for about two minutes, and in less than this a run would
	// judge little else.
	minTime = 5 * time.Minute
	// warmUp is the part of the time that is not judged, one in so many.
	warmUp = 5
	// members are so many.
	members = 3
	// snapshotBytes has members compact their logs every few minutes rather than every few hours.
	snapshotBytes = "8388608"
)

func main() {
	length := flag.Duration("for", 10*time.Minute, "how long to run")
	flag.Parse()
	if *length < minTime || flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "soak: run it for %v at least, as in -for 10m, and without further words\n", minTime)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &stage{ctx: ctx}
	if err := s.play(func() { soak(s, *length) }); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	fmt.Println("Nothing grew, nothing was lost.")
}

// soak is the run.
func soak(s *stage, length time.Duration) {
	bin, err := harness.Build()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = bin.Close() }) // a folder of the system's temporary ones
	c := bin.NewCluster(s, members, harness.Env{"HOLT_SNAPSHOT_BYTES": snapshotBytes, "HOLT_DIGEST_EVERY": "10s", "HOLT_LOG_LEVEL": "warn"}).Start()

	idle := rested(s, c)
	began := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, length)
	defer cancel()
	l := newLoad(s, c, began.Add(length/warmUp))
	w := newWatcher(c, length)
	l.start(ctx)
	w.start(ctx)
	s.Cleanup(func() { cancel(); l.wg.Wait(); w.wg.Wait() })

	s.Logf("%v, of which the first %v are for warming up", length, length/warmUp)
	w.fates = trouble(ctx, s, c, began, length)
	<-ctx.Done()
	l.wg.Wait()
	w.wg.Wait()
	if errors.Is(s.ctx.Err(), context.Canceled) {
		s.Error("interrupted")
	}
	report(s, w, length)
	fmt.Printf("\n%v with %s.\n%s\n", time.Since(began).Round(time.Second), told(w.fates), l)
	if s.ctx.Err() == nil {
		l.check()
		l.close()
		settle(s, c, idle)
	}
}

// gone are what nothing is left of when all clients have gone.
var gone = []string{"holt_sessions", "holt_event_streams", "holt_long_polls"}

// kept are what a member has some of without clients, and how many more of them may be left when all clients have gone: members that have
// been busy have more connections to each other, up to five each way.
var kept = map[string]float64{"go_goroutines": 32, "process_open_fds": 16}

// rested is what members that nobody asks for anything have of what is kept.
func rested(s *stage, c *harness.Cluster) map[string]float64 {
	idle := map[string]float64{}
	for what := range kept {
		for _, m := range c.Members {
			idle[what] = max(idle[what], now(m, what))
		}
	}
	return idle
}

// settle waits until nothing is left of those who were there, and compares the members.
func settle(s *stage, c *harness.Cluster, idle map[string]float64) {
	for _, m := range c.Members {
		for _, what := range gone {
			harness.Eventually(s, harness.SettleTime, fmt.Sprintf("member %s has none of %s", m.Name, what), func() bool { return now(m, what) == 0 })
		}
		for what, more := range kept {
			is := func() bool { v := now(m, what); return v >= 0 && v <= idle[what]+more }
			harness.Eventually(s, harness.SettleTime, fmt.Sprintf("%s of member %s is at %.0f again, or little more", what, m.Name, idle[what]), is)
		}
		if now(m, "holt_digest_index") <= 0 || now(m, "holt_digest_disputed") != 0 {
			s.Errorf("the members' states were not compared while they ran, or with no result")
		}
	}
	fmt.Printf("All clients have gone without a trace, and the members hold the same, %d bytes.\n", c.Equal())
}
