package httpapi

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

const (
	// MaxKeepalives bounds the sessions one request can renew.
	MaxKeepalives = 10_000
	// MaxKeepaliveBodyBytes bounds the body that lists them.
	MaxKeepaliveBodyBytes = 1 << 20
)

// kept is what a renewal is answered with. The next is due after a third of the timeout: two more can fail. Up to a
// fifth less, by chance, so that those who came together do not for ever.
func kept(l *command.Lease) wire.Kept {
	third := l.Timeout / 3
	return wire.Kept{TimeoutMs: l.Timeout, ExpiresInMs: max(0, l.ExpiresIn), NextKeepaliveMs: third - rand.Int64N(third/5+1)}
}

// postSessionKeepalive answers POST /v1/sessions/{id}/keepalive.
func (a *API) postSessionKeepalive(x *exchange) error {
	key, err := x.own()
	if err != nil {
		return err
	}
	if s, err := a.cfg.Reader.State(); err == nil {
		if err := x.lives(s, true); err != nil {
			return err // over for good, which takes no leader to know
		}
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), a.cfg.LinearWait)
	defer cancel()
	lease, err := a.renew(ctx, key)
	if err != nil {
		return err
	}
	x.setOwnZxid()
	k := kept(&lease)
	return x.writeValue(http.StatusOK, &k)
}

// postKeepalive answers POST /v1/keepalive: many at once, in the form they were given in.
func (a *API) postKeepalive(x *exchange) error {
	if err := x.present(); err != nil {
		return err
	}
	ids, list, err := x.keepaliveIDs()
	if err != nil {
		return err
	}
	keys := make([]znode.SessionKey, len(ids))
	for i, id := range ids {
		if keys[i], err = sessionKey(id); err != nil {
			p, _ := problemOf(err)
			p.Detail = "entry " + strconv.Itoa(i) + ": " + p.Detail
			return p
		}
	}
	var leases []command.Lease
	if len(keys) > 0 {
		ctx, cancel := context.WithTimeout(x.r.Context(), a.cfg.LinearWait)
		defer cancel()
		if leases, err = a.cfg.Sessions.Keepalive(ctx, keys); err != nil {
			return err
		}
	}
	x.setOwnZxid()
	results := make([]wire.KeepaliveResult, len(ids))
	for i := range results {
		results[i] = keepaliveResult(ids[i], &leases[i])
	}
	if list {
		return x.writeValue(http.StatusOK, results)
	}
	var b []byte
	for i := range results {
		line, err := json.Marshal(&results[i])
		if err != nil {
			return err
		}
		b = append(append(b, line...), '\n')
	}
	return x.writeWhole(http.StatusOK, typeNDJSON, b)
}

func keepaliveResult(id string, l *command.Lease) wire.KeepaliveResult {
	if l.Alive {
		k := kept(l)
		return wire.KeepaliveResult{ID: id, Kept: &k}
	}
	p := sessionOver(l.Reason)
	return wire.KeepaliveResult{ID: id, Code: p.Code, Reason: p.Reason}
}

// keepaliveIDs reads the body; list says that it is one JSON list and not a line for each.
func (x *exchange) keepaliveIDs() (ids []string, list bool, err error) {
	t := x.r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(t)
	lines := err == nil && media == "application/x-ndjson"
	if t != "" && !lines && (err != nil || media != "application/json") {
		return nil, false, badArguments("the body is application/x-ndjson or application/json, not " + quoted(t))
	}
	body, err := x.body(MaxKeepaliveBodyBytes)
	if err != nil {
		return nil, false, err
	}
	if t == "" {
		lines = !strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "[")
	}
	if !lines {
		if err := wire.Decode(body, &ids); err != nil {
			return nil, true, badArguments("the body is not a JSON list of ids: " + err.Error())
		}
		return ids, true, tooManyIDs(len(ids))
	}
	number := 0
	for line := range strings.Lines(body) {
		number++
		if line = strings.Trim(line, " \t\r\n"); line == "" {
			continue
		}
		var id string
		if err := wire.Decode(line, &id); err != nil {
			return nil, false, badArguments("line " + strconv.Itoa(number) + " is not an id as a JSON string: " + err.Error())
		}
		ids = append(ids, id)
	}
	return ids, false, tooManyIDs(len(ids))
}

func tooManyIDs(n int) error {
	if n > MaxKeepalives {
		return tooMany("one request can renew "+strconv.Itoa(MaxKeepalives)+" sessions", MaxKeepalives, int64(n))
	}
	return nil
}
