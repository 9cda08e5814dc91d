package httpapi

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"time"
)

// MaxRequestIDBytes bounds the X-Request-Id that a request may have.
const MaxRequestIDBytes = 64

// Each request is one line of the log, if the log takes lines of its level: info where Config.AccessLog asks for it, else debug. The line
// says neither data nor query, nor the id of a session nor an Idempotency-Key: whoever may read the log may not do what those allow.

// accessLevel is that level.
func (c *Config) accessLevel() slog.Level {
	if c.AccessLog {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// identify takes over the id that the client gave the request, and says it back; a request that is to be logged and has none is given one.
func (x *exchange) identify() {
	ids := x.r.Header["X-Request-Id"]
	x.logged = x.api.log.Enabled(x.r.Context(), x.api.accessLevel)
	switch {
	case len(ids) == 1 && isRequestID(ids[0]):
		x.id = ids[0]
		x.Header()["X-Request-Id"] = ids
	case x.logged:
		x.id = newRequestID()
	}
	if x.logged {
		x.sent = counted{ResponseWriter: x.ResponseWriter}
		x.ResponseWriter = &x.sent
	}
}

// isRequestID says whether an id is fit for a log: others are passed over, not refused, since who sends them may be a proxy.
func isRequestID(id string) bool {
	if len(id) == 0 || len(id) > MaxRequestIDBytes {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-':
		default:
			return false
		}
	}
	return true
}

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // which never fails
	return hex.EncodeToString(b[:])
}

// access writes the line.
func (x *exchange) access(took time.Duration) {
	if !x.logged {
		return
	}
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs, slog.String("method", x.r.Method), slog.String("route", x.at.route), slog.String("path", loggable(x.r.URL.Path)),
		slog.Int("status", x.status), slog.Float64("took_ms", float64(took.Microseconds())/1000), slog.Int64("bytes", x.sent.bytes))
	if x.zxid != 0 {
		attrs = append(attrs, slog.Uint64("zxid", uint64(x.zxid)))
	}
	attrs = append(attrs, slog.String("request_id", x.id), slog.String("remote", x.r.RemoteAddr))
	x.api.log.LogAttrs(x.r.Context(), x.api.accessLevel, "request", attrs...)
}

// counted counts the bytes of an answer's body.
type counted struct {
	http.ResponseWriter
	bytes int64
}

// Write is the ResponseWriter's.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// WriteString spares io.WriteString a copy, as net/http's own does.
func (c *counted) WriteString(s string) (n int, err error) {
	if w, ok := c.ResponseWriter.(interface{ WriteString(string) (int, error) }); ok {
		n, err = w.WriteString(s)
	} else {
		n, err = c.ResponseWriter.Write([]byte(s))
	}
	c.bytes += int64(n)
	return n, err
}

// SetReadDeadline is a deadliner's.
func (c *counted) SetReadDeadline(t time.Time) error {
	if d, ok := c.ResponseWriter.(deadliner); ok {
		return d.SetReadDeadline(t)
	}
	return http.ErrNotSupported
}

// SetWriteDeadline is a deadliner's.
func (c *counted) SetWriteDeadline(t time.Time) error {
	if d, ok := c.ResponseWriter.(deadliner); ok {
		return d.SetWriteDeadline(t)
	}
	return http.ErrNotSupported
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }
