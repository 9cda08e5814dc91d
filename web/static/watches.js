// Who watches what.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { mistake, visible } from "./path.js"
import { curl } from "./curl.js"
import { many } from "./time.js"
import { listing, PAGE } from "./listing.js"
import { parse, sum } from "./metrics.js"
import { poll } from "./poll.js"

const STREAMS_EVERY = 15000 // ms

/** @typedef {{owner: string, path: string, mode: string}} Watch */

const modes = /** @type {Record<string, string>} */ ({
  data: "once, when its data is set or it is deleted",
  exists: "once, when it is made, set or deleted",
  children: "once, when a child is made or deleted, or it is itself",
  persistent: "always, for itself and its children's names",
  persistent_recursive: "always, for all that is below it",
})

/** @param {App} app @param {() => string} path "" for all @param {() => string | undefined} after @param {((after?: string) => string) | undefined} to */
function table(app, path, after, to) {
  const url = () => app.api.url("/v1/watches", undefined, { path: path(), limit: PAGE, after: after() })
  const list = listing(app, {
    label: "Watches", noun: ["watch", "watches"], columns: ["Session", "Znode", "Fires"], url,
    rows: (body) => /** @type {Watch[]} */ (body.watches),
    key: (w) => `${w.owner},${w.mode},${w.path}`,
    make: (w) => h("tr", null, h("td", null, h("a", { href: link("sessions", w.owner) }, w.owner)),
      h("td", null, h("a", { href: link("tree", w.path) }, h("bdi", { class: "mono" }, visible(w.path)))),
      h("td", null, h("code", null, w.mode), " ", h("span", { class: "quiet" }, modes[w.mode] || ""))),
    link: to, later: () => Boolean(after()),
  })
  return { ...list, url }
}

/** watchersOf lists who watches one znode, as long as it is in the page. @param {App} app @param {string} path @returns {HTMLElement} */
export function watchersOf(app, path) {
  return h("div", null, table(app, () => path, () => undefined, (after) => link("watches", "", { path, after })).element,
    h("p", { class: "quiet" }, "These are the watches that sessions set at this very path. Streams leave no trace and are not listed; nor are recursive watches of znodes above."))
}

/** @param {App} app @param {Place} place @returns {View} */
export function watchesView(app, place) {
  const path = () => place.query.get("path") || ""
  const input = h("input", { class: "path", type: "text", value: path(), placeholder: "/app/config", spellcheck: "false", autocomplete: "off", "aria-label": "Only watches at this path" })
  const wrong = h("p", { class: "trouble", role: "alert" })
  const streams = h("p", { class: "quiet" })
  const list = table(app, path, () => place.query.get("after") || undefined, (after) => link("watches", "", { path: path(), after }))
  const go = (/** @type {Event} */ e) => {
    e.preventDefault()
    const bad = input.value && mistake(input.value)
    fill(wrong, bad)
    if (!bad) app.route.go(link("watches", "", { path: input.value }))
  }
  const all = h("a", { href: link("watches") }, "Show all")
  const element = h("section", { class: "page" }, h("h2", null, "Watches"),
    h("form", { class: "row", onsubmit: go }, input, h("button", null, "Show"), all), wrong, list.element, streams)
  const counting = poll(STREAMS_EVERY, async (signal) => (await app.api.ask("GET", app.api.url("/metrics"), { signal })).text(), (text) => {
    const n = sum(parse(text), "holt_streams")
    fill(streams, "Only sessions' watches are listed. Streams leave no trace in the tree, so nobody knows who watches what by them",
      n === null ? "." : `; ${app.config.member} serves ${many(n, "stream or long poll", "streams and long polls")} now, this page's own among them.`)
  }, () => fill(streams, "Only sessions' watches are listed; streams leave no trace. How many there are is not known now."), element)
  const said = () => {
    input.value = path()
    all.hidden = !path()
    app.shell.curl([curl("GET", list.url())])
  }
  said()
  return {
    element,
    update(to) {
      place = to
      said()
      list.now()
    },
    close() {
      list.stop()
      counting.stop()
    },
  }
}
