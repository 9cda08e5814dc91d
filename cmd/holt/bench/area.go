package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"strconv"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

const (
	fillOps      = 256     // znodes made in a transaction, at most
	fillBytes    = 1 << 20 // and their data
	removeOps    = 512
	removeRounds = 5
)

// area is the part of the tree that bench works in: one znode under the root, and keys below it.
type area struct {
	cfg   Config
	root  string
	hosts []string // host:port of the endpoints
	data  []byte
	cl    *client.Client
}

// newArea makes nothing yet.
func newArea(cfg Config) (*area, error) {
	id := make([]byte, 6)
	rand.Read(id)
	a := &area{cfg: cfg, root: "/holt-bench-" + hex.EncodeToString(id), data: make([]byte, cfg.Size)}
	rand.Read(a.data)
	for _, e := range cfg.Endpoints {
		u, err := url.Parse(e)
		if err != nil {
			return nil, err
		}
		host := u.Host
		if u.Port() == "" {
			host += ":80"
		}
		a.hosts = append(a.hosts, host)
	}
	cl, err := client.New(client.Config{Endpoints: cfg.Endpoints, Timeout: callTimeout, Logger: cfg.Log})
	if err != nil {
		return nil, err
	}
	a.cl = cl.Keyless() // what is kept of the preparations would be measured
	return a, nil
}

// fill makes the znodes, and returns when every endpoint has them.
func (a *area) fill(ctx context.Context) error {
	if _, err := a.cl.Create(ctx, a.root, nil, client.Persistent); err != nil {
		return fmt.Errorf("making the znode of this run: %w", err)
	}
	batch := min(fillOps, max(1, fillBytes/max(1, a.cfg.Size)))
	data := base64.StdEncoding.EncodeToString(a.data)
	for at := 0; at < a.cfg.Keys; at += batch {
		var ops []wire.Op
		for k := at; k < min(at+batch, a.cfg.Keys); k++ {
			ops = append(ops, wire.Op{Op: "create", Path: a.root + "/" + string(appendKey(nil, k)), Data: &data, Encoding: wire.Base64})
		}
		if _, err := a.cl.Txn(ctx, ops); err != nil {
			return fmt.Errorf("making the znodes that are read and written: %w", err)
		}
	}
	for _, e := range a.cfg.Endpoints {
		one, err := client.New(client.Config{Endpoints: []string{e}, Timeout: callTimeout, Logger: a.cfg.Log})
		if err != nil {
			return err
		}
		one.Seen(a.cl.Zxid())
		_, err = one.Stat(ctx, a.root, client.Local)
		one.Close()
		if err != nil {
			return fmt.Errorf("waiting for %s to have the znodes: %w", e, err)
		}
	}
	return nil
}

// remove deletes what is there of the area, in several rounds should a transaction fail on the way.
func (a *area) remove(ctx context.Context) error {
	defer a.cl.Close()
	var err error
	for range removeRounds {
		if err = a.removeOnce(ctx); err == nil || errors.Is(err, client.NoNode) {
			return nil
		}
	}
	return fmt.Errorf("%s is left over, remove it yourself: %w", a.root, err)
}

func (a *area) removeOnce(ctx context.Context) error {
	for {
		p, err := a.cl.Children(ctx, a.root, client.ChildrenQuery{Limit: removeOps})
		if err != nil {
			return err
		}
		if len(p.Children) == 0 {
			break
		}
		var ops []wire.Op
		for _, child := range p.Children {
			ops = append(ops, wire.Op{Op: "delete", Path: a.root + "/" + child.Name})
		}
		if _, err := a.cl.Txn(ctx, ops); err != nil {
			return err
		}
	}
	_, err := a.cl.Delete(ctx, a.root, client.Any())
	return err
}

// request makes the requests of a kind of work.
func (a *area) request(work Work, mix int) requests {
	target := " /v1/znodes" + a.root + "/"
	length := strconv.Itoa(len(a.data))
	get := func(query string) requests {
		return func(out []byte, host string, rnd *mathrand.Rand) []byte {
			out = appendKey(append(append(out, "GET"...), target...), rnd.IntN(a.cfg.Keys))
			return append(append(append(out, query+" HTTP/1.1\r\nHost: "...), host...), "\r\n\r\n"...)
		}
	}
	put := func(out []byte, host string, rnd *mathrand.Rand) []byte {
		out = appendKey(append(append(out, "PUT"...), target...), rnd.IntN(a.cfg.Keys))
		out = append(append(out, " HTTP/1.1\r\nHost: "...), host...)
		out = append(append(out, "\r\nContent-Type: application/octet-stream\r\nContent-Length: "...), length...)
		return append(append(out, "\r\n\r\n"...), a.data...)
	}
	switch work {
	case Linear:
		return get("?consistency=linearizable")
	case Write:
		return put
	case Mixed:
		read := get("")
		return func(out []byte, host string, rnd *mathrand.Rand) []byte {
			if rnd.IntN(100) < mix {
				return read(out, host, rnd)
			}
			return put(out, host, rnd)
		}
	}
	return get("")
}

// bareRequest asks the bare server for its body, with a request as long as one to holt.
func bareRequest() requests {
	return func(out []byte, host string, rnd *mathrand.Rand) []byte {
		out = appendKey(append(out, "GET /v1/znodes/holt-bench-000000000000/"...), rnd.IntN(MaxKeys))
		return append(append(append(out, " HTTP/1.1\r\nHost: "...), host...), "\r\n\r\n"...)
	}
}

// appendKey appends the name of the k-th znode.
func appendKey(out []byte, k int) []byte {
	for div := 100_000; div > 0; div /= 10 {
		out = append(out, byte('0'+k/div%10))
	}
	return out
}
