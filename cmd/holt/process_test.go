package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// endsWithin bounds how long a process may take to come to its end, or to begin to serve: machines are slow at times.
const endsWithin = 2 * time.Minute

// served is a process of holt serve, on ports of its own choice.
type served struct {
	t     *testing.T
	cmd   *exec.Cmd
	said  *spoken
	ended chan struct{}
}

// spoken is what a process says.
type spoken struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

// Write is io.Writer's.
func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startServe starts holt serve with these variables, through a shell line if there is one.
func startServe(t *testing.T, shell string, env ...string) *served {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, said: &spoken{}, ended: make(chan struct{})}
	s.cmd = exec.Command(self, "serve")
	if shell != "" {
		s.cmd = exec.Command("sh", "-c", shell+` && exec "$0" serve`, self)
	}
	s.cmd.Dir = t.TempDir()
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOLT_NAME=m1", "HOLT_HTTP_ADDR=127.0.0.1:0", "HOLT_RAFT_ADDR=127.0.0.1:0",
		"HOLT_DISK_RESERVE=1"}, env...)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		if t.Failed() {
			t.Logf("the process said:\n%s", s.said)
		}
	})
	return s
}

// says waits until the process has said what matches, and gives the first group.
func (s *served) says(pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	eventually(s.t, "the process says "+pattern, func() bool { found = re.FindStringSubmatch(s.said.String()); return found != nil })
	return found[len(found)-1]
}

// ready waits until the process serves, and gives its address.
func (s *served) ready() string {
	s.t.Helper()
	addr := s.says(`msg=serving .*http=(\S+)`)
	eventually(s.t, "the member is ready", func() bool {
		res, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	return addr
}

func (s *served) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// exit waits for the end of the process and gives its exit code, or -1 and the signal that ended it.
func (s *served) exit() (int, syscall.Signal) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(endsWithin):
		s.t.Fatalf("the process has not ended after %v", endsWithin)
	}
	return s.cmd.ProcessState.ExitCode(), s.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(endsWithin); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", endsWithin, what)
		}
	}
}

func TestSignals(t *testing.T) {
	t.Run("a first TERM or INT stops in order", func(t *testing.T) {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			s := startServe(t, "")
			s.ready()
			s.signal(sig)
			if code, _ := s.exit(); code != exitDone || !strings.Contains(s.said.String(), "msg=stopped") {
				t.Errorf("%v: exit code %d", sig, code)
			}
		}
	})
	t.Run("a second ends it at once", func(t *testing.T) {
		s := startServe(t, "")
		addr := s.ready()
		// A write whose data does not come holds the stop up. The server asks for the data when it has begun with the request.
		r, w := io.Pipe()
		defer w.Close()
		go func() {
			req, err := http.NewRequest(http.MethodPut, "http://"+addr+"/v1/znodes/slow", r)
			if err == nil {
				req.Header.Set("Expect", "100-continue")
				_, err = (&http.Transport{ExpectContinueTimeout: endsWithin}).RoundTrip(req)
			}
			_ = r.CloseWithError(err)
		}()
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		s.signal(syscall.SIGTERM)
		s.says("msg=stopping")
		begun := time.Now()
		s.signal(syscall.SIGTERM)
		if _, sig := s.exit(); sig != syscall.SIGTERM || time.Since(begun) > drainTime/2 {
			t.Errorf("ended by signal %v after %v", sig, time.Since(begun))
		}
	})
	t.Run("a hangup asks for nothing", func(t *testing.T) {
		s := startServe(t, "")
		addr := s.ready()
		s.signal(syscall.SIGHUP)
		s.says("nothing to reload")
		for range 5 {
			s.signal(syscall.SIGHUP)
		}
		res, err := http.Get("http://" + addr + "/readyz")
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", res, err)
		}
		res.Body.Close()
		s.signal(syscall.SIGTERM)
		if code, _ := s.exit(); code != exitDone || strings.Count(s.said.String(), "nothing to reload") != 1 {
			t.Errorf("exit code %d; it is to be said once", code)
		}
	})
	t.Run("QUIT shows what it was doing", func(t *testing.T) {
		s := startServe(t, "")
		s.ready()
		s.signal(syscall.SIGQUIT)
		if code, _ := s.exit(); code != exitUsage || strings.Count(s.said.String(), "\ngoroutine ") < 5 {
			t.Errorf("exit code %d", code) // the runtime's own for this
		}
	})
}

func TestProfilesAreForThisMachine(t *testing.T) {
	off := startServe(t, "")
	if off.ready(); strings.Contains(off.said.String(), "pprof") {
		t.Error("profiles are served though nobody asked for them")
	}
	s := startServe(t, "", "HOLT_PPROF_ADDR=127.0.0.1:0")
	addr := s.says(`msg="serving profiles" pprof=(\S+)`)
	ask := func(host string) int {
		req, err := http.NewRequest(http.MethodGet, "http://"+addr+"/debug/pprof/goroutine?debug=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode == http.StatusOK && !bytes.Contains(b, []byte("goroutine profile")) {
			t.Errorf("%.100s, %v", b, err)
		}
		return res.StatusCode
	}
	for host, want := range map[string]int{"": 200, "localhost": 200, "localhost:1": 200, "evil.example": 421, "evil.example:80": 421} {
		if got := ask(host); got != want {
			t.Errorf("as %q: status %d, want %d", host, got, want)
		}
	}
	s.ready()
	s.signal(syscall.SIGTERM)
	if code, _ := s.exit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
