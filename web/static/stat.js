// The stat of a znode in words.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { ago, at, count, many, span } from "./time.js"

// ms between two looks at the clock.
const AGO_EVERY = 10000
let ticking = 0

/** moment is a time on the reader's clock and beside now, kept right while it is shown. @param {number} ms since the Unix epoch */
export function moment(ms) {
  ticking ||= window.setInterval(() => {
    for (const e of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("time[data-ms]"))) e.textContent = ago(Number(e.dataset.ms))
  }, AGO_EVERY)
  return [at(ms), " (", h("time", { datetime: new Date(ms).toISOString(), "data-ms": ms }, ago(ms)), ")"]
}

/** @param {number} n */
const times = (n) => n === 1 ? "once" : `${count(n)} times`
/** @param {number} n */
const set = (n) => (n ? `set ${times(n)}` : "not set") + " since it was made"
/** @param {number} ms */
const when = (ms) => ms ? moment(ms) : "It was there from the start."

/** @param {Mode} mode */
const meaning = (mode) => (mode.startsWith("eph") ? "It goes with its session." : mode === "container" ? "It goes by itself some time after its last child."
  : mode.endsWith("ttl") ? "It goes by itself when its data is not set for its TTL." : "It stays until somebody deletes it.") + (mode.includes("seq") ? " The server numbered it." : "")

/** @param {Znode} z */
function due(z) {
  if (!z.ttl_ms) return ""
  const over = moment(z.stat.mtime + z.ttl_ms)
  return z.stat.num_children ? ["Its children keep it; else it is due ", over, "."] : ["It is due ", over, ", unless its data is set."]
}

/** lines are the rows of the table. @param {Znode} z @returns {[fields: string, label: string, value: any, words: any][]} */
function lines(z) {
  const s = z.stat
  const owner = s.ephemeral_owner
  return [
    ["mode", "Mode", z.mode.replaceAll("_", " "), meaning(z.mode)],
    ["version", "Data version", count(s.version), `Its data was ${set(s.version)}.`],
    ["data_length", "Data", many(s.data_length, "byte"), ""],
    ["num_children", "Children", count(s.num_children), ""],
    ["cversion", "Children version", count(s.cversion), s.cversion ? `Children were made or deleted ${times(s.cversion)}.` : "No child was ever made or deleted."],
    ["aversion", "ACL version", count(s.aversion), `Its ACL was ${set(s.aversion)}.`],
    ["czxid, ctime", "Created", "zxid " + count(s.czxid), when(s.ctime)],
    ["mzxid, mtime", "Data last set", "zxid " + count(s.mzxid), s.mzxid === s.czxid ? "Not since it was made." : when(s.mtime)],
    ["pzxid", "Children last changed", "zxid " + count(s.pzxid), s.pzxid === s.czxid ? "Not since it was made." : "Then a child was made or deleted."],
    ["ephemeral_owner", "Session", owner ? h("a", { href: link("sessions", owner) }, owner) : "none", owner ? "It goes when that session ends." : "It belongs to no session."],
    ["ttl_ms", "TTL", z.ttl_ms ? span(z.ttl_ms) : "none", due(z)],
  ]
}

/** statTable says each field of a znode's stat in words; update shows a newer state, and flashes what is new in it.
 * @param {App} _app @param {Znode} z @returns {HTMLElement & {update(z: Znode): void}} */
export function statTable(_app, z) {
  const rows = lines(z).map(([fields, label, value, words]) =>
    h("tr", null, h("th", { scope: "row" }, label, " ", h("code", { class: "quiet" }, fields)), h("td", null, value), h("td", { class: "quiet" }, words)))
  /** @param {Znode} z */
  function update(z) {
    lines(z).forEach(([, , value, words], i) => {
      const [, cell, said] = rows[i].children
      fill(said, words)
      if (cell.textContent === (value.textContent ?? value)) return
      fill(cell, value)
      cell.classList.remove("flash")
      requestAnimationFrame(() => cell.classList.add("flash"))
    })
  }
  return Object.assign(h("table", { class: "stat", "aria-label": "Stat" }, h("tbody", null, rows)), { update })
}
