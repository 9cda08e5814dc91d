package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"holt/httpapi/wire"
)

// Limits of a Pipeline.
const (
	// MaxUnanswered bounds the lines that are sent, or wait to be, and are not answered; Send waits for room.
	MaxUnanswered = 8192
	// MaxUnansweredBytes bounds them together; one line alone may be longer.
	MaxUnansweredBytes = 16 << 20

	// MaxPipelineKey bounds the key of a Keyed Client's Pipeline, in bytes.
	MaxPipelineKey = MaxKey - len("-18446744073709551615")

	pipelineResults = 1024      // answers that wait for Receive
	pipelineBlock   = 32 << 10  // bytes that are sent together, about
	maxAnswerLine   = 64 << 20  // bytes of one answer
	answerBuffer    = 128 << 10 // bytes of answers that are read at once
)

// Pipeline sends ops, each a transaction of its own, in order over one connection, without waiting for their answers, and gives
// the answers in the same order: each line is answered exactly once. It is ZooKeeper's asynchronous API.
//
// Where the connection breaks, or the member cannot go on, the Pipeline goes on with another member, from the first line without an
// answer. Every line carries an idempotency key of its own (its own, if it has one), so nothing is done twice or out of order. It gives
// up when no line was answered for the Client's timeout, when nobody could know whether a line was done (of a Keyless Client), or when
// the members may have forgotten that it was: one is not sent again 5 min after it was sent first, however long its answer was not taken.
//
// Send and CloseSend are for one goroutine, Receive for another: whoever only sends will wait for ever. A Pipeline must be closed.
type Pipeline struct {
	c      *Client
	q      *call // what errors say it was
	ctx    context.Context
	cancel context.CancelFunc
	keys   string // what the keys of this pipeline begin with, as it stands in JSON
	number uint64 // of the line sent last; Send's alone
	none   bool   // the member has carried out no line without an answer; run's alone

	mu       sync.Mutex   // guards what follows
	queue    []unanswered // oldest first
	bytes    int          // of them
	first    uint64       // the number of the oldest, from 1
	sent     int          // how many of them the connection has taken
	doubtful int          // how many of them were sent to anybody, ever
	older    int          // how many of these over a connection before this one
	closed   bool         // no more come
	last     time.Time    // of the last progress: a line was answered, or the first was sent
	err      error        // why it is over, before all is answered

	more    chan struct{} // there is something to send, or no more comes
	room    chan struct{} // there is room in the queue
	results chan PipelineResult
	over    chan struct{} // closed with the end of the goroutine behind it
}

// unanswered is a line without an answer.
type unanswered struct {
	text []byte
	sent time.Time // first, to anybody; zero before that
}

// PipelineResult is the answer to one line.
type PipelineResult struct {
	// Text is the answer in JSON, without its line break. Its line is the number of the line among those given to Send, from 1.
	Text []byte
	// Code is "ok", or why the line was refused.
	Code Code
}

// Decode reads the answer.
func (r *PipelineResult) Decode() (res wire.PipelineResult, err error) {
	return res, json.Unmarshal(r.Text, &res)
}

// Pipeline begins one; nothing is sent before the first line. The end of ctx ends it. The lines of a Keyed Client have that key with the
// number of the line behind it: whoever sends the same lines again under the same key, be it another program, does nothing twice.
func (c *Client) Pipeline(ctx context.Context) *Pipeline {
	p := &Pipeline{c: c, q: &call{method: "POST", prefix: "/v1/pipeline", write: true}, keys: rand.Text(), first: 1,
		more: make(chan struct{}, 1), room: make(chan struct{}, 1), results: make(chan PipelineResult, pipelineResults), over: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if c.key != "" {
		p.keys = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.key)
	}
	if c.key != "" && (!validKey(c.key) || len(c.key) > MaxPipelineKey) {
		p.err = mistake(p.q, fmt.Sprintf("the key of a pipeline is 1 to %d visible characters, since numbers come behind it", MaxPipelineKey))
		p.cancel()
		close(p.results)
		close(p.over)
		return p
	}
	go p.run()
	return p
}

// Send sends an op, or a transaction. It waits while too many lines are unanswered. An error means that the pipeline is over; Receive says
// how far it came.
func (p *Pipeline) Send(line wire.PipelineLine) error {
	text, err := json.Marshal(&line)
	if err != nil {
		return mistake(p.q, err.Error())
	}
	return p.SendText(text)
}

// SendText is Send of a line in JSON, without a line break, of which the Pipeline keeps nothing. What is no such JSON is for the server
// to refuse.
func (p *Pipeline) SendText(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 || bytes.IndexByte(text, '\n') >= 0 {
		return mistake(p.q, "a line is not empty, and has no line break in it")
	}
	p.number++
	line := p.keyed(text)
	for {
		p.mu.Lock()
		switch {
		case p.err != nil || p.closed:
			err := p.err
			p.mu.Unlock()
			if err == nil {
				err = mistake(p.q, "a line behind CloseSend")
			}
			return err
		case len(p.queue) == 0 || len(p.queue) < MaxUnanswered && p.bytes+len(line) <= MaxUnansweredBytes:
			if len(p.queue) == 0 {
				p.last = time.Now()
			}
			p.queue = append(p.queue, unanswered{text: line})
			p.bytes += len(line)
			p.mu.Unlock()
			signal(p.more)
			return nil
		}
		p.mu.Unlock()
		select {
		case <-p.room:
		case <-p.over:
		}
	}
}

// CloseSend says that no more lines come.
func (p *Pipeline) CloseSend() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	signal(p.more)
}

// Receive is the next answer, io.EOF when all lines are answered and no more come. Any other error is the end: no line behind the last
// answer is known to be carried out; with OutcomeUnknown some may be, else none was.
func (p *Pipeline) Receive() (PipelineResult, error) {
	if r, ok := <-p.results; ok {
		return r, nil
	}
	<-p.over
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return PipelineResult{}, p.err
	}
	return PipelineResult{}, io.EOF
}

// Ready is how many answers Receive gives without waiting.
func (p *Pipeline) Ready() int { return len(p.results) }

// Close ends the pipeline, finished or not, and waits until nothing of it is left.
func (p *Pipeline) Close() {
	p.cancel()
	<-p.over
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keyed is a line with a key and a line break: its own key, or one that no other line has.
func (p *Pipeline) keyed(text []byte) []byte {
	line := make([]byte, 0, len(text)+len(p.keys)+48)
	open := bytes.IndexByte(text, '{') + 1
	rest := bytes.TrimLeft(text[open:], " \t\r")
	if p.c.keyless || open == 0 || len(bytes.TrimSpace(text[:open-1])) > 0 || len(rest) == 0 || rest[0] != '"' || hasKey(text) {
		return append(append(line, text...), '\n')
	}
	line = append(append(line, `{"idempotency_key":"`...), p.keys...)
	line = append(strconv.AppendUint(append(line, '-'), p.number, 10), `",`...)
	return append(append(line, rest...), '\n')
}

// hasKey says whether a line names a key.
func hasKey(text []byte) bool {
	name := []byte(`"idempotency_key"`)
	if !bytes.Contains(text, name) {
		return false // and not as a value either, as it nearly always is
	}
	var own struct {
		Key json.RawMessage `json:"idempotency_key"`
	}
	return json.Unmarshal(text, &own) != nil || own.Key != nil
}

// run goes from member to member until all is answered.
func (p *Pipeline) run() {
	defer close(p.over)
	defer close(p.results)
	defer p.cancel()
	var wait time.Duration
	for round := 0; ; round++ {
		if !p.awaitLine() {
			return
		}
		before := p.progress()
		err := p.exchange()
		if p.progress() != before {
			round, wait = 0, 0
		}
		if err == nil {
			continue // the queue may be empty, or the member ended for a reason that passes
		}
		var failed *Error
		if errors.As(err, &failed) {
			wait = failed.retryAfter
		}
		if p.gaveUp(err) {
			return
		}
		p.c.log.Debug("the pipeline goes on elsewhere", "err", err)
		if !pause(p.ctx, round, wait) {
			p.fail(p.ctx.Err())
			return
		}
	}
}

// awaitLine waits until there is something to send; false when it is over.
func (p *Pipeline) awaitLine() bool {
	for {
		p.mu.Lock()
		n, closed := len(p.queue), p.closed
		p.mu.Unlock()
		switch {
		case p.ctx.Err() != nil:
			p.fail(p.ctx.Err())
			return false
		case n > 0:
			return true
		case closed:
			return false
		}
		select {
		case <-p.more:
		case <-p.ctx.Done():
		}
	}
}

// progress is the number of the oldest line without an answer.
func (p *Pipeline) progress() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}

// gaveUp says whether the pipeline ends with err, and makes it so.
func (p *Pipeline) gaveUp(err error) bool {
	var failed *Error
	p.mu.Lock()
	stale := len(p.queue) > 0 && time.Since(p.last) > p.c.timeout
	lost := p.c.keyless && p.doubtful > 0
	p.mu.Unlock()
	if p.ctx.Err() == nil && !stale && !lost && errors.As(err, &failed) && failed.elsewhere {
		return false
	}
	p.fail(err)
	return true
}

// fail ends the pipeline. Where lines were sent whose outcome did not come, it is unknown.
func (p *Pipeline) fail(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed *Error
	if !errors.As(cause, &failed) {
		failed = broken(p.q, "", p.doubtful > 0, cause)
	}
	if p.doubtful > 0 && failed.Code() != OutcomeUnknown {
		failed = &Error{Op: p.q.op(), Endpoint: failed.Endpoint, Cause: failed, Problem: wire.Problem{Code: wire.OutcomeUnknown,
			Title: "Outcome unknown", Detail: fmt.Sprintf("lines %d to %d were sent and not answered", p.first, p.first+uint64(p.doubtful)-1)}}
	}
	p.err = failed
}
