package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"holt/raftfsm/znode"
)

// What a Config's zero values stand for.
const (
	// DefaultMaxRequests bounds the requests in work at once.
	DefaultMaxRequests = 4096
	// DefaultWriteWait bounds the wait for the outcome of a write.
	DefaultWriteWait = 10 * time.Second
	// DefaultZxidWait bounds the wait for the state a Holt-Zxid header asks for.
	DefaultZxidWait = 5 * time.Second
	// DefaultLinearWait bounds the wait for a quorum to confirm a linearizable read.
	DefaultLinearWait = 5 * time.Second
	// DefaultBodyTimeout is how long the body of a request may take to arrive.
	DefaultBodyTimeout = 30 * time.Second
	// DefaultAnswerTimeout is how long an answer may take from the request's arrival until all of it is written;
	// a streamed one gets as much for each part.
	DefaultAnswerTimeout = 60 * time.Second
)

// Config is what an API is made of. Zero sizes and times stand for the defaults above.
type Config struct {
	Proposer Proposer
	Reader   Reader
	Cluster  Cluster
	Logger   *slog.Logger

	// AllowedHosts are names the Host header may have besides localhost, loopback addresses and the address a request
	// came in at. A port in them is ignored; "*" allows every name.
	AllowedHosts []string
	// MaxDataBytes bounds the data of a znode, at most znode.MaxDataBytes, which is the default.
	MaxDataBytes int
	// RequirePrecondition refuses PUT and DELETE of a znode without If-Match or If-None-Match.
	RequirePrecondition bool
	// MaxRequests bounds the requests in work at once; more are told to come again. Health and metrics are not counted.
	MaxRequests int

	WriteWait     time.Duration
	ZxidWait      time.Duration
	LinearWait    time.Duration
	BodyTimeout   time.Duration
	AnswerTimeout time.Duration

	// Core are the limits of what is behind the interfaces, to be shown by /v1/limits.
	Core CoreLimits

	// Metrics counts requests; nil counts nothing. Package httpapi/metrics has the one for Prometheus.
	Metrics Metrics
	// MetricsHandler answers /metrics; nil answers 501.
	MetricsHandler http.Handler
}

// CoreLimits are limits that the Proposer holds. Zero means none.
type CoreLimits struct {
	WaitingWrites     int64 // writes of one member that wait for their outcome; more are throttled
	WaitingWriteBytes int64 // of them together
	DiskReserveBytes  int64 // room on the leader's disk below which only deletes are taken
}

// Validate says what is wrong with the Config, or nil.
func (c *Config) Validate() error {
	switch {
	case c.Proposer == nil:
		return errors.New("httpapi: no proposer")
	case c.Reader == nil:
		return errors.New("httpapi: no reader")
	case c.Cluster == nil:
		return errors.New("httpapi: no cluster")
	case c.Logger == nil:
		return errors.New("httpapi: no logger")
	case c.MaxDataBytes < 0 || c.MaxDataBytes > znode.MaxDataBytes:
		return fmt.Errorf("httpapi: at most %d bytes of data can be allowed, not %d", znode.MaxDataBytes, c.MaxDataBytes)
	case c.MaxRequests < 0:
		return fmt.Errorf("httpapi: %d requests at once", c.MaxRequests)
	case min(c.WriteWait, c.ZxidWait, c.LinearWait, c.BodyTimeout, c.AnswerTimeout) < 0:
		return errors.New("httpapi: a negative time to wait")
	}
	for _, host := range c.AllowedHosts {
		if hostName(host) == "" {
			return fmt.Errorf("httpapi: allowed host %q has no name", host)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxDataBytes == 0 {
		c.MaxDataBytes = znode.MaxDataBytes
	}
	if c.MaxRequests == 0 {
		c.MaxRequests = DefaultMaxRequests
	}
	for _, d := range []struct {
		is     *time.Duration
		absent time.Duration
	}{
		{&c.WriteWait, DefaultWriteWait}, {&c.ZxidWait, DefaultZxidWait}, {&c.LinearWait, DefaultLinearWait},
		{&c.BodyTimeout, DefaultBodyTimeout}, {&c.AnswerTimeout, DefaultAnswerTimeout},
	} {
		if *d.is == 0 {
			*d.is = d.absent
		}
	}
	if c.Metrics == nil {
		c.Metrics = uncounted{}
	}
	return c
}

// API answers HTTP requests. It starts no goroutines and needs no closing; it may be used by any number of them.
type API struct {
	cfg       Config
	log       *slog.Logger
	mux       *chi.Mux
	endpoints map[target]*endpoint
	unrouted  RouteMetrics
	origins   *http.CrossOriginProtection
	hosts     hostList
	inWork    atomic.Int64 // requests that count against MaxRequests
	exchanges sync.Pool    // of *exchange
}

// New makes an API; the error says what is wrong with the Config.
func New(cfg Config) (*API, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &API{cfg: cfg.withDefaults(), log: cfg.Logger, origins: http.NewCrossOriginProtection()}
	a.hosts = newHostList(cfg.AllowedHosts)
	a.exchanges.New = func() any { return &exchange{api: a, found: chi.NewRouteContext()} }
	a.unrouted = a.cfg.Metrics.Route("", "")
	a.route()
	return a, nil
}

// Handler is the API as an http.Handler.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

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
