package apitest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/watch"
)

// set is a line that sets /a, with a number for an id.
func set(id int) string {
	return fmt.Sprintf(`{"id":%d,"op":"set","path":"/a","data":"%d"}`+"\n", id, id)
}

// isEnd holds the last line to what it must say.
func (l line) isEnd(t *testing.T, answered uint64, code wire.Code) {
	t.Helper()
	if !l.Ended || l.Answered != answered || l.Code != code || l.Status == 0 || l.Detail == "" || l.Line != 0 {
		t.Errorf("the last line is %s, not the end behind line %d with %s", l.raw, answered, code)
	}
}

// What nobody knows to be done or not is said to be unknown, and ends the pipeline: behind it nothing is done.
func TestPipelineEndsWhereTheOutcomeIsUnknown(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			s.do("PUT /v1/znodes/a")
			p := s.pipeline(protocol)
			p.send(set(1))
			if l := p.next(); l.Code != "ok" {
				t.Fatalf("%s", l.raw)
			}
			s.Fail(Faults{Swallow: command.ErrUnknown})
			p.send(`{"id":2,"idempotency_key":"k","op":"create","path":"/b"}` + "\n")
			if l := p.next(); l.Code != wire.OutcomeUnknown || l.Status != 504 || string(l.ID) != "2" || l.Retryable {
				t.Errorf("%s", l.raw)
			}
			s.Fail(Faults{})
			go func() { _, _ = io.WriteString(p.in, set(3)) }() // into a pipeline that has ended
			rest := p.all()
			if len(rest) != 1 {
				t.Fatalf("%+v", rest)
			}
			rest[0].isEnd(t, 2, wire.OutcomeUnknown)
			if a := s.do("GET /v1/znodes/a"); a.body != "1" {
				t.Errorf("a line behind the end was carried out: %s", a.body)
			}
			_, again := s.run(`{"id":2,"idempotency_key":"k","op":"create","path":"/b"}`)
			if !again[0].Replayed || again[0].Code != "ok" {
				t.Errorf("sent again under its key it is known: %s", again[0].raw)
			}
		})
	}
}

// What was certainly not done is tried again for as long as a write waits; then its lines say so, and the pipeline ends.
func TestPipelineEndsWhereNothingCanBeDone(t *testing.T) {
	for _, tt := range []struct {
		err    error
		code   wire.Code
		passes bool
	}{
		{command.ErrNoLeader, wire.NoLeader, true},
		{command.ErrThrottled, wire.Throttled, true},
		{command.ErrDiskFull, wire.DiskFull, false},
		{command.ErrShuttingDown, wire.ShuttingDown, false},
		{fmt.Errorf("nobody foresaw it"), wire.Internal, false},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			t.Parallel()
			s := start(t, func(c *httpapi.Config) { c.WriteWait = 2 * time.Second })
			s.do("PUT /v1/znodes/a\n\n0")
			s.Fail(Faults{Propose: tt.err})
			before := s.Asked()
			_, lines := s.run("[\n" + set(2) + set(3))
			// The third line may come too late to be in the same batch.
			last := len(lines) - 1
			if last < 2 || last > 3 || lines[0].Code != wire.BadArguments {
				t.Fatalf("%+v", lines)
			}
			for _, l := range lines[1:last] {
				if l.Code != tt.code || l.Status < 400 || l.Retryable != (tt.passes || tt.code == wire.ShuttingDown) {
					t.Errorf("%s", l.raw)
				}
			}
			lines[last].isEnd(t, uint64(last), tt.code)
			if strings.HasPrefix(lines[last].Detail, ";") {
				t.Errorf("the end does not say why: %s", lines[last].raw)
			}
			if again := s.Asked()-before > 1; again != tt.passes {
				t.Errorf("it was asked %d times", s.Asked()-before)
			}
			s.Fail(Faults{})
			if a := s.do("GET /v1/znodes/a"); a.body != "0" {
				t.Errorf("%s", a.body)
			}
		})
	}
}

// A leader that comes back in time is waited for, and nobody notices.
func TestPipelineOutlastsAnElection(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a")
	s.Fail(Faults{Propose: command.ErrNoLeader})
	p := s.pipeline("HTTP/1.1")
	before := s.Asked()
	p.send(set(1) + set(2))
	eventually(t, "it is tried again", func() bool { return s.Asked() > before+2 })
	s.Fail(Faults{})
	for i, l := range p.all() {
		if l.Code != "ok" || l.Line != uint64(i+1) {
			t.Errorf("%s", l.raw)
		}
	}
}

// A server that shuts down finishes what is under way, and says where it stopped.
func TestPipelineEndsWithTheServer(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			s.do("PUT /v1/znodes/a")
			s.Fail(Faults{Hold: true})
			p := s.pipeline(protocol)
			before := s.Asked()
			p.send(set(1))
			eventually(t, "the first line is under way", func() bool { return s.Asked() > before })
			p.send(set(2)) // gathered, maybe
			s.api.EndStreams()
			eventually(t, "no more is taken", func() bool { _, err := io.WriteString(p.in, set(3)); return err != nil || true })
			s.Fail(Faults{})
			lines := p.all()
			if len(lines) != 2 || lines[0].Code != "ok" {
				t.Fatalf("%+v", lines)
			}
			lines[1].isEnd(t, 1, wire.ShuttingDown)
			if a := s.do("GET /v1/znodes/a"); a.body != "1" {
				t.Errorf("%s", a.body)
			}
		})
	}
}

// When the client goes away the batch under way is finished, the lines behind it are not begun, and nothing is left.
func TestPipelineWhoseClientGoesAway(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t, func(c *httpapi.Config) { c.MaxStreams = 1 })
			s.do("PUT /v1/znodes/a")
			s.Fail(Faults{Hold: true})
			p := s.pipeline(protocol)
			before := s.Asked()
			p.send(set(1))
			eventually(t, "the first line is under way", func() bool { return s.Asked() > before })
			p.send(set(2))
			p.drop()
			if a := s.do("POST /v1/pipeline\nContent-Type: application/x-ndjson\n\n{}"); a.status != http.StatusTooManyRequests {
				t.Errorf("it counts as a stream until it has ended: %d", a.status)
			}
			s.Fail(Faults{})
			eventually(t, "it has ended", func() bool {
				return s.do("POST /v1/pipeline\nContent-Type: application/x-ndjson\n\n{}").status == http.StatusOK
			})
			if a := s.do("GET /v1/znodes/a"); a.body != "1" && a.body != "2" || s.Asked() > before+2 {
				t.Errorf("%s after %d proposals", a.body, s.Asked()-before)
			}
		})
	}
}

// A client that sends nothing, or not the rest of a line, for too long is told so.
func TestPipelineWaitsOnlySoLong(t *testing.T) {
	for _, protocol := range protocols {
		for what, begun := range map[string]string{"no line came": "", "the rest of line 2 did not arrive": `{"id":2,`} {
			t.Run(protocol+", "+what, func(t *testing.T) {
				t.Parallel()
				s := start(t, func(c *httpapi.Config) {
					c.PipelineIdle, c.BodyTimeout = time.Minute, time.Minute
					if begun == "" {
						c.PipelineIdle = 2 * time.Second // within which the first line comes even where little else does
					} else {
						c.BodyTimeout = 30 * time.Millisecond
					}
				})
				s.do("PUT /v1/znodes/a")
				p := s.pipeline(protocol)
				p.send(set(1) + begun)
				if l := p.next(); l.Code != "ok" {
					t.Errorf("%s", l.raw)
				}
				l := p.next()
				l.isEnd(t, 1, wire.BadArguments)
				if !strings.HasPrefix(l.Detail, what) {
					t.Errorf("%s", l.raw)
				}
			})
		}
	}
}

// What the server itself takes its time for is not the client's to pay for: while it does not read, no deadline runs.
func TestPipelineThatWaitsForTheServerIsNotIdle(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			const idle = 2 * time.Second
			s := start(t, func(c *httpapi.Config) { c.PipelineIdle, c.BodyTimeout = idle, idle })
			s.do("PUT /v1/znodes/a")
			p := s.pipeline(protocol)
			s.Fail(Faults{Hold: true})
			const lines = 3 * command.MaxBatchTxns // more than are gathered while one batch is under way
			before := s.Asked()
			goOn := make(chan struct{})
			go func() { // what cannot be sent has no answer
				for i := range lines {
					_, _ = io.WriteString(p.in, set(i))
				}
				<-goOn
				_, _ = io.WriteString(p.in, set(lines))
				_ = p.in.Close()
			}()
			eventually(t, "the first batch is under way", func() bool { return s.Asked() > before })
			<-time.After(idle + idle/2)
			s.Fail(Faults{})
			close(goOn)
			for i := range lines + 1 {
				if l := p.next(); l.Code != "ok" || l.Line != uint64(i+1) {
					t.Fatalf("%s", l.raw)
				}
			}
		})
	}
}

// A request that breaks off in a line has not said that line.
func TestPipelineThatBreaksOffInALine(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a")
	c := s.dial()
	c.say("POST /v1/pipeline HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "Expect: 100-continue", "")
	c.send("200\r\n" + set(1) + strings.TrimSpace(set(2)))
	if text, err := c.in.ReadString('\n'); err != nil || !strings.HasPrefix(text, "HTTP/1.1 100") {
		t.Fatalf("%q, %v", text, err)
	}
	if _, err := c.in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite()
	a := c.hear("POST")
	var lines []line
	for text := range strings.Lines(a.body) {
		lines = append(lines, parsed(t, text))
	}
	if len(lines) != 2 || lines[0].Code != "ok" || a.header.Get("Connection") != "close" && a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	lines[1].isEnd(t, 1, wire.BadArguments)
	if a := s.do("GET /v1/znodes/a"); a.body != "1" {
		t.Errorf("half a line was carried out: %s", a.body)
	}
}

// A client that does not read is not read either, however much it has to say; when it reads, all is there.
func TestPipelineHoldsBackWhoDoesNotRead(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a")
	c := s.dial()
	c.say("POST /v1/pipeline HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "")
	block := strings.Repeat(strings.TrimSpace(set(7))+strings.Repeat(" ", 200)+"\n", 1000)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(block), block)
	sent, stuck := 0, false
	for ; sent < 500 && !stuck; sent++ {
		_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
		_, err := io.WriteString(c.Conn, chunk)
		stuck = err != nil
	}
	if !stuck {
		t.Fatalf("the server took %d lines that it had not answered", sent*1000)
	}
	_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite() // in the middle of a chunk
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(all), "\n"), "\n")
	last := parsed(t, lines[len(lines)-1])
	last.isEnd(t, uint64(len(lines)-1), wire.BadArguments)
	if len(lines) < 1000 || !strings.HasPrefix(lines[999], `{"line":1000,"id":7,`) {
		t.Errorf("%d lines, the thousandth is %s", len(lines), lines[min(999, len(lines)-1)])
	}
}

// A client that takes no answers for too long is cut off.
func TestPipelineCutsOffWhoNeverReads(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.AnswerTimeout, c.MaxStreams = time.Second, 1 })
	s.do("PUT /v1/znodes/a")
	c := s.dial()
	c.say("POST /v1/pipeline HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "")
	block := strings.Repeat(set(7), 1000)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(block), block)
	for {
		if _, err := io.WriteString(c.Conn, chunk); err != nil {
			break
		}
	}
	eventually(t, "it has ended", func() bool {
		return s.do("POST /v1/pipeline\nContent-Type: application/x-ndjson\n\n{}").status == http.StatusOK
	})
}

// No answer of a session overtakes the events before it, here as everywhere.
func TestNoLineOvertakesTheEventsOfItsSession(t *testing.T) {
	s := start(t)
	o := s.open()
	s.do("PUT /v1/znodes/a").is(201)
	s.do(setWatch(o, "/a", "persistent")).is(201)
	p := s.pipeline("HTTP/1.1", "Holt-Session: "+o.ID)
	sub := s.stuck(o)
	s.do("PUT /v1/znodes/a").is(200)
	var batch [8]*watch.Message
	eventually(t, "the stream has the event", func() bool { n, _, _ := sub.Take(batch[:]); return n > 0 })
	answered := make(chan answer, 1)
	p.send(`{"op":"get","path":"/a"}` + "\n")
	go func() {
		p.next()
		answered <- answer{}
	}()
	for done := s.overtakes(answered, "a line"); !done; {
		_, upTo, _ := sub.Take(batch[:])
		sub.Sent(upTo)
		select {
		case <-answered:
			done = true
		case <-sub.Ready():
		}
	}
}

// There are only so many pipelines.
func TestPipelinesAreCounted(t *testing.T) {
	s := start(t)
	for range httpapi.MaxPipelines {
		c := s.dial()
		c.say("POST /v1/pipeline HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "")
		if res, err := http.ReadResponse(c.in, nil); err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
	}
	s.do("POST /v1/pipeline\nContent-Type: application/x-ndjson\n\n{}").fails(429, wire.Throttled)
}

// A pipeline that is refused is told so at once, though its request has no end.
func TestPipelineRefusedWhileItIsOpen(t *testing.T) {
	s := start(t)
	for _, protocol := range protocols {
		for _, header := range []string{"Content-Type: text/plain", "Holt-Session: nobody"} {
			began := time.Now()
			p := s.pipeline(protocol, header)
			if p.res.StatusCode < 400 || time.Since(began) > 5*time.Second {
				t.Errorf("%s, %s: %s after %v", protocol, header, p.res.Status, time.Since(began))
			}
		}
	}
}

// An answer that has nothing to say for long is not one that is not taken.
func TestPipelineOutlastsTheAnswerTimeout(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t, func(c *httpapi.Config) { c.AnswerTimeout = time.Second })
			s.do("PUT /v1/znodes/a")
			p := s.pipeline(protocol)
			for i := range 2 {
				p.send(set(i))
				if l := p.next(); l.Code != "ok" {
					t.Errorf("%s", l.raw)
				}
				<-time.After(1500 * time.Millisecond)
			}
			if rest := p.all(); len(rest) != 0 {
				t.Errorf("%+v", rest)
			}
		})
	}
}
