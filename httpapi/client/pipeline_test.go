package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/httpapi/apitest"
	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// numbered is a line that makes the next znode of a queue.
func numbered(id int) wire.PipelineLine {
	return wire.PipelineLine{ID: json.RawMessage(fmt.Sprint(id)), Op: wire.Op{Op: "create", Path: "/q/n-", Mode: "persistent_sequential"}}
}

// piped is the pipeline of a client of a server with /q.
func piped(t *testing.T, endpoints ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Endpoints: endpoints, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Put(t.Context(), "/q", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	return c
}

// answers receives the answers to n numbered lines, which must have made n znodes in their order, and gives how many were replayed.
func answers(t *testing.T, p *client.Pipeline, n int) (replayed int) {
	t.Helper()
	for i := range n {
		r, err := p.Receive()
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		res, err := r.Decode()
		if err != nil || r.Code != "ok" || res.Line != uint64(i+1) || string(res.ID) != fmt.Sprint(i) || res.Result.Path != fmt.Sprintf("/q/n-%010d", i) {
			t.Fatalf("answer %d: %s, %v", i, r.Text, err)
		}
		if res.Replayed {
			replayed++
		}
	}
	return replayed
}

func TestPipelineAnswersEachLineOnce(t *testing.T) {
	s := clienttest.New()
	defer s.Close()
	p := piped(t, s.URL).Pipeline(t.Context())
	defer p.Close()
	const lines = 3000
	go func() {
		for i := range lines {
			if err := p.Send(numbered(i)); err != nil {
				t.Error(err)
			}
		}
		p.CloseSend()
	}()
	answers(t, p, lines)
	if _, err := p.Receive(); err != io.EOF {
		t.Errorf("behind the last answer: %v", err)
	}
	if err := p.Send(numbered(0)); err == nil {
		t.Error("a line behind CloseSend was taken")
	}
}

// A line that is refused is answered, and the rest goes on. Keys and ids are the caller's where there are any.
func TestPipelineLines(t *testing.T) {
	s := clienttest.New()
	defer s.Close()
	c := piped(t, s.URL)
	p := c.Pipeline(t.Context())
	defer p.Close()
	for _, tt := range []struct{ line, want string }{
		{`{"id":1,"op":"create","path":"/q"}`, `"code":"node_exists"`},
		{`  {"op":"set","path":"/q","data":"idempotency_key"}`, `"code":"ok"`},
		{`{"idempotency_key":"mine","op":"create","path":"/mine"}`, `"code":"ok"`},
		{` { "op":"create","path":"/mine","idempotency_key":"mine"}`, `"replayed":true`},
		{`{"op":"set","path":"/q","data":"a \"idempotency_key\" of its own"}`, `"code":"ok"`},
		{`{`, `"code":"bad_arguments"`},
		{`{}`, `"code":"bad_arguments"`},
		{`hello`, `"code":"bad_arguments"`},
		{`[{"op":"create","path":"/x"}]`, `"code":"bad_arguments"`},
		{`{"txn":[{"op":"get","path":"/q"}]}`, `"data":"a \"idempotency_key\" of its own"`},
	} {
		if err := p.SendText([]byte(tt.line)); err != nil {
			t.Fatal(err)
		}
		r, err := p.Receive()
		if err != nil || !strings.Contains(string(r.Text), tt.want) {
			t.Errorf("%s: %s, %v", tt.line, r.Text, err)
		}
	}
	for _, line := range []string{"", "  ", "{}\n{}"} {
		if err := p.SendText([]byte(line)); !errors.Is(err, client.BadArguments) {
			t.Errorf("%q: %v", line, err)
		}
	}
	if c.Zxid() < uint64(s.State().Tree.Get(znode.MustPath("/q")).Stat().Mzxid) {
		t.Errorf("the client has seen %d", c.Zxid())
	}
}

// cutter passes connections on, and cuts each off after some bytes.
type cutter struct {
	net.Listener
	to   string
	mu   sync.Mutex // guards what follows
	rnd  *rand.Rand
	cuts int
	all  sync.WaitGroup
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &cutter{Listener: l, to: strings.TrimPrefix(to, "http://"), rnd: rand.New(rand.NewPCG(7, 7))}
	k.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			k.all.Go(func() { k.pass(c) })
		}
	})
	t.Cleanup(func() { l.Close(); k.all.Wait() })
	return k
}

// pass cuts a connection in either direction, wherever that falls.
func (k *cutter) pass(c net.Conn) {
	defer c.Close()
	up, err := net.Dial("tcp", k.to)
	if err != nil {
		return
	}
	defer up.Close()
	k.mu.Lock()
	there, back := 200_000+k.rnd.Int64N(2_000_000), 500+k.rnd.Int64N(200_000)
	k.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.CopyN(up, c, there); up.Close(); c.Close() })
	both.Go(func() { _, _ = io.CopyN(c, up, back); up.Close(); c.Close() })
	both.Wait()
	k.mu.Lock()
	k.cuts++
	k.mu.Unlock()
}

// However often the connection breaks, and wherever: every line is done once, in its order, and answered once.
func TestPipelineOverAConnectionThatBreaks(t *testing.T) {
	s := clienttest.New()
	defer s.Close()
	k := newCutter(t, s.URL)
	c := piped(t, "http://"+k.Addr().String())
	const lines = 5000
	p := c.Pipeline(t.Context())
	defer p.Close()
	go func() {
		for i := range lines {
			if err := p.Send(numbered(i)); err != nil {
				t.Error(err)
				return
			}
		}
		p.CloseSend()
	}()
	replayed := answers(t, p, lines)
	if _, err := p.Receive(); err != io.EOF {
		t.Error(err)
	}
	if n := s.State().Tree.Get(znode.MustPath("/q")).Stat().NumChildren; n != lines {
		t.Errorf("%d znodes for %d lines", n, lines)
	}
	p.Close()
	c.Close()
	if k.mu.Lock(); k.cuts < 5 || replayed == 0 {
		t.Errorf("the connection broke %d times, %d answers were given again: that shows little", k.cuts, replayed)
	}
	k.mu.Unlock()
}

// What the first member says it did not do, or does not know, the next is asked.
func TestPipelineGoesOnElsewhere(t *testing.T) {
	for _, fault := range []apitest.Faults{
		{Propose: command.ErrNoLeader}, {Propose: command.ErrShuttingDown}, {Swallow: command.ErrUnknown}, {Swallow: errors.New("a bug")},
	} {
		s := clienttest.New()
		c := piped(t, s.URL)
		p := c.Pipeline(t.Context())
		if err := p.Send(numbered(0)); err != nil {
			t.Fatal(err)
		}
		answers(t, p, 1)
		s.Node.Fail(fault)
		asked := s.Node.Asked()
		if err := p.Send(numbered(1)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it was tried", func() bool { return s.Node.Asked() > asked })
		s.Node.Fail(apitest.Faults{})
		p.CloseSend()
		r, err := p.Receive()
		if err != nil {
			t.Fatalf("%+v: %v", fault, err)
		}
		if res, err := r.Decode(); err != nil || res.Line != 2 || res.Result.Path != "/q/n-0000000001" || res.Replayed != (fault.Swallow != nil) {
			t.Errorf("%+v: %s, %v", fault, r.Text, err)
		}
		if n := s.State().Tree.Get(znode.MustPath("/q")).Stat().NumChildren; n != 2 {
			t.Errorf("%+v: %d znodes", fault, n)
		}
		p.Close()
		s.Close()
	}
}

// Whom nobody answers is told what is known of the lines.
func TestPipelineGivesUp(t *testing.T) {
	t.Parallel()
	s := clienttest.New()
	defer s.Close()
	c, err := client.New(client.Config{Endpoints: []string{s.URL}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Put(t.Context(), "/q", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	t.Run("it takes lines and does not answer", func(t *testing.T) {
		p := c.Pipeline(t.Context())
		defer p.Close()
		s.Node.Fail(apitest.Faults{Hold: true})
		defer s.Node.Fail(apitest.Faults{})
		if err := p.Send(numbered(0)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Receive(); !errors.Is(err, client.OutcomeUnknown) {
			t.Errorf("%v", err)
		}
		if err := p.Send(numbered(1)); !errors.Is(err, client.OutcomeUnknown) {
			t.Errorf("%v", err)
		}
	})
	t.Run("it refuses the request", func(t *testing.T) {
		s.Before(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadRequest) })
		defer s.Before(nil)
		p := c.Pipeline(t.Context())
		defer p.Close()
		if err := p.Send(numbered(0)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Receive(); err == nil || client.CodeOf(err) == "" {
			t.Errorf("%v", err)
		}
	})
	t.Run("it is not holt", func(t *testing.T) {
		s.Before(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello\n") })
		defer s.Before(nil)
		p := c.Pipeline(t.Context())
		defer p.Close()
		if err := p.Send(numbered(0)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Receive(); !errors.Is(err, client.OutcomeUnknown) {
			t.Errorf("%v", err)
		}
	})
	t.Run("nobody is there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		alone, err := client.New(client.Config{Endpoints: []string{l.Addr().String()}, Timeout: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		p := alone.Pipeline(t.Context())
		defer p.Close()
		if err := p.Send(numbered(0)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Receive(); !errors.Is(err, client.Unreachable) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the caller ends it", func(t *testing.T) {
		p := c.Pipeline(t.Context())
		p.Close()
		if _, err := p.Receive(); err == nil || err == io.EOF {
			t.Errorf("%v", err)
		}
	})
}

// Without keys a line is sent once: a connection that breaks leaves what was sent unknown.
func TestKeylessPipelineSendsOnce(t *testing.T) {
	s := clienttest.New()
	defer s.Close()
	c := piped(t, s.URL)
	p := c.Keyless().Pipeline(t.Context())
	defer p.Close()
	if err := p.Send(numbered(0)); err != nil {
		t.Fatal(err)
	}
	answers(t, p, 1)
	if s.State().Outcomes.Len() > 1 { // that of piped
		t.Error("it had a key")
	}
	s.Node.Fail(apitest.Faults{Hold: true})
	defer s.Node.Fail(apitest.Faults{})
	asked := s.Node.Asked()
	if err := p.Send(numbered(1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is under way", func() bool { return s.Node.Asked() > asked })
	s.CloseClientConnections()
	if _, err := p.Receive(); !errors.Is(err, client.OutcomeUnknown) {
		t.Errorf("%v", err)
	}
}

// A pipeline that has nothing to say is cut off by the server, and goes on when it has.
func TestPipelineThatIsIdle(t *testing.T) {
	s := clienttest.New()
	defer s.Close()
	c := piped(t, s.URL)
	p := c.Pipeline(t.Context())
	defer p.Close()
	for i := range 3 {
		if err := p.Send(numbered(i)); err != nil {
			t.Fatal(err)
		}
		r, err := p.Receive()
		if res, _ := r.Decode(); err != nil || res.Result == nil || res.Result.Path != fmt.Sprintf("/q/n-%010d", i) || res.Line != uint64(i+1) {
			t.Fatalf("%s, %v", r.Text, err)
		}
		s.CloseClientConnections()
	}
}

// Send waits where too many lines have no answer.
func TestPipelineSendsOnlySoMuch(t *testing.T) {
	s := clienttest.New()
	defer s.Close()
	c := piped(t, s.URL)
	s.Node.Fail(apitest.Faults{Hold: true})
	p := c.Pipeline(t.Context())
	defer p.Close()
	sent := make(chan int, 1)
	go func() {
		i := 0
		for ; i <= client.MaxUnanswered; i++ {
			if p.Send(numbered(i)) != nil {
				break
			}
		}
		p.CloseSend()
		sent <- i
	}()
	select {
	case <-sent:
		t.Error("all were taken")
	case <-time.After(100 * time.Millisecond):
	}
	s.Node.Fail(apitest.Faults{})
	answers(t, p, client.MaxUnanswered+1)
	if n := <-sent; n != client.MaxUnanswered+1 {
		t.Errorf("%d were taken", n)
	}
}

// patience is the timeout of a client that is to give up: no member takes as long for one answer, on whatever machine.
const patience = 2 * time.Second

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come about that ", what)
		}
	}
}
