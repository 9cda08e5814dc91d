package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"holt/raftfsm/watch"
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
	// DefaultMaxStreams bounds the event streams and long polls at once.
	DefaultMaxStreams = 20_000
	// DefaultMinSessionTimeout and DefaultMaxSessionTimeout bound the timeout of a new session.
	DefaultMinSessionTimeout = 2 * time.Second
	DefaultMaxSessionTimeout = time.Hour
	// DefaultSessionTimeout is the timeout of a new session that asks for none.
	DefaultSessionTimeout = 30 * time.Second
	// DefaultHeartbeat is how long a stream may be silent.
	DefaultHeartbeat = 15 * time.Second
	// DefaultStreamLife is how long a stream lasts at most.
	DefaultStreamLife = time.Hour
	// DefaultStreamWriteTimeout is how long a client may take to accept a part of a stream.
	DefaultStreamWriteTimeout = 10 * time.Second
	// DefaultAnswerTimeout is how long an answer may take from the request's arrival until all of it is written;
	// a streamed one gets as much for each part.
	DefaultAnswerTimeout = 60 * time.Second
	// DefaultPipelineIdle is how long the client of a pipeline may send nothing.
	DefaultPipelineIdle = 5 * time.Minute
)

// Config is what an API is made of. Zero sizes and times stand for the defaults above.
type Config struct {
	Proposer Proposer
	Reader   Reader
	Cluster  Cluster
	Sessions Sessions
	Hub      *watch.Hub
	Logger   *slog.Logger
	// Restore is what PUT /v1/snapshot calls; nil answers 501.
	Restore Restorer

	// AllowedHosts are names the Host header may have besides localhost, loopback addresses and the address a request
	// came in at. A port in them is ignored; "*" allows every name.
	AllowedHosts []string
	// MaxDataBytes bounds the data of a znode, at most znode.MaxDataBytes, which is the default.
	MaxDataBytes int
	// RequirePrecondition refuses PUT and DELETE of a znode without If-Match or If-None-Match.
	RequirePrecondition bool
	// MaxRequests bounds the requests in work at once; more are told to come again. Health, metrics and the files of the web
	// page are not counted.
	MaxRequests int
	// MaxStreams bounds the event streams and long polls at once, which MaxRequests does not count.
	MaxStreams int

	// MinSessionTimeout and MaxSessionTimeout are what the timeout of a new session is raised or lowered to. The domain
	// allows 100 ms to 24 h.
	MinSessionTimeout time.Duration
	MaxSessionTimeout time.Duration
	// SessionTimeout is that of a new session that asks for none, if it is between the two.
	SessionTimeout time.Duration

	// Heartbeat is after how long without an event a stream says how far it is.
	Heartbeat time.Duration
	// StreamLife is how long a stream lasts at most. Each lasts at least half as long, by chance, so that they do not all
	// come back together.
	StreamLife time.Duration
	// StreamWriteTimeout is how long a client may take to accept a part of a stream.
	StreamWriteTimeout time.Duration

	WriteWait     time.Duration
	ZxidWait      time.Duration
	LinearWait    time.Duration
	BodyTimeout   time.Duration
	AnswerTimeout time.Duration
	// PipelineIdle is how long the client of a pipeline may send no line. One that it has begun must be there within BodyTimeout.
	PipelineIdle time.Duration

	// Core are the limits of what is behind the interfaces, to be shown by /v1/limits.
	Core CoreLimits

	// AccessLog has each request logged at level info. Otherwise it is at level debug.
	AccessLog bool

	// Metrics counts requests; nil counts nothing. Package httpapi/metrics has the one for Prometheus.
	Metrics Metrics
	// MetricsHandler answers /metrics; nil answers 501.
	MetricsHandler http.Handler
	// UI is the web page; nil answers 501.
	UI UI
}

// CoreLimits are limits that the Proposer holds. Zero means none.
type CoreLimits struct {
	WaitingWrites     int64 // writes of one member that wait for their outcome; more are throttled
	WaitingWriteBytes int64 // of them together
	DiskReserveBytes  int64 // room on the leader's disk below which only deletes are taken
	Members           int64 // of the cluster
	Voters            int64 // of them, those that are to vote included
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
	case c.Sessions == nil:
		return errors.New("httpapi: no sessions")
	case c.Hub == nil:
		return errors.New("httpapi: no hub")
	case c.Logger == nil:
		return errors.New("httpapi: no logger")
	case c.MaxDataBytes < 0 || c.MaxDataBytes > znode.MaxDataBytes:
		return fmt.Errorf("httpapi: at most %d bytes of data can be allowed, not %d", znode.MaxDataBytes, c.MaxDataBytes)
	case c.MaxRequests < 0:
		return fmt.Errorf("httpapi: %d requests at once", c.MaxRequests)
	case c.MaxStreams < 0:
		return fmt.Errorf("httpapi: %d streams at once", c.MaxStreams)
	case min(c.Heartbeat, c.StreamLife, c.StreamWriteTimeout, c.SessionTimeout) < 0:
		return errors.New("httpapi: a negative time for streams or sessions")
	case c.MinSessionTimeout != 0 && c.MinSessionTimeout < minSessionTimeout || c.MaxSessionTimeout > maxSessionTimeout:
		return fmt.Errorf("httpapi: a session's timeout can be allowed to be %s to %s", minSessionTimeout, maxSessionTimeout)
	case cmp.Or(c.MinSessionTimeout, DefaultMinSessionTimeout) > cmp.Or(c.MaxSessionTimeout, DefaultMaxSessionTimeout):
		return fmt.Errorf("httpapi: the least timeout of a session, %s, is more than the greatest", c.MinSessionTimeout)
	case min(c.WriteWait, c.ZxidWait, c.LinearWait, c.BodyTimeout, c.AnswerTimeout, c.PipelineIdle) < 0:
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
	c.MaxDataBytes = cmp.Or(c.MaxDataBytes, znode.MaxDataBytes)
	c.MaxRequests = cmp.Or(c.MaxRequests, DefaultMaxRequests)
	c.MaxStreams = cmp.Or(c.MaxStreams, DefaultMaxStreams)
	for _, d := range []struct {
		is     *time.Duration
		absent time.Duration
	}{
		{&c.WriteWait, DefaultWriteWait}, {&c.ZxidWait, DefaultZxidWait}, {&c.LinearWait, DefaultLinearWait},
		{&c.BodyTimeout, DefaultBodyTimeout}, {&c.AnswerTimeout, DefaultAnswerTimeout},
		{&c.MinSessionTimeout, DefaultMinSessionTimeout}, {&c.MaxSessionTimeout, DefaultMaxSessionTimeout},
		{&c.SessionTimeout, DefaultSessionTimeout}, {&c.PipelineIdle, DefaultPipelineIdle}, {&c.Heartbeat, DefaultHeartbeat},
		{&c.StreamLife, DefaultStreamLife}, {&c.StreamWriteTimeout, DefaultStreamWriteTimeout},
	} {
		*d.is = cmp.Or(*d.is, d.absent)
	}
	if c.Metrics == nil {
		c.Metrics = uncounted{}
	}
	return c
}

// What the domain allows a session's timeout to be.
const (
	minSessionTimeout = znode.MinSessionTimeout * time.Millisecond
	maxSessionTimeout = znode.MaxSessionTimeout * time.Millisecond
)
