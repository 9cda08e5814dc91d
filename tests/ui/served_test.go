package ui

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Modules are served without comments and indentation; to a browser they are what was written, token by token.
func TestTheServedModulesAreTheWrittenOnes(t *testing.T) {
	m := serve(t, nil)
	modules, err := filepath.Glob(filepath.Join(bin.Root, "web/static/*.js"))
	if err != nil || len(modules) == 0 {
		t.Fatal("no modules: ", err)
	}
	compare := filepath.Join(bin.Root, "tests/npm/tokens.mjs")
	for _, written := range modules {
		status, _, body := m.Get("/ui/" + filepath.Base(written))
		if status != http.StatusOK {
			t.Fatalf("%s: %d", written, status)
		}
		served := filepath.Join(t.TempDir(), filepath.Base(written))
		if err := os.WriteFile(served, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("node", compare, written, served).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %.300s", filepath.Base(written), err, out)
		}
	}
}

// The same of the style sheet, rule by rule.
func TestTheServedStylesAreTheWrittenOnes(t *testing.T) {
	m := serve(t, nil)
	written, err := os.ReadFile(filepath.Join(bin.Root, "web/static/style.css"))
	if err != nil {
		t.Fatal(err)
	}
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	p.See("holt a")
	rules := Eval[[]string](p, `(async () => {
		const rules = (text) => {
			const sheet = new CSSStyleSheet()
			sheet.replaceSync(text)
			return [...sheet.cssRules].map((r) => r.cssText.replaceAll(", ", ",")) // variables keep the spaces of their values
		}
		const written = rules(`+quote(string(written))+`), served = rules(await (await fetch("style.css")).text())
		if (written.length < 100 || written.length !== served.length) return [written.length + " rules written, " + served.length + " served"]
		return written.filter((r, i) => r !== served[i])
	})()`)
	for _, r := range rules {
		t.Error(r)
	}
}
