// A znode and all below it, as the lines of /v1/tree: read, checked, compared, made into ops.

import { bytesOf } from "./api.js"
import { base, isBelow, mistake, parent } from "./path.js"
import { Problem } from "./problems.js"
import { count, many, size } from "./time.js"

export const ZNODES_LIMIT = 100000 // of a tree that the page holds
export const BYTES_LIMIT = 64 << 20
const MISTAKES_LIMIT = 100 // told of one file

/** refusal is a no of the page itself. @param {string} text */
export function refusal(text) {
  return new Problem({ code: "form", detail: text })
}

/** amount is how much there is of a tree. @param {App} app @param {string} path @param {AbortSignal} [signal]
 * @returns {Promise<{znodes: number, bytes: number}>} */
export async function amount(app, path, signal) {
  const told = await app.api.get("/v1/tree", path, { query: { count: true }, signal, timeout: 60000 })
  return { znodes: told.descendants + 1, bytes: told.bytes }
}

/** readTree reads a tree at one zxid, or refuses if it is too much.
 * @param {App} app @param {string} path @param {{znodes?: number, bytes?: number, signal?: AbortSignal}} [most]
 * @returns {Promise<{lines: TreeLine[], zxid: number}>} */
export async function readTree(app, path, { znodes = ZNODES_LIMIT, bytes = BYTES_LIMIT, signal } = {}) {
  const is = await amount(app, path, signal)
  if (is.znodes > znodes || is.bytes > bytes) {
    throw refusal(`${path} is ${many(is.znodes, "znode")} of ${size(is.bytes)}; at most ${count(znodes)} of ${size(bytes)} are possible here.`)
  }
  const answer = await app.api.ask("GET", app.api.url("/v1/tree", path, { include: "data" }), { signal, timeout: 300000 })
  const lines = (await answer.text()).split("\n").filter(Boolean).map((l) => JSON.parse(l))
  return { lines, zxid: answer.zxid }
}

/** ndjson is what PUT /v1/tree takes. @param {TreeLine[]} lines */
export function ndjson(lines) {
  return new Blob(lines.map((l) => JSON.stringify({ ...l, stat: undefined }) + "\n"), { type: "application/x-ndjson" })
}

/** bytesIn is how many bytes of data a line has. @param {{data: string, encoding: string}} l */
export function bytesIn(l) {
  return l.encoding === "base64" ? Math.floor((l.data.replace(/=+$/, "").length * 3) / 4) : new TextEncoder().encode(l.data).length
}

/** topmost are the paths that are below no other of them. @param {string[]} paths */
export function topmost(paths) {
  const all = new Set(paths)
  return [...all].filter((p) => {
    for (let up = p; up !== "/"; ) if (all.has((up = parent(up)))) return false
    return true
  })
}

/** mover gives paths below one place their paths below another. @param {string} from @param {string} to */
export function mover(from, to) {
  const cut = from === "/" ? 0 : from.length, head = to === "/" ? "" : to
  return (/** @type {string} */ path) => head + (path === "/" ? "" : path.slice(cut)) || "/"
}

/** parseLines takes a file apart: lines of JSON, or a list of them. What is wrong is told with the number of the line, or of the
 * item of the list. @param {string} text */
export function parseLines(text) {
  /** @type {{line: number, text: string}[]} */
  const mistakes = []
  /** @type {TreeLine[][]} a tree each */
  const trees = []
  /** @type {string[]} */
  const above = []
  /** @param {number} line @param {string} text */
  const wrong = (line, text) => { if (mistakes.length < MISTAKES_LIMIT) mistakes.push({ line, text }) }
  /** @param {any} v @param {number} n */
  const take = (v, n) => {
    const no = mistakeIn(v)
    if (no) return wrong(n, no)
    while (above.length && !isBelow(v.path, above[above.length - 1])) above.pop()
    const top = above[above.length - 1]
    if (top === v.path) return wrong(n, `${v.path} is there twice`)
    if (top && parent(v.path) !== top) return wrong(n, `the line of ${parent(v.path)} is missing before it`)
    above.push(v.path)
    if (!top) trees.push([])
    const { path, mode, ttl_ms = 0, created = 0, data, encoding } = v
    trees[trees.length - 1].push({ path, mode, ttl_ms, created, data, encoding })
  }
  try {
    if (/^\s*\[/.test(text)) JSON.parse(text).forEach((/** @type {any} */ v, /** @type {number} */ i) => take(v, i + 1))
    else {
      for (let n = 1, at = 0; at < text.length; n++) {
        const end = text.indexOf("\n", at) < 0 ? text.length : text.indexOf("\n", at)
        const line = text.slice(at, end)
        at = end + 1
        try {
          if (line.trim()) take(JSON.parse(line), n)
        } catch {
          wrong(n, "it is no JSON")
        }
      }
    }
  } catch (err) {
    wrong(1, `it is no list: ${err instanceof Error ? err.message : ""}`)
  }
  return { trees, mistakes }
}

/** @param {any} v */
function mistakeIn(v) {
  if (typeof v?.path !== "string") return "it has no path"
  if (mistake(v.path)) return mistake(v.path)
  if (!["persistent", "ephemeral", "container", "persistent_with_ttl"].includes(v.mode)) return `mode is no mode: ${JSON.stringify(v.mode)}`
  for (const k of ["ttl_ms", "created"]) if (!Number.isSafeInteger(v[k] ?? 0) || v[k] < 0) return `${k} is no number`
  if (typeof v.data !== "string") return "it has no data (is it an export without include=data?)"
  return v.encoding === "utf8" || v.encoding === "base64" ? "" : "encoding is neither utf8 nor base64"
}

/**
 * compare foretells what a load does: of each line "new", "changed", "same", "conflict" (another one is there, and stays) or "skipped".
 * @param {TreeLine[]} lines @param {(path: string) => string} move where each comes to
 * @param {Map<string, TreeLine>} there @param {boolean} replace
 */
export function compare(lines, move, there, replace) {
  let under = "" // what is skipped, with all below
  return lines.map((l) => {
    const path = move(l.path), now = there.get(path)
    const [kind, why] = under && isBelow(path, under) ? ["skipped", "below one that is skipped"] : fate(l, path, now, replace)
    if (kind === "skipped" && !(under && isBelow(path, under))) under = path
    return { path, kind: /** @type {Fate} */ (kind), why, was: now }
  })
}

/** @param {TreeLine} l @param {string} path @param {TreeLine | undefined} now @param {boolean} replace */
function fate(l, path, now, replace) {
  if (l.mode === "ephemeral") return ["skipped", "ephemeral: it belongs to a session"]
  if (!now) return ["new", size(bytesIn(l))]
  if (path !== "/" && (l.mode !== now.mode || l.ttl_ms !== now.ttl_ms)) return ["conflict", `${kindOf(now)} there, ${kindOf(l)} in the file`]
  if (sameData(l, now)) return ["same", ""]
  return [replace ? "changed" : "conflict", `${size(bytesIn(now))} there, ${size(bytesIn(l))} in the file`]
}

/** @param {TreeLine} l */
function kindOf(l) {
  return l.mode.replaceAll("_", " ") + (l.ttl_ms ? ` of ${l.ttl_ms} ms` : "")
}

/** @param {TreeLine} a @param {TreeLine} b */
function sameData(a, b) {
  if (a.encoding === b.encoding) return a.data === b.data
  const x = bytesOf(a), y = bytesOf(b)
  return x.length === y.length && x.every((c, i) => c === y[i])
}

/** creates are the ops that make the znodes, parents first. @param {TreeLine[]} lines @param {(path: string) => string} move */
export function creates(lines, move) {
  return lines.map(({ path, mode, ttl_ms, data, encoding }) => ({ op: "create", path: move(path), mode, ...(ttl_ms && { ttl_ms }), data, encoding }))
}

/** parted divides what can be made again from the ephemerals of sessions other than owner.
 * @param {TreeLine[]} lines @param {string} owner "" if there is none */
export function parted(lines, owner) {
  const ours = (/** @type {TreeLine} */ l) => l.mode !== "ephemeral" || (owner !== "" && l.stat?.ephemeral_owner === owner)
  return { kept: lines.filter(ours), lost: lines.filter((l) => !ours(l)) }
}

/** numbered are the lines, with those above, of the znodes that had more children created than they have: their sequential names
 * would begin anew. @param {TreeLine[]} lines */
export function numbered(lines) {
  const children = new Map(), need = new Set()
  for (const l of lines.slice(1)) children.set(parent(l.path), (children.get(parent(l.path)) || 0) + 1)
  for (const l of lines) {
    if (l.mode === "ephemeral" || l.created <= (children.get(l.path) || 0)) continue
    for (let p = l.path; !need.has(p); p = parent(p)) {
      need.add(p)
      if (p === lines[0].path) break
    }
  }
  return lines.filter((l) => need.has(l.path))
}

/** keepNumbers lets the sequential names in a copy go on from where they were. It changes nothing else.
 * @param {App} app @param {TreeLine[]} lines @param {string} to where the first is now */
export async function keepNumbers(app, lines, to) {
  const some = numbered(lines)
  if (some.length) await app.api.write("PUT", app.api.url("/v1/tree", to), { body: ndjson(some) })
}

/** fileName is one for an export. @param {string} path */
export function fileName(path) {
  return `holt-${path === "/" ? "root" : base(path).replace(/[^\w.-]+/g, "_").slice(0, 60)}.ndjson`
}
