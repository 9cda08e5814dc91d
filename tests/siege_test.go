package tests

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/raftfsm/znode"
	"holt/tests/harness"
	"holt/tests/properties"
)

const (
	// flockSize is how many sessions are kept alive during a siege.
	flockSize = 24
	// siegeTimeout is the timeout of them.
	siegeTimeout = 3 * time.Second
	// shortTimeout is that of those who go silent.
	shortTimeout = 2 * time.Second
	// endSlack is how much later than its timeout a silent session may be seen to end: the second it is promised, and some
	// for a busy machine.
	endSlack = 3 * time.Second
)

// siege are the faults that come over a cluster, one after another. Those of a frozen leader last for twice the timeout
// of the sessions: by then it would have expired them all, could it still act.
func siege(t *testing.T, c *harness.Cluster, round int, goOn func(int)) {
	t.Helper()
	switch round % 8 {
	case 0, 5:
		killed := c.Leader()
		killed.Kill()
		goOn(40)
		killed.Start().Ready()
	case 1, 4:
		frozen := c.Leader()
		frozen.Signal(syscall.SIGSTOP)
		<-time.After(2 * siegeTimeout)
		goOn(40)
		frozen.Signal(syscall.SIGCONT)
	case 2:
		killed := c.Followers()[round/8%2]
		killed.Kill()
		goOn(80)
		killed.Start().Ready()
	case 3:
		for _, m := range c.Members {
			m.Signal(syscall.SIGKILL)
		}
		for _, m := range c.Members {
			m.Kill()
			m.Start()
		}
		for _, m := range c.Members {
			m.Ready()
		}
	case 6:
		stopped := c.Leader()
		stopped.Signal(syscall.SIGTERM)
		if code := stopped.Exit(endTime); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		stopped.Start().Ready()
	case 7:
		frozen := c.Followers()[round/8%2]
		frozen.Signal(syscall.SIGSTOP)
		goOn(80)
		frozen.Signal(syscall.SIGCONT)
	}
}

// watched are the streams that are followed during a siege.
func watched(t *testing.T) map[string]properties.Filter {
	all := pathFilter(t, true, true, false, "/")
	return map[string]properties.Filter{
		"/v1/watch?path=/&recursive=true&since=0":                                        all,
		"/v1/watch/?recursive=true&include=data":                                         all,
		"/v1/watch" + shelf(0):                                                           pathFilter(t, false, true, true, shelf(0)),
		"/v1/watch" + shelf(1) + "?events=children":                                      pathFilter(t, false, false, true, shelf(1)),
		"/v1/watch?path=" + place(0, 0) + "&path=" + shelf(1) + "&path=/app&events=data": pathFilter(t, false, true, false, place(0, 0), shelf(1), "/app"),
		"/v1/watch" + shelf(2) + "?recursive=true&initial=true":                          pathFilter(t, true, true, false, shelf(2)),
		"/v1/watch" + place(3, 2):                                                        pathFilter(t, false, true, true, place(3, 2)),
		"/v1/watch/silent?events=data,children":                                          pathFilter(t, false, true, true, "/silent"),
	}
}

// Streams and sessions live through everything at once: their promises do not depend on each other.
func TestStreamsAndSessionsWhileMembersAreKilledAndFrozen(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	for _, p := range []string{"/live", "/silent"} {
		if _, err := c.Client(0).Put(t.Context(), p, nil, client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	ch := startChurn(t, c)
	streams := watched(t)
	var followers []*harness.Follower
	for target := range streams {
		hold := time.Duration(len(followers)%2) * 700 * time.Millisecond // every other one leaves of its own accord, too
		followers = append(followers, c.FollowMoving(len(followers), target, hold).Open())
	}
	alive := keepAlive(t, c, flockSize, siegeTimeout, "/live")
	byClient := watchWithClient(t, c.Client(2), "/app")
	// The Go client gives a session up when it has heard nothing for its timeout, so it needs a longer one than those whose
	// servers alone decide: all of them may be down for a while.
	session, err := c.Client(1).OpenSession(t.Context(), 4*siegeTimeout)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Client().Create(t.Context(), "/by-client", nil, client.Ephemeral); err != nil {
		t.Fatal(err)
	}

	var silent []*lease
	begun := time.Now()
	for round := range kills(t) {
		for range 2 {
			silent = append(silent, openLease(t, c, shortTimeout, fmt.Sprintf("/silent/%d", len(silent))))
		}
		ch.goOn(40)
		siege(t, c, round, ch.goOn)
		t.Logf("round %d is over after %v", round+1, time.Since(begun).Round(time.Millisecond))
	}
	quiet, before := time.Now(), disturbed(c)
	waitUntilGone(t, c, "/silent", harness.SettleTime)
	took, times := time.Since(quiet), disturbed(c)-before
	if took > shortTimeout+siegeTimeout+endSlack+time.Duration(times)*shortTimeout {
		t.Errorf("the last silent session ended after %v, in which the leader changed or was stalled %d times", took, times)
	}
	alive.live("/live")
	alive.end()
	if err := session.Err(); err != nil {
		t.Errorf("the Go client's session: %v", err)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Errorf("closing the Go client's session: %v", err)
	}

	last := ch.end()
	c.Equal()
	truth := readTruth(t, c, last, c.Zxid())
	ch.holds(truth)
	for _, f := range followers {
		if opened := judgeStream(t, truth, f, streams[f.Target]); opened < 2 {
			t.Errorf("%s was never resumed", f.Target)
		}
	}
	byClient.judge(truth)
	endedInTime(t, followers, silent)
}

// waitUntilGone waits until a znode has no children.
func waitUntilGone(t *testing.T, c *harness.Cluster, path string, within time.Duration) {
	t.Helper()
	one := c.Client(0)
	harness.Eventually(t, within, "there is nothing below "+path, func() bool {
		p, err := one.Children(t.Context(), path, client.ChildrenQuery{})
		return err == nil && len(p.Children) == 0
	})
}

// endedInTime checks with what the streams were told of the ends of silent sessions: each for that reason, none too early.
func endedInTime(t *testing.T, followers []*harness.Follower, silent []*lease) {
	t.Helper()
	seen := map[string]time.Time{}
	for _, f := range followers {
		for _, m := range f.Messages() {
			if m.Event != "message" {
				continue
			}
			for _, e := range eventsOf(t, parsed(t, m.Message)) {
				if at, there := seen[e.Path.String()]; e.Type == znode.NodeDeleted && e.Cause == znode.Expired && (!there || m.At.Before(at)) {
					seen[e.Path.String()] = m.At
				}
			}
		}
	}
	var shortest, longest time.Duration
	for i, l := range silent {
		at, there := seen[fmt.Sprintf("/silent/%d", i)]
		if !there {
			t.Errorf("no stream was told that session %s expired", l.Owner)
			continue
		}
		lived := at.Sub(l.renewed)
		if lived < l.timeout() {
			t.Errorf("session %s ended %v after its last renewal, its timeout is %v", l.Owner, lived, l.timeout())
		}
		if shortest == 0 || lived < shortest {
			shortest = lived
		}
		longest = max(longest, lived)
	}
	t.Logf("%d silent sessions of %v ended %v to %v after they were last heard of", len(silent), shortTimeout,
		shortest.Round(time.Millisecond), longest.Round(time.Millisecond))
}
