package ui

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/harness"
)

// What somebody else does is seen at once, and said to be new.
func TestChangesOfOthersAreSeen(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "old")
	ann := chromium.Open(t, m.URL+"/ui/#/tree/app/one?open=/app", Options{})
	bob := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	ann.See("old", "Live · zxid", "Followed live.")
	bob.Find("treeitem", "one")

	put(t, m, "/app/one", "new")
	ann.See("new")
	ann.Find("treeitem", "one ● changed")
	bob.Find("treeitem", "one ● changed")

	// One of them does it in the page.
	bob.Click("button", "Create below")
	d := bob.Within("dialog", "Create a znode")
	d.Fill("Name", "two")
	d.Click("button", "Create")
	ann.Find("treeitem", "two ● new")
	ann.Find("treeitem", "app 2 children")
	if _, err := m.Client().DeleteTree(context.Background(), "/app", client.Any()); err != nil {
		t.Fatal(err)
	}
	ann.Gone("treeitem", "app")
	ann.See("What follows is past")
}

// While paused nothing moves, and what waits is counted; then it comes in order.
func TestTheLiveViewIsPaused(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	p.See("Live · zxid")
	p.Find("treeitem", "one")
	p.Click("button", "Pause")
	p.See("Paused: 0 changes waiting")
	p.AxeInBoth("paused")
	put(t, m, "/app/two", "")
	p.See("Paused: 1 change waiting")
	if p.Has("treeitem", "two") {
		t.Error("what happened during the pause is shown")
	}
	p.Press("p") // by key as by button
	p.See("Live · zxid")
	p.Find("treeitem", "two ● new")
}

// All tabs of a person share one connection; closing one leaves the others theirs.
func TestTabsShareOneStream(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "")
	streams := func() float64 { return m.Metric("holt_streams") }
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	p.See("Live · zxid")
	var tabs []*Page
	for range 7 { // more than a browser has connections to one host
		tab := p.Tab(m.URL+"/ui/#/tree/app?open=/app", Options{})
		tab.See("Live · zxid")
		tab.Find("treeitem", "one")
		tabs = append(tabs, tab)
	}
	one := func() bool { return streams() == 1 } // two, while one takes the other's place
	harness.Eventually(t, Patience, "all tabs share one stream", one)
	put(t, m, "/app/two", "")
	for _, tab := range tabs {
		tab.Find("treeitem", "two")
	}
	p.Go("about:blank")
	put(t, m, "/app/three", "")
	tabs[0].Find("treeitem", "three")
	harness.Eventually(t, Patience, "they do after one left", one)
	for _, tab := range tabs {
		tab.Go("about:blank")
	}
	harness.Eventually(t, Patience, "the stream ends with the last tab", func() bool { return streams() == 0 })
}

// The member is killed under the page and comes back: the page says so, resumes, and misses nothing.
func TestAMemberIsKilledUnderThePage(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	at, other := c.Members[0], c.Members[1]
	put(t, other, "/app/one", "before")
	p := chromium.Open(t, at.URL+"/ui/#/tree/app/one?open=/app", Options{})
	p.See("before", "Live · zxid")
	for i, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		at.Signal(end)
		at.Exit(Patience)
		p.See("Resuming from zxid")
		if i == 0 {
			p.AxeInBoth("resuming")
		}
		put(t, other, "/app/one", fmt.Sprintf("while it was down %d", i))
		put(t, other, fmt.Sprintf("/app/during%d", i), "")
		p.See("Not followed just now")
		at.Start().Ready()
		p.See("Live · zxid", fmt.Sprintf("while it was down %d", i))
		p.Find("treeitem", fmt.Sprintf("during%d", i))
	}
}

// A member that stays away: the page says since when, and that writes do not get through.
func TestTheMemberIsGone(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "data")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.See("data", "Live · zxid")
	m.Kill()
	p.See("Offline: as of")
	p.AxeInBoth("offline")
	p.See("data", "Not followed just now")
	p.Click("link", "Sessions")
	p.See("The server does not answer.")
	p.AxeInBoth("a view that cannot be read")
	m.Start().Ready()
	p.See("Live · zxid", "No session, as of")
}

// Where the servers no longer know all that happened, the page reads again and does not pretend.
func TestMoreHappenedThanIsRemembered(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	at, other := c.Members[0], c.Members[1]
	put(t, other, "/app/one", "before")
	put(t, other, "/app/two", "")
	put(t, other, "/counter", "")
	p := chromium.Open(t, at.URL+"/ui/#/tree/app/one?open=/app", Options{})
	p.See("before", "Live · zxid")
	p.Find("treeitem", "two")
	at.Kill()
	put(t, other, "/app/one", "after")
	if _, err := other.Client().Delete(context.Background(), "/app/two", client.Any()); err != nil {
		t.Fatal(err)
	}
	count(t, other, "/counter", 110_000)
	at.Start().Ready()
	p.See("after", "Live · zxid 110,")
	p.Gone("treeitem", "two")
}

// count sets a znode's data so many times.
func count(t *testing.T, m *harness.Member, path string, n int) {
	t.Helper()
	line := m.Client().Pipeline(context.Background())
	defer line.Close()
	go func() {
		for i := range n {
			data := strconv.Itoa(i)
			if line.Send(wire.PipelineLine{Op: wire.Op{Op: "set", Path: path, Data: &data}}) != nil {
				return // told to Receive too
			}
		}
		line.CloseSend()
	}()
	for i := range n {
		if _, err := line.Receive(); err != nil {
			t.Fatalf("after %d of %d: %v", i, n, err)
		}
	}
}

// Hundreds of changes a second: the page follows, and ends up right.
func TestManyChanges(t *testing.T) {
	m := serve(t, nil)
	if err := Children(context.Background(), m.Client(), "/busy", 500); err != nil {
		t.Fatal(err)
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/busy/c000003?open=/busy", Options{})
	p.See("Live · zxid")
	p.Find("treeitem", "c000010")
	c := m.Client()
	begun := time.Now()
	for i := range 1000 {
		if _, err := c.Put(context.Background(), fmt.Sprintf("/busy/c%06d", i%20), fmt.Appendf(nil, "round %d", i), client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Delete(context.Background(), "/busy/c000015", client.Any()); err != nil {
		t.Fatal(err)
	}
	t.Logf("1,000 writes in %v", time.Since(begun).Round(time.Millisecond))
	p.See("round 983")
	p.Gone("treeitem", "c000015")
	p.Find("treeitem", "busy 499 children")
}

// Another cluster stands at the address: what was seen is no more, and the page does not hold on to it.
func TestAnotherClusterAtTheSameAddress(t *testing.T) {
	m := serve(t, nil)
	for i := range 20 {
		put(t, m, fmt.Sprintf("/old%02d", i), "of the first")
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/old03", Options{})
	p.See("of the first", "Live · zxid 20")
	m.Kill()
	if err := os.RemoveAll(m.Dir); err != nil {
		t.Fatal(err)
	}
	m.Start().Ready()
	put(t, m, "/new", "of the second")
	p.Find("treeitem", "new")
	p.Gone("treeitem", "old00")
	p.See("What follows is past", "Live · zxid 1")
	p.Click("treeitem", "new")
	p.See("of the second")
}

// The page is left with changes unsaved, or a reload is asked for: the browser asks first.
func TestAReloadIsGuarded(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "old")
	p := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	p.Click("button", "Edit")
	p.Fill("Data of /config", "new")
	p.Answer(false)
	Eval[bool](p, "setTimeout(() => location.reload()), true")
	p.Asked(1)
	p.Value("Data of /config", "new")
	p.Answer(true)
	Eval[bool](p, "setTimeout(() => location.reload()), true")
	p.Asked(2)
	p.Find("button", "Edit")
	p.See("old")
}

// A session of the page holds ephemeral znodes while the page is open, and can be looked at and closed.
func TestThePagesOwnSession(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app", "")
	p := chromium.Open(t, m.URL+"/ui/#/tree/app?open=/app", Options{})
	p.Click("button", "Create below")
	d := p.Within("dialog", "Create a znode")
	d.Fill("Name", "me")
	d.Choose("Kind", "ephemeral")
	d.Click("button", "Create")
	p.Find("treeitem", "me ephemeral")
	p.Click("button", "Session s")
	p.AxeInBoth("the page's own session")
	p.Within("dialog", "Session s").Click("link", "What it holds")
	p.See("1 ephemeral znode", "/app/me")
	p.Click("button", "Session s")
	p.Within("dialog", "Session s").Click("button", "Close the session")
	p.Gone("dialog", "Session s")
	p.Gone("button", "Session s")
	p.Click("link", "Tree")
	p.Find("treeitem", "app")
	p.Gone("treeitem", "me")
}
