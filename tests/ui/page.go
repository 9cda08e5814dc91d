package ui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

const (
	// Patience is how long a page may take for anything. Generous, as machines are slow at times; and longer than the 20 s for
	// which a request of Chromium waits behind another one for the same place in its cache.
	Patience = time.Minute
	// look is the pause between two looks at a condition.
	look = 20 * time.Millisecond
)

// Size of a window, in CSS pixels.
type Size struct{ Width, Height int64 }

// The windows the page is walked in.
var (
	Desktop = Size{1280, 800}
	Phone   = Size{390, 844}
)

// Options of a page.
type Options struct {
	Size     Size // Desktop if not told
	Dark     bool // the preferred colour scheme
	NoScript bool // scripts are switched off
}

// Page is a tab, or with Within a part of one.
type Page struct {
	*tab
	scope []query // each within the one before
}

type tab struct {
	t       testing.TB
	ctx     context.Context
	faults  *faults
	dialogs *dialogs
	folder  string // of what it downloaded
	scripts bool   // whether they run
}

// Open opens a URL as a person who was never here. The page is closed with the test.
func (b *Browser) Open(t testing.TB, url string, o Options) *Page {
	t.Helper()
	return open(t, b.ctx, url, o, chromedp.WithNewBrowserContext())
}

// Tab opens a URL in another tab of the same person.
func (p *Page) Tab(url string, o Options) *Page {
	p.t.Helper()
	return open(p.t, p.ctx, url, o)
}

func open(t testing.TB, parent context.Context, url string, o Options, more ...chromedp.ContextOption) *Page {
	t.Helper()
	b := &tab{t: t, faults: &faults{}, folder: t.TempDir(), scripts: !o.NoScript}
	b.dialogs = &dialogs{faults: b.faults, opened: make(chan *page.EventJavascriptDialogOpening, maxDialogs)}
	ctx, leave := chromedp.NewContext(parent, append(more, chromedp.WithListener(b.faults.hear), chromedp.WithListener(b.dialogs.hear))...)
	b.ctx = ctx
	answered := make(chan struct{})
	t.Cleanup(func() {
		b.askWorkers()
		leave()
		<-answered
		b.faults.report(t)
	})
	if err := chromedp.Do(ctx); err != nil {
		close(answered)
		t.Fatalf("opening a tab: %v", err)
	}
	go func() {
		defer close(answered)
		b.dialogs.answer(ctx)
	}()
	p := &Page{tab: b}
	do(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: witness})
	do(p, performance.Enable, performance.EnableParams{})
	// chromedp follows the nodes of each document, and waits without end for those of one that was left meanwhile. Nothing here
	// needs them.
	do(p, css.Disable, cdp.Empty{})
	do(p, dom.Disable, cdp.Empty{})
	if !b.scripts {
		do(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	}
	allow := browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: b.folder,
		BrowserContextID: chromedp.FromContext(ctx).BrowserContextID}
	if _, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, allow); err != nil {
		t.Fatalf("allowing downloads: %v", err)
	}
	if o.Size == (Size{}) {
		o.Size = Desktop
	}
	p.Resize(o.Size)
	p.Dark(o.Dark)
	p.Go(url)
	return p
}

// Go navigates to a URL and waits until it is loaded.
func (p *Page) Go(url string) {
	p.t.Helper()
	left := p.document()
	r := do(p, page.Navigate, page.NavigateParams{URL: url})
	if r.ErrorText != "" {
		p.t.Fatalf("going to %s: %s", url, r.ErrorText)
	}
	if r.LoaderID != "" { // else it is a place within the document that is there
		p.loaded(fmt.Sprintf("%.200s is loaded", url), left)
	}
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.t.Helper()
	left := p.document()
	do(p, page.Reload, page.ReloadParams{})
	p.loaded("it is loaded again", left)
}

// document tells the documents of a tab apart: by when each began.
func (p *Page) document() float64 {
	p.t.Helper()
	return Eval[float64](p, "performance.timeOrigin")
}

// loaded waits until another document than the one that was left is loaded. The page is asked, as of the events that tell of
// it none must be missed.
func (p *Page) loaded(what string, left float64) {
	p.t.Helper()
	p.until(what, func() (bool, string) {
		state, err := evaluate[struct {
			Document float64
			State    string
		}](p, "({document: performance.timeOrigin, state: document.readyState})")
		return err == nil && state.Document != left && state.State == "complete", fmt.Sprintf("%+v %v", state, err)
	})
}

// Back goes back in the tab's history, which may stay within the page.
func (p *Page) Back() {
	p.t.Helper()
	Eval[bool](p, "history.back(), true")
}

// URL of the tab.
func (p *Page) URL() string {
	p.t.Helper()
	return Eval[string](p, "location.href")
}

// Dark prefers the dark colour scheme, or the light one.
func (p *Page) Dark(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	do(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// Resize gives the window another size.
func (p *Page) Resize(s Size) {
	p.t.Helper()
	p.step("another size", chromedp.EmulateViewport(s.Width, s.Height))
}

// Picture writes what is in the window to a PNG file.
func (p *Page) Picture(file string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		p.t.Fatalf("a picture: %v", err)
	}
}

// Downloaded waits until a file whose name ends like this was downloaded whole, and gives its content.
func (p *Page) Downloaded(ending string) []byte {
	p.t.Helper()
	var content []byte
	p.until("downloaded: "+ending, func() (bool, string) {
		names, err := filepath.Glob(filepath.Join(p.folder, "*"))
		for _, name := range names {
			if strings.HasSuffix(name, ending) { // while it is written it ends differently
				content, err = os.ReadFile(name)
				return err == nil, "it cannot be read"
			}
		}
		return err != nil, "there is " + strings.Join(names, ", ")
	})
	return content
}

// Metric is one of Chromium's metrics of the page since it was opened: ScriptDuration, in seconds, JSHeapUsedSize, in bytes.
func (p *Page) Metric(name string) float64 {
	p.t.Helper()
	for _, m := range do(p, performance.GetMetrics, cdp.Empty{}).Metrics {
		if m.Name == name {
			return m.Value
		}
	}
	p.t.Fatalf("Chromium has no metric %s", name)
	return 0
}
