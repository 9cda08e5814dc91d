// JSON as it is written: numbers keep their digits, and a key that is there twice is shown twice.

import { h } from "./dom.js"
import { problemAt, shown } from "./text.js"
import { count } from "./time.js"

// Members of an object or array shown at once.
const LEVEL = 500
// Rows unfolded from the start, and characters read for that: what is nested deep is read once a level.
const FIRST = 200
const AHEAD = 4 << 20
// Characters of a string that are shown.
const LONG = 4000
// Characters of what is folded.
const PREVIEW = 80
const PROBLEMS = 50

const scan = /[ \n\r\t]*(?:([{}[\],:])|"[^"\\\0-\x1f]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\\0-\x1f]*)*(")|(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])|([^ \n\r\t]))/y

/** token is the next one: its kind, start and end. Kinds: { } [ ] , : " v(alue), "" at the end, ! for none.
 * @param {string} text @param {number} i @returns {[string, number, number]} */
function token(text, i) {
  scan.lastIndex = i
  const m = scan.exec(text)
  if (!m) return ["", text.length, text.length]
  return [m[1] || m[2] || (m[3] ? "!" : "v"), i + m[0].search(/[^ \n\r\t]/), i + m[0].length]
}

/** What is waited for, in words. */
const wants = /** @type {Record<string, string>} */ ({
  value: "a value", first: "a value or ]", key: 'a key in "…"', firstKey: 'a key in "…" or }', colon: "a colon", after: "a comma, or the end of what is open", end: "nothing more" })

/** jsonProblems are the first error of a JSON text, and the keys that are there twice. @param {string} text */
export function jsonProblems(text) {
  /** @type {Mistake[]} */
  const found = []
  /** @type {(Set<string> | null)[]} the keys of each open object, null for an array */
  const open = []
  for (let i = 0, want = "value"; ; ) {
    const [kind, start, end] = token(text, i)
    const raw = text.slice(start, end)
    const keys = open.at(-1)
    i = end
    if (kind === "" && want === "end") return found
    if (/value|first$/.test(want) && /["v{[]/.test(kind)) {
      if (kind === "{" || kind === "[") open.push(kind === "{" ? new Set() : null)
      want = kind === "{" ? "firstKey" : kind === "[" ? "first" : open.length ? "after" : "end"
    } else if (/key/i.test(want) && kind === '"') {
      if (keys?.has(raw) && found.length < PROBLEMS) found.push({ ...problemAt(text, start, `The key ${shown(raw.slice(0, PREVIEW))} is there twice; most programs take the last.`), mild: true })
      keys?.add(raw)
      want = "colon"
    } else if (want === "colon" && kind === ":") want = "value"
    else if (want === "after" && kind === ",") want = keys ? "key" : "value"
    else if (kind === (keys ? "}" : "]") && /after|first/.test(want)) {
      open.pop()
      want = open.length ? "after" : "end"
    } else return [...found, problemAt(text, start, raw === '"' ? "The string does not end on its line, or holds an escape that there is not." :
      `Expected ${wants[want]}, but ${kind ? `there is ${shown(raw.slice(0, 20))}` : "the text ends"}.`)]
  }
}

/** jsonFormat indents a JSON text without errors by two spaces; every value stays as it is written. @param {string} text */
export function jsonFormat(text) {
  let out = ""
  let depth = 0
  let last = ""
  const line = () => "\n" + "  ".repeat(Math.min(depth, 100))
  for (let [kind, start, end] = token(text, 0); kind; [kind, start, end] = token(text, end)) {
    const closes = kind === "}" || kind === "]"
    if (closes) depth--
    if (last === "," || (/[{[]/.test(last) ? !closes : closes)) out += line()
    out += text.slice(start, end) + (kind === ":" ? " " : "")
    if (kind === "{" || kind === "[") depth++
    last = kind
  }
  return out
}

/** jsonMembers are up to max members of an object or array in a text without errors. from is behind the bracket at first, then what the last
 * call gave as next: -1 when there are no more. @param {string} text @param {boolean} object @param {number} from @param {number} max */
export function jsonMembers(text, object, from, max) {
  const members = []
  for (let i = from; ; ) {
    let [kind, start, end] = token(text, i)
    if (kind === ",") [kind, start, end] = token(text, end)
    if (kind === "}" || kind === "]") return { members, next: -1 }
    if (members.length >= max) return { members, next: start }
    const key = object ? text.slice(start, end) : ""
    if (object) [kind, start, end] = token(text, token(text, end)[2])
    for (let depth = 0; /[{[]/.test(kind) && ++depth, /[}\]]/.test(kind) && --depth, depth > 0; ) [kind, , end] = token(text, end)
    members.push({ key, start, end })
    i = end
  }
}

/** jsonView shows a text without errors as a tree that folds; what is folded is not made. @param {string} text */
export function jsonView(text) {
  let left = FIRST
  let ahead = AHEAD
  /** @param {number} start @param {number} end @param {string} label */
  function item(start, end, label) {
    const raw = (/** @type {number} */ most) => shown(text.slice(start, Math.min(end, start + most))) + (end - start > most ? `… (${count(end - start)} characters)` : "")
    const key = label && h("bdi", { class: "key" }, label)
    const object = text[start] === "{"
    if (!object && text[start] !== "[") return h("li", null, key, h("bdi", { class: text[start] === '"' ? "str" : "num" }, raw(LONG)))
    const list = h("ul", { hidden: true })
    const folded = h("bdi", { class: "quiet" }, raw(PREVIEW))
    const button = h("button", { type: "button", class: "fold", "aria-expanded": "false", onclick: toggle }, key || (object ? "object" : "array"))
    function toggle() {
      list.hidden = !list.hidden
      button.setAttribute("aria-expanded", String(!list.hidden))
      folded.textContent = list.hidden ? raw(PREVIEW) : ""
      if (!list.firstChild) grow(list, object, start + 1, 0)
    }
    if (left > 0 && (ahead -= end - start) > 0) toggle()
    return h("li", null, button, !key && " ", folded, list)
  }
  /** @param {HTMLElement} list @param {boolean} object @param {number} from @param {number} n the index of the first */
  function grow(list, object, from, n) {
    const { members, next } = jsonMembers(text, object, from, LEVEL)
    left -= members.length
    list.append(...members.map((m, i) => item(m.start, m.end, `${object ? shown(m.key.slice(0, LONG)) : n + i}: `)))
    const more = h("button", { type: "button", onclick: () => { more.remove(); grow(list, object, next, n + LEVEL) } }, `More than ${count(n + LEVEL)}`)
    if (next > 0) list.append(h("li", null, more))
  }
  return h("ul", { class: "code json", translate: "no" }, item(token(text, 0)[1], text.length, ""))
}
