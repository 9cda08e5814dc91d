// A stream of events from the server that comes back by itself and goes on from where it was.

import { escape } from "./path.js"

const LINE_LIMIT = 1 << 20 // characters of a message; a longer one becomes a reset
const OPEN_WAIT = 15000 // ms until the first byte
const IDLE_WAIT = 40000 // ms without a byte, of a server that says something every 15 s
const BACK = 250 // ms until it comes back, doubled by each attempt that fails
const BACK_MAX = 5000

/** parser takes server-sent events apart, from bytes that were cut anywhere.
 * @param {(m: Message) => void} told @param {(ms: number) => void} [retry] @returns {(bytes: Uint8Array) => void} */
export function parser(told, retry) {
  const decoder = new TextDecoder()
  const none = { name: "message", id: "", data: "", cut: false }
  let m = { ...none }
  let rest = "" // of a line
  let cr = false // whether the last character was a CR, of which an LF may be part
  /** @param {string} part */
  function add(part) {
    if (rest.length + part.length > LINE_LIMIT) m.cut = true
    else rest += part
  }
  /** @param {string} line */
  function take(line) {
    const [, field, value] = /** @type {RegExpExecArray} */ (/^([^:]*):? ?(.*)$/s.exec(line))
    if (field === "event") m.name = value
    else if (field === "id") m.id = value
    else if (field === "retry" && /^\d{1,9}$/.test(value)) retry?.(Number(value))
    else if (field === "data" && m.data.length + value.length > LINE_LIMIT) m.cut = true
    else if (field === "data") m.data += "\n" + value
    else if (line === "") {
      if (m.data || m.cut) told({ ...m, data: m.data.slice(1) })
      m = { ...none }
    }
  }
  return (bytes) => {
    let text = decoder.decode(bytes, { stream: true })
    if (cr && text[0] === "\n") text = text.slice(1)
    else if (!text) return
    cr = text.endsWith("\r")
    const lines = text.split(/\r\n|\n|\r/)
    const last = lines.pop() || ""
    for (const line of lines) {
      add(line)
      take(rest)
      rest = ""
    }
    add(last)
  }
}

/** Stream is one stream to its user, of as many requests as it takes. Every event after since is told at least once, or a reset. A
 * request for another wish replaces the one before when it is open; what both tell is told twice. */
export class Stream {
  /** @param {(name: string, data: any) => void} told messages of the server @param {(link: "open" | "retry" | "denied") => void} link */
  constructor(told, link) {
    this.told = told
    this.link = link
    this.query = ""
    this.zxid = -1 // all up to here was told; -1: not open yet
    this.since = /** @type {number | undefined} */ (undefined) // where the next request begins, if before zxid
    this.now = /** @type {AbortController | null} */ (null) // the request that is open
    this.next = /** @type {AbortController | null} */ (null) // the one to replace it
    this.failures = 0
    this.timer = 0
  }

  /** follow changes the wish; what happened after since is told again.
   * @param {string[]} paths @param {boolean} recursive @param {number} since */
  follow(paths, recursive, since) {
    this.query = "?" + paths.map((p) => `path=${escape(p) || "/"}`).join("&") + (recursive ? "&recursive=true" : "")
    this.since = Math.min(since, this.since ?? Infinity, this.zxid < 0 ? Infinity : this.zxid)
    this.connect()
  }

  /** kick replaces a request that is in doubt. */
  kick() {
    if (!this.next && this.query) this.connect()
  }

  stop() {
    clearTimeout(this.timer)
    for (const c of [this.next, this.now]) c?.abort()
    this.next = this.now = null
    this.query = ""
    this.zxid = -1
    this.since = undefined
  }

  connect() {
    clearTimeout(this.timer)
    this.next?.abort()
    void this.run((this.next = new AbortController()), `/v1/watch${this.query}&since=${this.since ?? this.zxid}`)
  }

  /** @param {AbortController} c @param {string} url */
  async run(c, url) {
    let idle = setTimeout(() => c.abort(), OPEN_WAIT)
    let wait = 0
    let retry = 0
    let denied = false
    try {
      const r = await fetch(url, { signal: c.signal, cache: "no-store", redirect: "error" })
      denied = r.status === 401 || r.status === 403
      wait = Number(r.headers.get("Retry-After") || 0) * 1000
      if (!r.ok || !r.body) throw r.status
      const feed = parser((m) => this.take(c, m), (ms) => { retry = ms })
      const reader = r.body.getReader()
      for (let part; !(part = await reader.read()).done && !c.signal.aborted; ) {
        clearTimeout(idle)
        idle = setTimeout(() => c.abort(), IDLE_WAIT)
        feed(part.value)
      }
      wait = retry // it ended as the server meant it
    } catch {
      // Said by lost.
    }
    clearTimeout(idle)
    c.abort()
    this.lost(c, wait, denied)
  }

  /** @param {AbortController} c @param {Message} m */
  take(c, m) {
    if (c !== this.now && c !== this.next) return
    const data = m.cut ? { zxid: Number(m.id) || this.zxid, reason: "large", events: [] } : JSON.parse(m.data)
    const opens = m.name === "open"
    if (opens && c === this.next) {
      this.now?.abort()
      this.now = c
      this.next = null
      this.since = undefined
      this.failures = 0
    }
    this.zxid = data.zxid
    this.told(m.cut ? "reset" : m.name, data)
    if (opens) this.link("open")
  }

  /** lost is told of each request that ended. @param {AbortController} c @param {number} wait ms @param {boolean} denied */
  lost(c, wait, denied) {
    if (c === this.now) this.now = null
    else if (c === this.next) this.next = null
    else return
    this.link(denied ? "denied" : "retry")
    if (this.next) return
    clearTimeout(this.timer)
    const back = BACK * 2 ** this.failures++
    this.timer = setTimeout(() => this.connect(), Math.min(BACK_MAX, Math.max(wait, back)) * (0.75 + Math.random() / 2))
  }
}
