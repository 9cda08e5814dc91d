// The log of events: what happened below a path since it was first looked at.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { isBelow, mistake, visible } from "./path.js"
import { curl } from "./curl.js"
import { at, count, many } from "./time.js"
import { keep } from "./poll.js"

export const LOG_MAX = 5000 // lines kept; the oldest fall off
const PAGE = 200 // lines shown at once
const SHOW_EVERY = 200 // ms between two changes of what is shown

const types = /** @type {const} */ (["NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged"])
const gaps = /** @type {Record<string, string>} */ ({
  history: "the server does not remember that far back",
  lagged: "more happened than could be taken in",
  restored: "the cluster was restored from a backup",
})

/** @typedef {{n: number, seen: number, zxid: number, type: string, path: string, cause?: string, note?: string}} Line n grows; a note is no event */

/** EventLog keeps the events below a path, in order. */
export class EventLog {
  /** @param {import("./live.js").Live} live */
  constructor(live) {
    this.live = live
    /** @type {Line[]} */
    this.lines = []
    this.path = "" // "" while nothing is followed
    this.since = 0
    this.n = 0 // of the last line
    this.fell = 0 // how many lines were dropped for newer ones
    this.changed = () => {}
    live.listen((m) => this.hear(m))
  }

  /** follow begins, or goes on with another path. @param {string} path */
  follow(path) {
    if (path === this.path) return
    if (this.lines.length > 0) this.add({ zxid: this.live.state.zxid, type: "", path, note: `From here on, ${visible(path)} and what is below it. Nothing is known of before.` })
    this.path = path
    this.since = Date.now()
    this.live.want("events", { paths: [path], recursive: true })
    this.changed()
  }

  stop() {
    this.path = ""
    this.live.want("events", null)
    this.changed()
  }

  clear() {
    this.lines = []
    this.fell = 0
    this.changed()
  }

  /** @param {LiveMessage} m */
  hear(m) {
    if (!this.path) return
    if (m.kind === "events") for (const e of m.events) if (isBelow(e.path, this.path)) this.add({ zxid: m.zxid, ...e })
    if (m.kind === "reset") this.add({ zxid: m.zxid, type: "", path: this.path, note: `Something may be missing here: ${gaps[m.reason] || visible(m.reason)}.` })
    this.changed()
  }

  /** @param {Omit<Line, "n" | "seen">} line */
  add(line) {
    this.lines.push({ n: ++this.n, seen: Date.now(), ...line })
    if (this.lines.length <= LOG_MAX) return
    const many = Math.max(1, LOG_MAX / 20) // at once: to move all for each would be slow
    this.lines.splice(0, many)
    this.fell += many
  }

  /** select gives the lines that are of a type and whose path has a text in it; notes always. @param {string} type "" for all @param {string} text */
  select(type, text) {
    return this.lines.filter((l) => l.note !== undefined || ((!type || l.type === type) && (!text || l.path.includes(text))))
  }
}

/** ndjson is how lines are exported. @param {Line[]} lines */
export function ndjson(lines) {
  return lines.map(({ seen, zxid, type, path, cause, note }) =>
    JSON.stringify({ seen: new Date(seen).toISOString(), zxid, ...(note === undefined ? { type, path, cause } : { note }) }) + "\n").join("")
}

/** @type {WeakMap<App, EventLog>} */
const logs = new WeakMap()

/** @param {Line} l */
function row(l) {
  return h("tr", null, h("td", null, at(l.seen)), h("td", null, count(l.zxid)),
    l.note === undefined ? [
      h("td", null, h("code", null, l.type), l.cause && h("span", { class: "quiet" }, ` ${visible(l.cause)}`)),
      h("td", null, h("a", { href: link("tree", l.path) }, h("bdi", { class: "mono" }, visible(l.path)))),
    ] : h("td", { colspan: 2, class: "bad" }, l.note))
}

/** @param {App} app @param {Place} place @returns {View} */
export function eventsView(app, place) {
  let log = logs.get(app)
  if (!log) {
    logs.set(app, (log = new EventLog(app.live)))
    log.follow(place.query.get("path") || "/")
  }
  const kept = log
  if (place.query.get("path")) kept.follow(place.query.get("path") || "/")
  let before = Infinity // lines from there on are not shown: the reader is on an older page
  let timer = 0

  const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) => h("button", { type: "button", onclick }, text)
  const input = h("input", { class: "path", type: "text", "aria-label": "Follow what is below this path", value: kept.path || place.query.get("path") || "/", spellcheck: "false" })
  const wrong = h("p", { class: "trouble", role: "alert" })
  const pause = button("", () => app.live.paused ? app.live.resume() : app.live.pause())
  const stop = button("Stop", () => kept.stop())
  const type = h("select", { "aria-label": "Only events of this type", onchange: filtered }, h("option", { value: "" }, "All types"), types.map((t) => h("option", null, t)))
  const text = h("input", { type: "search", "aria-label": "Only paths with this text", placeholder: "part of a path", oninput: filtered })
  const order = h("select", { "aria-label": "Order", onchange: show }, h("option", { value: "" }, "Newest first"), h("option", { value: "last" }, "Newest last"))
  const state = h("p", { class: "quiet" })
  const body = h("tbody")
  const table = h("table", { "aria-label": "Events" }, h("thead", null, h("tr", null, ["Seen at", "zxid", "Event", "Znode"].map((t) => h("th", { scope: "col" }, t)))), body)
  const newest = button("Newest", () => { before = Infinity; show() })
  const older = button("Older", () => { before = oldest; show() })
  const pages = h("p", { class: "row" }, newest, older)
  let oldest = 0 // line that is shown
  const element = h("section", { class: "page" }, h("h2", null, "Events"),
    h("form", { class: "row", onsubmit: follow }, input, h("button", null, "Follow"), stop, pause), wrong,
    h("div", { class: "row" }, type, text, order, h("span", { class: "push" }), button("Export", save),
      button("Clear", () => { before = Infinity; kept.clear() })), state, table, pages)

  /** @param {Event} e */
  function follow(e) {
    e.preventDefault()
    const bad = mistake(input.value)
    fill(wrong, bad)
    if (bad) return
    app.route.note({ path: input.value })
    kept.follow(input.value)
  }
  function save() {
    const a = h("a", { href: URL.createObjectURL(new Blob([ndjson(chosen())], { type: "application/x-ndjson" })), download: "events.ndjson" })
    a.click()
    setTimeout(() => URL.revokeObjectURL(a.href), 60000)
  }
  const chosen = () => kept.select(type.value, text.value)
  function filtered() {
    before = Infinity
    show()
  }
  function show() {
    clearTimeout(timer)
    timer = 0
    const all = chosen()
    const upto = all.filter((l) => l.n < before)
    const some = upto.slice(-PAGE)
    oldest = some[0]?.n || 0
    if (order.value !== "last") some.reverse()
    keep(body, some, (l) => String(l.n), row)
    table.hidden = some.length === 0
    newest.hidden = upto.length === all.length
    older.hidden = upto.length <= PAGE
    says(all.length)
  }
  /** @param {number} n lines that the filter lets through */
  function says(n) {
    const { paused, waiting } = app.live
    pause.hidden = stop.hidden = !kept.path
    pause.textContent = paused ? "Resume" : "Pause"
    pause.setAttribute("aria-pressed", String(paused))
    const parts = [kept.path ? `Following ${visible(kept.path)} and what is below it since ${at(kept.since)}, also while you look at other sections.` : "Nothing is followed.",
      kept.path && !paused && app.live.state.name !== "live" && "There is no connection now: what happens is told when it is back.",
      paused && `Paused; ${many(waiting, "change waits", "changes wait")}.`,
      `${many(kept.lines.length, "line")} of at most ${count(LOG_MAX)}${n < kept.lines.length ? `, ${count(n)} of them chosen` : ""}.`,
      kept.fell > 0 && `${many(kept.fell, "older line")} fell off.`]
    const said = parts.filter(Boolean).join(" ")
    if (state.textContent !== said) state.textContent = said
    const path = kept.path || input.value
    app.shell.curl(mistake(path) ? [] : [curl("GET", app.api.url("/v1/watch", path, { recursive: true }), { flags: ["-N"] })])
  }
  kept.changed = () => { timer ||= window.setTimeout(show, SHOW_EVERY) }
  const clock = setInterval(() => says(chosen().length), 1000) // what waits is not told
  show()
  return {
    element,
    update(to) {
      const path = to.query.get("path")
      if (!path) return
      input.value = path
      kept.follow(path)
    },
    close() {
      kept.changed = () => {}
      clearTimeout(timer)
      clearInterval(clock)
    },
  }
}
