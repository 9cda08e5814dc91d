package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
)

func newPages(t *testing.T, cfg Config) *Pages {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// get asks for a file, maybe with a tag that is at hand.
func get(p *Pages, method, name, tag string) (*http.Response, string, bool) {
	r := httptest.NewRequest(method, "/ui/"+name, nil)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	ok := p.Serve(w, r, name)
	return w.Result(), w.Body.String(), ok
}

func TestThePageIsServedAsBrowsersNeedIt(t *testing.T) {
	p := newPages(t, Config{})
	_, page, _ := get(p, "GET", "", "")
	if _, index, _ := get(p, "GET", "index.html", ""); page == "" || page != index {
		t.Errorf("the page is %.40q, index.html %.40q", page, index)
	}
	for name := range p.files {
		res, body, ok := get(p, "GET", name, "")
		h := res.Header
		if !ok || res.StatusCode != 200 || body == "" {
			t.Errorf("%s: %v, status %d, %d bytes", name, ok, res.StatusCode, len(body))
		}
		want := types[path.Ext(name)]
		if name == "" {
			want = "text/html; charset=utf-8"
		}
		if h.Get("Content-Type") != want || h.Get("Content-Length") == "" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", name, h)
		}
		csp := h.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; ") {
			t.Errorf("%s: policy %q", name, csp)
		}
	}
}

func TestWhatTheBrowserHasIsNotSentAgain(t *testing.T) {
	p := newPages(t, Config{})
	res, _, _ := get(p, "GET", "", "")
	tag := res.Header.Get("Etag")
	for _, c := range []struct {
		given string
		want  int
	}{
		{tag, 304}, {"W/" + tag, 304}, {`"x", ` + tag, 304}, {"*", 304}, {`"x"`, 200}, {strings.Trim(tag, `"`), 200}, {tag + "x", 200},
	} {
		res, body, _ := get(p, "GET", "", c.given)
		if res.StatusCode != c.want || (body == "") != (c.want == 304) || res.Header.Get("Etag") != tag ||
			res.Header.Get("Cache-Control") != "no-cache" || res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: status %d, want %d, %v", c.given, res.StatusCode, c.want, res.Header)
		}
	}
	if other, _, _ := get(p, "GET", "config.json", ""); other.Header.Get("Etag") == tag {
		t.Error("two files share a tag")
	}
	if res, body, ok := get(p, "HEAD", "", ""); !ok || body != "" || res.Header.Get("Content-Length") == "0" || res.StatusCode != 200 {
		t.Errorf("HEAD: status %d, body %q, %v", res.StatusCode, body, res.Header)
	}
}

func TestWhatIsNoFileIsLeftAlone(t *testing.T) {
	p := newPages(t, Config{})
	for _, name := range []string{"static", "nothing.js", "../web.go", "%2e%2e/web.go", "/", "static/index.html", "index.html/"} {
		if res, body, ok := get(p, "GET", name, ""); ok || body != "" || len(res.Header) != 0 {
			t.Errorf("%s was served: %v, %q", name, res.Header, body)
		}
	}
}

func TestThePageIsToldOfItsServer(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want config
	}{
		{Config{}, config{}},
		{Config{Member: "n1", Version: "1.2", Banner: Banner{`"prod" </script>`, "green"}, ReadOnly: true},
			config{"n1", "1.2", `"prod" </script>`, "green", true}},
	} {
		_, body, _ := get(newPages(t, c.cfg), "GET", "config.json", "")
		var told config
		if err := json.Unmarshal([]byte(body), &told); err != nil || told != c.want {
			t.Errorf("%s: %v, want %+v", body, err, c.want)
		}
	}
}

func TestBanners(t *testing.T) {
	for _, c := range []struct {
		given   string
		want    Banner
		wrong   string
		because string
	}{
		{given: "", want: Banner{}},
		{given: "production", want: Banner{"production", "red"}},
		{given: "green:test, do what you like", want: Banner{"test, do what you like", "green"}},
		{given: "grey: ours ", want: Banner{"ours", "grey"}},
		{given: "PROD: careful", want: Banner{"PROD: careful", "red"}, because: "PROD is no colour"},
		{given: "blue", want: Banner{"blue", "red"}, because: "that is a text"},
		{given: strings.Repeat("ß", 200), want: Banner{strings.Repeat("ß", 200), "red"}},
		{given: strings.Repeat("ß", 201), wrong: "201 characters, the limit is 200"},
		{given: "purple:", wrong: "no text"},
		{given: "  ", wrong: "no text"},
		{given: "two\nlines", wrong: "control character"},
		{given: "\x1b[31mred", wrong: "control character"},
		{given: "\xff", wrong: "UTF-8"},
	} {
		got, err := ParseBanner(c.given)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) || got != c.want {
			t.Errorf("%q: %+v, %v; want %+v, %q %s", c.given, got, err, c.want, c.wrong, c.because)
		}
	}
}
