package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"holt/httpapi/wire"
)

const (
	// healthWait bounds the whole of a health check.
	healthWait = 3 * time.Second
	// maxHealth bounds the answer that is read, in bytes.
	maxHealth = 64 << 10
)

// healthCmd needs no client: it asks one member, once, and its answer is its exit code.
type healthCmd struct {
	URL  string `arg:"" optional:"" help:"The member to ask (default: the one that listens at HOLT_HTTP_ADDR on this machine)."`
	Live bool   `help:"Whether the process is worth keeping, in place of whether it can be used: it needs no leader."`

	HTTPAddr string `name:"http-addr" env:"HOLT_HTTP_ADDR" default:"127.0.0.1:7070" placeholder:"HOST:PORT" help:"Where the member listens, if no URL is given."`
}

// Run asks and says what was answered.
func (cmd *healthCmd) Run(ctx context.Context, con *console) error {
	target, err := cmd.target()
	if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return usageError{err}
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer from %s within %v", target, healthWait)
		}
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxHealth))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var p wire.Problem
		if json.Unmarshal(body, &p) != nil || p.Detail == "" {
			p.Detail = "no answer of holt's"
		}
		return fmt.Errorf("status %d: %s", res.StatusCode, p.Detail)
	}
	_, err = fmt.Fprintln(con.out, "ok")
	return err
}

// target is the URL to ask.
func (cmd *healthCmd) target() (string, error) {
	path := "/readyz"
	if cmd.Live {
		path = "/livez"
	}
	if cmd.URL == "" {
		if err := checkAddr(cmd.HTTPAddr); err != nil {
			return "", fmt.Errorf("HOLT_HTTP_ADDR: %w", err)
		}
		return "http://" + dialable(cmd.HTTPAddr) + path, nil
	}
	if err := checkURL(cmd.URL); err != nil {
		return "", err
	}
	return strings.TrimSuffix(cmd.URL, "/") + path, nil
}

// dialable is where this machine reaches what listens at addr, which may be all its addresses.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
