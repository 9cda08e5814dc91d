package docker

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"holt/tests/harness"
)

const (
	// writers write at once, as many to each member, and each rests between two writes.
	writers   = 6
	writeRest = 20 * time.Millisecond
	// homeAgain is after how many writes a writer looks for its own member again.
	homeAgain = 60
	// patience is how long one member is given for an answer before the next is asked.
	patience = time.Second
	// sessionTimeout is that of the session that is held.
	sessionTimeout = 10 * time.Second
)

// script is a program that uses the cluster: it writes, reads, holds a session and follows a stream. Whoever does not answer it is
// left for the next one, with the same key.
type script struct {
	t     *testing.T
	c     *harness.Cluster
	http  *http.Client
	stop  context.CancelFunc
	wg    sync.WaitGroup
	lease string // the session's id

	streams []*harness.Follower

	mu      sync.Mutex // guards what follows
	made    []znode
	lastAck time.Time
	gap     time.Duration // the longest without an acknowledged write since it was last asked for
	counted int64
	renewed int
	reads   int
}

// znode is one that was acknowledged.
type znode struct {
	path, data string
	zxid       string
}

// answer is what a member said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// startScript begins to use the cluster.
func startScript(t *testing.T, c *harness.Cluster) *script {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * writers}
	t.Cleanup(transport.CloseIdleConnections)
	ctx, stop := context.WithCancel(context.Background())
	s := &script{t: t, c: c, http: &http.Client{Transport: transport}, stop: stop, lastAck: time.Now()}
	t.Cleanup(s.end)
	s.keyed(ctx, nil, http.StatusCreated, http.MethodPut, "/v1/znodes/log", nil, "")
	s.keyed(ctx, nil, http.StatusCreated, http.MethodPut, "/v1/znodes/count", nil, "0")
	var opened struct{ ID string }
	if err := json.Unmarshal(s.keyed(ctx, nil, http.StatusCreated, http.MethodPost, "/v1/sessions?timeout="+sessionTimeout.String(), nil, "").body,
		&opened); err != nil {
		t.Fatal(err)
	}
	s.lease = opened.ID
	s.wg.Go(func() { s.renew(ctx) })
	s.keyed(ctx, nil, http.StatusCreated, http.MethodPost, "/v1/znodes/alive?mode=ephemeral", http.Header{"Holt-Session": {s.lease}}, "")
	for i := range c.Members {
		s.streams = append(s.streams, c.Follow(i, "/v1/watch/log?recursive=true&since=0").Open())
	}
	for i := range writers {
		s.wg.Go(func() { s.write(ctx, i) })
	}
	s.wg.Go(func() { s.count(ctx) })
	s.wg.Go(func() { s.read(ctx) })
	return s
}

// end stops all but the streams.
func (s *script) end() {
	s.stop()
	s.wg.Wait()
}

// attempt asks one member.
func (s *script) attempt(ctx context.Context, m *harness.Member, method, target string, header http.Header, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.URL+target, bytes.NewBufferString(body))
	if err != nil {
		return answer{}, err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	res, err := s.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, b}, err
}

// keyed asks for a write until there is a definite answer. All attempts carry one key, so it is done once.
func (s *script) keyed(ctx context.Context, at *int, want int, method, target string, header http.Header, body string) answer {
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Idempotency-Key", rand.Text())
	return s.insist(ctx, at, want, method, target, h, body)
}

// insist asks one member after another until there is a definite answer, which has to be of this status. It begins with the member
// of number at, and leaves there the one that answered; where at is nil with any. The answer is empty if ctx ended before.
func (s *script) insist(ctx context.Context, at *int, want int, method, target string, header http.Header, body string) answer {
	var last string
	deadline := time.Now().Add(harness.SettleTime)
	if at == nil {
		at = new(int)
		*at = mathrand.IntN(len(s.c.Members))
	}
	for ; ctx.Err() == nil; *at = (*at + 1) % len(s.c.Members) {
		a, err := s.attempt(ctx, s.c.Members[*at], method, target, header, body)
		if err == nil && a.status < http.StatusInternalServerError && a.status != http.StatusTooManyRequests {
			if a.status != want {
				s.t.Errorf("%s %s: %d %s, want %d", method, target, a.status, a.body, want)
			}
			return a
		}
		last = fmt.Sprintf("%d %s %v", a.status, a.body, err)
		if time.Now().After(deadline) {
			s.t.Errorf("%s %s: no definite answer within %v; last %s", method, target, harness.SettleTime, last)
			return answer{}
		}
		rest(ctx, writeRest)
	}
	return answer{}
}

// rest waits; false when it is time to end.
func rest(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// acked notes an acknowledged write.
func (s *script) acked() {
	now := time.Now()
	s.gap = max(s.gap, now.Sub(s.lastAck))
	s.lastAck = now
}

// write makes sequential znodes, each with data of its own. Each writer has a member it likes to ask, and looks only now and then
// whether that one answers again. So not all wait for one in trouble, and how long nothing is written is the cluster's doing.
func (s *script) write(ctx context.Context, writer int) {
	at := 0
	for n := 0; rest(ctx, writeRest); n++ {
		if n%homeAgain == writer*homeAgain/writers || n == 0 {
			at = writer % len(s.c.Members)
		}
		data := fmt.Sprintf("%d of writer %d", n, writer)
		a := s.keyed(ctx, &at, http.StatusCreated, http.MethodPost, "/v1/znodes/log/n-?mode=persistent_sequential", nil, data)
		var made struct{ Path string }
		if a.status == 0 || json.Unmarshal(a.body, &made) != nil {
			return
		}
		s.mu.Lock()
		s.made = append(s.made, znode{made.Path, data, a.header.Get("Holt-Zxid")})
		s.acked()
		s.mu.Unlock()
	}
}

// count counts up a znode by compare and set. Nobody else does: it must be done each time, and once.
func (s *script) count(ctx context.Context) {
	for n := int64(0); rest(ctx, 5*writeRest); n++ {
		tag := http.Header{"If-Match": {strconv.FormatInt(n, 10)}}
		if a := s.keyed(ctx, nil, http.StatusOK, http.MethodPut, "/v1/znodes/count", tag, strconv.FormatInt(n+1, 10)); a.status != http.StatusOK {
			return
		}
		s.mu.Lock()
		s.counted = n + 1
		s.mu.Unlock()
	}
}

// read reads what was acknowledged, from anybody.
func (s *script) read(ctx context.Context) {
	for rest(ctx, writeRest) {
		s.mu.Lock()
		var z znode
		if len(s.made) > 0 {
			z = s.made[len(s.made)-1-mathrand.IntN(min(len(s.made), 10))]
		}
		s.mu.Unlock()
		if z.path == "" {
			continue
		}
		a := s.insist(ctx, nil, http.StatusOK, http.MethodGet, "/v1/znodes"+z.path, http.Header{"Holt-Zxid": {z.zxid}}, "")
		if a.status == http.StatusOK && string(a.body) != z.data {
			s.t.Errorf("%s was acknowledged with %q and is read as %q", z.path, z.data, a.body)
		}
		s.mu.Lock()
		s.reads++
		s.mu.Unlock()
	}
}

// renew holds the session.
func (s *script) renew(ctx context.Context) {
	for rest(ctx, sessionTimeout/10) {
		if a := s.insist(ctx, nil, http.StatusOK, http.MethodPost, "/v1/sessions/"+s.lease+"/keepalive", nil, ""); a.status == http.StatusOK {
			s.mu.Lock()
			s.renewed++
			s.mu.Unlock()
		}
	}
}

// goOn waits until n further writes were acknowledged.
func (s *script) goOn(n int) {
	s.t.Helper()
	from := s.writes()
	harness.Eventually(s.t, harness.SettleTime, fmt.Sprintf("%d further writes", n), func() bool { return s.writes() >= from+n || s.t.Failed() })
}

func (s *script) writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.made)
}

// longest is the longest time without an acknowledged write since the last call.
func (s *script) longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	gap := s.gap
	s.gap = 0
	return gap
}
