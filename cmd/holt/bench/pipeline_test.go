package bench

import (
	"strings"
	"testing"
	"time"

	"holt/httpapi/apitest"
	"holt/raftfsm/command"
)

// A pipeline that does not do what it is asked is told from one that does.
func TestPipelineThatIsRefused(t *testing.T) {
	s := start(t)
	cfg := quick(t, s)
	a, err := newArea(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := a.pipeline(2)
	run := func(d time.Duration) sample { return p.run(t.Context(), d) }
	if got := worked(run); got.lat.n == 0 || got.errors != 0 {
		t.Errorf("%d lines, %d errors, %v", got.lat.n, got.errors, got.why)
	}
	s.Node.Fail(apitest.Faults{Propose: command.ErrDiskFull})
	got := worked(run)
	if got.lat.n != 0 || got.errors == 0 || got.why == nil || !strings.Contains(got.why.Error(), "disk_full") {
		t.Errorf("%d lines, %d errors, %v", got.lat.n, got.errors, got.why)
	}
	s.Node.Fail(apitest.Faults{})
	if err := a.remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	got = worked(run)
	if got.lat.n != 0 || got.errors == 0 || got.why == nil || !strings.Contains(got.why.Error(), "no_node") {
		t.Errorf("%d lines, %d errors, %v", got.lat.n, got.errors, got.why)
	}
}
