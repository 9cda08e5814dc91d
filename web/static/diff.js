// What differs between two texts, line by line: Myers' way, within limits.

import { h } from "./dom.js"
import { shown } from "./text.js"
import { many } from "./time.js"

const LINES = 20000 // compared at most, of each text, after what is equal at the beginning and the end
const EDITS = 2000 // lines taken away or added, at most
const CONTEXT = 3 // equal lines shown around a change
const ROWS = 2000 // lines shown of each text
const CUT = 1000 // characters shown of a line

/**
 * diff gives the changes that make b of a, in order and with equal lines between: lines a..aEnd of a become lines b..bEnd of b. Null: too
 * much differs.
 * @param {string[]} a @param {string[]} b @returns {Change[] | null}
 */
export function diff(a, b) {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let n = a.length - head
  let m = b.length - head
  while (n && m && a[head + n - 1] === b[head + m - 1]) n--, m--
  if (!n && !m) return []
  if (!n || !m) return [{ a: head, aEnd: head + n, b: head, bEnd: head + m }]
  if (n > LINES || m > LINES) return null
  const most = Math.min(n + m, EDITS)
  const far = new Int32Array(2 * most + 3) // by diagonal: how far into a one gets
  const mid = most + 1
  const trace = []
  for (let d = 0; d <= most; d++) {
    trace.push(far.slice(mid - d - 1, mid + d + 2))
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && far[mid + k - 1] < far[mid + k + 1]) ? far[mid + k + 1] : far[mid + k - 1] + 1
      while (x < n && x - k < m && a[head + x] === b[head + x - k]) x++
      far[mid + k] = x
      if (x >= n && x - k >= m) return changes(trace, n, m, head)
    }
  }
  return null
}

/** changes goes the way back. @param {Int32Array[]} trace @param {number} x @param {number} y @param {number} head */
function changes(trace, x, y, head) {
  /** @type {Change[]} */
  const found = []
  for (let d = trace.length - 1; d > 0; d--) {
    const far = trace[d] // of the step before; diagonal k is at d + 1 + k
    const k = x - y
    const added = k === -d || (k !== d && far[d + k] < far[d + k + 2])
    x = added ? far[d + k + 2] : far[d + k]
    y = x - (added ? k + 1 : k - 1)
    const last = found[0]
    const [xEnd, yEnd] = [head + x + (added ? 0 : 1), head + y + (added ? 1 : 0)]
    if (last && last.a === xEnd && last.b === yEnd) last.a = head + x, last.b = head + y
    else found.unshift({ a: head + x, aEnd: xEnd, b: head + y, bEnd: yEnd })
  }
  return found
}

/** lineBlock shows lines with their numbers; sign says in text what they are. @param {string} tag @param {string} sign @param {string[]} lines
 * @param {number} from @param {string[]} [others] what they are compared with: of long lines the part that differs is shown */
export function lineBlock(tag, sign, lines, from, others = []) {
  return h(tag, { class: "lines" }, lines.map((l, i) => h("div", { class: "dl", "data-n": from + i + 1 }, sign + cut(l, others[i]))))
}

/** @param {string} line @param {string | undefined} other */
function cut(line, other) {
  if (line.length <= CUT) return shown(line)
  let at = 0
  while (other && at < other.length && line[at] === other[at]) at++
  const from = other ? Math.max(0, Math.min(at, line.length) - CUT / 2) : 0
  return `${from ? "…" : ""}${shown(line.slice(from, from + CUT))}${from + CUT < line.length ? "…" : ""} (${many(line.length, "character")})`
}

/** diffView shows what differs between two texts, side by side where there is room. @param {string} a @param {string} b */
export function diffView(a, b) {
  const [as, bs] = [a.split("\n"), b.split("\n")]
  const found = diff(as, bs)
  if (!found) return h("p", { class: "notice" }, `Too different to show line by line: ${many(as.length, "line")} before, ${many(bs.length, "line")} after.`)
  if (!found.length) return h("p", null, "Nothing differs.")
  /** @type {HTMLElement[]} */
  const rows = []
  let left = ROWS
  let at = 0 // what was shown of a
  found.forEach((c, i) => {
    if (left <= 0) return
    const from = Math.max(at, c.a - CONTEXT)
    if (from > at) rows.push(h("p", { class: "quiet" }, `… ${many(from - at, "equal line")}`))
    const until = Math.min(as.length, c.aEnd + CONTEXT, found[i + 1]?.a ?? Infinity)
    const same = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ n) => n > 0 && h("div", { class: "pair same" },
      lineBlock("div", "  ", as.slice(x, x + n), x), lineBlock("div", "  ", as.slice(x, x + n), y))
    const [old, fresh] = [as.slice(c.a, Math.min(c.aEnd, c.a + left)), bs.slice(c.b, Math.min(c.bEnd, c.b + left))]
    left -= Math.max(old.length, fresh.length)
    rows.push(.../** @type {HTMLElement[]} */ ([same(from, from + c.b - c.a, c.a - from),
      h("div", { class: "pair" }, lineBlock("del", "- ", old, c.a, fresh), lineBlock("ins", "+ ", fresh, c.b, old)),
      same(c.aEnd, c.bEnd, until - c.aEnd)].filter(Boolean)))
    at = until
  })
  rows.push(h("p", { class: "quiet" }, left <= 0 ? "… More differs than is shown." : at < as.length ? `… ${many(as.length - at, "equal line")}` : ""))
  return h("div", { class: "diff", tabindex: 0, role: "region", "aria-label": "What changes" }, rows)
}
