// Who watches what.

import { h, fill } from "./dom.js"
import { visible } from "./path.js"
import { link } from "./route.js"
import { curl } from "./curl.js"
import { many } from "./time.js"
import { askPath, cell, listing, PAGE, quiet, toZnode } from "./listing.js"
import { metrics, sum } from "./metrics.js"
import { poll } from "./poll.js"

// ms between two looks at how many streams there are.
const STREAMS_EVERY = 15000

const modes = /** @type {Record<string, string>} */ ({
  data: "once, when its data is set or it is deleted",
  exists: "once, when it is made, set or deleted",
  children: "once, when a child is made or deleted, or it is itself",
  persistent: "always, for itself and its children's names",
  persistent_recursive: "always, for all that is below it",
})

/** @param {App} app @param {string} path "" for all @param {string} [after] */
const urlOf = (app, path, after) => app.api.url("/v1/watches", undefined, { path, limit: PAGE, after })

/** @param {App} app @param {() => string} path @param {() => string | undefined} after */
const table = (app, path, after) => listing(app, {
  label: "Watches", noun: ["watch", "watches"], columns: ["Session", "Znode", "Fires"], after,
  url: () => urlOf(app, path(), after()), link: (after) => link("watches", "", { path: path(), after }),
  rows: (body) => body.watches, key: (w) => [w.owner, w.mode, w.path].join(),
  make: (/** @type {Watch} */ w) => h("tr", null, cell(h("a", { href: link("sessions", w.owner) }, w.owner)), cell(toZnode(w.path)), cell(h("code", null, w.mode), ", ", modes[w.mode])),
})

/** watchersOf lists who watches one znode, as long as it is in the page. @param {App} app @param {string} path @returns {HTMLElement} */
export const watchersOf = (app, path) => h("div", null, table(app, () => path, () => undefined).element,
  quiet("Those of sessions, at this very path. Streams, and recursive watches of znodes above, are not listed."))

/** @param {App} app @param {Place} place @returns {View} */
export function watchesView(app, place) {
  const path = () => place.query.get("path") || ""
  const after = () => place.query.get("after") || undefined
  const all = h("a", { href: link("watches") }, "Show all")
  const form = askPath("Only watches at this path", "Show", (path) => app.route.go(link("watches", "", { path })), all)
  const list = h("div")
  const streams = poll(STREAMS_EVERY, () => metrics(app), (samples, body) => fill(body,
    quiet(`Streams leave no trace and are not listed. Member ${visible(app.config.member)} serves ${many(sum(samples, "holt_streams"), "stream or long poll", "streams and long polls")} now, this page's own among them.`)))
  function said() {
    form.field.value = path()
    all.hidden = !path()
    fill(list, table(app, path, after).element) // what is there is of another place
    app.shell.curl([curl("GET", urlOf(app, path(), after()))])
  }
  said()
  return {
    element: h("section", { class: "page" }, h("h2", null, "Watches"), form.element, list, streams.element),
    update(to) {
      place = to
      said()
    },
    close() {},
  }
}
