// How data is looked at: what kind it is, shown pretty or as it is stored.

import { fill, h } from "./dom.js"
import { size } from "./time.js"
import { oddities, textOf, textView } from "./text.js"
import { jsonFormat, jsonProblems, jsonView } from "./json.js"
import { xmlFormat, xmlTokens } from "./xml.js"
import { yamlPaint, yamlProblems } from "./yaml.js"
import { hexView } from "./hex.js"
import { isGzip, unpack } from "./gzip.js"

// Characters that tell YAML from prose.
const LOOKED_AT = 64 << 10

/** What each kind is called. */
export const kinds = { text: "Text", json: "JSON", yaml: "YAML", xml: "XML", binary: "Binary", gzip: "gzip", empty: "Empty" }

/** What is known of a kind of text: how mistakes are found, what is looked for, and how it is indented. @type {Record<string, TextForm>} */
const forms = {
  json: { mistakes: jsonProblems, checks: "the whole grammar, and repeated keys", format: jsonFormat },
  xml: { mistakes: (text) => xmlTokens(text).problems, checks: "whether it is well-formed", format: xmlFormat },
  yaml: { mistakes: yamlProblems, checks: "indentation, quotes, brackets and repeated keys" },
}

/** check lists what is wrong with a text of a kind, says what was looked for, and gives what indents it if it can be.
 * @param {string} kind @param {string} text */
export function check(kind, text) {
  const { mistakes = () => [], checks = "", format } = forms[kind] || {}
  /** @type {Mistake[]} */
  let found = []
  try {
    if (text.trim()) found = mistakes(text)
  } catch {
    // Expressions have a stack, too.
    found.push({ line: 1, column: 1, message: "It is too large to be checked." })
  }
  return { found, checks, format: found.every((m) => m.mild) ? format : undefined }
}

/** detect tells the kind of bytes. @param {Bytes} bytes @returns {Detected} */
export function detect(bytes) {
  if (isGzip(bytes)) return { kind: "gzip" }
  const text = textOf(bytes)
  return { kind: text === undefined ? "binary" : text ? kindOf(text) : "empty", text }
}

/** @param {string} text @returns {TextKind} */
function kindOf(text) {
  const start = text.slice(0, LOOKED_AT).replace(/^\ufeff/, "").trimStart()
  if (/^\{\s*["}]/.test(start) || (start[0] === "[" && !jsonProblems(text).length)) return "json"
  if (/^<(\?xml|!--|!DOCTYPE|[\p{L}_])/u.test(start)) return "xml"
  const lines = start.split("\n", 200).filter((l) => /^\s*[^\s#]/.test(l))
  const like = lines.filter((l) => /^\s*(-(\s|$)|---|["\w./-]+:(\s|$))/.test(l)).length
  return /^---\s/.test(start) || (lines.length > 1 && like / lines.length > 0.6 && /:(\s|$)/m.test(start)) ? "yaml" : "text"
}

/** viewer shows bytes, with buttons to look at them otherwise; the choice is remembered by kind.
 * @param {App} app @param {Bytes} bytes @param {boolean} [inner] whether it was packed @returns {HTMLElement} */
export function viewer(app, bytes, inner) {
  const { kind, text } = detect(bytes)
  if (kind === "empty") return h("p", { class: "quiet" }, "No data: 0 bytes.")
  const { found, format } = check(kind, text || "")
  const ways = [kind === "gzip" && !inner ? "Unpacked" : "", format ? "Pretty" : "", text === undefined ? "" : "As stored", "Hex"].filter(Boolean)
  const body = h("div")
  const note = h("p", { class: "quiet" })
  const buttons = ways.map((w) => h("button", { type: "button", class: "small", onclick: () => { app.settings.set("view." + kind, w); show(w) } }, w))
  /** @param {string} way */
  function show(way) {
    ways.forEach((w, i) => buttons[i].setAttribute("aria-pressed", String(w === way)))
    const shown = way === "Hex" ? undefined : text
    note.textContent = (way === "Pretty" ? "Formatted: this is not byte for byte what is stored. " : "") + oddities(shown || "")
    // A place of its own, since it may come when another way is chosen.
    const later = h("div")
    if (way === "Unpacked") inside(app, bytes, later)
    fill(body, way === "Unpacked" ? later : shown === undefined ? hexView(bytes) : way === "As stored" ? textView(shown, kind === "yaml" ? yamlPaint : undefined) : kind === "json" ? jsonView(shown) : textView(format ? format(shown) : shown))
  }
  const chosen = app.settings.get("view." + kind)
  show(ways.includes(chosen) ? chosen : ways[0])
  return h("div", { class: "viewer" }, h("p", { class: "row" }, `${kinds[kind]}, ${size(bytes.length)}`, h("span", { role: "group", "aria-label": "How to look at it", class: "row" }, buttons)),
    mistakeList(found), note, body)
}

/** inside shows what gzip packed. @param {App} app @param {Bytes} bytes @param {HTMLElement} into */
async function inside(app, bytes, into) {
  const { bytes: all, whole } = await unpack(bytes)
  if (all.length) fill(into, h("p", { class: "quiet" }, whole ? "Unpacked: this is not what is stored." : `Unpacked: the first ${size(all.length)}; then it is too long, or damaged.`), viewer(app, all, true))
  else fill(into, h("p", { class: "notice" }, "It begins as gzip does, but does not unpack: it is damaged or cut off."), hexView(bytes))
}

/** mistakeList lists mistakes; go is called with the one that is chosen. @param {Mistake[]} mistakes @param {(m: Mistake) => void} [go] */
export function mistakeList(mistakes, go) {
  return mistakes.length > 0 && h("ul", { class: "mistakes" }, mistakes.map((m) => {
    const where = `Line ${m.line}, column ${m.column}`
    return h("li", null, go ? h("button", { type: "button", class: "small", onclick: () => go(m) }, where) : where, ": ", h("bdi", null, m.message))
  }))
}
