package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// MaxBytes bounds all files of the page together as they are served, uncompressed.
const MaxBytes = 200 << 10

//go:embed static
var static embed.FS

// Config is what the page is told about where it is. The zero value is a page that says nothing of it.
type Config struct {
	Member   string // the name of the member that serves it
	Version  string // of the program
	Banner   Banner // above every view
	ReadOnly bool   // whether the page offers no changes; the API takes them all the same
}

// Pages are the files of the page. They never change; any number of goroutines may serve them.
type Pages struct {
	files map[string]*file // by name below /ui/
}

// file is one of them, ready to be sent.
type file struct {
	contentType []string
	tag         []string
	length      []string
	body        []byte
}

// types are what browsers are told of a file. The table is our own, because that of the machine may say anything.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
	".png":  "image/png",
	".txt":  "text/plain; charset=utf-8",
}

// policy lets a browser run the page's own scripts and nothing else, and never makes HTML of a string. No page may put it into a
// frame, where it could be clicked unseen.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; worker-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// headers are what every file is sent with. Browsers keep files and ask whether they are still good: the page is never older than
// the program.
var headers = map[string][]string{
	"Cache-Control":                {"no-cache"},
	"Content-Security-Policy":      {policy},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
}

// config is config.json, which the page reads first.
type config struct {
	Member       string `json:"member"`
	Version      string `json:"version"`
	Banner       string `json:"banner"`
	BannerColour Colour `json:"banner_colour"`
	ReadOnly     bool   `json:"read_only"`
}

// New reads the embedded files; it cannot fail but for a file of a kind that has no content type.
func New(cfg Config) (*Pages, error) {
	p := &Pages{files: map[string]*file{}}
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		switch path.Ext(name) {
		case ".js":
			b = slim(b)
		case ".css":
			b = slimStyle(b)
		}
		return p.add(strings.TrimPrefix(name, "static/"), b)
	})
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	p.files[""] = p.files["index.html"]
	told, err := json.Marshal(config{cfg.Member, cfg.Version, cfg.Banner.Text, cfg.Banner.Colour, cfg.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return p, p.add("config.json", append(told, '\n'))
}

func (p *Pages) add(name string, body []byte) error {
	kind, ok := types[path.Ext(name)]
	if !ok {
		return fmt.Errorf("%s: no content type is known for it", name)
	}
	sum := sha256.Sum256(body)
	p.files[name] = &file{
		contentType: []string{kind}, tag: []string{`"` + hex.EncodeToString(sum[:8]) + `"`},
		length: []string{strconv.Itoa(len(body))}, body: body,
	}
	return nil
}

// Serve answers a GET or HEAD of the file of this name below /ui/, "" being the page itself. False says that there is none; then
// nothing was written.
func (p *Pages) Serve(w http.ResponseWriter, r *http.Request, name string) bool {
	f := p.files[name]
	if f == nil {
		return false
	}
	h := w.Header()
	for name, values := range headers {
		h[name] = values
	}
	h["Etag"] = f.tag
	if matches(r.Header["If-None-Match"], f.tag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h["Content-Type"], h["Content-Length"] = f.contentType, f.length
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.body) // an error means that nobody is there any more to be told
	}
	return true
}

// matches says whether a list of tags has this one, compared weakly (RFC 9110, 13.1.2). Our tags hold no comma, so that what else is
// in a list may be cut anywhere.
func matches(lists []string, tag string) bool {
	for _, list := range lists {
		for one := range strings.SplitSeq(list, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
