// How data is looked at: what kind it is, shown pretty or as it is stored.

import { h, fill } from "./dom.js"
import { size } from "./time.js"
import { oddities, textOf, textView } from "./text.js"
import { jsonFormat, jsonProblems, jsonView } from "./json.js"
import { xmlFormat, xmlTokens } from "./xml.js"
import { yamlChecks, yamlPaint, yamlProblems } from "./yaml.js"
import { hexView } from "./hex.js"
import { isGzip, unpack } from "./gzip.js"

const LOOKED_AT = 64 << 10 // characters that tell YAML from prose

/** What each kind is called. */
export const kinds = { text: "Text", json: "JSON", yaml: "YAML", xml: "XML", binary: "Binary", gzip: "gzip", empty: "Empty" }

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

/** canFormat says whether format does something for a kind. @param {string} kind */
export function canFormat(kind) {
  return kind === "json" || kind === "xml"
}

/** broken says whether a mistake is more than a repeated key. @param {Mistake[]} mistakes */
function broken(mistakes) {
  return mistakes.some((m) => !m.message.includes("twice"))
}

/** format is the text indented. One with errors stays as it is. @param {string} kind @param {string} text */
export function format(kind, text) {
  return !canFormat(kind) || broken(check(kind, text)) ? text : kind === "json" ? jsonFormat(text) : xmlFormat(text)
}

/** viewer shows bytes, with buttons to look at them otherwise; the choice is remembered by kind.
 * @param {App} app @param {Bytes} bytes @returns {HTMLElement} */
export function viewer(app, bytes) {
  const { kind, text } = detect(bytes)
  if (kind === "empty") return h("p", { class: "quiet" }, "No data: 0 bytes.")
  const mistakes = check(kind, text || "")
  const pretty = kind === "gzip" ? "Unpacked" : canFormat(kind) && !broken(mistakes) ? "Pretty" : ""
  const ways = [pretty, text === undefined ? "" : "As stored", "Hex"].filter(Boolean)
  const body = h("div")
  const note = h("p", { class: "quiet" })
  const buttons = ways.map((w) => h("button", { type: "button", class: "small", onclick: () => { app.settings.set("view." + kind, w); show(w) } }, w))
  /** @param {string} way */
  function show(way) {
    ways.forEach((w, i) => buttons[i].setAttribute("aria-pressed", String(w === way)))
    note.textContent = way === "Hex" || text === undefined ? "" : (way === "Pretty" ? "Formatted: this is not byte for byte what is stored. " : "") + oddities(text)
    if (way === "Unpacked") inside(app, bytes, body)
    else if (way === "Hex" || text === undefined) fill(body, hexView(bytes))
    else fill(body, way === "As stored" ? textView(text, kind === "yaml" ? yamlPaint : undefined) : kind === "json" ? jsonView(text) : textView(xmlFormat(text)))
  }
  const chosen = app.settings.get("view." + kind)
  show(ways.includes(chosen) ? chosen : ways[0])
  return h("div", { class: "viewer" },
    h("p", { class: "row" }, `${kinds[kind]}, ${size(bytes.length)}`, ways.length > 1 && h("span", { role: "group", "aria-label": "How to look at it", class: "row" }, buttons)),
    mistakes.length > 0 && mistakeList(mistakes), note, body)
}

/** inside shows what gzip packed. @param {App} app @param {Bytes} bytes @param {HTMLElement} into */
async function inside(app, bytes, into) {
  try {
    const { bytes: all, whole } = await unpack(bytes)
    fill(into, h("p", { class: "quiet" }, whole ? "Unpacked: this is not what is stored." : `Unpacked: the first ${size(all.length)}.`), viewer(app, all))
  } catch (err) {
    fill(into, h("p", { class: "notice" }, /** @type {Error} */ (err).message), hexView(bytes))
  }
}

/** mistakeList lists mistakes; go is called with the one that is chosen. @param {Mistake[]} mistakes @param {(m: Mistake) => void} [go] */
export function mistakeList(mistakes, go) {
  return h("ul", { class: "mistakes" }, mistakes.map((m) => {
    const where = `Line ${m.line}, column ${m.column}`
    return h("li", null, go ? h("button", { type: "button", class: "link", onclick: () => go(m) }, where) : where, ": ", h("bdi", null, m.message))
  }))
}
