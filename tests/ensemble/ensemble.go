// Package ensemble runs a real ZooKeeper server, a standalone one, for tests that hold holt against it or move a tree over.
// It needs Java and the jar of Debian's package zookeeper, which tests/install brings; without them a test fails. The
// server keeps its files in a folder of the test's, listens on loopback and is gone when the test ends.
package ensemble

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// Jar is ZooKeeper as Debian has it; it names the jars it needs itself.
const Jar = "/usr/share/java/zookeeper.jar"

const (
	// readyTime bounds how long the server may take to serve. Generous, as Java and machines are slow at times.
	readyTime = 60 * time.Second
	// endTime bounds how long it may take to be gone after it was killed.
	endTime = 10 * time.Second
	// sessionTimeout is that of the tests' sessions.
	sessionTimeout = 30 * time.Second
	shownLog       = 8 << 10
)

// Server is a server that can be killed and started again.
type Server struct {
	Addr string // host:port
	Dir  string // its dataDir; the files are in version-2 below

	t          testing.TB
	properties []string
	log        string // path of what it says
	cmd        *exec.Cmd
	done       chan struct{} // closed when cmd has ended
}

// Start starts a server with Java properties, name=value, and waits until it serves. TTL znodes are allowed.
func Start(t testing.TB, properties ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{Addr: freeAddr(t), Dir: filepath.Join(dir, "data"), t: t, log: filepath.Join(dir, "log"),
		properties: append([]string{"zookeeper.extendedTypesEnabled=true", "zookeeper.admin.enableServer=false"}, properties...)}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			said, _ := os.ReadFile(s.log)
			t.Logf("the end of what ZooKeeper said:\n%s", said[max(0, len(said)-shownLog):])
		}
	})
	s.Restart()
	return s
}

func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Restart kills the server, if it runs, and starts it again on its folder.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	java, err := exec.LookPath("java")
	if err != nil {
		s.t.Fatalf("no java, see tests/install: %v", err)
	}
	if _, err := os.Stat(Jar); err != nil {
		s.t.Fatalf("no ZooKeeper, see tests/install: %v", err)
	}
	_, port, _ := net.SplitHostPort(s.Addr)
	config := filepath.Join(filepath.Dir(s.Dir), "zoo.cfg")
	text := fmt.Sprintf("dataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\ntickTime=1000\nmaxClientCnxns=0\n", s.Dir, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	args := []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	for _, p := range s.properties {
		args = append(args, "-D"+p)
	}
	s.cmd = exec.Command(java, append(args, "-cp", Jar, "org.apache.zookeeper.server.ZooKeeperServerMain", config)...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, done := s.cmd, make(chan struct{})
	s.done = done
	go func() {
		_ = cmd.Wait() // it is killed
		close(done)
	}()
	c := s.Client()
	c.Close()
}

// Kill ends the server as kill -9 does and waits until it is gone.
func (s *Server) Kill() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone
	select {
	case <-s.done:
		s.cmd = nil
	case <-time.After(endTime):
		s.t.Fatalf("ZooKeeper, process %d, does not end", s.cmd.Process.Pid)
	}
}

// Client is a client with a session. It is closed when the test ends.
func (s *Server) Client() *zk.Conn {
	s.t.Helper()
	c, events, err := zk.Connect([]string{s.Addr}, sessionTimeout, zk.WithLogger(silent{}), zk.WithLogInfo(false))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	deadline := time.After(readyTime)
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return c
			}
		case <-s.done:
			said, _ := os.ReadFile(s.log)
			s.t.Fatalf("ZooKeeper has ended:\n%s", said[max(0, len(said)-shownLog):])
		case <-deadline:
			s.t.Fatalf("ZooKeeper gives no session within %v", readyTime)
		}
	}
}

// Copy copies the files of the server, as they are now, to another folder.
func (s *Server) Copy() string {
	s.t.Helper()
	to := filepath.Join(s.t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(s.Dir)); err != nil {
		s.t.Fatal(err)
	}
	return to
}

// Snapshots are the paths of its snapshot files, oldest first.
func (s *Server) Snapshots() []string {
	s.t.Helper()
	files, err := os.ReadDir(filepath.Join(s.Dir, "version-2"))
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "snapshot.") {
			out = append(out, filepath.Join(s.Dir, "version-2", f.Name()))
		}
	}
	return out
}

// silent drops what the client library logs.
type silent struct{}

func (silent) Printf(string, ...any) {}
