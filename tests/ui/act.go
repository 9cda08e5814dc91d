package ui

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp/kb"
)

// Click clicks, once it is there, enabled and not covered.
func (p *Page) Click(role, name string) {
	p.t.Helper()
	p.clicks(query{role, name}, input.MouseButtonLeft, 1, 0)
}

// DoubleClick clicks twice.
func (p *Page) DoubleClick(role, name string) {
	p.t.Helper()
	p.clicks(query{role, name}, input.MouseButtonLeft, 2, 0)
}

// ClickWith clicks while Control or Shift is held.
func (p *Page) ClickWith(modifier, role, name string) {
	p.t.Helper()
	p.clicks(query{role, name}, input.MouseButtonLeft, 1, modifiers[modifier])
}

func (p *Page) clicks(q query, button input.MouseButton, count int64, held kb.Modifier) {
	p.t.Helper()
	p.until(fmt.Sprintf("%v can be clicked", q), func() (bool, string) {
		e, err := p.find(q)
		if err != nil {
			return false, err.Error()
		}
		if e.disabled {
			return false, "it is disabled"
		}
		x, y, err := p.place(e)
		if err != nil {
			return false, err.Error()
		}
		event := input.DispatchMouseEventParams{X: x, Y: y, Modifiers: int64(held), Type: input.DispatchMouseEventTypeMouseMoved}
		_, err = try(p, input.DispatchMouseEvent, event)
		for n := int64(1); n <= count && err == nil; n++ {
			event.Button, event.ClickCount, event.Type = button, n, input.DispatchMouseEventTypeMousePressed
			if _, err = try(p, input.DispatchMouseEvent, event); err == nil {
				event.Type = input.DispatchMouseEventTypeMouseReleased
				_, err = try(p, input.DispatchMouseEvent, event)
			}
		}
		if err != nil { // half a click is not to be repeated
			p.t.Fatalf("clicking %v: %v", q, err)
		}
		return true, ""
	})
}

// topmost gives "" where a click at x, y comes to the element, else what lies above it. A click on the label of a field
// counts as one on the field.
const topmost = `function(x, y) {
	let at = document.elementFromPoint(x, y);
	if (!at) return "it is out of the window";
	if (at === this || this.contains(at) || [...(this.labels || [])].some(l => l.contains(at))) return "";
	return "it is covered by " + at.tagName + " " + at.className + " " + (at.textContent || "").slice(0, 80);
}`

// still waits for two frames, or as long as they take where none are drawn, and says whether the element is where it was: what moves
// would be missed.
const still = `async function() {
	let place = () => JSON.stringify(this.getBoundingClientRect());
	let before = place();
	await Promise.race([new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))), new Promise(r => setTimeout(r, 100))]);
	return this.isConnected && place() == before;
}`

// place is the middle of the element after it was scrolled into view and has come to rest.
func (p *Page) place(e element) (x, y float64, err error) {
	if _, err = try(p, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: e.id}); err != nil {
		return 0, 0, err
	}
	if p.scripts { // which alone move things
		if rests, err := call[bool](p, e, still); err != nil {
			return 0, 0, err
		} else if !rests {
			return 0, 0, errors.New("it moves")
		}
	}
	r, err := try(p, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: e.id})
	if err != nil {
		return 0, 0, err
	}
	if len(r.Quads) == 0 || len(r.Quads[0]) != 8 {
		return 0, 0, errors.New("it has no place in the window")
	}
	q := r.Quads[0]
	x, y = (q[0]+q[2]+q[4]+q[6])/4, (q[1]+q[3]+q[5]+q[7])/4
	above, err := call[string](p, e, topmost, x, y)
	if err == nil && above != "" {
		err = errors.New(above)
	}
	return x, y, err
}

// Fill replaces what a field holds, at once, as pasting does.
func (p *Page) Fill(name, text string) {
	p.t.Helper()
	p.clicks(query{fields, name}, input.MouseButtonLeft, 1, 0)
	p.Press("Control+a")
	if text == "" {
		p.Press("Delete")
		return
	}
	p.Paste(text)
}

// Paste puts text where the focus is.
func (p *Page) Paste(text string) {
	p.t.Helper()
	do(p, input.InsertText, input.InsertTextParams{Text: text})
}

// Type types text where the focus is, key by key.
func (p *Page) Type(text string) {
	p.t.Helper()
	for _, r := range text {
		p.key(r, kb.ModifierNone)
	}
}

// key presses a key and lets it go. Unlike chromedp's own events, the text comes with the key going down: a page that takes
// the key for itself keeps it from being typed.
func (p *Page) key(r rune, held kb.Modifier) {
	p.t.Helper()
	events := kb.Encode(r)
	var down *input.DispatchKeyEventParams
	for _, e := range events {
		e.Modifiers |= int64(held)
		switch e.Type {
		case input.DispatchKeyEventTypeChar:
			if held&^kb.ModifierShift == 0 {
				down.Text, down.UnmodifiedText = e.Text, e.UnmodifiedText
			}
			continue
		case input.DispatchKeyEventTypeKeyUp:
			do(p, input.DispatchKeyEvent, *down)
			do(p, input.DispatchKeyEvent, *e)
		default:
			down = e
		}
	}
}

// Choose chooses an option of a select element by what can be read on it.
func (p *Page) Choose(name, option string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q of %q is chosen", option, name), func() (bool, string) {
		e, err := p.find(query{"combobox listbox", name})
		var answer string
		if err == nil {
			answer, err = call[string](p, e, `function(wanted) {
				let option = [...this.options].find(o => o.label.trim() == wanted || o.value == wanted);
				if (!option || option.disabled || this.disabled) return [...this.options].map(o => o.label).join(", ");
				this.focus();
				this.value = option.value;
				this.dispatchEvent(new Event("input", {bubbles: true}));
				this.dispatchEvent(new Event("change", {bubbles: true}));
				return "";
			}`, option)
		}
		return err == nil && answer == "", answer + text(err)
	})
}

// Give gives a file chooser the files at these paths. It is found by a CSS selector, as it may be hidden behind a button.
func (p *Page) Give(selector string, files ...string) {
	p.t.Helper()
	p.until("there is "+selector, func() (bool, string) {
		r, err := try(p, runtime.Evaluate, runtime.EvaluateParams{Expression: "document.querySelector(" + quote(selector) + ")", ObjectGroup: handles})
		if err == nil && r.Result.ObjectID == "" {
			err = errors.New("none")
		}
		if err == nil {
			_, err = try(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{ObjectID: r.Result.ObjectID, Files: files})
		}
		return err == nil, text(err)
	})
}

var (
	modifiers = map[string]kb.Modifier{"Control": kb.ModifierCtrl, "Shift": kb.ModifierShift, "Alt": kb.ModifierAlt, "Meta": kb.ModifierMeta}
	keys      = map[string]string{
		"Enter": kb.Enter, "Escape": kb.Escape, "Tab": kb.Tab, "Space": " ", "Delete": kb.Delete, "Backspace": kb.Backspace,
		"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
		"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown, "F2": kb.F2, "ContextMenu": kb.ContextMenu,
	}
)

// Press presses keys one after another: "Enter", "ArrowDown", "Control+k", "Shift+Tab", "?".
func (p *Page) Press(chords ...string) {
	p.t.Helper()
	for _, chord := range chords {
		held := kb.ModifierNone
		key := chord
		for {
			name, rest, more := strings.Cut(key, "+")
			if !more || rest == "" {
				break
			}
			m, ok := modifiers[name]
			if !ok {
				p.t.Fatalf("%s: no such modifier as %s", chord, name)
			}
			held, key = held|m, rest
		}
		if named, ok := keys[key]; ok {
			key = named
		} else if len([]rune(key)) != 1 {
			p.t.Fatalf("%s: no such key as %s", chord, key)
		}
		p.key([]rune(key)[0], held)
	}
}
