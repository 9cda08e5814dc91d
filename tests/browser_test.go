package tests

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holt/tests/harness"
	"holt/tests/properties"
)

const (
	// browserTime bounds a whole story in a browser.
	browserTime = 2 * time.Minute
	// connectionsOfABrowser is how many connections a browser makes to one host, over HTTP/1.1.
	connectionsOfABrowser = 6
)

// page is a tab of a real browser.
type page struct {
	t   *testing.T
	ctx context.Context
}

// openPage starts a browser and goes to a URL, whose origin is then that of all its scripts. It is closed with the test.
func openPage(t *testing.T, url string) *page {
	t.Helper()
	options := chromedp.DefaultExecAllocatorOptions[:]
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root with it
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	ctx, cancel := context.WithTimeout(ctx, browserTime)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("no browser; tests/install installs one: %v", err)
	}
	return &page{t, ctx}
}

// run runs a script.
func run[T any](p *page, script string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// follow opens an EventSource and notes whatever it says in window.said.
func (p *page) follow(target string) {
	p.t.Helper()
	run[bool](p, fmt.Sprintf(`
		window.said = [];
		window.source = new EventSource(%q);
		for (const name of ["open", "message", "bookmark", "reset", "state", "error"])
			source.addEventListener(name, e => said.push({name, id: e.lastEventId || "", data: e.data || "", state: source.readyState}));
		true`, target))
}

// heard is something that an EventSource said. Of the source's own events, open and error, the data is empty.
type heard struct {
	Name, ID, Data string
	State          int // 0 connecting, 1 open, 2 it has given up
}

// recording is what the page heard.
func (p *page) recording(filter properties.Filter) (r *properties.Recording, connections int) {
	p.t.Helper()
	r = &properties.Recording{Name: "of the browser", Filter: filter}
	for _, h := range run[[]heard](p, "said") {
		switch {
		case h.Name == "error" && h.State == 2:
			p.t.Error("the browser has given up: it was answered with something else than 200, or no event stream")
		case h.Name == "error":
		case h.Name == "open" && h.Data == "": // its own: a connection stands
			connections++
			if r.Position() > 0 {
				r.Resume(r.Position(), "again")
			} else {
				r.Begin("at first")
			}
		default:
			note(p.t, r, harness.Message{ID: h.ID, Event: h.Name, Data: h.Data})
		}
	}
	return r, connections
}

// connections is how often the EventSource has connected.
func (p *page) connections() int {
	return run[int](p, `said.filter(e => e.name == "open" && e.data == "").length`)
}

// A browser knows one URL and nothing of holt: what it makes of the stream, it makes by the standard.
func TestABrowsersEventSourceMissesNothing(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	ch := startChurn(t, c)
	at := c.Members[0]
	p := openPage(t, at.URL+"/livez")
	if origin := run[string](p, "location.origin"); origin != at.URL {
		t.Fatalf("the page is of %s, not of the member", origin)
	}
	p.follow("/v1/watch/app?recursive=true&include=data")
	harness.Eventually(t, endTime, "the EventSource is open", func() bool { return p.connections() == 1 })
	ch.goOn(50)

	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
		at.Signal(end)
		at.Exit(endTime)
		before := p.connections()
		ch.goOn(50) // what it has to catch up with
		at.Start().Listening()
		harness.Eventually(t, endTime, "it has connected again by itself", func() bool { return p.connections() > before })
		ch.goOn(50)
	}

	truth := readTruth(t, c, ch.end(), c.Zxid())
	filter := pathFilter(t, true, true, false, "/app")
	last := uint64(lastFor(truth, filter))
	harness.Eventually(t, endTime, "the browser has heard of the last transaction", func() bool {
		z, err := strconv.ParseUint(run[string](p, "said.findLast(e => e.id != '').id"), 10, 64)
		return err == nil && z >= last
	})
	r, connections := p.recording(filter)
	if err := properties.All(truth, r); err != nil {
		t.Error(err)
	}
	messages := 0
	for _, s := range r.Steps {
		if s.Kind == properties.Reset {
			t.Errorf("the history was long enough, and still: %v", s)
		}
		if s.Kind == properties.Message {
			messages++
		}
	}
	t.Logf("%d connections, %d messages: nothing missing, nothing twice", connections, messages)
}

// What the README warns of: over HTTP/1.1 a browser has so many connections to one host, for all its tabs.
func TestABrowserHasSixConnectionsToAHost(t *testing.T) {
	m := bin.NewMember(t, "a").Start().Ready()
	p := openPage(t, m.URL+"/livez")
	run[bool](p, fmt.Sprintf(`window.sources = [...Array(%d)].map((_, i) => new EventSource("/v1/watch/n" + i)); true`, connectionsOfABrowser+1))
	open := `sources.filter(s => s.readyState == 1).length`
	harness.Eventually(t, endTime, "as many streams are open as there can be", func() bool { return run[int](p, open) == connectionsOfABrowser })
	<-time.After(time.Second) // for as long it certainly waits
	if n := run[int](p, open); n != connectionsOfABrowser {
		t.Errorf("%d streams are open, want %d", n, connectionsOfABrowser)
	}
	run[bool](p, `sources.find(s => s.readyState == 1).close(); true`)
	harness.Eventually(t, endTime, "the one that waited is open", func() bool { return run[int](p, open) == connectionsOfABrowser })
}
