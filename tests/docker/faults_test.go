package docker

import (
	"syscall"
	"testing"
	"time"

	"holt/tests/harness"
)

const (
	// faultTime is how long what can be healed lasts, at least: some elections, and less than the session's timeout.
	faultTime = 2 * time.Second
	// faultWrites have to be acknowledged while it lasts, and again after.
	faultWrites = 30
	// maxGap is how long nothing may be written when the leader is gone, on a machine that is busy with much else.
	maxGap = 10 * time.Second
	// longGap is from when on the members are asked what they were doing.
	longGap = 2500 * time.Millisecond
)

// fault is what is done to a container, and how it is undone.
type fault struct {
	name  string
	begin func(t *testing.T, service, id string)
	mend  func(t *testing.T, service, id string) // nil where Docker brings the container back
	lasts time.Duration
}

// faults of all kinds.
func faults() []fault {
	run := func(args ...string) func(*testing.T, string, string) {
		return func(t *testing.T, _, id string) { t.Helper(); must(t, append(args, id)...) }
	}
	firewall := func(args ...string) func(*testing.T, string, string) {
		return func(t *testing.T, _, id string) {
			t.Helper()
			if err := docker.Iptables(id, args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []fault{
		{name: "killed", begin: run("kill"), mend: run("start")},
		{name: "crashed", begin: crash},
		{name: "restarted", begin: run("restart", "--time=30")},
		{name: "paused", begin: run("pause"), mend: run("unpause"), lasts: faultTime},
		{name: "off the network", begin: disconnect, mend: connect, lasts: faultTime},
		// One-way loss: it hears all and cannot be heard, or the other way round. The loopback of its health check is not touched.
		{name: "mute", begin: firewall("-A", "OUTPUT", "-o", "eth+", "-j", "DROP"), mend: firewall("-F", "OUTPUT"), lasts: faultTime},
		{name: "deaf", begin: firewall("-A", "INPUT", "-i", "eth+", "-j", "DROP"), mend: firewall("-F", "INPUT"), lasts: faultTime},
	}
}

// crash kills the process behind Docker's back.
func crash(t *testing.T, _, id string) {
	t.Helper()
	if err := syscall.Kill(pid(t, id), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func disconnect(t *testing.T, _, id string) {
	t.Helper()
	must(t, "network", "disconnect", network, id)
}

func connect(t *testing.T, service, id string) {
	t.Helper()
	must(t, "network", "connect", "--alias="+service, network, id)
}

// Every fault comes over every member, the leader first, while a script goes on as if nothing was.
func TestAScriptGoesOnWhateverHappensToAMember(t *testing.T) {
	c := up(t)
	s := startScript(t, c)
	s.goOn(faultWrites)
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) { besiege(t, c, s, f) })
		if t.Failed() {
			break
		}
	}
	s.holds()
}

// besiege lets a fault come over each member in turn.
func besiege(t *testing.T, c *harness.Cluster, s *script, f fault) {
	for i, m := range leaderFirst(t, c) {
		role := "which follows"
		if m == leading(t, c) {
			role = "which leads"
		}
		id := container(t, m.Name)
		s.longest()
		over := time.After(f.lasts)
		f.begin(t, m.Name, id)
		s.goOn(faultWrites)
		<-over
		gap := s.longest()
		if f.mend != nil {
			f.mend(t, m.Name, id)
		}
		ready(t, m)
		s.goOn(faultWrites)
		after := s.longest()
		if gap > maxGap || after > maxGap {
			t.Errorf("%s is %s: %v without a write, the limit is %v", m.Name, f.name, max(gap, after), maxGap)
		}
		if gap > longGap {
			t.Log(compose(t, "logs", "--no-color", "--tail=15"))
		}
		t.Logf("%d: %s, %s, is %s: %v without a write, %v while it came back", i+1, m.Name, role, f.name, gap.Round(time.Millisecond), after.Round(time.Millisecond))
	}
}

// leaderFirst are all members, the leader first.
func leaderFirst(t *testing.T, c *harness.Cluster) []*harness.Member {
	t.Helper()
	leads := leading(t, c)
	all := []*harness.Member{leads}
	for _, m := range c.Members {
		if m != leads {
			all = append(all, m)
		}
	}
	return all
}
