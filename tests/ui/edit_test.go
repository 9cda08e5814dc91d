package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	"holt/httpapi/client"
)

// To edit is a decision, mistakes are shown before saving, and so is what differs.
func TestDataIsEdited(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "{\"a\": 1}\n")
	p := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	p.Click("button", "Edit")
	p.Value("Data of /config", "{\"a\": 1}\n")
	p.AxeInBoth("the editor")
	p.Fill("Data of /config", "{\"a\": 1,}\n")
	p.See("Line 1, column 9")
	p.AxeInBoth("a mistake")
	p.Click("button", "Save…")
	ask := p.Within("dialog", "Save this?")
	ask.See("mistakes. Save it all the same?", "Expected a key")
	p.AxeInBoth("the difference")
	ask.Click("button", "Cancel")
	p.Fill("Data of /config", "{\"a\": 2, \"b\": [true]}\n")
	p.See("Nothing wrong was found.")
	p.Click("button", "Format")
	p.Press("Control+s")
	ask.See("Over version 0 and no other", `"a": 1`, `"a": 2`)
	ask.Click("button", "Save")
	p.See("Saved: version 1.")
	p.Gone("textbox", "Data of /config")
	p.Find("button", "Edit")
	if _, _, body := m.Get("/v1/znodes/config"); strings.Join(strings.Fields(body), "") != `{"a":2,"b":[true]}` {
		t.Errorf("it holds %q", body)
	}
}

// Unsaved changes are not lost without a question.
func TestUnsavedChangesAreGuarded(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "old")
	put(t, m, "/other", "another")
	p := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	p.Click("button", "Edit")
	p.Fill("Data of /config", "new")
	p.Answer(false)
	p.Click("treeitem", "other")
	if asked := p.Asked(1)[0]; !strings.Contains(asked, "The changes to /config are not saved.") {
		t.Errorf("asked %q", asked)
	}
	p.Value("Data of /config", "new")
	p.Until("it is still there", `location.hash.startsWith("#/tree/config")`)
	p.Answer(true)
	p.Click("treeitem", "other")
	p.Asked(2)
	p.See("another")
	p.Gone("textbox", "Data of /config")
	if _, _, body := m.Get("/v1/znodes/config"); body != "old" {
		t.Errorf("it holds %q", body)
	}
}

// Two people edit the same znode: the second sees all three versions, and neither loses a change.
func TestTwoPeopleEditTheSame(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "one\ntwo\nthree\nfour\nfive\n")
	ann := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	bob := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	for _, p := range []*Page{ann, bob} {
		p.Click("button", "Edit")
	}
	ann.Fill("Data of /config", "ONE\ntwo\nthree\nfour\nfive\n")
	bob.Fill("Data of /config", "one\ntwo\nthree\nfour\nFIVE\n")
	ann.Press("Control+s")
	ann.Within("dialog", "Save this?").Click("button", "Save")
	ann.See("Saved: version 1.")

	bob.See("Somebody changed it meanwhile", "it has version 1 now")
	bob.Click("button", "Compare")
	d := bob.Within("dialog", "Changed by somebody else")
	d.See("You began with version 0. Now there is version 1", "The changes do not touch: Merge keeps both.", "Changed by them", "Changed by you", "* FIVE")
	bob.AxeInBoth("the three versions")
	d.Click("button", "Merge")
	bob.Value("Data of /config", "ONE\ntwo\nthree\nfour\nFIVE\n")
	bob.Press("Control+s")
	ask := bob.Within("dialog", "Save this?")
	ask.See("Over version 1 and no other")
	ask.Click("button", "Save")
	bob.See("Saved: version 2.")
	ann.See("FIVE")
}

// Both change the same line: it is decided line by line, after the server refused.
func TestAConflictIsDecided(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "one\ntwo\n")
	p := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	p.Click("button", "Edit")
	p.Fill("Data of /config", "mine\ntwo\n")
	p.Click("button", "Save…")
	ask := p.Within("dialog", "Save this?")
	ask.See("Over version 0 and no other")
	put(t, m, "/config", "theirs\ntwo\n") // between the look and the save
	ask.Click("button", "Save")
	d := p.Within("dialog", "Changed by somebody else")
	d.See("1 conflict", "mine", "theirs", "one")
	d.Click("button", "Merge")
	d.See("Decide each conflict first.")
	p.AxeInBoth("a conflict")
	d.Click("radio", "Both, mine first")
	d.See("All conflicts are decided.")
	d.Click("button", "Merge")
	p.Value("Data of /config", "mine\ntheirs\ntwo\n")
	p.Press("Control+s")
	ask.Click("button", "Save")
	p.See("Saved: version 2.")

	// Or one takes what is there.
	p.Click("button", "Edit")
	p.Fill("Data of /config", "again mine\n")
	put(t, m, "/config", "again theirs\n")
	p.Click("button", "Compare")
	d.Click("button", "Take theirs")
	p.Value("Data of /config", "again theirs\n")
	p.Press("Control+s")
	p.See("Nothing was changed.")
	p.Click("button", "Stop editing")
	p.Find("button", "Edit")
}

// A znode that is deleted while it is edited can be made again with the text.
func TestDeletedWhileEdited(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "old")
	p := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	p.Click("button", "Edit")
	p.Fill("Data of /config", "new")
	if _, err := m.Client().Delete(context.Background(), "/config", client.Any()); err != nil {
		t.Fatal(err)
	}
	p.See("It was deleted meanwhile.")
	p.Click("button", "Create it again with this")
	p.See("Saved: version 0.")
	if _, _, body := m.Get("/v1/znodes/config"); body != "new" {
		t.Errorf("it holds %q", body)
	}
}

// What was there with a TTL is made again with it, and what is written while that is done is not lost.
func TestMadeAgainAsItWas(t *testing.T) {
	m := serve(t, nil)
	c := m.Client()
	if _, err := c.CreateAs(t.Context(), "/lease", []byte("old"), client.Making{Mode: client.PersistentWithTTL, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/lease", Options{})
	p.Click("button", "Edit")
	p.Fill("Data of /lease", "new")
	if _, err := c.Delete(t.Context(), "/lease", client.Any()); err != nil {
		t.Fatal(err)
	}
	p.See("It was deleted meanwhile.")
	come, leave := b.holdWrite()
	p.Click("button", "Create it again with this")
	<-come
	p.Fill("Data of /lease", "newer")
	b.nothing()
	close(leave)
	p.See("Saved: version 0.", "lease persistent with ttl TTL 1 h")
	p.Value("Data of /lease", "newer")
	p.Press("Control+s")
	p.Within("dialog", "Save this?").See("Over version 0 and no other", "new", "newer")
}

// What a text field would change stays as it is stored: line ends, a mark at the beginning, what does not show.
func TestBytesStayAsTheyAre(t *testing.T) {
	m := serve(t, nil)
	for _, c := range []struct{ name, old, typed, want string }{
		{"windows", "a\r\nb\r\n", "a\nB\n", "a\r\nB\r\n"},
		{"mark", "\ufeffa\n", "\ufeffb\n", "\ufeffb\n"},
		{"no end", "a\nb", "a\nc", "a\nc"},
		{"odd", "a\u2028\u202e\x1b\u00a0b", "a\u2028\u202e\x1b\u00a0c", "a\u2028\u202e\x1b\u00a0c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			put(t, m, "/bytes", c.old)
			p := chromium.Open(t, m.URL+"/ui/#/tree/bytes", Options{})
			p.Click("button", "Edit")
			p.Find("textbox", "Data of /bytes")
			p.Press("Control+s")
			p.See("Nothing was changed.")
			p.Fill("Data of /bytes", c.typed)
			p.Press("Control+s")
			p.Within("dialog", "Save this?").Click("button", "Save")
			p.See("Saved: version")
			if _, _, body := m.Get("/v1/znodes/bytes"); body != c.want {
				t.Errorf("it holds %q, want %q", body, c.want)
			}
		})
	}
	// Where a text field can only change it, that is said, and nothing happens by itself.
	put(t, m, "/bytes", "a\r\nb\nc\r")
	p := chromium.Open(t, m.URL+"/ui/#/tree/bytes", Options{})
	p.Click("button", "Edit")
	p.See("Its line ends are mixed; saving makes them alike.")
	p.Press("Control+s")
	p.See("Nothing was changed.")
	put(t, m, "/bytes", "a\x00b")
	p.See("You had changed nothing: this is the new version.")
	p.Gone("textbox", "Data of /bytes")
	// A file that differs in its line ends alone is another text.
	put(t, m, "/bytes", "a\nb\n")
	p.Value("Data of /bytes", "a\nb\n")
	choose(p, ".znode", "windows.txt", "a\r\nb\r\n")
	p.See("Lines end in CR LF, and stay so.")
	p.Click("button", "Save…")
	p.Within("dialog", "Save this?").Click("button", "Save")
	p.See("Saved: version")
	if _, _, body := m.Get("/v1/znodes/bytes"); body != "a\r\nb\r\n" {
		t.Errorf("it holds %q", body)
	}
}
