package main

import (
	"context"
	"os"
	"runtime/debug"
	rtmetrics "runtime/metrics"
	"time"
)

const (
	// heapRoom is how much garbage a small heap may gather before it is collected, in bytes.
	heapRoom = 48 << 20
	// heapRoomPercent is the same for a large heap: most of a large tree lives long, and Go's default of 100 would hold
	// as much garbage as data.
	heapRoomPercent = 25
	// heapLookEvery is how often the size of the heap is looked at.
	heapLookEvery = time.Second
)

// manageMemory sets the collector's pace by the size of the heap: rarely while it is small, tightly once a large tree
// makes it large. GOGC in the environment turns it off.
func manageMemory(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []rtmetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 0
	tick := time.NewTicker(heapLookEvery)
	defer tick.Stop()
	for {
		rtmetrics.Read(live)
		// Steps of 10 percent of the present pace: setting it stops the world for a moment.
		if pace := gcPercent(live[0].Value.Uint64()); pace > set*11/10 || pace < set*9/10 {
			debug.SetGCPercent(pace)
			set = pace
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// gcPercent is GOGC for so many live bytes.
func gcPercent(live uint64) int {
	return int(min(max(heapRoom*100/max(live, 1), heapRoomPercent), 1000))
}
