package bench

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holt/httpapi/apitest"
	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
	"holt/raftfsm/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick is a short run against s, with a bare server in this process.
func quick(t *testing.T, s *clienttest.Server) Config {
	t.Helper()
	bare := func(context.Context, int) (*Bare, error) {
		b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("x")) }))
		return &Bare{Addr: b.Listener.Addr().String(), Stop: func() error { b.Close(); return nil }}, nil
	}
	return Config{Endpoints: []string{s.URL}, Works: Works(), Clients: []int{2}, Duration: 20 * time.Millisecond, Size: 100,
		Keys: 7, Mix: 50, Dir: t.TempDir(), Bare: bare, Log: slog.New(slog.DiscardHandler)}
}

// measured runs again, for longer, until something was done in every row: how long a machine takes to begin is not known.
func measured(t *testing.T, cfg Config) (report *Report, told []Work) {
	t.Helper()
	for ; ; cfg.Duration *= 4 {
		told = nil
		cfg.Row = func(r Row) { told = append(told, r.Work) }
		report, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		idle := slices.ContainsFunc(report.Rows, func(r Row) bool { return r.Ops+r.Errors == 0 || r.Beside.PerSecond == 0 })
		if !idle || cfg.Duration > longest {
			return report, told
		}
	}
}

// worked has a turn begun again, for longer, until something was done in it.
func worked(run func(d time.Duration) sample) (s sample) {
	for d := 20 * time.Millisecond; s.lat.n == 0 && s.errors == 0 && d <= longest; d *= 4 {
		s = run(d)
	}
	return s
}

// longest is the turn in which something is done on any machine.
const longest = 20 * time.Second

// start starts a server that holds the root alone.
func start(t *testing.T) *clienttest.Server {
	t.Helper()
	s := clienttest.New()
	t.Cleanup(s.Close)
	return s
}

func TestRunDoesWhatItSays(t *testing.T) {
	s := start(t)
	got := map[string]int{}
	s.Before(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Count(r.URL.Path, "/") == 4 { // a key, below the znode of the run
			got[r.Method+" "+r.URL.RawQuery]++
		}
	})
	cfg := quick(t, s)
	cfg.Clients = []int{1} // one request at a time, so that the map needs no lock
	report, told := measured(t, cfg)
	if len(report.Rows) != len(Works()) || len(told) != len(Works()) {
		t.Errorf("%d rows, told %v", len(report.Rows), told)
	}
	for _, r := range report.Rows {
		if r.Ops == 0 || r.Errors != 0 || r.Beside.PerSecond == 0 {
			t.Errorf("row %+v", r)
		}
	}
	if len(got) != 3 || got["GET "] == 0 || got["GET consistency=linearizable"] == 0 || got["PUT "] == 0 {
		t.Errorf("requests %v", got)
	}
	if n := s.State().Tree.Len(); n != 1 {
		t.Errorf("%d znodes are left", n)
	}
}

// Refusals and broken connections are counted, and do not count as work done.
func TestErrorsAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		before http.HandlerFunc
		says   string
	}{
		"refused": {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no room", http.StatusInsufficientStorage) }, "status 507: no room"},
		"broken":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("x"))
			http.NewResponseController(w).Flush()
		}, "Content-Length"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			cfg := quick(t, s)
			cfg.Works = []Work{Write}
			s.Before(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut {
					c.before(w, r)
				}
			})
			report, _ := measured(t, cfg)
			if r := report.Rows[0]; r.Ops != 0 || r.Errors == 0 || !strings.Contains(r.FirstError, c.says) {
				t.Errorf("row %+v", r)
			}
		})
	}
}

// Where the cluster fails while the znodes are made, or removed, the run says so; what it can it removes.
func TestFailingCluster(t *testing.T) {
	s := start(t)
	cfg := quick(t, s)
	s.Before(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/txn") && s.State().Tree.Len() == 2 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			io.WriteString(w, `{"code":"too_large"}`)
		}
	})
	report, err := Run(t.Context(), cfg)
	if !errors.Is(err, client.TooLarge) || len(report.Rows) != 0 || s.State().Tree.Len() != 1 {
		t.Errorf("%v, %+v, %d znodes are left", err, report, s.State().Tree.Len())
	}

	// The outcome of a removal is unknown, once: it is looked at again.
	s = start(t)
	cfg = quick(t, s)
	cfg.Works = []Work{Read}
	cfg.Row = func(Row) { s.Node.Fail(apitest.Faults{Swallow: command.ErrUnknown}) }
	if _, err = Run(t.Context(), cfg); err != nil || s.State().Tree.Len() != 1 {
		t.Errorf("%v, %d znodes are left", err, s.State().Tree.Len())
	}

	// It stays impossible: the message names what is left.
	s = start(t)
	cfg = quick(t, s)
	cfg.Works = []Work{Read}
	cfg.Row = func(Row) { s.Node.Fail(apitest.Faults{Propose: command.ErrDiskFull}) }
	if _, err = Run(t.Context(), cfg); !errors.Is(err, client.DiskFull) || !strings.Contains(err.Error(), "/holt-bench-") {
		t.Errorf("%v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	s := start(t)
	for name, spoil := range map[string]func(*Config){
		"no endpoints":   func(c *Config) { c.Endpoints = nil },
		"https":          func(c *Config) { c.Endpoints = []string{"https://a"} },
		"no work":        func(c *Config) { c.Works = nil },
		"strange work":   func(c *Config) { c.Works = []Work{"sleep"} },
		"no clients":     func(c *Config) { c.Clients = []int{0} },
		"many clients":   func(c *Config) { c.Clients = []int{MaxClients + 1} },
		"many cells":     func(c *Config) { c.Clients = make([]int, MaxCells) },
		"no time":        func(c *Config) { c.Duration = 0 },
		"much time":      func(c *Config) { c.Duration = MaxDuration + 1 },
		"much warmup":    func(c *Config) { c.Warmup = MaxDuration + 1 },
		"large":          func(c *Config) { c.Size = MaxSize + 1 },
		"no keys":        func(c *Config) { c.Keys = 0 },
		"many keys":      func(c *Config) { c.Keys = MaxKeys + 1 },
		"mix":            func(c *Config) { c.Mix = 101 },
		"no bare server": func(c *Config) { c.Bare = nil },
	} {
		cfg := quick(t, s)
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&cfg)
		if _, err := Run(t.Context(), cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if len(s.Requests()) != 0 {
		t.Error("something was sent")
	}
}

// The bare server serves what it is asked to, and ends with its input.
func TestServeBare(t *testing.T) {
	in, end := io.Pipe()
	out, said := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- ServeBare(t.Context(), in, said, 256) }()
	var addr [64]byte
	n, err := out.Read(addr[:])
	if err != nil {
		t.Fatal(err)
	}
	crew := newCrew(3, []string{strings.TrimSpace(string(addr[:n]))}, bareRequest())
	s := worked(func(d time.Duration) sample { return crew.run(t.Context(), d) })
	crew.close()
	if s.lat.n == 0 || s.errors != 0 {
		t.Errorf("%d answers, %d errors, %v", s.lat.n, s.errors, s.why)
	}
	end.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := ServeBare(t.Context(), in, said, MaxSize+1); err == nil {
		t.Error("a size above the limit was taken")
	}
}
