package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holt/httpapi/client"
	"holt/tests/ui"
)

// open is the part of a link that has the folders of the scenery open.
const open = "open=/shop&open=/shop/config&open=/shop/services&open=/shop/services/web&open=/shop/tokens"

const config = "/shop/config/checkout"

// shots are all that are taken.
func shots() []shot {
	tree := "#/tree" + config + "?" + open
	return []shot{
		{name: "first", empty: true, act: live},
		{name: "tree", place: tree, act: changes},
		{name: "tree-narrow", place: tree, size: ui.Phone, act: live},
		{name: "banner", place: "#/tree/shop/services/web?" + open + "&tab=stat", from: 2, act: live},
		{name: "edit", place: tree, act: edits},
		{name: "difference", place: tree, act: differs},
		{name: "conflict", place: tree, act: conflicts},
		{name: "create", place: tree, act: creates},
		{name: "delete", place: "#/tree/shop?" + open, act: deletes},
		{name: "import", place: tree, act: imports},
		{name: "palette", place: tree, act: goes},
		{name: "sessions", place: "#/sessions", act: live},
		{name: "session", place: "#/sessions", act: session},
		{name: "watches", place: "#/watches", act: live},
		{name: "events", place: "#/events?path=/shop", act: happens},
		{name: "cluster", place: "#/cluster", act: charted, slow: true},
		{name: "help", place: tree, act: func(it *set, p *ui.Page) { live(it, p); p.Click("button", "Keys and help"); p.See("Go to a path") }},
	}
}

// live waits until the page follows what happens.
func live(_ *set, p *ui.Page) { p.See("Live · zxid") }

func (it *set) put(path, data string) {
	if _, err := it.scenery.c.Put(context.Background(), path, []byte(data), client.Any()); err != nil {
		it.Fatal(err)
	}
}

// changes shows a row that just changed.
func changes(it *set, p *ui.Page) {
	live(it, p)
	p.See("orders@shop.example")
	it.put("/shop/config/gateway", "upstreams:\n  - web\nlimits:\n  requests: 300\n")
	p.See("changed")
}

// version is the configuration with other values, and edits that leave the rest as it was.
func version(replace ...string) string { return strings.NewReplacer(replace...).Replace(checkout) }

func edits(it *set, p *ui.Page) {
	live(it, p)
	it.put(config, checkout)
	p.Click("button", "Edit")
	p.Fill("Data of "+config, version(`"retries": 3,`, `"retries": 5`))
	p.See("Line 5")
}

func differs(it *set, p *ui.Page) {
	live(it, p)
	it.put(config, checkout)
	p.Click("button", "Edit")
	p.Fill("Data of "+config, version(`"2s"`, `"5s"`, `["card", "invoice", "transfer"]`, `["card", "transfer"]`))
	p.Press("Control+s")
	p.Within("dialog", "Save this?").See("and no other", `"timeout": "5s"`)
}

func conflicts(it *set, p *ui.Page) {
	live(it, p)
	it.put(config, checkout)
	p.Click("button", "Edit")
	p.Fill("Data of "+config, version(`"EUR"`, `"CHF"`, `5000`, `7500`))
	it.put(config, version(`3,`, `4,`, `5000`, `10000`))
	p.Click("button", "Compare")
	p.Within("dialog", "Changed by somebody else").See("1 conflict", "Changed by you", "Changed by them")
	p.Click("radio", "Mine")
	p.Until("nothing flashes any more", `!document.querySelector(".flash")`)
}

func creates(it *set, p *ui.Page) {
	live(it, p)
	p.Click("button", "Create below")
	p.Fill("Name", "worker-")
	p.Choose("Kind", "ephemeral sequential")
	p.Fill("Data", `{"address":"10.0.4.7:8080"}`)
}

func deletes(it *set, p *ui.Page) {
	live(it, p)
	p.Click("button", "Delete")
	p.See("Type shop to delete")
}

// imports shows what a file of another day would do.
func imports(it *set, p *ui.Page) {
	live(it, p)
	file := filepath.Join(it.TempDir(), "config-monday.ndjson")
	var lines strings.Builder
	for _, z := range []struct{ path, data string }{{"", ""}, {"/checkout", version("5000", "2500")}, {"/motd", "Prices are frozen from Friday at noon.\n"}, {"/shipping", "{}"}, {"/taxes", "{}"}} {
		fmt.Fprintf(&lines, "{\"path\":%q,\"mode\":\"persistent\",\"data\":%q,\"encoding\":\"utf8\"}\n", "/shop/config"+z.path, z.data)
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		it.Fatal(err)
	}
	p.Click("button", "Import")
	p.Give("dialog input[type=file]", file)
	p.See("2 new", "/shop/config/shipping")
}

func goes(it *set, p *ui.Page) {
	live(it, p)
	p.Press("Control+k")
	p.Type("/shop/")
	p.Within("dialog", "Go to a path").See("services")
}

func session(it *set, p *ui.Page) {
	live(it, p)
	p.Click("link", it.scenery.sessions[0].Owner)
	p.See("4 ephemeral znodes", "3 watches")
}

func happens(it *set, p *ui.Page) {
	live(it, p)
	p.See("Following /shop")
	ctx, c := context.Background(), it.scenery.c
	it.put("/shop/config/motd", "Prices are frozen from Friday at noon until Monday.\n")
	for i := range 3 {
		made, err := c.Create(ctx, "/shop/orders/order-", fmt.Appendf(nil, `{"cart":%d}`, i), client.PersistentSequential)
		if err == nil {
			_, err = c.Put(ctx, made.Path, []byte(`{"paid":true}`), client.Any())
		}
		if err == nil {
			_, err = c.Delete(ctx, made.Path, client.Any())
		}
		if err != nil {
			it.Fatal(err)
		}
	}
	it.put("/shop/config/motd", "Prices are frozen from Friday at noon.\n")
	p.See("NodeDeleted")
}

// charted waits until the charts have something to tell.
func charted(_ *set, p *ui.Page) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for ui.Eval[int](p, `(document.querySelector(".chart polyline")?.getAttribute("points") || "").split(" ").length`) < 40 {
		<-ticker.C
	}
}
