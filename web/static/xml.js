// XML: whether it is well-formed, and a printer that indents. The browser's own parser is not used: it makes documents of strings.

import { problemAt } from "./text.js"

const PROBLEMS = 50
const NAME = "[\\p{L}_:][\\p{L}\\p{N}_:.·-]*"
const name = new RegExp(NAME, "uy")
const attribute = new RegExp(`\\s+(${NAME})\\s*=\\s*(?:"[^"]*"|'[^']*')`, "uy")
const reference = new RegExp(`&(?!#\\d+;|#x[\\da-fA-F]+;|(?:amp|lt|gt|quot|apos);)(${NAME};)?`, "gu")

/** What is written whole: its beginning, kind and end. */
const wholes = [["<!--", "comment", /-->/g], ["<![CDATA[", "text", /]]>/g], ["<?", "instruction", /\?>/g], ["<!DOCTYPE", "doctype", /^<[^[>]*(?:\[[^\]]*\]\s*)?>/g]]

/** match runs an expression from a place. @param {RegExp} re @param {string} text @param {number} at */
function match(re, text, at) {
  re.lastIndex = at
  return re.exec(text)
}

/** next is the token at i, or what is wrong there. @param {string} text @param {number} i @returns {XmlToken | string} */
function next(text, i) {
  if (text[i] !== "<") return { kind: "text", start: i, end: (text.indexOf("<", i) + 1 || text.length + 1) - 1, name: "" }
  for (const [begins, kind, ends] of /** @type {[string, string, RegExp][]} */ (wholes)) {
    if (!text.startsWith(begins, i)) continue
    const rest = kind === "doctype" ? text.slice(i) : ""
    const m = rest ? match(ends, rest, 0) : match(ends, text, i + begins.length)
    if (!m) return `${begins} does not end.`
    const end = m[0].length + (rest ? i : m.index)
    if (kind === "comment" && text.slice(i + 4, end - 2).includes("--")) return "A comment does not hold --."
    return { kind, start: i, end, name: kind === "text" ? begins : "" }
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
  return { kind: closes ? "close" : end[0].length > 1 && end[0].endsWith("/>") ? "empty" : "open", start: i, end: at + end[0].length, name: named[0] }
}

/** xmlTokens takes a text apart, up to its first error. CDATA is text of that name. @param {string} text */
export function xmlTokens(text) {
  /** @type {XmlToken[]} */
  const tokens = []
  /** @type {Mistake[]} */
  const problems = []
  /** @type {XmlToken[]} */
  const open = []
  let roots = 0
  let declared = false // by a document type, which may name entities
  /** within says what is wrong with a token where it stands, or "". @param {XmlToken} t @param {string} raw */
  function within(t, raw) {
    if (t.kind === "close") {
      const last = open.pop()
      return !last ? `</${t.name}> closes nothing.` : last.name !== t.name ? `</${t.name}> closes <${last.name}> of line ${problemAt(text, last.start, "").line}.` : ""
    }
    if (t.kind === "text" && !open.length && (t.name || raw.replace("\ufeff", "").trim())) return "Text stands within an element."
    if (t.kind === "instruction" && /^<\?xml\s/.test(raw) && t.start > 1) return "<?xml …?> stands at the very beginning."
    if ((t.kind === "open" || t.kind === "empty") && !open.length && roots++) return "There is one element around all others; this is a second."
    if (t.kind === "open") open.push(t)
    declared ||= t.kind === "doctype"
    return ""
  }
  for (let i = 0; i < text.length; ) {
    const t = next(text, i)
    const raw = typeof t === "string" ? "" : text.slice(i, t.end)
    const wrong = typeof t === "string" ? t : within(t, raw)
    if (wrong || typeof t === "string") return { tokens, problems: [...problems, problemAt(text, i, wrong)] }
    if (t.kind === "open" || t.kind === "empty" || (t.kind === "text" && !t.name)) {
      for (const m of raw.matchAll(reference)) {
        if (!(declared && m[1]) && problems.length < PROBLEMS) problems.push(problemAt(text, i + m.index, m[1] ? `${m[0]} is not known.` : "& is written &amp;."))
      }
    }
    tokens.push(t)
    i = t.end
  }
  const left = open.at(-1)
  if (left || !roots) problems.push(problemAt(text, left ? left.start : text.length, left ? `<${left.name}> is not closed.` : "There is no element."))
  return { tokens, problems }
}

/** xmlFormat indents a text without errors. Elements with text of their own stay as they are written. @param {string} text */
export function xmlFormat(text) {
  const { tokens } = xmlTokens(text)
  const ends = new Map() // of each element that stays, by the index of its beginning, that of its end
  /** @type {{at: number, stays: boolean}[]} */
  const open = []
  tokens.forEach((t, i) => {
    const raw = text.slice(t.start, t.end)
    if (t.kind === "open") open.push({ at: i, stays: /\sxml:space\s*=/.test(raw) || tokens[i + 1].kind === "close" })
    else if (t.kind === "close") {
      const closed = open.pop()
      if (closed?.stays) ends.set(closed.at, i)
    } else if (t.kind === "text" && open.length && raw.trim()) open[open.length - 1].stays = true
  })
  const lines = []
  let depth = 0
  for (let i = 0; i < tokens.length; i++) {
    const { kind, start } = tokens[i]
    if (kind === "text") continue
    if (kind === "close") depth--
    const last = ends.get(i) ?? i
    lines.push("  ".repeat(Math.min(depth, 100)) + text.slice(start, tokens[last].end))
    if (kind === "open" && last === i) depth++
    i = last
  }
  return lines.join("\n") + "\n"
}
