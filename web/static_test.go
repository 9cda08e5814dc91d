package web

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are the static files that are text, by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Ext(name) != ".png" {
			b, err := static.ReadFile(name)
			out[strings.TrimPrefix(name, "static/")] = string(b)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out["index.html"] == "" {
		t.Fatal("there is no page")
	}
	return out
}

func TestThePageIsSmall(t *testing.T) {
	total := 0
	for name, f := range newPages(t, Config{}).files {
		if name != "" && name != "config.json" { // the page by its other name, and no file
			total += len(f.body)
		}
	}
	t.Logf("%d bytes of %d", total, MaxBytes)
	if total > MaxBytes {
		t.Errorf("the files of the page have %d bytes together, the limit is %d", total, MaxBytes)
	}
}

// references finds what a file takes from others, by the kind of file.
var references = map[string][]*regexp.Regexp{
	".html": {regexp.MustCompile(`(?:href|src)\s*=\s*["']([^"'#]*)["']`)},
	".css":  {regexp.MustCompile(`url\(\s*["']?([^"')]*)["']?\s*\)`), regexp.MustCompile(`@import\s+["']([^"']*)["']`)},
	".js": {
		regexp.MustCompile(`(?m)^\s*(?:import|export)\b[^"'\n;]*?(?:from\s*)?["']([^"'\n]+\.js)["']`),
		regexp.MustCompile(`(?m)^[^"'\n]*\}\s*from\s*["']([^"'\n]+)["']`),
		regexp.MustCompile(`\bimport\(\s*["']([^"']+)["']`),
		regexp.MustCompile(`new URL\(\s*["']([^"']+)["'],\s*import\.meta\.url`),
		regexp.MustCompile(`new (?:Shared)?Worker\(\s*["']([^"']+)["']`),
	},
}

// elsewhere is what the page links to besides its own files: the API it shows.
var elsewhere = []string{"/openapi.yaml", "/metrics", "/readyz", "/livez", "/v1/"}

func TestNoReferenceLeadsNowhere(t *testing.T) {
	files := sources(t)
	used := map[string]bool{"index.html": true}
	for name, text := range files {
		for _, re := range references[path.Ext(name)] {
			for _, m := range re.FindAllStringSubmatch(text, -1) {
				target := m[1]
				leadsOut := strings.HasPrefix(target, "data:") || target == "" ||
					slices.ContainsFunc(elsewhere, func(p string) bool { return strings.HasPrefix(target, p) })
				if leadsOut {
					continue
				}
				if path.Ext(name) == ".js" && !strings.HasPrefix(target, "./") && !strings.HasPrefix(target, "../") {
					t.Errorf("%s imports %q, which is not relative", name, target)
				}
				to := path.Join(path.Dir(name), target)
				if strings.HasPrefix(target, "/ui/") {
					to = strings.TrimPrefix(target, "/ui/")
				}
				if _, ok := files[to]; !ok && to != "config.json" && to != "." {
					t.Errorf("%s refers to %s, which is not there", name, target)
				}
				used[to] = true
			}
		}
	}
	for name := range files {
		if !used[name] {
			t.Errorf("nothing refers to %s", name)
		}
	}
}

// dangers make a script or a style of a string, which may be somebody else's, or load from elsewhere.
var dangers = []*regexp.Regexp{
	regexp.MustCompile(`\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|parseHTMLUnsafe|createContextualFragment|DOMParser|XSLTProcessor|srcdoc)\b`),
	regexp.MustCompile(`\bdocument\.write(?:ln)?\b`),
	regexp.MustCompile(`\beval\s*\(|\bnew Function\b|\bjavascript:`),
	regexp.MustCompile(`\b(?:setTimeout|setInterval)\(\s*["'` + "`" + `]`),
	regexp.MustCompile(`(?i)<[a-z][^>]*\s(?:on[a-z]+|style)\s*=`),
}

// names are addresses that are never gone to: XML's namespaces, and the server of the examples.
var names = []string{"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://127.0.0.1:7070", "http://localhost:7070"}

// address is one of the web, if it has a host.
var address = regexp.MustCompile(`(?i)\b(?:https?|wss?)://[^\s"'` + "`" + `<>)\]\\]+`)

func TestNothingInThePageIsDangerous(t *testing.T) {
	for name, text := range sources(t) {
		markup := path.Ext(name) == ".html" || path.Ext(name) == ".svg"
		for i, re := range dangers {
			if i == len(dangers)-1 && !markup {
				continue
			}
			if m := re.FindString(text); m != "" {
				t.Errorf("%s has %q", name, m)
			}
		}
		for _, m := range address.FindAllString(text, -1) {
			if !slices.ContainsFunc(names, func(n string) bool { return m == n || strings.HasPrefix(m, n+"/") }) {
				t.Errorf("%s names %s", name, m)
			}
		}
	}
}

// What the two tests above look for they must find.
func TestTheSearchesFind(t *testing.T) {
	for _, s := range []string{
		"x.innerHTML = y", "document.write(x)", "eval (x)", "new Function(x)", `setTimeout("x()", 1)`, `<p onclick="x()">`, `<p class="a" style="x">`,
		`<a href="javascript:x()">`, "new DOMParser()",
	} {
		if !slices.ContainsFunc(dangers, func(re *regexp.Regexp) bool { return re.MatchString(s) }) {
			t.Errorf("%s is not found", s)
		}
	}
	for ext, lines := range map[string][]string{
		".js": {`import "./to.js"`, `import { a, b } from "./to.js"`, `import * as x from './to.js'`, `export { a } from "./to.js"`,
			"import {\n  a,\n  b,\n} from \"./to.js\"", `const m = await import("./to.js")`, `new SharedWorker("./to.js")`,
			`new Worker(new URL("./to.js", import.meta.url))`},
		".css":  {`a { background: url(./to.js) }`, `@import "./to.js";`},
		".html": {`<link href="./to.js">`, `<script type=module src='./to.js'></script>`},
	} {
		for _, line := range lines {
			found := slices.ContainsFunc(references[ext], func(re *regexp.Regexp) bool {
				m := re.FindStringSubmatch(line)
				return m != nil && m[1] == "./to.js"
			})
			if !found {
				t.Errorf("%s is not found", line)
			}
		}
	}
	if address.FindString(`fetch("https://cdn.example/x.js")`) != "https://cdn.example/x.js" || address.MatchString(`"http://" + host`) {
		t.Error("addresses are not found, or what is none is")
	}
}
