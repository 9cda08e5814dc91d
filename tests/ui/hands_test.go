package ui

import (
	"testing"
)

// Whoever acts by keyboard is never left without a place: where the button goes, the focus is on what is shown now.
func TestTheFocusAfterActing(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config/motd", Options{})
	p.See("Friday at noon")
	p.Within("navigation", "Path").Click("link", "config")
	p.Focused("heading", "config")
	p.Click("button", "Create below")
	p.Fill("Name", "new")
	p.Press("Enter")
	p.See("/app/config/new is made.")
	p.Focused("heading", "new")
	p.Click("button", "Delete")
	d := p.Within("dialog", "Delete a znode")
	d.See("1 znode")
	d.Click("button", "Delete")
	p.See("/app/config/new deleted.")
	p.Focused("heading", "config")
	p.Click("button", "Edit")
	p.Focused("textbox", "Data of /app/config")
	p.Press("Escape")
	p.Focused("button", "Edit")
}

// What keys do, a hand does too: go to a path, mark a row.
func TestAllByMouse(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app/config", Options{})
	p.Click("button", "Go to…")
	field := `document.querySelector("dialog input").getBoundingClientRect().top`
	before := Eval[float64](p, field)
	p.Fill("Path", "/app/co")
	p.Find("option", "config")
	if after := Eval[float64](p, field); after != before {
		t.Errorf("the field went from %v to %v when the offers came: a click meant for it may be one on them", before, after)
	}
	p.Click("option", "config")
	p.Find("heading", "config")
	p.Click("treeitem", "motd")
	p.See("Friday at noon")
	Eval[bool](p, `document.querySelector("[data-path='/app/config/motd'] .more").click(), true`) // hidden from screen readers, which have the key
	p.Click("menuitem", "Mark")
	p.See("1 marked")
	Eval[bool](p, `document.querySelector("[data-path='/app/config/motd'] .more").click(), true`)
	p.Click("menuitem", "Take the mark away")
	p.NotSee("1 marked")
}

// Messages lie on the view, not on the curl line.
func TestMessagesLeaveTheCurlLineFree(t *testing.T) {
	m := full(t, nil)
	for _, size := range []Size{Desktop, Phone} {
		p := chromium.Open(t, m.URL+"/ui/#/tree/app/config/motd", Options{Size: size})
		p.See("Friday at noon", "Followed live.")
		// What a refused copy says stays long enough to be measured. The window need not have the focus for it.
		Eval[bool](p, `navigator.clipboard.writeText = () => Promise.reject(new Error("no")),
			[...document.querySelectorAll("main button")].find((b) => b.textContent === "Copy path").click(), true`)
		p.See("The browser does not let the page copy this")
		const slack = "1" // pixels: browsers place things between them
		p.Until("it lies above the footer", `(() => {
			const a = document.querySelector(".toasts").getBoundingClientRect(), b = document.querySelector("footer").getBoundingClientRect()
			return a.height > 0 && a.bottom <= b.top + `+slack+` && a.left >= -`+slack+` && a.right <= innerWidth + `+slack+` })()`)
	}
}

// An export of a znode that is loaded from within goes where it came from, not below itself.
func TestAnImportFromWithin(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config/motd", Options{})
	p.See("Friday at noon")
	p.Click("button", "Import")
	choose(p, "dialog", "config.ndjson", `{"path":"/app/config","mode":"persistent","data":"","encoding":"utf8"}`+"\n")
	p.Within("dialog", "Import").Value("To", "/app/config")
}

// The state is a shape and a word, not a colour alone.
func TestTheStateLightHasAShape(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.See("Live · zxid")
	shape := `(s => [s.borderRadius, s.borderWidth, s.clipPath].join(" "))(getComputedStyle(document.querySelector(".dot")))`
	live := Eval[string](p, shape)
	p.Click("button", "Pause")
	p.See("Paused: 0 changes waiting")
	paused := Eval[string](p, shape)
	p.Click("button", "Resume")
	p.See("Live · zxid")
	p.Expect("")
	m.Kill()
	p.See("Offline")
	offline := Eval[string](p, shape)
	if live == paused || live == offline || paused == offline {
		t.Errorf("live is %s, paused %s, offline %s", live, paused, offline)
	}
}

// What the state light says has many lengths. Nothing below it moves, so that a click finds what it was meant for.
func TestTheStateMovesNothing(t *testing.T) {
	for _, size := range []Size{Phone, {800, 700}, Desktop} {
		m := serve(t, nil)
		p := chromium.Open(t, m.URL+"/ui/", Options{Size: size})
		p.See("Live · zxid")
		top := func() float64 {
			return Eval[float64](p, `document.querySelector("main").getBoundingClientRect().top`)
		}
		live := top()
		p.Click("button", "Pause")
		p.See("Paused: 0 changes waiting")
		paused := top()
		p.Expect("")
		m.Kill()
		p.See("Paused: 0 changes waiting. Offline: as of ")
		if offline := top(); live != paused || live != offline {
			t.Errorf("at a width of %d the view begins at %g live, %g paused, %g offline", size.Width, live, paused, offline)
		}
		Eval[bool](p, `document.querySelector(".light").lastChild.replaceChildren("Live"), true`)
		if short := top(); short != live {
			t.Errorf("at a width of %d the view begins at %g, with one short word at %g", size.Width, live, short)
		}
	}
}

// A phone shows one pane: on an empty tree it is the one that teaches.
func TestTheFirstStepsOnAPhone(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/ui/", Options{Size: Phone})
	p.See("The tree is empty")
	p.Within("region", "First steps").Click("button", "Create")
	p.See("First steps", "Seen live.")
	p.AxeInBoth("the first steps on a phone")
	p.Click("button", "Back to the tree")
	p.Find("treeitem", "hello")
}

// An ephemeral may belong to a session that a program holds, by its id, which the page forgets.
func TestAnEphemeralOfAnotherSession(t *testing.T) {
	m := serve(t, nil)
	s := hold(t, m, "/up")
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.Click("button", "Create below")
	d := p.Within("dialog", "Create a znode")
	d.Fill("Name", "also-up")
	d.Choose("Kind", "ephemeral")
	d.Choose("Session", "Another session, by its id")
	d.Fill("Id of the session", "too short")
	d.Click("button", "Create")
	d.See("The id of a session has 32 characters.")
	d.Fill("Id of the session", string(s.ID))
	d.NotSee(string(s.ID)) // nor in the curl line
	d.Click("button", "Create")
	p.See("/also-up is made.")
	p.Find("treeitem", "also-up ephemeral of "+s.Owner)
	p.Within("tree", "Znodes").Click("link", s.Owner)
	p.See("2 ephemeral znodes", "/also-up")
}
