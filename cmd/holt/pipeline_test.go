package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/apitest"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

func TestPipelineVerb(t *testing.T) {
	for _, tt := range []struct {
		name, in, args string
		exit           int
		out, err       string // parts
	}{
		{"all is done", `{"id":"a","op":"create","path":"/p"}` + "\n\n  \n" + `{"op":"set","path":"/p","data":"x"}`, "", exitDone,
			`{"line":1,"id":"a",|{"line":2,|"version":1`, ""},
		{"nothing to do", "\n", "", exitDone, "", ""},
		{"a line is refused, the rest is done", "{\n" + `{"op":"set","path":"/app","data":"x"}`, "", exitUsage,
			`"code":"bad_arguments"|{"line":2,|"code":"ok"`, "1 of 2 lines refused, the first is line 1"},
		{"the exit code is that of the first", `{"op":"get","path":"/none"}` + "\n{", "", exitNotFound, `"code":"no_node"`, "2 of 2 lines refused"},
		{"without keys", `{"op":"create","path":"/p"}`, "--keyless", exitDone, `"code":"ok"`, ""},
		{"both", "", "--keyless --idempotency-key k", exitUsage, "", "together"},
		{"a key that cannot be", `{"op":"create","path":"/p"}`, "--idempotency-key " + strings.Repeat("k", 120), exitUsage, "", "107"},
		{"a session that is over", `{"op":"create","path":"/p"}`, "--session 0123456789abcdef0123456789abcdef", exitRefused, `"code":"session_expired"`, "session_expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			serve(t)
			exit, out, errText := holt(t.Context(), tt.in, append([]string{"pipeline"}, strings.Fields(tt.args)...)...)
			if exit != tt.exit || !strings.Contains(errText, tt.err) || (tt.err == "") != (errText == "") {
				t.Errorf("exit %d, %q", exit, errText)
			}
			for _, part := range strings.Split(tt.out, "|") {
				if !strings.Contains(out, part) {
					t.Errorf("%q is not in %s", part, out)
				}
			}
		})
	}
}

// The same lines under the same key are done once.
func TestPipelineVerbAgain(t *testing.T) {
	s := serve(t)
	in := strings.Repeat(`{"op":"create","path":"/app/n-","mode":"persistent_sequential"}`+"\n", 50)
	for i := range 2 {
		exit, out, _ := holt(t.Context(), in, "pipeline", "--idempotency-key", "load")
		if n := strings.Count(out, `"replayed":true`); exit != exitDone || strings.Count(out, `"code":"ok"`) != 50 || n != 50*i {
			t.Errorf("exit %d, %d of 50 replayed", exit, n)
		}
	}
	if n := s.State().Tree.Get(znode.MustPath("/app")).NumChildren(); n != 52 {
		t.Errorf("%d children", n)
	}
}

// Answers come while the input goes on.
func TestPipelineVerbAnswersAtOnce(t *testing.T) {
	serve(t)
	in, write := io.Pipe()
	read, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- execute(t.Context(), &cli{}, []string{"pipeline"}, &console{in: in, out: out, err: io.Discard})
		out.Close()
	}()
	answer := make([]byte, 4096)
	for i := range 3 {
		fmt.Fprintf(write, `{"op":"create","path":"/p%d"}`+"\n", i)
		n, err := read.Read(answer)
		if err != nil || !strings.Contains(string(answer[:n]), fmt.Sprintf(`"path":"/p%d"`, i)) {
			t.Errorf("%s, %v", answer[:n], err)
		}
	}
	write.Close()
	if exit := <-ended; exit != exitDone {
		t.Errorf("exit %d", exit)
	}
}

// What a broken connection leaves unknown is found out; what nobody answers is said to be unknown.
func TestPipelineVerbWhoseConnectionBreaks(t *testing.T) {
	s := serve(t)
	var broken atomic.Bool
	s.Before(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/pipeline" && !broken.Swap(true) {
			panic(http.ErrAbortHandler)
		}
	})
	if exit, out, err := holt(t.Context(), `{"op":"create","path":"/p"}`, "pipeline"); exit != exitDone || !broken.Load() {
		t.Errorf("exit %d: %s %s", exit, out, err)
	}
	s.Before(nil)
	s.Node.Fail(apitest.Faults{Hold: true})
	defer s.Node.Fail(apitest.Faults{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	exit, _, err := holt(ctx, `{"op":"create","path":"/q"}`, "pipeline", "--timeout", "500ms", "--idempotency-key", "mine")
	if exit != exitUnknown || !strings.Contains(err, "run the same again") {
		t.Errorf("exit %d: %s", exit, err)
	}
}

// The message about an unknown outcome has a key, also where none was given, and under it the lines are done once.
func TestPipelineVerbThatMustBeRunAgain(t *testing.T) {
	s := serve(t)
	s.Node.Fail(apitest.Faults{Swallow: command.ErrUnknown})
	lines := strings.Repeat(`{"op":"create","path":"/n-","mode":"persistent_sequential"}`+"\n", 3)
	exit, _, err := holt(t.Context(), lines, "pipeline", "--timeout", "500ms")
	key := regexp.MustCompile(` --idempotency-key (\S+): those that were done are not done again\n$`).FindStringSubmatch(err)
	if exit != exitUnknown || key == nil {
		t.Fatalf("exit %d: %s", exit, err)
	}
	s.Node.Fail(apitest.Faults{})
	for range 2 {
		if exit, out, err := holt(t.Context(), lines, "pipeline", "--idempotency-key", key[1]); exit != exitDone || !strings.Contains(out, "/n-0000000003") {
			t.Errorf("exit %d: %s %s", exit, out, err)
		}
	}
	if n := s.State().Tree.Get(znode.MustPath("/")).NumChildren(); n != 4 {
		t.Errorf("%d children, want /app and three", n)
	}
}
