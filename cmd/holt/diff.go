package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"holt/httpapi/client"
)

type diffCmd struct {
	clientFlags
	readFlags
	sessionFlags
	A            string `arg:"" help:"A tree: the path of a znode (/app), of one of another cluster (http://host:port/app), or an export (FILE, @/path/of/it, - for standard input)."`
	B            string `arg:"" help:"Another."`
	NoData       bool   `help:"Do not compare the data."`
	NoEphemerals bool   `help:"Leave out ephemerals, which no import restores."`
	Counters     bool   `help:"Also compare how many children were ever created, which sequential names are made from."`
}

// Help is the end of the help text.
func (cmd *diffCmd) Help() string {
	return `What it takes to come from A to B, a line each, with the path in B: + a znode that is made, - one that goes, ~ one with other
data, mode or ttl. Versions and times are not compared. Neither tree is held in memory.

Exit codes, as of diff(1): 0 they are equal, 1 they differ, 2 anything else.`
}

// errDifferent is the outcome of a diff that is no error.
var errDifferent = errors.New("the trees differ")

// diffError is why there is no outcome.
type diffError struct{ error }

// Unwrap is the error.
func (e diffError) Unwrap() error { return e.error }

// Run compares.
func (cmd *diffCmd) Run(ctx context.Context, con *console) error {
	different, err := cmd.compare(ctx, con)
	switch {
	case err != nil:
		return diffError{err}
	case different:
		return errDifferent
	}
	return nil
}

func (cmd *diffCmd) compare(ctx context.Context, con *console) (different bool, err error) {
	if cmd.A == "-" && cmd.B == "-" {
		return false, usagef("only one of the trees can come from standard input")
	}
	a, err := cmd.open(ctx, con, cmd.A)
	if err != nil {
		return false, err
	}
	defer a.close()
	b, err := cmd.open(ctx, con, cmd.B)
	if err != nil {
		return false, err
	}
	defer b.close()
	if cmd.NoEphemerals {
		a.leaves, b.leaves = isEphemeral, isEphemeral
	}
	d := &treeDiff{data: !cmd.NoData, counters: cmd.Counters, found: func(c treeChange) error { return cmd.print(con, c) }}
	if err := d.run(a, b); err != nil {
		return false, err
	}
	return d.added+d.removed+d.changed > 0, nil
}

func isEphemeral(n *client.TreeNode) bool { return n.Mode == client.Ephemeral }

func (cmd *diffCmd) print(con *console, c treeChange) error {
	if cmd.JSON {
		return writeJSON(con.out, c)
	}
	return printChange(con.out, c)
}

// printChange prints a change for people.
func printChange(w io.Writer, c treeChange) error {
	var err error
	switch c.Change {
	case "added":
		_, err = fmt.Fprintf(w, "+ %s\n", c.Path)
	case "removed":
		_, err = fmt.Fprintf(w, "- %s\n", c.Path)
	case "kept":
		_, err = fmt.Fprintf(w, "= %s (%s)\n", c.Path, strings.Join(c.What, ", "))
	default:
		_, err = fmt.Fprintf(w, "~ %s (%s)\n", c.Path, strings.Join(c.What, ", "))
	}
	return err
}

// open opens a tree, wherever it is.
func (cmd *diffCmd) open(ctx context.Context, con *console, arg string) (*treeSide, error) {
	flags := cmd.clientFlags
	if strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") {
		u, err := url.Parse(arg)
		if err != nil {
			return nil, usageError{err}
		}
		flags.Endpoints = []string{u.Scheme + "://" + u.Host}
		if arg = u.Path; arg == "" {
			arg = "/"
		}
	}
	if !strings.HasPrefix(arg, "/") {
		return fileSide(strings.TrimPrefix(arg, "@"), con)
	}
	c, err := flags.connect()
	if err != nil {
		return nil, err
	}
	how := client.TreeQuery{WithData: !cmd.NoData, Consistency: cmd.Consistency}
	s, err := liveSide(ctx, cmd.as(c), arg, how, false)
	if err != nil {
		c.Close()
		return nil, err
	}
	end := s.close
	s.close = func() { end(); c.Close() }
	return s, nil
}
