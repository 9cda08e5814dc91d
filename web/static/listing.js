// Tables of what the server lists a page at a time, and what is in them.

import { h, fill, freshId } from "./dom.js"
import { input, shown } from "./act.js"
import { mistake } from "./path.js"
import { link } from "./route.js"
import { at, count, many } from "./time.js"
import { keep, poll } from "./poll.js"

// Rows at once.
export const PAGE = 200
// ms between two readings.
export const EVERY = 5000

/** @param {...any} words */
export const quiet = (...words) => h("p", { class: "quiet" }, words)

/** @param {string} path */
export const toZnode = (path) => h("a", { href: link("tree", path) }, shown(path))

/** @param {...any} content */
export const cell = (...content) => h("td", null, content)

/** head is that of a table. @param {string[]} columns */
export const head = (columns) => h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col" }, c))))

/** askPath is a form for a path. @param {string} label @param {string} name of its button @param {(path: string) => void} go @param {...any} more */
export function askPath(label, name, go, ...more) {
  const field = input("", { placeholder: "/", id: freshId("path") })
  const wrong = h("p", { class: "trouble", role: "alert" })
  const element = h("form", { class: "row", onsubmit: (/** @type {Event} */ e) => {
    e.preventDefault()
    const bad = field.value && mistake(field.value)
    fill(wrong, bad)
    if (!bad) go(field.value)
  } }, h("label", { for: field.id }, label), field, h("button", null, name), more, wrong)
  return { field, element }
}

/** listing makes one. @param {App} app @param {Listed} l */
export function listing(app, l) {
  const asOf = quiet()
  const rows = h("tbody")
  const table = h("table", { "aria-label": l.label }, head(l.columns), rows)
  const pages = h("p", { class: "row" })
  const { element, now } = poll(EVERY, async () => {
    const a = await app.api.ask("GET", l.url())
    return { zxid: a.zxid, got: await a.json() }
  }, ({ zxid, got }, body) => {
    const list = l.rows(got)
    const after = l.after()
    if (!table.isConnected) fill(body, table, pages)
    keep(rows, list, l.key, l.make, l.renew)
    table.hidden = !list.length
    fill(asOf, `${list.length ? many(list.length, ...l.noun) : `No ${l.noun[0]}`}${after || got.next ? " on this page" : ""}, as of ${at(Date.now())}, zxid ${count(zxid)}.`)
    fill(pages, after && h("a", { href: l.link() }, "First page"), got.next && h("a", { href: l.link(got.next) }, "Next page"))
  }, (_, body) => l.stale?.(body))
  element.prepend(h("div", { class: "row" }, asOf, h("button", { type: "button", class: "small push", onclick: now }, "Refresh")))
  return { element, now }
}
