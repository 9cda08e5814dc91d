package main

import (
	"context"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type setCmd struct {
	clientFlags
	Path     string `arg:"" help:"The znode."`
	Data     string `arg:"" help:"The data: the argument itself, - for standard input, @file for a file, @@x for @x."`
	Version  *int64 `xor:"when" placeholder:"N" help:"Only if the znode exists with this version."`
	Tag      string `xor:"when" placeholder:"T" help:"Only if the znode has this tag, as stat prints it: a znode deleted and made again has another."`
	Create   bool   `xor:"when" help:"Only if the znode does not exist."`
	Existing bool   `xor:"when" help:"Only if the znode exists."`
}

// Run writes the data. It is quiet: the version that was made is in --json.
func (cmd *setCmd) Run(ctx context.Context, con *console) error {
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
	w, err := c.Put(ctx, cmd.Path, data, cmd.precondition())
	if err != nil || !cmd.JSON {
		return err
	}
	return writeJSON(con.out, wire.Written{Path: w.Path, Stat: w.Stat})
}

func (cmd *setCmd) precondition() client.Precondition {
	switch {
	case cmd.Create:
		return client.CreateOnly()
	case cmd.Existing:
		return client.Exists()
	}
	return versionOrTag(cmd.Version, cmd.Tag)
}

// versionOrTag is the precondition of --version and --tag.
func versionOrTag(version *int64, tag string) client.Precondition {
	switch {
	case version != nil:
		return client.Version(*version)
	case tag != "":
		return client.Tag(tag)
	}
	return client.Any()
}
