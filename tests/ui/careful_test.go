package ui

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// What changed since the preview is not replaced unseen.
func TestAnImportOverWhatChanged(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "old")
	lines := `{"path":"/app","mode":"persistent","data":"","encoding":"utf8"}` + "\n" + `{"path":"/app/one","mode":"persistent","data":"new","encoding":"utf8"}` + "\n"
	p := chromium.Open(t, m.URL+"/ui/#/tree/app", Options{})
	p.Click("button", "Import")
	d := p.Within("dialog", "Import")
	choose(p, "dialog", "app.ndjson", lines)
	d.See("1 conflicting")
	d.Click("checkbox", "Replace data that differs")
	d.See("1 changed")
	put(t, m, "/app/one", "two")
	d.Click("button", "Import")
	d.See("What is there is not what was shown")
	if _, _, body := m.Get("/v1/znodes/app/one"); body != "two" {
		t.Errorf("it holds %q", body)
	}
	d.Click("button", "Import")
	p.Within("dialog", "Imported").See("0 made, 1 changed")
}

// What was typed into a dialog is asked about, however often one presses Escape.
func TestEscapeDoesNotLoseWhatWasTyped(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app", "")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app", Options{})
	p.Click("button", "Create below")
	d := p.Within("dialog", "Create a znode")
	d.Fill("Name", "one")
	d.Fill("Data", "typed")
	for i := range 4 {
		p.Answer(false)
		p.Press("Escape")
		p.Asked(i + 1)
	}
	p.Value("Data", "typed")
	p.Answer(true)
	p.Press("Escape")
	p.Gone("dialog", "Create a znode")

	// A dialog that is closed twice leaves nothing behind: the editor goes on.
	p.Click("button", "Edit")
	p.Fill("Data of /app", "mine")
	for range 3 {
		p.Press("Control+s")
		p.Within("dialog", "Save this?").See("Over version 0")
		p.Answer(false) // the second one is for the editor
		p.Press("Escape", "Escape")
		p.Gone("dialog", "Save this?")
	}
	p.Value("Data of /app", "mine")
}

// Text that is not saved is asked about whichever way one goes.
func TestEveryWayOutIsGuarded(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "old")
	put(t, m, "/app/two", "other")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	p.Click("treeitem", "one")
	p.Click("button", "Edit")
	p.Fill("Data of /app/one", "new")
	asked := 0
	for _, way := range []struct {
		name  string
		leave func()
	}{
		{"a row", func() { p.Click("treeitem", "two") }},
		{"Enter on a row", func() { p.Press("ArrowDown", "Enter") }},
		{"the way to it", func() { p.Within("navigation", "Path").Click("link", "app") }},
		{"a section", func() { p.Click("link", "Cluster") }},
		{"the name of the page", func() { p.Click("link", "holt") }},
		{"keys", func() { p.Press("g", "s") }},
		{"back", func() { p.Back() }},
		{"a path", func() {
			p.Press("Control+k")
			p.Focused("combobox", "Path")
			p.Paste("/app/two")
			p.Press("Enter")
		}},
		{"the button", func() { p.Click("button", "Stop editing") }},
		{"Escape", func() { p.Click("textbox", "Data of /app/one"); p.Press("Escape") }},
		{"a reload", func() { Eval[bool](p, "setTimeout(() => location.reload()), true") }},
	} {
		p.Answer(false)
		way.leave()
		asked++
		p.Asked(asked)
		p.Value("Data of /app/one", "new")
		p.Until("it is still there after "+way.name, `location.hash.startsWith("#/tree/app/one")`)
	}
	p.Press("Control+s")
	p.Within("dialog", "Save this?").Click("button", "Save")
	p.See("Saved: version 1.")
	if got := p.Asked(asked); len(got) != asked {
		t.Errorf("asked %d times: %s", len(got), strings.Join(got, "\n"))
	}
}

// What is too large is refused before it costs anything, and is still there to be made smaller.
func TestTooLargeForAZnode(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/big", "old")
	p := chromium.Open(t, m.URL+"/ui/#/tree/big", Options{})
	p.Click("button", "Edit")
	p.Find("textbox", "Data of /big")
	choose(p, ".znode", "big.bin", strings.Repeat("\x00", 12<<20))
	p.Gone("textbox", "Data of /big")
	p.Click("button", "Save…")
	d := p.Within("dialog", "Save this?")
	d.Click("button", "Save")
	d.See("That is too large.")
	if _, _, body := m.Get("/v1/znodes/big"); body != "old" {
		t.Errorf("it holds %d bytes", len(body))
	}
	p.Press("Escape")
	p.Answer(true)
	p.Click("button", "Stop editing")
}

// Somebody kills the session of the page: it is told, and the next ephemeral is of a new one.
func TestThePagesSessionIsKilled(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app", "")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	ephemeral := func(name string) {
		p.Within("navigation", "Path").Click("link", "app")
		p.Click("button", "Create below")
		d := p.Within("dialog", "Create a znode")
		d.Fill("Name", name)
		d.Choose("Kind", "ephemeral")
		d.Click("button", "Create")
		p.Find("treeitem", name+" ephemeral")
	}
	ephemeral("one")
	owner := strings.TrimPrefix(Eval[string](p, `[...document.querySelectorAll("header button")].find(b => b.textContent.startsWith("Session ")).textContent`), "Session ")
	if err := m.Client().KillSession(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	p.Gone("treeitem", "one")
	ephemeral("two")
	p.See("The session of this page, " + owner + ", is over")
}

// A reading from before a save that arrives after it is not taken for a change by somebody else.
func TestAReadingFromBeforeTheSave(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "old")
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/config", Options{})
	p.See("old", "Live · zxid")
	p.Click("button", "Edit")
	p.Fill("Data of /config", "mine")
	come, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if r.Method == http.MethodGet && r.URL.Path == "/v1/znodes/config" {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			once.Do(func() {
				close(come)
				<-leave
			})
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			_, _ = answer.Body.WriteTo(w)
			return true
		}
		return false
	})
	put(t, m, "/config/child", "") // it is read again
	<-come
	p.Press("Control+s")
	p.Within("dialog", "Save this?").Click("button", "Save and keep editing")
	p.See("Editing version 1")
	close(leave)
	put(t, m, "/config/another", "")
	p.Find("treeitem", "config 2 children")
	p.Value("Data of /config", "mine")
	if said := Eval[string](p, `document.querySelector("[role=tabpanel] [role=alert]").textContent`); said != "" {
		t.Errorf("it says %q", said)
	}
}

// A file that is dropped beside its field does not take the place of the page.
func TestAFileThatMissesItsField(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app", "")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app", Options{})
	p.Click("button", "Import")
	p.Find("dialog", "Import")
	dropped := func(on string) bool {
		return Eval[bool](p, `{ let d = new DataTransfer(); d.items.add(new File(["x"], "x.html"))
			document.querySelector(`+quote(on)+`).dispatchEvent(new DragEvent("drop", {dataTransfer: d, bubbles: true, cancelable: true})) }`)
	}
	if dropped("body") || dropped("dialog h2") {
		t.Error("the browser opens it in place of the page")
	}
	if !dropped("dialog [type=file]") {
		t.Error("its own field does not take it")
	}
}
