package main

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"holt/cmd/holt/bench"
)

const quickBench = "bench --duration=60ms --warmup=5ms --keys=10 --size=64 "

// bench prints a row for each kind of work and number of clients, with the yardsticks it started itself, and leaves
// nothing behind.
func TestBench(t *testing.T) {
	s := serve(t)
	exit, out, err := holt(t.Context(), "", strings.Fields(quickBench+"--clients 1,3 --dir "+t.TempDir())...)
	if exit != exitDone || err != "" {
		t.Fatalf("exit %d, %q", exit, err)
	}
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

	exit, out, err = holt(t.Context(), "", strings.Fields(quickBench+"--json --work write,read --clients 2")...)
	var r bench.Report
	if jerr := json.Unmarshal([]byte(out), &r); jerr != nil || exit != exitDone || len(r.Rows) != 2 {
		t.Fatalf("exit %d, %q, %v\n%s", exit, err, jerr, out)
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
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	exit, _, err := holt(ctx, "", "bench", "--work=read", "--clients=2", "--duration=1m", "--keys=300")
	if exit == exitDone || s.State().Tree.Len() != 4 || len(s.Requests()) < 4 {
		t.Errorf("exit %d, %q, %d znodes are left, %d requests", exit, err, s.State().Tree.Len(), len(s.Requests()))
	}
}
