package ui

import (
	"strings"
	"testing"

	"holt/tests/harness"
)

// maxDownload bounds what a browser is sent for the whole page, in bytes before compression.
const maxDownload = 200 << 10

// What stands around every view: whose page it is, the sections, the keys, the colours.
func TestTheFrame(t *testing.T) {
	m := serve(t, harness.Env{"HOLT_UI_BANNER": "orange:Staging, Europe"})
	p := chromium.Open(t, m.URL+"/", Options{}) // whoever knows the server's name only
	p.See("Staging, Europe", "holt a")
	if !strings.Contains(p.URL(), "/ui/") {
		t.Errorf("at %s", p.URL())
	}
	for _, section := range []string{"Sessions", "Watches", "Events", "Cluster", "Tree"} {
		p.Click("link", section)
		p.Until(section+" is marked", `document.querySelector("nav [aria-current=page]").textContent == `+quote(section))
	}
	p.Until("the title names the banner and the member", `document.title.endsWith("Staging, Europe · holt a")`)
	p.Press("?")
	p.Within("dialog", "Keys").See("Go to a path", "pause or resume the live view")
	p.AxeInBoth("the help")
	p.Press("Escape")
	p.Gone("dialog", "Keys")
	p.Press("g", "c")
	p.Until("g, c goes to the cluster", `location.hash.startsWith("#/cluster")`)
	p.Back()
	p.Until("back is the tree", `location.hash.startsWith("#/tree")`)
}

// The colours are those the system prefers, until one chooses; the choice is remembered.
func TestTheColoursCanBeChosen(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	scheme := `getComputedStyle(document.body).backgroundColor`
	p.See("holt a")
	light := Eval[string](p, scheme)
	p.Dark(true)
	p.Until("it is dark", scheme+" != "+quote(light))
	p.Click("button", "Colours")
	p.Until("light by choice", scheme+" == "+quote(light))
	p.Reload()
	p.See("holt a", "Light")
	p.Until("still light", scheme+" == "+quote(light))
}

// The page is small, asks nothing of anybody else, and works without what it cannot have.
func TestWhatIsDownloaded(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.See("holt a")
	files := Eval[[]struct {
		Name            string
		DecodedBodySize int
	}](p, `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
		.map(e => ({name: e.name, decodedBodySize: e.decodedBodySize}))`)
	total := 0
	for _, f := range files {
		if !strings.HasPrefix(f.Name, m.URL) {
			t.Errorf("it asked for %s", f.Name)
		}
		if strings.HasPrefix(f.Name, m.URL+"/ui/") {
			total += f.DecodedBodySize
		}
	}
	if total == 0 || total > maxDownload {
		t.Errorf("%d bytes in %d files, want some and no more than %d", total, len(files), maxDownload)
	}
	t.Logf("%d bytes in %d files", total, len(files))
}

func TestWithoutScripts(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/ui/", Options{NoScript: true})
	p.See("JavaScript, which is off", "curl localhost:7070/v1/children/")
	p.Click("link", "The children of the root")
	p.See(`"children":[]`)
}
