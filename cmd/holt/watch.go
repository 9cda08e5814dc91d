package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"holt/httpapi/client"
)

type watchCmd struct {
	clientFlags
	Paths     []string `arg:"" name:"path" help:"The znodes; they need not exist."`
	Recursive bool     `help:"All that is below them, too."`
	Events    string   `enum:"all,data,children" default:"all" help:"Which to tell: all (default), data (created, deleted, data changed), children (children changed; never with --recursive)."`
	Data      bool     `help:"With the data, as a quoted string."`
	Initial   bool     `help:"The present state first: a line with the word State for each znode."`
	Since     *uint64  `placeholder:"ZXID" help:"All that happened after this zxid, as far as the servers remember."`
	Once      bool     `help:"End after the first change, or a reset."`
	Exec      string   `placeholder:"CMD" help:"Run CMD at each change instead of printing it."`
}

// Help is the end of the help text.
func (cmd *watchCmd) Help() string {
	return `A line for each change: its zxid, what happened, the path, and of a znode that went with its session why. The watch
resumes by itself, on any member, without gap or repetition; where something may be missing it says so by the word
reset: read again. --json prints each message as it was sent, and which it is where it is no change ("event": open,
bookmark, state, reset). To go on later, pass the zxid of the last message to --since.

CMD is run by /bin/sh -c, one at a time, with HOLT_EVENT (such as NodeDataChanged), HOLT_PATH and HOLT_ZXID of the change
in its environment, and with --data HOLT_DATA, unless that is not known any more, has NUL bytes, or is longer than 64 KiB. Changes
that come while it runs are one further run, for the last of them. With --initial it is run once for the present state
(HOLT_EVENT is open); for a reset HOLT_EVENT is reset. If it fails that is said, and with --once it is exit code 1;
otherwise the watch goes on.

An interrupt ends the watch with exit code 0, or 1 if --once is still unfulfilled. --timeout is for the beginning only:
a watch that was open goes on trying until it is interrupted.`
}

// Run tells changes until it is interrupted.
func (cmd *watchCmd) Run(ctx context.Context, con *console) error {
	for _, p := range cmd.Paths {
		if err := checkPath(p); err != nil {
			return err
		}
	}
	if cmd.Recursive && cmd.Events == "children" {
		return usagef("--recursive tells of children by their own creation and deletion; --events children is for single znodes")
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if cmd.Exec == "" {
		err = cmd.follow(ctx, c, con, func(m client.Message) error { return errors.Join(cmd.print(con, m), con.flush()) })
	} else {
		err = cmd.followWith(ctx, c, con)
	}
	if errors.Is(err, context.Canceled) && !cmd.Once {
		return nil
	}
	return err
}

// follow hands each message on.
func (cmd *watchCmd) follow(ctx context.Context, c *client.Client, con *console, tell func(client.Message) error) error {
	want := client.WatchOptions{Paths: cmd.Paths, Recursive: cmd.Recursive, Data: cmd.Data, Initial: cmd.Initial,
		Since: cmd.Since, Once: cmd.Once}
	if cmd.Events != "all" {
		want.Only = cmd.Events
	}
	for m, err := range c.Watch(ctx, want) {
		if err == nil {
			err = tell(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// print prints a message, for people only what they would call an event.
func (cmd *watchCmd) print(con *console, m client.Message) error {
	if cmd.JSON {
		return printMessage(con, m)
	}
	var b bytes.Buffer
	switch m.Kind {
	case client.State:
		fmt.Fprintf(&b, "%d State %s%s\n", m.Znode.Stat.Mzxid, m.Znode.Path, cmd.dataOf(m.Data))
	case client.Reset:
		fmt.Fprintf(&b, "%d reset %s\n", m.Zxid, oneLine(m.Reason))
	}
	for _, e := range m.Events {
		fmt.Fprintf(&b, "%d %s %s", m.Zxid, e.Type, e.Path)
		if e.Cause != "" {
			b.WriteString(" " + e.Cause)
		}
		b.WriteString(cmd.dataOf(e.Data) + "\n")
	}
	_, err := con.out.Write(b.Bytes())
	return err
}

// dataOf is data at the end of a line, quoted, so that it is one.
func (cmd *watchCmd) dataOf(data []byte) string {
	if data == nil {
		return ""
	}
	return fmt.Sprintf(" %q", data)
}

// printMessage prints a message as it was sent, on a line, with its name as the first field where it has one.
func printMessage(con *console, m client.Message) error {
	var b bytes.Buffer
	if err := json.Compact(&b, m.JSON); err != nil {
		return err
	}
	line := b.Bytes()
	if m.Kind != client.Changed {
		line = append([]byte(fmt.Sprintf(`{"event":%q,`, string(m.Kind))), line[1:]...)
	}
	_, err := con.out.Write(append(line, '\n'))
	return err
}
