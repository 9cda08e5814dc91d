// Package client is the Go client of holt's HTTP interface.
//
// It promises that a call is sent again, to the next member, until there is a definite answer or time is up, and that a
// write is done once nevertheless: it carries an Idempotency-Key. If time is up before that, it is OutcomeUnknown if an
// attempt may have been carried out, with the key in the Error to ask again under, else it is not done. A Keyless write is
// sent again only when it was certainly not carried out. What one call has seen, the next call of the same Client sees too,
// whichever member answers it: the client sends the highest Holt-Zxid it was given. Every wait ends with the context or the
// timeout, and every answer has a greatest size.
//
// A Session renews itself until it is closed, or until it may be over by this process's own clock: from then on it does
// nothing more. A Watch resumes by itself, on whichever member answers, and tells every change once and in order, or
// says that something may be missing.
//
// It does not judge paths (the server does), and caches nothing. The servers keep the outcome of a write for 10 minutes,
// unless there are too many: it does not go on longer than half of that.
package client

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Limits of a client.
const (
	// MaxEndpoints bounds Config.Endpoints.
	MaxEndpoints = 64
	// MaxDataAnswer bounds the data of a znode that is read, in bytes.
	MaxDataAnswer = 16 << 20
	// MaxJSONAnswer bounds an answer in JSON, in bytes. A page of children with their data can come near it.
	MaxJSONAnswer = 64 << 20
	// maxProblem bounds the body of a refusal, in bytes.
	maxProblem = 1 << 20

	defaultTimeout = 15 * time.Second
	dialTimeout    = 2 * time.Second
	maxIdleConns   = 64 // for each endpoint
	maxHeaderBytes = 64 << 10
	idleTimeout    = 90 * time.Second
)

// Config is what a Client is made from.
type Config struct {
	// Endpoints are the members' base URLs, such as http://10.0.0.1:7070 (http:// may be left out). At least one.
	Endpoints []string
	// HTTP sends the requests; nil means a client of our own, without proxies. Redirects are never followed.
	HTTP *http.Client
	// Timeout bounds a call with all its repetitions; 0 means 15 s. A read may spend half of it on one member, a write
	// three quarters, a Keyless write all.
	Timeout time.Duration
	// Unreachable bounds how long a call goes on while no endpoint at all takes a connection; 0 means Timeout. It is not
	// for a write that may have been carried out.
	Unreachable time.Duration
	// Logger is told, at debug level, when a call goes on to another member; nil means nobody is.
	Logger *slog.Logger
}

// Validate says what is wrong with the configuration.
func (cfg Config) Validate() error {
	switch {
	case len(cfg.Endpoints) == 0:
		return errors.New("no endpoints")
	case len(cfg.Endpoints) > MaxEndpoints:
		return fmt.Errorf("%d endpoints, at most %d are allowed", len(cfg.Endpoints), MaxEndpoints)
	case cfg.Timeout < 0 || cfg.Unreachable < 0:
		return errors.New("a timeout must not be negative")
	}
	for _, e := range cfg.Endpoints {
		if _, err := parseEndpoint(e); err != nil {
			return err
		}
	}
	return nil
}

// Client talks to one cluster. Its methods may be called from many goroutines.
type Client struct {
	*shared
	as      *holder // whom the requests belong to; nil: to nobody
	key     string  // of its writes; "" means one for each
	keyless bool    // no key at all
}

// holder is a session as the requests that belong to it know it.
type holder struct {
	id   SessionID
	over func() error // not nil once it may be over by this process's clock; nil where nobody looks
}

// As gives a Client whose requests belong to a session that was opened elsewhere: what they write is done only while it
// is alive, and each renews it. Nothing renews it otherwise. Both share connections and what they have seen.
func (c *Client) As(id SessionID) *Client {
	d := *c
	d.as = &holder{id: id}
	return &d
}

// shared is what all Clients of a cluster have in common.
type shared struct {
	endpoints   []string // scheme://host, nothing behind it
	http        *http.Client
	timeout     time.Duration
	unreachable time.Duration
	log         *slog.Logger
	owned       *http.Transport // closed by Close; nil where Config.HTTP was given

	preferred atomic.Int64  // index of the endpoint that answered last
	seen      atomic.Uint64 // the highest zxid any answer carried
}

// New makes a Client; nothing is sent yet.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	c := &shared{timeout: cfg.Timeout, unreachable: cfg.Unreachable, log: cfg.Logger}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	if c.unreachable == 0 {
		c.unreachable = c.timeout
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for _, e := range cfg.Endpoints {
		base, _ := parseEndpoint(e) // Validate has looked at it
		c.endpoints = append(c.endpoints, base)
	}
	c.http = c.httpClient(cfg.HTTP)
	return &Client{shared: c}, nil
}

// Close gives back idle connections. Calls under way are not disturbed.
func (c *shared) Close() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
}

// Zxid is the highest zxid any answer carried; 0 before the first.
func (c *shared) Zxid() uint64 { return c.seen.Load() }

// Seen makes the following calls read a state of at least zxid, as if an answer had carried it.
func (c *shared) Seen(zxid uint64) {
	for {
		old := c.seen.Load()
		if zxid <= old || c.seen.CompareAndSwap(old, zxid) {
			return
		}
	}
}

// forget is for a cluster that is not the one it was: what was seen of the other will never be there.
func (c *shared) forget(zxid uint64) {
	for {
		old := c.seen.Load()
		if zxid >= old || c.seen.CompareAndSwap(old, zxid) {
			return
		}
	}
}

// httpClient is given, or a client of our own, with redirects off: a write that wandered to another address would no
// longer be the one that was asked for.
func (c *shared) httpClient(given *http.Client) *http.Client {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if given != nil {
		own := *given
		own.CheckRedirect = stay
		return &own
	}
	c.owned = &http.Transport{
		DialContext:            (&net.Dialer{Timeout: min(dialTimeout, c.timeout/2)}).DialContext,
		MaxIdleConnsPerHost:    maxIdleConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		ExpectContinueTimeout:  continueTimeout,
	}
	return &http.Client{Transport: c.owned, CheckRedirect: stay}
}

// parseEndpoint gives scheme://host of an endpoint.
func parseEndpoint(s string) (string, error) {
	text := strings.TrimSpace(s)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("endpoint %q: %w", s, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("endpoint %q: the scheme must be http or https", s)
	case u.Hostname() == "":
		return "", fmt.Errorf("endpoint %q: it has no host", s)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "", fmt.Errorf("endpoint %q: only scheme, host and port are allowed", s)
	}
	return u.Scheme + "://" + u.Host, nil
}
