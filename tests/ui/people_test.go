package ui

import (
	"strings"
	"testing"
)

// Everything without a mouse: from the address bar to a znode, to its data changed and deleted.
func TestAllByKeyboard(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.Find("treeitem", "app")
	p.Press("Tab")
	p.Focused("link", "To the content")
	p.Press("Enter")
	tabTo(p, "the tree", `document.activeElement.getAttribute("role") == "tree"`)
	p.Press("ArrowDown", "ArrowRight")
	p.Find("treeitem", "config")
	p.Press("c", "o", "n")
	p.Focused("treeitem", "config")
	p.Press("ArrowRight")
	p.Find("treeitem", "motd")
	p.Press("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
	p.Focused("treeitem", "motd")
	p.Press("Enter")
	p.See("The cluster is moved on Friday at noon.")
	p.Press("e")
	p.Focused("textbox", "Data of /app/config/motd")
	p.Press("Control+a")
	p.Type("by keyboard")
	p.Press("Control+s")
	p.Find("dialog", "Save this?")
	tabTo(p, "the button that saves", `document.activeElement.textContent == "Save"`)
	p.Press("Enter")
	p.See("Saved: version 1.")
	if _, _, body := m.Get("/v1/znodes/app/config/motd"); body != "by keyboard" {
		t.Errorf("it holds %q", body)
	}

	tabTo(p, "the tree", `document.activeElement.getAttribute("role") == "tree"`)
	p.Press("n")
	p.Focused("textbox", "Name")
	p.Type("child")
	p.Press("Enter")
	p.See("/app/config/motd/child is made.")
	p.Gone("dialog", "Create a znode")
	p.Focused("treeitem", "child")
	p.Press("ContextMenu")
	p.Find("menu", "Actions of /app/config/motd/child")
	p.AxeInBoth("a menu")
	p.Press("ArrowDown", "ArrowUp", "Escape")
	p.Gone("menu", "Actions of /app/config/motd/child")
	p.Press("Delete")
	p.Within("dialog", "Delete a znode").See("1 znode")
	tabTo(p, "the button that deletes", `document.activeElement.textContent == "Delete"`)
	p.Press("Enter")
	p.See("/app/config/motd/child deleted.")
	p.Press("Control+k")
	p.Focused("combobox", "Path")
	p.Press("Escape")
	p.Gone("dialog", "Go to a path")
	p.Press("Tab") // in the tree letters look for a name
	p.Press("g", "s")
	p.Until("g, s leads to the sessions", `location.hash.startsWith("#/sessions")`)
}

// tabTo presses Tab until a script says that the focus is there. Each stop on the way has a name and can be seen.
func tabTo(p *Page, what, there string) {
	p.t.Helper()
	const stops = 60
	var way []string
	for range stops {
		if Eval[bool](p, there) {
			return
		}
		p.Press("Tab")
		stop := Eval[string](p, `(e => e == document.body ? "the page" : e.tagName + " " + (e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.title || e.textContent).trim().slice(0, 40))(document.activeElement)`)
		if seen := Eval[bool](p, `(e => { if (e == document.body) return true; let s = getComputedStyle(e), r = e.getBoundingClientRect();
			return r.width > 0 && r.height > 0 && (s.outlineStyle != "none" || s.boxShadow != "none") })(document.activeElement)`); !seen {
			p.t.Errorf("the focus is on %s and cannot be seen", stop)
		}
		way = append(way, stop)
	}
	p.t.Fatalf("%d times Tab do not lead to %s: %s", stops, what, strings.Join(way, " → "))
}

// On a phone: one pane at a time, nothing wider than the window, everything within reach.
func TestANarrowScreen(t *testing.T) {
	m := full(t, nil)
	s := hold(t, m, "/up")
	p := chromium.Open(t, m.URL+"/ui/", Options{Size: Phone})
	p.DoubleClick("treeitem", "app")
	fits := func(view string) {
		t.Helper()
		wide := Eval[string](p, `document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
			.map(e => e.tagName + "." + e.className).slice(0, 5).join(", ") || "something"`)
		if wide != "" {
			t.Errorf("%s is wider than the window: %s", view, wide)
		}
		p.AxeInBoth(view + " on a phone")
	}
	for _, view := range []struct{ name, place, see string }{
		{"a znode", "#/tree/app/config/database", "db.internal"},
		{"the stat", "#/tree/app/config/database?tab=stat", "Its data was not set since it was made."},
		{"sessions", "#/sessions", "4 sessions"},
		{"a session", "#/sessions/" + s.Owner, "1 ephemeral znode"},
		{"watches", "#/watches", "No watch"},
		{"events", "#/events", "Following /"},
		{"the cluster", "#/cluster", "leads in term"},
	} {
		p.Go(m.URL + "/ui/" + view.place)
		p.See(view.see)
		fits(view.name)
	}
	p.Go(m.URL + "/ui/#/tree/app/config/database")
	p.See("db.internal")
	p.Click("button", "Back to the tree")
	p.Find("treeitem", "database")
	fits("the tree")
	p.Click("treeitem", "motd")
	p.See("Friday at noon")
	p.Click("button", "Edit")
	p.Find("textbox", "Data of /app/config/motd")
	fits("the editor")
	p.Click("button", "Stop editing")
	p.Click("button", "Create below")
	p.Find("dialog", "Create a znode")
	fits("a dialog")
	p.Press("Escape")
}

// Zoomed in to four times, as WCAG 1.4.10 has it, a window of 1280 is one of 320.
func TestZoomedIn(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config/database", Options{Size: Size{320, 256}})
	p.See("db.internal")
	if n := Eval[int](p, "document.documentElement.scrollWidth"); n > 320 {
		t.Errorf("it is %d wide", n)
	}
}

// What changes is said to who cannot see it.
func TestChangesAreAnnounced(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "old")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.See("Live · zxid")
	spoken := `[...document.querySelectorAll("[role=status][aria-live]")].map(e => e.textContent).join(" ")`
	put(t, m, "/one", "new")
	p.Until("the change is spoken", spoken+`.includes("/one changed, version 1")`)
	p.Click("button", "Pause")
	p.Until("the pause is spoken", spoken+`.includes("Paused")`)
}

// One may switch writing off for oneself, and it stays so.
func TestReadOnlyByChoice(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "data")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.Find("button", "Edit")
	p.Click("button", "Read-only")
	p.Gone("button", "Edit")
	p.Gone("button", "Create")
	p.Reload()
	p.See("data")
	p.Gone("button", "Edit")
	p.Click("button", "Read-only")
	p.Find("button", "Edit")
	p.Find("button", "Create")
}
