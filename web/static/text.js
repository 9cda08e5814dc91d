// Text as it is stored: numbered lines, what hides spelled out, and no more of it at once than a browser bears.

import { h } from "./dom.js"
import { visible } from "./path.js"
import { count } from "./time.js"

// How much is shown at once.
const STEP_LINES = 2000
const STEP_CHARS = 256 << 10
// Characters of a line in one element.
const PIECE = 4096

/** textOf is the text that bytes are, if they are one. @param {Uint8Array} bytes */
export function textOf(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    return text.includes("\0") ? undefined : text
  } catch {
    return undefined
  }
}

/** lineEnd is what all lines end in, or "" if not alike. @param {string} text */
export function lineEnd(text) {
  return !text.includes("\r") ? "\n" : /(^|[^\r])\n|\r(?!\n)/.test(text) ? "" : "\r\n"
}

/** problemAt is a mistake at an offset of a text. @param {string} text @param {number} offset @param {string} message @returns {Mistake} */
export function problemAt(text, offset, message) {
  let line = 1
  let from = 0
  for (let i; (i = text.indexOf("\n", from)) >= 0 && i < offset; from = i + 1) line++
  return { line, column: offset - from + 1, message }
}

/** shown is a line with tabs kept and the rest that hides spelled out. @param {string} line */
export function shown(line) {
  return line.split("\t").map(visible).join("\t")
}

/** textView shows a text, wrapped; paint may colour a line. @param {string} text @param {(line: string) => any} [paint] */
export function textView(text, paint = (line) => line) {
  const code = h("div", { class: "code", translate: "no" })
  const more = h("button", { type: "button", onclick: grow })
  const crlf = lineEnd(text) === "\r\n"
  let at = 0
  function grow() {
    const until = at + STEP_CHARS
    for (let n = 0; n < STEP_LINES && at < until && (at < text.length || !at); n++) {
      const starts = !at || text[at - 1] === "\n"
      const end = (text.indexOf("\n", at) + 1 || text.length + 1) - 1
      const last = end - at <= PIECE
      const line = shown(last ? text.slice(at, crlf && end < text.length ? end - 1 : end) : text.slice(at, at + PIECE))
      code.append(h("div", { class: starts ? "ln" : "ln cont" }, last && starts ? paint(line) : line, line ? null : h("br")))
      at = last ? end + 1 : at + PIECE
    }
    more.hidden = at >= text.length
    more.textContent = `Show more: ${count(at)} of ${count(text.length)} characters are here`
  }
  grow()
  return h("div", null, code, more)
}

/** oddities says what of a text is not shown as it is stored. @param {string} text */
export function oddities(text) {
  const end = lineEnd(text)
  const long = text.length > PIECE && text.split("\n").some((l) => l.length > PIECE)
  return (end === "\n" ? "" : end ? "Lines end in CR LF. " : "Not all lines end alike. ") + (long ? `Lines of more than ${count(PIECE)} characters are shown in pieces. ` : "") +
    (shown(text.replace(/[\r\n]/g, "")).includes("\u2039U+") ? "Characters that do not show are spelled out, as \u2039U+202E\u203a." : "")
}
