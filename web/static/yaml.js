// YAML: a light colouring, and a checker of indentation, quotes, brackets and repeated keys. It is no parser: what it does not
// complain of may still be wrong.

import { h } from "./dom.js"

const PROBLEMS = 50
export const yamlChecks = "indentation, quotes, brackets and repeated keys"

const keyed = /^((?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#&*!|>%@`"'[\]{},-][^#:]*?|[^\s#:]+?)\s*):(?=\s|$)/

/** @typedef {{indent: number, keys: Set<string> | null}} Level keys are of a mapping */

class Checker {
  constructor() {
    /** @type {Mistake[]} */
    this.found = []
    /** @type {Level[]} */
    this.levels = []
    this.quote = "" // that is open
    /** @type {{sign: string, line: number, column: number}[]} */
    this.brackets = []
    this.opened = { line: 0, column: 0 } // of the quote
    this.block = -1 // the indentation that the lines of a block of text are deeper than
    this.full = false // whether the last key has a value on its line
  }

  /** @param {number} line @param {number} column @param {string} message */
  say(line, column, message) {
    if (this.found.length < PROBLEMS) this.found.push({ line, column, message })
  }

  /** line checks the one of this number. @param {string} raw @param {number} n */
  line(raw, n) {
    if (this.quote || this.brackets.length) return this.inline(raw, 0, n)
    const text = raw.trimStart()
    const indent = raw.length - text.length
    if (!text || text[0] === "#") return
    if (this.block >= 0 && indent > this.block) return
    this.block = -1
    if (indent === 0 && /^(---|\.\.\.)(\s|$)/.test(raw)) {
      this.levels = []
      this.full = false
      return
    }
    if (indent === 0 && raw[0] === "%") return
    if (raw.slice(0, indent).includes("\t")) return this.say(n, raw.indexOf("\t") + 1, "A tab in the indentation; YAML takes spaces only.")
    this.entry(raw, indent, n)
  }

  /** entry is a line with a key, an item of a list, or more of a text. @param {string} raw @param {number} indent @param {number} n */
  entry(raw, indent, n) {
    let at = indent
    for (let m; (m = /^(-\s+|-$|\?\s+)/.exec(raw.slice(at))); at += m[0].length) this.level(at, false, n)
    const rest = raw.slice(at)
    const m = keyed.exec(rest)
    if (!m) {
      if (at === indent && this.levels.length && !this.full && !this.levels.some((l) => l.indent < indent) && this.levels.at(-1)?.keys) this.say(n, indent + 1, "A key is followed by a colon and a space.")
      return this.inline(raw, at, n, indent)
    }
    if (this.level(at, true, n)) {
      const keys = this.levels.at(-1)?.keys
      if (m[1] !== "<<" && keys?.has(m[1])) this.say(n, at + 1, `The key ${m[1]} is there twice.`)
      keys?.add(m[1])
    }
    const value = rest.slice(m[0].length).replace(/(^|\s)#.*$/, "").trim()
    this.full = value !== "" && !/^[&!]\S*$/.test(value)
    this.inline(raw, at + m[0].length, n, at)
  }

  /** level goes to the level of an indentation, and says whether there may be one. @param {number} indent @param {boolean} mapping @param {number} n */
  level(indent, mapping, n) {
    while (this.levels.length && /** @type {Level} */ (this.levels.at(-1)).indent > indent) {
      this.levels.pop()
      this.full = false
      if (this.levels.length && /** @type {Level} */ (this.levels.at(-1)).indent < indent) {
        this.say(n, indent + 1, "The indentation is that of no line above.")
        this.levels.push({ indent, keys: mapping ? new Set() : null })
        return false
      }
    }
    const last = this.levels.at(-1)
    if (last?.indent === indent) {
      if (mapping === Boolean(last.keys)) {
        if (!mapping) this.after(indent)
        return true
      }
      // A list may stand at the indentation of the key that it belongs to.
      if (mapping) {
        const under = this.levels.at(-2)
        this.levels.pop()
        if (under?.indent === indent) return true
        this.say(n, indent + 1, "A key among the items of a list.")
      }
      this.levels.push({ indent, keys: mapping ? new Set() : null })
      return true
    }
    if (last?.keys && this.full) {
      this.say(n, indent + 1, "Deeper than the key above, which has its value already.")
      return false
    }
    this.levels.push({ indent, keys: mapping ? new Set() : null })
    this.full = false
    return true
  }

  /** after begins the next item of a list: what was in the last is over. @param {number} indent */
  after(indent) {
    while (/** @type {Level} */ (this.levels.at(-1)).indent > indent) this.levels.pop()
    this.full = false
  }

  /** inline follows quotes and brackets, which may go over lines. @param {string} raw @param {number} from @param {number} n @param {number} [indent] */
  inline(raw, from, n, indent = 0) {
    let fresh = !this.quote // a quote is one only where a value begins
    for (let i = from; i < raw.length; i++) {
      const c = raw[i]
      if (this.quote) {
        if (c === "\\" && this.quote === '"') i++
        else if (c === this.quote && c === "'" && raw[i + 1] === "'") i++
        else if (c === this.quote) this.quote = ""
        continue
      }
      if (c === "#" && (i === 0 || /\s/.test(raw[i - 1]))) return
      if (/\s/.test(c)) continue
      if ((c === '"' || c === "'") && fresh) {
        this.quote = c
        this.opened = { line: n, column: i + 1 }
      } else if ("[{".includes(c) && (fresh || this.brackets.length)) this.brackets.push({ sign: c, line: n, column: i + 1 })
      else if ("]}".includes(c) && this.brackets.length) {
        if (this.brackets.pop()?.sign !== (c === "]" ? "[" : "{")) this.say(n, i + 1, `${c} closes a bracket of the other kind.`)
      } else if ("|>".includes(c) && fresh && !this.brackets.length && /^[|>][-+\d]*\s*(#.*)?$/.test(raw.slice(i))) {
        this.block = indent
        return
      } else if (/[&!]/.test(c) && fresh) {
        i += /^\S*/.exec(raw.slice(i))?.[0].length || 0
        continue
      }
      fresh = this.brackets.length > 0 && /[[{,:]/.test(c)
    }
  }

  /** end is told that there are no more lines. */
  end() {
    const b = this.brackets.at(-1)
    if (this.quote) this.say(this.opened.line, this.opened.column, "The quote is not closed.")
    if (b) this.say(b.line, b.column, `${b.sign} is not closed.`)
    return this.found.sort((x, y) => x.line - y.line)
  }
}

/** yamlProblems are what the checker found. @param {string} text */
export function yamlProblems(text) {
  const c = new Checker()
  text.split(/\r?\n/).forEach((l, i) => c.line(l, i + 1))
  return c.end()
}

/** yamlPaint colours a line: comments, keys, and the rest. @param {string} line */
export function yamlPaint(line) {
  const m = /^(\s*(?:- +)*)((?:"[^"]*"|'[^']*'|[^\s#"'[{][^:#]*?):(?=\s|$))?(.*?)(\s#.*|^#.*)?$/.exec(line)
  if (!m) return line
  if (/^\s*#/.test(line)) return h("span", { class: "quiet" }, line)
  return [m[1], m[2] && h("span", { class: "key" }, m[2]), m[3], m[4] && h("span", { class: "quiet" }, m[4])]
}
