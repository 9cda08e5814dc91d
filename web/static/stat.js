// The stat of a znode in words.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { ago, at, count, many, size, span } from "./time.js"

const AGO_EVERY = 10000 // ms

let ticking = false

/** moment is a time on the reader's clock and beside now, kept right while it is shown. @param {number} ms since the Unix epoch */
export function moment(ms) {
  if (!ticking) {
    ticking = true
    setInterval(() => {
      for (const e of document.querySelectorAll("time[data-ms]")) e.textContent = ago(Number(/** @type {HTMLElement} */ (e).dataset.ms))
    }, AGO_EVERY)
  }
  return [at(ms), " (", h("time", { datetime: new Date(ms).toISOString(), "data-ms": ms }, ago(ms)), ")"]
}

const modes = /** @type {Record<Mode, string>} */ ({
  persistent: "It stays until somebody deletes it.",
  persistent_sequential: "It stays until somebody deletes it; the server gave it its number.",
  ephemeral: "It goes with its session.",
  ephemeral_sequential: "It goes with its session; the server gave it its number.",
  container: "It goes by itself some time after its last child.",
  persistent_with_ttl: "It goes by itself when its data was not set for its TTL.",
  persistent_sequential_with_ttl: "It goes by itself when its data was not set for its TTL; the server gave it its number.",
})

/** @param {number} n */
const times = (n) => (n === 1 ? "once" : n === 2 ? "twice" : `${count(n)} times`)

/** when says in which transaction something was, and at what time. @param {number} zxid @param {number} ms */
function when(zxid, ms) {
  return zxid ? ["In transaction ", count(zxid), ", ", moment(ms), "."] : "It was there from the start."
}

/** due says when a TTL is over. @param {Znode} z */
function due(z) {
  if (!z.ttl_ms) return ["It has none."]
  const over = moment(z.stat.mtime + z.ttl_ms)
  if (z.stat.num_children) return ["Its children keep it. Without them it is due ", over, "."]
  return ["It is due ", over, ", unless its data is set before."]
}

/** lines are the rows of the table: fields, label, value, words, and what they were made of.
 * @param {Znode} z @returns {[fields: string, label: string, value: any, words: any, of: any[]][]} */
function lines(z) {
  const s = z.stat
  const owner = s.ephemeral_owner
  return [
    ["mode", "Mode", z.mode, modes[z.mode] || "", [z.mode]],
    ["version", "Data version", count(s.version), s.version ? `Its data was set ${times(s.version)} since it was made.` : "Its data was not set since it was made.", [s.version]],
    ["data_length", "Data", size(s.data_length), s.data_length < 1024 ? "" : `${many(s.data_length, "byte")} exactly.`, [s.data_length]],
    ["num_children", "Children", count(s.num_children), s.num_children ? "" : "It has none.", [s.num_children]],
    ["cversion", "Children version", count(s.cversion), s.cversion ? `Children were made or deleted ${times(s.cversion)}.` : "No child was ever made or deleted.", [s.cversion]],
    ["aversion", "ACL version", count(s.aversion), s.aversion ? `Its ACL was set ${times(s.aversion)} since it was made.` : "Its ACL was not set since it was made.", [s.aversion]],
    ["czxid, ctime", "Created", `zxid ${count(s.czxid)}`, when(s.czxid, s.ctime), [s.czxid, s.ctime]],
    ["mzxid, mtime", "Data last set", `zxid ${count(s.mzxid)}`, s.mzxid === s.czxid ? "When it was made, not since." : when(s.mzxid, s.mtime), [s.mzxid, s.czxid, s.mtime]],
    ["pzxid", "Children last changed", `zxid ${count(s.pzxid)}`, s.pzxid === s.czxid ? "Not since it was made." : `A child was made or deleted in transaction ${count(s.pzxid)}.`, [s.pzxid, s.czxid]],
    ["ephemeral_owner", "Session", owner ? h("a", { href: link("sessions", owner) }, owner) : "none", owner ? "It goes when that session ends." : "It belongs to no session.", [owner]],
    ["ttl_ms", "TTL", z.ttl_ms ? span(z.ttl_ms) : "none", due(z), [z.ttl_ms, s.mtime, s.num_children > 0]],
  ]
}

/** statTable says each field of a znode's stat in words; update shows a newer state, and flashes what is new in it.
 * @param {App} app @param {Znode} z @returns {HTMLElement & {update(z: Znode): void}} */
export function statTable(app, z) {
  void app
  const body = h("tbody")
  const rows = lines(z).map(([fields, label, value, words, of]) => {
    const cell = h("td", null, value)
    const said = h("td", { class: "quiet" }, words)
    body.append(h("tr", null, h("th", { scope: "row" }, label, " ", h("code", { class: "quiet" }, fields)), cell, said))
    return { cell, said, of: String(of) }
  })
  const table = h("table", { class: "stat", "aria-label": "Stat" }, body)
  /** @param {Znode} z */
  function update(z) {
    lines(z).forEach(([, , value, words, of], i) => {
      const row = rows[i]
      if (row.of === String(of)) return
      row.of = String(of)
      fill(row.cell, value)
      fill(row.said, words)
      for (const e of [row.cell, row.said]) {
        e.classList.remove("flash")
        requestAnimationFrame(() => e.classList.add("flash"))
      }
    })
  }
  return Object.assign(table, { update })
}
