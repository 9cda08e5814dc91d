package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type pipelineCmd struct {
	clientFlags
	sessionFlags
	IdempotencyKey *string `placeholder:"KEY" help:"A name for all the lines, such as the one that a message about an unknown outcome gives: the same lines sent again under it within 10 minutes are done once. (By default a random one, for the repetitions of this command.)"`
	Keyless        bool    `help:"Without keys: cheaper, but lines are sent once, and an answer that is lost leaves the outcome unknown."`
}

// Help is the end of the help text.
func (cmd *pipelineCmd) Help() string {
	return `Each line of standard input is an op as in txn, or {"txn":[ops]} for several that are done together or not at all, and may have
an "id" that comes back:

  {"id":1,"op":"create","path":"/jobs/j-","mode":"persistent_sequential","data":"hello"}

They are done strictly in the order sent, each a transaction of its own, many at a time, and answered in the same order,
a line each: {"line":1,"id":1,"zxid":43,"code":"ok","result":{…}}, or "code" and "detail" of a line that was refused, after
which the others go on. Answers are printed as they come; "line" counts from 1, without empty lines. Where the connection
breaks the command goes on with any member, from the first line without an answer, and nothing is done twice.

--timeout is how long to wait for the next answer. If lines were refused, the exit code is that of the first of them; every
line was sent, and answered, all the same. If it ends before that, the exit code says why: what was answered was printed.`
}

// Run sends standard input and prints the answers.
func (cmd *pipelineCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	writer, err := cmd.client(c)
	if err != nil {
		return err
	}
	p := writer.Pipeline(ctx)
	defer p.Close()
	reading := make(chan error, 1)
	go func() { // which is left behind where the pipeline fails before the input ends: nothing can end its Read
		reading <- sendLines(p, con.in)
	}()
	refused, err := printAnswers(p, con)
	if err != nil {
		return cmd.advise(err)
	}
	return errors.Join(<-reading, refused.error())
}

// client is the one that the flags ask for.
func (cmd *pipelineCmd) client(c *client.Client) (*client.Client, error) {
	switch c = cmd.as(c); {
	case cmd.Keyless && cmd.IdempotencyKey != nil:
		return nil, usagef("--keyless and --idempotency-key cannot be used together")
	case cmd.Keyless:
		return c.Keyless(), nil
	}
	if cmd.IdempotencyKey == nil {
		key := rand.Text() // which can be told, where an outcome stays unknown
		cmd.IdempotencyKey = &key
	}
	flag := keyFlags{cmd.IdempotencyKey}
	return flag.keyed(c)
}

// advise adds to an unknown outcome what to do.
func (cmd *pipelineCmd) advise(err error) error {
	if cmd.Keyless || !errors.Is(err, client.OutcomeUnknown) {
		return err
	}
	return advised{err, "run the same again with the same lines and --idempotency-key " + *cmd.IdempotencyKey +
		": those that were done are not done again", *cmd.IdempotencyKey}
}

// maxLine bounds a line of the input, in bytes. Servers take as much.
const maxLine = 16 << 20

// sendLines sends the lines of in, but for the empty ones.
func sendLines(p *client.Pipeline, in io.Reader) error {
	defer p.CloseSend()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for number := 1; lines.Scan(); number++ {
		if isBlank(lines.Bytes()) {
			continue
		}
		if err := p.SendText(lines.Bytes()); err != nil {
			return nil // the answers say why
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading standard input, of which all lines before were sent: %w", err)
	}
	return nil
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// refusals are the answers that were not ok.
type refusals struct {
	lines, refused int
	first          wire.PipelineResult
}

// error is what they come to, nil if there were none.
func (r *refusals) error() error {
	if r.refused == 0 {
		return nil
	}
	f := &r.first
	return &client.Error{Op: "POST /v1/pipeline", Problem: wire.Problem{
		Code: f.Code, Status: f.Status, Path: f.Path, Zxid: f.Zxid, Retryable: f.Retryable, Limit: f.Limit, Size: f.Size, Reason: f.Reason,
		CurrentVersion: f.CurrentVersion,
		Detail:         fmt.Sprintf("%d of %d lines refused, the first is line %d: %s", r.refused, r.lines, f.Line, f.Detail),
	}}
}

// printAnswers prints the answers as they come, and gives those that were refused.
func printAnswers(p *client.Pipeline, con *console) (refusals, error) {
	var r refusals
	for {
		answer, err := p.Receive()
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		r.lines++
		if answer.Code != "ok" {
			if r.refused++; r.refused == 1 {
				if r.first, err = answer.Decode(); err != nil {
					return r, err
				}
			}
		}
		if _, err := con.out.Write(append(answer.Text, '\n')); err != nil {
			return r, fmt.Errorf("writing the answers: %w", err)
		}
		if p.Ready() == 0 {
			if err := con.flush(); err != nil {
				return r, err
			}
		}
	}
}
