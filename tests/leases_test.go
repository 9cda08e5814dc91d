package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/tests/harness"
)

// lease is a session over plain HTTP. Nothing renews it by itself.
type lease struct {
	ID        string
	Owner     string
	TimeoutMs int64 `json:"timeout_ms"`

	c *harness.Cluster

	mu      sync.Mutex // guards what follows
	renewed time.Time  // when the last renewal was sent that was acknowledged
	over    string     // what it was told when it was told that it is over
	overAt  time.Time
	acks    int
	slowest time.Duration // between two acknowledged renewals
}

func (l *lease) timeout() time.Duration { return time.Duration(l.TimeoutMs) * time.Millisecond }

// sessionClient sends what is about sessions, and gives a member up soon: one that is frozen must not cost a session its
// life.
var sessionClient = &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// send sends a request to one member: status and body, 0 if no answer came soon.
func send(ctx context.Context, method, url, session, body string) (int, string) {
	return sendBy(ctx, sessionClient, method, url, session, "", body)
}

// sendOnce is send to a member that is well, and given all the time that a slow machine may need: nobody asks again.
func sendOnce(t *testing.T, method, url, session, body string) (int, string) {
	ctx, cancel := context.WithTimeout(t.Context(), harness.SettleTime)
	defer cancel()
	return sendBy(ctx, http.DefaultClient, method, url, session, "", body)
}

func sendBy(ctx context.Context, c *http.Client, method, url, session, key, body string) (int, string) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewBufferString(body))
	if err != nil {
		return 0, err.Error()
	}
	if session != "" {
		request.Header.Set("Holt-Session", session)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	res, err := c.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

// eventually asks one member after another until the answer is of this status. What does harm when it is done twice has a key: an answer
// that did not come in time is given again.
func eventually(t *testing.T, c *harness.Cluster, want int, method, target, session, body string) string {
	t.Helper()
	var status int
	var answer string
	i := rand.IntN(len(c.Members))
	key := ""
	if method != http.MethodGet && !strings.HasSuffix(target, "/watches") {
		key = fmt.Sprintf("%s-%d", t.Name(), rand.Uint64())
	}
	harness.Eventually(t, harness.SettleTime, fmt.Sprintf("%s %s is answered with %d", method, target, want), func() bool {
		status, answer = sendBy(t.Context(), sessionClient, method, c.Members[i%len(c.Members)].URL+target, session, key, body)
		i++
		return status == want
	})
	return answer
}

// openLease opens a session and makes an ephemeral of it.
func openLease(t *testing.T, c *harness.Cluster, timeout time.Duration, ephemeral string) *lease {
	t.Helper()
	l := &lease{c: c, renewed: time.Now()}
	answer := eventually(t, c, http.StatusCreated, http.MethodPost, "/v1/sessions?timeout="+timeout.String(), "", "")
	if err := json.Unmarshal([]byte(answer), l); err != nil || l.ID == "" || l.timeout() != timeout {
		t.Fatalf("a session of %v: %v: %s", timeout, err, answer)
	}
	if ephemeral == "" {
		return l
	}
	l.renewed = time.Now()
	// As PUT, since a first attempt without an answer may have made it.
	var made bool
	harness.Eventually(t, harness.SettleTime, ephemeral+" is there", func() bool {
		m := c.Members[rand.IntN(len(c.Members))]
		status, answer := send(t.Context(), http.MethodPost, m.URL+"/v1/znodes"+ephemeral+"?mode=ephemeral", l.ID, "")
		made = status == http.StatusCreated || status == http.StatusConflict
		if status == http.StatusGone {
			t.Fatalf("a session that is being used is over: %s", answer)
		}
		return made
	})
	return l
}

// keep renews the session through random members until ctx ends or it is over. Where one does not answer it asks the
// next.
func (l *lease) keep(ctx context.Context) {
	member := rand.IntN(len(l.c.Members))
	for ctx.Err() == nil && l.overWith() == "" {
		pause := l.timeout() / 6
		if l.renew(ctx, l.c.Members[member].URL) {
			member = rand.IntN(len(l.c.Members))
		} else {
			pause /= 10
			member = (member + 1) % len(l.c.Members)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// renew asks one member to renew the session and says whether it is renewed.
func (l *lease) renew(ctx context.Context, url string) bool {
	sent := time.Now()
	var status int
	var answer string
	if rand.IntN(4) == 0 { // among others, of which one is nobody's
		status, answer = send(ctx, http.MethodPost, url+"/v1/keepalive", "", fmt.Sprintf("[%q,%q]", nobody, l.ID))
		if status == http.StatusOK {
			var each []struct {
				Code   string
				Reason string
			}
			if err := json.Unmarshal([]byte(answer), &each); err != nil || len(each) != 2 || each[0].Code != "session_expired" {
				status = http.StatusTeapot
			} else if each[1].Code == "session_expired" {
				status, answer = http.StatusGone, each[1].Reason
			}
		}
	} else {
		status, answer = send(ctx, http.MethodPost, url+"/v1/sessions/"+l.ID+"/keepalive", "", "")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch status {
	case http.StatusOK:
		l.slowest = max(l.slowest, sent.Sub(l.renewed))
		l.renewed = sent
		l.acks++
	case http.StatusGone, http.StatusTeapot, http.StatusBadRequest, http.StatusNotFound:
		l.over, l.overAt = fmt.Sprintf("%d %s", status, answer), time.Now()
	}
	return status == http.StatusOK
}

// nobody is an id that no session has.
const nobody = "00000000000000000000000000000000"

func (l *lease) overWith() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// flock is sessions that are all kept alive.
type flock struct {
	t      *testing.T
	leases []*lease
	stop   context.CancelFunc
	wg     sync.WaitGroup
}

// keepAlive opens n sessions, each with an ephemeral below a znode, and keeps them alive.
func keepAlive(t *testing.T, c *harness.Cluster, n int, timeout time.Duration, below string) *flock {
	t.Helper()
	f := &flock{t: t}
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	t.Cleanup(f.end)
	for i := range n {
		l := openLease(t, c, timeout, fmt.Sprintf("%s/%d", below, i))
		f.leases = append(f.leases, l)
		f.wg.Go(func() { l.keep(ctx) })
	}
	return f
}

// end stops keeping them alive.
func (f *flock) end() {
	f.stop()
	f.wg.Wait()
}

// live fails the test unless all are alive, each with its ephemeral.
func (f *flock) live(below string) {
	f.t.Helper()
	var acks int
	var slowest time.Duration
	for i, l := range f.leases {
		if over := l.overWith(); over != "" {
			f.t.Errorf("session %s was renewed all the time, %v before, and was told: %s", l.Owner, l.overAt.Sub(l.renewed), over)
			continue
		}
		var stat struct {
			Stat struct {
				Owner string `json:"ephemeral_owner"`
			}
		}
		path := fmt.Sprintf("%s/%d", below, i)
		answer := eventually(f.t, l.c, http.StatusOK, http.MethodGet, "/v1/znodes"+path+"?format=json&consistency=linearizable", "", "")
		if err := json.Unmarshal([]byte(answer), &stat); err != nil || stat.Stat.Owner != l.Owner {
			f.t.Errorf("%s is not of session %s: %s", path, l.Owner, answer)
		}
		l.mu.Lock()
		acks += l.acks
		slowest = max(slowest, l.slowest)
		l.mu.Unlock()
	}
	f.t.Logf("%d sessions of %v are alive after %d renewals, at most %v apart", len(f.leases), f.leases[0].timeout(), acks,
		slowest.Round(time.Millisecond))
}
