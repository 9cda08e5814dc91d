package main

import (
	"context"
	"fmt"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type createCmd struct {
	clientFlags
	sessionFlags
	Path           string        `arg:"" help:"The znode; with --sequential what comes before the number, such as /queue/job-."`
	Data           string        `arg:"" optional:"" help:"The data (none by default): the argument itself, - for standard input, @file for a file, @@x for @x."`
	Sequential     bool          `help:"Let the server put a number behind the path, one higher each time."`
	Ephemeral      bool          `help:"A znode that goes with a session: that of --session, else one of its own."`
	SessionTimeout time.Duration `placeholder:"TIME" help:"Of a session of its own: how long the znode outlives this command if it is killed (30s, if not given)."`
}

// Help is the end of the help text.
func (cmd *createCmd) Help() string {
	return `With --ephemeral and without a session, the command opens one, makes the znode, prints its path at once, and stays: it
renews the session until it is interrupted; then it closes the session, so that the znode is gone at once, and ends with
exit code 0. If the session is over before that, or nobody could say for its whole timeout that it is not, the command
ends with exit code 7: the znode is gone, or will soon be.`
}

// Run makes the znode and prints its path.
func (cmd *createCmd) Run(ctx context.Context, con *console) error {
	if err := cmd.check(); err != nil {
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
	if !cmd.Ephemeral || cmd.Session != "" {
		return cmd.create(ctx, cmd.as(c), con, data)
	}
	s, err := openSession(ctx, c, cmd.SessionTimeout)
	if err != nil {
		return err
	}
	return hold(ctx, s, cmd.create(ctx, s.Client(), con, data))
}

func (cmd *createCmd) check() error {
	if cmd.SessionTimeout != 0 && (!cmd.Ephemeral || cmd.Session != "") {
		return usagef("--session-timeout is for --ephemeral without a session (--session, HOLT_SESSION)")
	}
	return checkPath(cmd.Path)
}

// create makes the znode by c and prints its path.
func (cmd *createCmd) create(ctx context.Context, c *client.Client, con *console, data []byte) error {
	w, err := c.Create(ctx, cmd.Path, data, cmd.mode())
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		err = writeJSON(con.out, wire.Written{Path: w.Path, Stat: w.Stat})
	default:
		_, err = fmt.Fprintln(con.out, w.Path)
	}
	if err != nil {
		return err
	}
	return con.flush()
}

func (cmd *createCmd) mode() client.Mode {
	switch {
	case cmd.Ephemeral && cmd.Sequential:
		return client.EphemeralSequential
	case cmd.Ephemeral:
		return client.Ephemeral
	case cmd.Sequential:
		return client.PersistentSequential
	}
	return client.Persistent
}
