package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"holt/cmd/holt/bench"
)

// benched runs bench with these arguments and for ever longer turns, until something was done in every row of the report: how long a
// machine takes to begin is not known.
func benched(t *testing.T, args string, idle *regexp.Regexp) (out string) {
	t.Helper()
	for turn := 60 * time.Millisecond; ; turn *= 4 {
		all := fmt.Sprintf("bench --duration=%v --warmup=5ms --keys=10 --size=64 %s", turn, args)
		exit, out, err := holt(t.Context(), "", strings.Fields(all)...)
		if exit != exitDone || err != "" {
			t.Fatalf("exit %d, %q", exit, err)
		}
		if !idle.MatchString(out) || turn > 20*time.Second {
			return out
		}
	}
}

// bench prints a row for each kind of work and number of clients, with the yardsticks it started itself, and leaves
// nothing behind.
func TestBench(t *testing.T) {
	s := serve(t)
	idle := regexp.MustCompile(`(?m)^[a-z]+ +\d+ +0 |(bare http|fdatasync) +0 `)
	out := benched(t, "--clients 1,3 --dir "+t.TempDir(), idle)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	row := regexp.MustCompile(`^(read|linearizable|write|mixed) +(1|3) +[1-9]\d* +\d.*s +\d.*s +0   (bare http|fdatasync) +\d+ +\d.*s +\d+\.\d\d$`)
	if len(lines) != 2+8 || len(regexp.MustCompile(`(?m)^work +clients +ops/s`).FindAllString(out, -1)) != 1 {
		t.Errorf("printed\n%s", out)
	}
	for _, l := range lines[2:] {
		if !row.MatchString(l) {
			t.Errorf("row %q", l)
		}
	}
	if n := s.State().Tree.Len(); n != 4 { // the root, /app and its two
		t.Errorf("%d znodes are left", n)
	}

	out = benched(t, "--json --work write,read --clients 2", regexp.MustCompile(`"ops_per_second": ?0[,}]`))
	var r bench.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Rows) != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	w := r.Rows[0]
	if w.Work != bench.Write || w.Ops == 0 || w.PerSecond <= 0 || w.P50 <= 0 || w.P99 < w.P50 || w.Errors != 0 ||
		w.Beside.What != "fdatasync" || w.Ratio != w.PerSecond/w.Beside.PerSecond || r.Rows[1].Beside.What != "bare http" {
		t.Errorf("rows %+v", r.Rows)
	}
}

func TestBenchUsage(t *testing.T) {
	for _, args := range []string{"--clients 0", "--clients x", "--size -1", "--keys 0", "--mix 101", "--duration 0s", "--work nothing",
		"--endpoints https://127.0.0.1:1", "--clients 1,5000", "--duration 1h"} {
		if exit, _, err := holt(t.Context(), "", append([]string{"bench"}, strings.Fields(args)...)...); exit != exitUsage {
			t.Errorf("%s: exit %d, %q", args, exit, err)
		}
	}
}

// An interrupted run cleans up behind itself, too.
func TestBenchInterrupted(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Before(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Count(r.URL.Path, "/") == 4 { // of a key: the run is under way
			cancel()
		}
	})
	exit, _, err := holt(ctx, "", "bench", "--work=read", "--clients=2", "--duration=1m", "--keys=300")
	if exit == exitDone || s.State().Tree.Len() != 4 || len(s.Requests()) < 4 {
		t.Errorf("exit %d, %q, %d znodes are left, %d requests", exit, err, s.State().Tree.Len(), len(s.Requests()))
	}
}
