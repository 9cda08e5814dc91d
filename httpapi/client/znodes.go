package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"holt/httpapi/wire"
)

const (
	znodesPrefix = "/v1/znodes"
	rawData      = "application/octet-stream"
)

// Consistency is how new the state must be that a read is answered from.
type Consistency string

const (
	// Local is the answering member's own state, but never older than what this Client has seen. It needs no leader.
	Local Consistency = "local"
	// Linearizable holds every write acknowledged by any member before the call. It needs a quorum.
	Linearizable Consistency = "linearizable"
)

// Mode is how Create makes a znode.
type Mode string

const (
	// Persistent is a znode that stays until it is deleted.
	Persistent Mode = "persistent"
	// PersistentSequential is named by the server: the path with a number behind it.
	PersistentSequential Mode = "persistent_sequential"
	// Ephemeral is a znode that goes with the session whose Client makes it.
	Ephemeral Mode = "ephemeral"
	// EphemeralSequential is both.
	EphemeralSequential Mode = "ephemeral_sequential"
	// Container is a znode that goes by itself some time after its last child has gone.
	Container Mode = "container"
	// PersistentWithTTL is a znode that goes by itself once its data was not set for its time to live, if it has no children
	// then.
	PersistentWithTTL Mode = "persistent_with_ttl"
	// PersistentSequentialWithTTL is that, named by the server.
	PersistentSequentialWithTTL Mode = "persistent_sequential_with_ttl"
)

// Making says how a znode is made. The zero Making makes a persistent one whose parent exists.
type Making struct {
	Mode    Mode          // "" means Persistent
	TTL     time.Duration // of the modes with one, in whole milliseconds
	Parents bool          // makes missing parents, persistent, in the same transaction
}

// Precondition is what must hold for a write to be done. The zero Precondition asks for nothing.
type Precondition struct{ header, value string }

// Any asks for nothing: Put creates or replaces, Delete deletes whatever version.
func Any() Precondition { return Precondition{} }

// Version asks that the znode exists with this data version, as ZooKeeper does.
func Version(n int64) Precondition { return Tag(strconv.FormatInt(n, 10)) }

// Tag asks that the znode is the one and has the version that the tag of an earlier answer names, quotes optional.
func Tag(tag string) Precondition {
	if tag == "" || tag[0] != '"' {
		tag = `"` + tag + `"`
	}
	return Precondition{"If-Match", tag}
}

// Exists asks that the znode exists.
func Exists() Precondition { return Precondition{"If-Match", "*"} }

// CreateOnly asks that the znode does not exist. It is for Put.
func CreateOnly() Precondition { return Precondition{"If-None-Match", "*"} }

// Znode is a znode that was read.
type Znode struct {
	Path string
	Data []byte // nil from Stat
	Stat wire.Stat
	Tag  string // for the precondition Tag, in quotes
	Zxid uint64 // the state it was read from
}

// Written is the answer to a write.
type Written struct {
	Path    string // as it was made: of a sequential znode with its number
	Stat    wire.Stat
	Tag     string // for the precondition Tag, in quotes
	Zxid    uint64 // of the transaction
	Created bool   // it was not there before
	// Replayed says that this write was done before, under the same key, and that this is what was answered then.
	Replayed bool
}

// Get reads a znode. NoNode if there is none.
func (c *Client) Get(ctx context.Context, path string, how Consistency) (*Znode, error) {
	return c.read(ctx, http.MethodGet, path, how)
}

// GetJSON reads a znode as the wire has it, which includes its mode. NoNode if there is none.
func (c *Client) GetJSON(ctx context.Context, path string, how Consistency) (*wire.Znode, error) {
	return ask[wire.Znode](ctx, c, &call{method: http.MethodGet, prefix: znodesPrefix, path: path, query: how.query(),
		limit: MaxJSONAnswer, header: map[string]string{"Accept": "application/json"}})
}

// Stat reads a znode without its data. NoNode if there is none.
func (c *Client) Stat(ctx context.Context, path string, how Consistency) (*Znode, error) {
	z, err := c.read(ctx, http.MethodHead, path, how)
	var e *Error
	if !errors.As(err, &e) || e.Problem.Status == 0 || errors.Is(err, NoNode) {
		return z, err
	}
	// The refusal of a HEAD has no body; asked for with its data the server says what is wrong.
	if z, err = c.read(ctx, http.MethodGet, path, how); z != nil {
		z.Data = nil
	}
	return z, err
}

func (c *Client) read(ctx context.Context, method, path string, how Consistency) (*Znode, error) {
	q := &call{method: method, prefix: znodesPrefix, path: path, query: how.query(), limit: MaxDataAnswer,
		header: map[string]string{"Accept": rawData}}
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return znodeOf(q, a)
}

// znodeOf reads a raw answer.
func znodeOf(q *call, a *answer) (z *Znode, err error) {
	z = &Znode{Path: q.path, Data: a.body, Tag: a.header.Get("Etag"), Zxid: a.zxid}
	if z.Stat, err = statOf(a.header); err != nil {
		return nil, unexpected(q, a.endpoint, err)
	}
	return z, nil
}

// Put replaces the data of a znode, or makes it, as the precondition says. BadVersion, NodeExists or NoNode where the
// precondition does not hold; NoNode also where the parent is missing.
func (c *Client) Put(ctx context.Context, path string, data []byte, when Precondition) (*Written, error) {
	return c.PutAs(ctx, path, data, when, Making{})
}

// PutAs is Put that says how the znode is made where there is none; one that exists stays what it is.
func (c *Client) PutAs(ctx context.Context, path string, data []byte, when Precondition, how Making) (*Written, error) {
	q := &call{method: http.MethodPut, prefix: znodesPrefix, path: path, body: data, write: true, limit: MaxJSONAnswer,
		query: how.query(), header: when.onto(map[string]string{"Content-Type": rawData})}
	return c.written(ctx, q)
}

// Create makes a znode. NodeExists if it is there, NoNode if its parent is not. An ephemeral mode is for a Client that
// belongs to a session: Session.Client or As.
func (c *Client) Create(ctx context.Context, path string, data []byte, mode Mode) (*Written, error) {
	return c.CreateAs(ctx, path, data, Making{Mode: mode})
}

// CreateAs is Create with all there is to say about it.
func (c *Client) CreateAs(ctx context.Context, path string, data []byte, how Making) (*Written, error) {
	q := &call{method: http.MethodPost, prefix: znodesPrefix, path: path, body: data, write: true, limit: MaxJSONAnswer,
		query: how.query(), header: map[string]string{"Content-Type": rawData}}
	return c.written(ctx, q)
}

// query is nil where nothing is out of the ordinary.
func (how Making) query() url.Values {
	v := url.Values{}
	if how.Mode != "" && how.Mode != Persistent {
		v.Set("mode", string(how.Mode))
	}
	if how.TTL != 0 {
		v.Set("ttl", how.TTL.String())
	}
	if how.Parents {
		v.Set("parents", "true")
	}
	return v
}

func (c *Client) written(ctx context.Context, q *call) (*Written, error) {
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	var body wire.Written
	if err := a.decode(q, &body); err != nil {
		return nil, err
	}
	return &Written{Path: body.Path, Stat: body.Stat, Tag: a.header.Get("Etag"), Zxid: a.zxid,
		Created: a.status == http.StatusCreated, Replayed: a.replayed}, nil
}

// Delete deletes a znode without children and gives the zxid of that. NoNode, NotEmpty, or BadVersion where the
// precondition does not hold.
func (c *Client) Delete(ctx context.Context, path string, when Precondition) (zxid uint64, err error) {
	return c.delete(ctx, path, when, nil)
}

// DeleteTree deletes a znode and all that is below it in one transaction, and gives the zxid of that. NoNode, BadVersion,
// or TooLarge where there are more znodes than one transaction may delete: Problem.Limit says how many that are.
func (c *Client) DeleteTree(ctx context.Context, path string, when Precondition) (zxid uint64, err error) {
	return c.delete(ctx, path, when, url.Values{"recursive": {"true"}})
}

func (c *Client) delete(ctx context.Context, path string, when Precondition, how url.Values) (zxid uint64, err error) {
	q := &call{method: http.MethodDelete, prefix: znodesPrefix, path: path, query: how, write: true, limit: MaxJSONAnswer,
		header: when.onto(map[string]string{})}
	a, err := c.do(ctx, q)
	if err != nil {
		return 0, err
	}
	return a.zxid, nil
}

func (p Precondition) onto(h map[string]string) map[string]string {
	if p.header != "" {
		h[p.header] = p.value
	}
	return h
}

// query is nil for local reads: it is the default, and a short request is a cheap one.
func (how Consistency) query() url.Values {
	if how == "" || how == Local {
		return nil
	}
	return url.Values{"consistency": {string(how)}}
}

// statOf reads the stat of a raw answer, which is in its headers. A header that is missing is an error: a stat of
// zeros would look like a znode never written.
func statOf(h http.Header) (wire.Stat, error) {
	var s wire.Stat
	for _, f := range []struct {
		name string
		to   *int64
	}{
		{"Version", &s.Version}, {"Cversion", &s.Cversion}, {"Aversion", &s.Aversion}, {"Ctime", &s.Ctime},
		{"Mtime", &s.Mtime}, {"Data-Length", &s.DataLength}, {"Num-Children", &s.NumChildren},
	} {
		n, err := strconv.ParseInt(h.Get("Znode-"+f.name), 10, 64)
		if err != nil {
			return s, fmt.Errorf("header Znode-%s: %w", f.name, err)
		}
		*f.to = n
	}
	for _, f := range []struct {
		name string
		to   *uint64
	}{{"Czxid", &s.Czxid}, {"Mzxid", &s.Mzxid}, {"Pzxid", &s.Pzxid}} {
		n, err := strconv.ParseUint(h.Get("Znode-"+f.name), 10, 64)
		if err != nil {
			return s, fmt.Errorf("header Znode-%s: %w", f.name, err)
		}
		*f.to = n
	}
	s.EphemeralOwner = h.Get("Znode-Ephemeral-Owner")
	return s, nil
}
