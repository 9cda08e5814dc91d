package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

// Bounds of the closing of a session that a verb opened: when the verb is done or interrupted, and when the session is
// lost already, so that nobody is likely to answer.
const (
	closeWait = 5 * time.Second
	lostWait  = time.Second
)

// sessionFlags are the flags of the verbs that can belong to a session.
type sessionFlags struct {
	Session string `env:"HOLT_SESSION" placeholder:"ID" help:"The session it is done for: nothing is if the session is over, and it is renewed."`
}

// as is the client for the session, if there is one.
func (f *sessionFlags) as(c *client.Client) *client.Client {
	if f.Session == "" {
		return c
	}
	return c.As(client.SessionID(f.Session))
}

type sessionCmd struct {
	Open      sessionOpenCmd      `cmd:"" help:"Open a session and print its id, which is the key to it: who has it is the session."`
	Keepalive sessionKeepaliveCmd `cmd:"" help:"Renew sessions, by id, and print how long they have and when to renew them again."`
	Close     sessionCloseCmd     `cmd:"" help:"End a session by its id; its ephemerals and watches go with it, at once."`
	Kill      sessionKillCmd      `cmd:"" help:"End somebody else's session by its public name."`
	Ls        sessionLsCmd        `cmd:"" help:"List all sessions: public name, timeout, how long each has, since when."`
	Show      sessionShowCmd      `cmd:"" help:"Print what a session has, without renewing it."`
}

type sessionOpenCmd struct {
	clientFlags
	keyFlags
	SessionTimeout time.Duration `placeholder:"TIME" help:"How long it lives without being renewed, such as 10s; the server has limits, and a default of 30s."`
	Keep           bool          `help:"Renew it until interrupted, then close it. Exit code 7 if it is over before that."`
}

// Run opens a session.
func (cmd *sessionOpenCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	writer, err := cmd.keyed(c)
	if err != nil {
		return err
	}
	s, err := openSession(ctx, writer, cmd.SessionTimeout)
	if err != nil {
		return cmd.advise(err)
	}
	if cmd.JSON {
		err = writeJSON(con.out, wire.SessionOpened{ID: string(s.ID), Owner: s.Owner, TimeoutMs: s.Timeout.Milliseconds()})
	} else {
		_, err = fmt.Fprintln(con.out, string(s.ID))
	}
	if err == nil {
		err = con.flush()
	}
	if err == nil && !cmd.Keep {
		s.Leave()
		return nil
	}
	return hold(ctx, s, err)
}

func openSession(ctx context.Context, c *client.Client, timeout time.Duration) (*client.Session, error) {
	if timeout < 0 {
		return nil, usagef("--session-timeout must be more than 0")
	}
	return c.OpenSession(ctx, timeout)
}

// hold keeps a session until ctx ends, unless there was an error already, and closes it. Being interrupted is no error.
func hold(ctx context.Context, s *client.Session, err error) error {
	wait := closeWait
	if err == nil {
		select {
		case <-ctx.Done():
		case <-s.Lost():
			err, wait = s.Err(), lostWait
		}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	if cerr := s.Close(closing); err == nil {
		err = cerr
	}
	return err
}

type sessionKeepaliveCmd struct {
	clientFlags
	IDs []string `arg:"" optional:"" name:"id" env:"HOLT_SESSION" help:"The sessions."`
}

// Run renews the sessions in one request.
func (cmd *sessionKeepaliveCmd) Run(ctx context.Context, con *console) error {
	if len(cmd.IDs) == 0 {
		return usagef("which session? Give its id, or set HOLT_SESSION")
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ids := make([]client.SessionID, len(cmd.IDs))
	for i, id := range cmd.IDs {
		ids[i] = client.SessionID(id)
	}
	all, err := c.Keepalive(ctx, ids...)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Err != nil && err == nil {
			err = r.Err
		}
		if perr := cmd.print(con, r); perr != nil {
			return perr
		}
	}
	return err
}

func (cmd *sessionKeepaliveCmd) print(con *console, r client.Renewal) error {
	switch {
	case cmd.JSON:
		out := wire.KeepaliveResult{ID: string(r.ID)}
		if r.Err == nil {
			out.Kept = &wire.Kept{TimeoutMs: r.Timeout.Milliseconds(), ExpiresInMs: r.ExpiresIn.Milliseconds(), NextKeepaliveMs: r.Next.Milliseconds()}
		} else {
			p := problemOf(r.Err)
			out.Code, out.Reason = p.Code, p.Reason
		}
		return writeJSON(con.out, out)
	case r.Err != nil:
		_, err := fmt.Fprintln(con.out, "over:", problemOf(r.Err).Reason)
		return err
	}
	_, err := fmt.Fprintf(con.out, "expires in %v, renew in %v\n", r.ExpiresIn, r.Next)
	return err
}

type sessionCloseCmd struct {
	clientFlags
	ID string `arg:"" optional:"" env:"HOLT_SESSION" help:"The session."`
}

// Run closes the session. It is quiet.
func (cmd *sessionCloseCmd) Run(ctx context.Context) error {
	switch {
	case cmd.ID == "":
		return usagef("which session? Give its id, or set HOLT_SESSION")
	case isOwner(cmd.ID):
		return usagef("%s is a public name; whoever ends a session that is not its own says kill", cmd.ID)
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.CloseSession(ctx, client.SessionID(cmd.ID))
}

type sessionKillCmd struct {
	clientFlags
	Owner string `arg:"" help:"Its public name, such as s17: the ephemeral_owner of its znodes."`
}

// Run ends the session. It is quiet.
func (cmd *sessionKillCmd) Run(ctx context.Context) error {
	if !isOwner(cmd.Owner) {
		return usagef("this needs the public name of a session, such as s17; with its id, say close")
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.KillSession(ctx, cmd.Owner)
}

// isOwner says whether s looks like a public name.
func isOwner(s string) bool {
	digits, ok := strings.CutPrefix(s, "s")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
