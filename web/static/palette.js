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

/** @typedef {{path: string, text: string, note: string, run?: () => void}} Offer */

/** recent are the paths that were shown, the latest first. @param {App} app @returns {string[]} */
function recent(app) {
  try {
    return JSON.parse(app.settings.get("recent", "[]")).filter((/** @type {unknown} */ p) => typeof p === "string")
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
  /** @type {Offer[]} */
  let offers = []
  let at = -1 // the offer that is chosen
  let absent = "" // the path that is known to be none
  let timer = 0
  let asking = new AbortController()
  const list = h("ul", { role: "listbox", id: freshId("paths"), class: "offers", "aria-label": "Paths" })
  const said = h("p", { class: "quiet", role: "status" })
  const input = h("input", { type: "text", role: "combobox", autofocus: true, autocomplete: "off", autocapitalize: "off", spellcheck: "false", placeholder: "/path/of/a/znode",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, oninput: () => ask(PAUSE), onkeydown: pressed })
  const dialog = openDialog({ title: "Go to a path", body: [field("Path", input), list, said], buttons: [{ label: "Go", kind: "main", run: enter }],
    closed: () => { clearTimeout(timer); asking.abort() } })
  ask(0)

  function typed() {
    const text = input.value.trim()
    return text.startsWith("/") ? text : "/" + text
  }
  /** @param {number} pause */
  function ask(pause) {
    clearTimeout(timer)
    asking.abort()
    asking = new AbortController()
    const signal = asking.signal
    timer = window.setTimeout(() => complete(typed(), signal), pause)
  }
  /** @param {string} text @param {AbortSignal} signal */
  async function complete(text, signal) {
    const dir = parent(text)
    const name = text === "/" ? "" : base(text)
    absent = ""
    try {
      const told = await app.api.get("/v1/children", dir, { query: { prefix: name, limit: OFFERED, include: "stat" }, signal })
      if (signal.aborted) return
      const found = told.children.map((/** @type {Row} */ c) => ({ path: join(dir, c.name), text: visible(c.name), note: c.stat.num_children ? `${count(c.stat.num_children)} below` : "" }))
      if (name && found[0]?.path !== text) absent = text
      const past = input.value.length < 2 ? recent(app).map((path) => ({ path, text: visible(path), note: "recent" })) : []
      show([...past, ...found], absent && !found.length ? `There is nothing at ${text}.` : told.next && `The first ${OFFERED}.`)
    } catch (err) {
      if (signal.aborted) return
      if (asProblem(err).code === "no_node") absent = text
      show([], absent ? `There is nothing at ${dir}.` : sentence(err))
    }
  }
  /** @param {Offer[]} some @param {string} text */
  function show(some, text) {
    offers = some
    if (absent && !app.readOnly() && !mistake(absent)) offers.push({ path: absent, text: `Create ${visible(absent)}`, note: "", run: () => create(absent) })
    fill(list, offers.map((o, i) => h("li", { role: "option", id: `${list.id}-${i}`, "aria-selected": "false", onclick: () => { choose(i); if (enter() !== false) dialog.close() } },
      h("bdi", null, o.text), " ", h("small", null, o.note))))
    input.setAttribute("aria-expanded", String(offers.length > 0))
    fill(said, visible(text || ""))
    choose(-1)
  }
  /** @param {number} i */
  function choose(i) {
    list.children[at]?.setAttribute("aria-selected", "false")
    at = i
    const chosen = list.children[i]
    if (!chosen) return input.removeAttribute("aria-activedescendant")
    chosen.setAttribute("aria-selected", "true")
    chosen.scrollIntoView({ block: "nearest" })
    input.setAttribute("aria-activedescendant", chosen.id)
  }
  /** @param {KeyboardEvent} e */
  function pressed(e) {
    const n = offers.length
    const offer = offers[at] || offers.find((o) => !o.run && o.note !== "recent")
    if (e.key === "ArrowDown" && n) choose((at + 1) % n)
    else if (e.key === "ArrowUp" && n) choose((at <= 0 ? n : at) - 1)
    else if (e.key === "Tab" && !e.shiftKey && offer && !offer.run && offer.path !== input.value) {
      input.value = offer.path + (offer.note && offer.note !== "recent" ? "/" : "")
      ask(0)
    } else return
    e.preventDefault()
  }
  /** @param {string} path */
  function create(path) {
    createDialog(app, parent(path), { name: base(path) })
  }
  function enter() {
    const offer = offers[at]
    if (offer?.run) {
      setTimeout(offer.run)
      return true
    }
    const path = offer ? offer.path : typed().replace(/(.)\/+$/, "$1")
    const wrong = mistake(path) || (path === absent ? "There is nothing there." : "")
    if (wrong) {
      dialog.trouble(wrong)
      return false
    }
    app.route.go(link("tree", path))
    return true
  }
}
