package docker

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// maxImage is what the image may take, in bytes.
const maxImage = 25 << 20

func TestTheImageIsSmallAndSaysWhatItIs(t *testing.T) {
	build(t)
	image := inspect(t, "holt")
	if image.Size > maxImage {
		t.Errorf("it has %d bytes, the limit is %d", image.Size, maxImage)
	}
	t.Logf("%.1f MiB, %d layers", float64(image.Size)/(1<<20), len(image.RootFS.Layers))
	c := image.Config
	if c.User != "65532:65532" || c.StopSignal != "SIGTERM" || !slices.Equal(c.Entrypoint, []string{"/holt"}) || !slices.Equal(c.Cmd, []string{"serve"}) {
		t.Errorf("user %q, stop signal %q, entry point %q, command %q", c.User, c.StopSignal, c.Entrypoint, c.Cmd)
	}
	if _, ok := c.Volumes["/data"]; !ok || len(c.Volumes) != 1 || len(c.ExposedPorts) != 2 {
		t.Errorf("volumes %v, ports %v", c.Volumes, c.ExposedPorts)
	}
	if !slices.Equal(c.Healthcheck.Test, []string{"CMD", "/holt", "health"}) || c.Healthcheck.Timeout >= c.Healthcheck.Interval {
		t.Errorf("health check %+v", c.Healthcheck)
	}
	for _, label := range []string{"title", "description", "licenses"} {
		if c.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("no label %s: %v", label, c.Labels)
		}
	}
	if said := must(t, "run", "--rm", "--network=none", "holt", "version"); !strings.HasPrefix(said, "holt "+version+" go1.") ||
		c.Labels["org.opencontainers.image.version"] != version {
		t.Errorf("it is %q, with the labels %v", said, c.Labels)
	}
}

func TestTheSameSourcesGiveTheSameBytes(t *testing.T) {
	build(t)
	first := inspect(t, "holt")
	// Another folder, other times, and nothing kept of the first build.
	sources := t.TempDir()
	for _, part := range []string{"Dockerfile", ".dockerignore", "go.mod", "go.sum", "cmd", "httpapi", "raftfsm", "sessions", "web"} {
		copyAll(t, filepath.Join(docker.Root, part), filepath.Join(sources, part))
	}
	must(t, "build", "--no-cache", "--build-arg=VERSION="+version, "--tag", "holt:again", sources)
	second := inspect(t, "holt:again")
	if !slices.Equal(first.RootFS.Layers, second.RootFS.Layers) {
		t.Errorf("the layers of the same sources: %v and %v", first.RootFS.Layers, second.RootFS.Layers)
	}
	must(t, "rmi", "holt:again")
}

// copyAll copies a file or a folder.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The line of the README: nothing but a port, and a disk that stays.
func TestAClusterOfOneIsOneCommand(t *testing.T) {
	build(t)
	id := must(t, "run", "--detach", "--publish=127.0.0.1:7070:7070", "--volume=one:/data", "holt")
	m := harness.Elsewhere(t, "one", "http://localhost:7070")
	ready(t, m)
	if _, err := m.Client().Put(t.Context(), "/kept", []byte("in the volume"), client.Any()); err != nil {
		t.Fatal(err)
	}
	status := processStatus(t, pid(t, id))
	if status["Uid"] != "65532 65532 65532 65532" || status["Gid"] != "65532 65532 65532 65532" {
		t.Errorf("it runs as %s in %s", status["Uid"], status["Gid"])
	}
	awaitHealth(t, id, "healthy")
	begun := time.Now()
	must(t, "stop", "--time=30", id)
	if code := must(t, "inspect", "--format", "{{.State.ExitCode}}", id); code != "0" {
		t.Errorf("stopped, it ended with code %s", code)
	}
	t.Logf("stopped within %v", time.Since(begun).Round(time.Millisecond))
	must(t, "rm", id)

	// The next container has another host name and the same data. Its root cannot be written, and it may do nothing special.
	id = must(t, "run", "--detach", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--publish=127.0.0.1:7070:7070",
		"--volume=one:/data", "holt")
	ready(t, m)
	z, err := m.Client().Get(t.Context(), "/kept", client.Linearizable)
	if err != nil || string(z.Data) != "in the volume" {
		t.Errorf("after a new container: %v, %v", z, err)
	}
	status = processStatus(t, pid(t, id))
	if status["CapEff"] != "0000000000000000" || status["CapBnd"] != "0000000000000000" || status["NoNewPrivs"] != "1" {
		t.Errorf("it may do %s of %s, and gain more: %s", status["CapEff"], status["CapBnd"], status["NoNewPrivs"])
	}
	if changed := must(t, "diff", id); changed != "" {
		t.Errorf("it changed its root:\n%s", changed)
	}
	must(t, "rm", "--force", "--volumes", id)
	must(t, "volume", "rm", "one")
}

// What is not configured right is a sentence and an exit code, not a container that is restarted for ever unheard.
func TestAContainerThatIsConfiguredWrongSaysSo(t *testing.T) {
	build(t)
	id := must(t, "create", "--env=HOLT_RAFT_ADDR=0.0.0.0:7071", "holt")
	t.Cleanup(func() { must(t, "rm", "--force", "--volumes", id) })
	_, err := docker.Docker("start", "--attach", id)
	if err == nil || !strings.Contains(err.Error(), "HOLT_PEER_SECRET is required") {
		t.Errorf("without a secret: %v", err)
	}
	if code := must(t, "inspect", "--format", "{{.State.ExitCode}}", id); code != "2" {
		t.Errorf("exit code %s, want 2", code)
	}
}
