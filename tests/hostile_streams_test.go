package tests

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

const (
	// deaf is how many clients there are that never read their streams.
	deaf = 40
	// deafMemory is how much more memory a member may take for all of them: the data that streams may hold at once, as
	// much again for the garbage collector, and some.
	deafMemory = 320 << 20
	// manyStreams is how many streams one member carries in a test, if the machine lets a process have so many files.
	manyStreams = 5000
	// streamMemory is how much memory one of them may take, in bytes.
	streamMemory = 64 << 10
)

// Clients that ask for everything with its data and read nothing are cut off, cost no more than is promised, and nobody
// else notices.
func TestStreamsThatAreNeverReadAreCutOff(t *testing.T) {
	m := bin.NewMember(t, "besieged").Start().Ready()
	limits, err := m.Client().Limits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	within := time.Duration(limits.StreamWriteTimeoutMs) * time.Millisecond
	f := m.Alone().Follow(0, "/v1/watch/large?include=data").Open()
	goroutinesBefore, memoryBefore := goroutines(t, m), m.Metric("process_resident_memory_bytes")
	for range deaf {
		s := dialStream(t, m, "/v1/watch/?recursive=true&include=data")
		if err := s.conn.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	harness.Eventually(t, endTime, "all have their streams", func() bool { return m.Metric("go_goroutines") >= goroutinesBefore+deaf })

	c, most := m.Client(), 0.0
	var last *client.Written
	writes, cut := 0, false
	begun := time.Now()
	for ; !cut && time.Since(begun) < within+slack; writes++ {
		if last, err = c.Put(t.Context(), "/large", bytes.Repeat([]byte("x"), 1<<20), client.Any()); err != nil {
			t.Fatal(err)
		}
		most = max(most, m.Metric("process_resident_memory_bytes"))
		cut = time.Since(begun) > within && m.Metric("go_goroutines") <= goroutinesBefore+spareGoroutines
		<-time.After(100 * time.Millisecond)
	}
	if !cut {
		t.Errorf("streams that nobody reads are still open after %v; a client may be stuck for %v", time.Since(begun), within)
	}
	f.Await(endTime, "the last change", func(m harness.Message) bool { return m.ID == fmt.Sprint(last.Zxid) })
	if n := len(f.Messages()); n != writes+1 || len(f.Connections()) != 1 {
		t.Errorf("a client that reads was sent %d messages on %d streams, want %d and an open on one", n, len(f.Connections()), writes)
	}
	t.Logf("%d writes of 1 MiB to %d deaf clients, cut off after %v: %.0f MiB of memory before, %.0f at most", writes, deaf,
		time.Since(begun).Round(time.Millisecond), memoryBefore/(1<<20), most/(1<<20))
	if most > memoryBefore+deafMemory {
		t.Errorf("memory grew by %.0f MiB, want at most %d", (most-memoryBefore)/(1<<20), deafMemory>>20)
	}
}

// A member carries thousands of streams, tells all of them, and has its memory back afterwards.
func TestThousandsOfStreams(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	n := min(manyStreams, int(files.Max)-1000) // the member has as many as this process
	if n < 1 {
		t.Fatalf("at most %d open files: no test of thousands of streams", files.Max)
	}
	m := bin.NewMember(t, "crowded").Start().Ready()
	before, memoryBefore := goroutines(t, m), m.Metric("process_resident_memory_bytes")
	begun := time.Now()
	conns := make(chan net.Conn, n)
	var wg sync.WaitGroup
	var todo atomic.Int64
	for range 32 {
		wg.Go(func() {
			for todo.Add(1) <= int64(n) {
				c, err := net.DialTimeout("tcp", m.HTTPAddr, endTime)
				if err != nil {
					t.Error(err)
					return
				}
				if err := ready(c); err != nil {
					t.Error(err)
				}
				conns <- c
			}
		})
	}
	wg.Wait()
	close(conns)
	opened := time.Since(begun)
	memory := m.Metric("process_resident_memory_bytes") - memoryBefore

	begun = time.Now()
	w, err := m.Client().Put(t.Context(), "/n", nil, client.Any())
	if err != nil {
		t.Fatal(err)
	}
	written := time.Since(begun)
	told := 0
	var all []net.Conn
	for c := range conns {
		all = append(all, c)
		if err := awaitText(c, fmt.Sprintf("id: %d\n", w.Zxid)); err != nil {
			t.Error(err)
		} else {
			told++
		}
	}
	t.Logf("%d streams opened in %v, %.0f kB of memory each; a write to all of them acknowledged after %v, the last was told after %v", n,
		opened.Round(time.Millisecond), memory/float64(n)/1000, written.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	if told != n {
		t.Errorf("%d of %d were told", told, n)
	}
	if memory > float64(n*streamMemory) {
		t.Errorf("%.0f bytes of memory for a stream, want at most %d", memory/float64(n), streamMemory)
	}
	for _, c := range all {
		c.Close()
	}
	harness.Eventually(t, slack, "the goroutines are gone", func() bool { return m.Metric("go_goroutines") <= before+spareGoroutines })
}

// ready asks for a stream and waits until it is open.
func ready(c net.Conn) error {
	if _, err := io.WriteString(c, "GET /v1/watch/n HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	return awaitText(c, "event: open\n")
}

// awaitText reads lines until one is as wanted.
func awaitText(c net.Conn, want string) error {
	if err := c.SetReadDeadline(time.Now().Add(endTime)); err != nil {
		return err
	}
	r := bufio.NewReaderSize(c, 512)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("waiting for %q: %w", want, err)
		}
		if line == want {
			return nil
		}
	}
}

// Streams and long polls have their own limit; what else is asked does not suffer from it.
func TestTooManyStreamsAreRefused(t *testing.T) {
	const most = 3
	m := bin.NewMember(t, "a")
	m.Env["HOLT_MAX_STREAMS"] = fmt.Sprint(most)
	m.Start().Ready()
	var streams []*rawStream
	for range most {
		s := dialStream(t, m, "/v1/watch/n")
		s.await(t, "event: open")
		streams = append(streams, s)
	}
	for _, target := range []string{"/v1/watch/n", "/v1/znodes/n?wait=1s"} {
		status, header, body := m.Get(target)
		if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || problemCode(body) != "throttled" {
			t.Errorf("%s, one too many: %d %q %v", target, status, body, header)
		}
	}
	if status := m.Status("/v1/znodes"); status != http.StatusOK {
		t.Errorf("an ordinary read meanwhile: %d", status)
	}
	w, err := m.Client().Put(t.Context(), "/n", nil, client.Any())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		s.await(t, fmt.Sprintf("id: %d\n", w.Zxid))
	}
	streams[0].conn.Close()
	harness.Eventually(t, endTime, "there is room for a long poll", func() bool {
		return m.Status("/v1/znodes/absent?wait=10ms") == http.StatusNotFound
	})
}

// Every refusal is told as one, and nothing of it shows an id.
func TestSessionsRefuseWhatIsWrong(t *testing.T) {
	m := bin.NewMember(t, "a").Start().Ready()
	l := openLease(t, m.Alone(), time.Minute, "/mine")
	other := openLease(t, m.Alone(), time.Minute, "")
	huge := strings.Repeat("/x", 1<<16)
	for _, c := range []struct {
		method, target, session, body string
		status                        int
		code                          string
	}{
		{"POST", "/v1/sessions?timeout=forever", "", "", 400, "bad_arguments"},
		{"POST", "/v1/sessions?timeout=-1s", "", "", 400, "bad_arguments"},
		{"POST", "/v1/sessions?tiemout=10s", "", "", 400, "bad_arguments"},
		{"POST", "/v1/sessions/" + nobody + "/keepalive", "", "", 410, "session_expired"},
		{"POST", "/v1/sessions/" + l.Owner + "/keepalive", "", "", 400, "bad_arguments"},
		{"POST", "/v1/sessions/" + strings.ToUpper(l.ID) + "x/keepalive", "", "", 400, "bad_arguments"},
		{"POST", "/v1/sessions/%2e%2e/keepalive", "", "", 400, "bad_arguments"},
		{"POST", "/v1/keepalive", "", `["` + nobody + `",`, 400, "bad_arguments"},
		{"POST", "/v1/keepalive", "", "[" + strings.Repeat(`"`+nobody+`",`, 1<<16) + `"x"]`, 413, "too_large"},
		{"GET", "/v1/sessions/s999", "", "", 410, "session_expired"},
		{"GET", "/v1/sessions/" + l.ID + "/nothing", "", "", 404, "no_route"},
		{"PUT", "/v1/sessions/" + l.ID, "", "", 405, "method_not_allowed"},
		{"POST", "/v1/sessions/" + l.ID + "/watches", "", `{"path":"/n","mode":"sometimes"}`, 400, "bad_arguments"},
		{"POST", "/v1/sessions/" + l.ID + "/watches", "", `{"path":"n","mode":"data"}`, 400, "bad_arguments"},
		{"POST", "/v1/sessions/" + l.ID + "/watches", "", `{"path":"` + huge + `","mode":"data"}`, 413, "too_large"},
		{"POST", "/v1/sessions/" + l.ID + "/watches", "", `{"path":"/absent","mode":"data"}`, 404, "no_node"},
		{"DELETE", "/v1/sessions/" + l.ID + "/watches?path=/absent", "", "", 404, "no_watch"},
		{"GET", "/v1/sessions/" + l.ID + "/events?since=yesterday", "", "", 400, "bad_arguments"},
		{"GET", "/v1/watch/n?since=-1", "", "", 400, "bad_arguments"},
		{"GET", "/v1/watch/n?events=all", "", "", 400, "bad_arguments"},
		{"GET", "/v1/watch/n?path=/m", "", "", 400, "bad_arguments"},
		{"GET", "/v1/znodes/n?wait=1h", "", "", 400, "bad_arguments"},
		{"POST", "/v1/znodes/e?mode=ephemeral", "", "", 400, "bad_arguments"},
		{"POST", "/v1/znodes/e?mode=ephemeral", nobody, "", 410, "session_expired"},
		{"POST", "/v1/znodes/e?mode=ephemeral", other.Owner, "", 400, "bad_arguments"},
		{"POST", "/v1/znodes/mine/below", l.ID, "", 409, "no_children_for_ephemerals"},
		{"GET", "/v1/znodes", nobody, "", 410, "session_expired"},
	} {
		status, answer := sendOnce(t, c.method, m.URL+c.target, c.session, c.body)
		if status != c.status || problemCode(answer) != c.code {
			t.Errorf("%s %.80s: %d %.200s, want %d %s", c.method, c.target, status, answer, c.status, c.code)
		}
	}
	if status, _ := sendOnce(t, http.MethodPost, m.URL+"/v1/sessions/"+l.ID+"/keepalive", "", ""); status != http.StatusOK {
		t.Errorf("after all that the session is not what it was: %d", status)
	}
	for _, id := range []string{l.ID, other.ID} {
		if m.Log.Has(id) {
			t.Error("an id is in the log")
		}
		if _, _, metrics := m.Get("/metrics"); strings.Contains(metrics, id) {
			t.Error("an id is in the metrics")
		}
	}
}
