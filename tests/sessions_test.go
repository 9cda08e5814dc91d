package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// promisedLateness is how much later than its timeout a silent session ends at most, where nothing goes wrong; the rest
// is for a busy machine, which sees it later than it happens.
const promisedLateness, busy = time.Second, 2 * time.Second

// disturbed counts what lets each session end later by its timeout, as is promised too: changes of the leader, and times that one noticed
// that it was stalled. A machine that stands still for half a second brings both about.
func disturbed(c *harness.Cluster) (n int) {
	term := 0.0
	for _, m := range c.Members {
		n += int(max(0, m.Metric("holt_session_stalls_total")))
		term = max(term, m.Metric("holt_raft_term"))
	}
	return n + int(term)
}

// Nobody ends too early and nobody too late, and what was theirs goes at once.
func TestASilentSessionEndsWithinItsBounds(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	for _, p := range []string{"/a", "/b"} {
		if _, err := c.Client(0).Put(t.Context(), p, nil, client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	f := c.Follow(0, "/v1/watch?path=/a&path=/b&recursive=true").Open()
	before := disturbed(c)
	var silent []*lease
	var heard []time.Time // by when each was heard of for the last time
	for i := range 30 {
		l := openLease(t, c, 2*time.Second+time.Duration(rand.IntN(2000))*time.Millisecond, fmt.Sprintf("/a/%d", i))
		eventually(t, c, http.StatusCreated, http.MethodPost, fmt.Sprintf("/v1/znodes/b/%d?mode=ephemeral", i), l.ID, "")
		for range rand.IntN(3) { // some are heard of again
			l.renew(t.Context(), c.Members[rand.IntN(len(c.Members))].URL)
		}
		silent, heard = append(silent, l), append(heard, time.Now())
	}
	var latest time.Duration
	for i, l := range silent {
		path := fmt.Sprintf("/a/%d", i)
		end := f.Await(harness.SettleTime, "the end of "+path, tells("NodeDeleted", path))
		want := fmt.Sprintf(`"events":[{"type":"NodeDeleted","path":"/a/%d","cause":"session_expired"},{"type":"NodeDeleted","path":"/b/%d","cause":"session_expired"}]}`, i, i)
		if !strings.HasSuffix(end.Data, want) {
			t.Errorf("%s, want one message with %s", end.Data, want)
		}
		if early := l.timeout() - end.At.Sub(l.renewed); early > 0 {
			t.Errorf("session %s of %v ended %v before its timeout", l.Owner, l.timeout(), early)
		}
		late, times := end.At.Sub(heard[i])-l.timeout(), disturbed(c)-before
		if late > promisedLateness+busy+time.Duration(times)*l.timeout() {
			t.Errorf("session %s of %v ended %v after its timeout, in which the leader changed or was stalled %d times", l.Owner, l.timeout(), late, times)
		}
		latest = max(latest, late)
		if status, answer := sendOnce(t, http.MethodPost, c.Members[0].URL+"/v1/sessions/"+l.ID+"/keepalive", "", ""); status != http.StatusGone ||
			!strings.Contains(answer, `"reason":"expired"`) {
			t.Errorf("a renewal of an expired session: %d %s", status, answer)
		}
		if status, answer := sendOnce(t, http.MethodPut, c.Members[1].URL+"/v1/znodes"+path, l.ID, ""); status != http.StatusGone {
			t.Errorf("a write of an expired session: %d %s", status, answer)
		}
	}
	t.Logf("%d sessions ended at most %v after their timeouts; the leader changed or was stalled %d times", len(silent), latest.Round(time.Millisecond),
		disturbed(c)-before)
}

// Why a session ended is told to whoever watches its znodes, to itself, and to who comes too late.
func TestHowASessionEndsIsTold(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	f := c.Follow(0, "/v1/watch?path=/closed&path=/killed").Open()
	for _, reason := range []string{"closed", "killed"} {
		l := openLease(t, c, time.Minute, "/"+reason)
		own := c.Follow(1, "/v1/sessions/"+l.ID+"/events").Open()
		name := l.ID
		if reason == "killed" {
			name = l.Owner
		}
		eventually(t, c, http.StatusNoContent, http.MethodDelete, "/v1/sessions/"+name, "", "")
		f.Await(endTime, "the cause", func(m harness.Message) bool { return strings.Contains(m.Data, `"cause":"session_`+reason+`"`) })
		end := own.Await(endTime, "its end", func(m harness.Message) bool { return m.Event == "session" })
		if s := parsed(t, end.Message); s.State != reason || s.Owner != l.Owner {
			t.Errorf("the session is told %s", end.Data)
		}
		harness.Eventually(t, endTime, "its stream is over", func() bool { return own.Connections()[0].Over })
		if first := own.Connections()[0]; !first.InOrder || first.Messages[len(first.Messages)-1] != end {
			t.Errorf("its stream is over, in order: %v, behind %+v", first.InOrder, first.Messages)
		}
		own.Stop()
		c.Equal() // a member that lags says that the session is over, as its leader does, and still reads for it
		for _, m := range c.Members {
			eventually(t, m.Alone(), http.StatusGone, http.MethodGet, "/v1/sessions/"+l.ID, "", "")
			if status, answer := sendOnce(t, http.MethodGet, m.URL+"/v1/znodes", l.ID, ""); status != http.StatusGone ||
				!strings.Contains(answer, `"reason":"`+reason+`"`) {
				t.Errorf("a request of a session that was %s: %d %s", reason, status, answer)
			}
		}
	}
}

// Deadlines are in the memory of a leader. When all are gone and come back, everybody has the whole timeout again.
func TestSessionsOutliveARestartOfTheWholeCluster(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	if _, err := c.Client(0).Put(t.Context(), "/live", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	alive := keepAlive(t, c, 5, siegeTimeout, "/live")
	silent := openLease(t, c, siegeTimeout, "/silent")
	ended := c.Follow(0, "/v1/watch/silent").Open()
	for _, m := range c.Members {
		m.Signal(syscall.SIGKILL)
	}
	for _, m := range c.Members {
		m.Kill()
	}
	<-time.After(siegeTimeout + time.Second)
	begun := time.Now()
	for _, m := range c.Members {
		m.Start()
	}
	if status, _, _ := c.Members[0].Ready().Get("/v1/znodes/silent"); status != http.StatusOK { // before the others, which may take longer
		t.Errorf("a silent session did not survive the restart: %d", status)
	}
	for _, m := range c.Members {
		m.Ready()
	}
	back, before := time.Now(), disturbed(c)
	end := ended.Await(harness.SettleTime, "the end of the silent session", tells("NodeDeleted", "/silent"))
	if !strings.Contains(end.Data, "session_expired") {
		t.Errorf("the end of session %s: %s", silent.Owner, end.Data)
	}
	times := disturbed(c) - before
	if end.At.Before(begun.Add(siegeTimeout)) || end.At.After(back.Add(time.Duration(1+times)*siegeTimeout+promisedLateness+busy)) {
		t.Errorf("it ended %v after the restart began, its timeout is %v, and the leader changed or was stalled %d times", end.At.Sub(begun), siegeTimeout, times)
	}
	t.Logf("the silent session ended %v after all were ready again", end.At.Sub(back).Round(time.Millisecond))
	alive.live("/live")
}

// A one-shot watch is no connection's and no member's: it fires once, wherever the session asks.
func TestAOneShotWatchOutlivesItsMember(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	l := openLease(t, c, 10*time.Second, "")
	var wg sync.WaitGroup
	wg.Go(func() { l.keep(t.Context()) })
	t.Cleanup(wg.Wait) // t.Context ends before
	watches, events := "/v1/sessions/"+l.ID+"/watches", "/v1/sessions/"+l.ID+"/events"

	set := c.Leader()
	answer := eventually(t, set.Alone(), http.StatusCreated, http.MethodPost, watches, "", `{"path":"/job","mode":"exists"}`)
	if !strings.Contains(answer, `"exists":false,"stat":null`) {
		t.Errorf("watching what does not exist: %s", answer)
	}
	set.Kill()
	writer := c.Client(0)
	first, err := writer.Put(t.Context(), "/job", []byte("1"), client.CreateOnly())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Put(t.Context(), "/job", []byte("2"), client.Any()); err != nil {
		t.Fatal(err)
	}
	f := c.FollowMoving(1, events, 300*time.Millisecond) // nobody was listening when it happened
	fired := f.Await(harness.SettleTime, "the watch", tells("NodeCreated", "/job"))
	if fired.ID != fmt.Sprint(first.Zxid) {
		t.Errorf("it fired at %s, the znode was made at %d", fired.ID, first.Zxid)
	}
	set.Start().Ready()

	answer = eventually(t, c, http.StatusCreated, http.MethodPost, watches, "", `{"path":"/job","mode":"data"}`)
	if !strings.Contains(answer, `"data":"2"`) {
		t.Errorf("what is read where the watch is set: %s", answer)
	}
	if _, err := writer.Delete(t.Context(), "/job", client.Any()); err != nil {
		t.Fatal(err)
	}
	f.Await(harness.SettleTime, "the second watch", tells("NodeDeleted", "/job"))
	if got := eventually(t, c, http.StatusOK, http.MethodGet, watches+"?consistency=linearizable", "", ""); strings.TrimSpace(got) != `{"watches":[]}` {
		t.Errorf("after both fired: %s", got)
	}
	f.Stop()
	var messages []string
	for _, m := range f.Messages() {
		if m.Event == "message" {
			messages = append(messages, m.Data)
		}
	}
	if len(messages) != 2 {
		t.Errorf("two watches fired, the session was told: %q", messages)
	}
}

// The watches of a session that stay are its own stream's filter, for as long as it lives.
func TestWatchesThatStayTellTheSessionEverything(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	if _, err := c.Client(0).Put(t.Context(), "/live", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	ch := startChurn(t, c)
	alive := keepAlive(t, c, 2, siegeTimeout, "/live")
	filters := map[*harness.Follower]func() (recursive, children bool, path string){}
	for i, l := range alive.leases {
		recursive := i == 0
		mode, path := "persistent", shelf(0)
		if recursive {
			mode, path = "persistent_recursive", "/app"
		}
		var set struct{ Zxid uint64 }
		answer := eventually(t, c, http.StatusCreated, http.MethodPost, "/v1/sessions/"+l.ID+"/watches", "", fmt.Sprintf(`{"path":%q,"mode":%q}`, path, mode))
		if err := json.Unmarshal([]byte(answer), &set); err != nil || set.Zxid == 0 {
			t.Fatalf("%v: %s", err, answer)
		}
		f := c.FollowMoving(i, fmt.Sprintf("/v1/sessions/%s/events?since=%d", l.ID, set.Zxid), time.Duration(i)*700*time.Millisecond)
		filters[f] = func() (bool, bool, string) { return recursive, !recursive, path }
	}
	for range 3 {
		ch.goOn(60)
		killed := c.Leader()
		killed.Kill()
		ch.goOn(60)
		killed.Start().Ready()
	}
	truth := readTruth(t, c, ch.end(), c.Zxid())
	for f, is := range filters {
		recursive, children, path := is()
		judgeStream(t, truth, f, pathFilter(t, recursive, true, children, path))
	}
	alive.live("/live")
}

// What a session is answered is never newer than what its stream, on the same member, has been sent: when the answer is
// here, the events before it are too. The session's own write is what its answer and its event come from at once.
func TestASessionsEventsComeBeforeWhatTheyTellOf(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	if _, err := c.Client(0).Put(t.Context(), "/n", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	for _, at := range []*harness.Member{c.Leader(), c.Followers()[0]} {
		l := openLease(t, c, time.Minute, "")
		eventually(t, at.Alone(), http.StatusCreated, http.MethodPost, "/v1/sessions/"+l.ID+"/watches", "", `{"path":"/n","mode":"persistent"}`)
		stream := dialStream(t, at, "/v1/sessions/"+l.ID+"/events")
		stream.await(t, "event: open")
		for i := range 300 {
			method := http.MethodPut
			if i%3 == 2 {
				method = http.MethodGet // what others wrote, too
				if _, err := c.Client(i).Put(t.Context(), "/n", nil, client.Any()); err != nil {
					t.Fatal(err)
				}
			}
			header := headerOf(t, method, at.URL+"/v1/znodes/n", l.ID)
			here := stream.here(t) // before anything else: it must have arrived by now
			if event := "id: " + header.Get("Znode-Mzxid") + "\n"; !strings.Contains(here, event) {
				t.Fatalf("%s %d on %s: the answer has mzxid %s, and its event has not come; the stream ends with %q", method, i, at.Name,
					header.Get("Znode-Mzxid"), here[max(0, len(here)-200):])
			}
		}
	}
}

// headerOf is the header of the answer to a request of a session.
func headerOf(t *testing.T, method, url, session string) http.Header {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Holt-Session", session)
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, url, res.Status)
	}
	return res.Header
}
