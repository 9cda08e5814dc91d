package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
)

// Binary is the built program, and what starts it.
type Binary struct {
	Path string // of the program
	Root string // of the repository

	starts chan func()
	hosts  atomic.Uint32 // addresses given to members
}

// Build builds the program into a folder of its own below the system's temporary one. Close removes it.
func Build() (*Binary, error) {
	root, err := FindRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holt-black-box-")
	if err != nil {
		return nil, err
	}
	b := &Binary{Path: filepath.Join(dir, "holt"), Root: root, starts: make(chan func())}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", b.Path, "./cmd/holt")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building holt: %w\n%s", err, out), os.RemoveAll(dir))
	}
	go b.starter()
	return b, nil
}

// Close removes the program. No process may be started any more.
func (b *Binary) Close() error {
	close(b.starts)
	return os.RemoveAll(filepath.Dir(b.Path))
}

// starter starts all processes on one thread that lives as long as this process: the kernel sends Pdeathsig when the
// thread that started a child ends, not when the process does.
func (b *Binary) starter() {
	runtime.LockOSThread()
	for start := range b.starts {
		start()
	}
}

// start is cmd.Start on the starter's thread.
func (b *Binary) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	b.starts <- func() { result <- cmd.Start() }
	return <-result
}

// FindRoot is the nearest folder upwards from the working folder that has a go.mod.
func FindRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working folder")
		}
		dir = up
	}
}
