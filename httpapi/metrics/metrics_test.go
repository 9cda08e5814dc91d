package metrics_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/httpapi/metrics"
)

// scrape is /metrics of an API, asked after some requests.
func scrape(t *testing.T, requests ...string) []string {
	t.Helper()
	reg := prometheus.NewRegistry()
	m, err := metrics.New(reg)
	if err != nil {
		t.Fatal(err)
	}
	n := apitest.NewNode()
	t.Cleanup(n.Close)
	a, err := httpapi.New(httpapi.Config{
		Proposer: n, Reader: n, Cluster: n, Sessions: n, Hub: n.Hub, Logger: slog.New(slog.DiscardHandler),
		Metrics: m, MetricsHandler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	var w *httptest.ResponseRecorder
	for _, request := range append(requests, "GET /metrics") {
		method, target, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, target, nil)
		r.Host = "localhost"
		w = httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
	}
	if w.Code != http.StatusOK || w.Header().Get("Holt-Zxid") == "" {
		t.Fatalf("/metrics answers %d with %v", w.Code, w.Header())
	}
	return strings.Split(w.Body.String(), "\n")
}

func TestRequestsAreCountedByRouteAndNeverByPath(t *testing.T) {
	got := scrape(t, "PUT /v1/znodes/secret", "PUT /v1/znodes/secret", "GET /v1/znodes/secret", "GET /v1/znodes/secret/none",
		"GET /v1/children/secret", "GET /secret", "SECRET /v1/znodes")
	for _, want := range []string{
		`holt_http_requests_total{method="PUT",route="/v1/znodes/*",status="201"} 1`,
		`holt_http_requests_total{method="PUT",route="/v1/znodes/*",status="200"} 1`,
		`holt_http_requests_total{method="GET",route="/v1/znodes/*",status="200"} 1`,
		`holt_http_requests_total{method="GET",route="/v1/znodes/*",status="404"} 1`,
		`holt_http_requests_total{method="GET",route="/v1/children/*",status="200"} 1`,
		`holt_http_requests_total{method="",route="",status="404"} 1`,
		`holt_http_requests_total{method="",route="",status="405"} 1`,
		`holt_http_request_duration_seconds_count{method="PUT",route="/v1/znodes/*"} 2`,
		`holt_http_requests_in_flight 1`, // the one that asks
	} {
		if !slices.Contains(got, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if all := strings.Join(got, "\n"); strings.Contains(strings.ToLower(all), "secret") {
		t.Error("a label holds what a client sent")
	}
}

func TestTheSameMetricsCannotBeRegisteredTwice(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := metrics.New(reg); err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.New(reg); err == nil {
		t.Error("nothing is wrong with the second")
	}
}
