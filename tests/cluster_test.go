package tests

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// defaultKills is how many members are killed when HOLT_TEST_KILLS does not say.
const defaultKills = 8

func kills(t *testing.T) int {
	t.Helper()
	s := os.Getenv("HOLT_TEST_KILLS")
	if s == "" {
		return defaultKills
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("HOLT_TEST_KILLS: %q is not a number of kills", s)
	}
	return n
}

func TestMembersAreKilledUnderLoadAgainAndAgain(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	l := startLoad(t, c)
	for i := range kills(t) {
		l.goOn(200)
		victim := c.Leader()
		if i%2 == 1 { // in turns the leader and one of the others
			victim = c.Followers()[i/2%2]
		}
		begun := time.Now()
		victim.Kill()
		l.goOn(1)
		t.Logf("kill %d, of %s: the next write was acknowledged after %v", i+1, victim.Name, time.Since(begun).Round(time.Millisecond))
		l.goOn(100)
		victim.Start().Ready()
	}
	l.goOn(100)
	l.end()
	l.holds()
}

func TestAllMembersAreKilledAtOnce(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	l := startLoad(t, c)
	for range 2 {
		l.goOn(500)
		for _, m := range c.Members {
			m.Signal(syscall.SIGKILL)
		}
		for _, m := range c.Members {
			m.Kill()
		}
		for _, m := range c.Members {
			m.Start()
		}
		for _, m := range c.Members {
			m.Ready()
		}
	}
	l.goOn(100)
	l.end()
	l.holds()
}

// caughtUpBySnapshot waits until a member has said that it was sent a snapshot: what it says comes through a pipe.
func caughtUpBySnapshot(t *testing.T, m *harness.Member) {
	t.Helper()
	harness.Eventually(t, endTime, m.Name+" has caught up by a snapshot", func() bool { return m.Log.Has("restored a snapshot") })
}

func TestAMemberThatWasAwayCatchesUpBySnapshot(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "262144"}).Start()
	away := c.Followers()[0]
	index := away.Metric("holt_raft_last_index")
	away.Kill()
	leader := c.Leader()
	survivors := leader.Client()
	data := make([]byte, 256<<10)
	// Entries of 256 KiB, until the leader's log no longer reaches back to where the member was.
	for i := 0; i%50 > 0 || leader.Metric("holt_raft_last_index") < index+400; i++ {
		if _, err := survivors.Put(t.Context(), fmt.Sprintf("/big%d", i%8), data, client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := survivors.Put(t.Context(), "/last", []byte("while it was away"), client.Any()); err != nil {
		t.Fatal(err)
	}
	away.Start().Ready()
	z, err := away.Client().Get(t.Context(), "/last", client.Linearizable)
	if err != nil || string(z.Data) != "while it was away" {
		t.Errorf("after it came back: %v, %v", z, err)
	}
	caughtUpBySnapshot(t, away)
	c.Equal()
	// What it installed is on its own disk.
	away.Restart().Ready()
	c.Equal()
}

// Who hands over is waited for by nobody. Who just goes is missed after the heartbeat at the earliest, which is long here: no machine is so
// slow that one is taken for the other.
func TestALeaderThatIsStoppedHandsOver(t *testing.T) {
	const heartbeat = 4 * time.Second
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_HEARTBEAT": heartbeat.String()}).Start()
	l := startLoad(t, c)
	l.goOn(500)
	for range 3 {
		leader := c.Leader()
		l.slow.Store(0)
		leader.Signal(syscall.SIGTERM)
		l.goOn(500)
		if code := leader.Exit(endTime); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		slowest := time.Duration(l.slow.Load())
		t.Logf("%s was stopped: no write took longer than %v", leader.Name, slowest.Round(time.Millisecond))
		if slowest > heartbeat*3/4 {
			t.Errorf("a write took %v while the leader was stopped: it waited for an election", slowest)
		}
		leader.Start().Ready()
	}
	l.end()
	if l.unknown > 0 || len(l.refused) > 0 {
		t.Errorf("%d writes without an answer and %d refused, want none of either", l.unknown, len(l.refused))
	}
	l.holds()
}

func TestTheFirstWriteAfterALeaderIsKilled(t *testing.T) {
	const limit = 10 * time.Second
	c := bin.NewCluster(t, 3, nil).Start()
	for i := range 5 {
		leader, survivor := c.Leader(), c.Followers()[i%2]
		writes := survivor.Client()
		if _, err := writes.Put(t.Context(), "/warm", nil, client.Any()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		leader.Kill()
		_, err := writes.Create(t.Context(), "/after-", nil, client.PersistentSequential)
		took := time.Since(begun)
		if err != nil || took > limit {
			t.Errorf("the first write on a survivor: %v after %v", err, took)
		}
		t.Logf("leader killed: first write on a survivor acknowledged after %v", took.Round(time.Millisecond))
		leader.Start().Ready()
	}
}

func TestAMemberWithoutAQuorum(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_WRITE_WAIT": "2s"}).Start()
	left, others := c.Members[0], c.Members[1:]
	if _, err := left.Client().Put(t.Context(), "/there", []byte("before"), client.Any()); err != nil {
		t.Fatal(err)
	}
	for _, m := range others {
		m.Kill()
	}
	harness.Eventually(t, endTime, "the member notices that it is alone", func() bool {
		return left.Status("/readyz") == http.StatusServiceUnavailable
	})
	if status := left.Status("/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d, want 200: restarting it would help nobody", status)
	}
	if status, _, body := left.Get("/v1/znodes/there"); status != http.StatusOK || body != "before" {
		t.Errorf("local read: %d %q", status, body)
	}
	status, header, body := left.Get("/v1/znodes/there?consistency=linearizable")
	if status != http.StatusServiceUnavailable || problemCode(body) != "no_leader" || header.Get("Retry-After") == "" {
		t.Errorf("linearizable read: %d %q %v", status, body, header)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, left.URL+"/v1/znodes/lost", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable && res.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("write: %d, want 503 or 504", res.StatusCode)
	}

	others[0].Start().Ready()
	left.Ready()
	z, err := left.Client().Get(t.Context(), "/there", client.Linearizable)
	if err != nil || string(z.Data) != "before" {
		t.Errorf("with two of three: linearizable read %v, %v", z, err)
	}
	if _, err := left.Client().Put(t.Context(), "/there", []byte("after"), client.Any()); err != nil {
		t.Errorf("with two of three: write: %v", err)
	}
	if _, err := left.Client().Get(t.Context(), "/never", client.Linearizable); !errors.Is(err, client.NoNode) {
		t.Errorf("a znode nobody made: %v", err)
	}
}
