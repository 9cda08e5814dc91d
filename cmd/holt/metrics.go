package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"holt/httpapi"
	httpmetrics "holt/httpapi/metrics"
	"holt/raftfsm"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// metrics are what /metrics shows. No label holds a path or a name of a client.
type metrics struct {
	registry *prometheus.Registry
	requests httpapi.Metrics
	fsync    prometheus.Histogram
	entries  prometheus.Counter
	bytes    prometheus.Counter
	reaped   *prometheus.CounterVec
}

func newMetrics() (*metrics, error) {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "holt_log_append_duration_seconds", Help: "Time to write entries to the log and sync them.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
		entries: prometheus.NewCounter(prometheus.CounterOpts{Name: "holt_log_entries_appended_total", Help: "Entries written to the log."}),
		bytes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "holt_log_appended_bytes_total", Help: "Bytes of entries written to the log."}),
		reaped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holt_reaped_znodes_total", Help: "Containers and znodes with a TTL that this member had deleted while it led, since their time had come.",
		}, []string{"mode"}),
	}
	for _, mode := range []znode.Mode{znode.Container, znode.PersistentWithTTL} {
		m.reaped.WithLabelValues(mode.String()) // there from the start, at 0
	}
	m.registry.MustRegister(m.fsync, m.entries, m.bytes, m.reaped, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "holt_build_info", Help: "1, with the version of this program.", ConstLabels: prometheus.Labels{"version": buildVersion()},
		}, func() float64 { return 1 }))
	requests, err := httpmetrics.New(m.registry)
	m.requests = requests
	return m, err
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// observeAppend counts a write to the log.
func (m *metrics) observeAppend(took time.Duration, entries, bytes int) {
	m.fsync.Observe(took.Seconds())
	m.entries.Add(float64(entries))
	m.bytes.Add(float64(bytes))
}

// observeReaped counts znodes that went of themselves.
func (m *metrics) observeReaped(mode znode.Mode, n int) {
	m.reaped.WithLabelValues(mode.String()).Add(float64(n))
}

// watch adds the numbers of a node.
func (m *metrics) watch(n *raftfsm.Node) { m.registry.MustRegister(nodeCollector{n}) }

// streams adds how many streams of events and long polls a hub serves.
func (m *metrics) streams(h *watch.Hub) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "holt_streams", Help: "Streams of events and long polls that this member serves.",
	}, func() float64 { n, _ := h.Streams(); return float64(n) }))
}

// nodeCollector reads a node's numbers when they are asked for.
type nodeCollector struct{ node *raftfsm.Node }

// nodeGauges is every number of a node, in the order it is shown.
var nodeGauges = []struct {
	desc *prometheus.Desc
	of   func(*raftfsm.Stats) float64
}{
	{gauge("holt_zxid", "Zxid of the state of this member."), func(s *raftfsm.Stats) float64 { return float64(s.Zxid) }},
	{gauge("holt_raft_term", "Term this member is in."), func(s *raftfsm.Stats) float64 { return float64(s.Term) }},
	{gauge("holt_raft_applied_index", "Log index applied to the state."), func(s *raftfsm.Stats) float64 { return float64(s.AppliedIndex) }},
	{gauge("holt_raft_commit_index", "Log index known to be committed."), func(s *raftfsm.Stats) float64 { return float64(s.CommitIndex) }},
	{gauge("holt_raft_last_index", "Last log index of this member."), func(s *raftfsm.Stats) float64 { return float64(s.LastIndex) }},
	{gauge("holt_raft_is_leader", "1 if this member leads."), func(s *raftfsm.Stats) float64 { return oneIf(s.Leader) }},
	{gauge("holt_raft_has_leader", "1 if this member knows of a leader."), func(s *raftfsm.Stats) float64 { return oneIf(s.HasLeader) }},
	{gauge("holt_ready", "1 once this member has caught up."), func(s *raftfsm.Stats) float64 { return oneIf(s.Ready) }},
	{gauge("holt_znodes", "Znodes in the tree."), func(s *raftfsm.Stats) float64 { return float64(s.Znodes) }},
	{gauge("holt_data_bytes", "Bytes of data in the tree."), func(s *raftfsm.Stats) float64 { return float64(s.DataBytes) }},
	{gauge("holt_sessions", "Sessions that are alive."), func(s *raftfsm.Stats) float64 { return float64(s.Sessions) }},
	{gauge("holt_ephemerals", "Ephemeral znodes of all sessions."), func(s *raftfsm.Stats) float64 { return float64(s.Ephemerals) }},
	{gauge("holt_session_watches", "Watches of all sessions."), func(s *raftfsm.Stats) float64 { return float64(s.Watches) }},
	{gauge("holt_history_records", "Transactions a stream can still resume over."), func(s *raftfsm.Stats) float64 { return float64(s.History) }},
	{gauge("holt_writes_waiting", "Writes of this member's clients that wait for their outcome."), func(s *raftfsm.Stats) float64 { return float64(s.Calls) }},
	{gauge("holt_disk_free_bytes", "Room on the disk of the data folder."), func(s *raftfsm.Stats) float64 { return float64(s.DiskFree) }},
	{gauge("holt_disk_full", "1 while only deletes are taken for lack of room."), func(s *raftfsm.Stats) float64 { return oneIf(s.DiskFull) }},
}

func gauge(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe is prometheus.Collector's.
func (nodeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range nodeGauges {
		ch <- g.desc
	}
}

// Collect is prometheus.Collector's.
func (c nodeCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.node.Stats()
	for _, g := range nodeGauges {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.of(&s))
	}
}
