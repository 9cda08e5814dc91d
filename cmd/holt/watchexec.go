package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holt/httpapi/client"
)

const (
	// maxEnvData bounds HOLT_DATA, in bytes: a system takes no longer variables than 128 KiB.
	maxEnvData = 64 << 10
	// execGrace is how long CMD may go on after it was told to end.
	execGrace = 5 * time.Second
)

// followWith runs CMD at each change.
func (cmd *watchCmd) followWith(ctx context.Context, c *client.Client, con *console) error {
	r := &runner{cmd: cmd, con: con, ready: make(chan struct{}, 1), ended: make(chan struct{})}
	go r.loop(ctx)
	err := cmd.follow(ctx, c, con, func(m client.Message) error {
		r.offer(m)
		return nil
	})
	failed := r.finish()
	if err == nil && cmd.Once {
		err = failed
	}
	return err
}

// runner runs CMD, one at a time, for the last change that it has not been run for.
type runner struct {
	cmd   *watchCmd
	con   *console
	ready chan struct{} // has a value when next may be set or last be true
	ended chan struct{} // closed behind the last run

	mu   sync.Mutex // guards next and last
	next []string   // the environment of the next run; nil: none
	last bool       // no further will come

	failed error // how the last run failed; for whoever waited for ended
}

// offer asks for a run, if the message is worth one.
func (r *runner) offer(m client.Message) {
	env := []string{"HOLT_ZXID=" + strconv.FormatUint(m.Zxid, 10)}
	switch {
	case len(m.Events) > 0:
		e := m.Events[len(m.Events)-1]
		env = append(env, "HOLT_EVENT="+e.Type, "HOLT_PATH="+e.Path)
		if e.Data != nil && len(e.Data) <= maxEnvData && !bytes.ContainsRune(e.Data, 0) {
			env = append(env, "HOLT_DATA="+string(e.Data))
		}
	case m.Kind == client.Reset, m.Kind == client.Open && r.cmd.Initial:
		env = append(env, "HOLT_EVENT="+string(m.Kind), "HOLT_PATH="+r.cmd.Paths[0])
	default:
		return
	}
	r.mu.Lock()
	r.next = env
	r.mu.Unlock()
	r.wake()
}

// finish waits for the run that is on, and the one that was asked for, and gives how the last one failed.
func (r *runner) finish() error {
	r.mu.Lock()
	r.last = true
	r.mu.Unlock()
	r.wake()
	<-r.ended
	return r.failed
}

func (r *runner) wake() {
	select {
	case r.ready <- struct{}{}:
	default: // it will look anyway
	}
}

func (r *runner) loop(ctx context.Context) {
	defer close(r.ended)
	for range r.ready {
		r.mu.Lock()
		env, last := r.next, r.last
		r.next = nil
		r.mu.Unlock()
		if env != nil && ctx.Err() == nil {
			if r.failed = r.run(ctx, env); r.failed != nil && ctx.Err() == nil && !r.cmd.Once {
				fmt.Fprintln(r.con.err, sentence("watch", r.failed))
			}
		}
		if last {
			return
		}
	}
}

// run runs CMD in a process group of its own, so that an end is for all that it started.
func (r *runner) run(ctx context.Context, env []string) error {
	sh := exec.CommandContext(ctx, "/bin/sh", "-c", r.cmd.Exec)
	sh.Env = append(inherited(), env...)
	if len(r.cmd.Endpoints) > 0 {
		sh.Env = append(sh.Env, "HOLT_ENDPOINTS="+strings.Join(r.cmd.Endpoints, ","))
	}
	sh.Stdout, sh.Stderr = flushed{r.con}, r.con.err
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	sh.Cancel = func() error { return syscall.Kill(-sh.Process.Pid, syscall.SIGTERM) }
	sh.WaitDelay = execGrace
	err := sh.Run()
	if ctx.Err() != nil && sh.Process != nil {
		_ = syscall.Kill(-sh.Process.Pid, syscall.SIGKILL) // what did not heed the first
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it ended, and left something running that holds its output
		return nil
	}
	return fmt.Errorf("--exec: %w", err)
}

// inherited is this process's environment without what a change is told in: what one has not must not be another's.
func inherited() (env []string) {
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "HOLT_EVENT", "HOLT_PATH", "HOLT_ZXID", "HOLT_DATA":
		default:
			env = append(env, v)
		}
	}
	return env
}
