package ui

import (
	"fmt"
	"strings"
)

// shownText is how much of a page's text is printed where something was not found in it.
const shownText = 3000

// Text is all that can be read on the page, or in the part, now; spaces and line ends as one space each.
func (p *Page) Text() (string, error) {
	if len(p.scope) == 0 {
		v, err := evaluate[string](p, "document.body.innerText")
		return strings.Join(strings.Fields(v), " "), err
	}
	last := len(p.scope) - 1
	e, err := (&Page{tab: p.tab, scope: p.scope[:last]}).find(p.scope[last])
	if err != nil {
		return "", err
	}
	v, err := call[string](p, e, "function() { return this.innerText }")
	return strings.Join(strings.Fields(v), " "), err
}

// See waits until each of the texts can be read.
func (p *Page) See(texts ...string) {
	p.t.Helper()
	for _, wanted := range texts {
		p.until(fmt.Sprintf("%q can be read", wanted), func() (bool, string) {
			got, err := p.Text()
			return err == nil && strings.Contains(got, wanted), short(got) + text(err)
		})
	}
}

// NotSee waits until none of the texts can be read. It says nothing about later.
func (p *Page) NotSee(texts ...string) {
	p.t.Helper()
	for _, unwanted := range texts {
		p.until(fmt.Sprintf("%q cannot be read", unwanted), func() (bool, string) {
			got, err := p.Text()
			return err == nil && !strings.Contains(got, unwanted), short(got) + text(err)
		})
	}
}

// Find waits until there is something of this role and name.
func (p *Page) Find(role, name string) {
	p.t.Helper()
	p.until(fmt.Sprintf("there is %v", query{role, name}), func() (bool, string) {
		_, err := p.find(query{role, name})
		return err == nil, text(err)
	})
}

// Gone waits until there is nothing of this role and name.
func (p *Page) Gone(role, name string) {
	p.t.Helper()
	p.until(fmt.Sprintf("there is no %v", query{role, name}), func() (bool, string) {
		root, err := p.root()
		if err != nil {
			return len(p.scope) > 0, err.Error() // where the part is gone, so is what was in it
		}
		all, err := p.of(root, role)
		if err != nil {
			return false, err.Error()
		}
		for _, e := range all {
			if e.name == name {
				return false, "it is there"
			}
		}
		return true, ""
	})
}

// Value waits until a field holds a value.
func (p *Page) Value(name, value string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q holds %q", name, value), func() (bool, string) {
		e, err := p.find(query{fields, name})
		var got string
		if err == nil {
			got, err = call[string](p, e, "function() { return this.value }")
		}
		return err == nil && got == value, "it holds " + got + text(err)
	})
}

// Focused waits until the focus is on what has this role and name.
func (p *Page) Focused(role, name string) {
	p.t.Helper()
	p.until(fmt.Sprintf("the focus is on %v", query{role, name}), func() (bool, string) {
		e, err := p.find(query{role, name})
		if err != nil {
			return false, err.Error()
		}
		there, err := call[bool](p, e, `function() {
			let at = document.activeElement;
			return at === this || this.id != "" && at && at.getAttribute("aria-activedescendant") == this.id;
		}`)
		at, _ := evaluate[string](p, `(e => e ? e.tagName + " " + e.className + " " + (e.getAttribute("aria-label") || e.textContent).slice(0, 80) : "nothing")(document.activeElement)`)
		return err == nil && there, "it is on " + at + text(err)
	})
}

func short(s string) string {
	if len(s) > shownText {
		return s[:shownText] + " …"
	}
	return s
}
