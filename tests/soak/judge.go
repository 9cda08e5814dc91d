package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// settling is the part of the whole run that the members are given after a trouble before their numbers count, one in so many: a process
// that has just begun grows, and clients come back to it.
const settling = 15

// line is a straight line through what was measured.
type line struct {
	start, end float64 // its values at the first and the last measurement
	slope      float64 // in an hour
	points     int
}

// fit lays a line through the points of several stretches between restarts: each has its own height, all have one slope, so that a
// restart, which gives everything back, neither hides growth nor passes for it. Points are (hours, value). By least squares.
func fit(stretches [][][2]float64) (l line) {
	var xy, xx float64
	first, last, sum, at := 0.0, 0.0, 0.0, 0.0
	for _, part := range stretches {
		if len(part) == 0 {
			continue
		}
		var mx, my float64
		for _, p := range part {
			mx += p[0]
			my += p[1]
		}
		sum, at = sum+my, at+mx
		mx, my = mx/float64(len(part)), my/float64(len(part))
		for _, p := range part {
			xy += (p[0] - mx) * (p[1] - my)
			xx += (p[0] - mx) * (p[0] - mx)
		}
		if l.points == 0 {
			first = part[0][0]
		}
		last = part[len(part)-1][0]
		l.points += len(part)
	}
	if l.points == 0 {
		return l
	}
	if xx > 0 {
		l.slope = xy / xx
	}
	mean, middle := sum/float64(l.points), at/float64(l.points)
	l.start, l.end = mean+l.slope*(first-middle), mean+l.slope*(last-middle)
	return l
}

// stretches takes what counts of a member's samples apart where members were restarted: nothing of the warm-up, and nothing of a trouble
// and of the time after it. What is on the disk outlives them.
func stretches(taken []sample, fates []fate, quantity int, onDisk bool, length time.Duration) (out [][][2]float64) {
	passed := -1 // fates
	for _, s := range taken {
		n, counts := 0, s.at >= length/warmUp
		for _, f := range fates {
			if s.at >= f.from && !onDisk {
				n++
				counts = counts && s.at >= f.to+length/settling
			}
		}
		if !counts {
			continue
		}
		if n != passed {
			passed, out = n, append(out, nil)
		}
		now := &out[len(out)-1]
		*now = append(*now, [2]float64{s.at.Hours(), s.values[quantity]})
	}
	return out
}

// leastPoints is how many samples a line needs.
const leastPoints = 20

// report prints the table and fails the run for what grew.
func report(s *stage, w *watcher, length time.Duration) {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "member\tnumber\tstart\tend\trise\tmay rise\tin an hour\t\t\n")
	for i, m := range w.c.Members {
		for k, q := range quantities() {
			l := fit(stretches(w.taken[i], w.fates, k, q.metric == "", length))
			if l.points < leastPoints {
				s.Errorf("%s of %s: only %d samples", q.name, m.Name, l.points)
				continue
			}
			verdict := ""
			if rise := l.end - l.start; rise > q.tolerance {
				verdict = "GROWS"
				s.Errorf("%s of member %s rose by %.1f %s, from %.1f: more than %.0f", q.name, m.Name, rise, q.unitIs, l.start, q.tolerance)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", m.Name, q.name, show(l.start, q), show(l.end, q), show(l.end-l.start, q),
				show(q.tolerance, q), show(l.slope, q), verdict)
		}
	}
	_ = t.Flush() // to the terminal
}

func show(v float64, q quantity) string {
	if q.unitIs == "" {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.1f %s", v, q.unitIs)
}
