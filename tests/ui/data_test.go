package ui

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// put makes a znode with parents, or sets its data.
func put(t *testing.T, m *harness.Member, path, data string) {
	t.Helper()
	if _, err := m.Client().PutAs(context.Background(), path, []byte(data), client.Any(), client.Making{Parents: true}); err != nil {
		t.Fatal(err)
	}
}

// Each kind of data is recognised and shown as what it is.
func TestViewers(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config/database", Options{})

	// JSON, folded and unfolded.
	p.See("JSON, 123 bytes", `"db.internal"`, "5432", "Formatted: this is not byte for byte what is stored.")
	p.Click("button", "pool")
	p.NotSee(`"max": 32`)
	p.See(`{"min":4,"max":32`)
	p.Click("button", "pool")
	p.See(`"max": 32`)
	p.AxeInBoth("JSON")

	// As stored, and it stays so for JSON.
	p.Click("button", "As stored")
	p.See(`"port":5432,"pool":{"min":4`)
	p.Reload()
	p.See(`"port":5432,"pool":{"min":4`)
	p.Click("button", "Hex")
	p.See("00000000 7b 22 68 6f 73 74 22 3a")
	p.AxeInBoth("hex")

	for _, c := range []struct {
		path string
		see  []string
	}{
		{"/app/config/features", []string{"YAML", "who sees what", "checkout:"}},
		{"/app/config/logging", []string{"XML", "Formatted", "<pattern>%d %m</pattern>"}},
		{"/app/config/motd", []string{"Text", "Welcome."}},
		{"/app/config/key", []string{"Binary", "00000000 00 01 02 7f 80 fe ff de"}},
		{"/app/config/empty", []string{"No data: 0 bytes."}},
	} {
		p.Go(m.URL + "/ui/#/tree" + c.path)
		p.See(c.see...)
		p.See("curl " + m.URL + "/v1/znodes" + c.path)
		p.AxeInBoth(c.path)
	}
	p.Go(m.URL + "/ui/#/tree/app/config/bundle")
	p.See("gzip")
	p.AxeInBoth("gzip")
}

// Damaged JSON says where, and is shown all the same.
func TestDamagedDataSaysWhere(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/bad", "{\"a\": 1,\n \"b\" 2}")
	p := chromium.Open(t, m.URL+"/ui/#/tree/bad", Options{})
	p.See("Line 2, column 6", `"b" 2}`)
	p.AxeInBoth("damaged JSON")
}

// What is large is not loaded before one says so; raw bytes can be had.
func TestLargeAndRawData(t *testing.T) {
	m := serve(t, nil)
	large := strings.Repeat("0123456789abcdef", 1<<16)
	put(t, m, "/large", large)
	p := chromium.Open(t, m.URL+"/ui/#/tree/large", Options{})
	p.See("The data is large: 1")
	p.Click("button", "Load it all the same")
	p.See("0123456789abcdef0123456789abcdef", "Show more")
	p.Click("link", "Download raw")
	if got := p.Downloaded("large"); !bytes.Equal(got, []byte(large)) {
		t.Errorf("%d bytes came, want %d", len(got), len(large))
	}
}

// The stat in words, and who watches this.
func TestStatAndWatchersOfAZnode(t *testing.T) {
	m := serve(t, nil)
	s := hold(t, m, "/up/one")
	if _, err := s.SetWatch(context.Background(), "/up", client.WatchPersistent); err != nil {
		t.Fatal(err)
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/up/one?tab=stat", Options{})
	p.See("It goes with its session.", "Its data was not set since it was made.", "It goes when that session ends.", "curl -I "+m.URL+"/v1/znodes/up/one")
	p.AxeInBoth("the stat")
	if _, err := s.Client().Put(context.Background(), "/up/one", []byte("x"), client.Any()); err != nil {
		t.Fatal(err)
	}
	p.See("Its data was set once since it was made.")
	p.Within("table", "Stat").Click("link", s.Owner)
	p.See("Session " + s.Owner)
	p.Back()
	p.Within("navigation", "Path").Click("link", "up")
	p.Click("tab", "Watches")
	p.See("1 watch", "always, for itself and its children's names")
	p.AxeInBoth("the watches of a znode")
	p.Press("Home")
	p.Until("tabs are moved among by keys", `document.querySelector("[role=tab][aria-selected=true]").textContent == "Data"`)
}

// A znode that goes while it is looked at stays as past, and can be made again.
func TestAZnodeIsDeletedUnderThePage(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/gone", "its last words")
	p := chromium.Open(t, m.URL+"/ui/#/tree/gone", Options{})
	p.See("its last words", "Followed live.")
	if _, err := m.Client().Delete(context.Background(), "/gone", client.Any()); err != nil {
		t.Fatal(err)
	}
	p.See("Deleted at zxid 2.", "What follows is past", "its last words")
	p.Gone("button", "Edit")
	p.AxeInBoth("a deleted znode")
	p.Click("button", "Create it again")
	p.NotSee("What follows is past")
	p.See("its last words")
	if _, _, body := m.Get("/v1/znodes/gone"); body != "its last words" {
		t.Errorf("it holds %q", body)
	}
	p.Go(m.URL + "/ui/#/tree/never/there")
	p.See("There is no znode at this path.")
}
