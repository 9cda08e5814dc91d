package main

import (
	"context"
	"fmt"
	"io"
	"time"

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
	z, err := c.GetJSON(ctx, cmd.Path, cmd.Consistency) // with the data, since headers do not tell the mode
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, wire.About{Path: z.Path, Stat: z.Stat, Mode: z.Mode, TTLMs: z.TTLMs})
	}
	return writeStat(con.out, z)
}

func writeStat(w io.Writer, z *wire.Znode) error {
	s, ttl := z.Stat, "none"
	if z.TTLMs > 0 {
		ttl = (time.Duration(z.TTLMs) * time.Millisecond).String()
	}
	for _, line := range []struct {
		name string
		is   any
	}{
		{"path", z.Path}, {"mode", z.Mode}, {"ttl", ttl}, {"tag", s.Tag()}, {"version", s.Version}, {"cversion", s.Cversion}, {"aversion", s.Aversion},
		{"czxid", s.Czxid}, {"mzxid", s.Mzxid}, {"pzxid", s.Pzxid}, {"ctime", stamp(s.Ctime)}, {"mtime", stamp(s.Mtime)},
		{"ephemeral_owner", s.EphemeralOwner}, {"data_length", s.DataLength}, {"num_children", s.NumChildren},
	} {
		if _, err := fmt.Fprintf(w, "%-16s %v\n", line.name, line.is); err != nil {
			return err
		}
	}
	return nil
}
