// Requests to the server the page came from. Reads never go back behind what was seen; writes happen once, or their
// outcome is called unknown.

import { escape } from "./path.js"
import { Problem } from "./problems.js"

const TIMEOUT = 15000 // ms that an answer may take
const WRITE_TIME = 20000 // ms in which a write is sent again until its outcome is known
const PAUSE = 400 // ms between two attempts
const BLIND = ["cancelled", "auth_failed", "no_auth", "wrong_host", "cross_origin", "disk_full", "internal", "not_holt"] // which say nothing of an attempt before

export class Api {
  /** @param {string} [origin] "" is that of the page */
  constructor(origin = "") {
    this.origin = origin
    this.zxid = 0 // the highest that any answer told
    /** Is told of each problem, and null of each success. @type {(problem: Problem | null) => void} */
    this.heard = () => {}
    this.readOnly = () => false
  }

  /** saw notes that a state was seen: later reads are at least as new. @param {number} zxid */
  saw(zxid) {
    if (zxid > this.zxid) this.zxid = zxid
  }

  /** url is that of a resource and a znode: url("/v1/znodes", "/app", {format: "json"}).
   * @param {string} resource @param {string} [path] @param {Ask["query"]} [query] */
  url(resource, path, query) {
    const q = new URLSearchParams()
    for (const [k, v] of Object.entries(query || {})) if (v !== undefined && v !== "" && v !== false) q.set(k, String(v))
    const tail = q.size ? "?" + q.toString().replaceAll("%2F", "/").replaceAll("%2C", ",") : ""
    return this.origin + resource + (path === undefined ? "" : escape(path)) + tail
  }

  /** ask sends a request and gives the answer if it is a success; else a Problem is thrown.
   * @param {string} method @param {string} url @param {Ask} [ask] @returns {Promise<Answer>} */
  async ask(method, url, ask = {}) {
    const headers = new Headers(ask.headers)
    if (this.zxid > 0 && url.includes("/v1/") && !headers.has("Holt-Zxid")) headers.set("Holt-Zxid", String(this.zxid))
    let body = ask.body
    if (ask.json !== undefined) {
      headers.set("Content-Type", "application/json")
      body = JSON.stringify(ask.json)
    }
    const late = AbortSignal.timeout(ask.timeout || TIMEOUT)
    const signal = ask.signal ? AbortSignal.any([ask.signal, late]) : late
    /** @type {Response} */
    let r
    try {
      r = await fetch(url, { method, headers, body, signal, cache: "no-store", redirect: "error" })
    } catch (err) {
      if (ask.signal?.aborted) throw new Problem({ code: "cancelled" })
      throw this.failed(new Problem({ code: "unreachable" }))
    }
    if (url.includes("/v1/") && !r.headers.has("Holt-Zxid")) throw this.failed(foreign(r, method))
    this.saw(Number(r.headers.get("Holt-Zxid") || 0))
    if (r.status >= 400) throw this.failed(await problemOf(r, method))
    this.heard(null)
    return {
      // A proxy that packs answers makes tags weak, which a write cannot be bound to.
      status: r.status, headers: r.headers, zxid: Number(r.headers.get("Holt-Zxid") || 0), etag: (r.headers.get("ETag") || "").replace("W/", ""),
      json: () => whole(r.json()), text: () => whole(r.text()), bytes: async () => new Uint8Array(await whole(r.arrayBuffer())),
    }
  }

  /** @param {Problem} p */
  failed(p) {
    this.heard(p)
    return p
  }

  /** get reads JSON. @param {string} resource @param {string} [path] @param {Ask} [ask] */
  async get(resource, path, ask = {}) {
    return (await this.ask("GET", this.url(resource, path, ask.query), ask)).json()
  }

  /** write sends a change under a key of its own, again and again while its outcome is not known, for WRITE_TIME: the
   * server does it once. It is known when the answer is here whole.
   * @param {string} method @param {string} url @param {Ask} [ask] */
  async write(method, url, ask = {}) {
    if (this.readOnly()) throw new Problem({ code: "read_only", detail: "This page is read-only: it changes nothing." })
    const key = freshKey()
    const until = Date.now() + WRITE_TIME
    let unknown = false // whether an attempt may have been carried out
    for (;;) {
      try {
        const answer = await this.ask(method, url, { ...ask, headers: { ...ask.headers, "Idempotency-Key": key } })
        const text = await answer.text()
        return { ...answer, text: async () => text, json: async () => JSON.parse(text) }
      } catch (err) {
        if (!(err instanceof Problem)) throw err
        const again = ["outcome_unknown", "no_leader", "behind", "throttled", "shutting_down", "unreachable"].includes(err.code)
        unknown ||= ["outcome_unknown", "unreachable", "cancelled"].includes(err.code)
        if (again && Date.now() + PAUSE < until && !ask.signal?.aborted) {
          await new Promise((wake) => setTimeout(wake, PAUSE * (0.5 + Math.random())))
          continue
        }
        if (unknown && (again || BLIND.includes(err.code))) throw new Problem({ code: "outcome_unknown", status: 504 })
        throw err
      }
    }
  }
}

/** whole is a body, or a Problem if the connection broke. @template T @param {Promise<T>} body @returns {Promise<T>} */
async function whole(body) {
  try {
    return await body
  } catch {
    throw new Problem({ code: "unreachable", detail: "Its answer broke off." })
  }
}

/** foreign is an answer of something else than holt, as a proxy between: nothing is known from it, but that it refused.
 * @param {Response} r @param {string} method */
function foreign({ status }, method) {
  const code = method === "GET" || method === "HEAD" ? "unreachable" : status >= 400 && status < 500 ? "not_holt" : "outcome_unknown"
  return new Problem({ code, detail: `Something else answered, with status ${status}.` })
}

/** problemOf reads a refusal. @param {Response} r @param {string} method */
async function problemOf(r, method) {
  const { status } = r
  const code = status === 404 ? "no_node" : status < 500 ? "internal" : method === "GET" ? "unreachable" : "outcome_unknown"
  return new Problem({ code, status, ...(await r.json().catch(() => null)) }) // to HEAD there is no body
}

/** freshKey is a key for a write: 128 bits of chance. */
export function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("")
}

/** bytesOf is the data of a Znode as bytes. @param {{data?: string, encoding?: string}} z */
export function bytesOf(z) {
  if (z.encoding === "base64") return Uint8Array.from(atob(z.data || ""), (c) => c.charCodeAt(0))
  return new TextEncoder().encode(z.data || "")
}

/** dataOf is the reverse: {data, encoding} as JSON bodies take it. @param {Uint8Array} bytes */
export function dataOf(bytes) {
  try {
    const data = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    return { data, encoding: /** @type {"utf8"} */ ("utf8") }
  } catch {
    let s = ""
    for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode(...bytes.subarray(i, i + 8192))
    return { data: btoa(s), encoding: /** @type {"base64"} */ ("base64") }
  }
}
