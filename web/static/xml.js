// XML: whether it is well-formed, and a printer that indents. The browser's own parser is not used: it makes documents of strings.

import { problemAt } from "./text.js"

const PROBLEMS = 50
const name = /[\p{L}_:][\p{L}\p{N}_:.·-]*/uy
const attribute = /\s+([\p{L}_:][\p{L}\p{N}_:.·-]*)\s*=\s*(?:"[^"]*"|'[^']*')/uy
const reference = /&(?!#\d+;|#x[\da-fA-F]+;|(?:amp|lt|gt|quot|apos);)(?:[\p{L}_:][\p{L}\p{N}_:.·-]*;)?/gu

/** What is written whole, by its beginning: kind and end. */
const wholes = /** @type {[string, string, string][]} */ ([["<!--", "comment", "-->"], ["<![CDATA[", "cdata", "]]>"], ["<?", "instruction", "?>"]])

/** @typedef {{kind: "open" | "close" | "empty" | "text" | "comment" | "cdata" | "instruction" | "doctype", start: number, end: number, name: string}} Token */

/** match runs a sticky expression at a place. @param {RegExp} re @param {string} text @param {number} at */
function match(re, text, at) {
  re.lastIndex = at
  return re.exec(text)
}

/** xmlTokens takes a text apart, up to its first error. @param {string} text @returns {{tokens: Token[], problems: Mistake[]}} */
export function xmlTokens(text) {
  /** @type {Token[]} */
  const tokens = []
  /** @type {Mistake[]} */
  const problems = []
  const open = /** @type {Token[]} */ ([])
  let declared = false // by a document type, which may name entities
  /** @param {number} at @param {string} message */
  const stop = (at, message) => ({ tokens, problems: [...problems, problemAt(text, at, message)] })
  let roots = 0
  for (let i = text[0] === "\ufeff" ? 1 : 0; i < text.length; ) {
    const token = next(text, i)
    if (typeof token === "string") return stop(i, token)
    const inside = text.slice(i, token.end)
    if (token.kind === "open" || token.kind === "empty") {
      if (!open.length && roots++) return stop(i, "There is one element around all others; this is a second.")
      if (token.kind === "open") open.push(token)
    } else if (token.kind === "close") {
      const opened = open.pop()
      if (!opened) return stop(i, `</${token.name}> closes nothing.`)
      if (opened.name !== token.name) return stop(i, `</${token.name}> closes <${opened.name}> of line ${problemAt(text, opened.start, "").line}.`)
    } else if (token.kind === "doctype") declared = true
    else if ((token.kind === "text" && inside.trim() && !open.length) || (token.kind === "cdata" && !open.length)) return stop(i, "Text stands within an element.")
    else if (token.kind === "instruction" && /^<\?xml\s/.test(inside) && i > 1) return stop(i, "<?xml …?> stands at the very beginning.")
    if (token.kind === "text" || token.kind === "open" || token.kind === "empty") {
      for (const m of inside.matchAll(reference)) {
        if (!(declared && m[0].length > 1) && problems.length < PROBLEMS) problems.push(problemAt(text, i + m.index, m[0].length > 1 ? `${m[0]} is not known.` : "& is written &amp;."))
      }
    }
    tokens.push(token)
    i = token.end
  }
  const left = open.at(-1)
  if (left) return stop(left.start, `<${left.name}> is not closed.`)
  if (!roots) return stop(text.length, "There is no element.")
  return { tokens, problems }
}

/** next is the token at i, or what is wrong there. @param {string} text @param {number} i @returns {Token | string} */
function next(text, i) {
  if (text[i] !== "<") {
    const end = text.indexOf("<", i)
    return { kind: "text", start: i, end: end < 0 ? text.length : end, name: "" }
  }
  for (const [begins, kind, ends] of wholes) {
    if (!text.startsWith(begins, i)) continue
    const end = text.indexOf(ends, i + begins.length)
    if (end < 0) return `${begins} does not end.`
    if (kind === "comment" && text.slice(i + 4, end + 1).includes("--")) return "A comment does not hold --."
    return { kind: /** @type {Token["kind"]} */ (kind), start: i, end: end + ends.length, name: "" }
  }
  if (text.startsWith("<!DOCTYPE", i)) {
    const m = match(/<!DOCTYPE[^[>]*(?:\[[^\]]*\]\s*)?>/y, text, i)
    return m ? { kind: "doctype", start: i, end: i + m[0].length, name: "" } : "The document type does not end."
  }
  const closes = text[i + 1] === "/"
  const named = match(name, text, i + (closes ? 2 : 1))
  if (!named) return "A name follows <; the sign itself is written &lt;."
  let at = name.lastIndex
  const seen = new Set()
  for (let m; !closes && (m = match(attribute, text, at)); at = attribute.lastIndex) {
    if (m[0].includes("<")) return `< in the attribute ${m[1]} is written &lt;.`
    if (seen.has(m[1])) return `The attribute ${m[1]} is there twice.`
    seen.add(m[1])
  }
  const end = match(closes ? /\s*>/y : /\s*\/?>/y, text, at)
  if (!end) return `<${closes ? "/" : ""}${named[0]} does not end as it should: attributes are name="value".`
  return { kind: closes ? "close" : end[0].endsWith("/>") ? "empty" : "open", start: i, end: at + end[0].length, name: named[0] }
}

/** xmlFormat indents a text without errors. Elements with text of their own stay as they are written. @param {string} text */
export function xmlFormat(text) {
  const { tokens } = xmlTokens(text)
  const ends = new Map() // of each element that is copied as it is, by the index of its beginning, that of its end
  /** @type {{at: number, mixed: boolean, elements: boolean}[]} */
  const open = []
  tokens.forEach((t, i) => {
    const around = open.at(-1)
    if (t.kind === "open") {
      if (around) around.elements = true
      open.push({ at: i, mixed: /\sxml:space\s*=/.test(text.slice(t.start, t.end)), elements: false })
    } else if (t.kind === "close") {
      const closed = open.pop()
      if (closed && (closed.mixed || closed.at === i - 1)) ends.set(closed.at, i)
    } else if (around && (t.kind === "cdata" || (t.kind === "text" && text.slice(t.start, t.end).trim()))) around.mixed = true
  })
  const lines = []
  let depth = 0
  for (let i = 0; i < tokens.length; i++) {
    const t = tokens[i]
    if (t.kind === "text") continue
    if (t.kind === "close") depth--
    const last = tokens[ends.get(i) ?? i]
    lines.push("  ".repeat(Math.min(depth, 100)) + text.slice(t.start, last.end))
    if (ends.has(i)) i = ends.get(i)
    else if (t.kind === "open") depth++
  }
  return lines.join("\n") + "\n"
}
