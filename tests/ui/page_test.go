package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// show serves one HTML page under the policy that holt's own has.
func show(t *testing.T, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/worker.js" {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `onconnect = e => { setTimeout(() => e.ports[0].postMessage("up")); throw new Error("in the worker") }`)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "script-src 'self' 'nonce-a'; connect-src 'self'; require-trusted-types-for 'script'")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>t</title><link rel="icon" href="data:,"><main><h1>A page</h1>%s</main>`, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// listener is a test that only takes down what is said of it.
type listener struct {
	testing.TB
	said []string
	ends []func()
}

func (l *listener) Helper()                   {}
func (l *listener) Cleanup(f func())          { l.ends = append(l.ends, f) }
func (l *listener) Errorf(s string, a ...any) { l.said = append(l.said, fmt.Sprintf(s, a...)) }
func (l *listener) end() string {
	for len(l.ends) > 0 {
		last := l.ends[len(l.ends)-1]
		l.ends = l.ends[:len(l.ends)-1]
		last()
	}
	return strings.Join(l.said, "\n")
}

// What a page must not do does not go unnoticed.
func TestFaultsOfAPageFailItsTest(t *testing.T) {
	for _, c := range []struct{ name, script, said string }{
		{"an error", `console.error("bad", {a: 1})`, "console.error: \"bad\""},
		{"a warning", `console.warn("hm")`, "console.warning: \"hm\""},
		{"an exception", `setTimeout(() => { throw new Error("thrown") })`, "Error: thrown"},
		{"a rejection", `Promise.reject(new Error("refused"))`, "Error: refused"},
		{"a violation", `fetch("http://127.0.0.1:1/").catch(() => 0)`, "policy violation: connect-src by http://127.0.0.1:1/"},
		{"an untrusted type", `try { document.body.innerHTML = "x" } catch {}`, "policy violation: require-trusted-types-for"},
		{"a worker", `new SharedWorker(trustedTypes.createPolicy("w", {createScriptURL: s => s}).createScriptURL("/worker.js")).port.onmessage = () => up()`, "Error: in the worker"},
		{"a dialog", `setTimeout(() => alert("hello"))`, "a dialog that nobody expected: alert hello"},
		{"nothing", ``, ""},
		{"a refusal", `fetch("/", {method: "PUT"})`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &listener{TB: t}
			ends := "setTimeout(up, 50)"
			if strings.Contains(c.script, "up()") {
				ends = "" // it says so itself
			}
			p := chromium.Open(l, show(t, `<p>Text</p><script nonce="a">const up = () => document.querySelector("p").textContent = "done"; `+c.script+`; `+ends+`</script>`), Options{})
			p.See("done")
			if said := l.end(); !strings.Contains(said, c.said) || (c.said == "" && said != "") {
				t.Errorf("said %q, want %q", said, c.said)
			}
		})
	}
}

func TestExpectedFaultsDoNot(t *testing.T) {
	l := &listener{TB: t}
	p := chromium.Open(l, show(t, `<button id="b">Go</button><script nonce="a">b.onclick = () => { console.error("as told"); b.textContent = confirm("Sure?") ? "yes" : "no" }</script>`), Options{})
	p.Expect("as told")
	p.Answer(false)
	p.Click("button", "Go")
	p.See("no")
	if asked := p.Asked(1); asked[0] != "Sure?" {
		t.Errorf("asked %q", asked)
	}
	if said := l.end(); said != "" {
		t.Error(said)
	}
}

func TestAPersonsHands(t *testing.T) {
	p := chromium.Open(t, show(t, `
		<label>Name <input id="name"></label> <label>Kind <select id="kind"><option>one<option>two</select></label>
		<label><input type="checkbox" id="box"> Agree</label>
		<button id="off" disabled>Later</button> <button id="covered">Covered</button>
		<dialog id="d" aria-label="Inner"><button>Save</button><button id="close">Close</button></dialog><button id="save">Save</button> <output id="out" tabindex="0"></output>
		<p hidden>Hidden text</p><script nonce="a">
		let say = (...w) => out.textContent += w.join(" ") + "; ";
		save.onclick = e => say("saved", name_().value, kind.value, box.checked, e.shiftKey, e.detail);
		function name_() { return document.getElementById("name") }
		name_().onkeydown = e => say("key", e.key, e.ctrlKey);
		kind.onchange = () => { d.showModal() };
		close.onclick = () => 0; document.getElementById("close").onclick = () => d.close();
		setTimeout(() => off.disabled = false, 200); off.onclick = () => say("later");
		</script>`), Options{})
	p.Fill("Name", "a <b>")
	p.Value("Name", "a <b>")
	p.Click("checkbox", "Agree")
	p.Click("button", "Save")
	p.See("saved a <b> one true false 1;")
	p.Click("textbox", "Name")
	p.Type("x")
	p.Press("Control+k", "Shift+Tab", "ArrowDown")
	p.See("key x false;", "key k true;", "key Tab false;")
	p.ClickWith("Shift", "button", "Save")
	p.See("true true 1;")
	p.Click("button", "Later")
	p.See("later;")
	p.Choose("Kind", "two")
	p.Within("dialog", "Inner").See("Save")
	if names := strings.Join(p.Names("button"), " "); names != "Save Close" {
		t.Errorf("behind a modal dialog one comes to nothing, and yet: %s", names)
	}
	p.Within("dialog", "Inner").Click("button", "Close")
	p.Gone("dialog", "Inner")
	p.NotSee("Hidden text")
	p.Axe("hands")
}

func TestAxeFindsWhatIsWrong(t *testing.T) {
	l := &listener{TB: t}
	p := chromium.Open(l, show(t, `<input><p style="color:#999;background:#fff">pale</p>`), Options{})
	p.AxeInBoth("it")
	if said := l.end(); !strings.Contains(said, "it, light: color-contrast") || !strings.Contains(said, "it, dark: label") {
		t.Error(said)
	}
}

func TestPersonsShareNothingAndTabsDo(t *testing.T) {
	url := show(t, "")
	p := chromium.Open(t, url, Options{})
	Eval[bool](p, `localStorage.a = "mine", true`)
	if got := Eval[string](p.Tab(url, Options{}), `localStorage.a || ""`); got != "mine" {
		t.Errorf("the other tab has %q", got)
	}
	if got := Eval[string](chromium.Open(t, url, Options{}), `localStorage.a || ""`); got != "" {
		t.Errorf("another person has %q", got)
	}
}

func TestSchemeSizeAndScripts(t *testing.T) {
	body := `<noscript>No script here</noscript><script nonce="a">document.querySelector("h1").textContent = "Script"</script>`
	p := chromium.Open(t, show(t, body), Options{Dark: true, Size: Phone})
	p.See("Script")
	if got := Eval[string](p, `[matchMedia("(prefers-color-scheme: dark)").matches, innerWidth, innerHeight].join()`); got != "true,390,844" {
		t.Error(got)
	}
	p = chromium.Open(t, show(t, body), Options{NoScript: true})
	p.See("A page", "No script here")
}
