package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"holt/tests/harness"
)

const (
	// startTime bounds how long the engine may take to answer.
	startTime = 60 * time.Second
	// stopTime bounds how long it may take to end.
	stopTime = 60 * time.Second
	// commandTime bounds one command of docker or docker-compose, a build among them.
	commandTime = 10 * time.Minute
	// shownLog is how much of what the engine said is shown when it fails, in bytes.
	shownLog = 8 << 10
)

// Engine is a running Docker engine.
type Engine struct {
	// Root of the repository.
	Root string

	dir     string
	env     []string
	dockerd *exec.Cmd
	ended   chan struct{} // closed when dockerd has ended
}

// inside starts the engine in these namespaces, calls run and ends the engine.
func inside(dir string, run func(*Engine) int) int {
	e, err := start(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := 1
	if err := e.importBase(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = run(e)
	}
	if err := e.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

func start(dir string) (*Engine, error) {
	root, err := harness.FindRoot()
	if err != nil {
		return nil, err
	}
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	e := &Engine{Root: root, dir: dir, ended: make(chan struct{})}
	e.env = append(e.env, "PATH="+os.Getenv("PATH"), "HOME="+dir, "DOCKER_CONFIG="+filepath.Join(dir, "client"), "DOCKER_HOST="+socket,
		"COMPOSE_PROJECT_NAME="+Project)
	config := filepath.Join(dir, "daemon.json")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(e.logFile())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	e.dockerd = exec.Command("dockerd", "--host="+socket, "--config-file="+config, "--data-root="+filepath.Join(dir, "data"),
		"--exec-root="+filepath.Join(dir, "run"), "--pidfile="+filepath.Join(dir, "docker.pid"), "--storage-driver=overlay2",
		"--exec-opt=native.cgroupdriver=cgroupfs", "--cgroup-parent=/"+filepath.Base(dir))
	e.dockerd.Env = append(os.Environ(), "HOME="+dir)
	e.dockerd.Stdout, e.dockerd.Stderr = log, log
	if err := e.dockerd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = e.dockerd.Wait() // the log says why
		close(e.ended)
	}()
	return e, e.await()
}

// await waits until the engine answers.
func (e *Engine) await() error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(startTime)
	for {
		_, err := e.Docker("version")
		if err == nil {
			return nil
		}
		select {
		case <-e.ended:
			return fmt.Errorf("the engine has ended; it said:\n%s", e.said())
		case <-deadline:
			return fmt.Errorf("the engine does not answer after %v: %w; it said:\n%s", startTime, err, e.said())
		case <-tick.C:
		}
	}
}

// stop ends the engine; its containers end with the namespaces.
func (e *Engine) stop() error {
	if err := e.dockerd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("the engine: %w; it said:\n%s", err, e.said())
	}
	select {
	case <-e.ended:
		return nil
	case <-time.After(stopTime):
		return fmt.Errorf("the engine has not ended after %v; it said:\n%s", stopTime, e.said())
	}
}

func (e *Engine) logFile() string { return filepath.Join(e.dir, "dockerd.log") }

// said is the end of what the engine logged.
func (e *Engine) said() string {
	b, err := os.ReadFile(e.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-shownLog):])
}

// Docker runs a docker command in the repository and gives what it printed, without the line's end. What went wrong is in the error
// with all it said.
func (e *Engine) Docker(args ...string) (string, error) { return e.run(nil, "docker", args...) }

// run runs a command with further variables.
func (e *Engine) run(env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = e.Root, append(append([]string{}, e.env...), env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), said.String())
	}
	return strings.TrimRight(out.String(), "\n"), nil
}
