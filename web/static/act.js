// What the dialogs that write have in common.

import { fill, h } from "./dom.js"
import { visible } from "./path.js"
import { link } from "./route.js"

const LINE_LIMIT = 4000 // characters of a curl line that is shown
const LIST_LIMIT = 20 // paths that are listed

/** mayWrite says whether anything may be changed here; if not, the reader is told. @param {App} app */
export function mayWrite(app) {
  if (app.readOnly()) app.shell.toast("This page is read-only: it changes nothing.")
  return !app.readOnly()
}

/** shown is a path as text. @param {string} path */
export const shown = (path) => h("bdi", { class: "mono" }, visible(path))

/** pathList is a list of the first of them. @param {string[]} paths */
export const pathList = (paths) => h("ul", { class: "paths" }, paths.slice(0, LIST_LIMIT).map((p) => h("li", null, shown(p))),
  paths.length > LIST_LIMIT && h("li", null, `and ${paths.length - LIST_LIMIT} more`))

/** input is a field for what no dictionary knows. @param {string} value @param {Record<string, any>} [more] */
export const input = (value, more) => h("input", { class: "path", spellcheck: "false", autocomplete: "off", value, ...more })

/** check is a box to tick, and its label. @param {string} text @param {Record<string, any>} [props] */
export function check(text, props) {
  const box = h("input", { type: "checkbox", ...props })
  return { box, element: h("div", { class: "field" }, h("label", null, box, " ", text)) }
}

/** curlBox shows the lines that do what the dialog is about to do. */
export function curlBox() {
  const pre = h("pre", { tabindex: 0, "aria-label": "The same with curl" })
  const element = h("details", { open: true }, h("summary", { class: "quiet" }, "The same with curl"), pre)
  return { element, say: (/** @type {string[]} */ ...lines) => fill(pre, lines.map((l) => l.length > LINE_LIMIT ? l.slice(0, LINE_LIMIT) + "…" : l).join("\n")) }
}

/** visit shows a znode in the tree. @type {OnPath} */
export const visit = (app, path) => app.route.go(link("tree", path, app.route.place.section === "tree" ? app.route.place.query : {}))

/** limits are those of the server, by name. @param {App} app @returns {Promise<Record<string, number>>} */
export const limits = (app) => app.api.get("/v1/limits")
