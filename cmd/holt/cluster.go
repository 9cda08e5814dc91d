package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"holt/httpapi/wire"
)

type clusterCmd struct{ clientFlags }

// Run prints a table of the members.
func (cmd *clusterCmd) Run(ctx context.Context, con *console) error {
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
	leader := cl.Leader
	if leader == "" {
		leader = "none"
	}
	fmt.Fprintf(w, "leader %s, term %d, zxid %d, as member %s knows it\n", leader, cl.Term, cl.Zxid, cl.Name)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MEMBER\tROLE\tURL\tRAFT ADDRESS")
	for _, m := range cl.Members {
		url := m.URL
		if url == "" {
			url = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.ID, roleOf(m), url, m.RaftAddr)
	}
	return t.Flush()
}

func roleOf(m wire.Member) string {
	switch {
	case m.Leader:
		return "leader"
	case m.Voter:
		return "follower"
	}
	return "non-voter"
}
