package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// profileHeaderTime bounds reading the head of a request for a profile.
const profileHeaderTime = 10 * time.Second

// profiles serves net/http/pprof on an address of its own. A profile shows what the process is doing, data included, and taking one
// costs: so they are off by default and for this machine alone.
type profiles struct {
	server *http.Server
	served chan error
}

// checkLoopback refuses an address that other machines can reach.
func checkLoopback(addr string) error {
	if err := checkAddr(addr); err != nil {
		return err
	}
	if host, _, _ := net.SplitHostPort(addr); !loopbackName(host) {
		return fmt.Errorf("%q can be reached from other machines: take 127.0.0.1 or localhost", addr)
	}
	return nil
}

// loopbackName says whether a host is this machine for itself.
func loopbackName(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serveProfiles listens at addr, or does nothing where it is "".
func serveProfiles(addr string, log *slog.Logger) (*profiles, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("HOLT_PPROF_ADDR: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	p := &profiles{served: make(chan error, 1), server: &http.Server{
		Handler: forLoopbackNames(mux), ReadHeaderTimeout: profileHeaderTime, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() { p.served <- p.server.Serve(l) }()
	log.Info("serving profiles", "pprof", l.Addr().String())
	return p, nil
}

// forLoopbackNames refuses requests under another name than this machine's own: a page in a browser here may call itself anything.
func forLoopbackNames(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !loopbackName(host) {
			http.Error(w, "ask for 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// close stops it and waits for its goroutine; profiles being taken are cut off.
func (p *profiles) close() error {
	if p == nil {
		return nil
	}
	err := p.server.Close()
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
