package httpapi

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"holt/httpapi/wire"
)

// route is the table of contents.
func (a *API) route() {
	a.mux = chi.NewRouter()
	a.endpoints = map[target]*endpoint{}

	a.on("GET", "/v1/znodes/*", endpoint{handle: a.getZnode, heeds: []string{"If-None-Match"}, params: []string{"consistency", "format", "wait"}})
	a.on("PUT", "/v1/znodes/*", endpoint{handle: a.putZnode, heeds: preconditions, takesBody: true, keyed: true, params: []string{"mode", "ttl", "parents"}, later: []string{"acl"}})
	a.on("POST", "/v1/znodes/*", endpoint{handle: a.postZnode, takesBody: true, keyed: true, params: []string{"mode", "ttl", "parents"}, later: []string{"acl"}})
	a.on("DELETE", "/v1/znodes/*", endpoint{handle: a.deleteZnode, heeds: []string{"If-Match"}, keyed: true, params: []string{"recursive"}})
	a.on("GET", "/v1/children/*", endpoint{handle: a.getChildren, heeds: []string{"If-None-Match"},
		params: []string{"consistency", "limit", "offset", "after", "prefix", "include", "wait"}})
	a.on("GET", "/v1/tree/*", endpoint{handle: a.getTree, params: []string{"consistency", "depth", "include", "count"}})
	a.on("PUT", "/v1/tree/*", endpoint{handle: a.putTree, takesBody: true, keyed: true, params: []string{"replace", "parents"}})
	a.on("POST", "/v1/txn", endpoint{handle: a.postTxn, takesBody: true, keyed: true})
	a.on("POST", "/v1/pipeline", endpoint{handle: a.postPipeline, takesBody: true, duplex: true})

	a.on("POST", "/v1/sessions", endpoint{handle: a.postSession, keyed: true, params: []string{"timeout"}})
	a.on("GET", "/v1/sessions", endpoint{handle: a.getSessions, params: []string{"consistency", "limit", "after"}})
	a.on("GET", "/v1/sessions/{id}", endpoint{handle: a.getSession, params: []string{"consistency"}})
	a.on("DELETE", "/v1/sessions/{id}", endpoint{handle: a.deleteSession, keyed: true})
	a.on("POST", "/v1/sessions/{id}/keepalive", endpoint{handle: a.postSessionKeepalive, showsNothing: true})
	a.on("POST", "/v1/sessions/{id}/watches", endpoint{handle: a.postWatch, takesBody: true})
	a.on("GET", "/v1/sessions/{id}/watches", endpoint{handle: a.getSessionWatches, params: []string{"consistency"}})
	a.on("DELETE", "/v1/sessions/{id}/watches", endpoint{handle: a.deleteWatch, params: []string{"path", "mode"}})
	a.on("GET", "/v1/sessions/{id}/events", endpoint{handle: a.getSessionEvents, params: []string{"since", "once", "include"}, streams: true})
	a.on("POST", "/v1/keepalive", endpoint{handle: a.postKeepalive, takesBody: true, showsNothing: true})
	a.on("GET", "/v1/watches", endpoint{handle: a.getWatches, params: []string{"consistency", "path", "limit", "after"}})
	a.on("GET", "/v1/watch/*", endpoint{handle: a.getWatch, repeats: "path", streams: true,
		params: []string{"path", "recursive", "events", "include", "initial", "since", "once"}})

	a.on("POST", "/v1/sync", endpoint{handle: a.postSync})
	a.on("GET", "/v1/snapshot", endpoint{handle: a.getSnapshot, params: []string{"consistency"}})
	a.on("PUT", "/v1/snapshot", endpoint{handle: a.putSnapshot, takesBody: true, params: []string{"replace"}})
	a.on("GET", "/v1/cluster", endpoint{handle: a.getCluster, params: []string{"verbose"}})
	a.on("POST", "/v1/cluster/members", endpoint{handle: a.postMember, takesBody: true})
	a.on("DELETE", "/v1/cluster/members/{id}", endpoint{handle: a.deleteMember})
	a.on("POST", "/v1/cluster/leader", endpoint{handle: a.postLeader, takesBody: true})
	a.on("GET", "/v1/limits", endpoint{handle: a.getLimits})

	a.on("GET", "/livez", endpoint{handle: a.getLivez, params: []string{"verbose"}, uncounted: true})
	a.on("GET", "/readyz", endpoint{handle: a.getReadyz, params: []string{"verbose"}, uncounted: true})
	a.on("GET", "/metrics", endpoint{handle: a.getMetrics, anyQuery: true, uncounted: true})
	a.on("GET", "/openapi.yaml", endpoint{handle: a.getOpenAPI, uncounted: true})
	a.on("GET", "/ui/*", endpoint{handle: a.getUI, anyQuery: true, uncounted: true})
	a.on("GET", "/", endpoint{handle: a.getRoot, anyQuery: true, uncounted: true})
}

// later is what the contract has and this version does not: methods and prefixes of routes, and what to call them.
// The first that fits counts.
var later = []struct{ methods, prefix, name string }{
	{"GET HEAD PUT", "/v1/acl", "ACLs"},
	{"GET HEAD", "/v1/whoami", "identities"},
	{"GET HEAD POST DELETE", "/v1/locks", "locks"},
}

// endpoint is one method of one route.
type endpoint struct {
	handle       func(*exchange) error
	params       []string // query parameters it takes
	later        []string // those of the contract that it does not take yet
	heeds        []string // the preconditions it takes
	takesBody    bool
	keyed        bool   // whether it takes an Idempotency-Key
	duplex       bool   // whether the client may go on sending until it is answered
	anyQuery     bool   // whether the query is someone else's business
	uncounted    bool   // whether MaxRequests does not count it
	repeats      string // the query parameter that may be there more than once
	streams      bool   // whether it counts against MaxStreams instead, and its answer waits for no events: it brings them
	showsNothing bool   // whether the answer tells nothing of the tree, and so need not wait for events

	route   string // as chi has it
	prefix  string // of the path, before the part that names a znode or a session
	metrics RouteMetrics
}

// target is what an endpoint is found by.
type target struct{ method, pattern string }

// ServeHTTP never runs: serve finds the endpoint in the tree and calls it itself, which saves two copies of the
// request. It makes an endpoint what chi takes.
func (e *endpoint) ServeHTTP(http.ResponseWriter, *http.Request) {
	panic("httpapi: routed past the API")
}

// on registers an endpoint; GET answers HEAD too, and "/*" means that the route stands alone as well.
func (a *API) on(method, route string, e endpoint) {
	e.route, e.prefix = route, strings.TrimSuffix(route, "/*")
	if i := strings.IndexByte(route, '{'); i >= 0 {
		e.prefix = route[:i]
	}
	methods := []string{method}
	if method == http.MethodGet {
		methods = append(methods, http.MethodHead)
	}
	for _, m := range methods {
		e := e
		e.metrics = a.cfg.Metrics.Route(route, m)
		a.add(m, route, &e)
		if strings.HasSuffix(route, "/*") {
			a.add(m, e.prefix, &e)
		}
	}
}

func (a *API) add(method, pattern string, e *endpoint) {
	a.mux.Method(method, pattern, e)
	a.endpoints[target{method, pattern}] = e
}

// find is the endpoint of a request, or one that says why there is none.
func (a *API) find(x *exchange) *endpoint {
	path := x.r.URL.EscapedPath()
	x.found.Reset()
	if pattern := a.mux.Find(x.found, x.r.Method, path); pattern != "" {
		e := a.endpoints[target{x.r.Method, pattern}]
		x.path = path[len(e.prefix):]
		return e
	}
	x.path = path
	return &endpoint{handle: a.unroutable, anyQuery: true, metrics: a.unrouted}
}

// unroutable says why there is no endpoint for a request.
func (a *API) unroutable(x *exchange) error {
	for _, l := range later {
		rest, ok := strings.CutPrefix(x.path, l.prefix)
		if ok && (rest == "" || rest[0] == '/') && strings.Contains(" "+l.methods+" ", " "+x.r.Method+" ") {
			return refuse(wire.NotImplemented, "not implemented yet: "+l.name)
		}
	}
	var allowed []string
	for _, m := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
		if a.mux.Find(chi.NewRouteContext(), m, x.path) != "" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		return refuse(wire.NoRoute, "there is nothing at "+quoted(x.path)+"; /openapi.yaml says what there is")
	}
	x.Header()["Allow"] = []string{strings.Join(allowed, ", ")}
	return refuse(wire.MethodNotAllowed, "here one can "+strings.Join(allowed, ", "))
}
