// A table of what the server lists a page at a time, read again and again while it is looked at.

import { h, fill } from "./dom.js"
import { problemBox, sentence } from "./problems.js"
import { at, count, many } from "./time.js"
import { keep, poll } from "./poll.js"

export const PAGE = 200 // rows at once
export const EVERY = 5000 // ms between two readings

/**
 * @template T
 * @typedef {object} Listed
 * @property {string} label of the table
 * @property {[one: string, more: string]} noun
 * @property {string[]} columns
 * @property {() => string} url of the page that is shown
 * @property {(body: any) => T[]} rows in an answer
 * @property {(row: T) => string} key
 * @property {(row: T) => HTMLElement} make
 * @property {(element: HTMLElement, row: T) => void} [renew]
 * @property {(after?: string) => string} [link] to the page behind a row, and to the first; without it there is only the first
 * @property {() => boolean} [later] whether that is not the first page
 * @property {(body: HTMLElement) => void} [stale] what it shows may not be so any more
 * @property {() => void} [shown]
 */

/** listing makes it. Nothing is read any more once it has left the page. @template T @param {App} app @param {Listed<T>} l */
export function listing(app, l) {
  const asOf = h("p", { class: "quiet" })
  const trouble = h("div")
  const body = h("tbody")
  const table = h("table", { hidden: true, "aria-label": l.label }, h("thead", null, h("tr", null, l.columns.map((c) => h("th", { scope: "col" }, c)))), body)
  const pages = h("p", { class: "row" })
  const element = h("div", null, h("div", { class: "row" }, asOf, h("button", { type: "button", class: "small push", onclick: () => reading.now() }, "Refresh")),
    trouble, table, pages)
  let seen = 0
  const reading = poll(EVERY, async (signal) => {
    const a = await app.api.ask("GET", l.url(), { signal })
    return { zxid: a.zxid, got: await a.json() }
  }, ({ zxid, got }) => {
    const rows = l.rows(got)
    const later = l.later?.() || false
    seen = Date.now()
    fill(trouble)
    keep(body, rows, l.key, l.make, l.renew)
    table.hidden = rows.length === 0
    asOf.textContent = `${rows.length ? many(rows.length, ...l.noun) : `No ${l.noun[0]}`}${later || got.next ? " on this page" : ""}, as of ${at(seen)}, zxid ${count(zxid)}.`
    fill(pages, l.link && later && h("a", { href: l.link() }, "First page"), got.next && (l.link ? h("a", { href: l.link(got.next) }, "Next page") : `There are more than these ${PAGE}.`))
    l.shown?.()
  }, (err) => {
    l.stale?.(body)
    fill(trouble, seen ? h("p", { class: "notice", role: "status" }, `Not refreshed since ${at(seen)}. ${sentence(err)}`) : problemBox(err, reading.now))
  }, element)
  return { element, body, now: reading.now, stop: reading.stop }
}
