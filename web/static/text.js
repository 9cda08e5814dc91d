// Text as it is stored: numbered lines, what hides spelled out, and no more of it at once than a browser bears.

import { h } from "./dom.js"
import { visible } from "./path.js"
import { count } from "./time.js"

const STEP_LINES = 2000 // shown at once
const STEP_CHARS = 256 << 10
const PIECE = 4096 // characters of a line in one element

/** problemAt is a mistake in a text, with its place: line and column from 1. @param {string} text @param {number} offset @param {string} message
 * @returns {Mistake} */
export function problemAt(text, offset, message) {
  let line = 1
  let from = 0
  for (let i; (i = text.indexOf("\n", from)) >= 0 && i < offset; from = i + 1) line++
  return { line, column: offset - from + 1, message }
}

/** shown is a line with tabs kept and the rest that hides spelled out. @param {string} line */
export function shown(line) {
  return line.includes("\t") ? line.split("\t").map(visible).join("\t") : visible(line)
}

/**
 * textView shows a text, wrapped; paint may colour a line.
 * @param {string} text @param {(line: string) => any} [paint]
 */
export function textView(text, paint = (line) => line) {
  const code = h("div", { class: "code", translate: "no" })
  const more = h("button", { type: "button", onclick: grow })
  const element = h("div", null, code, more)
  const crlf = /\r\n/.test(text) && !/[^\r]\n/.test(text)
  let at = 0
  let line = 0
  function grow() {
    const until = at + STEP_CHARS
    const rows = []
    while (at <= text.length && at < until && rows.length < STEP_LINES) {
      const starts = at === 0 || text[at - 1] === "\n"
      const found = text.indexOf("\n", at)
      const end = found < 0 ? text.length : found
      const last = end - at <= PIECE
      let piece = text.slice(at, last ? end : at + PIECE)
      if (last && crlf && piece.endsWith("\r")) piece = piece.slice(0, -1)
      if (starts) line++
      rows.push(h("div", { class: starts ? "ln" : "ln cont" }, last && starts ? paint(shown(piece)) : shown(piece), piece ? null : h("br")))
      at = last ? end + 1 : at + PIECE
      if (at === text.length && text[at - 1] === "\n") at++ // the end of the last line begins none
    }
    code.append(...rows)
    more.hidden = at >= text.length
    more.textContent = `Show more: ${count(at)} of ${count(text.length)} characters are here`
  }
  grow()
  return element
}

/** oddities says what of a text is not shown as it is stored. @param {string} text */
export function oddities(text) {
  const said = []
  if (/\r\n/.test(text) && !/[^\r]\n/.test(text)) said.push("Lines end in CR LF.")
  else if (text.includes("\r")) said.push("Some lines end in CR.")
  if (text && !text.endsWith("\n") && text.includes("\n")) said.push("No line end after the last line.")
  if (text.length > PIECE && text.split("\n").some((l) => l.length > PIECE)) said.push(`Lines of more than ${count(PIECE)} characters are shown in pieces.`)
  if (shown(text.replace(/[\r\n]/g, "")).includes("\u2039U+")) said.push("Characters that do not show are spelled out, as \u2039U+202E\u203a.")
  return said.join(" ")
}
