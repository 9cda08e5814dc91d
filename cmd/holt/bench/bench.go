// Package bench measures a cluster in a closed loop (each client has one connection and one request under way) beside
// two yardsticks it runs itself: a bare net/http server in a process of its own, and a loop that appends to a file and
// makes each record durable. A yardstick takes turns with what is compared to it, so that both see the same machine.
//
// It writes only below one znode of its own, which it removes again, also after an interrupt, and it ends within a
// bounded time. It does not start clusters, and measures over plain HTTP only. The yardsticks run where bench runs: a
// ratio means something only if the cluster does too.
package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"slices"
	"time"
)

// Work is what the clients do.
type Work string

// The kinds of work, in the order they are measured.
const (
	Read   Work = "read"         // GET at local consistency
	Linear Work = "linearizable" // GET at linearizable consistency
	Write  Work = "write"        // PUT without a precondition
	Mixed  Work = "mixed"        // Config.Mix of a hundred are Read, the others Write
	Piped  Work = "pipeline"     // sets in POST /v1/pipeline, one a client; the time of one is from sending it to its answer
)

// Works are all kinds of work.
func Works() []Work { return []Work{Read, Linear, Write, Mixed, Piped} }

// Limits of a run.
const (
	MaxClients  = 4096
	MaxCells    = 64 // kinds of work times numbers of clients
	MaxKeys     = 100_000
	MaxSize     = 1 << 20 // bytes
	MaxDuration = 10 * time.Minute

	turns       = 2                // how often a yardstick and the cluster take turns in a cell
	cellSlack   = 10 * time.Second // over a cell's own time: connecting, the last answers
	setupTime   = 2 * time.Minute
	removeTime  = 30 * time.Second
	callTimeout = 15 * time.Second
)

// Config says what is measured.
type Config struct {
	Endpoints []string // of the members, http://host:port; the clients are spread over them
	Works     []Work
	Clients   []int         // numbers of clients; one cell for each, and each kind of work
	Duration  time.Duration // of a cell, and of its yardstick
	Warmup    time.Duration // before each, not counted
	Size      int           // bytes of a znode's data
	Keys      int           // how many znodes there are
	Mix       int           // reads in a hundred, of Mixed
	Keyed     bool          // whether the lines of Piped have idempotency keys
	Dir       string        // where the durable appends go; "" means the system's temporary folder
	// Bare starts the bare HTTP server; see StartBare. It is called once.
	Bare func(ctx context.Context, size int) (*Bare, error)
	// Row is told each cell as it ends. It may be nil.
	Row func(Row)
	Log *slog.Logger
}

// Validate says what is wrong with the configuration.
func (cfg *Config) Validate() error {
	cells := len(cfg.Works) * len(cfg.Clients)
	switch {
	case len(cfg.Endpoints) == 0:
		return errors.New("no endpoints")
	case cells == 0 || cells > MaxCells:
		return fmt.Errorf("%d kinds of work times %d numbers of clients: there must be 1 to %d cells", len(cfg.Works), len(cfg.Clients), MaxCells)
	case cfg.Duration <= 0 || cfg.Duration > MaxDuration || cfg.Warmup < 0 || cfg.Warmup > MaxDuration:
		return fmt.Errorf("a duration must be more than 0 and at most %v", MaxDuration)
	case cfg.Size < 0 || cfg.Size > MaxSize:
		return fmt.Errorf("size %d: it must be 0 to %d bytes", cfg.Size, MaxSize)
	case cfg.Keys < 1 || cfg.Keys > MaxKeys:
		return fmt.Errorf("%d keys: there must be 1 to %d", cfg.Keys, MaxKeys)
	case cfg.Mix < 0 || cfg.Mix > 100:
		return fmt.Errorf("mix %d: it must be 0 to 100", cfg.Mix)
	case cfg.Bare == nil || cfg.Log == nil:
		return errors.New("Bare and Log must be given")
	}
	for _, n := range cfg.Clients {
		if n < 1 || n > MaxClients {
			return fmt.Errorf("%d clients: there must be 1 to %d", n, MaxClients)
		}
	}
	for _, w := range cfg.Works {
		if !slices.Contains(Works(), w) {
			return fmt.Errorf("work %q is none of %v", w, Works())
		}
	}
	for _, e := range cfg.Endpoints {
		if u, err := url.Parse(e); err != nil || u.Scheme != "http" || u.Host == "" {
			return fmt.Errorf("endpoint %q: bench needs http://host:port", e)
		}
	}
	return nil
}

// Run measures every cell. After an error, such as the end of ctx, the report has the cells that were measured.
func Run(ctx context.Context, cfg Config) (report *Report, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cells := time.Duration(len(cfg.Works) * len(cfg.Clients))
	bounded, cancel := context.WithTimeout(ctx, setupTime+cells*(2*(cfg.Duration+cfg.Warmup)+cellSlack))
	defer cancel()
	report = &Report{Endpoints: cfg.Endpoints, Size: cfg.Size, Keys: cfg.Keys, Mix: cfg.Mix,
		DurationMS: cfg.Duration.Milliseconds(), WarmupMS: cfg.Warmup.Milliseconds(), CPUs: runtime.NumCPU(), Rows: []Row{}}

	bare, err := cfg.Bare(bounded, cfg.Size)
	if err != nil {
		return report, fmt.Errorf("starting the bare server: %w", err)
	}
	defer func() { err = errors.Join(err, bare.Stop()) }()
	disk, err := openDisk(cfg.Dir, cfg.Size)
	if err != nil {
		return report, fmt.Errorf("the file for durable appends: %w", err)
	}
	defer func() { err = errors.Join(err, disk.close()) }()
	area, err := newArea(cfg)
	if err != nil {
		return report, err
	}
	defer func() { // whatever happened, and though ctx may be over
		rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		err = errors.Join(err, area.remove(rest))
	}()
	if err := area.fill(bounded); err != nil {
		return report, err
	}
	for _, work := range cfg.Works {
		for _, n := range cfg.Clients {
			row, err := cell(bounded, cfg, area, bare.Addr, disk, work, n)
			if err != nil {
				return report, fmt.Errorf("%s, %d clients: %w", work, n, err)
			}
			report.Rows = append(report.Rows, row)
			if cfg.Row != nil {
				cfg.Row(row)
			}
		}
	}
	return report, nil
}

// cell measures one kind of work with n clients, in turns with its yardstick.
func cell(ctx context.Context, cfg Config, a *area, bareAddr string, d *disk, work Work, n int) (Row, error) {
	run := a.pipeline(n).run
	if work != Piped {
		holt := newCrew(n, a.hosts, a.request(work, cfg.Mix))
		defer holt.close()
		run = holt.run
	}
	beside := d.run
	what := "fdatasync"
	if work != Write && work != Piped {
		bare := newCrew(n, []string{bareAddr}, bareRequest())
		defer bare.close()
		beside, what = bare.run, "bare http"
	}
	beside(ctx, cfg.Warmup)
	run(ctx, cfg.Warmup)
	var mine, yard sample
	for range turns {
		yard.add(beside(ctx, cfg.Duration/turns))
		mine.add(run(ctx, cfg.Duration/turns))
	}
	if err := ctx.Err(); err != nil {
		return Row{}, err
	}
	return newRow(work, n, what, &mine, &yard), nil
}
