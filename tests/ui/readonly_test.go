package ui

import (
	"slices"
	"testing"
)

// What was offered before the page became read-only does nothing any more, and says why: what is left of it, too.
func TestReadOnlyWritesNothing(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.See("The tree is empty")
	p.Click("button", "Read-only")
	p.NotSee("The tree is empty")
	p.Press("Tab")
	p.Click("button", "Read-only")

	put(t, m, "/one", "data")
	put(t, m, "/two", "data")
	p.Click("treeitem", "one")
	p.Click("button", "Delete")
	d := p.Within("dialog", "Delete a znode")
	d.See("1 znode")
	d.Click("button", "Delete")
	p.See("/one deleted.")
	p.Gone("treeitem", "one")
	Eval[bool](p, `location.hash = "#/tree/two", true`)
	p.See("two persistent")
	p.Click("button", "Edit")
	p.Fill("Data of /two", "other")
	p.Click("button", "Read-only")
	p.Click("button", "Save…")
	p.See("This page is read-only: it changes nothing.")
	p.Within("log", "Messages").Click("button", "Undo")
	p.Click("button", "Undo…")
	p.Within("dialog", "Undo a delete").Click("button", "Put back")
	p.Within("dialog", "Undo a delete").See("This page is read-only")
	p.Within("dialog", "Undo a delete").Click("button", "Close")

	// Keys, the menu and the box for paths offer nothing either.
	p.Answer(true)
	p.Click("button", "Stop editing")
	p.Click("treeitem", "two")
	p.Until("the tree has the focus", `document.activeElement.getAttribute("role") == "tree"`)
	for _, key := range []string{"n", "e", "m", "F2", "Delete"} {
		p.Press(key)
		if Eval[bool](p, `!!document.querySelector("dialog, textarea.editor")`) {
			t.Errorf("%s does something", key)
		}
	}
	p.Press("ContextMenu")
	for _, item := range p.Within("menu", "Actions of /two").Names("menuitem") {
		if !slices.Contains([]string{"Export", "Mark", "Copy path", "Copy curl"}, item) {
			t.Errorf("the menu offers %s", item)
		}
	}
	p.Press("Escape")
	p.Press("Control+k")
	p.Focused("combobox", "Path")
	p.Paste("/three")
	p.See("There is nothing at /three.")
	p.NotSee("Create /three")
	if s := m.Status("/v1/znodes/one"); s != 404 {
		t.Errorf("it was put back: %d", s)
	}
	if _, _, body := m.Get("/v1/znodes/two"); body != "data" {
		t.Errorf("it holds %q", body)
	}
}
