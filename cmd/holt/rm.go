package main

import (
	"context"

	"holt/httpapi/wire"
)

type rmCmd struct {
	clientFlags
	sessionFlags
	Path    string `arg:"" help:"The znode."`
	Version *int64 `xor:"when" placeholder:"N" help:"Only if it has this version."`
	Tag     string `xor:"when" placeholder:"T" help:"Only if it has this tag, as stat prints it."`
}

// Run deletes the znode. It is quiet: the zxid is in --json.
func (cmd *rmCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	only, err := versionOrTag(cmd.Version, cmd.Tag)
	if err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	zxid, err := cmd.as(c).Delete(ctx, cmd.Path, only)
	if err != nil || !cmd.JSON {
		return err
	}
	return writeJSON(con.out, wire.Sync{Zxid: zxid})
}
