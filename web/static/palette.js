// Going to a path that one types, with completion of its last name.

import { createDialog } from "./doing.js"
import { field, fill, freshId, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { base, join, mistake, parent, visible } from "./path.js"
import { asProblem, sentence } from "./problems.js"
import { link } from "./route.js"
import { count } from "./time.js"

const RECENT = 20 // paths
const RECENT_LENGTH = 4000 // characters of all of them, as settings keep
const OFFERED = 20
const PAUSE = 120 // ms after a key

/** recent are the paths that were shown, the latest first. @param {App} app @returns {string[]} */
function recent(app) {
  try {
    return JSON.parse(app.settings.get("recent", "[]")).map(String)
  } catch {
    return []
  }
}

/** remember notes that a path was shown. @param {App} app @param {string} path */
export function remember(app, path) {
  if (path === "/") return
  const list = [path, ...recent(app).filter((p) => p !== path)].slice(0, RECENT)
  while (JSON.stringify(list).length > RECENT_LENGTH) list.pop()
  app.settings.set("recent", JSON.stringify(list))
}

/** openPalette asks for a path and goes there. @param {App} app */
export function openPalette(app) {
  if (document.querySelector("dialog[open]")) return
  /** An offer is a path; next is what Tab makes of it. @type {{path: string, text: string, note?: string, next?: string, create?: boolean}[]} */
  let offers = []
  let at = -1 // the offer that is chosen
  let absent = "" // the path that is known to be none
  let timer = 0
  let asking = new AbortController()
  const list = h("ul", { role: "listbox", id: freshId("paths"), class: "offers", "aria-label": "Paths" })
  const said = h("p", { class: "quiet", role: "status" })
  const input = h("input", { class: "path", role: "combobox", autofocus: true, autocomplete: "off", spellcheck: "false", placeholder: "/path/of/a/znode",
    "aria-autocomplete": "list", "aria-controls": list.id, oninput: () => ask(PAUSE), onkeydown: pressed })
  const dialog = openDialog({ title: "Go to a path", body: [field("Path", input), list, said], buttons: [{ label: "Go", kind: "main", run: enter }], closed: () => ask(-1) })
  ask(0)

  function typed() {
    return input.value.trim().replace(/^\/?/, "/")
  }
  /** ask completes what was typed, after a pause; -1: never. @param {number} pause */
  function ask(pause) {
    clearTimeout(timer)
    asking.abort()
    choose(-1) // what is typed counts
    asking = new AbortController()
    if (pause >= 0) timer = window.setTimeout(complete, pause, typed(), asking.signal)
  }
  /** @param {string} text @param {AbortSignal} signal */
  async function complete(text, signal) {
    const dir = parent(text)
    const prefix = text === "/" ? "" : base(text)
    let trouble = "", missing = ""
    const found = /** @type {typeof offers} */ (text === "/" ? recent(app).map((path) => ({ path, text: path, note: "recent" })) : [])
    try {
      const { children, next } = await app.api.get("/v1/children", dir, { query: { prefix, limit: OFFERED, include: "stat" }, signal })
      for (const { name, stat: { num_children: n } } of children) {
        const path = join(dir, name)
        found.push({ path, text: name, note: n ? `${count(n)} below` : "", next: n ? path + "/" : path })
      }
      if (prefix && children[0]?.name !== prefix) missing = text
      trouble = next ? `The first ${OFFERED}.` : missing && !children.length ? `There is nothing at ${text}.` : ""
    } catch (err) {
      if (asProblem(err).code === "no_node") missing = text
      trouble = missing ? `There is nothing at ${dir}.` : sentence(err)
    }
    if (signal.aborted) return
    // Until here what is shown is what can be chosen.
    offers = found
    absent = missing
    if (!absent) dialog.trouble("")
    if (absent && !app.readOnly() && !mistake(absent)) offers.push({ path: absent, text: `Create ${absent}`, create: true })
    fill(said, visible(trouble))
    fill(list, offers.map((o, i) => h("li", { role: "option", id: `${list.id}-${i}`, "aria-selected": "false", onclick: () => { choose(i); if (enter()) dialog.close() } },
      h("bdi", null, visible(o.text)), " ", h("small", null, o.note || ""))))
    input.ariaExpanded = String(offers.length > 0)
    choose(-1)
  }
  /** @param {number} i */
  function choose(i) {
    list.children[at]?.setAttribute("aria-selected", "false")
    at = i
    list.children[i]?.setAttribute("aria-selected", "true")
    list.children[i]?.scrollIntoView({ block: "nearest" })
    input.setAttribute("aria-activedescendant", list.children[i]?.id || "")
  }
  /** @param {KeyboardEvent} e */
  function pressed(e) {
    const n = offers.length
    const next = (offers[at] || offers.find((o) => o.next))?.next
    if (e.key === "ArrowDown" && n) choose((at + 1) % n)
    else if (e.key === "ArrowUp" && n) choose((at <= 0 ? n : at) - 1)
    else if (e.key === "Tab" && !e.shiftKey && next?.startsWith(typed()) && next !== input.value) {
      input.value = next
      ask(0)
    } else return
    e.preventDefault()
  }
  function enter() {
    const offer = offers[at]
    const path = offer?.path || typed().replace(/(.)\/+$/, "$1")
    const wrong = mistake(path) || (path === absent && !offer ? "There is nothing there." : "")
    dialog.trouble(wrong)
    if (path === absent) ask(0) // it may have been made since
    if (offer?.create) setTimeout(createDialog, 0, app, parent(path), { name: base(path) })
    else if (!wrong) app.route.go(link("tree", path))
    return !wrong
  }
}
