// What the dialogs that write have in common.

import { fill, h } from "./dom.js"
import { visible } from "./path.js"
import { link } from "./route.js"
import { refusal } from "./subtree.js"
import { size } from "./time.js"

// Characters of a curl line that is shown: part of one would be another.
const LINE_LIMIT = 4000
// Paths or lines that are listed.
const LIST_LIMIT = 20

/** mayWrite says whether anything may be changed here; if not, the reader is told. @param {App} app */
export function mayWrite(app) {
  if (app.readOnly()) app.shell.toast("This page is read-only: it changes nothing.")
  return !app.readOnly()
}

/** shown is a path as text. @param {string} path */
export const shown = (path) => h("bdi", { class: "mono" }, visible(path))

/** done says what was done. @param {App} app @param {string} text @param {Parameters<Shell["toast"]>[1]} [more] */
export const done = (app, text, more) => app.shell.toast(visible(text), { kind: "good", ...more })

/** wait is what is shown meanwhile. */
export const wait = (text = "Looking…") => h("p", { role: "status" }, text)

/** pathList is a list of the first of them. @param {string[]} paths */
export const pathList = (paths) => h("ul", { class: "paths" }, paths.slice(0, LIST_LIMIT).map((p) => h("li", null, shown(p))),
  paths.length > LIST_LIMIT && h("li", null, `and ${paths.length - LIST_LIMIT} more`))

/** button is a small one. @param {string} text @param {() => void} onclick */
export const button = (text, onclick) => h("button", { type: "button", class: "small", onclick }, text)

/** input is a field for what no dictionary knows. @param {string} value @param {Record<string, any>} [more] */
export const input = (value, more) => h("input", { class: "path", spellcheck: "false", autocomplete: "off", value,
  oninput: (/** @type {any} */ e) => e.target.removeAttribute("aria-invalid"), ...more })

/** must refuses, at the field it is about, if there is a no. @param {HTMLElement} e @param {string | false} no */
export function must(e, no) {
  if (!no) return
  e.setAttribute("aria-invalid", "true")
  e.focus()
  throw refusal(no)
}

/** check is a box to tick, and its label. @param {string} text */
export function check(text) {
  const box = h("input", { type: "checkbox" })
  return { box, element: h("div", { class: "field" }, h("label", null, box, " ", text)) }
}

/** curlBox shows the lines that do what the dialog is about to do. */
export function curlBox() {
  const pre = h("pre", { tabindex: 0 })
  const say = (/** @type {string[]} */ ...lines) => fill(pre, lines.slice(0, LIST_LIMIT).map((l) => l.length > LINE_LIMIT ? `# ${size(l.length)}: too long to be shown` : l).join("\n"))
  return { element: h("details", { open: true }, h("summary", { class: "quiet" }, "The same with curl"), pre), say }
}

/** unmark takes the marks from what went. @param {App} app @param {(path: string) => any} went */
export const unmark = (app, went) => app.selection.list().filter(went).forEach((p) => app.selection.toggle(p))

/** visit shows a znode in the tree. @type {OnPath} */
export const visit = (app, path) => app.route.go(link("tree", path, app.route.place.section === "tree" ? app.route.place.query : {}))

/** limits are those of the server, by name. @param {App} app @returns {Promise<Record<string, number>>} */
export const limits = (app) => app.api.get("/v1/limits")

/** @param {App} app */
export const txnUrl = (app) => app.api.url("/v1/txn")

/** txn carries out ops, all or none, as a session if there is one. @param {App} app @param {any[]} ops @param {string} [session] */
export const txn = (app, ops, session) => app.api.write("POST", txnUrl(app), { json: { ops }, headers: session ? { "Holt-Session": session } : {}, timeout: 60000 })

/** reads carries out ops that only read, all of one state. @param {App} app @param {any[]} ops */
export async function reads(app, ops) {
  const answer = await app.api.ask("POST", txnUrl(app), { json: { ops } })
  return { zxid: answer.zxid, results: /** @type {any[]} */ ((await answer.json()).results) }
}
