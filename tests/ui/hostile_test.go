package ui

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// attack is what would set window.attacked, were it ever run.
const attack = `<img src=x onerror="window.attacked=1"><script>window.attacked=1<` + `/script><svg onload=window.attacked=1>`

// unharmed fails the test if anything that was stored was run.
func unharmed(p *Page) {
	p.t.Helper()
	if Eval[bool](p, `"attacked" in window || !!document.querySelector("img, iframe, object, embed, script:not([src]), [onerror], [onload]")`) {
		p.t.Error("what was stored was made part of the page")
	}
}

// names that are not to be taken for anything else, and what can be read of them.
func hostileNames() map[string]string {
	return map[string]string{
		`<img src=x onerror="window.attacked=1">`:            `<img src=x onerror="window.attacked=1">`,
		`"><svg onload=window.attacked=1>`:                   `"><svg onload=window.attacked=1>`,
		`'; window.attacked=1; '`:                            `'; window.attacked=1; '`,
		`javascript:window.attacked=1`:                       `javascript:window.attacked=1`,
		`{{constructor.constructor('window.attacked=1')()}}`: `{{constructor.constructor('window.attacked=1')()}}`,
		"gnp.\u202eexe":                                      "gnp.\u2039U+202E\u203aexe",
		"zero\u200bwidth":                                    "zero\u2039U+200B\u203awidth",
		"\u2066isolated\u2069":                               "\u2039U+2066\u203aisolated\u2039U+2069\u203a",
		"שלום.txt":                                           "שלום.txt",
		"__proto__":                                          "__proto__",
		"constructor":                                        "constructor",
		"hasOwnProperty":                                     "hasOwnProperty",
		"100% of #1 & more? a+b=c; \\":                       "100% of #1 & more? a+b=c; \\",
		"%2e%2e%2f":                                          "%2e%2e%2f",
		"café é":                                             "café é",
		"😀👩‍💻":                                               "😀👩\u2039U+200D\u203a💻",
		"long" + strings.Repeat("x", 3000):                   "longxxxx",
		"$(touch attacked)`id`":                              "$(touch attacked)`id`",
		"-rf --help":                                         "-rf --help",
		"undefined":                                          "undefined",
		"&lt;b&gt;":                                          "&lt;b&gt;",
		"\ufeffbom":                                          "\u2039U+FEFF\u203abom",
	}
}

// Whatever a znode is called: it is shown as text, what hides in it spelled out, and it can be gone to, read and deleted.
func TestHostileNames(t *testing.T) {
	m := serve(t, harness.Env{"HOLT_UI_BANNER": "red:" + attack})
	c := m.Client()
	for name := range hostileNames() {
		if _, err := c.CreateAs(context.Background(), "/h/"+name, []byte("the data of it"), client.Making{Parents: true}); err != nil {
			t.Fatal(err)
		}
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/h?open=/h", Options{})
	p.See(attack) // in the banner
	for name, shown := range hostileNames() {
		p.Find("treeitem", short40(shown))
		p.Go(m.URL + "/ui/#/tree/h/" + url.PathEscape(name) + "?open=/h")
		p.See("the data of it")
		p.Until("its heading is the name", fmt.Sprintf("document.querySelector('.znode h2').textContent.startsWith(%s)", quote(short40(shown))))
		if title := Eval[string](p, "document.title"); strings.ContainsAny(title, "\u202e\u200b\u2066") {
			t.Errorf("the title of %q hides something: %q", name, title)
		}
	}
	p.AxeInBoth("hostile names")
	unharmed(p)

	// The line for a terminal names the very same znode.
	p.Go(m.URL + "/ui/#/tree/h/" + url.PathEscape("$(touch attacked)`id`"))
	p.See(`curl '` + m.URL + "/v1/znodes/h/%24(touch%20attacked)%60id%60")

	p.Go(m.URL + "/ui/#/events")
	for name := range hostileNames() {
		put(t, m, "/h/"+name, attack)
	}
	p.See("__proto__", "gnp.\u2039U+202E\u203aexe")
	unharmed(p)
	for name := range hostileNames() {
		p.Go(m.URL + "/ui/#/tree/h/" + url.PathEscape(name))
		p.See("window.attacked=1")
		p.Click("button", "Delete")
		p.Within("dialog", "Delete a znode").See("1 znode")
		p.Within("dialog", "Delete a znode").Click("button", "Delete")
		p.See("deleted.")
		p.Click("button", "Dismiss")
	}
	p.Find("treeitem", "h")
	unharmed(p)
}

// short40 is the beginning of what can be read, where that is long.
func short40(s string) string {
	if len(s) > 40 && strings.HasPrefix(s, "long") {
		return s[:8]
	}
	return s
}

// Whatever a znode holds: it is shown as text, within limits, and the page stays at hand.
func TestHostileData(t *testing.T) {
	m := serve(t, nil)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 256 {
		_, _ = z.Write(make([]byte, 1<<20)) // a buffer takes it all
	}
	_ = z.Close()
	for _, c := range []struct{ name, data, see string }{
		{"html", attack, "window.attacked=1"},
		{"xml", `<?xml version="1.0"?><?xml-stylesheet href="javascript:window.attacked=1"?><html xmlns="http://www.w3.org/1999/xhtml"><script>window.attacked=1</script></html>`, "window.attacked=1"},
		{"json", `{"__proto__": {"attacked": "<img src=x onerror=window.attacked=1>"}, "constructor": null, "a": "` + "\u202e" + `"}`, "__proto__"},
		{"json-strings", `["</script><script>window.attacked=1</script>", "\ud800", "` + strings.Repeat(`\u0000`, 100) + `"]`, "window.attacked=1"},
		{"deep", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "JSON"},
		{"wide", "[" + strings.Repeat("1,", 90_000) + "1]", "JSON"},
		{"yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: !!js/function 'window.attacked=1'\n", "js/function"},
		{"laughs", `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]><l>&b;&c;</l>`, "ENTITY"},
		{"latin", "caf\xe9 \xff\xfe\x00", "63 61 66 e9"},
		{"half", "\xed\xa0\x80 \xc0\x80", "ed a0 80"},
		{"bidi", "access = \u202e\u2066// admin\u2069 \u2066user\u2069", "\u2039U+202E\u203a"},
		{"control", "bell\a back\b escape\x1b[31m carriage\rreturn", "\u2039U+001B\u203a"},
		{"bomb", bomb.String(), "gzip"},
		{"not-gzip", "\x1f\x8b\x08\x00 and then nothing of the kind at all", "gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			put(t, m, "/data", c.data)
			p := chromium.Open(t, m.URL+"/ui/#/tree/data", Options{})
			p.See("data persistent")
			if len(c.data) > 256<<10 {
				p.Click("button", "Load it all the same")
			}
			p.See(c.see)
			for _, way := range p.Within("group", "How to look at it").Names("button") {
				p.Click("button", way)
			}
			unharmed(p)
			p.Click("button", "Edit")
			p.Find("button", "Save…")
			unharmed(p)
			p.Click("button", "Stop editing")
			p.Find("button", "Edit")
			p.Axe("hostile data")
		})
	}
}

// A line of 1 MiB is shown in parts, and edited.
func TestALongLine(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/line", strings.Repeat("a <b>long</b> line, ", 52_428))
	p := chromium.Open(t, m.URL+"/ui/#/tree/line", Options{})
	p.Click("button", "Load it all the same")
	p.See("a <b>long</b> line, a <b>long</b> line", "Show more")
	p.Click("button", "Show more")
	p.Click("button", "Edit")
	p.Focused("textbox", "Data of /line")
	p.Press("End")
	p.Paste("!")
	p.Press("Control+s")
	d := p.Within("dialog", "Save this?")
	d.See("Over version 0")
	d.Click("button", "Save")
	p.See("Saved: version 1.")
	unharmed(p)
}

// The raw bytes of a znode are no page, whoever asks for them.
func TestRawBytesAreNoPage(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/page", "<!doctype html><title>x</title><script>document.title='attacked'</script>"+attack)
	p := chromium.Open(t, m.URL+"/ui/#/tree/page", Options{})
	p.Click("link", "Download raw")
	if got := p.Downloaded("page"); !bytes.Contains(got, []byte("doctype")) {
		t.Errorf("downloaded %q", got)
	}
	unharmed(p)
}

// Tens of thousands of events cost the page no memory to speak of.
func TestAFloodDoesNotFillThePage(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/flood", "")
	p := chromium.Open(t, m.URL+"/ui/#/events", Options{})
	p.See("Following /")
	count(t, m, "/flood", 20_000)
	p.See("of at most 5,000", "older lines fell off")
	p.Click("button", "Pause")
	count(t, m, "/flood", 12_000) // more than wait
	p.Click("button", "Resume")
	p.Fill("Only paths with this text", "none of them")
	p.See("Something may be missing here")
	if heap := p.Metric("JSHeapUsedSize"); heap > 50<<20 {
		t.Errorf("%.1f MiB of heap", heap/(1<<20))
	}
}
