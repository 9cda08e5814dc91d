package main

import (
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"holt/raftfsm"
	"holt/raftfsm/guard"
	"holt/sessions"
)

// watch adds the numbers of a node, of its leases, and of the folder it is in.
func (m *metrics) watch(n *raftfsm.Node, l *sessions.Leases, dir string) {
	m.registry.MustRegister(nodeCollector{n, l, filepath.Join(dir, guard.BoltFile)})
}

// nodeCollector reads a node's numbers when they are asked for.
type nodeCollector struct {
	node   *raftfsm.Node
	leases *sessions.Leases
	log    string // the file
}

// reading is all that is read for one answer.
type reading struct {
	raftfsm.Stats
	disk     raftfsm.Disk
	leases   sessions.Counts
	logBytes int64
}

// number is one of a node's.
type number struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*reading) float64
}

func gauge(name, help string, of func(*reading) float64) number {
	return number{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, of}
}

func counter(name, help string, of func(*reading) float64) number {
	return number{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, of}
}

// nodeGauges is what is so now, in the order it is shown.
var nodeGauges = []number{
	gauge("holt_zxid", "Zxid of the state of this member.", func(r *reading) float64 { return float64(r.Zxid) }),
	gauge("holt_raft_term", "Term this member is in.", func(r *reading) float64 { return float64(r.Term) }),
	gauge("holt_raft_applied_index", "Log index applied to the state.", func(r *reading) float64 { return float64(r.AppliedIndex) }),
	gauge("holt_raft_commit_index", "Log index known to be committed.", func(r *reading) float64 { return float64(r.CommitIndex) }),
	gauge("holt_raft_last_index", "Last log index of this member.", func(r *reading) float64 { return float64(r.LastIndex) }),
	gauge("holt_raft_is_leader", "1 if this member leads.", func(r *reading) float64 { return oneIf(r.Leader) }),
	gauge("holt_raft_has_leader", "1 if this member knows of a leader.", func(r *reading) float64 { return oneIf(r.HasLeader) }),
	gauge("holt_raft_last_contact_seconds", "Time since this member heard of its leader; 0 if it leads.",
		func(r *reading) float64 { return r.LastContact.Seconds() }),
	gauge("holt_members", "Members of the cluster, as this one knows it.", func(r *reading) float64 { return float64(r.Members) }),
	gauge("holt_voters", "Members that vote.", func(r *reading) float64 { return float64(r.Voters) }),
	gauge("holt_peers_connected", "Other members that this one has a connection to.", func(r *reading) float64 { return float64(r.PeersUp) }),
	gauge("holt_ready", "1 once this member has caught up.", func(r *reading) float64 { return oneIf(r.Ready) }),
	gauge("holt_znodes", "Znodes in the tree.", func(r *reading) float64 { return float64(r.Znodes) }),
	gauge("holt_data_bytes", "Bytes of data in the tree.", func(r *reading) float64 { return float64(r.DataBytes) }),
	gauge("holt_sessions", "Sessions that are alive.", func(r *reading) float64 { return float64(r.Sessions) }),
	gauge("holt_ephemerals", "Ephemeral znodes of all sessions.", func(r *reading) float64 { return float64(r.Ephemerals) }),
	gauge("holt_session_watches", "Watches of all sessions.", func(r *reading) float64 { return float64(r.Watches) }),
	gauge("holt_session_leases", "Leases that this member keeps; 0 where it does not lead.",
		func(r *reading) float64 { return float64(r.leases.Kept) }),
	gauge("holt_history_records", "Transactions a stream can still resume over.", func(r *reading) float64 { return float64(r.History) }),
	gauge("holt_writes_waiting", "Writes of this member's clients that wait for their outcome.",
		func(r *reading) float64 { return float64(r.Calls) }),
	gauge("holt_snapshot_timestamp_seconds", "When the newest snapshot on this member's disk was written; 0 before the first.",
		func(r *reading) float64 { return float64(r.Snapshot.Time) / 1000 }),
	gauge("holt_snapshot_zxid", "Zxid of the newest snapshot.", func(r *reading) float64 { return float64(r.Snapshot.Zxid) }),
	gauge("holt_snapshot_bytes", "Size of the newest snapshot.", func(r *reading) float64 { return float64(r.disk.SnapshotBytes) }),
	gauge("holt_snapshot_duration_seconds", "Time that the last snapshot took which this member wrote.",
		func(r *reading) float64 { return r.Counts.SnapshotTook.Seconds() }),
	gauge("holt_log_entries", "Entries in the log, behind the snapshot too.", func(r *reading) float64 { return float64(r.disk.LogEntries) }),
	gauge("holt_log_file_bytes", "Size of the log's file, which keeps the room of entries that are gone.",
		func(r *reading) float64 { return float64(r.logBytes) }),
	gauge("holt_disk_free_bytes", "Room on the disk of the data folder.", func(r *reading) float64 { return float64(r.DiskFree) }),
	gauge("holt_disk_full", "1 while only deletes are taken for lack of room.", func(r *reading) float64 { return oneIf(r.DiskFull) }),
	gauge("holt_digest_index", "Log index of the newest comparison of the members' states that this one stood; 0 before the first.",
		func(r *reading) float64 { return float64(r.DigestIndex) }),
	gauge("holt_digest_zxid", "Zxid of it.", func(r *reading) float64 { return float64(r.DigestZxid) }),
	gauge("holt_digest_disputed", "1 on a leader whose members contradicted one another without a majority.",
		func(r *reading) float64 { return oneIf(r.DigestDisputed) }),
}

// nodeCounters is what was counted since the start.
var nodeCounters = []number{
	counter("holt_transactions_applied_total", "Transactions applied to the state since this member was ready, refused ones too.",
		func(r *reading) float64 { return float64(r.Counts.Transactions) }),
	counter("holt_session_watches_fired_total", "Watches of sessions that fired since this member was ready.",
		func(r *reading) float64 { return float64(r.Counts.WatchesFired) }),
	counter("holt_sessions_opened_total", "Sessions opened in the cluster since this member was ready.",
		func(r *reading) float64 { return float64(r.Counts.SessionsOpen) }),
	counter("holt_session_renewals_total", "Renewals of sessions that this member acknowledged while it led.",
		func(r *reading) float64 { return float64(r.leases.Renewals) }),
	counter("holt_session_touches_total", "Signs of life of sessions besides renewals, noted while this member led.",
		func(r *reading) float64 { return float64(r.leases.Touches) }),
	counter("holt_session_questions_total", "Questions about sessions that this member asked its leader, itself if it led, each about many.",
		func(r *reading) float64 { return float64(r.leases.Questions) }),
	counter("holt_session_stalls_total", "Times this member held itself to have been stalled while it led, and let no session expire.",
		func(r *reading) float64 { return float64(r.leases.Stalls) }),
	counter("holt_forwarded_commands_total", "Commands sent to another member that led.",
		func(r *reading) float64 { return float64(r.Counts.Forwarded) }),
	counter("holt_forwarded_commands_returned_total", "Commands that a member refused to propose, to be sent again.",
		func(r *reading) float64 { return float64(r.Counts.TakenBack) }),
	counter("holt_raft_elections_total", "Elections that this member started.",
		func(r *reading) float64 { return float64(r.Counts.Elections) }),
	counter("holt_raft_leader_changes_total", "Times this member heard of a new leader, or became it.",
		func(r *reading) float64 { return float64(r.Counts.Leaders) }),
	counter("holt_raft_leaderless_seconds_total", "Time this member knew of no leader.",
		func(r *reading) float64 { return r.Counts.Leaderless.Seconds() }),
	counter("holt_read_index_rounds_total", "Rounds of asking a quorum for linearizable reads on this member.",
		func(r *reading) float64 { return float64(r.Counts.ReadIndexes) }),
	counter("holt_read_index_rounds_failed_total", "Those of them that found no quorum.",
		func(r *reading) float64 { return float64(r.Counts.NoReadIndex) }),
	counter("holt_peer_connections_lost_total", "Connections to other members that ended.",
		func(r *reading) float64 { return float64(r.Counts.PeersLost) }),
	counter("holt_peer_dials_failed_total", "Tries to connect to other members that failed.",
		func(r *reading) float64 { return float64(r.Counts.DialsFailed) }),
	counter("holt_snapshots_total", "Snapshots this member wrote.", func(r *reading) float64 { return float64(r.Counts.Snapshots) }),
	counter("holt_snapshot_failures_total", "Snapshots this member failed to write.",
		func(r *reading) float64 { return float64(r.Counts.SnapshotErrs) }),
}

var (
	writesDesc = prometheus.NewDesc("holt_writes_total",
		"Transactions proposed on this member, by its clients and by itself, and how they ended; from no_leader on they were not carried out.", []string{"outcome"}, nil)
	sessionsEndedDesc = prometheus.NewDesc("holt_sessions_ended_total", "Sessions that ended in the cluster since this member was ready.", []string{"reason"}, nil)
)

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe is prometheus.Collector's.
func (nodeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, numbers := range [][]number{nodeGauges, nodeCounters} {
		for _, n := range numbers {
			ch <- n.desc
		}
	}
	ch <- writesDesc
	ch <- sessionsEndedDesc
}

// Collect is prometheus.Collector's.
func (c nodeCollector) Collect(ch chan<- prometheus.Metric) {
	r := &reading{Stats: c.node.Stats(), leases: c.leases.Counts()}
	r.disk, _ = c.node.Disk() // a disk that cannot be read ends the member by itself
	if info, err := os.Stat(c.log); err == nil {
		r.logBytes = info.Size()
	}
	for _, numbers := range [][]number{nodeGauges, nodeCounters} {
		for _, n := range numbers {
			ch <- prometheus.MustNewConstMetric(n.desc, n.kind, n.of(r))
		}
	}
	for end, n := range r.Counts.Writes {
		ch <- prometheus.MustNewConstMetric(writesDesc, prometheus.CounterValue, float64(n), raftfsm.WriteEnd(end).String())
	}
	for i, n := range r.Counts.SessionsEnded {
		ch <- prometheus.MustNewConstMetric(sessionsEndedDesc, prometheus.CounterValue, float64(n), raftfsm.SessionEnds[i].String())
	}
}
