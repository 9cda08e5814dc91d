package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"holt/httpapi"
)

// streamMetrics counts streams and long polls. It has all children of its vectors at hand, as routeMetrics has.
type streamMetrics struct {
	open   [2]prometheus.Gauge // of paths, of sessions
	opened [2]prometheus.Counter
	ended  [httpapi.StreamEnds]prometheus.Counter
	sent   prometheus.Counter
	resets map[string]prometheus.Counter // by reason; not written to once it is made
	polls  prometheus.Gauge
	polled prometheus.Counter
}

var _ httpapi.StreamMetrics = (*streamMetrics)(nil)

// newStreamMetrics registers them.
func newStreamMetrics(reg prometheus.Registerer) (*streamMetrics, error) {
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "holt_event_streams", Help: "Streams of events that are open: of paths, or of what a session is told.",
	}, []string{"of"})
	opened := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holt_event_streams_opened_total", Help: "Streams of events that were opened.",
	}, []string{"of"})
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holt_event_streams_ended_total",
		Help: "Streams of events that ended: done, left by the client, moved (ended by this member, to be taken up again), cut_off (the client was too slow), refused.",
	}, []string{"why"})
	resets := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holt_event_stream_resets_total", Help: "Times a stream told its client that something may be missing.",
	}, []string{"reason"})
	s := &streamMetrics{
		resets: make(map[string]prometheus.Counter),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holt_event_stream_messages_total", Help: "Messages that streams sent, each of one transaction.",
		}),
		polls: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holt_long_polls", Help: "Requests whose answers are held back until there is something new.",
		}),
		polled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holt_long_polls_begun_total", Help: "Requests whose answers were held back.",
		}),
	}
	for i, of := range []string{"paths", "session"} {
		s.open[i], s.opened[i] = open.WithLabelValues(of), opened.WithLabelValues(of)
	}
	for i := range s.ended {
		s.ended[i] = ended.WithLabelValues(httpapi.StreamEnd(i).String())
	}
	for _, reason := range httpapi.StreamResets {
		s.resets[reason] = resets.WithLabelValues(reason)
	}
	for _, c := range []prometheus.Collector{open, opened, ended, resets, s.sent, s.polls, s.polled} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// slot is where what belongs to streams of sessions, or of paths, is.
func slot(ofSession bool) int {
	if ofSession {
		return 1
	}
	return 0
}

// Begin is an httpapi.StreamMetrics'.
func (s *streamMetrics) Begin(ofSession bool) {
	s.open[slot(ofSession)].Inc()
	s.opened[slot(ofSession)].Inc()
}

// End is an httpapi.StreamMetrics'.
func (s *streamMetrics) End(ofSession bool, why httpapi.StreamEnd) {
	s.open[slot(ofSession)].Dec()
	s.ended[why].Inc()
}

// Sent is an httpapi.StreamMetrics'.
func (s *streamMetrics) Sent(messages int) { s.sent.Add(float64(messages)) }

// Reset is an httpapi.StreamMetrics'. A reason that nobody knows of is not counted.
func (s *streamMetrics) Reset(reason string) {
	if c := s.resets[reason]; c != nil {
		c.Inc()
	}
}

// PollBegin is an httpapi.StreamMetrics'.
func (s *streamMetrics) PollBegin() {
	s.polls.Inc()
	s.polled.Inc()
}

// PollEnd is an httpapi.StreamMetrics'.
func (s *streamMetrics) PollEnd() { s.polls.Dec() }
