package ui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
)

// query is a role and an accessible name. A role of several words is any of them.
type query struct{ role, name string }

func (q query) String() string { return fmt.Sprintf("%s %q", q.role, q.name) }

// fields are the roles of what is written into.
const fields = "textbox searchbox combobox spinbutton"

// maxNamed bounds the names listed where the wanted one is not among them.
const maxNamed = 40

// handles is the group of the objects that were taken hold of: while they are, nothing of them is thrown away.
const handles = "handles"

// element is something in the accessibility tree.
type element struct {
	role, name string
	id         cdp.BackendNodeID
	disabled   bool
}

// Within is the part of the page inside of what has this role and name.
func (p *Page) Within(role, name string) *Page {
	return &Page{tab: p.tab, scope: append(slices.Clone(p.scope), query{role, name})}
}

// Has says whether there is something of this role and name now.
func (p *Page) Has(role, name string) bool {
	_, err := p.find(query{role, name})
	return err == nil
}

// Names are the accessible names of all that has a role now, in the order of the document.
func (p *Page) Names(role string) []string {
	p.t.Helper()
	root, err := p.root()
	if err != nil {
		return nil
	}
	all, err := p.of(root, role)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range all {
		names = append(names, e.name)
	}
	return names
}

// find gives the element, or says what there is instead.
func (p *Page) find(q query) (element, error) {
	root, err := p.root()
	if err != nil {
		return element{}, err
	}
	return p.findIn(root, q)
}

// root is the object of the innermost part.
func (p *Page) root() (runtime.RemoteObjectID, error) {
	r, err := try(p, runtime.Evaluate, runtime.EvaluateParams{Expression: "document", ObjectGroup: handles})
	if err != nil {
		return "", err
	}
	id := r.Result.ObjectID
	for _, q := range p.scope {
		e, err := p.findIn(id, q)
		if err != nil {
			return "", fmt.Errorf("within %v: %w", q, err)
		}
		if id, err = p.object(e); err != nil {
			return "", err
		}
	}
	return id, nil
}

func (p *Page) object(e element) (runtime.RemoteObjectID, error) {
	r, err := try(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: e.id, ObjectGroup: handles})
	if err != nil {
		return "", err
	}
	return r.Object.ObjectID, nil
}

func (p *Page) findIn(root runtime.RemoteObjectID, q query) (element, error) {
	all, err := p.of(root, q.role)
	if err != nil {
		return element{}, err
	}
	for _, near := range []func(name string) bool{
		func(name string) bool { return name == q.name },
		func(name string) bool { return strings.HasPrefix(name, q.name+" ") },
		func(name string) bool { return strings.Contains(name, q.name) },
	} {
		i := slices.IndexFunc(all, func(e element) bool { return near(e.name) })
		if i >= 0 && (all[i].name == q.name || !slices.ContainsFunc(all[i+1:], func(e element) bool { return near(e.name) })) {
			return all[i], nil
		}
	}
	var names []string
	for _, e := range all[:min(len(all), maxNamed)] {
		names = append(names, fmt.Sprintf("%q", e.name))
	}
	return element{}, fmt.Errorf("of %d %s, none or several are %q: %s", len(all), q.role, q.name, strings.Join(names, ", "))
}

// of is all of these roles below an object that a screen reader would come to.
func (p *Page) of(root runtime.RemoteObjectID, roles string) ([]element, error) {
	ask := accessibility.QueryAXTreeParams{ObjectID: root}
	wanted := strings.Fields(roles)
	if len(wanted) == 1 {
		ask.Role = roles
	}
	r, err := try(p, accessibility.QueryAXTree, ask)
	if err != nil {
		return nil, err
	}
	var out []element
	for _, n := range r.Nodes {
		e := element{role: word(n.Role), name: word(n.Name), id: n.BackendDOMNodeID}
		if n.Ignored || !slices.Contains(wanted, e.role) {
			continue
		}
		for _, property := range n.Properties {
			if property.Name == accessibility.PropertyNameDisabled && property.Value != nil {
				e.disabled = string(property.Value.Value) == "true"
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func word(v *accessibility.Value) string {
	var s string
	if v != nil && json.Unmarshal([]byte(v.Value), &s) != nil {
		return string(v.Value)
	}
	return s
}

// call calls a JavaScript function with the element as this.
func call[T any](p *Page, e element, function string, args ...any) (T, error) {
	var v T
	id, err := p.object(e)
	if err != nil {
		return v, err
	}
	params := runtime.CallFunctionOnParams{FunctionDeclaration: function, ObjectID: id, ReturnByValue: yes(), AwaitPromise: yes(), UserGesture: yes()}
	for _, a := range args {
		params.Arguments = append(params.Arguments, &runtime.CallArgument{Value: []byte(quote(a))})
	}
	r, err := try(p, runtime.CallFunctionOn, params)
	if err != nil {
		return v, err
	}
	if r.ExceptionDetails != nil {
		return v, fmt.Errorf("%s %v", r.ExceptionDetails.Text, r.ExceptionDetails.Exception)
	}
	if len(r.Result.Value) == 0 {
		return v, nil // undefined
	}
	return v, json.Unmarshal([]byte(r.Result.Value), &v)
}

func yes() *bool { b := true; return &b }

// Of calls a JavaScript function on what has a role and a name, which is this in there.
func Of[T any](p *Page, role, name, function string) T {
	p.t.Helper()
	var v T
	p.until(fmt.Sprintf("%s of %v", function, query{role, name}), func() (bool, string) {
		e, err := p.find(query{role, name})
		if err == nil {
			v, err = call[T](p, e, function)
		}
		return err == nil, text(err)
	})
	return v
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
