package apitest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// wireConn is a connection that says what it is told to.
type wireConn struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (s *server) dial() *wireConn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(hang))
	return &wireConn{c, s.t, bufio.NewReader(c)}
}

// say sends lines, each with CRLF.
func (c *wireConn) say(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

// send sends text, which the server may refuse to take.
func (c *wireConn) send(text string) { _, _ = io.WriteString(c.Conn, text) }

// hear reads an answer to a request of that method.
func (c *wireConn) hear(method string) answer {
	c.t.Helper()
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{c.t, method, res.StatusCode, res.Header, string(b)}
}

// isClosed waits until the server has hung up.
func (c *wireConn) isClosed() {
	c.t.Helper()
	if n, err := io.Copy(io.Discard, c.in); n > 0 || isTimeout(err) {
		c.t.Errorf("%d bytes more, and then %v, where the server should have hung up", n, err)
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

const hello = "PUT /v1/znodes/a HTTP/1.1"

func TestDataThatIsTooLargeLeavesTheConnectionUsable(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.MaxDataBytes = 1000 })
	c := s.dial()
	for _, size := range []int{1001, 100_000, 1000 + httpapi.MaxDrainBytes} {
		c.say(hello, "Host: localhost", fmt.Sprint("Content-Length: ", size), "")
		c.send(strings.Repeat("x", size))
		if p := c.hear("PUT").fails(413, wire.TooLarge); *p.Limit != 1000 || *p.Size != int64(size) {
			t.Errorf("limit %d, size %d of %d", *p.Limit, *p.Size, size)
		}
		c.say(hello, "Host: localhost", "Transfer-Encoding: chunked", "")
		c.send(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size)))
		if p := c.hear("PUT").fails(413, wire.TooLarge); *p.Limit != 1000 || *p.Size != int64(size) {
			t.Errorf("in chunks: limit %d, size %d of %d", *p.Limit, *p.Size, size)
		}
	}
	c.say(hello, "Host: localhost", "Transfer-Encoding: chunked", "")
	c.send(fmt.Sprintf("3e8\r\n%s\r\n0\r\n\r\n", strings.Repeat("x", 1000)))
	c.hear("PUT").is(201).has("Znode-Data-Length", "1000")
}

func TestDataThatIsMuchTooLargeIsNotWaitedFor(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.MaxDataBytes = 1000 })
	c := s.dial()
	c.say(hello, "Host: localhost", "Content-Length: 1000000000000", "")
	if p := c.hear("PUT").fails(413, wire.TooLarge); *p.Size != 1_000_000_000_000 {
		t.Errorf("size %d", *p.Size)
	}
	c.isClosed()

	c = s.dial()
	c.say(hello, "Host: localhost", "Transfer-Encoding: chunked", "")
	go c.send(strings.Repeat(fmt.Sprintf("10000\r\n%s\r\n", strings.Repeat("x", 0x10000)), 80))
	if p := c.hear("PUT").fails(413, wire.TooLarge); p.Size != nil {
		t.Errorf("a size of %d that nobody can know", *p.Size)
	}
	if s.Proposed() > 0 {
		t.Error("something was proposed")
	}
}

func TestAClientThatAsksFirstIsToldFirst(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.MaxDataBytes = 1000 })
	c := s.dial()
	c.say(hello, "Host: localhost", "Content-Length: 1000", "Expect: 100-continue", "")
	c.hear("PUT").is(100)
	c.send(strings.Repeat("x", 1000))
	c.hear("PUT").is(201)
	c.say(hello, "Host: localhost", "Content-Length: 1001", "Expect: 100-continue", "")
	c.hear("PUT").fails(413, wire.TooLarge)
	c.isClosed()

	c = s.dial()
	c.say("PUT /v1/znodes//a HTTP/1.1", "Host: localhost", "Content-Length: 1000", "Expect: 100-continue", "")
	c.hear("PUT").fails(400, wire.BadArguments)
}

func TestABodyThatDoesNotComeIsNotWaitedForForEver(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.BodyTimeout = 20 * time.Millisecond })
	for _, head := range []string{"Content-Length: 10", "Transfer-Encoding: chunked"} {
		c := s.dial()
		c.say(hello, "Host: localhost", head, "")
		if p := c.hear("PUT").fails(400, wire.BadArguments); !strings.Contains(p.Detail, "20ms") {
			t.Errorf("the detail is %s", p.Detail)
		}
		c.isClosed()
	}
	if s.Proposed() > 0 {
		t.Error("something was proposed")
	}
}

func TestABodyThatBreaksOffChangesNothing(t *testing.T) {
	s := start(t)
	for _, request := range []string{
		hello + "\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
		hello + "\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"POST /v1/txn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"ops\":[{\"op\":\"create\",\"path\":\"/a\"}]}",
	} {
		c := s.dial()
		c.send(request)
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.hear("PUT").fails(400, wire.BadArguments)
		c.isClosed()
	}
	c := s.dial()
	c.send(hello + "\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
	c.hear("PUT").fails(400, wire.BadArguments)
	if s.Proposed() > 0 {
		t.Error("something was proposed")
	}
}

func TestABodyTimeoutDoesNotEndTheWaitForTheOutcome(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.BodyTimeout = 150 * time.Millisecond })
	s.Fail(Faults{Hold: true})
	done := make(chan answer)
	go func() { done <- s.do("PUT /v1/znodes/a\n\nx") }()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	<-tick.C // longer than the body may take
	select {
	case a := <-done:
		t.Fatalf("answered too early: %d %s", a.status, a.body)
	default:
	}
	s.Fail(Faults{})
	(<-done).is(201)
}

func TestAnAnswerNobodyReadsIsCutOff(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.AnswerTimeout = 50 * time.Millisecond })
	ops := []znode.Op{znode.PutOp(znode.MustPath("/big"), strings.Repeat("x", 1<<20))}
	propose(t, s.Node, &znode.Txn{Ops: ops})
	c := s.dial()
	for range 64 {
		c.send("GET /v1/znodes/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	eventually(t, "the server hangs up on a client that does not read", func() bool {
		_, err := io.WriteString(c.Conn, "GET /v1/znodes/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
		return err != nil
	})
}

func TestLimitsOfNetHTTP(t *testing.T) {
	s := start(t)
	for request, status := range map[string]int{
		"GET /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", httpapi.MaxHeaderBytes+8192) + "\r\n\r\n": 431,
		"GET /v1/znodes/a HTTP/1.1\r\n\r\n":                                                              400,
		"GET /v1/znodes/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n":                                         400,
		"GET /v1/znodes/a\x00b HTTP/1.1\r\nHost: localhost\r\n\r\n":                                      400,
		"GET /v1/znodes/a b HTTP/1.1\r\nHost: localhost\r\n\r\n":                                         400,
		"GET /v1/znodes HTTP/1.0\r\n\r\n":                                                                200,
		"GET http://localhost/v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n":                             200,
		"GET http://evil.example/v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n":                          421,
		"PUT /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n":                     400,
		"PUT /v1/znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n": 400,
	} {
		c := s.dial()
		c.send(request)
		if a := c.hear("GET"); a.status != status {
			t.Errorf("%.80q: status %d, want %d: %s", request, a.status, status, a.body)
		}
	}
	c := s.dial()
	c.say("GET /v1/znodes/"+strings.Repeat("%61", znode.MaxPathBytes-1)+" HTTP/1.1", "Host: localhost", "")
	c.hear("GET").fails(404, wire.NoNode) // the longest path fits in, all of it escaped
}

func TestMoreRequestsThanTheServerTakesAreToldToComeAgain(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.MaxRequests = 2 })
	s.Fail(Faults{Hold: true})
	held := make(chan answer, 2)
	for range 2 {
		go func() { held <- s.do("PUT /v1/znodes/a") }()
	}
	eventually(t, "both places are taken", func() bool { return s.Asked() == 2 })
	s.do("GET /v1/cluster").fails(429, wire.Throttled)
	s.do("GET /livez").is(200)
	s.do("GET /readyz").is(200)
	s.Fail(Faults{})
	if one, other := <-held, <-held; one.status+other.status != 201+200 {
		t.Errorf("those that were held were answered %d and %d", one.status, other.status)
	}
	s.do("GET /v1/cluster").is(200)
}

func TestUnencryptedHTTP2(t *testing.T) {
	s := start(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	s.client = &http.Client{Transport: newContract(t, transport)}
	s.do("PUT /v1/znodes/a\n\nx").is(201).has("ETag", `"0.1"`)
	s.do("GET /v1/znodes/a").is(200).says("x")
	s.do("PUT /v1/znodes/a\n\n"+strings.Repeat("x", znode.MaxDataBytes+1)).fails(413, wire.TooLarge)
	s.do("PUT /v1/znodes/a\nIf-Match: 7").fails(412, wire.BadVersion)
	s.do("GET /v1/znodes/a").is(200)
}

func TestARefusalOverHTTP2TakesTheBodyFirst(t *testing.T) {
	s := start(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	body := strings.NewReader(strings.Repeat("x", 3<<20)) // more than fits in the windows of a stream nobody reads
	r, err := http.NewRequest(http.MethodPut, "http://"+s.addr+"/v1/znodes/a", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("If-Match", "nonsense")
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 400 || body.Len() > 0 {
		t.Errorf("status %d with %d bytes left unread: the stream was reset behind the answer", res.StatusCode, body.Len())
	}
}

// broken panics where a Reader should answer.
type broken struct{ httpapi.Reader }

func TestAPanicIsLoggedAndNotShown(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.Reader = broken{} })
	p := s.do("GET /v1/znodes/a").fails(500, wire.Internal)
	if b, _ := json.Marshal(p); strings.Contains(string(b), "nil") {
		t.Errorf("the client is told %s", b)
	}
	if log := s.log.String(); !strings.Contains(log, "request panicked") || !strings.Contains(log, "getZnode") {
		t.Errorf("the log is %s", log)
	}
	s.do("GET /v1/cluster").is(200)

	s = start(t)
	s.Fail(Faults{State: fmt.Errorf("secret of the disk")})
	if a := s.do("GET /v1/znodes/a"); a.fails(500, wire.Internal).Detail != "" || strings.Contains(a.body, "secret") {
		t.Errorf("the client is told %s", a.body)
	}
	if !strings.Contains(s.log.String(), "secret of the disk") {
		t.Errorf("the log is %s", s.log)
	}
}
