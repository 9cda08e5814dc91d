// Package metrics counts HTTP requests and streams of events for Prometheus, and has what Prometheus and Grafana are to know of all
// that a member counts: rules for alarms (alerts.yaml) and a dashboard (dashboard.json). No label ever holds a path of a znode: routes are those of
// the table of contents, and what belongs to none is counted under "".
package metrics

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holt/httpapi"
)

// statuses is one more than the greatest status that is counted by itself.
const statuses = 600

// buckets of the durations, in seconds: local reads take microseconds, writes milliseconds, elections seconds.
var buckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Metrics is an httpapi.Metrics.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	streams  *streamMetrics
}

var _ httpapi.Metrics = (*Metrics)(nil)

// New registers the metrics with reg; the error is the Registerer's.
func New(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holt_http_requests_total", Help: "HTTP requests answered.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holt_http_request_duration_seconds", Help: "Time from an HTTP request's header to the end of its answer.",
			Buckets: buckets,
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holt_http_requests_in_flight", Help: "HTTP requests being answered.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.inFlight} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	var err error
	m.streams, err = newStreamMetrics(reg)
	return m, err
}

// Streams is an httpapi.Metrics'.
func (m *Metrics) Streams() httpapi.StreamMetrics { return m.streams }

// Route is an httpapi.Metrics'.
func (m *Metrics) Route(route, method string) httpapi.RouteMetrics {
	return &routeMetrics{of: m, route: route, method: method, duration: m.duration.WithLabelValues(route, method)}
}

// routeMetrics has the children of the vectors at hand: looking them up by their labels would cost more than counting.
type routeMetrics struct {
	of            *Metrics
	route, method string
	duration      prometheus.Observer
	byStatus      [statuses]atomic.Pointer[prometheus.Counter]
}

func (r *routeMetrics) Begin() { r.of.inFlight.Inc() }

// End counts a request. One that was cut off before its status was known counts as 500.
func (r *routeMetrics) End(status int, took time.Duration) {
	r.of.inFlight.Dec()
	if status <= 0 || status >= statuses {
		status = http.StatusInternalServerError
	}
	c := r.byStatus[status].Load()
	if c == nil {
		found := r.of.requests.WithLabelValues(r.route, r.method, strconv.Itoa(status))
		c = &found
		r.byStatus[status].Store(c)
	}
	(*c).Inc()
	r.duration.Observe(took.Seconds())
}
