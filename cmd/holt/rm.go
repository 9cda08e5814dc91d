package main

import (
	"context"
	"errors"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type rmCmd struct {
	clientFlags
	sessionFlags
	keyFlags
	Path      string `arg:"" help:"The znode."`
	Version   *int64 `xor:"when" placeholder:"N" help:"Only if it has this version."`
	Tag       string `xor:"when" placeholder:"T" help:"Only if it has this tag, as stat prints it."`
	Recursive bool   `short:"r" help:"With all that is below it, in one transaction, which the servers bound (10,000 znodes)."`
	Batch     bool   `help:"With --recursive: in as many transactions as it takes, the deepest first."`
}

// Help is the end of the help text.
func (cmd *rmCmd) Help() string {
	return `--recursive deletes all or nothing. --recursive --batch is not atomic: others see the tree shrink, and may change it; what
they make meanwhile goes, too. It ends when the znode is gone, and can be interrupted and begun again at any time. How far
it is, is said on standard error every second.`
}

// Run deletes the znode. It is quiet: the zxid is in --json.
func (cmd *rmCmd) Run(ctx context.Context, con *console) error {
	only, err := cmd.check()
	if err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if cmd.Batch {
		return cmd.prune(ctx, cmd.as(c), con)
	}
	writer, err := cmd.keyed(cmd.as(c))
	if err != nil {
		return err
	}
	var zxid uint64
	if cmd.Recursive {
		zxid, err = writer.DeleteTree(ctx, cmd.Path, only)
	} else {
		zxid, err = writer.Delete(ctx, cmd.Path, only)
	}
	switch {
	case cmd.Recursive && errors.Is(err, client.TooLarge):
		return advised{err, "delete it in steps with --recursive --batch, which is not atomic", ""}
	case err != nil:
		return cmd.advise(err)
	case cmd.JSON:
		return writeJSON(con.out, wire.Sync{Zxid: zxid})
	}
	return nil
}

func (cmd *rmCmd) check() (only client.Precondition, err error) {
	if err := checkPath(cmd.Path); err != nil {
		return only, err
	}
	switch {
	case cmd.Batch && !cmd.Recursive:
		return only, usagef("--batch is for --recursive")
	case cmd.Batch && cmd.IdempotencyKey != nil:
		return only, usagef("--batch is many writes, --idempotency-key is for one")
	case cmd.Batch && (cmd.Version != nil || cmd.Tag != ""):
		return only, usagef("--batch is not atomic, so that no --version or --tag can hold for all of it")
	}
	return versionOrTag(cmd.Version, cmd.Tag)
}
