package apitest

import (
	"fmt"
	"net/http"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/web"
)

// withPages gives the server its web page.
func withPages(t *testing.T) func(*httpapi.Config) {
	return func(c *httpapi.Config) {
		pages, err := web.New(web.Config{Member: "n1", Banner: web.Banner{Text: "test", Colour: "green"}})
		if err != nil {
			t.Fatal(err)
		}
		c.UI = pages
	}
}

func TestABrowserComesToThePageFromWhereverItBegins(t *testing.T) {
	s := start(t, withPages(t))
	const browser = "\nAccept: text/html,application/xhtml+xml,*/*;q=0.8"
	s.do("GET /"+browser).is(303).has("Location", "/ui/").says("")
	s.do("HEAD /"+browser).is(303).has("Location", "/ui/")
	s.do("GET /ui"+browser).is(308).has("Location", "/ui/")
	page := s.do("GET /ui/"+browser).is(200).has("Content-Type", "text/html; charset=utf-8").has("Cache-Control", "no-cache")
	s.do("GET /ui/\nIf-None-Match: " + page.header.Get("Etag")).is(304).says("")
	s.do("HEAD /ui/").is(200).has("Content-Length", fmt.Sprint(len(page.body))).says("")
	told := read[struct{ Member, Banner string }](s.do("GET /ui/config.json").is(200))
	if told.Member != "n1" || told.Banner != "test" {
		t.Errorf("the page is told %+v", told)
	}

	s.do("GET /").fails(404, wire.NoRoute) // curl
	s.do("GET /ui/none.js").fails(404, wire.NoRoute)
	s.do("GET /ui/..%2fweb.go").fails(404, wire.NoRoute)
	s.do("GET /uix").fails(404, wire.NoRoute)
	s.do("POST /ui/").has("Allow", "GET, HEAD").fails(405, wire.MethodNotAllowed)
	s.do("GET /ui/\nHost: evil.example").fails(421, wire.WrongHost)
}

func TestAServerWithoutAPageSaysSo(t *testing.T) {
	s := start(t)
	for _, target := range []string{"/ui", "/ui/", "/ui/config.json"} {
		s.do("GET "+target).fails(501, wire.NotImplemented)
	}
	s.do("GET /\nAccept: text/html").fails(404, wire.NoRoute)
}

// The page is what an operator looks at when there is too much to do.
func TestThePageComesThroughWhenTheServerIsBusy(t *testing.T) {
	s := start(t, withPages(t), func(c *httpapi.Config) { c.MaxRequests = 1 })
	s.Fail(Faults{Hold: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, _ := http.NewRequest("PUT", "http://"+s.addr+"/v1/znodes/a", nil)
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
		}
	}()
	eventually(t, "the one write is in work", func() bool { return s.Asked() == 1 })
	s.do("GET /v1/znodes/").fails(429, wire.Throttled)
	s.do("GET /ui/").is(200)
	s.Fail(Faults{})
	<-done
}
