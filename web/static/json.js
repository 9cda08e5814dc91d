// JSON as it is written: numbers keep their digits, and a key that is there twice is shown twice.

import { h } from "./dom.js"
import { problemAt, shown } from "./text.js"
import { count } from "./time.js"

const LEVEL = 500 // members of an object or array shown at once
const FIRST = 200 // rows unfolded from the start
const LONG = 2000 // characters of a string shown at once
const PREVIEW = 80 // characters of what is folded
const PROBLEMS = 50

const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y

/** stringEnd is where the string that begins at i ends, or ~ of where it goes wrong. @param {string} text @param {number} i */
function stringEnd(text, i) {
  for (let at = i + 1; ; at++) {
    const c = text.charCodeAt(at)
    if (c === 34) return at + 1
    if (c === 92) {
      const e = text[++at]
      if (e === "u" && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) at += 4
      else if (!e || !'"\\/bfnrt'.includes(e)) return ~(at - 1)
    } else if (!(c >= 32)) return ~at
  }
}

/** token is the one at or after i: its kind, start and end. Kinds: { } [ ] , : " v(alue), "" at the end, ! for none, e for a broken
 * string, whose end is where. @param {string} text @param {number} i @returns {[string, number, number]} */
function token(text, i) {
  for (let c; (c = text.charCodeAt(i)) === 32 || c === 10 || c === 13 || c === 9; ) i++
  const c = text[i]
  if (c === undefined) return ["", i, i]
  if ("{}[],:".includes(c)) return [c, i, i + 1]
  if (c === '"') {
    const end = stringEnd(text, i)
    return end < 0 ? ["e", i, ~end] : [c, i, end]
  }
  scalar.lastIndex = i
  return scalar.test(text) ? ["v", i, scalar.lastIndex] : ["!", i, i]
}

/** What may come, in words. */
const wants = /** @type {Record<string, string>} */ ({
  value: "a value", first: "a value or ]", key: 'a key in "…"', firstKey: 'a key in "…" or }', colon: "a :", after: "a , or the end of what is open", end: "nothing more" })

/** jsonProblems are the first error of a JSON text, and the keys that are there twice. @param {string} text @returns {Mistake[]} */
export function jsonProblems(text) {
  /** @type {Mistake[]} */
  const found = []
  const open = /** @type {(Set<string> | null)[]} */ ([]) // the keys of each open object, null for an array
  let want = "value"
  for (let i = 0; ; ) {
    const [kind, start, end] = token(text, i)
    const isValue = '"v{['.includes(kind) && kind !== ""
    const keys = open.at(-1)
    if (kind === "" && want === "end") return found
    if (kind === "e") {
      const message = end >= text.length ? "The string does not end." : text[end] === "\\" ? "There is no such escape." : "A string holds no line ends or control characters; write them as \\n or \\u00…."
      return [...found, problemAt(text, end >= text.length ? start : end, message)]
    }
    if ((want === "value" || want === "first") && isValue) {
      if (kind === "{" || kind === "[") {
        open.push(kind === "{" ? new Set() : null)
        want = kind === "{" ? "firstKey" : "first"
      } else want = open.length ? "after" : "end"
    } else if ((want === "key" || want === "firstKey") && kind === '"' && keys) {
      const key = text.slice(start, end)
      if (keys.has(key) && found.length < PROBLEMS) found.push(problemAt(text, start, `The key ${shown(key.slice(0, PREVIEW))} is there twice; most programs take the last.`))
      keys.add(key)
      want = "colon"
    } else if (want === "colon" && kind === ":") want = "value"
    else if (want === "after" && kind === ",") want = keys ? "key" : "value"
    else if ((kind === "}" && keys && (want === "after" || want === "firstKey")) || (kind === "]" && keys === null && (want === "after" || want === "first"))) {
      open.pop()
      want = open.length ? "after" : "end"
    } else {
      const here = kind === "" ? "the text ends" : `there is ${shown(text.slice(start, Math.max(end, start + 1)).slice(0, 20))}`
      return [...found, problemAt(text, start, `Expected ${wants[want]}, but ${here}.`)]
    }
    i = end
  }
}

/** jsonFormat indents a JSON text without errors by two spaces; every value stays as it is written. @param {string} text */
export function jsonFormat(text) {
  const out = []
  let depth = 0
  const line = () => "\n" + "  ".repeat(Math.min(depth, 100))
  for (let i = 0, [kind, start, end] = token(text, 0); kind; i = end, [kind, start, end] = token(text, i)) {
    if (kind === "{" || kind === "[") {
      const after = token(text, end)
      if (after[0] === "}" || after[0] === "]") {
        out.push(kind, after[0])
        end = after[2]
      } else {
        depth++
        out.push(kind, line())
      }
    } else if (kind === "}" || kind === "]") {
      depth--
      out.push(line(), kind)
    } else if (kind === ",") out.push(",", line())
    else if (kind === ":") out.push(": ")
    else out.push(text.slice(start, end))
  }
  return out.join("")
}

/** valueEnd is where the value at i ends. @param {string} text @param {number} i */
function valueEnd(text, i) {
  let depth = 0
  for (;;) {
    const [kind, , end] = token(text, i)
    if (kind === "{" || kind === "[") depth++
    else if (kind === "}" || kind === "]") depth--
    i = end
    if (depth <= 0) return i
  }
}

/**
 * jsonMembers are up to max members of the object or array of a text without errors, from an offset in it: after the bracket at first,
 * then what the last call gave as next, which is -1 when there are no more.
 * @param {string} text @param {boolean} object @param {number} from @param {number} max
 */
export function jsonMembers(text, object, from, max) {
  /** @type {{key: string, start: number, end: number}[]} */
  const members = []
  for (let i = from; ; ) {
    let [kind, start, end] = token(text, i)
    if (kind === ",") [kind, start, end] = token(text, end)
    if (kind === "}" || kind === "]" || kind === "") return { members, next: -1 }
    if (members.length >= max) return { members, next: start }
    const key = object ? text.slice(start, end) : ""
    if (object) start = token(text, token(text, end)[2])[1]
    i = valueEnd(text, start)
    members.push({ key, start, end: i })
  }
}

/** jsonView shows a text without errors as a tree that folds; what is folded is not made. @param {string} text */
export function jsonView(text) {
  let left = FIRST
  /** @param {number} start @param {number} end @param {any} label */
  function item(start, end, label) {
    left--
    if (text[start] !== "{" && text[start] !== "[") return h("li", null, label, leaf(text.slice(start, end)))
    const object = text[start] === "{"
    const list = h("ul")
    const rest = h("span", { class: "quiet" }, shown(text.slice(start, Math.min(end, start + PREVIEW)).replace(/\s+/g, " ")) + (end - start > PREVIEW ? "…" : ""))
    const button = h("button", { type: "button", class: "fold", "aria-expanded": "false", onclick: () => toggle() }, label || (object ? "object" : "array"))
    let made = false
    function toggle() {
      const opens = button.getAttribute("aria-expanded") === "false"
      button.setAttribute("aria-expanded", String(opens))
      rest.textContent = opens ? (object ? "{ }" : "[ ]") : shown(text.slice(start, Math.min(end, start + PREVIEW)).replace(/\s+/g, " ")) + (end - start > PREVIEW ? "…" : "")
      list.hidden = !opens
      if (opens && !made) grow(list, object, start + 1, 0)
      made = true
    }
    list.hidden = true
    if (left > 0) toggle()
    return h("li", null, button, " ", rest, list)
  }
  /** @param {HTMLElement} list @param {boolean} object @param {number} from @param {number} n the index of the first */
  function grow(list, object, from, n) {
    const { members, next } = jsonMembers(text, object, from, LEVEL)
    list.append(...members.map((m, i) => item(m.start, m.end, object ? h("bdi", { class: "key" }, shown(m.key), ": ") : h("span", { class: "key" }, n + i, ": "))))
    if (next < 0) return
    const more = h("li", null, h("button", { type: "button", onclick: () => { more.remove(); left = 0; grow(list, object, next, n + LEVEL) } }, `More than ${count(n + LEVEL)}`))
    list.append(more)
  }
  const [, start] = token(text, 0)
  return h("ul", { class: "code json", translate: "no" }, item(start, text.length, null))
}

/** leaf is a value that holds no others, as it is written. @param {string} raw */
function leaf(raw) {
  const kind = raw[0] === '"' ? "str" : /[tfn]/.test(raw[0]) ? "lit" : "num"
  const value = h("bdi", { class: kind }, shown(raw.slice(0, LONG)))
  if (raw.length <= LONG) return value
  const more = h("button", { type: "button", onclick: () => { value.append(shown(raw.slice(LONG))); more.remove() } }, `… ${count(raw.length - LONG)} more characters`)
  return [value, more]
}
