package tests

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/harness"
)

var linearizableWithData = client.ChildrenQuery{WithData: true, Consistency: client.Linearizable}

// hasty is how long a client of the Go client's is in the mood to wait.
const hasty = 2 * time.Second

// Jobs are put into a queue by many, while members die and freeze and connections break. Whoever gets no answer asks again, anybody.
// In the end each job is there once, under the name that its writer was told.
func TestAQueueHasEachJobOnceWhateverDies(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "262144"}).Start()
	if _, err := c.Client(0).Create(t.Context(), "/queue", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	w := newInsistent(t, c)
	var mu sync.Mutex
	told := map[string]string{} // name → data
	note := func(path, data string) {
		mu.Lock()
		defer mu.Unlock()
		if other, ok := told[path]; ok {
			t.Errorf("%s is the name of %q and of %q", path, other, data)
		}
		told[path] = data
	}
	begun := time.Now()
	besiegeWhile(t, c, onceKills(t), &w.done, func(ctx context.Context, worker int) {
		if worker%2 == 0 {
			queueWithClient(ctx, w, worker, note)
			return
		}
		for n := 0; rest(ctx); n++ {
			data := fmt.Sprintf("job %d of %d", n, worker)
			o, ok := w.must(keyedWrite{method: http.MethodPost, target: "/v1/znodes/queue/job-?mode=persistent_sequential", body: data, key: rand.Text()}, 201)
			var made wire.Written
			if !ok || json.Unmarshal([]byte(o.body), &made) != nil {
				return
			}
			note(made.Path, data)
		}
	})
	w.log()

	there := childrenOf(t, c, "/queue")
	if len(there) != len(told) || len(there) < 10*keyedWriters {
		t.Errorf("%d jobs were put into the queue, %d are in it: %v are there more than once", len(told), len(there), repeats(there))
	}
	for path, data := range told {
		if got, ok := there[strings.TrimPrefix(path, "/queue/")]; !ok || got != data {
			t.Errorf("%s is %q (there: %v), its writer was told %q", path, got, ok, data)
		}
	}
	c.Equal()
	t.Logf("%d jobs, each once, within %v", len(there), time.Since(begun).Round(time.Millisecond))
}

// queueWithClient puts jobs into the queue with the Go client, whose own keys are used when it has given up.
func queueWithClient(ctx context.Context, w *insistent, worker int, note func(path, data string)) {
	c, err := client.New(client.Config{Endpoints: w.c.URLs(worker), Timeout: hasty})
	if err != nil {
		w.t.Error(err)
		return
	}
	defer c.Close()
	for n := 0; rest(ctx); n++ {
		data := fmt.Sprintf("job %d of %d", n, worker)
		patience, asker := hangUpTime, c
		if n%hangUpOneIn > 0 {
			patience = harness.SettleTime
		}
		for deadline := time.Now().Add(harness.SettleTime); ; patience = harness.SettleTime {
			short, cancel := context.WithTimeout(w.t.Context(), patience)
			made, err := asker.Create(short, "/queue/job-", []byte(data), client.PersistentSequential)
			cancel()
			if err == nil {
				w.done.Add(1)
				if made.Replayed {
					w.replayed.Add(1)
				}
				note(made.Path, data)
				break
			}
			w.lost.Add(1)
			var e *client.Error
			if !errors.As(err, &e) || e.Key == "" || e.Problem.Status != 0 && definite(e.Problem.Status) || time.Now().After(deadline) {
				w.t.Errorf("the Go client: %v", err)
				return
			}
			asker = c.Keyed(e.Key)
		}
	}
}

// Every kind of write is done once: a second time would be refused, or would show in what is counted.
func TestEveryWriteIsDoneOnceWhateverDies(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "262144"}).Start()
	for _, p := range []string{"/count", "/live"} {
		if _, err := c.Client(0).Create(t.Context(), p, nil, client.Persistent); err != nil {
			t.Fatal(err)
		}
	}
	w := newInsistent(t, c)
	var counted, open atomic.Int64
	besiegeWhile(t, c, onceKills(t), &w.done, func(ctx context.Context, worker int) {
		for n := 0; rest(ctx); n++ {
			if !w.life(fmt.Sprintf("/live/%d", worker), n%2 == 0, &counted, &open) {
				return
			}
		}
	})
	w.log()
	one := c.Client(0)
	count, err := one.Get(t.Context(), "/count", client.Linearizable)
	if err != nil || count.Stat.Version != counted.Load() {
		t.Errorf("set %d times, the version is %d: %v", counted.Load(), count.Stat.Version, err)
	}
	if left := childrenOf(t, c, "/live"); len(left) > 0 {
		t.Errorf("what was deleted is there: %v", left)
	}
	c.Equal()
	if n := c.Members[0].Metric("holt_sessions"); n != float64(open.Load()) {
		t.Errorf("%v sessions, %d were opened and not closed", n, open.Load())
	}
	t.Logf("%d sets of one znode, %d sessions left open", counted.Load(), open.Load())
}

// life does one of each write, in the order of a life; false when that must end.
func (i *insistent) life(at string, closes bool, counted, open *atomic.Int64) bool {
	do := func(status int, method, target, session, body string) bool {
		_, ok := i.must(keyedWrite{method, target, session, body, rand.Text()}, status)
		return ok
	}
	o, ok := i.must(keyedWrite{method: http.MethodPost, target: "/v1/sessions?timeout=5m", key: rand.Text()}, 201)
	var session wire.SessionOpened
	if !ok || json.Unmarshal([]byte(o.body), &session) != nil {
		return false
	}
	open.Add(1)
	txn := func(ops ...string) string {
		return `{"ops":[` + strings.ReplaceAll(strings.Join(ops, ","), "AT", at) + `]}`
	}
	ok = do(201, http.MethodPut, "/v1/znodes"+at, "", "born") &&
		do(200, http.MethodPut, "/v1/znodes/count", "", at) &&
		do(201, http.MethodPost, "/v1/znodes"+at+"/deep/down?parents=true", "", "") &&
		do(200, http.MethodPost, "/v1/txn", session.ID, txn(`{"op":"create","path":"AT/here","mode":"ephemeral"}`, `{"op":"check_session"}`, `{"op":"create","path":"AT/a"}`)) &&
		do(200, http.MethodPost, "/v1/txn", "", txn(`{"op":"delete","path":"AT/a"}`, `{"op":"create","path":"AT/b"}`, `{"op":"children","path":"AT"}`)) &&
		do(204, http.MethodDelete, "/v1/znodes"+at+"/b", "", "") &&
		do(404, http.MethodDelete, "/v1/znodes"+at+"/b", "", "") &&
		do(409, http.MethodDelete, "/v1/znodes"+at, "", "") &&
		do(204, http.MethodDelete, "/v1/znodes"+at+"?recursive=true", "", "")
	if !ok {
		return false
	}
	counted.Add(1)
	if !closes {
		return true
	}
	open.Add(-1)
	return do(204, http.MethodDelete, "/v1/sessions/"+session.ID, "", "")
}

// The member that carried a write out dies before anybody has read its answer. Another one has it.
func TestTheAnswerOfALeaderThatDiedIsAtTheOthers(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	if _, err := c.Client(0).Create(t.Context(), "/queue", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	leader, others := c.Leader(), c.Followers()
	conn, err := net.DialTimeout("tcp", leader.HTTPAddr, endTime)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	write := keyedWrite{method: http.MethodPost, target: "/v1/znodes/queue/job-?mode=persistent_sequential", body: "once", key: "the-first"}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n%s",
		write.method, write.target, write.key, len(write.body), write.body); err != nil {
		t.Fatal(err)
	}
	for _, m := range others {
		harness.Eventually(t, endTime, "it is carried out", func() bool { return m.Status("/v1/znodes/queue/job-0000000000") == http.StatusOK })
	}
	leader.Kill() // with the answer in the socket, at most

	w := newInsistent(t, c)
	first, ok := w.do(write)
	if !ok || first.status != http.StatusCreated || !first.replayed || !strings.Contains(first.body, `"path":"/queue/job-0000000000"`) {
		t.Errorf("%+v", first)
	}
	leader.Start().Ready()
	for _, m := range c.Members {
		if o, err := w.attempt(m, write, harness.SettleTime); err != nil || !o.replayed || !o.same(first) {
			t.Errorf("member %s: %+v, %v", m.Name, o, err)
		}
	}
	if there := childrenOf(t, c, "/queue"); len(there) != 1 {
		t.Errorf("it was done %d times", len(there))
	}
}

// Many ask for the same at once, everywhere. It is done once, and all are told the same.
func TestTheSameWriteFromEverywhereAtOnceIsOne(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	w := newInsistent(t, c)
	for round := range 10 {
		write := keyedWrite{method: http.MethodPost, target: "/v1/znodes/job-?mode=persistent_sequential", key: fmt.Sprintf("round %d", round)}
		write.key = strings.ReplaceAll(write.key, " ", "-")
		answers := make([]outcome, 8*len(c.Members))
		var wg sync.WaitGroup
		for n := range answers {
			wg.Go(func() {
				var err error
				if answers[n], err = w.attempt(c.Members[n%len(c.Members)], write, harness.SettleTime); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		original := 0
		for _, a := range answers {
			if !a.replayed {
				original++
			}
			if a.status != http.StatusCreated || !a.same(answers[0]) {
				t.Errorf("%+v, and %+v", a, answers[0])
			}
		}
		if original != 1 {
			t.Errorf("%d answers say that they are the first", original)
		}
	}
	if there := childrenOf(t, c, "/"); len(there) != 10 {
		t.Errorf("%d znodes of 10 writes", len(there))
	}
}

// Outcomes are part of the state: they are in the snapshot that a member is sent, and there after all were down.
func TestOutcomesAreWhereverTheStateIs(t *testing.T) {
	const writes = 100
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	w := newInsistent(t, c)
	away := c.Followers()[0]
	away.Kill()
	var made [writes]keyedWrite
	var answers [writes]outcome
	for n := range made {
		made[n] = keyedWrite{method: http.MethodPost, target: "/v1/znodes/job-?mode=persistent_sequential", body: fmt.Sprint(n), key: fmt.Sprintf("key-%d", n)}
		if n%10 == 9 { // which is refused, and that is an outcome, too
			made[n].target = "/v1/znodes/no/such/parent"
		}
		var ok bool
		if answers[n], ok = w.do(made[n]); !ok {
			return
		}
	}
	leader := c.Leader()
	one, index := leader.Client(), leader.Metric("holt_raft_last_index")
	data := make([]byte, 64<<10)
	for i := 0; i%50 > 0 || leader.Metric("holt_raft_last_index") < index+400; i++ {
		if _, err := one.Put(t.Context(), "/big", data, client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Create(t.Context(), "/no", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Create(t.Context(), "/no/such", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	away.Start().Ready()
	caughtUpBySnapshot(t, away)
	remembered := func(members ...*harness.Member) {
		t.Helper()
		for _, m := range members {
			for n, write := range made {
				if o, err := w.attempt(m, write, harness.SettleTime); err != nil || !o.replayed || !o.same(answers[n]) {
					t.Errorf("%v at member %s: %+v, %v; at first %+v", write, m.Name, o, err, answers[n])
				}
			}
		}
	}
	remembered(away)
	for _, m := range c.Members {
		m.Kill()
	}
	c.Start()
	remembered(c.Members...)

	before := c.Zxid()
	other := made[0]
	other.body = "something else"
	for _, m := range c.Members {
		if o, err := w.attempt(m, other, harness.SettleTime); err != nil || o.status != http.StatusUnprocessableEntity || problemCode(o.body) != string(wire.IdempotencyMismatch) {
			t.Errorf("another write under the same key: %+v, %v", o, err)
		}
	}
	c.Equal()
	if now := c.Zxid(); now != before {
		t.Errorf("what was done before, or refused, moved the zxid from %d to %d", before, now)
	}
}

// A session is opened once, and whoever opened it, and did not hear of it, gets it.
func TestASessionWhoseOpeningWasNotHeardIsNotLost(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	leader := c.Leader()
	const key = "a-secret-as-good-as-the-session"
	conn, err := net.DialTimeout("tcp", leader.HTTPAddr, endTime)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST /v1/sessions?timeout=1m HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: %s\r\n\r\n", key); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil) // so that there is something to compare with
	if err != nil {
		t.Fatal(err)
	}
	var first wire.SessionOpened
	if err := json.NewDecoder(res.Body).Decode(&first); err != nil || first.ID == "" {
		t.Fatalf("status %d: %v", res.StatusCode, err)
	}
	leader.Kill()
	again, err := c.Client(0).Keyed(key).OpenSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Leave()
	if string(again.ID) != first.ID {
		t.Errorf("another session was opened: %s, not %s", again.Owner, first.Owner)
	}
	if _, err := again.Client().Create(t.Context(), "/alive", nil, client.Ephemeral); err != nil {
		t.Error(err)
	}
	leader.Start().Ready()
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Client(0).Keyed(key).OpenSession(t.Context(), time.Minute); !errors.Is(err, client.SessionExpired) {
		t.Errorf("once it is closed: %v", err)
	}
}
