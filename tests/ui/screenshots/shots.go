package main

import "holt/tests/ui"

// open is the part of a link that has the sample's folders open.
const open = "open=/app&open=/app/config&open=/app/services"

// shots are all that are taken.
func shots() []shot {
	return []shot{
		{name: "first", empty: true, act: func(p *ui.Page) { p.See("holt first") }},
		{name: "tree", place: "#/tree/app/config/database?" + open, act: func(p *ui.Page) { p.See("holt a") }},
		{name: "tree-narrow", place: "#/tree/app/config/database?" + open, size: ui.Phone, act: func(p *ui.Page) { p.See("holt a") }},
		{name: "sessions", place: "#/sessions", act: func(p *ui.Page) { p.See("Sessions") }},
		{name: "watches", place: "#/watches", act: func(p *ui.Page) { p.See("Watches") }},
		{name: "events", place: "#/events", act: func(p *ui.Page) { p.See("Events") }},
		{name: "cluster", place: "#/cluster", act: func(p *ui.Page) { p.See("Cluster") }},
		{name: "help", place: "#/tree/", act: func(p *ui.Page) { p.Click("button", "Keys and help"); p.See("Go to a path") }},
	}
}
