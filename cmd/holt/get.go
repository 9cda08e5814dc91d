package main

import (
	"context"
	"encoding/base64"
	"unicode/utf8"

	"holt/httpapi/wire"
)

type getCmd struct {
	clientFlags
	readFlags
	sessionFlags
	Path string `arg:"" help:"The znode, such as /app/config."`
}

// Run prints the data.
func (cmd *getCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	z, err := cmd.as(c).Get(ctx, cmd.Path, cmd.Consistency)
	if err != nil {
		return err
	}
	if !cmd.JSON {
		_, err = con.out.Write(z.Data)
		return err
	}
	out := wire.Znode{Path: z.Path, Data: string(z.Data), Encoding: wire.UTF8, Stat: z.Stat}
	if !utf8.Valid(z.Data) {
		out.Data, out.Encoding = base64.StdEncoding.EncodeToString(z.Data), wire.Base64
	}
	return writeJSON(con.out, out)
}
