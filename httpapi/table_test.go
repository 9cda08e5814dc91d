package httpapi

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"holt/httpapi/wire"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// nothing is a Proposer, Reader, Sessions and Cluster that is never asked.
type nothing struct {
	Proposer
	Reader
	Sessions
	Cluster
}

// memberless is a Cluster that knows of no members.
type memberless struct{ Cluster }

func (memberless) Status() Status { return Status{} }

func testConfig() Config {
	return Config{Proposer: nothing{}, Reader: nothing{}, Cluster: nothing{}, Sessions: nothing{}, Hub: &watch.Hub{}, Logger: slog.New(slog.DiscardHandler)}
}

// wireCodes are the codes that package wire declares.
func wireCodes(t *testing.T) (codes []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "wire/code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			code, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	return codes
}

func TestEveryCodeHasItsRowAndItsPlaceInTheContract(t *testing.T) {
	codes := wireCodes(t)
	if len(codes) != len(kinds) {
		t.Errorf("%d codes, %d rows", len(codes), len(kinds))
	}
	for _, code := range codes {
		k, ok := kinds[wire.Code(code)]
		if !ok || http.StatusText(k.status) == "" || k.title == "" {
			t.Errorf("%s: row %+v", code, k)
		}
	}
	listed := loadSpec(t).Components.Schemas["Code"].Value.Enum
	if len(listed) != len(codes) {
		t.Errorf("openapi.yaml lists %d codes, there are %d", len(listed), len(codes))
	}
	for _, code := range listed {
		if !slices.Contains(codes, code.(string)) {
			t.Errorf("openapi.yaml lists %v, which there is not", code)
		}
	}
}

func TestEveryRefusalOfTheDomainHasACode(t *testing.T) {
	for c := znode.BadArguments; c.String() != "unknown"; c++ {
		if c == znode.StaleTerm || c == znode.SessionUsed {
			continue // only a leader's own proposals can have them
		}
		if _, ok := kinds[wire.Code(c.String())]; !ok {
			t.Errorf("%s is no code of wire's", c)
		}
	}
}

func TestTheEmbeddedContractIsTheProjects(t *testing.T) {
	b, err := fs.ReadFile(os.DirFS(".."), "openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, openAPI) {
		t.Error("httpapi/openapi.yaml differs from the project's: copy it")
	}
}

func loadSpec(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryRouteIsInTheContractAndTheReverse(t *testing.T) {
	a, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	routed, documented := map[string]bool{}, map[string]bool{}
	err = chi.Walk(a.mux, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routed[method+" "+strings.Replace(route, "/*", "/{path}", 1)] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range loadSpec(t).Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+path] = true
		}
		if item.Get != nil {
			documented["HEAD "+path] = true // the contract says so for all of them
		}
	}
	for r := range routed {
		if !documented[r] {
			t.Errorf("%s is not in openapi.yaml", r)
		}
	}
	for r := range documented {
		if !routed[r] {
			t.Errorf("%s is only in openapi.yaml", r)
		}
	}
}

func TestTheAddressARequestCameInAtIsAHost(t *testing.T) {
	var l hostList
	l.fill(nil, memberless{})
	for _, c := range []struct {
		host, local string
		want        bool
	}{
		{"10.0.0.7:7070", "10.0.0.7:7070", true}, {"10.0.0.7", "[::ffff:10.0.0.7]:7070", true}, {"[fd00::7]:80", "[fd00::7]:7070", true},
		{"10.0.0.8:7070", "10.0.0.7:7070", false}, {"evil.example", "10.0.0.7:7070", false}, {"", "10.0.0.7:7070", true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = c.host
		addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.local))
		if got := l.allows(r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, addr))); got != c.want {
			t.Errorf("host %q at %s: %v, want %v", c.host, c.local, got, c.want)
		}
	}
}

func TestConfigsThatCannotWork(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"no proposer": func(c *Config) { c.Proposer = nil },
		"no reader":   func(c *Config) { c.Reader = nil },
		"no cluster":  func(c *Config) { c.Cluster = nil },
		"no sessions": func(c *Config) { c.Sessions = nil },
		"no hub":      func(c *Config) { c.Hub = nil },
		"no logger":   func(c *Config) { c.Logger = nil },
		"1048577":     func(c *Config) { c.MaxDataBytes = znode.MaxDataBytes + 1 },
		"-1":          func(c *Config) { c.MaxDataBytes = -1 },
		"-7 requests": func(c *Config) { c.MaxRequests = -7 },
		"negative":    func(c *Config) { c.ZxidWait = -1 },
		"-3 streams":  func(c *Config) { c.MaxStreams = -3 },
		"for streams": func(c *Config) { c.Heartbeat = -1 },
		"100ms to":    func(c *Config) { c.MinSessionTimeout = 99 * time.Millisecond },
		"to 24h":      func(c *Config) { c.MaxSessionTimeout = 25 * time.Hour },
		"more than":   func(c *Config) { c.MinSessionTimeout = 2 * time.Hour },
		`":7070"`:     func(c *Config) { c.AllowedHosts = []string{"ok", ":7070"} },
	} {
		cfg := testConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}
