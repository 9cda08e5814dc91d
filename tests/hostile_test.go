package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

const (
	// crowd is how many attackers of each kind there are at once.
	crowd = 20
	// slack is how much later than it promises the server may give up on somebody.
	slack = 20 * time.Second
	// spareGoroutines is how many more goroutines than before there may be afterwards: of connections between answers.
	spareGoroutines = 3
)

// attack is one way to be a bad client. It sends what it likes, and then waits for the server to end the connection.
type attack struct {
	send   func(c *net.TCPConn)
	status int           // of the first answer; 0: none, or any
	within time.Duration // by when the server must have ended the connection; 0: it need not, the attacker hangs up
}

// attacks are all of them, against a server with these times.
func attacks(body, answer time.Duration) map[string]attack {
	const head = "PUT /v1/znodes/attacked HTTP/1.1\r\nHost: localhost\r\n"
	const header = 5 * time.Second // the server's time for a header
	return map[string]attack{
		"half a request line":    {say("GET /v1/zn"), 0, header},
		"half a header":          {say(head + "X-Half: "), 0, header},
		"half a body":            {say(head + "Content-Length: 1000\r\n\r\nhalf"), 400, body},
		"no body":                {say(head + "Content-Length: 1000\r\n\r\n"), 400, body},
		"half a chunk":           {say(head + "Transfer-Encoding: chunked\r\n\r\nff\r\nhalf"), 400, body},
		"a header, byte by byte": {slowly(head), 0, header},
		"a body, byte by byte":   {slowly(strings.Repeat("x", 100), head+"Content-Length: 1000\r\n\r\n"), 400, body},
		"a huge header":          {say(head + "X-Huge: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"), 431, header},
		"10,000 header lines":    {say(head + strings.Repeat("X-Line: x\r\n", 10_000) + "\r\n"), 431, header},
		"a huge path":            {say("GET /v1/znodes/" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"), 431, header},
		"a huge body, announced": {say(head + "Content-Length: 10000000000\r\n\r\n" + strings.Repeat("x", 1<<16)), 413, body},
		"a huge body, in chunks": {say(head + "Transfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 200)), 413, body},
		"garbage": {say(strings.Repeat("\x00\xff garbage \r\n", 1000)), 400, header},
		"a request smuggled": {say("PUT /v1/znodes/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"0\r\n\r\nPUT /v1/znodes/attacked HTTP/1.1\r\n\r\n"),
			0, body},
		"two lengths":          {say(head + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n12345"), 400, header},
		"garbage in pipeline":  {say("GET /v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n" + strings.Repeat("\x01garbage", 100) + "\r\n\r\n"), 200, header},
		"answers never read":   {unread, 0, answer},
		"a hang-up in between": {say("GET /v1/znodes/large HTTP/1.1\r\nHost: localhost\r\n\r\n"), 0, 0},
	}
}

// say sends text at once.
func say(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) { _, _ = io.WriteString(c, text) } // the server may hang up meanwhile
}

// slowly sends first at once, and then a byte a second for as long as the server listens.
func slowly(text string, first ...string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, _ = io.WriteString(c, strings.Join(first, ""))
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for i := range len(text) {
			if _, err := c.Write([]byte{text[i]}); err != nil {
				return
			}
			<-tick.C
		}
	}
}

// unread asks for far more than the buffers between hold, and reads nothing.
func unread(c *net.TCPConn) {
	_, _ = io.WriteString(c, strings.Repeat("GET /v1/znodes/large HTTP/1.1\r\nHost: localhost\r\n\r\n", 40))
}

// carryOut does the attack once and says what was not as it should be.
func (a attack) carryOut(addr string, limits time.Duration) error {
	nc, err := net.DialTimeout("tcp", addr, slack)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer nc.Close()
	c := nc.(*net.TCPConn)
	begun := time.Now()
	if err := c.SetDeadline(begun.Add(limits)); err != nil {
		return err
	}
	var sent sync.WaitGroup
	sent.Go(func() { a.send(c) })
	if a.within == 0 {
		sent.Wait()
		return nil
	}
	if a.status == 0 {
		sent.Wait()
		return a.ended(io.Copy(io.Discard, slowReader{c, begun.Add(a.within + slack/2)}))
	}
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("no answer after %v: %w", time.Since(begun), err)
	}
	if res.StatusCode != a.status {
		return fmt.Errorf("status %d, want %d", res.StatusCode, a.status)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	err = a.ended(io.Copy(io.Discard, r))
	nc.Close()
	sent.Wait()
	return err
}

// ended judges how the reading of the rest ended: by the server's doing, or not in time.
func (a attack) ended(_ int64, err error) error {
	if errors.Is(err, errNotEnded) || isTimeout(err) {
		return fmt.Errorf("the server has not ended the connection after %v", a.within+slack)
	}
	return nil
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// errNotEnded: the server still sends when it should have given up.
var errNotEnded = errors.New("still open")

// slowReader reads nothing before its time, when the server should have given up.
type slowReader struct {
	c    *net.TCPConn
	from time.Time
}

func (s slowReader) Read(p []byte) (int, error) {
	if wait := time.Until(s.from); wait > 0 {
		<-time.After(wait)
	}
	return s.c.Read(p)
}

func TestHostileClientsDisturbNobodyAndLeaveNothing(t *testing.T) {
	m := bin.NewMember(t, "besieged").Start().Ready()
	c := m.Client()
	if _, err := c.Put(t.Context(), "/large", bytes.Repeat([]byte("x"), 1<<20), client.Any()); err != nil {
		t.Fatal(err)
	}
	limits, err := c.Limits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	body, answer := time.Duration(limits.BodyTimeoutMs)*time.Millisecond, time.Duration(limits.AnswerTimeoutMs)*time.Millisecond
	before := goroutines(t, m)

	var wg sync.WaitGroup
	for name, a := range attacks(body, answer) {
		for range crowd {
			wg.Go(func() {
				if err := a.carryOut(m.HTTPAddr, a.within+slack); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	var served int
	var slowest time.Duration
	during := 0.0
	for done := false; !done; { // somebody who behaves goes on meanwhile
		begun := time.Now()
		if _, err := c.Put(t.Context(), "/well-behaved", nil, client.Any()); err != nil {
			t.Errorf("a well-behaved client is refused meanwhile: %v", err)
		}
		slowest = max(slowest, time.Since(begun))
		served++
		during = max(during, m.Metric("go_goroutines"))
		select {
		case <-over:
			done = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	c.Close()
	t.Logf("%d writes of a well-behaved client meanwhile, the slowest took %v; goroutines: %v before, %v at most", served,
		slowest.Round(time.Millisecond), before, during)
	if during < before+crowd {
		t.Errorf("there were never more than %v goroutines: nobody attacked", during)
	}
	harness.Eventually(t, slack, fmt.Sprintf("at most %v goroutines again", before+spareGoroutines), func() bool {
		return m.Metric("go_goroutines") <= before+spareGoroutines
	})
	if m.Ended() {
		t.Error("the member has ended")
	}
	if _, err := m.Client().Get(t.Context(), "/attacked", client.Linearizable); !errors.Is(err, client.NoNode) {
		t.Errorf("a request that was refused has changed something: %v", err)
	}
}

// goroutines is how many the member has when nobody asks anything.
func goroutines(t *testing.T, m *harness.Member) float64 {
	t.Helper()
	least := m.Metric("go_goroutines")
	for range 10 { // a connection that has just ended may still count
		least = min(least, m.Metric("go_goroutines"))
	}
	if least <= 0 {
		t.Fatal("/metrics has no go_goroutines")
	}
	return least
}

func TestTooLargeNamesTheLimitAndKeepsTheConnection(t *testing.T) {
	m := bin.NewMember(t, "x").Start().Ready()
	nc, err := net.Dial("tcp", m.HTTPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(endTime)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(nc)
	size := 1<<20 + 1
	fmt.Fprintf(nc, "PUT /v1/znodes/n HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", size, bytes.Repeat([]byte("x"), size))
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Code        string
		Limit, Size int64
	}
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusRequestEntityTooLarge || p.Code != "too_large" || p.Limit != 1<<20 || p.Size != int64(size) {
		t.Errorf("%d %+v", res.StatusCode, p)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	fmt.Fprint(nc, "GET /v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if res, err = http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the next request on the connection: %v", err)
	}
}
