package ui

import (
	"context"
	"testing"

	"holt/httpapi/client"
)

// Who watches what, and who watches this.
func TestWatchesAreSeen(t *testing.T) {
	m := serve(t, nil)
	s := hold(t, m, "/app/one")
	for path, mode := range map[string]client.WatchMode{
		"/app": client.WatchPersistentRecursive, "/app/one": client.WatchData, "/app/none": client.WatchExists,
	} {
		if _, err := s.SetWatch(context.Background(), path, mode); err != nil {
			t.Fatal(err)
		}
	}
	p := chromium.Open(t, m.URL+"/ui/#/watches", Options{})
	p.See("3 watches", "always, for all that is below it", "once, when its data is set or it is deleted",
		"Member a serves ", "streams and long polls now", "curl '"+m.URL+"/v1/watches?limit=200'")
	p.AxeInBoth("watches")

	p.Fill("Only watches at this path", "app")
	p.Press("Enter")
	p.See("A path begins with /.")
	p.Fill("Only watches at this path", "/app/one")
	p.Click("button", "Show")
	p.See("1 watch", "curl '"+m.URL+"/v1/watches?path=/app/one&limit=200'")
	p.Gone("link", "/app/none")
	p.Until("it is in the URL", `location.hash == "#/watches?path=/app/one"`)
	p.Click("link", s.Owner)
	p.See("3 watches", "Session "+s.Owner)
	p.Back()
	p.Click("link", "Show all")
	p.Find("link", "/app/none")

	// One that fires is gone.
	if _, err := m.Client().Put(context.Background(), "/app/one", []byte("new"), client.Any()); err != nil {
		t.Fatal(err)
	}
	p.Click("button", "Refresh")
	p.See("2 watches")
	p.Gone("link", "/app/one")
}
