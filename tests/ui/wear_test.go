package ui

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
)

// held is what the page holds after all that nobody needs was thrown away.
func held(p *Page) (nodes, listeners, heap float64) {
	p.t.Helper()
	do(p, runtime.ReleaseObjectGroup, runtime.ReleaseObjectGroupParams{ObjectGroup: handles})
	for range 3 { // what is only held by what is thrown away goes at the next time
		do(p, heapprofiler.CollectGarbage, cdp.Empty{})
	}
	return p.Metric("Nodes"), p.Metric("JSEventListeners"), p.Metric("JSHeapUsedSize") / (1 << 20)
}

// A page that is open all day does not grow: not by looking around, not by dialogs, not by what others do.
func TestThePageDoesNotGrow(t *testing.T) {
	m := full(t, nil)
	s := hold(t, m, "/up/one")
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.See("Live · zxid")
	around := func() {
		for _, place := range []string{"#/tree/app/config/database?open=/app/config", "#/tree/app/config/database?tab=stat", "#/tree/up?tab=watches",
			"#/sessions", "#/sessions/" + s.Owner, "#/watches", "#/events", "#/cluster", "#/tree/app/config/features?open=/app/queue"} {
			Eval[bool](p, "location.hash = "+quote(place)+", true")
			p.Until("it is "+place, "!document.querySelector('main').textContent.includes('Reading…')")
		}
		p.Click("button", "Create below")
		p.Press("Escape")
		p.Click("button", "Edit")
		p.Click("button", "Stop editing")
		put(t, m, "/app/config/features", "a: 1\n")
		p.Press("Control+k")
		p.Find("dialog", "Go to a path")
		p.Press("Escape")
		p.Gone("dialog", "Go to a path")
	}
	const rounds = 20
	for range 2 {
		around()
	}
	nodes, listeners, heap := held(p)
	for range rounds {
		around()
	}
	p.until(fmt.Sprintf("after %d rounds it is as large as before: %v nodes, %v listeners, %.2f MiB", rounds, nodes, listeners, heap), func() (bool, string) {
		n, l, h := held(p) // what was looked at last is held until its next reading would have been due
		return n-nodes < 50*rounds && l-listeners < 5*rounds && h-heap < 0.05*rounds, fmt.Sprintf("%v nodes, %v listeners, %.2f MiB", n, l, h)
	})
}

// Through a large directory from end to end: what was passed is given back.
func TestScrollingDoesNotFillThePage(t *testing.T) {
	m := serve(t, nil)
	if err := Children(context.Background(), m.Client(), "/large", 100_000); err != nil {
		t.Fatal(err)
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/large?open=/large", Options{})
	p.Find("treeitem", "c000000")
	for i := range 120 {
		Eval[bool](p, fmt.Sprintf(`(tree => { tree.scrollTop = tree.scrollHeight * %d / 120; return true })(document.querySelector("[role=tree]"))`, i))
		p.Until("the rows are there", `document.querySelectorAll("[role=treeitem]").length > 10 && !document.querySelector("[role=treeitem][aria-busy]")`)
	}
	nodes, _, heap := held(p)
	t.Logf("%v nodes, %.1f MiB of heap", nodes, heap)
	if nodes > 5000 || heap > 50 {
		t.Errorf("%v nodes and %.1f MiB of heap", nodes, heap)
	}
}

// What is packed is edited unpacked and packed again; a file takes the place of the data.
func TestPackedDataAndFiles(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config/bundle", Options{})
	p.See("gzip", `"compressed"`)
	p.Click("button", "Edit")
	p.See("unpacked; saving packs it with gzip again")
	p.Fill("Data of /app/config/bundle", "{\"compressed\": \"still\"}\n")
	p.Press("Control+s")
	d := p.Within("dialog", "Save this?")
	d.Click("button", "Save")
	p.See("Saved: version 1.", `"still"`)
	_, _, body := m.Get("/v1/znodes/app/config/bundle")
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if inside, err := io.ReadAll(z); err != nil || string(inside) != "{\"compressed\": \"still\"}\n" {
		t.Errorf("inside: %q, %v", inside, err)
	}

	data := strings.Repeat("\x00\x01\x02\xff", 100)
	p.Go(m.URL + "/ui/#/tree/app/config/motd")
	p.Click("button", "Edit")
	choose(p, "main", "logo.bin", data)
	p.See("00000000 00 01 02 ff")
	p.Click("button", "Save…")
	d.Click("button", "Save")
	p.See("Binary, 400 bytes")
	if _, _, body := m.Get("/v1/znodes/app/config/motd"); body != data {
		t.Errorf("it holds %d other bytes", len(body))
	}
	p.Click("button", "Create below")
	p.Fill("Name", "logo")
	choose(p, "dialog", "logo.bin", data)
	p.Within("dialog", "Create a znode").Click("button", "Create")
	p.See("/app/config/motd/logo is made.", "Binary, 400 bytes")
}

// More than one delete takes: the page says so, and what does it.
func TestWhatIsTooMuchForThePage(t *testing.T) {
	m := serve(t, nil)
	if err := Children(context.Background(), m.Client(), "/huge", 12_000); err != nil {
		t.Fatal(err)
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/huge", Options{})
	p.Click("button", "Delete")
	p.Within("dialog", "Delete a znode").See("holt rm -r --batch /huge")
	p.AxeInBoth("too much to delete")
	p.Press("Escape")
	p.Click("button", "Move")
	p.Within("dialog", "Move a znode").See("12,001 znodes")
	p.Press("Escape")
	p.Click("button", "Copy path")
	p.See("Copied.")
}
