package bench

import (
	"fmt"
	"io"
	"time"
)

// Report is the result of a run. Times are µs unless named otherwise.
type Report struct {
	Endpoints  []string `json:"endpoints"`
	Size       int      `json:"size"`
	Keys       int      `json:"keys"`
	Mix        int      `json:"mix"`
	DurationMS int64    `json:"duration_ms"`
	WarmupMS   int64    `json:"warmup_ms"`
	CPUs       int      `json:"cpus"`
	Rows       []Row    `json:"rows"`
}

// Row is one cell: a kind of work with a number of clients, and its yardstick.
type Row struct {
	Work       Work    `json:"work"`
	Clients    int     `json:"clients"`
	Ops        int64   `json:"ops"` // successes
	PerSecond  float64 `json:"ops_per_second"`
	P50        float64 `json:"p50_us"`
	P99        float64 `json:"p99_us"`
	Errors     int64   `json:"errors"`
	FirstError string  `json:"first_error"` // "" if none
	Beside     Beside  `json:"beside"`
	// Ratio is PerSecond over the yardstick's: of reads the share of what a bare server does with as many clients, of
	// writes how many are done for each record that is appended and made durable by itself.
	Ratio float64 `json:"ratio"`
}

// Beside is what a yardstick did.
type Beside struct {
	What      string  `json:"what"` // "bare http" or "fdatasync"
	PerSecond float64 `json:"ops_per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Errors    int64   `json:"errors"`
}

func newRow(work Work, clients int, what string, mine, yard *sample) Row {
	r := Row{Work: work, Clients: clients, Ops: mine.lat.n, PerSecond: mine.perSecond(), P50: micros(mine.lat.percentile(50)),
		P99: micros(mine.lat.percentile(99)), Errors: mine.errors,
		Beside: Beside{What: what, PerSecond: yard.perSecond(), P50: micros(yard.lat.percentile(50)),
			P99: micros(yard.lat.percentile(99)), Errors: yard.errors}}
	if mine.why != nil {
		r.FirstError = mine.why.Error()
	}
	if r.Beside.PerSecond > 0 {
		r.Ratio = r.PerSecond / r.Beside.PerSecond
	}
	return r
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// WriteHead writes the head of the table, and what all rows have in common.
func WriteHead(w io.Writer, cfg *Config) error {
	_, err := fmt.Fprintf(w, "%d endpoints, %d znodes of %d bytes, %v a cell after %v; mixed is %d %% reads\n"+
		"%-13s %7s %9s %9s %9s %7s   %-9s %9s %9s %7s\n", len(cfg.Endpoints), cfg.Keys, cfg.Size, cfg.Duration, cfg.Warmup, cfg.Mix,
		"work", "clients", "ops/s", "p50", "p99", "errors", "beside", "ops/s", "p50", "ratio")
	return err
}

// WriteRow writes a line of the table, and one more for what went wrong.
func WriteRow(w io.Writer, r Row) error {
	_, err := fmt.Fprintf(w, "%-13s %7d %9.0f %9s %9s %7d   %-9s %9.0f %9s %7.2f\n", r.Work, r.Clients, r.PerSecond,
		span(r.P50), span(r.P99), r.Errors, r.Beside.What, r.Beside.PerSecond, span(r.Beside.P50), r.Ratio)
	if err == nil && r.FirstError != "" {
		_, err = fmt.Fprintf(w, "    the first error: %q\n", r.FirstError)
	}
	return err
}

// span prints µs with three or four digits that matter.
func span(us float64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 100_000:
		return fmt.Sprintf("%.2f ms", us/1000)
	case us < 1e6:
		return fmt.Sprintf("%.0f ms", us/1000)
	}
	return fmt.Sprintf("%.2f s", us/1e6)
}
