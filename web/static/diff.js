// What differs between two texts, line by line: Myers' way, within limits.

import { h } from "./dom.js"
import { shown } from "./text.js"
import { many } from "./time.js"

// Lines compared at most, of each text, without what is equal at the beginning and the end.
const LINES = 20000
// Lines taken away or added, at most.
const EDITS = 2000
// Equal lines shown around a change.
const CONTEXT = 3
// Lines shown of each text.
const ROWS = 2000
// Characters shown of a line.
const CUT = 1000

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
  // By diagonal: how far into a one gets.
  const far = new Int32Array(2 * most + 3)
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
    // How far one got in the step before; diagonal k is at d + 1 + k.
    const far = trace[d]
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

/** cut is a line, or of a long one the part where it begins to differ. @param {string} line @param {string | undefined} other */
function cut(line, other) {
  if (line.length <= CUT) return shown(line)
  let at = 0
  while (other && at < other.length && line[at] === other[at]) at++
  const from = Math.max(0, at - CUT / 2)
  return `${from ? "…" : ""}${shown(line.slice(from, from + CUT))}… (${many(line.length, "character")})`
}

/** hunksView shows hunks, the sides of each beside one another where there is room; of equal lines some around the others.
 * @param {string} label @param {Shown[]} hunks */
export function hunksView(label, hunks) {
  let left = ROWS
  const rows = hunks.map(({ same, sides, head }, i) => {
    if (left <= 0) return head
    const block = (/** @type {number} */ from, /** @type {number} */ to) => h("div", { class: same ? "sides same" : "sides" }, sides.map((s, k) =>
      h(s.sign === "-" ? "del" : s.sign.trim() ? "ins" : "div", { class: "lines" }, s.lines.slice(from, to).map((l, n) =>
        h("div", { class: "dl", "data-n": s.at + from + n + 1 }, s.sign, " ", cut(l, sides[k ? k - 1 : 1].lines[from + n]))))))
    const most = Math.max(...sides.map((s) => s.lines.length))
    left -= same ? Math.min(most, 2 * CONTEXT) : most
    const [first, last] = [i ? CONTEXT : 0, i < hunks.length - 1 ? CONTEXT : 0]
    if (!same || most <= first + last + 1) return [head, block(0, left + most)]
    return [first > 0 && block(0, first), h("p", { class: "quiet" }, `… ${many(most - first - last, "equal line")}`), last > 0 && block(most - last, most)]
  })
  return h("div", { class: "diff", tabindex: 0, role: "region", "aria-label": label }, rows, left <= 0 && h("p", { class: "quiet" }, "… There is more than is shown."))
}

/** diffView shows what differs between two texts. @param {string} before @param {string} after */
export function diffView(before, after) {
  const [as, bs] = [before.split("\n"), after.split("\n")]
  const found = diff(as, bs)
  if (!found) return h("p", { class: "notice" }, `Too different to show line by line: ${many(as.length, "line")} before, ${many(bs.length, "line")} after.`)
  /** @type {Shown[]} */
  const hunks = []
  let [a, b] = [0, 0]
  for (const c of [...found, { a: as.length, aEnd: 0, b: bs.length, bEnd: 0 }]) {
    const [left, right] = [as.slice(a, c.a), bs.slice(b, c.b)]
    if (left.length) hunks.push({ same: true, sides: [{ sign: " ", lines: left, at: a }, { sign: " ", lines: right, at: b }] })
    if (c.aEnd || c.bEnd) hunks.push({ same: false, sides: [{ sign: "-", lines: as.slice(c.a, c.aEnd), at: c.a }, { sign: "+", lines: bs.slice(c.b, c.bEnd), at: c.b }] })
    ;[a, b] = [c.aEnd, c.bEnd]
  }
  return hunksView("What changes", hunks)
}
