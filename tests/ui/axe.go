package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// axeFile is axe-core below the root of the repository; tests/install puts it there.
const axeFile = "tests/npm/node_modules/axe-core/axe.min.js"

// violation is a rule of axe-core that the page breaks, with the elements that do.
type violation struct {
	ID, Help string
	Nodes    []struct {
		Target         []any
		HTML           string
		FailureSummary string
	}
}

// Axe checks what is in the window with axe-core: every violation fails the test, and the test goes on.
func (p *Page) Axe(view string) {
	p.t.Helper()
	if !Eval[bool](p, "!!window.axe") {
		source, err := os.ReadFile(filepath.Join(root(p), axeFile))
		if err != nil {
			p.t.Fatalf("no axe-core; tests/install installs it: %v", err)
		}
		Eval[bool](p, string(source)+"; !!window.axe")
	}
	for _, v := range Eval[[]violation](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations)`) {
		var where []string
		for _, n := range v.Nodes {
			where = append(where, fmt.Sprintf("  %v %s\n    %s", n.Target, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n    ")))
		}
		p.t.Errorf("%s: %s: %s\n%s", view, v.ID, v.Help, strings.Join(where, "\n"))
	}
}

// AxeInBoth checks in the light and in the dark colour scheme.
func (p *Page) AxeInBoth(view string) {
	p.t.Helper()
	for _, dark := range []bool{false, true} {
		p.Dark(dark)
		scheme := "light"
		if dark {
			scheme = "dark"
		}
		p.Until("the page is "+scheme, fmt.Sprintf("matchMedia('(prefers-color-scheme: %s)').matches", scheme))
		p.Axe(view + ", " + scheme)
	}
	p.Dark(false)
}

// root is the nearest folder upwards with a go.mod.
func root(p *Page) string {
	p.t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		p.t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			p.t.Fatal("no go.mod above the working folder")
		}
		dir = filepath.Dir(dir)
	}
}
