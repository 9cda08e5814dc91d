package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"holt/cmd/holt/zookeeper"
	"holt/httpapi/client"
)

type importCmd struct {
	clientFlags
	sessionFlags
	keyFlags
	Path          string  `arg:"" help:"Where the first znode of the export comes to; all others come below it as they were below the first."`
	Input         *string `short:"i" xor:"from" placeholder:"FILE" help:"The export (standard input by default, or -)."`
	FromZookeeper *string `xor:"from" placeholder:"SOURCE" help:"A ZooKeeper tree instead: a snapshot file, a data folder, or host:port[,host:port...][/path] of a live ensemble."`
	LogDir        string  `placeholder:"DIR" help:"With a ZooKeeper data folder: where its transaction logs are, if they are elsewhere (dataLogDir)."`
	DropACLs      bool    `name:"drop-acls" help:"Import a ZooKeeper tree even if its ACLs say more than world:anyone:cdrwa; they are lost."`
	Replace       bool    `help:"Give znodes that are there with other data that of the export; else they are kept."`
	Parents       bool    `help:"Make the parents of PATH that are missing."`
	DryRun        bool    `help:"Import nothing: print what would be made (+) and changed (~), and what is there and would be kept (=)."`
}

// Help is the end of the help text.
func (cmd *importCmd) Help() string {
	return `Data, modes, times to live and the counters of sequential names are restored; versions, times and zxids are new ones. Ephemerals are
skipped and listed: they belong to a session.

An import is not one transaction: it is many, in the order of the lines. One that broke off is run again and goes on: what is there
already stays as it is. From a file it does so by itself, at the next member; standard input cannot be read twice.`
}

// Run imports.
func (cmd *importCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	for _, source := range []*string{cmd.Input, cmd.FromZookeeper} {
		if source != nil && *source == "" { // of a variable that is not set: standard input is not what is meant
			return usagef("--input and --from-zookeeper must not be empty")
		}
	}
	if cmd.FromZookeeper == nil && (cmd.DropACLs || cmd.LogDir != "") {
		return usagef("--drop-acls and --log-dir are for --from-zookeeper")
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	writer, err := cmd.keyed(cmd.as(c))
	if err != nil {
		return err
	}
	var done *client.Loaded
	load := func(open func() (io.ReadCloser, error)) error {
		if cmd.DryRun {
			return cmd.compare(ctx, con, writer, open)
		}
		done, err = writer.LoadTree(ctx, cmd.Path, begun(open), client.LoadOptions{Replace: cmd.Replace, Parents: cmd.Parents})
		return err
	}
	if cmd.FromZookeeper != nil {
		err = cmd.fromZookeeper(ctx, con, load)
	} else {
		err = load(cmd.open(con))
	}
	switch {
	case err != nil:
		return cmd.broken(con, err)
	case cmd.DryRun:
		return nil
	}
	return cmd.tell(con, done)
}

// open opens the export, standard input once.
func (cmd *importCmd) open(con *console) func() (io.ReadCloser, error) {
	used := false
	return func() (io.ReadCloser, error) {
		if cmd.Input != nil && *cmd.Input != "-" {
			return os.Open(*cmd.Input)
		}
		if used {
			return nil, errors.New("standard input cannot be read twice")
		}
		used = true
		return io.NopCloser(con.in), nil
	}
}

// begun is open, but waits for the first byte, for however long it takes: a ZooKeeper tree is looked through before any of it comes,
// and a member waits for a body that has begun only so long.
func begun(open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		from, err := open()
		if err != nil {
			return nil, err
		}
		r := bufio.NewReader(from)
		if _, err := r.Peek(1); err != nil && err != io.EOF {
			from.Close()
			return nil, fmt.Errorf("reading what is to be loaded: %w", err)
		}
		return struct {
			io.Reader
			io.Closer
		}{r, from}, nil
	}
}

// fromZookeeper has load load what a ZooKeeper has, and says what of it holt does not have.
func (cmd *importCmd) fromZookeeper(ctx context.Context, con *console, load func(func() (io.ReadCloser, error)) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type read struct {
		report *zookeeper.Report
		err    error
	}
	var under chan read // of the reading that was begun last
	err := load(func() (io.ReadCloser, error) {
		if under != nil {
			<-under // its pipe is closed
		}
		r, w := io.Pipe()
		ended := make(chan read, 1)
		go func() {
			report, err := zookeeper.Read(ctx, *cmd.FromZookeeper, w, zookeeper.Options{
				DropACLs: cmd.DropACLs, Into: cmd.Path, LogDir: cmd.LogDir, Timeout: cmd.Timeout})
			w.CloseWithError(err)
			ended <- read{report, err}
		}()
		under = ended
		return r, nil
	})
	cancel()
	if under == nil {
		return err
	}
	end := <-under
	var acl *zookeeper.ACLError
	switch {
	case errors.As(end.err, &acl):
		return fmt.Errorf("%w (--drop-acls)", acl)
	case err == nil && !cmd.JSON:
		tellZookeeper(con.err, end.report)
	}
	return err
}

// tellZookeeper says what a ZooKeeper tree had that did not come along.
func tellZookeeper(w io.Writer, r *zookeeper.Report) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "ZooKeeper: %d znodes, %d bytes of data, zxid 0x%x; %d ephemerals, %d containers, %d with a ttl, %d without data\n",
		r.Znodes, r.Bytes, r.Zxid, r.Ephemerals, r.Containers, r.TTLs, r.NullData)
	for _, list := range []struct {
		count int64
		what  string
		lines []string
	}{
		{r.ACLsDropped, "ACLs were dropped", r.DroppedACLs}, {r.SkippedRoots, "znodes were left out, with all below", r.Skipped},
		{int64(len(r.Notes)), "notes", r.Notes},
	} {
		if list.count > 0 {
			fmt.Fprintf(w, "%d %s:\n", list.count, list.what)
		}
		for _, line := range list.lines {
			fmt.Fprintln(w, "  "+oneLine(line))
		}
	}
}

// tell says what was done.
func (cmd *importCmd) tell(con *console, done *client.Loaded) error {
	if cmd.JSON {
		return writeJSON(con.out, done.TreeLoaded)
	}
	for _, path := range done.SkippedPaths {
		fmt.Fprintf(con.out, "skipped %s\n", path)
	}
	if n := done.Skipped - int64(len(done.SkippedPaths)); n > 0 {
		fmt.Fprintf(con.out, "skipped %d more\n", n)
	}
	_, err := fmt.Fprintln(con.out, summary(done.Made, done.Changed, done.Same, done.Kept, done.Skipped))
	return err
}

func summary(made, changed, same, kept, skipped int64) string {
	return fmt.Sprintf("%d made, %d changed, %d the same, %d kept, %d skipped", made, changed, same, kept, skipped)
}

// broken says how far an import came that broke off.
func (cmd *importCmd) broken(con *console, err error) error {
	var failed *client.Error
	if !errors.As(err, &failed) {
		return err
	}
	d := failed.Problem.Loaded
	if d != nil && d.Lines > 0 && !cmd.JSON {
		fmt.Fprintf(con.err, "after %d lines: %s\n", d.Lines, summary(d.Made, d.Changed, d.Same, d.Kept, d.Skipped))
	}
	switch {
	case failed.Code() == client.OutcomeUnknown, d != nil && failed.Problem.Retryable:
		return advised{err, "run it again: what is loaded stays, and the rest follows", failed.Key}
	case d == nil:
	case failed.Code() == client.NoNode:
		return advised{err, "--parents makes it", ""}
	case failed.Code() == client.BadArguments, failed.Code() == client.TooLarge:
		return advised{err, "correct the export and run it again", ""}
	}
	return err
}

// compare is --dry-run.
func (cmd *importCmd) compare(ctx context.Context, con *console, c *client.Client, open func() (io.ReadCloser, error)) error {
	in, err := begun(open)() // first: nor does a member wait for whoever reads a tree
	if err != nil {
		return err
	}
	defer in.Close()
	live, err := liveSide(ctx, c, cmd.Path, client.TreeQuery{WithData: true}, true)
	if err != nil {
		return err
	}
	defer live.close()
	export := &treeSide{name: "the export", next: client.NewTreeLines(in).Next}
	var kept, skipped int64
	export.leaves = func(n *client.TreeNode) bool {
		if isEphemeral(n) {
			skipped++
		}
		return isEphemeral(n)
	}
	d := &treeDiff{root: cmd.Path, data: true}
	d.found = func(ch treeChange) error {
		if ch.Change == "removed" {
			return nil // what is there beside the export stays
		}
		if ch.Change == "changed" && (!cmd.Replace || len(ch.What) != 1 || ch.What[0] != "data") {
			kept++
			ch.Change = "kept"
		}
		if cmd.JSON {
			return writeJSON(con.out, ch)
		}
		return printChange(con.out, ch)
	}
	if err := d.run(live, export); err != nil || cmd.JSON {
		return err
	}
	if export.line == 0 {
		return usagef("there is nothing in the export")
	}
	_, err = fmt.Fprintln(con.out, summary(d.added, d.changed-kept, d.same, kept, skipped))
	return err
}
