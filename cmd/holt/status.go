package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"holt/httpapi/wire"
)

// farBehind is the lag, in transactions, that is worth saying: a moment of a busy cluster is not.
const farBehind = 1000

type statusCmd struct{ clientFlags }

// Run prints how all members are. What is wrong is the error.
func (cmd *statusCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	report, err := c.ClusterReport(ctx)
	if err != nil {
		return err
	}
	if cmd.JSON {
		err = writeJSON(con.out, report)
	} else {
		err = writeStatus(con.out, report, time.Now())
	}
	if wrong := faults(report); err == nil && wrong != nil {
		err = errors.New(strings.Join(wrong, "; "))
	}
	return err
}

// writeStatus prints the table; now is for how long ago things were.
func writeStatus(w io.Writer, r *wire.ClusterReport, now time.Time) error {
	voters, there := 0, 0
	for _, m := range r.Members {
		if m.Voter {
			voters++
			if m.Reachable {
				there++
			}
		}
	}
	fmt.Fprintf(w, "leader %s, term %d, zxid %d; %d of %d voters answer, %d are a majority; as member %s knows it\n",
		or(r.Leader, "none"), r.Term, r.Zxid, there, voters, voters/2+1, r.Name)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MEMBER\tROLE\tSTATE\tZXID\tLAG\tZNODES\tSESSIONS\tSTREAMS\tDISK FREE\tLAST SNAPSHOT\tVERSION\tUP")
	for _, m := range r.Members {
		if !m.Reachable {
			fmt.Fprintf(t, "%s\t%s\t%s\t-\t-\t-\t-\t-\t-\t-\t-\t-\n", m.ID, roleOf(m.Member), stateOf(&m))
			continue
		}
		snapshot := "none"
		if m.SnapshotTime > 0 {
			snapshot = age(now.Sub(time.UnixMilli(m.SnapshotTime))) + " ago"
		}
		free := "-"
		if m.DiskFreeBytes > 0 {
			free = size(m.DiskFreeBytes)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", m.ID, roleOf(m.Member), stateOf(&m), m.Zxid, m.Lag, m.Znodes,
			m.Sessions, m.Streams, free, snapshot, or(m.Version, "-"), age(time.Duration(m.UptimeMs)*time.Millisecond))
	}
	return t.Flush()
}

func stateOf(m *wire.MemberReport) string {
	switch {
	case !m.Reachable:
		return "no answer"
	case !m.Ready:
		return "not ready"
	case m.DiskFull:
		return "disk full"
	}
	return "ready"
}

// faults are sentences for all that is wrong; nil if all is well.
func faults(r *wire.ClusterReport) (wrong []string) {
	if r.Leader == "" {
		wrong = append(wrong, "there is no leader")
	}
	for i := range r.Members {
		m := &r.Members[i]
		switch {
		case !m.Reachable:
			wrong = append(wrong, fmt.Sprintf("member %s does not answer", m.ID))
		case !m.Ready:
			wrong = append(wrong, fmt.Sprintf("member %s is not ready", m.ID))
		case m.Lag > farBehind:
			wrong = append(wrong, fmt.Sprintf("member %s is %d transactions behind", m.ID, m.Lag))
		}
		if m.DiskFull {
			wrong = append(wrong, fmt.Sprintf("the disk of member %s is nearly full, %s are left", m.ID, size(m.DiskFreeBytes)))
		}
	}
	return wrong
}

// age is a time in its largest unit, with the next one: people do not count seconds of days.
func age(d time.Duration) string {
	switch s := int64(max(d, 0) / time.Second); {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
	}
}

// size is a number of bytes for people.
func size(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}
