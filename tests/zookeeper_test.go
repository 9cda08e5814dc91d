package tests

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/ensemble"
	"holt/tests/harness"
)

// importing bounds one run of holt import.
const importing = time.Minute

// importFrom runs holt import and gives what it said and its exit code.
func importFrom(t *testing.T, m *harness.Member, source, path string, flags ...string) (said string, code int) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), bin.Path, append([]string{"import", path, "--from-zookeeper", source, "--endpoints", m.URL,
		"--timeout", importing.String()}, flags...)...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, importing
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// plant makes a ZooKeeper tree with a queue whose numbers have gaps, and one of every mode.
func plant(t *testing.T, c *zk.Conn) {
	t.Helper()
	must := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	open := zk.WorldACL(zk.PermAll)
	must(c.Create("/app", []byte("config"), 0, open))
	must(c.Create("/app/binary", []byte("\x00\xff\xfe"), 0, open))
	must(c.Create("/app/größe", []byte("ü"), 0, open))
	must(c.Create("/app/me", []byte("alive"), zk.FlagEphemeral, open))
	must(c.CreateContainer("/box", []byte("b"), zk.FlagContainer, open))
	must(c.Create("/box/in", nil, 0, open))
	must(c.CreateTTL("/mayfly", []byte("m"), zk.FlagTTL, open, 7*time.Hour))
	must(c.Create("/queue", nil, 0, open))
	for range 12 {
		must(c.Create("/queue/n-", []byte("x"), zk.FlagSequence, open))
	}
	for _, n := range []int{0, 5, 11} { // the highest too: the number is not in the names
		if err := c.Delete(fmt.Sprintf("/queue/n-%010d", n), -1); err != nil {
			t.Fatal(err)
		}
	}
	must(c.Create("/many", nil, 0, open))
	for i := range 1200 {
		must(c.Create(fmt.Sprintf("/many/%04d", i), fmt.Appendf(nil, "number %d", i), 0, open))
	}
}

// znodeOf is a znode as GET tells it in JSON.
func znodeOf(t *testing.T, c *client.Client, path string) *wire.Znode {
	t.Helper()
	z, err := c.GetJSON(t.Context(), path, client.Local)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Who moves keeps data, modes and the numbers of queues, wherever the tree is read from.
func TestAZookeeperTreeMovesOver(t *testing.T) {
	server := ensemble.Start(t)
	zoo := server.Client()
	plant(t, zoo)
	m := bin.NewMember(t, "a").Start().Ready()
	c := m.Client()

	folder := server.Copy()
	said, code := importFrom(t, m, folder, "/folder")
	if code != 0 || !strings.Contains(said, "skipped /folder/app/me") {
		t.Fatalf("import of the folder: %d\n%s", code, said)
	}
	if said, code = importFrom(t, m, server.Addr, "/live"); code != 0 {
		t.Fatalf("import of the live server: %d\n%s", code, said)
	}
	if said, code = importFrom(t, m, server.Addr+"/queue", "/deep/er/queue", "--parents"); code != 0 {
		t.Fatalf("import of a part: %d\n%s", code, said)
	}
	server.Restart()
	snapshots := server.Snapshots()
	if said, code = importFrom(t, m, snapshots[len(snapshots)-1], "/snapshot"); code != 0 {
		t.Fatalf("import of the snapshot: %d\n%s", code, said)
	}
	// Done again, nothing happens.
	if said, code = importFrom(t, m, folder, "/folder"); code != 0 || !strings.Contains(said, "0 made, 0 changed") {
		t.Errorf("the same import again: %d\n%s", code, said)
	}

	for _, at := range []string{"/folder", "/live", "/snapshot"} {
		for path, want := range map[string]string{"/app": "config", "/app/binary": "\x00\xff\xfe", "/app/größe": "ü", "/many/0007": "number 7"} {
			if _, _, got := m.Get("/v1/znodes" + at + path); got != want {
				t.Errorf("%s%s has %q", at, path, got)
			}
		}
		if many := znodeOf(t, c, at+"/many"); many.Stat.NumChildren != 1200 {
			t.Errorf("%s/many has %d children", at, many.Stat.NumChildren)
		}
		if status := m.Status("/v1/znodes" + at + "/app/me"); status != http.StatusNotFound {
			t.Errorf("%s: the ephemeral: %d", at, status)
		}
		box, mayfly := znodeOf(t, c, at+"/box"), znodeOf(t, c, at+"/mayfly")
		modes := [2]string{"container", "persistent_with_ttl"}
		ttl := (7 * time.Hour).Milliseconds()
		if at == "/live" { // which does not tell
			modes, ttl = [2]string{"persistent", "persistent"}, 0
		}
		if box.Mode != modes[0] || mayfly.Mode != modes[1] || mayfly.TTLMs != ttl {
			t.Errorf("%s: the modes are %s, %s with %d ms", at, box.Mode, mayfly.Mode, mayfly.TTLMs)
		}
	}
	zoo = server.Client()
	want, err := zoo.Create("/queue/n-", nil, zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"/folder", "/live", "/snapshot", "/deep/er"} {
		got, err := c.Create(t.Context(), at+"/queue/n-", nil, client.PersistentSequential)
		if err != nil || got.Path != at+want {
			t.Errorf("the next number in %s/queue: %v, %v; ZooKeeper gives %s", at, got, err, want)
		}
	}
}

// ACLs are not lost by accident.
func TestAZookeeperTreeWithACLsMovesOnlyIfTheyMayBeDropped(t *testing.T) {
	server := ensemble.Start(t)
	zoo := server.Client()
	if _, err := zoo.Create("/secret", []byte("s"), 0, zk.WorldACL(zk.PermRead)); err != nil {
		t.Fatal(err)
	}
	m := bin.NewMember(t, "a").Start().Ready()
	for _, source := range []string{server.Addr, server.Dir} {
		if said, code := importFrom(t, m, source, "/to"); code == 0 || !strings.Contains(said, "/secret") {
			t.Errorf("from %s: %d\n%s", source, code, said)
		}
		if status := m.Status("/v1/znodes/to"); status != http.StatusNotFound {
			t.Errorf("from %s: something was made: %d", source, status)
		}
	}
	said, code := importFrom(t, m, server.Dir, "/to", "--drop-acls")
	if _, _, got := m.Get("/v1/znodes/to/secret"); code != 0 || got != "s" || !strings.Contains(said, "/secret: world:anyone:r") {
		t.Errorf("dropping them: %d %q\n%s", code, got, said)
	}
}
