package main

import (
	"context"
	"fmt"
	"io"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type statCmd struct {
	clientFlags
	readFlags
	Path string `arg:"" help:"The znode."`
}

// Run prints the stat, aligned.
func (cmd *statCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	z, err := c.Stat(ctx, cmd.Path, cmd.Consistency)
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, wire.Written{Path: z.Path, Stat: z.Stat})
	}
	return writeStat(con.out, z)
}

func writeStat(w io.Writer, z *client.Znode) error {
	s := z.Stat
	for _, line := range []struct {
		name string
		is   any
	}{
		{"path", z.Path}, {"tag", z.Tag}, {"version", s.Version}, {"cversion", s.Cversion}, {"aversion", s.Aversion},
		{"czxid", s.Czxid}, {"mzxid", s.Mzxid}, {"pzxid", s.Pzxid}, {"ctime", stamp(s.Ctime)}, {"mtime", stamp(s.Mtime)},
		{"ephemeral_owner", s.EphemeralOwner}, {"data_length", s.DataLength}, {"num_children", s.NumChildren},
	} {
		if _, err := fmt.Fprintf(w, "%-16s %v\n", line.name, line.is); err != nil {
			return err
		}
	}
	return nil
}
