package ui

import (
	"context"
	"strings"
	"testing"

	"holt/httpapi/client"
)

// A znode of each kind is created, the line that does the same beside it.
func TestZnodesAreCreated(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app", "")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	d := p.Within("dialog", "Create a znode")
	create := func() {
		p.Click("button", "Create below")
		p.Find("dialog", "Create a znode")
	}
	create()
	p.AxeInBoth("creating")
	p.Focused("textbox", "Name")
	d.Click("button", "Create")
	d.See("It needs a name.")
	d.Fill("Name", "a/../b")
	d.Click("button", "Create")
	d.See(". and .. are no names.")
	d.Fill("Name", "one")
	d.Fill("Data", "hello")
	d.See("/app/one")
	d.Click("button", "Create")
	p.See("/app/one is made.")
	p.Find("treeitem", "one")
	p.See("hello")

	p.Within("navigation", "Path").Click("link", "app")
	create()
	d.Fill("Name", "one")
	d.Click("button", "Create")
	d.See("There is a znode of that name already.")
	d.Fill("Name", "job-")
	d.Choose("Kind", "persistent sequential")
	d.Click("button", "Create")
	p.See("Made. The server named it job-0000000001.")
	p.Find("treeitem", "job-0000000001")

	p.Within("navigation", "Path").Click("link", "app")
	create()
	d.Fill("Name", "deep/er")
	d.Choose("Kind", "persistent with ttl")
	d.Fill("TTL", "90")
	d.Choose("Unit", "minutes")
	d.Click("checkbox", "Make parents that are missing")
	d.Click("button", "Create")
	p.See("/app/deep/er is made.")
	p.Find("treeitem", "er TTL 1 h 30 min")

	p.Within("navigation", "Path").Click("link", "app")
	create()
	d.Fill("Name", "alive")
	d.Choose("Kind", "ephemeral")
	d.See("ends when the page is closed or reloaded")
	p.AxeInBoth("creating an ephemeral")
	d.Click("button", "Create")
	p.Find("treeitem", "alive ephemeral")
	p.Find("button", "Session s")
	p.Press("n")
	p.Go("about:blank")
	p.Go(m.URL + "/ui/#/tree/app?open=/app")
	p.Find("treeitem", "one")
	p.Gone("treeitem", "alive")
}

// What goes is counted and named before it goes, and can be taken back.
func TestZnodesAreDeleted(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config/motd?open=/app/config", Options{})
	p.Click("button", "Delete")
	d := p.Within("dialog", "Delete a znode")
	d.See("1 znode with", "/app/config/motd")
	p.AxeInBoth("deleting one")
	d.Click("button", "Delete")
	p.See("/app/config/motd deleted.")
	p.Gone("treeitem", "motd")
	p.Until("its parent is shown", `location.hash.startsWith("#/tree/app/config?") || location.hash == "#/tree/app/config"`)
	p.Within("log", "Messages").Click("button", "Undo")
	p.See("1 znode back.")
	p.Find("treeitem", "motd")

	// With all below it: only after the name was typed.
	p.Click("button", "Delete")
	d.See("8 znodes with", "/app/config and 7 below")
	p.AxeInBoth("deleting many")
	d.Click("button", "Delete")
	d.See("Type config to confirm.")
	d.Fill("Type config to delete", "config")
	d.Click("button", "Delete")
	p.See("/app/config and all below deleted.")
	p.Gone("treeitem", "config")
	p.Click("button", "Undo…")
	p.Within("dialog", "Undo a delete").Click("button", "Put back")
	p.See("8 znodes back.")
	p.NotSee("/app/config and all below deleted.") // nothing is offered twice
	p.Find("treeitem", "config 7 children")
	if s := m.Status("/v1/znodes/app/config/key"); s != 200 {
		t.Errorf("what was below is not there: %d", s)
	}
}

// Somebody changed it since: the delete is refused, told, and can be decided anew.
func TestADeleteOfWhatChanged(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "old")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.Click("button", "Delete")
	d := p.Within("dialog", "Delete a znode")
	d.See("/one")
	put(t, m, "/one", "new")
	d.Click("button", "Delete")
	d.See("Somebody changed it meanwhile.")
	d.Click("button", "Delete")
	p.See("/one deleted.")
}

// Several are marked, deleted in one transaction, exported in one file.
func TestSeveralAreMarked(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config?open=/app/config", Options{})
	p.ClickWith("Control", "treeitem", "motd")
	p.ClickWith("Control", "treeitem", "empty")
	marks := p.Within("group", "Marked znodes")
	marks.See("2 marked")
	p.Until("the row is marked", `document.querySelector("[data-path='/app/config/motd']").ariaSelected == "true"`)
	p.AxeInBoth("marked rows")
	marks.Click("button", "Export")
	p.Within("dialog", "Export 2 znodes").Click("button", "Export")
	file := string(p.Downloaded(".ndjson"))
	if lines := strings.Split(strings.TrimSpace(file), "\n"); len(lines) != 2 || !strings.Contains(file, "Friday at noon") {
		t.Errorf("exported: %s", file)
	}
	marks.Click("button", "Delete")
	p.Within("dialog", "Delete 2 znodes").Click("button", "Delete")
	p.See("2 znodes deleted.")
	p.Gone("treeitem", "motd")
	p.Gone("treeitem", "empty")
	p.Gone("group", "Marked znodes")
}

// A tree is moved in one transaction, and copied.
func TestATreeIsMovedAndCopied(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config?open=/app", Options{})
	p.Click("button", "Move")
	d := p.Within("dialog", "Move a znode")
	d.See("8 znodes with")
	p.AxeInBoth("moving")
	d.Fill("To the path", "/app/config/inside")
	d.Click("button", "Move")
	d.See("It needs another path, and cannot move below itself.")
	d.Fill("To the path", "/app/settings")
	d.Click("button", "Move")
	p.See("/app/config is moved to /app/settings.")
	p.Find("treeitem", "settings 7 children")
	p.Gone("treeitem", "config")
	p.Click("button", "Duplicate")
	d = p.Within("dialog", "Duplicate a znode")
	p.Value("To the path", "/app/settings-copy")
	d.See("8 znodes with")
	d.Click("button", "Duplicate")
	p.See("/app/settings is copied to /app/settings-copy.")
	for _, path := range []string{"/app/settings/motd", "/app/settings-copy/motd"} {
		if s := m.Status("/v1/znodes" + path); s != 200 {
			t.Errorf("%s: %d", path, s)
		}
	}
	// Ephemerals cannot be moved, and it says why.
	p.Go(m.URL + "/ui/#/tree/app/election")
	p.Click("button", "Move")
	p.Within("dialog", "Move a znode").See("Ephemerals belong to their sessions")
}

// A file is looked at before it is loaded: what is new, changed, in conflict, skipped, the same.
func TestAnExportIsImported(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	p.Click("link", "Export")
	exported := p.Downloaded(".ndjson")
	c := m.Client()
	if _, err := c.Delete(context.Background(), "/app/config/motd", client.Any()); err != nil {
		t.Fatal(err)
	}
	put(t, m, "/app/config/features", "changed: since\n")
	p.Click("button", "Import")
	d := p.Within("dialog", "Import")
	d.Click("button", "Import")
	d.See("Choose a file that can be loaded first.")
	choose(p, "dialog", "app.ndjson", string(exported))
	d.See("1 new", "0 changed", "1 conflicting", "6 skipped", "the same", "/app/config/motd")
	p.AxeInBoth("the preview of an import")
	d.Click("checkbox", "Replace data that differs")
	d.See("1 changed", "0 conflicting")
	d.Click("button", "Import")
	p.Within("dialog", "Imported").See("1 made, 1 changed", "6 skipped")
	p.Press("Escape")
	if _, _, body := m.Get("/v1/znodes/app/config/features"); !strings.Contains(body, "who sees what") {
		t.Errorf("it holds %q", body)
	}

	// A damaged file says where.
	p.Click("button", "Import")
	choose(p, "dialog", "app.ndjson", `{"path":"/x","mode":"persistent","data":"","encoding":"utf8"}`+"\nnonsense\n")
	d.See("Line 2: It is no JSON object with a path.")
}

// Where the page is read-only nothing that writes is offered.
func TestReadOnly(t *testing.T) {
	m := serve(t, map[string]string{"HOLT_UI_READ_ONLY": "true"})
	put(t, m, "/one", "data")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.See("data", "Read-only: this page changes nothing.")
	for _, name := range []string{"Edit", "Create below", "Create", "Import", "Delete", "Move", "Duplicate"} {
		p.Gone("button", name)
	}
	p.Click("treeitem", "one")
	p.Press("Delete")
	p.Press("n")
	if len(p.Names("dialog")) > 0 {
		t.Error("a key opened a dialog")
	}
	s := hold(t, m, "/two")
	p.Go(m.URL + "/ui/#/sessions/" + s.Owner)
	p.See("1 ephemeral znode")
	p.Gone("button", "Kill…")
	p.AxeInBoth("read-only")
}
