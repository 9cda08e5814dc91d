package raftfsm

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

// raftLogger lets the library log through ours. What it calls information is about its own steps, and is debug to us.
func raftLogger(l *slog.Logger) hclog.Logger {
	return &hclogger{log: l.With("component", "raft"), calm: &calm{last: make(map[string]time.Time)}}
}

type hclogger struct {
	log  *slog.Logger
	calm *calm
	name string
	args []any
}

var levels = map[hclog.Level]slog.Level{
	hclog.Trace: slog.LevelDebug - 4, hclog.Debug: slog.LevelDebug, hclog.Info: slog.LevelDebug, hclog.Warn: slog.LevelWarn,
	hclog.Error: slog.LevelError,
}

// usual is what the library warns of and a healthy cluster does: a follower gets a nudge before the entry it speaks of,
// a member starts and hears of no leader yet. Changes of leader are logged by observe.
var usual = map[string]bool{
	"failed to get previous log": true, "heartbeat timeout reached, starting election": true,
}

// unreachable is what the library says at each try while another member is away. Once in a while is enough.
var unreachable = map[string]bool{
	"failed to make requestVote RPC": true, "failed to appendEntries to": true, "failed to heartbeat to": true,
	"failed to make requestPreVote RPC": true, "failed to pre-vote for": true,
	"Election timeout reached, restarting election": true,
}

// unreachableEvery is how often one of the messages above is let through.
const unreachableEvery = 10 * time.Second

// parting is what the library says of a connection it reads from or writes to; when the other end is gone, that is no error of anybody's,
// and package peer has told of it.
var parting = map[string]bool{"failed to decode incoming command": true, "failed to flush response": true}

// parted says whether one of the values is an error that means that a connection has ended.
func parted(args []any) bool {
	for _, a := range args {
		err, ok := a.(error)
		if ok && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
			errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
			return true
		}
	}
	return false
}

// Log is hclog's.
func (h *hclogger) Log(level hclog.Level, msg string, args ...any) {
	switch {
	case usual[msg], parting[msg] && parted(args):
		level = hclog.Debug
	case unreachable[msg]:
		if level = hclog.Warn; !h.calm.due(msg) {
			level = hclog.Debug
		}
	}
	h.log.Log(context.Background(), levels[level], msg, args...)
}

// calm remembers when each message was last let through.
type calm struct {
	mu   sync.Mutex // guards last
	last map[string]time.Time
}

func (c *calm) due(msg string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if last, ok := c.last[msg]; ok && now.Sub(last) < unreachableEvery {
		return false
	}
	c.last[msg] = now
	return true
}

func (h *hclogger) Trace(msg string, args ...any) { h.Log(hclog.Trace, msg, args...) }
func (h *hclogger) Debug(msg string, args ...any) { h.Log(hclog.Debug, msg, args...) }
func (h *hclogger) Info(msg string, args ...any)  { h.Log(hclog.Info, msg, args...) }
func (h *hclogger) Warn(msg string, args ...any)  { h.Log(hclog.Warn, msg, args...) }
func (h *hclogger) Error(msg string, args ...any) { h.Log(hclog.Error, msg, args...) }

func (h *hclogger) on(level hclog.Level) bool {
	return h.log.Enabled(context.Background(), levels[level])
}
func (h *hclogger) IsTrace() bool { return h.on(hclog.Trace) }
func (h *hclogger) IsDebug() bool { return h.on(hclog.Debug) }
func (h *hclogger) IsInfo() bool  { return h.on(hclog.Info) }
func (h *hclogger) IsWarn() bool  { return h.on(hclog.Warn) }
func (h *hclogger) IsError() bool { return h.on(hclog.Error) }

func (h *hclogger) ImpliedArgs() []any { return h.args }
func (h *hclogger) With(args ...any) hclog.Logger {
	return &hclogger{log: h.log.With(args...), calm: h.calm, name: h.name, args: append(h.args[:len(h.args):len(h.args)], args...)}
}
func (h *hclogger) Name() string { return h.name }
func (h *hclogger) Named(name string) hclog.Logger {
	return &hclogger{log: h.log, calm: h.calm, name: name, args: h.args}
}
func (h *hclogger) ResetNamed(name string) hclog.Logger { return h.Named(name) }

// SetLevel does nothing: slog decides.
func (h *hclogger) SetLevel(hclog.Level) {}

func (h *hclogger) GetLevel() hclog.Level {
	for _, l := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Warn, hclog.Error} {
		if h.on(l) {
			return l
		}
	}
	return hclog.Off
}
func (h *hclogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(h.log.Handler(), slog.LevelDebug)
}
func (h *hclogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return h.StandardLogger(nil).Writer()
}
