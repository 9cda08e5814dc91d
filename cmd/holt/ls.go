package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type lsCmd struct {
	clientFlags
	readFlags
	Path      string `arg:"" default:"/" help:"The znode whose children are listed (/ by default)."`
	Long      bool   `short:"l" help:"With version, number of children, bytes and time of the last change of the data."`
	Recursive bool   `short:"R" help:"All that is below, as whole paths, parents before children."`
	Prefix    string `help:"Only names that begin with this, at the first level."`
}

// Run prints the children as the pages come, so that a large directory needs no memory here.
func (cmd *lsCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return cmd.list(ctx, c, con, cmd.Path, cmd.Prefix)
}

func (cmd *lsCmd) list(ctx context.Context, c *client.Client, con *console, dir, prefix string) error {
	want := client.ChildrenQuery{Consistency: cmd.Consistency, Prefix: prefix,
		WithStat: cmd.Long || cmd.Recursive || cmd.JSON}
	for child, err := range c.AllChildren(ctx, dir, want) {
		if errors.Is(err, client.NoNode) && dir != cmd.Path {
			return nil // deleted while we were on the way to it
		}
		if err != nil {
			return err
		}
		path := strings.TrimSuffix(dir, "/") + "/" + child.Name
		if err := cmd.line(con, path, child); err != nil {
			return err
		}
		if cmd.Recursive && child.Stat.NumChildren > 0 {
			if err := cmd.list(ctx, c, con, path, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (cmd *lsCmd) line(con *console, path string, child client.Child) error {
	name := child.Name
	if cmd.Recursive {
		name = path
	}
	if (cmd.JSON || cmd.Long || cmd.Recursive) && child.Stat == nil {
		return fmt.Errorf("the server sent no stat of %s", path)
	}
	var err error
	switch s := child.Stat; {
	case cmd.JSON:
		err = writeJSON(con.out, wire.Written{Path: path, Stat: *s})
	case cmd.Long:
		_, err = fmt.Fprintf(con.out, "%7d %7d %8d  %s  %s\n", s.Version, s.NumChildren, s.DataLength, stamp(s.Mtime), name)
	default:
		_, err = fmt.Fprintln(con.out, name)
	}
	return err
}
