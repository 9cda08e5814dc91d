// Package ui walks the page of /ui/ as a person would: the built program, a real Chromium, clicks and keys.
//
// A Browser is a running Chromium; each Page opened in it is a tab with storage, connections and shared worker of its own,
// as if it were another person's browser. Page.Tab opens a second tab of the same person.
//
//	m := serve(t, nil)                       // a member with nothing in it; sample(t, m) fills it
//	p := chromium.Open(t, m.URL+"/ui/", ui.Options{})
//	p.See("Create your first znode")         // until that can be read, or the test fails
//	p.Click("button", "Create")              // by role and accessible name, as a screen reader has them
//	p.Within("dialog", "Create").Fill("Name", "app")
//	p.Press("Enter")
//	p.NotSee("Create your first znode")
//	p.Axe("the tree")                        // no violation of axe-core
//
// Things are found by role and by the accessible name that the browser itself computed: what cannot be found that way, a
// person with a screen reader cannot find either. A name is met exactly, or else by the only one that begins with it as a word,
// or else by the only one that contains it. Every method waits for what it needs, for Patience at most, and ends the test
// where it does not come; none sleeps.
//
// A page that logs an error or a warning, throws, leaves a promise rejected, violates its policy, or opens a dialog of the
// browser fails its test at the end. What a story provokes on purpose it announces: Expect, Answer. A refusal of the server
// that the page makes something of is no fault.
//
// The stories are in the tests, a subject a file; the folder screenshots holds the command that takes pictures.
package ui
