package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// clientVerbs are the verbs that are a cluster's client; main embeds them beside serve.
type clientVerbs struct {
	Get      getCmd      `cmd:"" help:"Print a znode's data as it is, nothing added."`
	Set      setCmd      `cmd:"" help:"Set a znode's data; makes the znode where there is none, unless told otherwise."`
	Create   createCmd   `cmd:"" help:"Make a znode and print its path."`
	Rm       rmCmd       `cmd:"" help:"Delete a znode, or all of a tree."`
	Txn      txnCmd      `cmd:"" help:"Carry out several ops, all or none."`
	Pipeline pipelineCmd `cmd:"" help:"Carry out the ops on standard input, a line each, in order and many at a time."`
	Ls       lsCmd       `cmd:"" help:"List the children of a znode, one a line, sorted."`
	Stat     statCmd     `cmd:"" help:"Print what is known about a znode besides its data."`
	Watch    watchCmd    `cmd:"" help:"Tell the changes of znodes as they happen, or run a command at each."`
	Session  sessionCmd  `cmd:"" help:"Open, renew, close and look at sessions."`
	Export   exportCmd   `cmd:"" help:"Write a znode and all below it to a file, as it was at one moment."`
	Import   importCmd   `cmd:"" help:"Load what export wrote, or a ZooKeeper tree."`
	Snapshot snapshotCmd `cmd:"" help:"Back up the whole cluster, check a backup, restore one."`
	Diff     diffCmd     `cmd:"" help:"Compare two trees, exported or live."`
	Cluster  clusterCmd  `cmd:"" help:"List the members of the cluster, add, remove and promote them, hand over the leadership."`
	Status   statusCmd   `cmd:"" help:"Print how every member is; exit code 1 if something is wrong."`
	Health   healthCmd   `cmd:"" help:"Ask one member whether it can be used: exit code 0 or 1. For the health checks of containers."`
	Bench    benchCmd    `cmd:"" help:"Measure a cluster, beside a bare HTTP server and a loop of fdatasync."`
	Version  versionCmd  `cmd:"" help:"Print the version of this program."`

	BenchBare benchBareCmd `cmd:"" hidden:"" help:"Serve a constant body: bench's yardstick."`
}

// console is what a verb reads from and writes to.
type console struct {
	in   io.Reader
	out  io.Writer
	err  io.Writer
	json bool // errors are to be written as JSON; set from the flags
}

// osConsole is the process's own.
func osConsole() *console { return &console{in: os.Stdin, out: os.Stdout, err: os.Stderr} }

// execute parses args for cli, a struct with kong tags, runs the verb they name, says on the console what went wrong,
// and gives the exit code. A verb is a struct with Run(context.Context, *console) error; either argument may be left
// out. ctx ends when the process is asked to stop.
func execute(ctx context.Context, cli any, args []string, con *console) int {
	out := bufio.NewWriterSize(con.out, 64<<10)
	own := &console{in: con.in, out: out, err: con.err, json: slices.Contains(args, "--json")}
	verb, err := parseAndRun(ctx, cli, args, own)
	if ferr := out.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("writing the result: %w", ferr)
	}
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errDifferent) {
		return exitFailed // all is said
	}
	if own.json {
		json.NewEncoder(con.err).Encode(problemOf(err))
	} else {
		fmt.Fprintln(con.err, sentence(verb, err))
	}
	if errors.As(err, new(diffError)) {
		return exitUsage // as diff(1) has it: 1 is for trees that differ
	}
	return exitCode(err)
}

func parseAndRun(ctx context.Context, cli any, args []string, con *console) (verb string, err error) {
	helped := false
	parser, err := kong.New(cli,
		kong.Name("holt"),
		kong.Description("ZooKeeper's data model as an HTTP service: one program is the server and its client."),
		kong.Writers(con.out, con.err),
		kong.Exit(func(int) { helped = true }),
		kong.Help(help),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"endpoint": defaultEndpoint},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(con),
	)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	var wrong *kong.ParseError
	switch {
	case helped:
		return "", nil // kong goes on after the help, and complains of what is missing
	case errors.As(err, &wrong):
		return verbOf(wrong.Context), err
	case err != nil:
		return "", err
	}
	return verbOf(parsed), parsed.Run()
}

// verbOf is the verb that was given, such as "get" or "session open", "" if none.
func verbOf(k *kong.Context) string {
	if k == nil {
		return ""
	}
	words := strings.Fields(k.Command())
	arguments := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w, "<[") })
	if arguments < 0 {
		arguments = len(words)
	}
	return strings.Join(words[:arguments], " ")
}

// help is kong's, and the exit codes.
func help(options kong.HelpOptions, k *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, k); err != nil {
		return err
	}
	if verbOf(k) == "diff" {
		return nil // it has its own
	}
	fmt.Fprintln(k.Stdout, "\nExit codes:")
	for code, meaning := range exitMeanings() {
		fmt.Fprintf(k.Stdout, "  %d  %s\n", code, meaning)
	}
	return nil
}
