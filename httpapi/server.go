package httpapi

import (
	"log/slog"
	"net/http"
	"time"
)

// Limits of the server below the API.
const (
	// ReadHeaderTimeout is how long the header of a request may take to arrive.
	ReadHeaderTimeout = 5 * time.Second
	// IdleTimeout is how long a connection is kept without a request.
	IdleTimeout = 120 * time.Second
	// MaxHeaderBytes bounds the header of a request; net/http answers 431 itself. A path of 4,096 bytes, all of them
	// escaped, fits in.
	MaxHeaderBytes = 32 << 10
	// MaxConcurrentStreams bounds the requests in work at once on one HTTP/2 connection; more wait.
	MaxConcurrentStreams = 250
	// StalledWriteTimeout is how long an HTTP/2 connection may take not a byte of what is written to it.
	StalledWriteTimeout = 30 * time.Second
)

// NewServer is an http.Server for h, most likely an API's Handler, that speaks HTTP/1.1 and HTTP/2, the latter also
// without TLS to clients that know it does. The time for bodies and answers is limited by the handlers, since streams
// may take for ever: WriteTimeout and ReadTimeout would end them.
func NewServer(addr string, h http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: ReadHeaderTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: MaxConcurrentStreams, WriteByteTimeout: StalledWriteTimeout},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
