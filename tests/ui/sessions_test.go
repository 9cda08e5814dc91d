package ui

import (
	"context"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// hold opens a session with ephemeral znodes at these paths, renewed until the test ends or somebody kills it.
func hold(t *testing.T, m *harness.Member, paths ...string) *client.Session {
	t.Helper()
	s, err := m.Client().OpenSession(context.Background(), 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Leave)
	for _, path := range paths {
		if _, err := s.Client().CreateAs(context.Background(), path, nil, client.Making{Mode: client.Ephemeral, Parents: true}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// From the list to a session, to its ephemeral znodes, and its end.
func TestSessionsAreSeenAndKilled(t *testing.T) {
	m := serve(t, nil)
	first := hold(t, m, "/up/one", "/up/two")
	second := hold(t, m, "/up/three")
	if _, err := first.SetWatch(context.Background(), "/up", client.WatchChildren); err != nil {
		t.Fatal(err)
	}

	p := chromium.Open(t, m.URL+"/ui/#/sessions", Options{})
	p.See("2 sessions", "30 s")
	p.AxeInBoth("sessions")
	p.Click("link", first.Owner)
	p.Until("the session is in the URL", `location.hash == "#/sessions/`+first.Owner+`"`)
	p.See("2 ephemeral znodes", "1 watch", "/up/one", "/up/two", "without a renewal it expires in", "curl "+m.URL+"/v1/sessions/"+first.Owner)
	p.AxeInBoth("a session")
	p.Click("link", "/up/one")
	p.Until("it leads to the znode", `location.hash.startsWith("#/tree/up/one")`)
	p.Back()

	p.Click("button", "Kill…")
	ask := p.Within("dialog", "Kill session "+first.Owner+"?")
	ask.See("2 ephemeral znodes and 1 watch go with it", "/up/one", "There is no undo", "curl -X DELETE")
	p.AxeInBoth("the question before a kill")
	ask.Click("button", "Cancel")
	p.Gone("dialog", "Kill session "+first.Owner+"?")
	p.Click("button", "Kill…")
	ask.Click("button", "Kill "+first.Owner)
	p.See("Session "+first.Owner+" is over.", "This session is over. An operator killed it.", "1 session, as of")
	p.Gone("link", first.Owner)
	p.Find("link", second.Owner)
	select {
	case <-first.Lost():
	case <-time.After(Patience):
		t.Error("its client was not told")
	}
	if s := m.Status("/v1/znodes/up/one"); s != 404 {
		t.Errorf("its ephemeral znode is there: %d", s)
	}
}

// A session that ends while it is looked at.
func TestASessionEndsUnderThePage(t *testing.T) {
	m := serve(t, nil)
	s := hold(t, m, "/up/one")
	p := chromium.Open(t, m.URL+"/ui/#/sessions/"+s.Owner, Options{})
	p.See("1 ephemeral znode")
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.Click("button", "Refresh")
	p.See("This session is over. Whoever held it closed it.", "No session, as of")
	p.Gone("button", "Kill…")
}

// What could not be read again is not shown as if it were so now.
func TestSessionsOfAMemberThatIsGone(t *testing.T) {
	m := serve(t, nil)
	s := hold(t, m)
	p := chromium.Open(t, m.URL+"/ui/#/sessions", Options{})
	p.Find("link", s.Owner)
	p.See("Live · zxid") // its worker is here, too
	m.Kill()
	p.Click("button", "Refresh")
	p.See("Not refreshed since", "The server does not answer.", "not known now")
	m.Start().Ready()
	p.NotSee("Not refreshed since", "not known now")
}
