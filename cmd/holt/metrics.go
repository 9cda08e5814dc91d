package main

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
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

	commands  prometheus.Histogram
	applying  prometheus.Histogram
	readIndex prometheus.Histogram
}

var _ raftfsm.Meter = (*metrics)(nil)

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
		commands: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "holt_entry_commands", Help: "Commands in one log entry that this member proposed while it led.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9), // command.MaxEntryCommands is 256
		}),
		applying: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "holt_apply_duration_seconds", Help: "Time to apply committed entries that came together, and to publish the state.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 2.5, 14),
		}),
		readIndex: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "holt_read_index_duration_seconds", Help: "Time for a quorum to confirm a linearizable read; reads that wait together share one.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 15),
		}),
	}
	for _, mode := range []znode.Mode{znode.Container, znode.PersistentWithTTL} {
		m.reaped.WithLabelValues(mode.String()) // there from the start, at 0
	}
	m.registry.MustRegister(m.fsync, m.entries, m.bytes, m.reaped, m.commands, m.applying, m.readIndex, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "holt_build_info", Help: "1, with the version of this program, what built it, and the commit if that is known.",
			ConstLabels: prometheus.Labels{"version": buildVersion(), "goversion": runtime.Version(), "revision": buildRevision()},
		}, func() float64 { return 1 }))
	requests, err := httpmetrics.New(m.registry)
	m.requests = requests
	return m, err
}

// buildRevision is the commit this program was built from, "" if the build did not record it.
func buildRevision() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
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

// Proposed is a raftfsm.Meter's.
func (m *metrics) Proposed(commands, _ int) { m.commands.Observe(float64(commands)) }

// Applied is a raftfsm.Meter's.
func (m *metrics) Applied(took time.Duration) { m.applying.Observe(took.Seconds()) }

// ReadIndex is a raftfsm.Meter's.
func (m *metrics) ReadIndex(took time.Duration) { m.readIndex.Observe(took.Seconds()) }

// pipelines adds how many pipelines the API serves.
func (m *metrics) pipelines(a *httpapi.API) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "holt_pipelines", Help: fmt.Sprintf("Pipelines that are open at this member, which takes %d at once.", httpapi.MaxPipelines),
	}, func() float64 { return float64(a.Pipelines()) }))
}

// streams adds how many streams of events and long polls a hub serves.
func (m *metrics) streams(h *watch.Hub) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "holt_streams", Help: "Streams of events and long polls that this member serves.",
	}, func() float64 { n, _ := h.Streams(); return float64(n) }))
}
