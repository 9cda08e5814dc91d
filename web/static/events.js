// The log of events: what happened below a path since it was first looked at.

import { h } from "./dom.js"
import { isBelow, visible } from "./path.js"
import { curl } from "./curl.js"
import { at, count, many } from "./time.js"
import { keep } from "./poll.js"
import { askPath, cell, head, PAGE, quiet, toZnode } from "./listing.js"

// Lines kept; the oldest fall off, so many at once, because to move all for each would be slow.
export const LOG_MAX = 5000
const FALL = 250
// ms between two changes of what is shown.
const SHOW_EVERY = 200

const types = ["NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged"]
const gaps = /** @type {Record<string, string>} */ ({
  history: "the server does not remember that far back",
  lagged: "more happened than could be taken in",
  paused: "more happened in the pause than is kept",
  restored: "the cluster was restored from a backup",
})

/** EventLog keeps the events below a path, in order. */
export class EventLog {
  /** @param {App["live"]} live */
  constructor(live) {
    this.live = live
    this.lines = /** @type {EventLine[]} */ ([])
    // "" while nothing is followed.
    this.path = ""
    this.since = 0
    // Of the last line.
    this.n = 0
    // How many fell off.
    this.fell = 0
    this.changed = () => {}
    live.listen((m) => this.hear(m))
  }

  /** follow begins, or goes on with another path. @param {string} path "" stops */
  follow(path) {
    if (path === this.path) return
    if (path && this.lines.length > 0) this.add({ zxid: this.live.state.zxid, note: `From here on ${visible(path)} and below.` })
    this.path = path
    this.since = Date.now()
    this.live.want("events", path ? { paths: [path], recursive: true } : null)
    this.changed()
  }

  clear() {
    this.lines = []
    this.fell = 0
    this.changed()
  }

  /** @param {LiveMessage} m */
  hear(m) {
    if (this.path && m.kind === "events") for (const e of m.events) if (isBelow(e.path, this.path)) this.add({ zxid: m.zxid, ...e })
    if (this.path && m.kind === "reset") this.add({ zxid: m.zxid, note: `Something may be missing here: ${gaps[m.reason] || visible(m.reason)}.` })
    this.changed()
  }

  /** @param {Omit<EventLine, "n" | "seen">} line */
  add(line) {
    this.lines.push({ n: ++this.n, seen: Date.now(), ...line })
    if (this.lines.length > LOG_MAX) this.fell += this.lines.splice(0, FALL).length
  }

  /** select gives the lines of a type whose path has a text in it, and all notes. @param {string} type "" for all @param {string} text */
  select(type, text) {
    return this.lines.filter((l) => l.note || ((!type || l.type === type) && l.path?.includes(text)))
  }
}

/** ndjson is how lines are exported. @param {EventLine[]} lines */
export const ndjson = (lines) => lines.map(({ n, seen, ...l }) => JSON.stringify({ seen: new Date(seen).toISOString(), ...l }) + "\n").join("")

/** @param {EventLine} l */
const row = (l) => h("tr", null, cell(at(l.seen)), cell(count(l.zxid)), l.note ? h("td", { colspan: 2, class: "bad" }, l.note)
  : [cell(h("code", null, l.type), l.cause && ` ${visible(l.cause)}`), cell(toZnode(l.path || ""))])

/** @type {WeakMap<App, EventLog>} */
const logs = new WeakMap()

/** @param {App} app @param {Place} place @returns {View} */
export function eventsView(app, place) {
  const { live } = app
  const log = logs.get(app) || new EventLog(live)
  const asked = place.query.get("path") || (logs.has(app) ? "" : "/")
  logs.set(app, log)
  if (asked) log.follow(asked)
  let timer = 0
  let most = PAGE

  const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) => h("button", { type: "button", onclick }, text)
  const stop = button("Stop", () => log.follow(""))
  const form = askPath("Follow what is below this path", "Follow", (path) => {
    app.route.note({ path: path || "/" })
    log.follow(path || "/")
  }, stop)
  form.field.value = log.path
  const type = h("select", { "aria-label": "Only events of this type", onchange: show }, h("option", { value: "" }, "All types"), types.map((t) => h("option", null, t)))
  const text = h("input", { type: "search", "aria-label": "Only paths with this text", placeholder: "part of a path", oninput: show })
  const order = h("select", { "aria-label": "Order", onchange: show }, ["Newest first", "Newest last"].map((t) => h("option", null, t)))
  const state = quiet()
  const rows = h("tbody")
  const table = h("table", { "aria-label": "Events" }, head(["Seen at", "zxid", "Event", "Znode"]), rows)
  const more = button(`Show ${PAGE} more`, () => { most += PAGE; show() })

  const chosen = () => log.select(type.value, text.value)
  function save() {
    const a = h("a", { href: URL.createObjectURL(new Blob([ndjson(chosen())], { type: "application/x-ndjson" })), download: "events.ndjson" })
    a.click()
    setTimeout(() => URL.revokeObjectURL(a.href), 60000)
  }
  function show() {
    timer = 0
    const all = chosen()
    const some = all.slice(-most)
    if (order.selectedIndex === 0) some.reverse()
    keep(rows, some, (l) => String(l.n), row)
    table.hidden = some.length === 0
    more.hidden = all.length <= most
    stop.hidden = !log.path
    state.textContent = [
      log.path ? `Following ${visible(log.path)} and what is below it since ${at(log.since)}, also while you look at other sections.` : "Nothing is followed.",
      log.path && /^(conn|resu|off)/.test(live.state.name) && "No connection: what happens now is told later.",
      live.paused && `Paused; ${many(live.waiting, "change waits", "changes wait")}.`,
      `${many(log.lines.length, "line")} of at most ${count(LOG_MAX)}${all.length < log.lines.length ? `, ${count(all.length)} of them chosen` : ""}.`,
      log.fell > 0 && `${many(log.fell, "older line")} fell off.`].filter(Boolean).join(" ")
    app.shell.curl([curl("GET", app.api.url("/v1/watch", log.path || "/", { recursive: true }), { flags: ["-N"] })])
  }
  log.changed = () => { timer ||= window.setTimeout(show, SHOW_EVERY) }
  show()
  return {
    element: h("section", { class: "page" }, h("h2", null, "Events"), form.element,
      h("div", { class: "row" }, type, text, order, h("span", { class: "push" }), button("Export", save), button("Clear", () => { most = PAGE; log.clear() })),
      state, table, h("p", null, more)),
    update(to) {
      log.follow(form.field.value = to.query.get("path") || log.path)
    },
    close() {
      log.changed = () => {}
      clearTimeout(timer)
    },
  }
}
