package httpapi

import (
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// params is a query: few parameters, each at most once but for the one the endpoint lets repeat, all of them known to it.
type params struct {
	names, values []string
}

// all is the values of a parameter that may repeat, in their order.
func (q *params) all(name string) (values []string) {
	for i, n := range q.names {
		if n == name {
			values = append(values, q.values[i])
		}
	}
	return values
}

func (q *params) reset() {
	clear(q.names)
	clear(q.values)
	q.names, q.values = q.names[:0], q.values[:0]
}

// get is the value of a parameter; ok says whether it was there.
func (q *params) get(name string) (value string, ok bool) {
	if i := slices.Index(q.names, name); i >= 0 {
		return q.values[i], true
	}
	return "", false
}

// flag is a parameter that is true or false; without a value it is true.
func (q *params) flag(name string) (bool, error) {
	switch value, ok := q.get(name); {
	case !ok || value == "false":
		return false, nil
	case value == "" || value == "true":
		return true, nil
	default:
		return false, badArguments("parameter " + name + " is true or false, not " + quoted(value))
	}
}

// checkQuery reads the query and refuses what the endpoint does not know: a parameter that goes unheard would be a
// promise that is not kept.
func (x *exchange) checkQuery() error {
	if x.r.URL.RawQuery == "" || x.at.anyQuery {
		return nil
	}
	for part := range strings.SplitSeq(x.r.URL.RawQuery, "&") {
		if part == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return badArguments("the query is escaped wrongly: " + err.Error())
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return badArguments("parameter " + quoted(name) + " is escaped wrongly: " + err.Error())
		}
		switch {
		case name != x.at.repeats && slices.Contains(x.query.names, name):
			return badArguments("parameter " + name + " is there twice")
		case slices.Contains(x.at.params, name):
			x.query.names = append(x.query.names, name)
			x.query.values = append(x.query.values, value)
		case slices.Contains(x.at.later, name):
			return notYet("parameter " + name)
		default:
			known := "none is"
			if len(x.at.params) > 0 {
				known = "known are: " + strings.Join(x.at.params, " ")
			}
			return badArguments("parameter " + quoted(name) + " is not known here; " + known)
		}
	}
	return nil
}

// laterHeaders are the headers of the contract that cannot be heeded yet. Ignoring them would be worse than refusing: a login
// would not identify.
var laterHeaders = []string{"Authorization"}

// checkHeaders refuses what the endpoint cannot heed.
func (x *exchange) checkHeaders() error {
	h := x.r.Header
	if x.at.anyQuery || x.at.uncounted {
		return nil
	}
	for _, name := range laterHeaders {
		if _, ok := h[name]; ok {
			return notYet("header " + name)
		}
	}
	if err := x.checkPreconditions(); err != nil {
		return err
	}
	if err := x.readKey(); err != nil {
		return err
	}
	if ids, ok := h["Holt-Session"]; ok {
		if len(ids) > 1 {
			return badArguments("header Holt-Session is there twice")
		}
		key, err := sessionKey(textproto.TrimString(ids[0]))
		if err != nil {
			p, _ := problemOf(err)
			p.Detail = "header Holt-Session: " + p.Detail
			return p
		}
		x.holder = &key
	}
	if x.r.ContentLength != 0 && !x.at.takesBody {
		return badArguments(x.r.Method + " takes no body here")
	}
	if _, ok := h["Content-Range"]; ok && x.at.takesBody {
		return badArguments("the body is the data, whole: Content-Range has no meaning here") // RFC 9110, 14.5
	}
	return nil
}

// askedZxid is the request's Holt-Zxid: the least state it may be answered from, 0 for any.
func (x *exchange) askedZxid() (znode.Zxid, error) {
	values := x.r.Header["Holt-Zxid"]
	if len(values) == 0 {
		return 0, nil
	}
	z, err := strconv.ParseUint(textproto.TrimString(values[0]), 10, 63)
	if err != nil || len(values) > 1 {
		return 0, badArguments("header Holt-Zxid is one integer, not " + quoted(strings.Join(values, ", ")))
	}
	return znode.Zxid(z), nil
}

// linearizable is the parameter consistency.
func (x *exchange) linearizable() (bool, error) {
	switch value, ok := x.query.get("consistency"); {
	case !ok || value == "local":
		return false, nil
	case value == "linearizable":
		return true, nil
	default:
		return false, refuse(wire.BadArguments, "consistency is local or linearizable, not "+quoted(value))
	}
}
