package httpapi

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
)

// API answers HTTP requests. It starts no goroutines of its own and needs no closing, but EndStreams before its server is
// shut down; it may be used by any number of goroutines.
type API struct {
	cfg       Config
	log       *slog.Logger
	meter     StreamMetrics
	mux       *chi.Mux
	endpoints map[target]*endpoint
	unrouted  RouteMetrics
	origins   *http.CrossOriginProtection
	hosts     hostList
	inWork    atomic.Int64 // requests that count against MaxRequests
	streams   atomic.Int64 // requests that count against MaxStreams
	treeReads atomic.Int64 // those of them that count against MaxTreeReads
	restoring atomic.Bool  // a backup is being restored through this member
	pipelines atomic.Int64 // those of them that count against MaxPipelines
	exchanges sync.Pool    // of *exchange
	streaming streaming    // what streams share

	ending   chan struct{} // closed when streams and long polls must end
	endsOnce sync.Once     // closes ending

	accessLevel slog.Level // of the line that each request is
}

// New makes an API; the error says what is wrong with the Config.
func New(cfg Config) (*API, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &API{cfg: cfg.withDefaults(), log: cfg.Logger, origins: http.NewCrossOriginProtection(),
		ending: make(chan struct{})}
	a.hosts.fill(cfg.AllowedHosts, cfg.Cluster)
	a.exchanges.New = func() any { return &exchange{api: a, found: chi.NewRouteContext()} }
	a.unrouted, a.meter = a.cfg.Metrics.Route("", ""), a.cfg.Metrics.Streams()
	a.accessLevel = a.cfg.accessLevel()
	a.route()
	return a, nil
}

// Handler is the API as an http.Handler.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// EndStreams ends what would not end by itself: streams, which their clients take up again elsewhere, and long polls. It
// is for a server about to be shut down, and may be called more than once; streams that are asked for later end at once.
func (a *API) EndStreams() { a.endsOnce.Do(func() { close(a.ending) }) }
