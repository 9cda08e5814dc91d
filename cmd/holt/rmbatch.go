package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

const (
	// pruneOps bounds the ops of a transaction of rm --batch, and the children that are read for it.
	pruneOps = 1000
	// pruneTellEvery is how often it says how far it is.
	pruneTellEvery = time.Second
)

// pruned says what rm --batch did, for --json.
type pruned struct {
	Zxid         uint64 `json:"zxid"` // of the last transaction
	Deleted      int64  `json:"deleted"`
	Transactions int64  `json:"transactions"`
}

// pruner deletes a tree in steps. A step is a transaction that deletes several subtrees; where that is too much for one it
// tries half as many, and of a single subtree that is too large first what is below its top.
type pruner struct {
	c    *client.Client
	step int // how many subtrees the next transaction is to delete
	pruned
	tell func(at string) // after each step
}

// prune is rm --recursive --batch.
func (cmd *rmCmd) prune(ctx context.Context, c *client.Client, con *console) error {
	if _, err := c.Stat(ctx, cmd.Path, client.Local); err != nil {
		return err
	}
	p := &pruner{c: c, step: 1}
	told := time.Now()
	p.tell = func(at string) {
		if time.Since(told) >= pruneTellEvery && !cmd.JSON {
			told = time.Now()
			fmt.Fprintln(con.err, oneLine(fmt.Sprintf("holt rm: %d znodes deleted so far, now at %s", p.Deleted, at)))
		}
	}
	err := p.remove(ctx, []string{cmd.Path})
	switch {
	case err != nil && p.Deleted > 0 && !cmd.JSON:
		fmt.Fprintf(con.err, "holt rm: %d znodes were deleted, the rest is left: run it again\n", p.Deleted)
		return err
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, p.pruned)
	}
	return nil
}

// remove deletes subtrees. It ends early when one of them was gone: others may be, too, and there is a newer list.
func (p *pruner) remove(ctx context.Context, paths []string) error {
	for len(paths) > 0 {
		n := min(p.step, len(paths))
		ops := make([]wire.Op, n)
		for i := range ops {
			ops[i] = wire.Op{Op: "delete", Path: paths[i], Recursive: true}
		}
		done, err := p.c.Txn(ctx, ops)
		switch {
		case err == nil:
			p.count(done)
			p.tell(paths[n-1])
			paths, p.step = paths[n:], min(max(p.step, n+n/2+1), pruneOps)
		case errors.Is(err, client.NoNode):
			return nil
		case errors.Is(err, client.TooLarge) && n > 1:
			p.step = n / 2
		case errors.Is(err, client.TooLarge):
			if err := p.below(ctx, paths[0]); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// below deletes all children of a znode, page by page from the first: what was read is deleted, so the next page is there.
func (p *pruner) below(ctx context.Context, path string) error {
	for {
		page, err := p.c.Children(ctx, path, client.ChildrenQuery{Limit: pruneOps})
		switch {
		case errors.Is(err, client.NoNode):
			return nil
		case err != nil:
			return err
		case len(page.Children) == 0:
			return nil
		}
		children := make([]string, len(page.Children))
		for i, child := range page.Children {
			children[i] = strings.TrimSuffix(path, "/") + "/" + child.Name
		}
		if err := p.remove(ctx, children); err != nil {
			return err
		}
	}
}

// count adds a transaction.
func (p *pruner) count(done *client.TxnDone) {
	p.Zxid = done.Zxid
	p.Transactions++
	for _, r := range done.Results {
		if r.Deleted != nil {
			p.Deleted += *r.Deleted
		}
	}
}
