package raftfsm

import (
	"context"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// raftLogger lets the library log through ours. What it calls information is about its own steps, and is debug to us.
func raftLogger(l *slog.Logger) hclog.Logger { return &hclogger{log: l.With("component", "raft")} }

type hclogger struct {
	log  *slog.Logger
	name string
	args []any
}

var levels = map[hclog.Level]slog.Level{
	hclog.Trace: slog.LevelDebug - 4, hclog.Debug: slog.LevelDebug, hclog.Info: slog.LevelDebug, hclog.Warn: slog.LevelWarn,
	hclog.Error: slog.LevelError,
}

// overtaken is what a follower warns of when a nudge comes before the entry it speaks of.
const overtaken = "failed to get previous log"

func (h *hclogger) Log(level hclog.Level, msg string, args ...any) {
	if msg == overtaken {
		level = hclog.Debug
	}
	h.log.Log(context.Background(), levels[level], msg, args...)
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
	return &hclogger{log: h.log.With(args...), name: h.name, args: append(h.args[:len(h.args):len(h.args)], args...)}
}
func (h *hclogger) Name() string { return h.name }
func (h *hclogger) Named(name string) hclog.Logger {
	return &hclogger{log: h.log, name: name, args: h.args}
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
