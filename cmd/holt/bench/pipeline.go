package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync"
	"time"
)

const (
	// pipeWindow is how many lines of a pipeline are on their way at most.
	pipeWindow = 4096
	// pipeBlock is how many lines are sent in one piece.
	pipeBlock = 64
	// pipeBuffer is how many bytes of answers are read at once.
	pipeBuffer = 64 << 10
)

// pipes is a number of pipelines, each with a connection of its own, made anew for each turn.
type pipes struct {
	hosts []string
	n     int
	line  func(out []byte, number int64, rnd *rand.Rand) []byte
}

// pipeline makes the pipelines that set the area's znodes. Their data is as long as the others', and text, as it is in JSON as a rule.
func (a *area) pipeline(n int) *pipes {
	text := base64.RawURLEncoding.EncodeToString(a.data)[:len(a.data)]
	run := base64.RawURLEncoding.EncodeToString(a.data[:min(len(a.data), 9)])
	return &pipes{hosts: a.hosts, n: n, line: func(out []byte, number int64, rnd *rand.Rand) []byte {
		out = append(out, `{"id":`...)
		out = strconv.AppendInt(out, number, 10)
		if a.cfg.Keyed {
			out = append(append(out, `,"idempotency_key":"`...), run...)
			out = strconv.AppendUint(append(out, '-'), rnd.Uint64(), 36)
			out = append(strconv.AppendInt(append(out, '-'), number, 10), '"')
		}
		out = append(append(append(out, `,"op":"set","path":"`...), a.root...), '/')
		out = appendKey(out, rnd.IntN(a.cfg.Keys))
		return append(append(append(out, `","data":"`...), text...), "\"}\n"...)
	}}
}

// run lets all pipelines work for d, or until ctx ends, and gives what they did until the last line was answered.
func (p *pipes) run(ctx context.Context, d time.Duration) sample {
	workers := make([]*pipe, p.n)
	var all sync.WaitGroup
	began := time.Now()
	for i := range workers {
		w := &pipe{sent: make(chan block, pipeWindow/pipeBlock)}
		workers[i] = w
		all.Go(func() {
			w.why = w.run(ctx, p.hosts[i%len(p.hosts)], began.Add(d), p.line)
		})
	}
	all.Wait()
	s := sample{took: time.Since(began)}
	for _, w := range workers {
		s.lat.merge(&w.took)
		s.errors += w.refused
		if s.why == nil && w.why != nil {
			s.why = w.why
			s.errors++
		}
	}
	return s
}

// pipe is one pipeline.
type pipe struct {
	sent    chan block // the window: what is sent and not answered yet
	took    histogram
	refused int64
	why     error
}

// block is lines that were sent together.
type block struct {
	lines int
	at    time.Time
}

// run sends until end, in a goroutine of its own, and reads the answers.
func (w *pipe) run(ctx context.Context, host string, end time.Time, line func([]byte, int64, *rand.Rand) []byte) error {
	dialer := net.Dialer{Timeout: dialTimeout}
	c, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(end.Add(lastAnswer)); err != nil {
		return err
	}
	var sender sync.WaitGroup
	defer sender.Wait()
	stop := make(chan struct{}) // closed when the answers are over
	defer close(stop)
	sender.Go(func() {
		defer close(w.sent)
		if err := w.send(ctx, c, host, end, stop, line); err != nil {
			c.Close() // the answers say why, or end
		}
	})
	in := bufio.NewReaderSize(c, pipeBuffer)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(res.Body, maxSaid))
		return &statusError{res.StatusCode, string(said)}
	}
	return w.receive(res.Body)
}

func (w *pipe) send(ctx context.Context, c net.Conn, host string, end time.Time, stop <-chan struct{}, line func([]byte, int64, *rand.Rand) []byte) error {
	if _, err := fmt.Fprintf(c, "POST /v1/pipeline HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n", host); err != nil {
		return err
	}
	out := httputil.NewChunkedWriter(c)
	rnd := rand.New(rand.NewPCG(rand.Uint64(), 1))
	var buf []byte
	for number := int64(0); ; {
		now := time.Now()
		if !now.Before(end) || ctx.Err() != nil {
			if err := out.Close(); err != nil {
				return err
			}
			_, err := io.WriteString(c, "\r\n")
			return err
		}
		buf = buf[:0]
		for range pipeBlock {
			number++
			buf = line(buf, number, rnd)
		}
		select {
		case w.sent <- block{pipeBlock, now}:
		case <-stop:
			return nil
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
}

// receive reads the answers to the end. The generator must cost little beside what it measures, so of an answer only its code is
// looked at.
func (w *pipe) receive(body io.Reader) error {
	in := bufio.NewReaderSize(body, pipeBuffer)
	var oldest block
	for {
		text, err := in.ReadSlice('\n')
		if err == io.EOF && len(text) == 0 {
			break
		}
		if err != nil {
			return err
		}
		if bytes.HasPrefix(text, []byte(`{"ended"`)) {
			return fmt.Errorf("the pipeline ended: %.*s", maxSaid, text)
		}
		for oldest.lines == 0 {
			var more bool
			if oldest, more = <-w.sent; !more {
				return errors.New("more answers than lines")
			}
		}
		oldest.lines--
		if !bytes.Contains(text[:min(len(text), 120)], []byte(`"code":"ok"`)) {
			w.refused++
			if w.why == nil {
				w.why = fmt.Errorf("refused: %.*s", maxSaid, text)
			}
			continue
		}
		w.took.add(time.Since(oldest.at))
	}
	if _, more := <-w.sent; more || oldest.lines > 0 {
		return errors.New("fewer answers than lines")
	}
	return w.why
}
