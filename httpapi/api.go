package httpapi

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
)

// API answers HTTP requests. It starts no goroutines of its own and needs no closing, but EndStreams before its server is
// shut down; it may be used by any number of goroutines.
type API struct {
	cfg       Config
	log       *slog.Logger
	mux       *chi.Mux
	endpoints map[target]*endpoint
	unrouted  RouteMetrics
	origins   *http.CrossOriginProtection
	hosts     hostList
	inWork    atomic.Int64 // requests that count against MaxRequests
	streams   atomic.Int64 // requests that count against MaxStreams
	treeReads atomic.Int64 // those of them that count against MaxTreeReads
	pipelines atomic.Int64 // those of them that count against MaxPipelines
	exchanges sync.Pool    // of *exchange
	streaming streaming    // what streams share

	ending   chan struct{} // closed when streams and long polls must end
	endsOnce sync.Once     // closes ending
}

// New makes an API; the error says what is wrong with the Config.
func New(cfg Config) (*API, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &API{cfg: cfg.withDefaults(), log: cfg.Logger, origins: http.NewCrossOriginProtection(),
		ending: make(chan struct{})}
	a.hosts = newHostList(cfg.AllowedHosts)
	a.exchanges.New = func() any { return &exchange{api: a, found: chi.NewRouteContext()} }
	a.unrouted = a.cfg.Metrics.Route("", "")
	a.route()
	return a, nil
}

// Handler is the API as an http.Handler.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// EndStreams ends what would not end by itself: streams, which their clients take up again elsewhere, and long polls. It
// is for a server about to be shut down, and may be called more than once; streams that are asked for later end at once.
func (a *API) EndStreams() { a.endsOnce.Do(func() { close(a.ending) }) }

// hostList is the names a request may be for.
type hostList struct {
	names map[string]bool // in lower case, without port
	any   bool
}

func newHostList(allowed []string) hostList {
	l := hostList{names: map[string]bool{"localhost": true, "127.0.0.1": true, "[::1]": true}}
	for _, host := range allowed {
		l.names[hostName(host)] = true
		l.any = l.any || host == "*"
	}
	return l
}

// allows says whether r was meant for this server. A name that only somebody else's DNS gives to this address was not:
// that is how a web page reaches servers its visitor can reach (DNS rebinding). Browsers always send a name.
func (l *hostList) allows(r *http.Request) bool {
	if l.any || r.Host == "" || l.names[r.Host] {
		return true
	}
	name := r.Host
	if i := strings.LastIndexByte(name, ':'); i > 0 && l.names[name[:i]] {
		return true
	}
	if name = hostName(name); l.names[name] {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && (ip.IsLoopback() || ip == localAddr(r))
}

// localAddr is the address r came in at.
func localAddr(r *http.Request) netip.Addr {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(interface{ AddrPort() netip.AddrPort }); ok {
		return addr.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// hostName is a host without its port and final dot, in lower case.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
