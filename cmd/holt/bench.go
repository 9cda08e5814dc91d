package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"holt/cmd/holt/bench"
)

type benchCmd struct {
	Endpoints []string      `env:"HOLT_ENDPOINTS" placeholder:"URL" help:"Members to measure, separated by commas; the clients are spread over them (default ${endpoint})."`
	JSON      bool          `name:"json" help:"Print JSON, when all is measured."`
	Work      []bench.Work  `default:"read,linearizable,write,mixed" help:"What to measure; pipeline, too, if it is named."`
	Clients   []int         `default:"1,16,64,256" help:"Numbers of clients, each with one connection."`
	Duration  time.Duration `default:"2s" help:"How long each cell is measured, and again its yardstick."`
	Warmup    time.Duration `default:"500ms" help:"How long each runs before."`
	Size      int           `default:"256" help:"Bytes of a znode's data."`
	Keys      int           `default:"1024" help:"How many znodes are read and written."`
	Mix       int           `default:"90" help:"Reads in a hundred, of the mixed work."`
	Keyed     bool          `help:"Give each line of the pipeline an idempotency key."`
	Dir       string        `placeholder:"FOLDER" help:"Where the loop of fdatasync writes: a folder on the disk the cluster uses (the temporary one by default)."`
}

// Help is the end of the help text.
func (cmd *benchCmd) Help() string {
	return "Each cell takes turns with a yardstick run on this machine: reads with a bare net/http server that serves as " +
		"many bytes, writes with a loop that appends a record of that size and waits for fdatasync. The ratio is " +
		"ops/s over the yardstick's. Everything happens below one znode, /holt-bench-<random>, removed at the end."
}

// Run measures and prints the rows as they come.
func (cmd *benchCmd) Run(ctx context.Context, con *console) error {
	cfg := bench.Config{Endpoints: cmd.endpoints(), Works: cmd.Work, Clients: cmd.Clients, Duration: cmd.Duration,
		Warmup: cmd.Warmup, Size: cmd.Size, Keys: cmd.Keys, Mix: cmd.Mix, Keyed: cmd.Keyed, Dir: cmd.Dir, Bare: startBare,
		Log: slog.New(slog.DiscardHandler)}
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	var printing error
	if !cmd.JSON {
		printing = errors.Join(bench.WriteHead(con.out, &cfg), con.flush())
		cfg.Row = func(r bench.Row) { printing = errors.Join(printing, bench.WriteRow(con.out, r), con.flush()) }
	}
	report, err := bench.Run(ctx, cfg)
	if cmd.JSON && report != nil {
		printing = writeJSON(con.out, report)
	}
	return errors.Join(err, printing)
}

func (cmd *benchCmd) endpoints() []string {
	f := clientFlags{Endpoints: cmd.Endpoints}
	all := f.endpoints()
	for i, e := range all {
		if !strings.Contains(e, "://") {
			e = "http://" + e
		}
		all[i] = strings.TrimSuffix(e, "/")
	}
	return all
}

// startBare runs this very program as the bare server.
func startBare(ctx context.Context, size int) (*bench.Bare, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, "bench-bare", "--size", strconv.Itoa(size))
	cmd.Stderr = os.Stderr
	return bench.StartBare(ctx, cmd)
}

type benchBareCmd struct {
	Size int `default:"256" help:"Bytes of the body."`
}

// Run serves until standard input ends.
func (cmd *benchBareCmd) Run(ctx context.Context, con *console) error {
	return bench.ServeBare(ctx, con.in, flushed{con}, cmd.Size)
}

// flushed passes what is written on at once.
type flushed struct{ con *console }

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.con.out.Write(p)
	return n, errors.Join(err, f.con.flush())
}

// flush passes on what was printed so far.
func (con *console) flush() error {
	if b, ok := con.out.(*bufio.Writer); ok {
		if err := b.Flush(); err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
	}
	return nil
}
