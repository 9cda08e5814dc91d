package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A line is found through the stretches between restarts, whatever height each of them has, and noise does not tilt it.
func TestFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	tests := []struct {
		name    string
		heights []float64 // of each stretch
		slope   float64
		noise   float64
	}{
		{"flat", []float64{50}, 0, 0},
		{"one stretch that grows", []float64{50}, 30, 2},
		{"restarts that give all back", []float64{50, 40, 30}, 30, 2},
		{"restarts that look like growth", []float64{30, 40, 50}, 0, 2},
	}
	for _, tt := range tests {
		var all [][][2]float64
		hours := 0.0
		for _, h := range tt.heights {
			var part [][2]float64
			for k := range 400 {
				hours += 0.001
				part = append(part, [2]float64{hours, h + tt.slope*float64(k)*0.001 + tt.noise*rng.NormFloat64()})
			}
			all = append(all, part)
		}
		l := fit(all)
		if math.Abs(l.slope-tt.slope) > 2 {
			t.Errorf("%s: a slope of %.2f, want %.0f", tt.name, l.slope, tt.slope)
		}
		if rise := l.end - l.start; math.Abs(rise-l.slope*(hours-0.001)) > 0.01 || l.points != 400*len(tt.heights) {
			t.Errorf("%s: %+v", tt.name, l)
		}
	}
	if l := fit([][][2]float64{nil, {}}); l.points != 0 || l.slope != 0 {
		t.Errorf("of nothing: %+v", l)
	}
}

// What a process takes while it warms up does not count, nor what it does during a trouble and a while after; on the disk it does.
func TestStretches(t *testing.T) {
	const length = 150 * time.Second
	fates := []fate{{from: 10 * time.Second, to: 25 * time.Second}, {from: 80 * time.Second, to: 90 * time.Second}}
	var taken []sample
	for at := time.Second; at <= length; at += time.Second {
		taken = append(taken, sample{at: at, values: []float64{at.Seconds()}})
	}
	count := func(all [][][2]float64) (n []int) {
		for _, part := range all {
			n = append(n, len(part))
		}
		return n
	}
	// The first trouble is over for 10 s at 35 s, which is later than the warm-up.
	if n := count(stretches(taken, fates, 0, false, length)); len(n) != 2 || n[0] != 45 || n[1] != 51 {
		t.Errorf("of the process: %v", n)
	}
	if n := count(stretches(taken, fates, 0, true, length)); len(n) != 1 || n[0] != 121 {
		t.Errorf("on the disk: %v", n)
	}
}

func TestMetric(t *testing.T) {
	const body = "# HELP a is a\na 3\nab 4\nb{of=\"x y\"} 5\nb{of=\"z\"} 6.5\nc +Inf\nd broken\n"
	for name, want := range map[string]float64{"a": 3, "ab": 4, "b": 11.5} {
		if v, ok := metric(body, name); !ok || v != want {
			t.Errorf("%s is %v, %t; want %v", name, v, ok, want)
		}
	}
	for _, name := range []string{"e", "d", "of"} {
		if v, ok := metric(body, name); ok {
			t.Errorf("%s is %v", name, v)
		}
	}
}
