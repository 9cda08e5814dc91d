package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"holt/httpapi/wire"
)

// errFrozen is a member that takes lines and does not answer.
var errFrozen = errors.New("it does not answer")

// errForgotten is a line that was sent so long ago that the members may have forgotten what became of it.
var errForgotten = errors.New("the line was sent too long ago to be sent again")

// exchange is one connection, from the first line without an answer on. nil means that the member has answered all it was sent, or
// ended for a reason that passes.
func (p *Pipeline) exchange() error {
	c := p.c
	if c.as != nil && c.as.over != nil {
		if err := c.as.over(); err != nil {
			return notSent(p.q, err)
		}
	}
	at := int(c.preferred.Load()) % len(c.endpoints)
	ctx, cut := context.WithCancelCause(p.ctx)
	defer cut(nil)
	p.none = false
	p.mu.Lock()
	p.sent, p.older = 0, p.doubtful
	p.mu.Unlock()
	defer p.settle() // behind the last line sent
	body, out := io.Pipe()
	var hands sync.WaitGroup
	defer hands.Wait()
	defer out.CloseWithError(io.ErrClosedPipe)
	defer cut(nil)
	// A Transport waits for a body that it is reading, also when its request is cancelled.
	defer context.AfterFunc(ctx, func() { body.CloseWithError(io.ErrClosedPipe) })()
	hands.Go(func() { p.send(ctx, out, cut) })
	hands.Go(func() { p.watch(ctx, cut) })

	err := p.ask(ctx, c.endpoints[at], body)
	cause := context.Cause(ctx)
	if err != nil && errors.Is(cause, errFrozen) {
		err = broken(p.q, c.endpoints[at], true, cause)
	}
	var failed *Error
	if err != nil && errors.Is(cause, errForgotten) {
		failed = broken(p.q, c.endpoints[at], true, cause)
		failed.elsewhere = false
		return failed
	}
	if errors.As(err, &failed) && failed.elsewhere && p.ctx.Err() == nil {
		c.preferred.CompareAndSwap(int64(at), int64((at+1)%len(c.endpoints)))
	}
	return err
}

// ask sends the request and takes the answers.
func (p *Pipeline) ask(ctx context.Context, endpoint string, body io.Reader) error {
	c := p.c
	req, err := http.NewRequestWithContext(ctx, p.q.method, endpoint+p.q.target(), body)
	if err != nil {
		return broken(p.q, endpoint, false, err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if c.as != nil {
		req.Header.Set(sessionHeader, string(c.as.id))
	}
	if z := c.seen.Load(); z > 0 {
		req.Header.Set(zxidHeader, strconv.FormatUint(z, 10))
	}
	res, err := c.http.Do(req)
	if err != nil {
		p.none = isDial(err)
		return p.elsewhere(endpoint, withoutURL(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem))
		failed := refused(p.q, endpoint, res, said)
		p.none = failed.Code() != Unexpected && !failed.maybeDone()
		if !p.c.keyless {
			failed.elsewhere = failed.elsewhere || res.StatusCode >= http.StatusInternalServerError
		}
		return failed
	}
	return p.receive(endpoint, res.Body)
}

// settle is behind a connection: of the lines that were sent over it and have no answer, all are in doubt, or none is. Those that were
// sent over one before it are in any case.
func (p *Pipeline) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.none {
		return
	}
	for i := p.older; i < p.doubtful; i++ {
		p.queue[i].sent = time.Time{}
	}
	p.doubtful = p.older
}

// elsewhere is a connection that broke: with keys, the lines can be sent again wherever they were.
func (p *Pipeline) elsewhere(endpoint string, cause error) *Error {
	e := broken(p.q, endpoint, !isDial(cause), cause)
	e.elsewhere = true
	return e
}

// send writes the lines of the queue that are not sent yet, as they come, and closes out behind the last.
func (p *Pipeline) send(ctx context.Context, out *io.PipeWriter, cut context.CancelCauseFunc) {
	var block []byte
	for {
		var forgotten bool
		block, forgotten = p.block(block[:0])
		p.mu.Lock()
		closed := p.closed && p.sent == len(p.queue)
		p.mu.Unlock()
		switch {
		case forgotten:
			cut(errForgotten)
			return
		case len(block) > 0:
			if _, err := out.Write(block); err != nil {
				return // whoever reads the answers knows why
			}
			if cap(block) > 4*pipelineBlock {
				block = nil
			}
			continue
		case closed:
			out.Close()
			return
		}
		select {
		case <-p.more:
		case <-ctx.Done():
			return
		}
	}
}

// block adds lines to b that are to be sent next, about as many as are sent together; forgotten is one that must not be any more.
func (p *Pipeline) block(b []byte) (lines []byte, forgotten bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for p.sent < len(p.queue) && (len(b) == 0 || len(b)+len(p.queue[p.sent].text) <= pipelineBlock) {
		line := &p.queue[p.sent]
		if line.sent.IsZero() {
			line.sent = now
		} else if now.Sub(line.sent) > maxRepeat {
			return nil, true
		}
		b = append(b, line.text...)
		p.sent++
	}
	p.doubtful = max(p.doubtful, p.sent)
	return b, false
}

// watch cuts the connection off when there are lines to answer and no answer comes.
func (p *Pipeline) watch(ctx context.Context, cut context.CancelCauseFunc) {
	// Longer than a member waits for a leader (10 s, of our 15): cut off before that, "not done" would be unknown.
	patience, began := p.c.timeout*3/4, time.Now()
	tick := time.NewTicker(max(patience/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		frozen := len(p.queue) > 0 && min(time.Since(p.last), time.Since(began)) > patience && len(p.results) < cap(p.results)
		p.mu.Unlock()
		if frozen {
			cut(errFrozen)
			return
		}
	}
}

// receive takes the answers until they end.
func (p *Pipeline) receive(endpoint string, body io.Reader) error {
	in := bufio.NewReaderSize(body, answerBuffer)
	base := p.progress() - 1
	for number := uint64(1); ; number++ {
		text, err := readAnswer(in)
		switch {
		case err == io.EOF:
			return p.ended(endpoint)
		case err != nil:
			return p.elsewhere(endpoint, err)
		case bytes.HasPrefix(text, []byte(`{"ended"`)):
			return p.stopped(endpoint, text)
		}
		rest, ok := bytes.CutPrefix(text, strconv.AppendUint([]byte(`{"line":`), number, 10))
		code := Code(field(rest, `"code":"`))
		if !ok || code == "" {
			return unexpected(p.q, endpoint, fmt.Errorf("answer %d is %.100q", number, text))
		}
		if zxid, err := strconv.ParseUint(field(rest, `"zxid":`), 10, 64); err == nil {
			p.c.Seen(zxid)
		}
		if p.undecided(code) {
			return p.stopped(endpoint, text)
		}
		answer := append(strconv.AppendUint(make([]byte, 0, len(text)+8), base+number, 10), rest...)
		answer = append([]byte(`{"line":`), answer...)
		if !p.deliver(PipelineResult{Text: answer, Code: code}) {
			return p.elsewhere(endpoint, context.Cause(p.ctx))
		}
	}
}

// readAnswer is the next line, of which half is none.
func readAnswer(in *bufio.Reader) ([]byte, error) {
	text, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(text)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxAnswerLine {
			text, err = in.ReadSlice('\n')
			long = append(long, text...)
		}
		if text = long; len(long) > maxAnswerLine {
			return nil, errTooLong
		}
	}
	if err == io.EOF && len(text) > 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// field is what follows name, up to the end of a word. Names cannot be found within strings, whose quotes are escaped.
func field(text []byte, name string) string {
	_, rest, _ := bytes.Cut(text, []byte(name))
	end := bytes.IndexAny(rest, `",}`)
	if end < 0 {
		return ""
	}
	return string(rest[:end])
}

// undecided says whether a line with this answer has none yet: asked again, there or elsewhere, it will.
func (p *Pipeline) undecided(code Code) bool {
	switch code {
	case OutcomeUnknown, Internal:
		return !p.c.keyless
	case NoLeader, Behind, Throttled, ShuttingDown:
		return true
	case DiskFull: // which is said of what would be done now: it may have been done before
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.older > 0
	}
	return false
}

// deliver hands on the answer to the oldest line, and forgets the line.
func (p *Pipeline) deliver(r PipelineResult) bool {
	p.mu.Lock()
	if len(p.queue) == 0 || p.sent == 0 {
		p.mu.Unlock()
		return false
	}
	p.bytes -= len(p.queue[0].text)
	p.queue[0] = unanswered{}
	p.queue = p.queue[1:]
	p.sent--
	p.doubtful, p.older = max(p.doubtful-1, 0), max(p.older-1, 0)
	p.first++
	p.last = time.Now()
	p.mu.Unlock()
	signal(p.room)
	select {
	case p.results <- r:
		return true
	default:
	}
	select {
	case p.results <- r:
		p.mu.Lock()
		p.last = time.Now() // the wait was not the member's
		p.mu.Unlock()
		return true
	case <-p.ctx.Done():
		return false
	}
}

// ended is the end of the answers, which is right if all lines have theirs.
func (p *Pipeline) ended(endpoint string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == 0 && p.closed && len(p.queue) == 0 {
		return nil
	}
	e := broken(p.q, endpoint, true, io.ErrUnexpectedEOF)
	e.elsewhere = true
	return e
}

// stopped is a member that went no further: text is its last line, or the answer to a line it could not carry out.
func (p *Pipeline) stopped(endpoint string, text []byte) error {
	var why wire.PipelineEnd
	if err := json.Unmarshal(text, &why); err != nil {
		return unexpected(p.q, endpoint, err)
	}
	e := &Error{Op: p.q.op(), Endpoint: endpoint, Problem: wire.Problem{Code: why.Code, Status: why.Status, Detail: why.Detail}}
	e.elsewhere = p.undecided(Code(why.Code)) || why.Code == wire.BadArguments // it waited too long for a line
	p.none = why.Ended
	return e
}
