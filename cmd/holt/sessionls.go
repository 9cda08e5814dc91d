package main

import (
	"context"
	"fmt"

	"holt/httpapi/wire"
)

type sessionLsCmd struct {
	clientFlags
}

// Run prints a line for each session, as the pages come.
func (cmd *sessionLsCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	for s, err := range c.Sessions(ctx) {
		if err != nil {
			return err
		}
		if cmd.JSON {
			err = writeJSON(con.out, s)
		} else {
			_, err = fmt.Fprintf(con.out, "%-10s %8s %8s  %s\n", s.Owner, span(&s.TimeoutMs), span(s.ExpiresInMs), stamp(s.Opened))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// span is a length of time in ms for people; "?" where no leader can say.
func span(ms *int64) string {
	if ms == nil {
		return "?"
	}
	return fmt.Sprintf("%.1fs", float64(*ms)/1000)
}

type sessionShowCmd struct {
	clientFlags
	Session string `arg:"" optional:"" env:"HOLT_SESSION" help:"Its public name, such as s17, or its id."`
}

// Run prints the session, its ephemerals and its watches.
func (cmd *sessionShowCmd) Run(ctx context.Context, con *console) error {
	if cmd.Session == "" {
		return usagef("which session? Give its public name or its id, or set HOLT_SESSION")
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.Session(ctx, cmd.Session)
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, s)
	}
	return writeSession(con, s)
}

func writeSession(con *console, s *wire.Session) error {
	type line struct{ name, is string }
	lines := []line{{"owner", s.Owner}, {"timeout", span(&s.TimeoutMs)}, {"expires_in", span(s.ExpiresInMs)}, {"opened", stamp(s.Opened)}}
	for _, p := range s.Ephemerals {
		lines = append(lines, line{"ephemeral", p})
	}
	for _, w := range s.Watches {
		lines = append(lines, line{"watch", w.Mode + " " + w.Path})
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(con.out, "%-16s %s\n", l.name, l.is); err != nil {
			return err
		}
	}
	return nil
}
