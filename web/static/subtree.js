// A znode and all below it, as the lines of /v1/tree: read, checked, compared, made into ops.

import { bytesOf } from "./api.js"
import { isBelow, mistake, parent } from "./path.js"
import { Problem } from "./problems.js"
import { many, size } from "./time.js"

// What the page holds of a tree.
export const BYTES_LIMIT = 64 << 20
export const ZNODES_LIMIT = 100000
// Mistakes that are told of one file.
const MISTAKES_LIMIT = 100
// Paths that are named in a sentence.
const SOME = 5
const NO_OBJECT = "It is no JSON object with a path."

/** refusal is a no of the page itself. @type {Subtree["refusal"]} */
export const refusal = (text) => new Problem({ code: "not_here", detail: text })

/** amount is how much there is. @type {Subtree["amount"]} */
export async function amount(app, path, signal) {
  const told = await app.api.get("/v1/tree", path, { query: { count: true }, signal, timeout: 60000 })
  return { znodes: told.descendants + 1, bytes: told.bytes }
}

/** readTree reads a tree at one zxid, or refuses if it is too much. @type {Subtree["readTree"]} */
export async function readTree(app, path, { znodes = ZNODES_LIMIT, bytes = BYTES_LIMIT, signal } = {}) {
  const is = await amount(app, path, signal)
  if (is.znodes > znodes || is.bytes > bytes) {
    throw refusal(`${path} is ${many(is.znodes, "znode")} of ${size(is.bytes)}. Here at most ${many(znodes, "znode")} of ${size(bytes)} are possible; the export of one znode takes any.`)
  }
  const answer = await app.api.ask("GET", app.api.url("/v1/tree", path, { include: "data" }), { signal, timeout: 300000 })
  return { lines: (await answer.text()).split("\n").filter(Boolean).map((l) => JSON.parse(l)), zxid: answer.zxid }
}

/** ndjson is what PUT /v1/tree takes. @type {Subtree["ndjson"]} */
export const ndjson = (lines) => new Blob(lines.map((l) => JSON.stringify(l) + "\n"), { type: "application/x-ndjson" })

/** bytesIn is how many bytes of data there are. @type {Subtree["bytesIn"]} */
export const bytesIn = (lines) => lines.reduce((n, l) => n + bytesOf(l).length, 0)

/** topmost are the paths that are below no other of them. @type {Subtree["topmost"]} */
export function topmost(paths) {
  const all = new Set(paths)
  return [...all].filter((p) => {
    while (p !== "/") if (all.has((p = parent(p)))) return false
    return true
  })
}

/** common is what all are at or below. @type {Subtree["common"]} */
export function common(paths) {
  let at = paths[0]
  while (!paths.every((p) => isBelow(p, at))) at = parent(at)
  return at
}

/** mover gives paths below one place their paths below another. @type {Subtree["mover"]} */
export const mover = (from, to) => (path) => (to === "/" ? "" : to) + path.slice(from === "/" && path !== "/" ? 0 : from.length) || "/"

/** parseLines takes a file apart: lines of JSON, or a list of such, whose items count as lines. It throws what JSON.parse does.
 * @type {Subtree["parseLines"]} */
export function parseLines(text) {
  const mistakes = [], trees = /** @type {TreeLine[][]} */ ([]), above = /** @type {string[]} */ ([])
  for (const [i, one] of (/^\s*\[/.test(text) ? JSON.parse(text) : text.split("\n")).entries()) {
    if (typeof one === "string" && !one.trim()) continue
    let v = one, no
    try {
      if (typeof one === "string") v = JSON.parse(one)
      no = mistakeIn(v, above)
    } catch (err) {
      no = err instanceof SyntaxError ? NO_OBJECT : "Its data is no base64."
    }
    if (no && mistakes.push({ line: i + 1, text: no }) >= MISTAKES_LIMIT) break
    if (no) continue
    if (!above.length) trees.push([])
    above.push(v.path)
    trees[trees.length - 1].push({ path: v.path, mode: v.mode, ttl_ms: v.ttl_ms || 0, created: v.created || 0, data: v.data, encoding: v.encoding })
  }
  return { trees, mistakes }
}

/** Of above, the znodes on the way to the line before, those above this one are left. It throws if the data is no base64. @type {Subtree["mistakeIn"]} */
function mistakeIn(v, above) {
  if (typeof v?.path !== "string") return NO_OBJECT
  if (mistake(v.path)) return mistake(v.path)
  if (!["persistent", "ephemeral", "container", "persistent_with_ttl"].includes(v.mode)) return "Its mode is none."
  if (typeof v.data !== "string" || !["utf8", "base64"].includes(v.encoding)) return "It has no data. An export has it with include=data."
  if (v.encoding === "base64") bytesOf(v)
  while (above.length && !isBelow(v.path, above[above.length - 1])) above.pop()
  const top = above[above.length - 1]
  if (top === v.path) return `${top} is there twice.`
  return top && parent(v.path) !== top ? `The line of ${parent(v.path)} is missing before it.` : ""
}

/** compare foretells what a load does to what is there. @type {Subtree["compare"]} */
export function compare(lines, move, there, replace) {
  const at = new Map(there.map((l) => [l.path, l]))
  // What is skipped, with all below.
  let under = ""
  return lines.map((l) => {
    const path = move(l.path), now = at.get(path)
    const fate = (/** @type {Fate} */ kind, why = "") => ({ path, kind, why })
    if (l.mode === "ephemeral") under = path
    if (under && isBelow(path, under)) return fate("skipped", "ephemeral, or below one: its session makes it")
    if (!now) return fate("new", size(bytesIn([l])))
    if (path !== "/" && (l.mode !== now.mode || l.ttl_ms !== now.ttl_ms)) return fate("conflict", "a znode of another kind or TTL is there")
    if (l.encoding === now.encoding ? l.data === now.data : String(bytesOf(l)) === String(bytesOf(now))) return fate("same")
    return fate(replace ? "changed" : "conflict", `${size(bytesIn([now]))} there, ${size(bytesIn([l]))} in the file`)
  })
}

/** creates are the ops that make the znodes, parents first. @type {Subtree["creates"]} */
export const creates = (lines, move) => lines.map(({ path, mode, ttl_ms, data, encoding }) =>
  ({ op: "create", path: move(path), mode, ...(ttl_ms && { ttl_ms }), data, encoding }))

/** transaction makes the lines again at another place, and deletes them here, children first, or checks that they are as they were
 * read. A child made meanwhile lets its parent's delete fail. @type {Subtree["transaction"]} */
export function transaction(lines, from, to, moves, parents) {
  const [first, ...rest] = creates(lines, mover(from, to))
  const was = lines.map(({ path, stat }) => ({ op: moves ? "delete" : "check", path, version: stat?.version, czxid: stat?.czxid }))
  return { ops: [{ ...first, ...(parents && { parents }) }, ...rest, ...was.reverse()] }
}

/** some names the first of them. @param {TreeLine[]} lines */
export const some = (lines) => lines.slice(0, SOME).map((l) => l.path).join(", ") + (lines[SOME] ? " …" : "")

/** parted divides what can be made again from the ephemerals of sessions other than owner. @type {Subtree["parted"]} */
export function parted(lines, owner) {
  const ours = (/** @type {TreeLine} */ l) => l.mode !== "ephemeral" || (owner !== "" && l.stat?.ephemeral_owner === owner)
  return { kept: lines.filter(ours), lost: lines.filter((l) => !ours(l)) }
}

/** keepNumbers lets the sequential names in a copy go on from where they were; what is there stays as it is.
 * @type {Subtree["keepNumbers"]} */
export async function keepNumbers(app, lines, to) {
  const dirs = lines.filter((l) => l.created > 0)
  if (dirs.length) await app.api.write("PUT", app.api.url("/v1/tree", to), { body: ndjson(dirs) })
}
