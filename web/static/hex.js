// Bytes: where, which, and as ASCII.

import { h } from "./dom.js"
import { count, many } from "./time.js"

// Bytes shown at once.
const PAGE = 4096

/** hexLines are the lines of some bytes, 16 each. @param {Uint8Array} bytes @param {number} from @param {number} to */
export function hexLines(bytes, from, to) {
  const lines = []
  for (let at = from; at < Math.min(to, bytes.length); at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16))
    const hex = row.map((b, i) => (i === 8 ? " " : "") + b.toString(16).padStart(2, "0")).join(" ")
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(48)}  ${row.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : "·")).join("")}`)
  }
  return lines.join("\n")
}

/** hexView shows bytes, a page at a time. @param {Uint8Array} bytes */
export function hexView(bytes) {
  const pre = h("pre", { class: "hex", tabindex: 0, role: "region", "aria-label": "Bytes in hexadecimal" })
  const where = h("span", { role: "status" })
  const pages = Math.ceil(bytes.length / PAGE)
  const page = h("input", { type: "number", min: 1, max: pages, value: "1", "aria-label": "Page", oninput: show })
  function show() {
    const at = (Math.min(Math.max(Number(page.value) || 1, 1), pages) - 1) * PAGE
    pre.textContent = hexLines(bytes, at, at + PAGE)
    where.textContent = `Bytes ${count(at)} to ${count(Math.min(at + PAGE, bytes.length) - 1)} of ${many(bytes.length, "byte")}`
  }
  show()
  return h("div", null, pages > 1 && h("p", { class: "row" }, "Page", page, ` of ${count(pages)}. `, where), pre)
}
