package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// insideVariable is set for the program that runs in the namespaces: it is the engine's folder.
const insideVariable = "CONTAINER_STORIES_IN"

// Tools are the programs that must be there, from Debian's packages docker.io, docker-compose, iptables, iproute2,
// util-linux and bash.
func Tools() []string {
	return []string{"docker", "dockerd", "containerd", "docker-compose", "iptables", "ip", "nsenter", "mount", "bash", "go"}
}

// Main runs this program again, with the same arguments, in namespaces of its own, and there calls run with an engine. It gives
// the exit code. Where a tool or a privilege is missing it says so and gives 0, or 1 if CI is true: a story that cannot run must
// not pass there.
func Main(run func(*Engine) int) int {
	if dir := os.Getenv(insideVariable); dir != "" {
		return inside(dir, run)
	}
	if err := possible(); err != nil {
		fmt.Fprintf(os.Stderr, "NOT RUN: the container stories: %v\n", err)
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	code, err := again()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// possible says what is missing.
func possible() error {
	if os.Geteuid() != 0 {
		return errors.New("an engine needs root")
	}
	var missing []string
	for _, tool := range Tools() {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if missing != nil {
		return fmt.Errorf("%s: not found; tests/install installs them", strings.Join(missing, ", "))
	}
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("namespaces (in a container: CAP_SYS_ADMIN): %w", err)
	}
	return nil
}

const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET

// prelude prepares the namespaces. bash stays and is their init: it takes in the orphans, and with it all ends.
const prelude = `mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs tmpfs /run && ip link set lo up || exit 99
"$0" "$@"
exit $?`

// again runs this program in the namespaces.
func again() (int, error) {
	// Short, because the path of a socket has to be.
	dir, err := os.MkdirTemp("", "holt-docker-")
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	// The child's Pdeathsig is about the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("bash", append([]string{"-c", prelude, self}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), insideVariable+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	err = errors.Join(tolerate(err), os.RemoveAll(dir))
	removeGroups(filepath.Base(dir))
	return cmd.ProcessState.ExitCode(), err
}

// tolerate lets an exit code be no error.
func tolerate(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return nil
	}
	return err
}

// removeGroups removes the control groups of the engine's containers, which are empty now. Those that stay do no harm.
func removeGroups(name string) {
	tops, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	for _, top := range append(tops, "/sys/fs/cgroup/"+name) {
		below, _ := filepath.Glob(filepath.Join(top, "*"))
		for _, group := range below {
			_ = os.Remove(group)
		}
		_ = os.Remove(top)
	}
}
