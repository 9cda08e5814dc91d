package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"holt/httpapi/client"
)

const (
	defaultEndpoint = "http://127.0.0.1:7070"

	// unreachableFor is how long a verb goes on while nothing at all listens: a member's restart, but no coffee break.
	unreachableFor = 2 * time.Second

	// maxInput bounds data read from a file or standard input, in bytes. Servers take less and say so; this is for
	// input that never ends.
	maxInput = 16 << 20
)

// clientFlags are the flags of every verb that talks to a cluster.
type clientFlags struct {
	Endpoints []string      `env:"HOLT_ENDPOINTS" placeholder:"URL" help:"Members to ask, separated by commas; any of them will do (default ${endpoint})."`
	Timeout   time.Duration `default:"15s" help:"How long to go on trying, repetitions included."`
	JSON      bool          `name:"json" help:"Print JSON, errors too (as problems, on standard error)."`
}

// readFlags are the flags of the verbs that read.
type readFlags struct {
	Consistency client.Consistency `enum:"local,linearizable" default:"local" help:"local: what the member that answers has (default); linearizable: all that was acknowledged before."`
}

// connect makes the client the flags ask for.
func (f *clientFlags) connect() (*client.Client, error) {
	if f.Timeout <= 0 {
		return nil, usagef("--timeout must be more than 0")
	}
	c, err := client.New(client.Config{Endpoints: f.endpoints(), Timeout: f.Timeout, Unreachable: unreachableFor})
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// endpoints are those given; where there is none, as with an empty variable, the default.
func (f *clientFlags) endpoints() []string {
	var given []string
	for _, e := range f.Endpoints {
		if e = strings.TrimSpace(e); e != "" {
			given = append(given, e)
		}
	}
	if given == nil {
		return []string{defaultEndpoint}
	}
	return given
}

// checkPath finds the mistake that is common on a command line before anything is sent.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return usagef("path %q must begin with /", path)
	}
	return nil
}

// dataOf is the data an argument stands for: itself, "-" standard input, "@file" a file. "@@x" is "@x" itself.
func dataOf(arg string, con *console) ([]byte, error) {
	rest, at := strings.CutPrefix(arg, "@")
	switch {
	case arg == "-":
		return readInput(con.in, "standard input")
	case at && strings.HasPrefix(rest, "@"):
		return []byte(rest), nil
	case at:
		f, err := os.Open(rest)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readInput(f, rest)
	}
	return []byte(arg), nil
}

func readInput(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", name, err)
	case len(b) > maxInput:
		e := &client.Error{Op: "reading " + name}
		e.Problem.Code, e.Problem.Title = "too_large", "Too large"
		e.Problem.Detail = fmt.Sprintf("%s has more than %d bytes", name, maxInput)
		return nil, e
	}
	return b, nil
}

// writeJSON prints v on a line.
func writeJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// stamp is a znode's time for people: UTC, to the millisecond.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
