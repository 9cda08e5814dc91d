// XML: whether it is well-formed, and a printer that indents. The browser's own parser is not used: it makes documents of strings.

import { problemAt } from "./text.js"

const PROBLEMS = 50
const NAME = "[\\p{L}_:][\\p{L}\\p{N}_:.·-]*"
const ATTRIBUTE = `\\s+(${NAME})\\s*=\\s*(?:"[^"<]*"|'[^'<]*')`
const attributes = new RegExp(ATTRIBUTE, "gu")
const scan = new RegExp(`(?<other><!--[^]*?-->|<\\?[^]*?\\?>|<!DOCTYPE[^[>]*(?:\\[[^\\]]*\\]\\s*)?>)|(?<text>[^<]+)|(?<cdata><!\\[CDATA\\[[^]*?\\]\\]>)|` +
  `</(?<close>${NAME})\\s*>|<(?<open>${NAME})(?:${ATTRIBUTE.replace("(", "(?:")})*\\s*(?<empty>/?)>`, "uy")
const reference = new RegExp(`&(?!#\\d+;|#x[\\da-fA-F]+;|(?:amp|lt|gt|quot|apos);)(${NAME};)?`, "gu")

/** xmlTokens takes a text apart, up to its first error. Kinds: open close empty text cdata other. @param {string} text */
export function xmlTokens(text) {
  /** @type {XmlToken[]} */
  const tokens = []
  /** @type {Mistake[]} */
  const problems = []
  /** @type {XmlToken[]} */
  const open = []
  let roots = 0
  // Whether there is a document type, which may name references.
  let declared = false
  /** wrong says what is wrong with a token where it stands, or "". @param {XmlToken} t @param {string} raw */
  function wrong({ kind, name, start }, raw) {
    if (kind === "close") {
      const last = open.pop()
      return !last ? `</${name}> closes nothing.` : last.name !== name ? `</${name}> closes <${last.name}> of line ${problemAt(text, last.start, "").line}.` : ""
    }
    if (raw.startsWith("<!--") && raw.slice(4, -3).includes("--")) return "A comment does not hold --."
    declared ||= raw.startsWith("<!D")
    if (!open.length && (kind === "cdata" || (kind === "text" && raw.replace("\ufeff", "").trim()))) return "Text stands within an element."
    if (/^<\?xml\s/.test(raw) && start > 1) return "<?xml …?> stands at the very beginning."
    const element = kind === "open" || kind === "empty"
    const names = (element && raw.match(attributes)?.map((a) => a.split("=", 1)[0].trim())) || []
    if (new Set(names).size < names.length) return "An attribute is there twice."
    return element && !open.length && roots++ ? "There is one element around all others; this is a second." : ""
  }
  for (let i = 0; i < text.length; ) {
    scan.lastIndex = i
    const m = scan.exec(text)
    const g = m?.groups || {}
    const raw = m ? m[0] : ""
    const kind = g.open ? (g.empty ? "empty" : "open") : g.close ? "close" : g.text ? "text" : g.cdata ? "cdata" : "other"
    const token = { kind, start: i, end: (i += raw.length), name: g.open || g.close || "" }
    const mistake = m ? wrong(token, raw) : "This is no tag, comment or text, or does not end. The sign itself is written &lt;, and attributes name=\"value\"."
    if (mistake) return { tokens, problems: [...problems, problemAt(text, token.start, mistake)] }
    if (kind === "open") open.push(token)
    for (const r of (g.open || g.text) && raw.includes("&") ? raw.matchAll(reference) : []) {
      if (!(declared && r[1]) && problems.length < PROBLEMS) problems.push(problemAt(text, token.start + r.index, r[1] ? `${r[0]} is not known.` : "& is written &amp;."))
    }
    tokens.push(token)
  }
  const left = open.at(-1)
  if (left || !roots) problems.push(problemAt(text, left ? left.start : text.length, left ? `<${left.name}> is not closed.` : "There is no element."))
  return { tokens, problems }
}

/** xmlFormat indents a text without errors. Elements with text of their own stay as they are written. @param {string} text */
export function xmlFormat(text) {
  const { tokens } = xmlTokens(text)
  // By the index where an element that stays as it is begins, that where it ends.
  const ends = new Map()
  /** @type {{at: number, stays: boolean}[]} */
  const open = []
  tokens.forEach(({ kind, start, end }, i) => {
    const raw = text.slice(start, end)
    if (kind === "open") open.push({ at: i, stays: /\sxml:space\s*=/.test(raw) || tokens[i + 1].kind === "close" })
    const last = open.at(-1)
    if (last && (kind === "cdata" || (kind === "text" && raw.trim()))) last.stays = true
    if (kind === "close" && open.pop()?.stays) ends.set(last?.at, i)
  })
  let out = ""
  let depth = 0
  for (let i = 0; i < tokens.length; i++) {
    const { kind, start } = tokens[i]
    if (kind === "text") continue
    if (kind === "close") depth--
    const last = ends.get(i) ?? i
    out += "  ".repeat(Math.min(depth, 100)) + text.slice(start, tokens[last].end) + "\n"
    if (kind === "open" && last === i) depth++
    i = last
  }
  return out
}
