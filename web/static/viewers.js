// How data is looked at: what kind it is, shown pretty or as it is stored.

import { h, fill } from "./dom.js"
import { size } from "./time.js"
import { oddities, textView } from "./text.js"
import { jsonFormat, jsonProblems, jsonView } from "./json.js"
import { xmlFormat, xmlTokens } from "./xml.js"
import { yamlChecks, yamlPaint, yamlProblems } from "./yaml.js"
import { hexView } from "./hex.js"
import { isGzip } from "./gzip.js"

const LOOKED_AT = 64 << 10 // characters that tell YAML from prose

/** What each kind is called. */
export const kinds = { text: "Text", json: "JSON", yaml: "YAML", xml: "XML", binary: "Binary", gzip: "gzip", empty: "Empty" }

/** detect tells the kind of bytes; text is there unless they are none. @param {Uint8Array} bytes @returns {Detected} */
export function detect(bytes) {
  if (!bytes.length) return { kind: "empty", text: "" }
  if (isGzip(bytes)) return { kind: "gzip" }
  let text
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return { kind: "binary" }
  }
  if (text.includes("\0")) return { kind: "binary" }
  return { kind: kindOf(text), text }
}

/** kindOf tells the kind of a text by how it begins. @param {string} text @returns {TextKind} */
function kindOf(text) {
  const start = text.slice(0, LOOKED_AT).replace(/^\ufeff/, "").trimStart()
  if (/^\{\s*["}]/.test(start) || (/^\[\s*[[\]{"\d-tfn]/.test(start) && !jsonProblems(text).length)) return "json"
  if (/^<(\?xml|!--|!DOCTYPE|[\p{L}_])/u.test(start)) return "xml"
  const lines = start.split("\n", 200).filter((l) => l.trim() && !/^\s*#/.test(l))
  const like = lines.filter((l) => /^\s*(- |-$|---|(- )?["\w./-]+:(\s|$))/.test(l)).length
  return /^---\s/.test(start) || (lines.length > 1 && like / lines.length > 0.6 && /:(\s|$)/m.test(start)) ? "yaml" : "text"
}

/** check lists what is wrong with a text of a kind. @param {string} kind @param {string} text @returns {Mistake[]} */
export function check(kind, text) {
  if (!text.trim()) return []
  return kind === "json" ? jsonProblems(text) : kind === "xml" ? xmlTokens(text).problems : kind === "yaml" ? yamlProblems(text) : []
}

/** checked says what check looks at, or "" if at nothing. @param {string} kind */
export function checked(kind) {
  return { json: "the whole grammar, and repeated keys", xml: "whether it is well-formed", yaml: yamlChecks }[kind] || ""
}

/** canFormat says whether format does something for the kind. @param {string} kind */
export function canFormat(kind) {
  return kind === "json" || kind === "xml"
}

/** format is the text indented. One with errors stays as it is. @param {string} kind @param {string} text */
export function format(kind, text) {
  if (kind === "json" && !jsonProblems(text).some((p) => !p.message.includes("twice"))) return jsonFormat(text)
  if (kind === "xml" && !xmlTokens(text).problems.length) return xmlFormat(text)
  return text
}

/**
 * viewer shows bytes, with buttons to look at them otherwise; the choice is remembered by kind.
 * @param {App} app @param {Uint8Array} bytes @param {Detected} [found]
 */
export function viewer(app, bytes, found = detect(bytes)) {
  const { kind, text } = found
  if (kind === "empty") return h("p", { class: "quiet" }, "No data: 0 bytes.")
  const mistakes = text === undefined ? [] : check(kind, text)
  const broken = mistakes.some((m) => !m.message.includes("twice"))
  const ways = kind === "json" || kind === "xml" ? ["pretty", "raw", "hex"] : text === undefined ? ["hex"] : ["raw", "hex"]
  const words = /** @type {Record<string, string>} */ ({ pretty: "Pretty", raw: "As stored", hex: "Hex" })
  const body = h("div")
  const note = h("p", { class: "quiet" })
  const buttons = ways.map((w) => h("button", { type: "button", class: "small", onclick: () => { app.settings.set("view." + kind, w); show(w) } }, words[w]))
  /** @param {string} way */
  function show(way) {
    ways.forEach((w, i) => buttons[i].setAttribute("aria-pressed", String(w === way)))
    const pretty = way === "pretty" && !broken
    fill(note, way === "hex" ? "" : pretty ? "Formatted: this is not byte for byte what is stored." : "", " ", way === "hex" || text === undefined ? "" : oddities(text))
    note.hidden = !note.textContent?.trim()
    if (way === "hex" || text === undefined) fill(body, hexView(bytes))
    else if (pretty) fill(body, kind === "json" ? jsonView(text) : textView(xmlFormat(text)))
    else fill(body, textView(text, kind === "yaml" ? yamlPaint : undefined))
  }
  const chosen = app.settings.get("view." + kind, ways[0])
  show(ways.includes(chosen) ? chosen : ways[0])
  return h("div", { class: "viewer" },
    h("p", { class: "row" }, h("span", null, kinds[kind], ", ", size(bytes.length)), ways.length > 1 && h("span", { role: "group", "aria-label": "How to look at it", class: "row" }, buttons)),
    mistakes.length > 0 && mistakeList(mistakes), note, body)
}

/** mistakeList lists mistakes; go is called with the one that is chosen. @param {Mistake[]} mistakes @param {(m: Mistake) => void} [go] */
export function mistakeList(mistakes, go) {
  return h("ul", { class: "mistakes" }, mistakes.map((m) => {
    const where = `Line ${m.line}, column ${m.column}`
    return h("li", null, go ? h("button", { type: "button", class: "link", onclick: () => go(m) }, where) : where, ": ", h("bdi", null, m.message))
  }))
}
