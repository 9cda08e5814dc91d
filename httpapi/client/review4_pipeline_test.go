package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// script is a server whose connections of a pipeline behave as told, one after the other; the last goes on for ever.
func script(t *testing.T, timeout time.Duration, conns ...func(w http.ResponseWriter, lines *bufio.Scanner)) *Client {
	t.Helper()
	taken := make(chan func(http.ResponseWriter, *bufio.Scanner), len(conns))
	for _, f := range conns[:len(conns)-1] {
		taken <- f
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		f := conns[len(conns)-1]
		select {
		case f = <-taken:
		default:
		}
		f(w, bufio.NewScanner(r.Body))
	}))
	t.Cleanup(s.Close)
	c, err := New(Config{Endpoints: []string{s.URL}, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// vanish takes a line and breaks the connection: nobody knows what became of the line.
func vanish(w http.ResponseWriter, lines *bufio.Scanner) {
	lines.Scan()
	breakOff(w)
}

// breakOff breaks the connection. Without the deadline net/http would wait for more of the request first.
func breakOff(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	panic(http.ErrAbortHandler)
}

// ends is a member that ends the pipeline before it carries anything out.
func ends(w http.ResponseWriter, lines *bufio.Scanner) {
	lines.Scan()
	fmt.Fprintln(w, `{"ended":true,"answered":0,"code":"shutting_down","status":503,"detail":""}`)
}

// says is a member that answers the line with a refusal.
func says(code string, status int) func(http.ResponseWriter, *bufio.Scanner) {
	return func(w http.ResponseWriter, lines *bufio.Scanner) {
		lines.Scan()
		fmt.Fprintf(w, `{"line":1,"zxid":1,"code":"%s","status":%d,"detail":""}`+"\n", code, status)
	}
}

// What was sent over a connection that broke stays in doubt, whatever is said over the next: that it carried nothing out, that it
// would not.
func TestWhatWasSentBeforeStaysInDoubt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		conns []func(http.ResponseWriter, *bufio.Scanner)
		want  Code
	}{
		"broken, then ended":       {[]func(http.ResponseWriter, *bufio.Scanner){vanish, ends}, OutcomeUnknown},
		"broken, then a full disk": {[]func(http.ResponseWriter, *bufio.Scanner){vanish, says("disk_full", 507)}, OutcomeUnknown},
		"ended alone":              {[]func(http.ResponseWriter, *bufio.Scanner){ends}, ShuttingDown},
	} {
		p := script(t, 2*time.Second, tt.conns...).Pipeline(t.Context())
		if err := p.SendText([]byte(`{"op":"create","path":"/a"}`)); err != nil {
			t.Fatal(err)
		}
		r, err := p.Receive()
		if CodeOf(err) != tt.want {
			t.Errorf("%s: answer %s, %v; want %s", name, r.Text, err, tt.want)
		}
		p.Close()
	}
	// Nothing was sent before this refusal.
	p := script(t, time.Minute, says("disk_full", 507)).Pipeline(t.Context())
	defer p.Close()
	if err := p.SendText([]byte(`{"op":"create","path":"/a"}`)); err != nil {
		t.Fatal(err)
	}
	if r, err := p.Receive(); err != nil || r.Code != DiskFull {
		t.Errorf("a full disk: answer %s, %v", r.Text, err)
	}
}

// A line is not sent again when the members may have forgotten that they carried it out.
func TestALineIsNotSentAgainTooLate(t *testing.T) {
	var p *Pipeline
	sent := make(chan struct{})
	c := script(t, time.Hour,
		func(w http.ResponseWriter, lines *bufio.Scanner) {
			lines.Scan()
			<-sent
			p.mu.Lock()
			p.queue[0].sent = p.queue[0].sent.Add(-maxRepeat - time.Second)
			p.mu.Unlock()
			breakOff(w)
		},
		func(w http.ResponseWriter, lines *bufio.Scanner) {
			if lines.Scan() {
				t.Errorf("sent again: %s", lines.Text())
			}
		})
	p = c.Pipeline(t.Context())
	defer p.Close()
	if err := p.SendText([]byte(`{"op":"create","path":"/a"}`)); err != nil {
		t.Fatal(err)
	}
	close(sent)
	r, err := p.Receive()
	if !errors.Is(err, OutcomeUnknown) || errors.Is(err, io.EOF) {
		t.Errorf("answer %s, %v", r.Text, err)
	}
}

// Where nobody took a connection nothing is in doubt.
func TestNobodyTookTheLines(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := New(Config{Endpoints: []string{s.URL}, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := c.Pipeline(t.Context())
	defer p.Close()
	if err := p.SendText([]byte(`{"op":"create","path":"/a"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Receive(); CodeOf(err) != Unreachable {
		t.Errorf("%v", err)
	}
}
