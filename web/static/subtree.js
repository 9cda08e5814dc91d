// A znode and all below it, as the lines of /v1/tree: read, checked, compared, made into ops.

import { bytesOf } from "./api.js"
import { isBelow, mistake, parent } from "./path.js"
import { Problem } from "./problems.js"
import { many, size } from "./time.js"

export const ZNODES_LIMIT = 100000 // of a tree that the page holds
export const BYTES_LIMIT = 64 << 20
const MISTAKES_LIMIT = 100 // told of one file

/** refusal is a no of the page itself. @param {string} text */
export const refusal = (text) => new Problem({ code: "not_here", detail: text })

/** amount is how much there is of a tree. @param {App} app @param {string} path @param {AbortSignal} [signal] */
export async function amount(app, path, signal) {
  const told = await app.api.get("/v1/tree", path, { query: { count: true }, signal, timeout: 60000 })
  return { znodes: /** @type {number} */ (told.descendants + 1), bytes: /** @type {number} */ (told.bytes) }
}

/** readTree reads a tree at one zxid, or refuses if it is too much. @param {App} app @param {string} path @param {TreeMost} [most] */
export async function readTree(app, path, { znodes = ZNODES_LIMIT, bytes = BYTES_LIMIT, signal } = {}) {
  const is = await amount(app, path, signal)
  if (is.znodes > znodes || is.bytes > bytes) {
    throw refusal(`${path} is ${many(is.znodes, "znode")} of ${size(is.bytes)}. The page takes ${many(znodes, "znode")} of ${size(bytes)}; a terminal takes any.`)
  }
  const answer = await app.api.ask("GET", app.api.url("/v1/tree", path, { include: "data" }), { signal, timeout: 300000 })
  const lines = /** @type {TreeLine[]} */ ((await answer.text()).split("\n").filter(Boolean).map((l) => JSON.parse(l)))
  return { lines, zxid: answer.zxid }
}

/** ndjson is what PUT /v1/tree takes. @param {TreeLine[]} lines */
export const ndjson = (lines) => new Blob(lines.map((l) => JSON.stringify(l) + "\n"), { type: "application/x-ndjson" })

/** bytesIn is how many bytes of data there are. @param {TreeLine[]} lines */
export const bytesIn = (lines) => lines.reduce((n, l) => n + bytesOf(l).length, 0)

/** topmost are the paths that are below no other of them. @param {string[]} paths */
export function topmost(paths) {
  const all = new Set(paths)
  return [...all].filter((p) => {
    while (p !== "/") if (all.has((p = parent(p)))) return false
    return true
  })
}

/** mover gives paths below one place their paths below another. @param {string} from @param {string} to @returns {PathToPath} */
export const mover = (from, to) => (path) => (to === "/" ? "" : to) + path.slice(from === "/" && path !== "/" ? 0 : from.length) || "/"

/** parseLines takes a file apart: lines of JSON, or a list of them, whose items count as lines. It throws what JSON.parse does.
 * @param {string} text */
export function parseLines(text) {
  const mistakes = /** @type {{line: number, text: string}[]} */ ([])
  const trees = /** @type {TreeLine[][]} */ ([])
  const above = /** @type {string[]} */ ([])
  for (const [i, one] of (/^\s*\[/.test(text) ? JSON.parse(text) : text.split("\n")).entries()) {
    if (typeof one === "string" && !one.trim()) continue
    const v = typeof one === "string" ? parsed(one) : one
    const no = mistakeIn(v, above)
    if (no && mistakes.push({ line: i + 1, text: no }) >= MISTAKES_LIMIT) break
    if (no) continue
    if (!above.length) trees.push([])
    above.push(v.path)
    trees[trees.length - 1].push({ path: v.path, mode: v.mode, ttl_ms: v.ttl_ms || 0, created: v.created || 0, data: v.data, encoding: v.encoding })
  }
  return { trees, mistakes }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** @param {any} v @param {string[]} above the znodes on the way to the line before; it is left with those above v */
function mistakeIn(v, above) {
  if (typeof v?.path !== "string") return "It is no JSON object with a path."
  const no = mistake(v.path)
  if (no) return no
  if (!["persistent", "ephemeral", "container", "persistent_with_ttl"].includes(v.mode)) return "Its mode is none."
  if (typeof v.data !== "string" || !["utf8", "base64"].includes(v.encoding)) return "It has no data. An export has it with include=data."
  while (above.length && !isBelow(v.path, above[above.length - 1])) above.pop()
  const top = above[above.length - 1]
  if (top === v.path) return `${v.path} is there twice.`
  return top && parent(v.path) !== top ? `The line of ${parent(v.path)} is missing before it.` : ""
}

/** compare foretells what a load does. @param {TreeLine[]} lines @param {PathToPath} move where each comes to
 * @param {Map<string, TreeLine>} there @param {boolean} replace */
export function compare(lines, move, there, replace) {
  let under = "" // what is skipped, with all below
  return lines.map((l) => {
    const path = move(l.path), now = there.get(path)
    const fate = (/** @type {Fate} */ kind, /** @type {string} */ why) => ({ path, kind, why })
    if (under && isBelow(path, under)) return fate("skipped", "below one that is skipped")
    if (l.mode === "ephemeral") return under = path, fate("skipped", "ephemeral: only its session makes it")
    if (!now) return fate("new", size(bytesIn([l])))
    if (path !== "/" && (l.mode !== now.mode || l.ttl_ms !== now.ttl_ms)) return fate("conflict", `${now.mode} ${now.ttl_ms || ""} there, ${l.mode} ${l.ttl_ms || ""} in the file`)
    if (l.encoding === now.encoding ? l.data === now.data : String(bytesOf(l)) === String(bytesOf(now))) return fate("same", "")
    return fate(replace ? "changed" : "conflict", `${size(bytesIn([now]))} there, ${size(bytesIn([l]))} in the file`)
  })
}

/** creates are the ops that make the znodes, parents first. @param {TreeLine[]} lines @param {PathToPath} move */
export const creates = (lines, move) => lines.map(({ path, mode, ttl_ms, data, encoding }) =>
  ({ op: "create", path: move(path), mode, ...(ttl_ms && { ttl_ms }), data, encoding }))

/** parted divides what can be made again from the ephemerals of sessions other than owner.
 * @param {TreeLine[]} lines @param {string} owner "" if there is none */
export function parted(lines, owner) {
  const ours = (/** @type {TreeLine} */ l) => l.mode !== "ephemeral" || (owner !== "" && l.stat?.ephemeral_owner === owner)
  return { kept: lines.filter(ours), lost: lines.filter((l) => !ours(l)) }
}

/** keepNumbers lets the sequential names in a copy go on from where they were; what is there stays as it is.
 * @param {App} app @param {TreeLine[]} lines @param {string} to where the first is now */
export async function keepNumbers(app, lines, to) {
  const some = lines.filter((l) => l.created > 0)
  if (some.length) await app.api.write("PUT", app.api.url("/v1/tree", to), { body: ndjson(some) })
}
