// Bytes: where, which, and as ASCII.

import { h } from "./dom.js"
import { count, many } from "./time.js"

const PAGE = 4096 // bytes shown at once

/** hexLines are the lines of some bytes, 16 each. @param {Uint8Array} bytes @param {number} from @param {number} to */
export function hexLines(bytes, from, to) {
  const lines = []
  for (let at = from; at < Math.min(to, bytes.length); at += 16) {
    const row = Array.from(bytes.subarray(at, Math.min(at + 16, to)))
    const hex = row.map((b, i) => (i === 8 ? " " : "") + b.toString(16).padStart(2, "0")).join(" ")
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(48)}  ${row.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : "·")).join("")}`)
  }
  return lines.join("\n")
}

/** hexView shows bytes, a page at a time. @param {Uint8Array} bytes */
export function hexView(bytes) {
  let at = 0
  const pre = h("pre", { class: "hex", tabindex: 0, role: "region", "aria-label": "Bytes in hexadecimal" })
  const where = h("span", { role: "status" })
  const go = h("input", { size: 10, "aria-label": "Offset to go to, 0x… for hexadecimal", placeholder: "offset", onchange: () => show(Number(go.value) || 0) })
  const back = h("button", { type: "button", onclick: () => show(at - PAGE) }, "Earlier")
  const on = h("button", { type: "button", onclick: () => show(at + PAGE) }, "Later")
  /** @param {number} to */
  function show(to) {
    at = Math.floor(Math.min(Math.max(to, 0), bytes.length - 1) / PAGE) * PAGE
    pre.textContent = hexLines(bytes, at, at + PAGE)
    where.textContent = `${count(at)} to ${count(Math.min(at + PAGE, bytes.length))} of ${many(bytes.length, "byte")}`
    back.disabled = at === 0
    on.disabled = at + PAGE >= bytes.length
  }
  show(0)
  return h("div", null, bytes.length > PAGE && h("p", { class: "row" }, back, on, go, where), pre)
}
