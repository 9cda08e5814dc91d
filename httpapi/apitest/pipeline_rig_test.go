package apitest

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"holt/httpapi/wire"
)

// protocols are what a pipeline runs over.
var protocols = []string{"HTTP/1.1", "h2c"}

// pipe is a pipeline that a test holds both ends of.
type pipe struct {
	t   *testing.T
	in  *io.PipeWriter
	res *http.Response
	out *bufio.Reader
}

// line is a line of the answer: a result, or the end.
type line struct {
	wire.PipelineResult        // with code, status and detail of the end, too
	Ended               bool   `json:"ended"`
	Answered            uint64 `json:"answered"`
	raw                 string
}

// transport speaks one protocol and no other.
func transport(t *testing.T, protocol string) *http.Transport {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(protocol == "HTTP/1.1")
	tr.Protocols.SetUnencryptedHTTP2(protocol == "h2c")
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// pipeline opens one, with headers as "Name: value".
func (s *server) pipeline(protocol string, headers ...string) *pipe {
	s.t.Helper()
	body, in := io.Pipe()
	r, err := http.NewRequestWithContext(s.t.Context(), "POST", "http://"+s.addr+"/v1/pipeline", body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	client := &http.Client{Transport: transport(s.t, protocol), Timeout: hang}
	res, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &pipe{t: s.t, in: in, res: res, out: bufio.NewReader(res.Body)}
	s.t.Cleanup(p.drop)
	return p
}

// drop breaks it off.
func (p *pipe) drop() {
	_ = p.in.CloseWithError(io.ErrUnexpectedEOF)
	_ = p.res.Body.Close()
}

func (p *pipe) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		p.t.Fatalf("the server takes no more: %v", err)
	}
}

func (p *pipe) next() line {
	p.t.Helper()
	l, ok := p.more()
	if !ok {
		p.t.Fatal("the answer is over")
	}
	return l
}

// more is the next line; false at the end.
func (p *pipe) more() (l line, ok bool) {
	p.t.Helper()
	text, err := p.out.ReadString('\n')
	if err == io.EOF && text == "" {
		return l, false
	}
	if err != nil {
		p.t.Fatalf("the answer broke off behind %q: %v", text, err)
	}
	return parsed(p.t, text), true
}

func parsed(t *testing.T, text string) (l line) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	l.raw = strings.TrimSuffix(text, "\n")
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	form := "PipelineResult"
	if l.Ended {
		form = "PipelineEnd"
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	if err := doc.Components.Schemas[form].Value.VisitJSON(value); err != nil {
		t.Errorf("openapi.yaml has it otherwise: %v\n%s", err, text)
	}
	return l
}

// all closes the request and gives the rest of the answer.
func (p *pipe) all() (lines []line) {
	p.t.Helper()
	_ = p.in.Close()
	for {
		l, ok := p.more()
		if !ok {
			return lines
		}
		lines = append(lines, l)
	}
}

// run is a whole pipeline over HTTP/1.1, checked against the contract, each line of the answer parsed.
func (s *server) run(body string, headers ...string) (answer, []line) {
	s.t.Helper()
	head := "POST /v1/pipeline\nContent-Type: application/x-ndjson\n" + strings.Join(append(headers, ""), "\n")
	a := s.do(head + "\n" + body)
	var lines []line
	if a.status == http.StatusOK {
		for text := range strings.Lines(a.body) {
			lines = append(lines, parsed(s.t, text))
		}
	}
	return a, lines
}
