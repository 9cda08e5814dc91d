package ui

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"holt/tests/harness"
)

// block lets requests that match a pattern fail, as a proxy in the way does.
func block(p *Page, patterns ...string) {
	p.t.Helper()
	blocked := network.SetBlockedURLsParams{}
	for _, pattern := range patterns {
		blocked.URLPatterns = append(blocked.URLPatterns, &network.BlockPattern{URLPattern: pattern, Block: true})
	}
	do(p, network.Enable, network.EnableParams{})
	do(p, network.SetBlockedURLs, blocked)
}

// A page that cannot start says so; it is never blank.
func TestThePageIsNeverBlank(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/livez", Options{})
	block(p, "*://*:*/ui/config.json")
	p.Go(m.URL + "/ui/")
	p.See("The server does not answer.", "Try again")
	p.Axe("a page that could not start")
	block(p)
	p.Click("button", "Try again")
	p.Find("treeitem", "/")

	block(p, "*://*:*/ui/config.json")
	p.Reload()
	p.See("The page tries again by itself.")
	block(p)
	p.Find("treeitem", "/") // it did

	block(p, "*://*:*/ui/store.js")
	p.Reload()
	p.See("holt")
	p.until("it says that it did not start", func() (bool, string) {
		text, err := p.Text()
		return err == nil && len(text) > 20, text
	})
}

// A view that makes a mistake shows it as a sentence, and the others go on.
func TestProblemsAreSentences(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "data")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.See("data", "Live · zxid")
	block(p, "*://*:*/v1/sessions*")
	p.Click("link", "Sessions")
	p.See("The server does not answer.")
	block(p)
	p.Click("button", "Try again")
	p.See("No session, as of")

	// What is not a place of the page leads to the tree.
	p.Go(m.URL + "/ui/#/nowhere/at/all")
	p.Find("treeitem", "one")
	p.Go(m.URL + "/ui/#/tree/%zz")
	p.Find("treeitem", "one")
	p.Go(m.URL + "/ui/#/tree/a//b")
	p.See("400", "bad_arguments")
	p.Go(m.URL + "/ui/#/sessions/never")
	p.See("The server did not understand the request.")
	p.Go(m.URL + "/ui/#/sessions/s99")
	p.See("This session is over.")
	p.Go(m.URL + "/ui/#/tree/one?tab=nothing&open=nonsense&open=/gone/away&sort=nothing")
	p.See("data")
}

// A write that is refused for now is sent again, and done once.
func TestAWriteWithoutALeaderIsSentAgain(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{}).Start()
	at := c.Followers()[0]
	put(t, at, "/app", "")
	p := chromium.Open(t, at.URL+"/ui/#/tree/app?open=/app", Options{})
	p.Click("button", "Create below")
	d := p.Within("dialog", "Create a znode")
	d.Fill("Name", "job-")
	d.Choose("Kind", "persistent sequential")
	leader := c.Leader()
	leader.Kill()
	d.Click("button", "Create")
	p.See("Made. The server named it job-0000000000.")
	p.Find("treeitem", "job-0000000000")
	if _, _, body := at.Get("/v1/children/app"); !containsOne(body, "job-") {
		t.Errorf("there are %s", body)
	}
}

func containsOne(s, part string) bool { return strings.Count(s, part) == 1 }
