package ui

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// witness makes a violation of the policy an error of the console.
const witness = `addEventListener("securitypolicyviolation", e =>
	console.error("policy violation: " + e.effectiveDirective + " by " + (e.blockedURI || e.sourceFile) + " " + e.sample))`

const (
	// maxFaults bounds what is kept of a page that goes on complaining.
	maxFaults = 50
	// maxDialogs bounds the dialogs that wait for their answer; a page shows one at a time.
	maxDialogs = 8
)

// faults is what a page was not to say.
type faults struct {
	mu       sync.Mutex // guards said and expected
	said     []string
	expected []string
}

// Expect announces faults that contain a text: they do not fail the test, whether they come or not.
func (p *Page) Expect(text string) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.expected = append(p.faults.expected, text)
}

func (f *faults) add(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.expected {
		if strings.Contains(text, e) {
			return
		}
	}
	if len(f.said) < maxFaults {
		f.said = append(f.said, text)
	}
}

func (f *faults) report(t testing.TB) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range f.said {
		t.Errorf("the page said: %s", text)
	}
}

// hear takes note of the console, of exceptions and of the browser's own log. That an answer was a refusal is in there too
// and left out, but for files of the page that are not there: the page is to make something of it.
func (f *faults) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			f.add("console." + string(e.Type) + ": " + told(e.Args))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		f.add(text)
	case *log.EventEntryAdded:
		ours := e.Entry.Source != log.EntrySourceNetwork || strings.Contains(e.Entry.URL, "/ui/") && strings.Contains(e.Entry.Text, "404")
		if ours && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			f.add(string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL)
		}
	}
}

func told(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		if a.Description != "" {
			words = append(words, a.Description)
		} else {
			words = append(words, string(a.Value))
		}
	}
	return strings.Join(words, " ")
}

// askWorkers hears what the shared workers of the page have said so far: a browser keeps it for who asks.
func (b *tab) askWorkers() {
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	targets, err := chromedp.Targets(ctx)
	if err != nil {
		return // there is no page any more
	}
	for _, target := range targets {
		if target.Type != "shared_worker" || target.BrowserContextID != chromedp.FromContext(b.ctx).BrowserContextID {
			continue
		}
		worker, leave := chromedp.NewContext(ctx, chromedp.WithTargetID(target.TargetID), chromedp.WithListener(b.faults.hear), chromedp.WithDetachOnCancel())
		_, _ = chromedp.Run(worker, chromedp.Evaluate[bool]("true")) // it may have ended; all it said is heard before the answer
		leave()
	}
}

// dialogs answers the browser's own dialogs, which stop the page until they are answered.
type dialogs struct {
	faults *faults
	opened chan *page.EventJavascriptDialogOpening

	mu      sync.Mutex // guards all below
	answers []bool
	said    []string
}

// Answer announces a dialog of the browser, such as the one before unsaved changes are lost, and what will be said to it.
func (p *Page) Answer(yes bool) {
	p.dialogs.mu.Lock()
	defer p.dialogs.mu.Unlock()
	p.dialogs.answers = append(p.dialogs.answers, yes)
}

// Asked waits until that many dialogs were answered and gives what they said.
func (p *Page) Asked(n int) []string {
	p.t.Helper()
	var said []string
	p.until("the browser has asked", func() (bool, string) {
		p.dialogs.mu.Lock()
		defer p.dialogs.mu.Unlock()
		said = append([]string(nil), p.dialogs.said...)
		return len(said) >= n, strings.Join(said, "\n")
	})
	return said
}

func (d *dialogs) hear(event any) {
	if e, ok := event.(*page.EventJavascriptDialogOpening); ok {
		select {
		case d.opened <- e:
		default: // a page shows one at a time
		}
	}
}

func (d *dialogs) answer(ctx context.Context) {
	for {
		select {
		case e := <-d.opened:
			yes := d.next(e)
			if _, err := chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: yes}); err != nil && ctx.Err() == nil {
				d.faults.add("answering a dialog: " + err.Error())
			}
		case <-ctx.Done():
			return
		}
	}
}

func (d *dialogs) next(e *page.EventJavascriptDialogOpening) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, e.Message)
	if len(d.answers) == 0 {
		d.faults.add("a dialog that nobody expected: " + string(e.Type) + " " + e.Message)
		return true
	}
	yes := d.answers[0]
	d.answers = d.answers[1:]
	return yes
}
