package docker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"holt/tests/docker/engine"
	"holt/tests/harness"
)

// services are the members of docker-compose.yml, and where the host reaches them.
var services = []struct{ name, url string }{
	{"holt-1", "http://localhost:7070"}, {"holt-2", "http://localhost:7071"}, {"holt-3", "http://localhost:7072"},
}

// must runs a docker command.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := docker.Docker(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// version is what all images of the stories are built as, so that they are built once.
const version = "1.2.3"

// build builds the image holt.
func build(t *testing.T) {
	t.Helper()
	must(t, "build", "--build-arg=VERSION="+version, "--tag", "holt", ".")
}

// compose runs a docker-compose command.
func compose(t *testing.T, args ...string) string {
	t.Helper()
	out, err := docker.Compose([]string{"HOLT_VERSION=" + version}, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// up brings the three members up on empty volumes, as docker-compose up does in a fresh clone, and waits until Docker calls
// them healthy. With the test they go.
func up(t *testing.T) *harness.Cluster {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			out, err := docker.Compose(nil, "logs", "--no-color", "--tail=60")
			t.Log(out, err)
		}
		if _, err := docker.Compose(nil, "--profile", "observer", "down", "--volumes", "--timeout=1"); err != nil {
			t.Error(err)
		}
	})
	compose(t, "up", "--detach", "--build")
	c := cluster(t)
	for _, m := range c.Members {
		healthy(t, m.Name)
	}
	return c
}

// cluster is the three members as their clients on the host see them.
func cluster(t *testing.T) *harness.Cluster {
	var members []*harness.Member
	for _, s := range services {
		members = append(members, harness.Elsewhere(t, s.name, s.url))
	}
	return harness.Together(t, members...)
}

// container is the id of a service's container.
func container(t *testing.T, service string) string {
	t.Helper()
	id, err := docker.Container(service)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// healthy waits until Docker's own check of a service says so.
func healthy(t *testing.T, service string) {
	t.Helper()
	awaitHealth(t, container(t, service), "healthy")
}

func awaitHealth(t *testing.T, id, want string) {
	t.Helper()
	harness.Eventually(t, harness.ReadyTime, "container "+id+" is "+want, func() bool {
		return must(t, "inspect", "--format", "{{.State.Health.Status}}", id) == want
	})
}

// ready waits until a member takes requests, which its health shows only some seconds later.
func ready(t *testing.T, m *harness.Member) {
	t.Helper()
	harness.Eventually(t, harness.ReadyTime, m.Name+" is ready", func() bool { return m.Status("/readyz") == http.StatusOK })
}

// leading waits until a member says that it leads.
func leading(t *testing.T, c *harness.Cluster) *harness.Member {
	t.Helper()
	var leads *harness.Member
	harness.Eventually(t, harness.SettleTime, "there is a leader", func() bool {
		for _, m := range c.Members {
			if m.Metric("holt_raft_is_leader") == 1 {
				leads = m
			}
		}
		return leads != nil
	})
	return leads
}

// processStatus are the lines of /proc/PID/status, by name.
func processStatus(t *testing.T, pid int) map[string]string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		out[name] = strings.Join(strings.Fields(value), " ")
	}
	return out
}

// inspected is what docker image inspect tells.
type inspected struct {
	Size   int64
	RootFS struct{ Layers []string }
	Config struct {
		User, StopSignal      string
		Env, Entrypoint, Cmd  []string
		Volumes, ExposedPorts map[string]struct{}
		Labels                map[string]string
		Healthcheck           struct {
			Test              []string
			Interval, Timeout time.Duration
		}
	}
}

func inspect(t *testing.T, image string) inspected {
	t.Helper()
	var all []inspected
	if err := json.Unmarshal([]byte(must(t, "image", "inspect", image)), &all); err != nil || len(all) != 1 {
		t.Fatalf("image %s: %d of them, %v", image, len(all), err)
	}
	return all[0]
}

// pid is a container's process.
func pid(t *testing.T, id string) int {
	t.Helper()
	p, err := docker.Pid(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// network of the compose project.
const network = engine.Network
