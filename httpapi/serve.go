package httpapi

import (
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// exchange is one request and the answer to it, on its way through the API. It is used again for later requests, so
// nothing may keep it. As a ResponseWriter it notes the status.
type exchange struct {
	http.ResponseWriter
	r      *http.Request
	api    *API
	at     *endpoint
	path   string // the request's path behind the endpoint's prefix, still escaped
	query  params
	status int  // 0 until the answer has begun
	head   bool // whether the method is HEAD
	zxid   znode.Zxid
	holder *znode.SessionKey // the session the request belongs to, nil if to none
	key    string            // its Idempotency-Key, "" if it has none
	counts *atomic.Int64     // what counts the request, nil if nothing does
	id     string            // its X-Request-Id, "" if it has none and needs none
	logged bool              // whether it is to be logged
	sent   counted           // the ResponseWriter, if so

	found *chi.Context // room for looking up the route
}

// deadliner is what both servers of net/http, HTTP/1.1 and HTTP/2, can do.
type deadliner interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// serve takes every request. It is one pass instead of a chain of middlewares, because each link would cost a wrapper
// and an allocation on a path that must stay close to a bare handler.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	x := a.exchanges.Get().(*exchange)
	x.ResponseWriter, x.r, x.status, x.head = w, r, 0, r.Method == http.MethodHead
	begun := time.Now()
	x.identify()
	x.setWriteDeadline(begun.Add(a.cfg.AnswerTimeout))
	if r.ContentLength != 0 {
		// Also for bodies nobody wants: net/http reads some of them before it takes the next request. Once a body has
		// come, net/http lifts the deadline, so that it does not end the wait for an outcome.
		x.setReadDeadline(begun.Add(a.cfg.BodyTimeout))
	}
	x.at = a.find(x)
	x.at.metrics.Begin()
	defer a.finish(x, begun)
	if err := x.answer(); err != nil {
		x.fail(err)
	}
}

// answer lets the endpoint answer, once the request may come that far.
func (x *exchange) answer() error {
	a := x.api
	if !a.hosts.allows(x.r) {
		return refuse(wire.WrongHost, "this server is not known as "+quoted(x.r.Host)+"; see HOLT_ALLOWED_HOSTS")
	}
	if a.origins.Check(x.r) != nil {
		return refuse(wire.CrossOrigin, "a page of another origin may not change anything here")
	}
	if err := x.enter(); err != nil {
		return err
	}
	if err := x.checkQuery(); err != nil {
		return err
	}
	if err := x.checkHeaders(); err != nil {
		return err
	}
	return x.at.handle(x)
}

// enter takes the request's place among those in work.
func (x *exchange) enter() error {
	a := x.api
	switch {
	case x.at.uncounted:
		return nil
	case x.at.streams:
		return x.linger()
	case a.inWork.Add(1) > int64(a.cfg.MaxRequests):
		a.inWork.Add(-1)
		return refuse(wire.Throttled, strconv.Itoa(a.cfg.MaxRequests)+" requests are in work already")
	}
	x.counts = &a.inWork
	return nil
}

// linger says that the request will take long without doing much, as streams and long polls do: from now on it counts
// against MaxStreams, and no longer against MaxRequests.
func (x *exchange) linger() error {
	a := x.api
	if x.counts == &a.streams {
		return nil
	}
	if a.streams.Add(1) > int64(a.cfg.MaxStreams) {
		a.streams.Add(-1)
		return refuse(wire.Throttled, strconv.Itoa(a.cfg.MaxStreams)+" streams and long polls are open already")
	}
	x.leave()
	x.counts = &a.streams
	return nil
}

// leave gives back the request's place.
func (x *exchange) leave() {
	if x.counts != nil {
		x.counts.Add(-1)
		x.counts = nil
	}
}

// finish ends an exchange, also one whose handler panicked.
func (a *API) finish(x *exchange, begun time.Time) {
	trouble := recover()
	if trouble != nil && trouble != http.ErrAbortHandler {
		a.log.Error("request panicked", "route", x.at.route, "method", x.r.Method, "panic", trouble,
			"stack", string(debug.Stack()))
		if x.status == 0 {
			trouble, x.holder = nil, nil // nothing more to wait for
			x.fail(refuse(wire.Internal, ""))
		}
	}
	took := time.Since(begun)
	x.at.metrics.End(x.status, took)
	x.access(took)
	x.leave()
	x.ResponseWriter, x.r, x.at, x.path, x.holder, x.key, x.zxid = nil, nil, nil, "", nil, "", 0
	x.id, x.sent = "", counted{}
	x.query.reset()
	if trouble != nil {
		panic(http.ErrAbortHandler) // the answer is cut off, so that nobody takes it for whole
	}
	a.exchanges.Put(x)
}

// secrets finds what might be the id of a session.
var secrets = regexp.MustCompile("(?i)[0-9a-f]{32,}")

// loggable is the path of a request without what must not be in a log: the id of a session is all it takes to be it, and
// one that is wrong in a letter is nearly that.
func loggable(path string) string {
	const sessions = "/v1/sessions/"
	if rest, ok := strings.CutPrefix(path, sessions); ok {
		name, rest, more := strings.Cut(rest, "/")
		if _, public := znode.ParseOwner(name); !public {
			path = sessions + "…"
			if more {
				path += "/" + rest
			}
		}
	}
	return secrets.ReplaceAllLiteralString(path, "…")
}

// WriteHeader notes the status. An answer to a request of a session begins behind the events it may know of.
func (x *exchange) WriteHeader(status int) {
	if status >= http.StatusOK && x.status == 0 {
		if x.holder != nil {
			x.awaitEvents()
		}
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write is the ResponseWriter's.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *exchange) setWriteDeadline(t time.Time) {
	if d, ok := x.ResponseWriter.(deadliner); ok {
		_ = d.SetWriteDeadline(t) // fails only on a connection that is gone
	}
}

func (x *exchange) setReadDeadline(t time.Time) {
	if d, ok := x.ResponseWriter.(deadliner); ok {
		_ = d.SetReadDeadline(t)
	}
}

// setZxid says which state or transaction the answer is of.
func (x *exchange) setZxid(z znode.Zxid) {
	x.zxid = z
	x.Header()["Holt-Zxid"] = []string{strconv.FormatUint(uint64(z), 10)}
}

// ownZxid is where this member is. Its state is at hand; the whole status would be made for one number.
func (a *API) ownZxid() znode.Zxid {
	if s, err := a.cfg.Reader.State(); err == nil {
		return s.Zxid
	}
	return a.cfg.Cluster.Status().Zxid // before it has caught up
}

// setOwnZxid is setZxid for answers that are not of any one state.
func (x *exchange) setOwnZxid() {
	x.setZxid(x.api.ownZxid())
}

// writeJSON answers with a body that is known whole.
func (x *exchange) writeJSON(status int, body []byte) error {
	return x.writeWhole(status, typeJSON, body)
}

func (x *exchange) writeWhole(status int, contentType []string, body []byte) error {
	h := x.Header()
	h["Content-Type"] = contentType
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	x.setLength(len(body))
	x.WriteHeader(status)
	if x.head {
		return nil
	}
	_, _ = x.ResponseWriter.Write(body) // an error means that nobody is there any more to be told
	return nil
}

// ownLengthBytes is how long an answer is whose length net/http finds out itself, cheaper than by a header.
const ownLengthBytes = 2048

// setLength says how long the answer is.
func (x *exchange) setLength(n int) {
	if n >= ownLengthBytes || x.head {
		x.Header()["Content-Length"] = []string{strconv.Itoa(n)}
	}
}

// Values of headers, shared by all answers. Nobody changes them: Header.Add would copy.
var (
	typeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	typeBytes   = []string{"application/octet-stream"}
	typeNDJSON  = []string{"application/x-ndjson"}
	typeYAML    = []string{"application/yaml"}
	noStore     = []string{"no-store, no-transform"}
	noSniff     = []string{"nosniff"}
	sandbox     = []string{"sandbox"}
)
