package tests

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/harness"
)

// A cluster of one grows to three while it is written to, holds sessions and is watched, and goes on when its first member dies.
func TestAClusterOfOneGrowsToThree(t *testing.T) {
	c := bin.NewGrowing(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "262144"})
	first, joiners := c.Members[0], c.Members[1:]
	early := joiners[0].Start() // all of it may be starting at once
	harness.Eventually(t, endTime, "it waits for the cluster", func() bool { return early.Log.Has("the cluster to join does not answer yet") })
	early.Signal(syscall.SIGTERM)
	if code := early.Exit(endTime); code != 1 {
		t.Errorf("one that was stopped while it waited ended with code %d", code)
	}
	early.Start()
	first.Start().Ready()
	if _, err := c.Client(0).Put(t.Context(), "/live", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	ch := startChurn(t, c)
	target := "/v1/watch?path=/&recursive=true&since=0"
	f := c.FollowMoving(0, target, 700*time.Millisecond).Open()
	alive := keepAlive(t, c, 8, siegeTimeout, "/live")
	ch.goOn(100)
	joiners[1].Start()
	c.Votes(harness.SettleTime, joiners...)
	ch.goOn(100)
	first.Kill()
	ch.goOn(100)
	first.Start().Ready()
	for _, m := range joiners { // of whom nothing but their folder says who they are
		delete(m.Env, "HOLT_JOIN")
		m.Restart().Ready()
		ch.goOn(20)
	}
	alive.live("/live")
	alive.end()
	last := ch.end()
	c.Equal()
	truth := readTruth(t, c, last, c.Zxid())
	ch.holds(truth)
	judgeStream(t, truth, f, pathFilter(t, true, true, false, "/"))
}

// An observer serves all that a member serves, and counts for nothing when it is decided.
func TestAnObserverServesAndNeverVotes(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_WRITE_WAIT": "1s"}).Start()
	d := c.NewJoiner(bin, "d", harness.Env{"HOLT_VOTER": "false", "HOLT_WRITE_WAIT": "1s"})
	d.Start().Ready()
	one := d.Client()
	f := d.Alone().Follow(0, "/v1/watch?path=/&recursive=true").Open()
	if _, err := one.Put(t.Context(), "/through", []byte("the observer"), client.Any()); err != nil {
		t.Fatal(err)
	}
	f.Await(endTime, "the write", func(m harness.Message) bool { return strings.Contains(m.Data, "/through") })
	if _, err := c.Client(0).Put(t.Context(), "/newest", []byte("all"), client.Any()); err != nil {
		t.Fatal(err)
	}
	if z, err := one.Get(t.Context(), "/newest", client.Linearizable); err != nil || string(z.Data) != "all" {
		t.Errorf("a linearizable read: %+v, %v", z, err)
	}
	if _, err := one.Transfer(t.Context(), "d"); !errors.Is(err, client.BadArguments) && !errors.Is(err, client.ReconfigUnsafe) {
		t.Errorf("it cannot lead: %v", err)
	}
	others := c.Followers()
	for _, m := range others {
		m.Kill()
	}
	harness.Eventually(t, endTime, "the observer knows that there is no leader", func() bool { return d.Status("/readyz") == http.StatusServiceUnavailable })
	if z, err := one.Get(t.Context(), "/newest", client.Local); err != nil || string(z.Data) != "all" {
		t.Errorf("a local read: %+v, %v", z, err)
	}
	hasty, err := client.New(client.Config{Endpoints: []string{d.URL}, Timeout: 8 * time.Second}) // far longer than a member waits
	if err != nil {
		t.Fatal(err)
	}
	defer hasty.Close()
	if _, err := hasty.Put(t.Context(), "/never", nil, client.Any()); !errors.Is(err, client.NoLeader) {
		t.Errorf("one of three voters and an observer are no majority: %v", err)
	}
	for _, m := range others {
		m.Start()
	}
	d.Ready()
	d.Kill() // it never voted, so it may come back without its disk
	d.Wipe()
	d.Start().Ready()
	if z, err := one.Get(t.Context(), "/newest", client.Local); err != nil || string(z.Data) != "all" {
		t.Errorf("a local read with a new disk: %+v, %v", z, err)
	}
	if m := c.Known("d"); m.Voter || !m.Observer {
		t.Errorf("it is %+v", m)
	}
	if _, err := one.AddMember(t.Context(), wire.NewMember{ID: "d", RaftAddr: d.RaftAddr, URL: d.URL}); err != nil { // holt cluster promote
		t.Fatal(err)
	}
	c.Votes(harness.SettleTime, d)
	c.Of(append(c.Members, d)...).Equal()
}

// A member loses its disk. As the one it was it must not come back: it has forgotten what it said. Once it is taken out, it joins.
func TestAMemberThatLostItsDiskIsReplaced(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	l := startLoad(t, c)
	l.goOn(200)
	dead := c.Followers()[0]
	dead.Kill()
	dead.Wipe()
	delete(dead.Env, "HOLT_CLUSTER")
	dead.Env["HOLT_JOIN"] = strings.Join(c.URLs(0), ",")
	l.goOn(100)
	if code := dead.Start().Exit(endTime); code == 0 || !dead.Log.Has("votes in the cluster already", "holt cluster remove "+dead.Name) {
		t.Errorf("exit code %d, and it said:\n%s", code, dead.Log)
	}
	if err := c.Client(0).RemoveMember(t.Context(), dead.Name); err != nil {
		t.Fatal(err)
	}
	dead.Start().Ready()
	c.Votes(harness.SettleTime, dead)
	other := c.Followers()[0]
	if other == dead {
		other = c.Followers()[1]
	}
	other.Kill() // so that it counts
	l.goOn(100)
	other.Start().Ready()
	l.end()
	l.holds()
}

// Each member in turn loses its folder under load and is started as on the first day. With one of the two others away it may not go on
// with the third, which might lack what it acknowledged; once both are there it catches up, and counts.
func TestMembersOfTheFirstDayLoseTheirFolders(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	l := startLoad(t, c)
	for _, m := range c.Members {
		l.goOn(100)
		m.Kill()
		m.Wipe()
		l.goOn(20)
		m.Start().Ready()
	}
	lags, lost := c.Followers()[0], c.Followers()[1]
	leader := c.Leader()
	lags.Signal(syscall.SIGSTOP)
	l.goOn(100) // which one of them has never heard of
	l.end()
	leader.Kill()
	lost.Kill()
	lags.Signal(syscall.SIGCONT)
	lost.Wipe()
	lost.Start().Listening()
	harness.Eventually(t, endTime, "it says why it is not ready", func() bool {
		_, _, body := lost.Get("/readyz?verbose")
		return strings.Contains(body, "so it has no vote until it has caught up") && lost.Log.Has("folder is new", "silent="+leader.Name)
	})
	for _, m := range []*harness.Member{lags, lost} {
		if m.Metric("holt_raft_has_leader") != 0 {
			t.Errorf("%s has a leader", m.Name)
		}
	}
	leader.Start()
	for _, m := range c.Members {
		m.Ready()
	}
	l.holds()
}

// The first of a cluster that grew loses its folder, and is started without a word of the others. What it begins then is not theirs.
func TestTheFirstOfAClusterThatGrewMustJoinItAgain(t *testing.T) {
	c := bin.NewGrowing(t, 3, nil)
	first := c.Members[0]
	for _, m := range c.Members {
		m.Start().Ready()
	}
	c.Votes(harness.SettleTime, c.Members...)
	if _, err := c.Client(1).Put(t.Context(), "/x", []byte("kept"), client.Any()); err != nil {
		t.Fatal(err)
	}
	first.Kill()
	first.Wipe()
	first.Start().Ready()
	harness.Eventually(t, harness.SettleTime, "it is refused", func() bool { return first.Log.Has("member refused", "cluster") })
	if z, err := c.Client(1).Get(t.Context(), "/x", client.Linearizable); err != nil || string(z.Data) != "kept" {
		t.Errorf("the others: %+v, %v", z, err)
	}
	if err := c.Client(1).RemoveMember(t.Context(), first.Name); err != nil {
		t.Fatal(err)
	}
	first.Kill()
	first.Wipe()
	first.Env["HOLT_JOIN"] = c.Members[1].URL
	first.Start().Ready()
	c.Votes(harness.SettleTime, first)
	if z, err := first.Client().Get(t.Context(), "/x", client.Linearizable); err != nil || string(z.Data) != "kept" {
		t.Errorf("it joined: %+v, %v", z, err)
	}
}

func TestAChangeThatWouldEndTheClusterIsRefused(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	one := c.Client(0)
	to := c.Followers()[0]
	if cl, err := one.Transfer(t.Context(), to.Name); err != nil || c.Leader() != to {
		t.Fatalf("handing over to %s: %+v, %v", to.Name, cl, err)
	}
	if _, err := one.Transfer(t.Context(), "nobody"); !errors.Is(err, client.NoMember) {
		t.Errorf("handing over to nobody: %v", err)
	}
	away, left := c.Followers()[0], c.Followers()[1]
	away.Kill()
	for _, m := range []*harness.Member{left, c.Leader()} {
		err := one.RemoveMember(t.Context(), m.Name)
		if !errors.Is(err, client.ReconfigUnsafe) || !strings.Contains(err.Error(), away.Name) {
			t.Errorf("removing %s while %s is away: %v", m.Name, away.Name, err)
		}
	}
	if err := one.RemoveMember(t.Context(), "nobody"); !errors.Is(err, client.NoMember) {
		t.Errorf("removing nobody: %v", err)
	}
	if err := one.RemoveMember(t.Context(), away.Name); err != nil {
		t.Errorf("removing the dead one: %v", err)
	}
	gone := c.Leader()
	if err := one.RemoveMember(t.Context(), gone.Name); err != nil {
		t.Fatalf("removing the leader of two: %v", err)
	}
	harness.Eventually(t, endTime, "it knows that it was removed", func() bool {
		status, _, body := gone.Get("/readyz?verbose")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "removed")
	})
	if gone.Status("/livez") != http.StatusOK {
		t.Error("a member that was removed is no reason to restart it")
	}
	last := left.Client()
	if _, err := last.Put(t.Context(), "/alone", nil, client.Any()); err != nil {
		t.Errorf("the last one: %v", err)
	}
	if err := last.RemoveMember(t.Context(), left.Name); !errors.Is(err, client.ReconfigUnsafe) && !errors.Is(err, client.BadArguments) {
		t.Errorf("removing the last one: %v", err)
	}
	gone.Restart().Listening()
	if _, err := last.Put(t.Context(), "/alone", nil, client.Any()); err != nil || last.Zxid() == 0 {
		t.Errorf("once a removed one is started: %v", err)
	}
	if m := left.Alone().Known(gone.Name); m.ID != "" {
		t.Errorf("it came back by itself: %+v", m)
	}
}

// The leader dies just when it adds a member, and just when it removes one. What was asked for is done in the end, once.
func TestTheLeaderDiesWhileMembersComeAndGo(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	l := startLoad(t, c)
	d := c.NewJoiner(bin, "d", nil)
	for range 2 {
		l.goOn(100)
		d.Start()
		harness.Eventually(t, harness.SettleTime, "d is a member", func() bool { return c.Known("d").ID == "d" })
		killed := c.Leader()
		killed.Kill()
		l.goOn(20)
		killed.Start().Ready()
		c.Votes(harness.SettleTime, d)

		killed = c.Leader()
		asker := c.Client(rand.IntN(3))
		removed := make(chan error, 1)
		go func() { removed <- asker.RemoveMember(t.Context(), "d") }()
		<-time.After(rand.N(20 * time.Millisecond)) // before, while or after
		killed.Kill()
		if err := <-removed; err != nil {
			t.Errorf("removing d: %v", err)
		}
		l.goOn(20)
		killed.Start().Ready()
		if m := c.Known("d"); m.ID != "" {
			t.Errorf("it was removed, and is %+v", m)
		}
		d.Kill()
		d.Wipe()
	}
	l.end()
	l.holds()
}

// A member that joins is killed whenever, and joins nevertheless.
func TestOneThatJoinsIsKilledAgainAndAgain(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	l := startLoad(t, c)
	l.goOn(500)
	d := c.NewJoiner(bin, "d", nil)
	for round := range 6 {
		within := 1200 * time.Millisecond // while it joins and is sent the state
		if round > 3 {
			within = 5 * time.Second // or while it is given its vote
		}
		d.Start()
		select {
		case <-time.After(rand.N(within)):
		case <-d.Done():
			t.Fatalf("it ended by itself:\n%s", d.Log)
		}
		d.Kill()
	}
	d.Start().Ready()
	c.Votes(harness.SettleTime, d)
	followers := c.Followers()
	for _, m := range followers[:2] {
		if m != d {
			m.Signal(syscall.SIGSTOP) // three of four are needed: the one that joined is among them
			l.goOn(50)
			m.Signal(syscall.SIGCONT)
			break
		}
	}
	l.goOn(50)
	l.end()
	l.c = c.Of(append(c.Members, d)...)
	l.holds()
}

// Members move, one after another, the leader too. Each says so itself after its start; nobody has to be told.
func TestMembersThatMoveTellWhereTheyAre(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	l := startLoad(t, c)
	for _, m := range []*harness.Member{c.Followers()[0], c.Leader()} {
		l.goOn(100)
		m.Signal(syscall.SIGTERM)
		if code := m.Exit(endTime); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		l.goOn(20)
		m.Move()
		m.Start().Ready()
		harness.Eventually(t, harness.SettleTime, "all know where "+m.Name+" is", func() bool {
			for _, other := range c.Members {
				if known := other.Alone().Known(m.Name); known.RaftAddr != m.RaftAddr || known.URL != m.URL || !known.Voter {
					return false
				}
			}
			return true
		})
		l.goOn(20)
	}
	stayed := c.Members[0]
	for _, m := range c.Members {
		if m.Env["HOLT_RAFT_ADVERTISE"] == "" {
			stayed = m
		}
	}
	stayed.Kill() // so that those who moved are the majority
	if _, err := c.Client(0).Put(t.Context(), "/moved", nil, client.Any()); err != nil {
		t.Errorf("those who moved cannot go on: %v", err)
	}
	stayed.Start().Ready()
	for _, m := range c.Members { // they know each other after a restart, too
		m.Kill()
	}
	for _, m := range c.Members {
		m.Start()
	}
	for _, m := range c.Members {
		m.Ready()
	}
	l.end()
	l.holds()
}
