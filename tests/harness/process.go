package harness

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// maxLog bounds what is kept of a process's output, in bytes; the oldest half goes first.
	maxLog = 1 << 20
	// shownLog is how much of it is printed when a test fails.
	shownLog = 8 << 10
	// endTime bounds how long a process may take to end after it was killed: a disk may hold it up.
	endTime = 60 * time.Second
	// pipeTime is how long what it wrote is waited for after that, where a child of its own holds the pipes open.
	pipeTime = 10 * time.Second
)

// Process is a started program.
type Process struct {
	Pid int

	t    testing.TB
	cmd  *exec.Cmd
	log  *Log
	done chan struct{} // closed when it has ended
}

// run starts a program in a clean environment of these variables; its output goes to log. It is killed when the test
// ends.
func (b *Binary) run(t testing.TB, log *Log, dir string, env []string, attr *syscall.SysProcAttr, name string, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = pipeTime
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = attr
	if err := b.start(cmd); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	p := &Process{Pid: cmd.Process.Pid, t: t, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(p.done)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill() // it may be gone
	p.wait(endTime)
}

// Signal sends a signal and returns.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %v to process %d: %v", s, p.Pid, err)
	}
}

// Exit waits until the process ends by itself and gives its exit code, -1 if a signal ended it.
func (p *Process) Exit(within time.Duration) int {
	p.t.Helper()
	p.wait(within)
	return p.cmd.ProcessState.ExitCode()
}

// Ended says whether the process is gone.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Done is closed when the process is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

func (p *Process) wait(within time.Duration) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Fatalf("process %d has not ended after %v; it said:\n%s", p.Pid, within, p.log.tail())
	}
}

// Log is what processes wrote, one after another.
type Log struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// NewLog is an empty log that is printed under a name when the test fails.
func NewLog(t testing.TB, name string) *Log {
	l := &Log{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of what %s said:\n%s", name, l.tail())
		}
	})
	return l
}

// Write is io.Writer's.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len()+len(p) > maxLog {
		l.text.Next(maxLog / 2)
	}
	return l.text.Write(p)
}

// String is all that is kept.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Has says whether one line holds all the parts.
func (l *Log) Has(parts ...string) bool {
	for line := range strings.Lines(l.String()) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

func (l *Log) tail() string {
	s := l.String()
	return s[max(0, len(s)-shownLog):]
}
