package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type txnCmd struct {
	clientFlags
	sessionFlags
	keyFlags
	Ops     string `arg:"" default:"-" help:"The ops, JSON: the argument itself, - for standard input (by default), @file for a file."`
	Keyless bool   `help:"Without a key: what the ops read beside others that write may be 4 MiB then, not 64 KiB, but an answer that is lost leaves the outcome unknown."`
}

// Help is the end of the help text.
func (cmd *txnCmd) Help() string {
	return `The ops are a list, or {"ops": the list}, and are carried out in its order, all or none. Each is one of

  {"op":"create","path":P}         data encoding mode ttl_ms parents
  {"op":"set","path":P,"data":D}   encoding version czxid
  {"op":"delete","path":P}         version czxid recursive
  {"op":"check","path":P}          version czxid, or absent
  {"op":"check_session"}           owner
  {"op":"get","path":P}            and children, exists: they see what the ops before them did

with the fields that it may have beside it; "encoding":"base64" is for data that is no text. A line for each op says what
came of it, --json prints the answer as it was sent. If one is refused nothing is done, and the exit code is that op's;
ops are counted from 0.`
}

// Run carries the ops out and prints what came of each.
func (cmd *txnCmd) Run(ctx context.Context, con *console) error {
	text, err := dataOf(cmd.Ops, con)
	if err != nil {
		return err
	}
	ops, err := parseOps(text)
	if err != nil {
		return usageError{fmt.Errorf("the ops are not the JSON that belongs here: %w", err)}
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	writer, err := cmd.client(c)
	if err != nil {
		return err
	}
	done, err := writer.Txn(ctx, ops)
	switch {
	case err != nil:
		return cmd.refused(err, ops)
	case cmd.JSON:
		_, err = con.out.Write(done.JSON)
		return err
	}
	for _, r := range done.Results {
		if err := printResult(con.out, r); err != nil {
			return err
		}
	}
	return nil
}

// refused adds to an error what to do.
func (cmd *txnCmd) refused(err error, ops []wire.Op) error {
	var failed *client.Error
	if errors.As(err, &failed) && failed.Code() == client.TooLarge && failed.Problem.Failed != nil {
		switch op := ops[*failed.Problem.Failed]; {
		case op.Op == "delete":
			return advised{err, "delete it in steps with rm --recursive --batch, which is not atomic", ""}
		case op.Data == nil && !cmd.Keyless:
			return advised{err, "read less at once, or with --keyless", ""}
		}
	}
	return cmd.advise(err)
}

// client is the one that the flags ask for.
func (cmd *txnCmd) client(c *client.Client) (*client.Client, error) {
	if cmd.Keyless && cmd.IdempotencyKey != nil {
		return nil, usagef("--keyless and --idempotency-key cannot be used together")
	}
	if c = cmd.as(c); cmd.Keyless {
		return c.Keyless(), nil
	}
	return cmd.keyed(c)
}

// parseOps reads a list of ops, or an object with one, as strictly as the server: what is dropped here it could not refuse.
func parseOps(text []byte) ([]wire.Op, error) {
	var txn wire.Txn
	var into any = &txn
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		into = &txn.Ops
	}
	if err := wire.Decode(string(text), into); err != nil {
		return nil, err
	}
	return txn.Ops, nil
}

// printResult prints what came of an op, on a line: names and data quoted.
func printResult(w io.Writer, r wire.TxnResult) error {
	var b bytes.Buffer
	b.WriteString(r.Op)
	if r.Path != "" {
		b.WriteString(" " + r.Path)
	}
	switch {
	case r.Data != nil:
		data, err := client.Decode(*r.Data, r.Encoding)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, " %q", data)
	case r.Children != nil:
		for _, name := range *r.Children {
			fmt.Fprintf(&b, " %q", name)
		}
	case r.Exists != nil:
		fmt.Fprintf(&b, " %t", *r.Exists)
	case r.Deleted != nil:
		fmt.Fprintf(&b, " %d", *r.Deleted)
	case r.Owner != nil:
		b.WriteString(" " + *r.Owner)
	case r.Stat != nil:
		fmt.Fprintf(&b, " version %d", r.Stat.Version)
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}
