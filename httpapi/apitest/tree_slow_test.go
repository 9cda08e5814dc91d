package apitest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
)

// slowly gives a body line by line, each when it is told to.
type slowly struct {
	lines chan string
	rest  string
}

func (b *slowly) Read(p []byte) (int, error) {
	if b.rest == "" {
		text, ok := <-b.lines
		if !ok {
			return 0, io.EOF
		}
		b.rest = text
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (s *server) putSlowly(target string) (*slowly, <-chan answer) {
	s.t.Helper()
	body := &slowly{lines: make(chan string)}
	r, err := http.NewRequest("PUT", "http://"+s.addr+target, io.NopCloser(body))
	if err != nil {
		s.t.Fatal(err)
	}
	got := make(chan answer, 1)
	client := s.bare()
	go func() {
		res, err := client.Transport.RoundTrip(r)
		if err != nil {
			res = &http.Response{Status: err.Error(), Body: http.NoBody}
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		got <- answer{s.t, "PUT " + target, res.StatusCode, res.Header, res.Status + " " + string(b)}
	}()
	return body, got
}

// A body that gets on takes as long as it takes; one that does not is cut off.
func TestALoadMayTakeLong(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.BodyTimeout, c.AnswerTimeout = 3*time.Second, 3*time.Second })
	body, got := s.putSlowly("/v1/tree/x")
	body.lines <- leaf("/a", "") + "\n"
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for i := range 20 { // twice the timeout
		<-tick.C
		body.lines <- leaf("/a/"+strconv.Itoa(100+i), strings.Repeat("x", 1024)) + "\n"
	}
	close(body.lines)
	(<-got).is(200)
	s.do("HEAD /v1/znodes/x/111").is(200)

	body, got = s.putSlowly("/v1/tree/y")
	defer close(body.lines)
	body.lines <- leaf("/a", "") + "\n"
	if a := <-got; a.status != 400 || !strings.Contains(a.body, "too little arrived") {
		t.Errorf("answered %s", a.body)
	}
}

func TestAMemberThatStopsEndsLoads(t *testing.T) {
	s := start(t)
	body, got := s.putSlowly("/v1/tree/x")
	defer close(body.lines)
	body.lines <- leaf("/a", "") + "\n"
	s.api.EndStreams()
	if a := <-got; a.status != 503 || !strings.Contains(a.body, string(wire.ShuttingDown)) {
		t.Errorf("answered %s", a.body)
	}
}

// HTTP/2 has its own trailers, deadlines, and its own way to end a request that is refused in the middle.
func TestTreesOverHTTP2(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.BodyTimeout = 3 * time.Second })
	orchard(s, 3000, 100)
	client := s.bare()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client.Transport.(*http.Transport).Protocols = protocols
	do := func(method, target string, body io.Reader) answer {
		t.Helper()
		r, err := http.NewRequest(method, "http://"+s.addr+target, body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.ProtoMajor != 2 {
			t.Fatal(res.Proto, err)
		}
		if got := res.Trailer.Get("Holt-Znodes"); method == "GET" && got != strconv.Itoa(strings.Count(string(b), "\n")) {
			t.Errorf("the trailer says %q", got)
		}
		return answer{t, method + " " + target, res.StatusCode, res.Header, string(b)}
	}
	told := do("GET", "/v1/tree/app?include=data", nil).is(200).body
	do("PUT", "/v1/tree/copy", io.MultiReader(strings.NewReader(told))).loads("3001 0 0 0 0 3001")
	bad := told + "no JSON\n" + strings.Repeat(leaf("/app/z", strings.Repeat("x", 1000))+"\n", 1000)
	p := do("PUT", "/v1/tree/copy", io.MultiReader(strings.NewReader(bad))).fails(400, wire.BadArguments)
	if *p.Line != 3002 || counts(p.Loaded) != "0 0 3001 0 0 3001" {
		t.Errorf("line %d, loaded %+v", *p.Line, p.Loaded)
	}
	r, w := io.Pipe()
	go func() { _, _ = io.WriteString(w, leaf("/a", "")+"\n") }()
	do("PUT", "/v1/tree/slow", r).fails(400, wire.BadArguments)
}
