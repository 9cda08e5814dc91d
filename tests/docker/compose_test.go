package docker

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
	"holt/tests/tour"
)

// tourTime bounds the curl lines of the tour.
const tourTime = time.Minute

// What the README shows with one server on the host is what each of the three members in containers prints.
func TestTheToursCurlLinesAgainstEachMember(t *testing.T) {
	steps := curlLines(t)
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			up(t)
			var here []tour.Step
			for _, step := range steps {
				step.Command = strings.ReplaceAll(step.Command, "http://127.0.0.1:7070", s.url)
				here = append(here, step)
			}
			ctx, cancel := context.WithTimeout(t.Context(), tourTime)
			defer cancel()
			cmd := exec.CommandContext(ctx, "bash", "-c", tour.Script(here))
			cmd.Dir = t.TempDir()
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range tour.Compare(here, string(out)) {
				t.Errorf("README.md, %s", fault)
			}
			t.Logf("%d commands, as printed", len(here))
		})
	}
}

// curlLines are the steps of the README's first chapter with curl, without its server: from the line that sets H to where three
// members are started.
func curlLines(t *testing.T) []tour.Step {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(docker.Root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := tour.Steps(string(readme), 1)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := -1, -1
	for i, s := range steps {
		if begin < 0 && strings.HasPrefix(s.Command, "H=http://127.0.0.1:7070/") {
			begin = i
		}
		if end < 0 && strings.HasPrefix(s.Command, "go build ") {
			end = i
		}
	}
	if begin < 0 || end < begin+10 {
		t.Fatalf("the README's lines with curl are not where they were: from step %d to %d of %d", begin, end, len(steps))
	}
	return steps[begin:end]
}

// down and up again, another container for each member: what was written is there, by all names.
func TestDownAndUpKeepsTheData(t *testing.T) {
	c := up(t)
	if _, err := c.Client(1).Put(t.Context(), "/kept", []byte("in three volumes"), client.Any()); err != nil {
		t.Fatal(err)
	}
	before := c.Zxid()
	compose(t, "down")
	compose(t, "up", "--detach")
	for _, m := range c.Members {
		ready(t, m)
		z, err := m.Client().Get(t.Context(), "/kept", client.Linearizable)
		if err != nil || string(z.Data) != "in three volumes" {
			t.Errorf("on %s: %v, %v", m.Name, z, err)
		}
	}
	if after := c.Zxid(); after < before {
		t.Errorf("zxid %d, and %d after it", before, after)
	}
	c.Equal()

	// The names and addresses in the network of the containers are for their clients there.
	out, err := docker.Docker("run", "--rm", "--network="+network, "holt", "get", "--endpoints=http://holt-2:7070", "/kept")
	if err != nil || out != "in three volumes" {
		t.Errorf("asked from a container: %q, %v", out, err)
	}
}

// A member less: two of three go on. One alone serves what it has and takes nothing; it is not healthy, and lives.
func TestMembersAreTakenAwayOneByOne(t *testing.T) {
	c := up(t)
	one := c.Members[0].Client()
	compose(t, "rm", "--stop", "--force", "holt-3")
	if _, err := one.Put(t.Context(), "/two", []byte("of three"), client.Any()); err != nil {
		t.Errorf("a write with two of three: %v", err)
	}
	compose(t, "stop", "holt-2")
	id := container(t, "holt-1")
	awaitHealth(t, id, "unhealthy")
	must(t, "exec", id, "/holt", "health", "--live")
	if status, _, body := c.Members[0].Get("/v1/znodes/two"); status != http.StatusOK || body != "of three" {
		t.Errorf("a local read of the last one: %d %q", status, body)
	}
	compose(t, "up", "--detach")
	awaitHealth(t, id, "healthy")
	for _, m := range c.Members {
		ready(t, m)
		if z, err := m.Client().Get(t.Context(), "/two", client.Linearizable); err != nil || string(z.Data) != "of three" {
			t.Errorf("on %s: %v, %v", m.Name, z, err)
		}
	}
	c.Equal()
}

// The fourth member joins by itself, serves, and decides nothing: without it all goes on, and with it alone nothing does.
func TestAnObserverJoinsByProfile(t *testing.T) {
	c := up(t)
	s := startScript(t, c)
	compose(t, "--profile", "observer", "up", "--detach")
	healthy(t, "holt-4")
	s.goOn(faultWrites)
	observer := harness.Elsewhere(t, "holt-4", "http://localhost:7073")
	if _, err := observer.Client().Put(t.Context(), "/through", []byte("the observer"), client.Any()); err != nil {
		t.Errorf("a write that it passes on: %v", err)
	}
	z, err := observer.Client().Get(t.Context(), "/through", client.Linearizable)
	if err != nil || string(z.Data) != "the observer" {
		t.Errorf("a linearizable read: %v, %v", z, err)
	}
	members, err := c.Client(0).Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members.Members {
		if m.Voter == (m.ID == "holt-4") {
			t.Errorf("%s votes: %v", m.ID, m.Voter)
		}
	}
	if len(members.Members) != 4 {
		t.Errorf("members: %+v", members.Members)
	}
	id := container(t, "holt-4")
	must(t, "kill", id)
	s.goOn(faultWrites)
	must(t, "start", id)
	ready(t, observer)
	s.holds()
	harness.Together(t, append(c.Members, observer)...).Equal()
}

// What compose makes of the file, with all its profiles: nothing is published to other machines, and every member is confined.
func TestTheComposeFileIsCareful(t *testing.T) {
	out := compose(t, "--profile", "observer", "--profile", "metrics", "config")
	if services := compose(t, "--profile", "observer", "--profile", "metrics", "config", "--services"); len(strings.Fields(services)) != 5 {
		t.Errorf("services: %s", services)
	}
	for _, line := range regexp.MustCompile(`(?m)^ +- .*/tcp$`).FindAllString(out, -1) {
		if !strings.Contains(line, "127.0.0.1:") {
			t.Errorf("a port that is not on loopback: %s", line)
		}
	}
	for setting, want := range map[string]int{"read_only: true": 4, "no-new-privileges:true": 4, "- ALL": 4, "127.0.0.1:": 5} {
		if n := strings.Count(out, setting); n != want {
			t.Errorf("%q is there %d times, want %d:\n%s", setting, n, want, out)
		}
	}
}
