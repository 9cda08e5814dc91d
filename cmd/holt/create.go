package main

import (
	"context"
	"fmt"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type createCmd struct {
	clientFlags
	Path       string `arg:"" help:"The znode; with --sequential what comes before the number, such as /queue/job-."`
	Data       string `arg:"" optional:"" help:"The data (none by default): the argument itself, - for standard input, @file for a file, @@x for @x."`
	Sequential bool   `help:"Let the server put a number behind the path, one higher each time."`
}

// Run makes the znode and prints its path.
func (cmd *createCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	data, err := dataOf(cmd.Data, con)
	if err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	mode := client.Persistent
	if cmd.Sequential {
		mode = client.PersistentSequential
	}
	w, err := c.Create(ctx, cmd.Path, data, mode)
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, wire.Written{Path: w.Path, Stat: w.Stat})
	}
	_, err = fmt.Fprintln(con.out, w.Path)
	return err
}
