package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/guard"
)

// recoverCmd is holt recover.
type recoverCmd struct {
	DataDir string `env:"HOLT_DATA_DIR" default:"./holt-data" placeholder:"DIR" help:"The data folder of the member that is left; it must not run (default ${default})."`
	Yes     bool   `help:"Do it. Without this, nothing is changed and only what would be done is told."`
	JSON    bool   `name:"json" help:"Print JSON, errors too (as problems, on standard error)."`
}

// Help is behind the flags in --help.
func (recoverCmd) Help() string {
	return "For a cluster that lost the majority of its voters for good: their disks are gone. The member of this folder becomes the only " +
		"one of a new cluster, with all it holds, and the others join it with empty folders. Whatever was acknowledged and had not " +
		"reached this member is lost, and a write that was refused or had no answer may turn out to have been done.\n\n" +
		"As long as the majority can still be started, start it instead: nothing is lost then. Of several members that are left, take " +
		"the one with the highest last term, and of those the one with the highest last index; without --yes this command " +
		"tells both. Copy the folder first.\n\n" +
		"Afterwards: (1) start the member with the variables it had, without HOLT_JOIN; HOLT_CLUSTER counts no more. (2) Delete the data folders of all other " +
		"members. With such a folder a member belongs to the old cluster: the new one refuses it, but enough of them together would go on " +
		"as the old one. (3) Start each of them with an empty folder and HOLT_JOIN. (4) Clients need do nothing: streams are told to " +
		"read again (reset), sessions go on if this member knew of them. Locks and " +
		"versions handed out in what was lost are void, though their holders do not know.\n\n" +
		"A recovery that was interrupted is finished by running it again; until then the member does not start."
}

// recoveryReport is what holt recover --json prints.
type recoveryReport struct {
	Done     bool     `json:"done"`
	Member   string   `json:"member"`
	RaftAddr string   `json:"raft_addr"`
	URL      string   `json:"url"`
	Voter    bool     `json:"voter"` // in the old cluster
	Others   []string `json:"others"`
	Cluster  string   `json:"cluster_id"`
	// NewCluster is "" until it is done: each recovery draws one.
	NewCluster string `json:"new_cluster_id,omitempty"`
	LastIndex  uint64 `json:"last_index"`
	LastTerm   uint64 `json:"last_term"`
	Zxid       uint64 `json:"zxid"`
	NewZxid    uint64 `json:"new_zxid"` // as of now: the later, the higher
	Time       int64  `json:"time"`
	Znodes     int    `json:"znodes"`
	Sessions   int    `json:"sessions"`
	Resumed    bool   `json:"resumed"`
}

// Run tells what a recovery comes to, and does it if it may.
func (cmd *recoverCmd) Run(con *console) error {
	cmd.DataDir = or(cmd.DataDir, serveDefaults().DataDir) // an empty variable counts as unset
	lived, err := raftfsm.Lived(cmd.DataDir)
	if err != nil {
		return err
	}
	if !lived {
		return usagef("--data-dir %s is not the data folder of a member", cmd.DataDir)
	}
	if err := checkInChild(cmd.DataDir); err != nil {
		return unrecoverable(err)
	}
	r, err := raftfsm.OpenRecovery(raftfsm.RecoverConfig{Dir: cmd.DataDir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return unrecoverable(err)
	}
	if cmd.Yes {
		if err = r.Run(); err != nil {
			err = fmt.Errorf("%w; the recovery is not finished: run it again", err)
		}
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if cmd.JSON {
		return writeJSON(con.out, cmd.report(r.Plan()))
	}
	return cmd.tell(con.out, r.Plan())
}

// unrecoverable says of a damaged folder what is left to do; to replace the member by the others, as is else advised, cannot be.
func unrecoverable(err error) error {
	var refused *guard.StoreError
	if !errors.As(err, &refused) || refused.Reason == guard.ReasonLocked {
		return err
	}
	refused.Advice = "recover another member that is left, or load a snapshot (holt snapshot restore) into a new cluster"
	return err
}

func (cmd *recoverCmd) report(p raftfsm.RecoveryPlan) recoveryReport {
	out := recoveryReport{
		Done: cmd.Yes, Member: p.Self.Name, RaftAddr: p.Self.RaftAddr, URL: p.Self.URL, Voter: p.Voter, Others: others(p), Cluster: p.Cluster,
		LastIndex: p.LastIndex, LastTerm: p.LastTerm, Zxid: uint64(p.Zxid), NewZxid: uint64(p.Lifted), Time: p.Time, Znodes: p.Znodes,
		Sessions: p.Sessions, Resumed: p.Resumed,
	}
	if cmd.Yes {
		out.NewCluster = p.Renamed
	}
	return out
}

// others are the names of the old cluster's other members.
func others(p raftfsm.RecoveryPlan) []string {
	names := []string{}
	for _, m := range p.Members {
		if m.Name != p.Self.Name {
			names = append(names, m.Name)
		}
	}
	return names
}

func (cmd *recoverCmd) tell(w io.Writer, p raftfsm.RecoveryPlan) error {
	last := "never"
	if p.Time > 0 {
		last = fmt.Sprintf("%s (%s ago)", stamp(p.Time), time.Since(time.UnixMilli(p.Time)).Round(time.Second))
	}
	others := strings.Join(others(p), ", ")
	var b strings.Builder
	fmt.Fprintf(&b, "member          %s (raft %s, %s)\n", p.Self.Name, p.Self.RaftAddr, or(p.Self.URL, "no URL"))
	fmt.Fprintf(&b, "old cluster     %s, with %s\n", p.Cluster, or(others, "nobody else"))
	fmt.Fprintf(&b, "last entry      index %d of term %d\n", p.LastIndex, p.LastTerm)
	fmt.Fprintf(&b, "holds           zxid %d, %d znodes, %d sessions; last change %s\n", p.Zxid, p.Znodes, p.Sessions, last)
	if !p.Voter && others != "" {
		fmt.Fprintf(&b, "beware          it had no vote: what it holds may be older than what any voter holds\n")
	}
	if p.Stale > 0 {
		fmt.Fprintf(&b, "left out        %d entries behind a snapshot, which were never committed\n", p.Stale)
	}
	if p.Resumed {
		fmt.Fprintf(&b, "begun before    a recovery of this folder was interrupted, and its state is the one above\n")
	}
	if !cmd.Yes {
		fmt.Fprintf(&b, "\nNothing was changed. With --yes, %s becomes the only member of a new cluster, at zxid %d or later.\n", p.Self.Name, p.Lifted)
		fmt.Fprintf(&b, "LOST FOR EVER would be whatever was acknowledged and is not in the above. If a majority of the old members can\n"+
			"still be started, start them instead. See holt recover --help.\n")
	} else {
		fmt.Fprintf(&b, "\nDone: %s is the only member of cluster %s, at zxid %d.\n", p.Self.Name, p.Renamed, p.Lifted)
		fmt.Fprintf(&b, "Whatever was acknowledged and is not in the above IS LOST. Start the member; delete the data folders of all other\n"+
			"members before they are started again, and have them join: HOLT_JOIN=%s\n", or(p.Self.URL, "its URL"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
