package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

const (
	// voteWait bounds how long add --wait waits: a new member may have a large state to fetch.
	voteWait = 10 * time.Minute
	// voteEvery is the pause between two looks.
	voteEvery = 500 * time.Millisecond
)

type clusterCmd struct {
	Status   clusterStatusCmd   `cmd:"" default:"withargs" help:"List the members, as one of them knows them."`
	Add      clusterAddCmd      `cmd:"" help:"Make a server a member, or tell a new address of one. Members started with HOLT_JOIN do that themselves."`
	Remove   clusterRemoveCmd   `cmd:"" help:"Take a member out, running or dead. Stop it afterwards; it does not come back by itself."`
	Promote  clusterPromoteCmd  `cmd:"" help:"Let an observer vote, once it has caught up."`
	Demote   clusterDemoteCmd   `cmd:"" help:"Make a voter an observer, which serves and never votes."`
	Transfer clusterTransferCmd `cmd:"" help:"Let another member lead: the one named, or the one that is most up to date."`
}

type clusterStatusCmd struct{ clientFlags }

// Run prints a table of the members.
func (cmd *clusterStatusCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	cl, err := c.Cluster(ctx)
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, cl)
	}
	return writeCluster(con.out, cl)
}

func writeCluster(w io.Writer, cl *wire.Cluster) error {
	fmt.Fprintf(w, "leader %s, term %d, zxid %d, as member %s knows it\n", or(cl.Leader, "none"), cl.Term, cl.Zxid, cl.Name)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MEMBER\tROLE\tURL\tRAFT ADDRESS")
	for _, m := range cl.Members {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.ID, roleOf(m), or(m.URL, "-"), m.RaftAddr)
	}
	return t.Flush()
}

func roleOf(m wire.Member) string {
	switch {
	case m.Leader:
		return "leader"
	case m.Voter:
		return "follower"
	case m.Observer:
		return "observer"
	}
	return "joining"
}

type clusterAddCmd struct {
	clientFlags
	Name     string `arg:"" help:"Its name (HOLT_NAME), for ever."`
	RaftAddr string `arg:"" name:"raft-addr" help:"Where the other members reach it, host:port (HOLT_RAFT_ADVERTISE)."`
	URL      string `arg:"" name:"url" help:"Where clients reach it (HOLT_URL)."`
	Observer bool   `help:"It never votes: it serves reads and streams and passes on writes."`
	Wait     bool   `help:"Return once it has caught up and, unless it is an observer, votes; ten minutes at most."`
}

// Run adds the member.
func (cmd *clusterAddCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	voter := !cmd.Observer
	cl, err := c.AddMember(ctx, wire.NewMember{ID: cmd.Name, RaftAddr: cmd.RaftAddr, URL: cmd.URL, Voter: &voter})
	if err == nil && cmd.Wait {
		if err = awaitMember(ctx, c, cmd.Name, voter); err == nil {
			cl, err = c.Cluster(ctx)
		}
	}
	return cmd.tell(con, cl, err, cmd.Name)
}

// tell says what a member is after a change.
func (f *clientFlags) tell(con *console, cl *wire.Cluster, err error, name string) error {
	switch {
	case err != nil:
		return err
	case f.JSON:
		return writeJSON(con.out, cl)
	}
	is := "is a member"
	for _, m := range cl.Members {
		switch {
		case m.ID != name:
		case m.Voter:
			is = "is a member and votes"
		case m.Observer:
			is = "is an observer"
		default:
			is = "is a member, and votes once it has caught up"
		}
	}
	_, err = fmt.Fprintf(con.out, "%s %s\n", name, is)
	return err
}

// awaitMember waits until a member has caught up and, if it is to be a voter, votes.
func awaitMember(ctx context.Context, c *client.Client, name string, voter bool) error {
	ctx, cancel := context.WithTimeout(ctx, voteWait)
	defer cancel()
	look := time.NewTicker(voteEvery)
	defer look.Stop()
	for {
		report, err := c.ClusterReport(ctx)
		if err == nil {
			for _, m := range report.Members {
				if m.ID == name && m.Reachable && m.Ready && m.Voter == voter {
					return nil
				}
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is a member, but was not seen to have caught up: holt status tells how it is: %w", name, ctx.Err())
		}
	}
}

type clusterRemoveCmd struct {
	clientFlags
	Name string `arg:"" help:"The member to take out."`
}

// Run removes the member.
func (cmd *clusterRemoveCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.RemoveMember(ctx, cmd.Name); err != nil {
		return err
	}
	if !cmd.JSON {
		_, err := fmt.Fprintf(con.out, "%s is no longer a member: stop it; its data folder is of no more use\n", cmd.Name)
		return err
	}
	cl, err := c.Cluster(ctx)
	if err != nil {
		return err
	}
	return writeJSON(con.out, cl)
}

type clusterPromoteCmd struct {
	clientFlags
	Name string `arg:"" help:"The member that is to vote."`
}

// Run has the member vote.
func (cmd *clusterPromoteCmd) Run(ctx context.Context, con *console) error {
	return cmd.setVoter(ctx, con, cmd.Name, true)
}

type clusterDemoteCmd struct {
	clientFlags
	Name string `arg:"" help:"The member that is not to vote any more."`
}

// Run takes the member's vote.
func (cmd *clusterDemoteCmd) Run(ctx context.Context, con *console) error {
	return cmd.setVoter(ctx, con, cmd.Name, false)
}

// setVoter changes the kind of a member and nothing else about it.
func (f *clientFlags) setVoter(ctx context.Context, con *console, name string, voter bool) error {
	c, err := f.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	cl, err := c.Cluster(ctx)
	if err != nil {
		return err
	}
	for _, m := range cl.Members {
		if m.ID == name {
			cl, err = c.AddMember(ctx, wire.NewMember{ID: name, RaftAddr: m.RaftAddr, URL: m.URL, Voter: &voter})
			return f.tell(con, cl, err, name)
		}
	}
	none := &client.Error{Op: "GET /v1/cluster"}
	none.Problem = wire.Problem{Code: wire.NoMember, Title: "There is no such member", Detail: fmt.Sprintf("there is no member %q", name)}
	return none
}

type clusterTransferCmd struct {
	clientFlags
	Name string `arg:"" optional:"" help:"The voter that is to lead."`
}

// Run hands the leadership over.
func (cmd *clusterTransferCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	cl, err := c.Transfer(ctx, cmd.Name)
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, cl)
	}
	_, err = fmt.Fprintf(con.out, "%s leads\n", or(cl.Leader, or(cmd.Name, "another member")))
	return err
}
