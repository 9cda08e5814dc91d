package ui

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// Whatever stands in the URL: the page starts, shows something, and reaches nothing but znodes.
func TestHashesThatAreNoPlaces(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "data")
	var open strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&open, "&open=/app/%d", i)
	}
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.Find("treeitem", "app")
	for _, hash := range []string{
		"#/tree/%ff", "#?", "##", "#//", "#/tree/app/../../metrics", "#/tree/../tree/app", "#/tree/%2e%2e/%2e%2e/openapi.yaml", "#/tree/./app",
		"#/tree" + strings.Repeat("/a", 1<<18), "#/tree?open=" + strings.Repeat("/a", 1<<18), "#/tree/app/one?" + open.String(),
		"#/tree/app?open=../..&open=%ff&open=/..&sort=constructor&desc=9&tab=__proto__", "#/__proto__", "#/tree/" + url.PathEscape(attack), "#/tree/%00", "#/tree/%ED%A0%80",
		"#/sessions/../../metrics", "#/sessions/" + url.PathEscape(attack), "#/watches?path=" + url.QueryEscape(attack), "#/events?path=" + url.QueryEscape("/../x"),
		"#/cluster/" + url.PathEscape(attack),
	} {
		for _, how := range []string{"anew", "from within"} {
			if how == "anew" {
				p.Go("about:blank")
				p.Go(m.URL + "/ui/" + hash)
			} else {
				p.Go(m.URL + "/ui/#/cluster")
				p.Find("heading", "Cluster")
				Eval[bool](p, "location.hash = "+quote(hash)+", true")
			}
			p.until(fmt.Sprintf("something is shown of %.80s %s", hash, how), func() (bool, string) {
				text, err := evaluate[string](p, `document.querySelector("main").innerText`)
				return err == nil && len(text) > 20, text
			})
			if text, _ := p.Text(); strings.Contains(text, "go_goroutines") || strings.Contains(text, "openapi:") || strings.Contains(text, "made a mistake") {
				t.Errorf("%.80s shows %.300s", hash, text)
			}
			unharmed(p)
		}
	}
	p.Go(m.URL + "/ui/#/tree/app/one")
	p.See("data", "Live · zxid")
}

// What a view notes in the URL while one is on the way to another does not keep one there.
func TestAPlaceIsNotLost(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "data")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.See("data")
	Eval[bool](p, `location.hash = "#/cluster", document.querySelector("[data-tab=stat]").click(), true`)
	p.Find("heading", "Cluster")
	p.Until("the URL is that of the cluster", `location.hash == "#/cluster"`)
}

// Whatever the browser kept: the page starts.
func TestSettingsThatAreGarbage(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", `{"a": 1}`)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/one", Options{})
	p.See("1 child")
	for _, garbage := range []string{"", "null", "[]", "{}", "[null, 1, {}, [[]]]", "constructor", "__proto__", "NaN", "-1e308", "yes", "closed", attack, `["/..", "nonsense", "\u202e", "` + strings.Repeat("x", 100_000) + `"]`} {
		Eval[bool](p, fmt.Sprintf(`["read_only", "curl", "scheme", "recent", "tree_width", "view.json", "view.text"].forEach(k => localStorage.setItem("holt." + k, %s)), true`, quote(garbage)))
		p.Reload()
		p.See("one persistent", `"a"`)
		p.Find("treeitem", "app")
		p.Press("Control+k")
		p.Find("dialog", "Go to a path")
		p.Press("Escape")
		p.Gone("dialog", "Go to a path")
		unharmed(p)
	}
}
