// JSON as it is written: numbers keep their digits, and a key that is there twice is shown twice.

import { h } from "./dom.js"
import { problemAt, shown } from "./text.js"
import { count } from "./time.js"

const LEVEL = 500 // members of an object or array shown at once
const FIRST = 200 // rows unfolded from the start
const LONG = 4000 // characters of a string that are shown
const PREVIEW = 80 // characters of what is folded
const PROBLEMS = 50

const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y

/** stringEnd is where the string at i ends, or ~ of where it goes wrong. @param {string} text @param {number} i */
function stringEnd(text, i) {
  for (let at = i + 1; ; at++) {
    const c = text.charCodeAt(at)
    if (c === 34) return at + 1
    if (c === 92) {
      const m = /^(?:["\\/bfnrt]|u[\da-fA-F]{4})/.exec(text.slice(at + 1, at + 6))
      if (!m) return ~at
      at += m[0].length
    } else if (!(c >= 32)) return ~at
  }
}

/** token is the one at or after i: its kind, start and end. Kinds: { } [ ] , : " v(alue), "" at the end, ! for none, e for a string that is
 * wrong where it ends. @param {string} text @param {number} i @returns {[string, number, number]} */
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
  return scalar.test(text) ? ["v", i, scalar.lastIndex] : ["!", i, i + 1]
}

/** What is waited for, in words. */
const wants = /** @type {Record<string, string>} */ ({
  value: "a value", first: "a value or ]", key: 'a key in "…"', firstKey: 'a key in "…" or }', colon: "a :", after: "a , or the end of what is open", end: "nothing more" })

/** jsonProblems are the first error of a JSON text, and the keys that are there twice. @param {string} text */
export function jsonProblems(text) {
  /** @type {Mistake[]} */
  const found = []
  /** @type {(Set<string> | null)[]} the keys of each open object, null for an array */
  const open = []
  let want = "value"
  for (let i = 0; ; ) {
    const [kind, start, end] = token(text, i)
    i = end
    const keys = open.at(-1)
    if (kind === "" && want === "end") return found
    if (kind === "e") {
      const ends = end >= text.length
      return [...found, problemAt(text, ends ? start : end, ends ? "The string does not end." : text[end] === "\\" ? "There is no such escape." : "A string holds no line ends or control characters; write them as \\n or \\u….")]
    }
    if ((want === "value" || want === "first") && /["v{[]/.test(kind)) {
      if (kind === "{") open.push(new Set())
      if (kind === "[") open.push(null)
      want = kind === "{" ? "firstKey" : kind === "[" ? "first" : open.length ? "after" : "end"
    } else if ((want === "key" || want === "firstKey") && kind === '"' && keys) {
      const key = text.slice(start, end)
      if (keys.has(key) && found.length < PROBLEMS) found.push(problemAt(text, start, `The key ${shown(key.slice(0, PREVIEW))} is there twice; most programs take the last.`))
      keys.add(key)
      want = "colon"
    } else if (want === "colon" && kind === ":") want = "value"
    else if (want === "after" && kind === ",") want = keys ? "key" : "value"
    else if (kind === (keys ? "}" : "]") && (want === "after" || want === (keys ? "firstKey" : "first"))) {
      open.pop()
      want = open.length ? "after" : "end"
    } else return [...found, problemAt(text, start, `Expected ${wants[want]}, but ${kind ? "there is " + shown(text.slice(start, end).slice(0, 20)) : "the text ends"}.`)]
  }
}

/** jsonFormat indents a JSON text without errors by two spaces; every value stays as it is written. @param {string} text */
export function jsonFormat(text) {
  const out = []
  let depth = 0
  const line = () => "\n" + "  ".repeat(Math.min(depth, 100))
  for (let [kind, start, end] = token(text, 0); kind; [kind, start, end] = token(text, end)) {
    if (kind === "{" || kind === "[") {
      const [next, , close] = token(text, end)
      if (next === "}" || next === "]") {
        out.push(kind, next)
        end = close
      } else {
        depth++
        out.push(kind, line())
      }
    } else if (kind === "}" || kind === "]") {
      depth--
      out.push(line(), kind)
    } else out.push(kind === ":" ? ": " : text.slice(start, end), kind === "," ? line() : "")
  }
  return out.join("")
}

/** valueEnd is where the value at i ends. @param {string} text @param {number} i */
function valueEnd(text, i) {
  for (let depth = 0; ; ) {
    const [kind, , end] = token(text, i)
    if (kind === "{" || kind === "[") depth++
    if (kind === "}" || kind === "]") depth--
    i = end
    if (depth <= 0) return i
  }
}

/** jsonMembers are up to max members of an object or array in a text without errors. from is behind the bracket at first, then what the last
 * call gave as next: -1 when there are no more. @param {string} text @param {boolean} object @param {number} from @param {number} max */
export function jsonMembers(text, object, from, max) {
  /** @type {{key: string, start: number, end: number}[]} */
  const members = []
  for (let i = from; ; ) {
    let [kind, start, end] = token(text, i)
    if (kind === ",") [kind, start, end] = token(text, end)
    if (kind === "}" || kind === "]") return { members, next: -1 }
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
  /** @param {number} start @param {number} end @param {string} label */
  function item(start, end, label) {
    left--
    const raw = (/** @type {number} */ most) => shown(text.slice(start, Math.min(end, start + most))) + (end - start > most ? `… (${count(end - start)} characters)` : "")
    const key = label && h("bdi", { class: "key" }, label)
    const object = text[start] === "{"
    if (!object && text[start] !== "[") return h("li", null, key, h("bdi", { class: text[start] === '"' ? "str" : "num" }, raw(LONG)))
    const list = h("ul", { hidden: true })
    const folded = h("bdi", { class: "quiet" })
    const button = h("button", { type: "button", class: "fold", "aria-expanded": "false", onclick: toggle }, key || (object ? "object" : "array"))
    function toggle() {
      list.hidden = !list.hidden
      button.setAttribute("aria-expanded", String(!list.hidden))
      folded.textContent = list.hidden ? raw(PREVIEW) : object ? "{ }" : "[ ]"
      if (!list.hidden && !list.firstChild) grow(list, object, start + 1, 0)
    }
    if (left > 0) toggle()
    else folded.textContent = raw(PREVIEW)
    return h("li", null, button, " ", folded, list)
  }
  /** @param {HTMLElement} list @param {boolean} object @param {number} from @param {number} n the index of the first */
  function grow(list, object, from, n) {
    const { members, next } = jsonMembers(text, object, from, LEVEL)
    list.append(...members.map((m, i) => item(m.start, m.end, `${object ? shown(m.key.slice(0, LONG)) : n + i}: `)))
    const more = next >= 0 && h("li", null, h("button", { type: "button", onclick: () => { more && more.remove(); grow(list, object, next, n + LEVEL) } }, `More than ${count(n + LEVEL)}`))
    if (more) list.append(more)
  }
  const [, start] = token(text, 0)
  return h("ul", { class: "code json", translate: "no" }, item(start, text.length, ""))
}
