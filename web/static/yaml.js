// YAML: a light colouring, and a checker. It is no parser: what it does not complain of may still be wrong.

import { h } from "./dom.js"

const PROBLEMS = 50
const keyed = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'[\]{}#&*!|>@%`][^#]*?):(?=\s|$)/

/** yamlProblems are what the checker finds. @param {string} text */
export function yamlProblems(text) {
  /** @type {Mistake[]} */
  const found = []
  /** @type {{indent: number, keys: Set<string> | null}[]} the open mappings, with their keys, and lists */
  const levels = []
  /** @type {{sign: string, line: number, column: number}[]} brackets and quotes */
  const open = []
  // The indentation that the lines of a block of text are deeper than, or -1.
  let block = -1
  // Whether the last key has its value.
  let full = false
  let n = 0
  const say = (/** @type {number} */ column, /** @type {string} */ message, line = n) => found.length < PROBLEMS && found.push({ line, column, message })

  /** level goes to the mapping or list of an indentation. @param {number} indent @param {Set<string> | null} keys */
  function level(indent, keys) {
    const depth = levels.length
    while (levels.length && levels[levels.length - 1].indent > indent) levels.pop(), (full = false)
    let last = levels.at(-1)
    if (last?.indent === indent && keys && !last.keys) {
      // A list may stand at the indentation of the key that it belongs to.
      levels.pop()
      last = levels.at(-1)
      if (last?.indent !== indent) say(indent + 1, "A key among the items of a list.")
    } else if (last?.indent !== indent && levels.length < depth) say(indent + 1, "The indentation is that of no line above.")
    else if (last?.keys && last.indent < indent && full) say(indent + 1, "Deeper than the key above, which has its value already.")
    if (last?.indent === indent && !last.keys === !keys) return last
    full = false
    return levels[levels.push({ indent, keys }) - 1]
  }

  /** values follows quotes and brackets, which may go over lines. @param {string} raw @param {number} from @param {number} indent */
  function values(raw, from, indent) {
    if (!open.length) from += /^\s*(?:[&!]\S*\s+)*/.exec(raw.slice(from))?.[0].length || 0
    if (!open.length && /^[|>][-+\d]*\s*(#.*)?$/.test(raw.slice(from))) block = indent
    // A quote is one only where a value begins.
    let fresh = true
    for (let i = from; i < raw.length; i++) {
      const c = raw[i]
      const last = open.at(-1)?.sign
      if (last === '"' || last === "'") {
        if (c === "\\" && last === '"') i++
        else if (c === last) c === "'" && raw[i + 1] === "'" ? i++ : open.pop()
      } else if (c === "#" && (i === 0 || /\s/.test(raw[i - 1]))) return
      else if (/\S/.test(c)) {
        if ((fresh && /["'[{]/.test(c)) || (last && /[[{]/.test(c))) open.push({ sign: c, line: n, column: i + 1 })
        else if (last && /[\]}]/.test(c) && open.pop()?.sign !== (c === "]" ? "[" : "{")) say(i + 1, `${c} closes a bracket of the other kind.`)
        fresh = open.length > 0 && /[[{,:]/.test(c)
      }
    }
  }

  for (const raw of text.split(/\r?\n/)) {
    n++
    const indent = raw.length - raw.trimStart().length
    if (open.length) values(raw, 0, 0)
    else if (indent === raw.length || raw[indent] === "#" || (block >= 0 && indent > block) || raw[0] === "%") continue
    else if (/^(---|\.\.\.)(\s|$)/.test(raw)) levels.length = 0, (full = false), (block = -1)
    else if (raw.slice(0, indent).includes("\t")) say(raw.indexOf("\t") + 1, "A tab in the indentation; YAML takes spaces only.")
    else {
      block = -1
      let at = indent
      for (let m; (m = /^[-?](\s+|$)/.exec(raw.slice(at))); at += m[0].length) level(at, null)
      const m = keyed.exec(raw.slice(at))
      if (m) {
        const { keys } = level(at, new Set())
        const key = m[1].trimEnd()
        if (key !== "<<" && keys?.has(key)) say(at + 1, `The key ${key} is there twice.`)
        keys?.add(key)
        full = /^\s*[^\s#&!]/.test(raw.slice(at + m[0].length))
      }
      values(raw, at + (m?.[0].length || 0), m ? at : indent)
    }
  }
  for (const o of open.slice(-1)) say(o.column, `${o.sign} is not closed.`, o.line)
  return found.sort((x, y) => x.line - y.line)
}

/** yamlPaint colours a line: comments, keys, and the rest. @param {string} line */
export function yamlPaint(line) {
  const m = /^(\s*(?:- +)*)((?:"[^"]*"|'[^']*'|[^\s#"'[{][^:#]*):(?=\s|$))?(.*?)((?:^|\s)#.*)?$/.exec(line)
  return m ? [m[1], m[2] && h("span", { class: "key" }, m[2]), m[3], m[4] && h("span", { class: "quiet" }, m[4])] : line
}
