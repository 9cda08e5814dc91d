package apitest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// apply carries out ops behind the back of HTTP.
func (s *server) apply(ops ...znode.Op) {
	s.t.Helper()
	s.applyFor(nil, ops...)
}

func (s *server) applyFor(key *znode.SessionKey, ops ...znode.Op) {
	s.t.Helper()
	res, err := s.Propose(s.t.Context(), &znode.Txn{Ops: ops, Session: key})
	if err != nil || res.Code != znode.OK {
		s.t.Fatalf("refused: %+v, %v", res, err)
	}
}

func (s *server) state() *znode.State {
	s.t.Helper()
	st, err := s.Reader().State()
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// Reader is the Node, by what it is asked for.
func (n *Node) Reader() httpapi.Reader { return n }

// grove makes /app with znodes of every kind below: data that is text and is none, a counter, an ephemeral.
func grove(s *server) {
	s.t.Helper()
	p := znode.MustPath
	ttl := znode.CreateOp(p("/app/ttl"), "", znode.PersistentWithTTL)
	ttl.TTL = 60_000
	s.apply(znode.CreateOp(p("/app"), "one", znode.Persistent))
	s.apply(znode.CreateOp(p("/app/bytes"), "\xff\x00", znode.Persistent))
	s.apply(znode.CreateOp(p("/app/box"), "", znode.Container), ttl)
	s.apply(znode.CreateOp(p("/app/q"), `"quoted" \ é 😀`, znode.Persistent))
	prefix, err := znode.ParsePrefix("/app/q/n-")
	if err != nil {
		s.t.Fatal(err)
	}
	for range 3 {
		s.apply(znode.CreateSequentialOp(prefix, "", znode.Persistent+2))
	}
	s.apply(znode.DeleteOp(p("/app/q/n-0000000002")), znode.DeleteOp(p("/app/q/n-0000000000")))
	s.apply(znode.CreateOp(p("/app/q/n-0000000001/deep"), "", znode.Persistent))
	s.apply(znode.CreateOp(p("/app/q x"), "beside /app/q", znode.Persistent))
	s.apply(znode.OpenSessionOp(znode.SessionKey{1}, 10_000))
	s.applyFor(&znode.SessionKey{1}, znode.CreateOp(p("/app/q/mine"), "e", znode.Ephemeral))
	s.apply(znode.CreateOp(p("/beside"), "", znode.Persistent))
}

// tree is the lines of GET /v1/tree.
func (a answer) tree() (lines []wire.TreeLine) {
	a.t.Helper()
	a.is(200).has("Content-Type", "application/x-ndjson")
	for text := range strings.Lines(a.body) {
		lines = append(lines, read[wire.TreeLine](answer{t: a.t, body: text}))
	}
	return lines
}

func TestATreeIsToldParentsFirst(t *testing.T) {
	s := start(t)
	grove(s)
	zxid := strconv.FormatUint(uint64(s.state().Zxid), 10)
	var got []string
	for _, l := range s.do("GET /v1/tree/app?include=data").has("Holt-Zxid", zxid).tree() {
		got = append(got, fmt.Sprint(l.Path, " ", l.Mode, " ", l.TTLMs, " ", l.Created, " ", *l.Data, " ", l.Encoding))
		n := s.state().Tree.Get(znode.MustPath(l.Path))
		if stat := n.Stat(); l.Stat.Czxid != uint64(stat.Czxid) || l.Stat.Version != stat.Version || l.Stat.DataLength != stat.DataLength {
			t.Errorf("stat of %s is %+v", l.Path, l.Stat)
		}
	}
	want := []string{
		"/app persistent 0 5 one utf8", "/app/box container 0 0  utf8", "/app/bytes persistent 0 0 /wA= base64",
		`/app/q persistent 0 4 "quoted" \ é 😀 utf8`, "/app/q/mine ephemeral 0 0 e utf8", "/app/q/n-0000000001 persistent 0 1  utf8",
		"/app/q/n-0000000001/deep persistent 0 0  utf8", "/app/q x persistent 0 0 beside /app/q utf8", "/app/ttl persistent_with_ttl 60000 0  utf8",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("lines:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for request, lines := range map[string]int{
		"GET /v1/tree": 11, "GET /v1/tree/": 11, "GET /v1/tree/app?depth=0": 1, "GET /v1/tree/app?depth=1": 6, "GET /v1/tree/app?depth=2": 8,
		"GET /v1/tree/app%2Fq": 4, "GET /v1/tree/app/q?consistency=linearizable\nHolt-Zxid: 5": 4, "GET /v1/tree/app/q%20x": 1,
	} {
		tree := s.do(request).tree()
		if len(tree) != lines || tree[0].Data != nil {
			t.Errorf("%s: %d lines, want %d", request, len(tree), lines)
		}
	}
	s.do("HEAD /v1/tree/app").is(200).has("Holt-Zxid", zxid).says("")
}

func TestATreeIsCounted(t *testing.T) {
	s := start(t)
	grove(s)
	for request, want := range map[string]string{
		"GET /v1/tree?count=true":                `{"path":"/","descendants":10,"bytes":%d}`,
		"GET /v1/tree/app/q?count=true":          `{"path":"/app/q","descendants":3,"bytes":19}`,
		"GET /v1/tree/app/q?count=true&depth=1":  `{"path":"/app/q","descendants":2,"bytes":19}`,
		"GET /v1/tree/app/ttl?count=true":        `{"path":"/app/ttl","descendants":0,"bytes":0}`,
		"GET /v1/tree?count=true&depth=1":        `{"path":"/","descendants":2,"bytes":3}`,
		"GET /v1/tree/app?count=false&depth=0":   "",
		"HEAD /v1/tree/app?count=true&depth=100": "",
	} {
		if strings.Contains(want, "%d") {
			want = fmt.Sprintf(want, s.state().Tree.Bytes())
		}
		if a := s.do(request).is(200); want != "" {
			a.says(want + "\n")
		}
	}
}

func TestWhatIsNoTreeIsRefused(t *testing.T) {
	s := start(t)
	grove(s)
	for request, want := range map[string]struct {
		status int
		code   wire.Code
	}{
		"GET /v1/tree/none":                              {404, wire.NoNode},
		"GET /v1/tree/none?count=true":                   {404, wire.NoNode},
		"GET /v1/tree/app/":                              {400, wire.BadArguments},
		"GET /v1/tree//app":                              {400, wire.BadArguments},
		"GET /v1/tree/app?depth=-1":                      {400, wire.BadArguments},
		"GET /v1/tree/app?depth=129":                     {400, wire.BadArguments},
		"GET /v1/tree/app?depth=":                        {400, wire.BadArguments},
		"GET /v1/tree/app?include=stat":                  {400, wire.BadArguments},
		"GET /v1/tree/app?include=data,data":             {400, wire.BadArguments},
		"GET /v1/tree/app?include=acl":                   {501, wire.NotImplemented},
		"GET /v1/tree/app?include=data,acl":              {501, wire.NotImplemented},
		"GET /v1/tree/app?count=yes":                     {400, wire.BadArguments},
		"GET /v1/tree/app?count=true&include=data":       {400, wire.BadArguments},
		"GET /v1/tree/app?limit=3":                       {400, wire.BadArguments},
		"GET /v1/tree/app\nIf-None-Match: *":             {400, wire.BadArguments},
		"GET /v1/tree/app\nIdempotency-Key: k":           {400, wire.BadArguments},
		"GET /v1/tree/app\n\nbody":                       {400, wire.BadArguments},
		"DELETE /v1/tree/app":                            {405, wire.MethodNotAllowed},
		"GET /v1/tree/app\nHolt-Session: " + someID('7'): {410, wire.SessionExpired},
	} {
		s.do(request).fails(want.status, want.code)
	}
}

// someID is the id of no session.
func someID(digit byte) string { return strings.Repeat(string(digit), 32) }

// bare is a client past the contract's check, which reads what comes all at once.
func (s *server) bare() *http.Client {
	transport := &http.Transport{DisableCompression: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// raw sends a request and gives what there is to read the answer from, without reading.
func (s *server) raw(head string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(hang))
	if _, err := fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", head); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// orchard makes n znodes below /app, of so many bytes each.
func orchard(s *server, n, bytes int) {
	s.t.Helper()
	s.apply(znode.CreateOp(znode.MustPath("/app"), "", znode.Persistent))
	data := strings.Repeat("x", bytes)
	for i := 0; i < n; {
		var ops []znode.Op
		for ; i < n && len(ops) < 1000 && len(ops)*bytes < 1<<20; i++ {
			ops = append(ops, znode.CreateOp(znode.MustPath(fmt.Sprintf("/app/%07d", i)), data, znode.Persistent))
		}
		s.apply(ops...)
	}
}

// A tree is of the state in which it was asked for, whatever is written while it is sent, and says at its end how much it was.
func TestATreeIsOfOneStateWhileOthersWrite(t *testing.T) {
	s := start(t)
	orchard(s, 20_000, 100)
	then := s.state()
	res, err := s.bare().Get("http://" + s.addr + "/v1/tree?include=data")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	lines := 0
	for n := range then.Tree.Subtree(znode.Root) {
		text, err := r.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var l wire.TreeLine
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatal(err)
		}
		if l.Path != n.Path().String() || *l.Data != n.Data() || l.Stat.Mzxid > uint64(then.Zxid) || l.Stat.Version != n.Version() {
			t.Fatalf("line %d is %s, should be of %s at %d", lines, text, n.Path(), then.Zxid)
		}
		if lines++; lines%100 == 0 && lines < 20_000 { // what comes later is written and deleted meanwhile
			s.apply(znode.SetOp(znode.MustPath(fmt.Sprintf("/app/%07d", 20_000-lines/2)), "new"),
				znode.CreateOp(znode.MustPath(fmt.Sprintf("/app/%07d-new", lines+50)), "", znode.Persistent))
		}
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("behind the last: %q, %v", rest, err)
	}
	if got := res.Trailer.Get("Holt-Znodes"); got != strconv.Itoa(lines) || res.Header.Get("Holt-Zxid") != fmt.Sprint(then.Zxid) {
		t.Errorf("%d lines, the trailer says %q, zxid %s of %d", lines, got, res.Header.Get("Holt-Zxid"), then.Zxid)
	}
}

// Who does not read is cut off, and what he got is not to be taken for whole.
func TestWhoDoesNotReadATreeIsCutOff(t *testing.T) {
	var s *server
	var c net.Conn
	// It has its place for as long as an answer may take, and not for longer.
	for _, may := range []time.Duration{time.Minute, 2 * time.Second} {
		s = start(t, func(c *httpapi.Config) { c.AnswerTimeout, c.MaxStreams = may, 1 })
		orchard(s, 40, 1<<20) // more than sockets hold
		c = s.raw("GET /v1/tree/app?include=data")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if may == time.Minute {
			s.do("GET /v1/tree").fails(429, wire.Throttled)
		}
	}
	eventually(t, "the answer is given up", func() bool { return s.do("GET /v1/tree?depth=0").status == 200 })
	rest, err := io.ReadAll(c)
	if strings.HasSuffix(string(rest), "\r\n0\r\n") || strings.Contains(string(rest), "Holt-Znodes: 41") {
		t.Errorf("%d bytes and then %v look like a whole answer", len(rest), err)
	}
}

func TestAMemberThatStopsCutsTreesOff(t *testing.T) {
	s := start(t)
	orchard(s, 40, 1<<20)
	res, err := s.bare().Get("http://" + s.addr + "/v1/tree/app?include=data")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	s.api.EndStreams()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d bytes, trailer %v, and no error", len(b), res.Trailer)
	}
}

func TestSoManyTreesAtOnce(t *testing.T) {
	s := start(t)
	orchard(s, 40, 1<<20)
	var open []net.Conn
	for range httpapi.MaxTreeReads {
		c := s.raw("GET /v1/tree/app?include=data")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	s.do("GET /v1/tree/app").fails(429, wire.Throttled)
	s.do("GET /v1/tree/app?count=true").is(200)
	for _, c := range open {
		_ = c.Close()
	}
	eventually(t, "there is room again", func() bool { return s.do("GET /v1/tree/app?depth=0").status == 200 })
}
