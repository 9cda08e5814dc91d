package tests

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/harness"
)

// Lines are done in the order they were sent in, once, over any number of connections, members and leaders: line n makes child n.
func TestAPipelineKeepsItsOrderWhateverDies(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "1048576"}).Start()
	writers := make([]*pipeWriter, pipeWriters)
	var done atomic.Int64
	for i := range writers {
		if _, err := c.Client(0).Create(t.Context(), fmt.Sprintf("/pipe%d", i), nil, client.Persistent); err != nil {
			t.Fatal(err)
		}
		writers[i] = &pipeWriter{t: t, c: c, number: i, done: &done}
	}
	besiegeWhile(t, c, onceKills(t), &done, func(ctx context.Context, worker int) {
		switch {
		case worker == 0:
			writers[worker].runWithClient(ctx)
		case worker < pipeWriters:
			writers[worker].run(ctx)
		}
	})
	replayed := 0
	for i, w := range writers {
		replayed += w.replayed
		t.Logf("pipeline %d: %d lines over %d connections, %d answers were given again", i, w.answered, w.connected, w.replayed)
		there := childrenOf(t, c, fmt.Sprintf("/pipe%d", i))
		if len(there) != w.answered || w.answered < 10*pipeBurst {
			t.Errorf("pipeline %d: %d lines were answered, %d are done", i, w.answered, len(there))
		}
		for n := range w.answered {
			if got := there[strings.TrimPrefix(pipeJob(i, n), fmt.Sprintf("/pipe%d/", i))]; got != fmt.Sprint(n) {
				t.Fatalf("pipeline %d: child %d was made by line %q", i, n, got)
			}
		}
	}
	if replayed == 0 {
		t.Error("no answer was lost of what was done: this test shows nothing")
	}
	c.Equal()
}

// Whoever waits for an answer before sending the next line gets it, on any member, over any protocol, and with curl.
func TestAPipelineAnswersWhileItIsBeingSent(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	for _, m := range c.Members {
		for _, protocol := range pipeProtocols {
			p := openPipeNow(t, protocol, m)
			for n := range 3 {
				p.say(t, fmt.Sprintf(`{"id":"%s","op":"create","path":"/n-","mode":"persistent_sequential"}`+"\n", protocol))
				if a := p.hear(t); a.Code != "ok" || a.Line != uint64(n+1) || string(a.ID) != `"`+protocol+`"` {
					t.Errorf("%s: %+v", protocol, a)
				}
			}
			if open := m.Metric("holt_pipelines"); open != 1 {
				t.Errorf("%s: %v pipelines are open", protocol, open)
			}
			_ = p.in.Close()
			if _, err := p.next(); err != io.EOF {
				t.Errorf("%s: behind the last answer: %v", protocol, err)
			}
			harness.Eventually(t, endTime, "it is closed", func() bool { return m.Metric("holt_pipelines") == 0 })
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.SettleTime)
	defer cancel()
	curl := exec.CommandContext(ctx, "curl", "-sN", "-X", "POST", "-H", "Content-Type: application/x-ndjson", "-T", ".", c.Members[0].URL+"/v1/pipeline")
	in, err := curl.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := curl.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := curl.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(out)
	for _, line := range []string{`{"id":1,"op":"create","path":"/by-curl"}`, `{"id":2,"op":"get","path":"/by-curl"}`} {
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			t.Fatal(err)
		}
		if !answers.Scan() || !strings.Contains(answers.Text(), `"code":"ok"`) {
			t.Errorf("%s: %s", line, answers.Text())
		}
	}
	_ = in.Close()
	if err := errors.Join(curl.Wait(), answers.Err()); err != nil {
		t.Error(err)
	}
	if there := childrenOf(t, c, "/"); len(there) != 3*3*len(pipeProtocols)+1 {
		t.Errorf("%d znodes: %v", len(there), there)
	}
}

// Whatever is sent as a line answers for itself and leaves the others alone.
func TestBrokenLinesChangeNothing(t *testing.T) {
	m := bin.NewMember(t, "a").Start().Ready()
	one := m.Client()
	if _, err := one.Create(t.Context(), "/z", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", 100_000)
	lines := []struct {
		text string
		code wire.Code
	}{
		{`nonsense`, wire.BadArguments}, {`{}`, wire.BadArguments}, {`[]`, wire.BadArguments}, {deep, wire.BadArguments}, {"\xff\xfe{\x00}", wire.BadArguments},
		{`{"op":"create","path":"/x"`, wire.BadArguments}, {`{"op":"create","path":"/x","path":"/y"}`, wire.BadArguments},
		{`{"op":"create","path":7}`, wire.BadArguments}, {`{"op":"create","path":"/x","data":"!","encoding":"base64"}`, wire.BadArguments},
		{`{"op":"create","path":"/x","data":"` + strings.Repeat("x", 1<<20+1) + `"}`, wire.TooLarge},
		{`{"op":"create","path":"/x"}{"op":"create","path":"/y"}`, wire.BadArguments}, {`{"op":"delete","path":"/none"}`, wire.NoNode},
		{`{"txn":[{"op":"create","path":"/x"},{"op":"delete","path":"/none"}]}`, wire.NoNode},
		{`{"op":"create","path":"/x","mode":"ephemeral"}`, wire.BadArguments},
	}
	for _, protocol := range pipeProtocols {
		p := openPipeNow(t, protocol, m)
		before := one.Zxid()
		for _, line := range lines {
			p.say(t, line.text+"\n\n \n"+`{"id":"well","op":"get","path":"/z"}`+"\n")
			if a := p.hear(t); a.Code != line.code || a.Status < 400 || a.Detail == "" {
				t.Errorf("%s: %.60s: %+v", protocol, line.text, a)
			}
			if a := p.hear(t); a.Code != "ok" || string(a.ID) != `"well"` || a.Zxid != before {
				t.Errorf("%s: behind %.60s: %+v", protocol, line.text, a)
			}
		}
		p.say(t, `{"op":"set","path":"/z","data":"half a line`)
		p.close()
	}
	// The end of a line that nobody ended.
	conn, err := net.DialTimeout("tcp", m.HTTPAddr, endTime)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	last := `{"op":"set","path":"/z","data":"no newline"}`
	if _, err := fmt.Fprintf(conn, "POST /v1/pipeline HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(last), last); err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(whole), `"code":"ok"`) {
		t.Errorf("%v: %s", err, whole)
	}
	z, err := one.Get(t.Context(), "/z", client.Linearizable)
	if err != nil || string(z.Data) != "no newline" || z.Stat.Version != 1 {
		t.Errorf("%+v, %v", z, err)
	}
	if there := childrenOf(t, m.Alone(), "/"); len(there) != 1 {
		t.Errorf("made by lines that were refused: %v", there)
	}
}

// A line without an end is told so, costs what a line may cost, and nobody else anything.
func TestALineWithoutAnEndEndsThePipeline(t *testing.T) {
	const sent, dear = 256 << 20, 256 << 20
	m := bin.NewMember(t, "a").Start().Ready()
	for _, protocol := range pipeProtocols {
		p := openPipeNow(t, protocol, m)
		p.say(t, `{"op":"exists","path":"/"}`+"\n")
		p.hear(t)
		go func() {
			chunk := []byte(strings.Repeat("x", 1<<20))
			for n := 0; n < sent; n += len(chunk) {
				if _, err := p.in.Write(chunk); err != nil {
					return
				}
			}
			_ = p.in.Close()
		}()
		var last pipeAnswer
		var err error
		for err == nil {
			var a pipeAnswer
			if a, err = p.next(); err == nil {
				last = a
			}
		}
		if !last.Ended || last.Answered != 1 || last.Code != wire.TooLarge {
			t.Errorf("%s: the last line is %+v, and then %v", protocol, last, err)
		}
		p.close()
	}
	if used := residentBytes(t, m.Pid); used > dear {
		t.Errorf("the member has %d MiB in use", used>>20)
	}
	if m.Status("/readyz") != http.StatusOK {
		t.Error("it is not ready any more")
	}
}

const (
	// fewLines and manyLines are how many pass through one pipeline, the latter where HOLT_TEST_KILLS asks for long runs.
	fewLines, manyLines = 300_000, 10_000_000
	// moreMemory is how much more a member may have in use after all of them than after the first third: what the garbage
	// collector leaves for a while.
	moreMemory = 96 << 20
)

// However many lines pass through, the member that carries them out needs no more memory than before.
func TestManyLinesTakeNoMemory(t *testing.T) {
	lines := fewLines
	if os.Getenv("HOLT_TEST_KILLS") != "" {
		lines = manyLines
	}
	m := bin.NewMember(t, "a").Start().Ready()
	if _, err := m.Client().Create(t.Context(), "/z", nil, client.Persistent); err != nil {
		t.Fatal(err)
	}
	p := openPipeNow(t, "HTTP/1.1", m)
	go func() {
		out := bufio.NewWriterSize(p.in, 64<<10)
		data := strings.Repeat("x", 100)
		for n := range lines {
			if _, err := fmt.Fprintf(out, `{"id":%d,"op":"set","path":"/z","data":"%s"}`+"\n", n, data); err != nil {
				return
			}
		}
		if out.Flush() == nil {
			_ = p.in.Close()
		}
	}()
	begun := time.Now()
	var early, late int64
	for n := range lines {
		line, err := p.answers.ReadSlice('\n')
		if err != nil {
			t.Fatalf("behind %d lines: %v", n, err)
		}
		if !strings.HasPrefix(string(line), fmt.Sprintf(`{"line":%d,"id":%d,`, n+1, n)) || !strings.Contains(string(line), `"code":"ok"`) {
			t.Fatalf("line %d: %s", n+1, line)
		}
		if n%(lines/300) == 0 {
			used := residentBytes(t, m.Pid)
			if n < lines/3 {
				early = max(early, used)
			}
			late = max(late, used)
		}
	}
	took := time.Since(begun)
	t.Logf("%d lines in %v, %.0f a second; %d MiB in use at most after a third of them, %d MiB after all", lines, took.Round(time.Millisecond),
		float64(lines)/took.Seconds(), early>>20, late>>20)
	if late > early+moreMemory {
		t.Errorf("the member's memory grew from %d to %d MiB", early>>20, late>>20)
	}
	z, err := m.Client().Get(t.Context(), "/z", client.Linearizable)
	if err != nil || z.Stat.Version != int64(lines) {
		t.Errorf("%d lines made version %d: %v", lines, z.Stat.Version, err)
	}
}
