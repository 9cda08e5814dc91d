// Streams of events from the server, that come back by themselves and go on from where they were.

import { escape } from "./path.js"

const LINE_LIMIT = 1 << 20 // characters of a line; a longer message becomes a reset
const OPEN_WAIT = 15000 // ms until the first byte
const IDLE_WAIT = 40000 // ms without a byte, of a server that says something every 15 s
const BACK = 250 // ms until the first attempt to come back, doubled by each that fails
const BACK_MAX = 5000

/** Parser takes server-sent events apart, of bytes that were cut anywhere. */
export class Parser {
  /** @param {(m: {name: string, data: string, id: string, cut: boolean}) => void} told cut: the data was too long
   * @param {(ms: number) => void} [retry] */
  constructor(told, retry = () => {}) {
    this.told = told
    this.retry = retry
    this.decoder = new TextDecoder()
    this.rest = "" // of a line
    this.cr = false // whether the last character was a CR, of which an LF may be part
    this.name = this.id = this.data = ""
    this.cut = false
  }

  /** @param {Uint8Array} bytes */
  feed(bytes) {
    let text = this.decoder.decode(bytes, { stream: true })
    if (text === "") return
    if (this.cr && text[0] === "\n") text = text.slice(1)
    this.cr = text.endsWith("\r")
    const lines = text.split(/\r\n|\n|\r/)
    const last = /** @type {string} */ (lines.pop())
    for (const line of lines) {
      this.add(line)
      this.line(this.rest)
      this.rest = ""
    }
    this.add(last)
  }

  /** @param {string} part */
  add(part) {
    if (this.rest.length + part.length <= LINE_LIMIT) this.rest += part
    else this.cut = true
  }

  /** @param {string} line */
  line(line) {
    if (line === "") {
      if (this.data || this.cut) this.told({ name: this.name || "message", data: this.data.slice(1), id: this.id, cut: this.cut })
      this.name = this.id = this.data = ""
      this.cut = false
      return
    }
    const [, field, value] = /** @type {RegExpExecArray} */ (/^([^:]*):? ?(.*)$/s.exec(line))
    if (field === "event") this.name = value
    else if (field === "id") this.id = value
    else if (field === "retry" && /^\d{1,9}$/.test(value)) this.retry(Number(value))
    else if (field === "data" && this.data.length + value.length > LINE_LIMIT) this.cut = true
    else if (field === "data") this.data += "\n" + value
  }
}

/** Stream is one stream to its user, made of as many requests as it takes. Every event after since is told at least once, or a
 * reset. When another wish opens a new request, the old one goes on until the new one is open; what both tell is told twice. */
export class Stream {
  /** @param {(name: string, data: any) => void} told the messages of the server, by their names
   * @param {(link: "open" | "retry" | "denied") => void} link */
  constructor(told, link) {
    this.told = told
    this.link = link
    this.zxid = -1 // all up to here was told; -1: not known yet
    this.query = ""
    /** Where the next request begins, if before zxid. @type {number | undefined} */
    this.since = undefined
    /** @type {AbortController | null} The request that is open. */
    this.now = null
    /** @type {AbortController | null} The one that is to follow it. */
    this.next = null
    this.failures = 0
    this.retry = 0 // ms that the server asks for
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
  }

  /** follow changes the wish; what happened after since is told again.
   * @param {string[]} paths @param {boolean} recursive @param {number} since */
  follow(paths, recursive, since) {
    this.query = "?" + paths.map((p) => `path=${escape(p) || "/"}`).join("&") + (recursive ? "&recursive=true" : "")
    this.since = Math.min(since, this.since ?? Infinity, this.zxid < 0 ? Infinity : this.zxid)
    this.connect()
  }

  /** kick opens a new request, since the one that is open is in doubt. */
  kick() {
    if (!this.next && this.query) this.connect()
  }

  stop() {
    clearTimeout(this.timer)
    this.query = ""
    this.next?.abort()
    this.now?.abort()
    this.next = this.now = null
    this.zxid = -1
    this.since = undefined
  }

  connect() {
    clearTimeout(this.timer)
    this.next?.abort()
    const c = (this.next = new AbortController())
    void this.run(c, `/v1/watch${this.query}&since=${this.since ?? this.zxid}`)
  }

  /** @param {AbortController} c @param {string} url */
  async run(c, url) {
    let idle = setTimeout(() => c.abort(), OPEN_WAIT)
    let wait = 0
    let denied = false
    try {
      const r = await fetch(url, { signal: c.signal, cache: "no-store", redirect: "error", headers: { Accept: "text/event-stream" } })
      denied = r.status === 401 || r.status === 403
      wait = Number(r.headers.get("Retry-After") || 0) * 1000
      if (!r.ok || !r.body) throw new Error(`status ${r.status}`)
      const parser = new Parser((m) => this.take(c, m), (ms) => { this.retry = ms })
      const reader = r.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done || c.signal.aborted) break
        clearTimeout(idle)
        idle = setTimeout(() => c.abort(), IDLE_WAIT)
        parser.feed(value)
      }
      wait = this.retry // it ended as the server meant it
    } catch {
      // Said by lost.
    }
    clearTimeout(idle)
    c.abort()
    this.lost(c, wait, denied)
  }

  /** @param {AbortController} c @param {{name: string, data: string, id: string, cut: boolean}} m */
  take(c, m) {
    if (c.signal.aborted || (c !== this.now && c !== this.next)) return
    const data = m.cut ? { zxid: Number(m.id) || this.zxid, reason: "large", events: [] } : JSON.parse(m.data)
    const name = m.cut ? "reset" : m.name
    if (name === "open" && c === this.next) {
      this.now?.abort()
      this.now = c
      this.next = null
      this.since = undefined
      this.failures = 0
    }
    // A request that is not open yet tells of a reset first: it is where the open will be.
    if (c === this.now) this.zxid = data.zxid
    this.told(name, data)
    if (name === "open") this.link("open")
  }

  /** lost is told of each request that ended. @param {AbortController} c @param {number} wait ms at least @param {boolean} denied */
  lost(c, wait, denied) {
    if (c !== this.now && c !== this.next) return
    if (c === this.now) this.now = null
    else this.next = null
    this.link(denied ? "denied" : "retry")
    if (this.next) return
    const back = Math.min(BACK_MAX, BACK * 2 ** this.failures++)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.connect(), Math.max(Math.min(wait, BACK_MAX), back) * (0.75 + Math.random() / 2))
  }
}
