package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"holt/httpapi/wire"
	"holt/tests/harness"
)

// pipeProtocols are what a pipeline runs over.
var pipeProtocols = []string{"HTTP/1.1", "h2c"}

// pipeSilence is how long a pipeline may say nothing until it is given up: its member may be frozen.
const pipeSilence = 2 * time.Second

// pipe is both ends of a pipeline.
type pipe struct {
	in      *io.PipeWriter
	answers *bufio.Reader
	body    io.ReadCloser
	cancel  context.CancelFunc
	alarm   *time.Timer
}

// pipeAnswer is a line of the answer: a result, or the end.
type pipeAnswer struct {
	wire.PipelineResult
	Ended    bool   `json:"ended"`
	Answered uint64 `json:"answered"`
}

// pipeTransport speaks one protocol and no other.
func pipeTransport(t *testing.T, protocol string) *http.Transport {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(protocol == "HTTP/1.1")
	tr.Protocols.SetUnencryptedHTTP2(protocol == "h2c")
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// openPipe opens a pipeline at a member; it is closed when ctx ends, or when nothing comes for as long as silence.
func openPipe(ctx context.Context, tr *http.Transport, m *harness.Member, silence time.Duration) (*pipe, error) {
	ctx, cancel := context.WithCancel(ctx)
	body, in := io.Pipe()
	p := &pipe{in: in, cancel: cancel, alarm: time.AfterFunc(silence, cancel)}
	// A Transport waits for the body that it is reading before it says that the connection broke.
	context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+"/v1/pipeline", body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := tr.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, err
	}
	p.body = res.Body
	if res.StatusCode != http.StatusOK {
		p.close()
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	p.answers = bufio.NewReaderSize(alarmedBody{res.Body, p.alarm, silence}, 64<<10)
	return p, nil
}

// next is the next line of the answer.
func (p *pipe) next() (a pipeAnswer, err error) {
	line, err := p.answers.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(line, &a)
}

// close breaks it off.
func (p *pipe) close() {
	p.alarm.Stop()
	p.cancel()
	_ = p.in.CloseWithError(io.ErrUnexpectedEOF)
	_ = p.body.Close()
}

// alarmedBody puts the alarm off with everything that is read.
type alarmedBody struct {
	r       io.Reader
	alarm   *time.Timer
	silence time.Duration
}

func (a alarmedBody) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if n > 0 {
		a.alarm.Reset(a.silence)
	}
	return n, err
}

// openPipeNow is openPipe for a test that goes on only with it.
func openPipeNow(t *testing.T, protocol string, m *harness.Member) *pipe {
	t.Helper()
	p, err := openPipe(t.Context(), pipeTransport(t, protocol), m, harness.SettleTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// say sends a line, or what is none.
func (p *pipe) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		t.Fatalf("it takes no more: %v", err)
	}
}

// hear is the next answer.
func (p *pipe) hear(t *testing.T) pipeAnswer {
	t.Helper()
	a, err := p.next()
	if err != nil {
		t.Fatalf("there is no answer: %v", err)
	}
	return a
}

// residentBytes is how much memory of its own a process has in use: without what it has mapped of files.
func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("the kernel does not say how much memory a process has in use")
	return 0
}
