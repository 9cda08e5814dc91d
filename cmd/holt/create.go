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
	keyFlags
	Path           string         `arg:"" help:"The znode; with --sequential what comes before the number, such as /queue/job-."`
	Data           string         `arg:"" optional:"" help:"The data (none by default): the argument itself, - for standard input, @file for a file, @@x for @x."`
	Sequential     bool           `help:"Let the server put a number behind the path, one higher each time."`
	Ephemeral      bool           `xor:"mode" help:"A znode that goes with a session: that of --session, else one of its own."`
	Mode           client.Mode    `xor:"mode" placeholder:"MODE" help:"persistent (by default); container: it goes by itself some time after its last child has gone; persistent_with_ttl: see --ttl."`
	TTL            *time.Duration `name:"ttl" placeholder:"TIME" help:"A znode that goes by itself once its data was not set for so long, if it has no children then (--mode persistent_with_ttl may be left out)."`
	Parents        bool           `help:"Make missing parents, too, persistent ones."`
	SessionTimeout time.Duration  `placeholder:"TIME" help:"Of a session of its own: how long the znode outlives this command if it is killed (30s, if not given)."`
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
		writer, err := cmd.keyed(cmd.as(c))
		if err != nil {
			return err
		}
		return cmd.advise(cmd.create(ctx, writer, con, data))
	}
	s, err := openSession(ctx, c, cmd.SessionTimeout)
	if err != nil {
		return err
	}
	return hold(ctx, s, cmd.create(ctx, s.Client(), con, data))
}

func (cmd *createCmd) check() error {
	own := cmd.Ephemeral && cmd.Session == ""
	timed := cmd.Mode == client.PersistentWithTTL
	switch {
	case cmd.Mode != "" && cmd.Mode != client.Persistent && cmd.Mode != client.Container && !timed:
		return usagef("--mode is persistent, container or persistent_with_ttl, not %s; there are --sequential and --ephemeral, too", cmd.Mode)
	case cmd.SessionTimeout != 0 && !own:
		return usagef("--session-timeout is for --ephemeral without a session (--session, HOLT_SESSION)")
	case cmd.IdempotencyKey != nil && own:
		return usagef("--idempotency-key with --ephemeral needs a session (--session, HOLT_SESSION): one of this command's own is another each time")
	case cmd.TTL != nil && (*cmd.TTL <= 0 || *cmd.TTL%time.Millisecond != 0):
		return usagef("--ttl is a time like 10m, in whole milliseconds")
	case timed && cmd.TTL == nil:
		return usagef("--mode persistent_with_ttl needs --ttl")
	case cmd.TTL != nil && (cmd.Ephemeral || cmd.Mode != "" && !timed):
		return usagef("--ttl is for --mode persistent_with_ttl")
	case cmd.Sequential && cmd.Mode == client.Container:
		return usagef("there is no sequential container")
	}
	return checkPath(cmd.Path)
}

// create makes the znode by c and prints its path.
func (cmd *createCmd) create(ctx context.Context, c *client.Client, con *console, data []byte) error {
	how := client.Making{Mode: cmd.mode(), Parents: cmd.Parents}
	if cmd.TTL != nil {
		how.TTL = *cmd.TTL
	}
	w, err := c.CreateAs(ctx, cmd.Path, data, how)
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
	case cmd.TTL != nil && cmd.Sequential:
		return client.PersistentSequentialWithTTL
	case cmd.TTL != nil:
		return client.PersistentWithTTL
	case cmd.Mode == client.Container:
		return client.Container
	case cmd.Sequential:
		return client.PersistentSequential
	}
	return client.Persistent
}
