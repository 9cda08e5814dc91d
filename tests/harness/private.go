package harness

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// private is what a process needs for namespaces of its own: nothing more as root, else a user namespace in which it is.
func private(flags uintptr) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: flags}
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return a
}

// requirePrivate fails the test where the machine gives no such namespaces: a story that cannot run must not pass.
func requirePrivate(t testing.TB, flags uintptr) {
	t.Helper()
	cmd := exec.Command("true")
	cmd.SysProcAttr = private(flags)
	if err := cmd.Run(); err != nil {
		t.Fatalf("this test needs a namespace of its own: run it as root (in a container: with CAP_SYS_ADMIN), or allow user "+
			"namespaces: %v", err)
	}
}

// StartOnSmallDisk starts the member with a disk of this size, in memory, as its data folder. The disk is gone with the
// process, unless Disk has opened it.
func (m *Member) StartOnSmallDisk(bytes int64) *Member {
	m.t.Helper()
	requirePrivate(m.t, syscall.CLONE_NEWNS)
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		m.t.Fatal(err)
	}
	const script = `mount --make-rprivate / && mount -t tmpfs -o size="$2" tmpfs "$1" && exec "$3" serve`
	return m.StartAs(private(syscall.CLONE_NEWNS), "sh", "-c", script, "sh", m.Dir, fmt.Sprint(bytes), m.bin.Path)
}

// Disk opens the small disk of a running member and gives its path, which stays valid after the process has ended.
func (m *Member) Disk() string {
	m.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/root%s", m.Pid, m.Dir))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { f.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd())
}

// Shell runs a bash script in a network of its own, where every port is free, and where all it started ends with it.
// Its environment is the tests' own, as a user's would be, without variables of holt's.
func (b *Binary) Shell(t testing.TB, log *Log, dir, script string) *Process {
	t.Helper()
	const flags = syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
	requirePrivate(t, flags)
	const prelude = "mount --make-rprivate / && mount -t proc proc /proc && ip link set lo up || exit 99\n"
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "HOLT_") })
	return b.run(t, log, dir, env, private(flags), "bash", "-c", prelude+script)
}
