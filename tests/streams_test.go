package tests

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/harness"
)

// quorumTime is by when a member without a majority has noticed.
const quorumTime = 2 * time.Second

// tells says whether a message has an event.
func tells(event, path string) func(harness.Message) bool {
	part := fmt.Sprintf(`{"type":%q,"path":%q`, event, path)
	return func(m harness.Message) bool { return m.Event == "message" && strings.Contains(m.Data, part) }
}

func TestAMemberThatStopsEndsItsStreamsInOrder(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	stopped := c.Leader()
	first := 0
	for i, m := range c.Members {
		if m == stopped {
			first = i
		}
	}
	var followers []*harness.Follower
	const streams = 20
	for range streams {
		followers = append(followers, c.Follow(first, "/v1/watch/n"))
	}
	for _, f := range followers {
		f.Open()
	}
	poll := make(chan int, 1)
	go func() {
		status, _, _ := stopped.Get("/v1/znodes/n?wait=9s")
		poll <- status
	}()
	harness.Eventually(t, endTime, "the long poll is held", func() bool { return stopped.Metric("holt_streams") == streams+1 })
	begun := time.Now()
	stopped.Signal(syscall.SIGTERM)
	if code := stopped.Exit(endTime); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begun); took > 8*time.Second { // the poll alone would have taken nine
		t.Errorf("it took %v to stop: streams and long polls must not hold it up", took)
	}
	if status := <-poll; status != http.StatusServiceUnavailable {
		t.Errorf("the long poll was answered with %d, want 503: another member can take it", status)
	}
	if _, err := c.Client(first+1).Put(t.Context(), "/n", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	for _, f := range followers {
		f.Await(harness.SettleTime, "the event", tells("NodeCreated", "/n"))
		farewell := f.Connections()[0]
		last := farewell.Messages[len(farewell.Messages)-1]
		if !farewell.InOrder || last.Event != "bookmark" || farewell.Retry <= 0 {
			t.Errorf("the stream of the stopped member ended in order: %v, with a %s, retry %v; want a bookmark and a retry", farewell.InOrder,
				last.Event, farewell.Retry)
		}
	}
}

func TestAStreamOpensWhereThereIsNoLeader(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	left, others := c.Members[0], c.Members[1:]
	if _, err := left.Client().Put(t.Context(), "/n", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	before := c.Zxid()
	for _, m := range others {
		m.Kill()
	}
	harness.Eventually(t, endTime, "the member notices that it is alone", func() bool {
		return left.Status("/readyz") == http.StatusServiceUnavailable
	})
	lonely := left.Alone()
	f := lonely.Follow(0, "/v1/watch/n?recursive=true&initial=true")
	open := f.Await(harness.SettleTime, "open", func(m harness.Message) bool { return m.Event == "open" })
	if s := parsed(t, open.Message); s.Leader == nil || *s.Leader != "" || s.Zxid < before {
		t.Errorf(`open without a leader: %s, want leader "" and a zxid of at least %d`, open.Data, before)
	}
	if first := f.Messages()[0]; first.Event != "state" || parsed(t, first.Message).Path != "/n" {
		t.Errorf("the present state comes first, also without a leader: %+v", first)
	}
	others[0].Start().Ready()
	if _, err := left.Client().Put(t.Context(), "/n/later", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	f.Await(harness.SettleTime, "what happened when there was one again", tells("NodeCreated", "/n/later"))
	harness.Eventually(t, harness.SettleTime, "a new stream names the leader", func() bool {
		g := lonely.Follow(0, "/v1/watch/n").Open()
		defer g.Stop()
		return *parsed(t, g.Messages()[0].Message).Leader != ""
	})
}

// A member that was sent a snapshot has not seen the log in between, but it knows what happened all the same.
func TestAStreamGoesOnWhereASnapshotWasInstalled(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	ch := startChurn(t, c)
	away := c.Followers()[0]
	f := away.Alone().Follow(0, "/v1/watch/app?recursive=true").Open()
	ch.goOn(50)
	index := away.Metric("holt_raft_last_index")
	away.Kill()
	leader := c.Leader()
	// Entries of 16 KiB, until the leader's log no longer reaches back to where the member was.
	for i := 0; i%50 > 0 || leader.Metric("holt_raft_last_index") < index+400; i++ {
		if _, err := leader.Client().Put(t.Context(), fmt.Sprintf("/big%d", i%8), make([]byte, 16<<10), client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	ch.goOn(50)
	away.Start().Ready()
	caughtUpBySnapshot(t, away)
	ch.goOn(50)
	truth := readTruth(t, c, ch.end(), c.Zxid())
	ch.holds(truth)
	if opened := judgeStream(t, truth, f, pathFilter(t, true, true, false, "/app")); opened < 2 {
		t.Error("the stream was never resumed")
	}
}

// A member on the wrong side of a partition tells nothing that is not so, and nobody's session dies of it.
func TestStreamsAndSessionsInAPartition(t *testing.T) {
	s := bin.NewSplit(t, 3, nil).Start()
	c := s.Cluster
	if _, err := c.Client(0).Put(t.Context(), "/live", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	ch := startChurn(t, c)
	alive := keepAlive(t, c, flockSize, siegeTimeout, "/live")
	var stay, move []*harness.Follower
	target := "/v1/watch/app?recursive=true"
	for i, m := range c.Members {
		stay = append(stay, m.Alone().Follow(0, target).Open())
		move = append(move, c.FollowMoving(i, target, 500*time.Millisecond).Open())
	}
	for i := range 2 {
		cut, wait := c.Leader(), 2*siegeTimeout // by then an old leader would have expired everybody, could it still act
		if i == 1 {
			cut, wait = c.Followers()[0], quorumTime
		}
		s.Isolate(cut)
		<-time.After(wait)
		ch.goOn(50)
		status, body := send(t.Context(), http.MethodPost, cut.URL+"/v1/sessions/"+alive.leases[0].ID+"/keepalive", "", "")
		if status == http.StatusOK {
			t.Errorf("%s acknowledged a renewal without a majority: %s", cut.Name, body)
		}
		s.Heal()
		cut.Ready()
	}
	alive.live("/live")
	alive.end()
	truth := readTruth(t, c, ch.end(), c.Zxid())
	ch.holds(truth)
	for _, f := range append(stay, move...) {
		judgeStream(t, truth, f, pathFilter(t, true, true, false, "/app")) // some were never cut
	}
}

// One transaction is one message, with all its events, on any member.
func TestATransactionIsOneMessage(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	f := c.Follow(1, "/v1/watch?path=/a&path=/a/b&path=/").Open()
	data := "x"
	if _, err := c.Client(0).Txn(t.Context(), []wire.Op{{Op: "create", Path: "/a"}, {Op: "create", Path: "/a/b"}, {Op: "create", Path: "/a/c"},
		{Op: "set", Path: "/a/b", Data: &data}, {Op: "create", Path: "/d"}}); err != nil {
		t.Fatal(err)
	}
	got := f.Await(endTime, "the message", tells("NodeCreated", "/a"))
	want := fmt.Sprintf(`{"zxid":%s,"events":[{"type":"NodeCreated","path":"/a"},{"type":"NodeCreated","path":"/a/b"},`+
		`{"type":"NodeChildrenChanged","path":"/a"},{"type":"NodeDataChanged","path":"/a/b"},{"type":"NodeChildrenChanged","path":"/"}]}`, got.ID)
	if got.Data != want {
		t.Errorf("%s\nwant\n%s", got.Data, want)
	}
}
