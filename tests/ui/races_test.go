package ui

import (
	"testing"

	"holt/httpapi/client"
)

// What is moved is what was looked at: a change, or a child, that came meanwhile stops it whole.
func TestAMoveOfWhatChanged(t *testing.T) {
	m := serve(t, nil)
	for _, path := range []string{"/app/one", "/app/two"} {
		put(t, m, path, "old")
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/app", Options{})
	p.Click("button", "Move")
	d := p.Within("dialog", "Move a znode")
	d.See("3 znodes with")
	d.Fill("To the path", "/moved")
	put(t, m, "/app/two", "new")
	d.Click("button", "Move")
	d.See("Somebody changed it meanwhile.")
	d.See("3 znodes with")
	put(t, m, "/app/three", "")
	d.Click("button", "Move")
	d.See("The znode has children.")
	d.See("4 znodes with")
	if s := m.Status("/v1/znodes/moved"); s != 404 {
		t.Errorf("a part of it was moved: %d", s)
	}
	d.Click("button", "Move")
	p.See("/app is moved to /moved.")
	if _, _, body := m.Get("/v1/znodes/moved/two"); body != "new" {
		t.Errorf("it holds %q", body)
	}
	if s := m.Status("/v1/znodes/app"); s != 404 {
		t.Errorf("it is still there: %d", s)
	}

	// A copy is of one state, too.
	p.Click("button", "Duplicate")
	d = p.Within("dialog", "Duplicate a znode")
	d.See("4 znodes with")
	put(t, m, "/moved/one", "newer")
	d.Click("button", "Duplicate")
	d.See("Somebody changed it meanwhile.")
	d.See("4 znodes with")
	put(t, m, "/moved-copy", "there already")
	d.Click("button", "Duplicate")
	d.See("There is a znode of that name already.")
	if _, _, body := m.Get("/v1/znodes/moved-copy"); body != "there already" {
		t.Errorf("it holds %q", body)
	}
}

// What was put in the place of what was deleted stays, and the copy is kept.
func TestAnUndoWhereAnotherIs(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "precious")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/one", Options{})
	p.Click("button", "Delete")
	p.Within("dialog", "Delete a znode").See("1 znode")
	p.Within("dialog", "Delete a znode").Click("button", "Delete")
	p.See("/app/one deleted.")
	put(t, m, "/app/one", "of another")
	p.Click("button", "Undo…")
	d := p.Within("dialog", "Undo a delete")
	d.Click("button", "Put back")
	d.See("There is a znode of that name already.")
	if _, _, body := m.Get("/v1/znodes/app/one"); body != "of another" {
		t.Errorf("it holds %q", body)
	}
	if _, err := m.Client().DeleteTree(t.Context(), "/app", client.Any()); err != nil {
		t.Fatal(err)
	}
	d.Click("button", "Put back")
	d.See("There is no such znode.") // its parent
	put(t, m, "/app", "")
	d.Click("button", "Put back")
	p.See("1 znode back.")
	if _, _, body := m.Get("/v1/znodes/app/one"); body != "precious" {
		t.Errorf("it holds %q", body)
	}
}
