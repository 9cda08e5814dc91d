// What happens on the server to what the page shows, while it happens; and whether the page knows.

import { isBelow, parent } from "./path.js"

const DEBOUNCE = 150 // ms in which wishes are gathered,
const APART = 600 // and at least between two that are sent
const TICK = 1000 // ms
const POLL = 5 // ticks between two questions to the cluster, while the page is seen
const PING = 20 // ticks between two words to the hub
const DEAF = 50 // ticks without a word of the hub; then it is left
const OFFLINE = 10000 // ms without an answer
const LIMIT = 10000 // events that wait while paused; more become a reset
const RECENT = 10000 // events told that are remembered, so that what the hub repeats for others is not told twice

/** Live follows what the parts of the page wish. Every event after a wish's since is told, in order but for what a new wish
 * makes known late, or there is a reset: read again. One event is told once, unless it lies RECENT events back. */
export class Live {
  /** @param {import("./api.js").Api} api @param {MessagePort} [port] of a hub, in tests */
  constructor(api, port) {
    this.api = api
    this.paused = false
    this.waiting = 0
    /** @type {LiveState} */
    this.state = { name: "connecting", zxid: 0, leader: "?", partial: false, heard: Date.now() }
    /** @type {Map<string, Wish>} */
    this.wishes = new Map()
    /** @type {Set<(m: LiveMessage) => void>} */
    this.listeners = new Set()
    /** @type {Set<string>} */
    this.paths = new Set()
    /** @type {string[]} */
    this.recursive = []
    this.since = Infinity // of the wishes that the hub was not told yet
    /** @type {Set<string>} */
    this.told = new Set()
    /** @type {Exclude<LiveMessage, {kind: "state"}>[]} */
    this.queue = []
    this.link = "connecting"
    this.opened = false
    this.doubt = false // whether an answer failed to come since the last that did
    this.denied = false
    this.resetting = false
    this.ticks = 0
    this.word = 0 // the tick of the hub's last
    this.sent = 0 // when the hub was last told the wishes
    this.shown = "" // what listeners know of the state
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
    api.heard = (p) => this.heard(p)
    this.port = this.join(port || shared(() => this.alone()))
    if (!port) this.watchPage()
    this.ticking = setInterval(() => this.tick(), TICK)
    this.want("", null)
  }

  /** want is what a part of the page wishes to be followed: the most needed paths first; null for nothing.
   * @param {string} owner @param {Wish | null} wish */
  want(owner, wish) {
    if (wish) {
      this.wishes.set(owner, wish)
      this.since = Math.min(this.since, wish.since ?? this.api.zxid)
    } else this.wishes.delete(owner)
    const all = [...this.wishes.values()]
    this.recursive = all.flatMap((w) => (w.recursive ? w.paths : []))
    this.paths = new Set(all.flatMap((w) => w.paths).filter((p) => this.recursive.includes(p) || !this.covered(p)))
    this.timer ||= setTimeout(() => this.send(), Math.max(DEBOUNCE, this.sent + APART - Date.now()))
  }

  send() {
    clearTimeout(this.timer)
    this.timer = undefined
    this.sent = Date.now()
    const since = Math.min(this.since, this.opened ? this.state.zxid : this.api.zxid)
    this.port?.postMessage({ wish: { paths: [...this.paths], recursive: this.recursive.length > 0, since } })
    if (this.port) this.since = Infinity
  }

  /** @param {(m: LiveMessage) => void} fn @returns {() => void} */
  listen(fn) {
    this.listeners.add(fn)
    return () => this.listeners.delete(fn)
  }

  /** pause lets events wait until resume. */
  pause() {
    this.paused = true
    this.show()
  }

  resume() {
    this.paused = false
    this.waiting = 0
    for (const m of this.queue.splice(0)) this.tell(m)
    this.show()
  }

  /** reloaded says that all that is shown was read again after a reset. */
  reloaded() {
    this.resetting = false
    this.show()
  }

  close() {
    clearInterval(this.ticking)
    clearTimeout(this.timer)
    this.port?.postMessage({ bye: true })
    this.port?.close()
  }

  /** @param {MessagePort | null} port */
  join(port) {
    if (port) port.onmessage = ({ data }) => this.take(data)
    return port
  }

  /** alone takes a hub of its own, where there is none to share or it is silent. */
  async alone() {
    const { Hub } = await import("./worker.js")
    this.port?.close()
    const { port1, port2 } = new MessageChannel()
    new Hub().add(port1)
    this.port = this.join(port2)
    this.word = this.ticks
    this.send()
  }

  watchPage() {
    const bye = () => {
      this.port?.postMessage({ bye: true })
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.send(), TICK) // a page that stays, or is shown again, comes back
    }
    addEventListener("beforeunload", bye) // later the hub may be frozen with the last page
    addEventListener("pagehide", bye)
    document.addEventListener("visibilitychange", () => document.hidden || this.poll())
  }

  /** @param {any} m of the hub */
  take(m) {
    this.word = this.ticks
    if (m.lost) return this.send()
    if (m.link) {
      if (m.link !== this.link) this.doubt = false
      this.link = m.link
      this.opened ||= m.link === "open"
      if (this.state.leader === "?" && m.leader) this.state.leader = m.leader // else what is known here is newer
      return this.show({ partial: m.partial })
    }
    const { name, data } = m
    this.answered()
    if (name === "reset") this.reset(data)
    else if (name === "message") this.events(data)
    this.api.saw(data.zxid)
    const zxid = name === "reset" ? data.zxid : Math.max(data.zxid, this.state.zxid)
    this.show(data.leader === undefined ? { zxid } : { zxid, leader: data.leader })
  }

  /** @param {{zxid: number, reason: string}} data */
  reset({ zxid, reason }) {
    if (reason === "restored") this.api.zxid = zxid // what was seen is no more
    this.told.clear()
    this.resetting = true
    this.queue = []
    this.waiting = this.paused ? 1 : 0
    this.deliver({ kind: "reset", zxid, reason })
  }

  /** @param {{zxid: number, events: ZnodeEvent[]}} data */
  events({ zxid, events }) {
    this.api.saw(zxid)
    const fresh = events.filter((e) => {
      const key = `${zxid} ${e.type} ${e.path}`
      if (!this.fits(e) || this.told.has(key)) return false
      this.told.add(key)
      return true
    })
    for (const key of this.told) {
      if (this.told.size <= RECENT) break
      this.told.delete(key)
    }
    if (!fresh.length) return
    if (this.paused && this.waiting + fresh.length > LIMIT) return this.reset({ zxid, reason: "paused" })
    if (this.paused) this.waiting += fresh.length
    this.deliver({ kind: "events", zxid, events: fresh })
  }

  /** @param {string} path */
  covered(path) {
    return this.recursive.some((r) => isBelow(path, r))
  }

  /** fits says whether this page wishes to hear of it: a stream of all tabs tells more. @param {ZnodeEvent} e */
  fits(e) {
    const moved = e.type === "NodeCreated" || e.type === "NodeDeleted" // what recursive streams say of the parent's children
    return this.wishes.size > 0 && (this.covered(e.path) || this.paths.has(e.path) || (moved && this.paths.has(parent(e.path))))
  }

  /** @param {Exclude<LiveMessage, {kind: "state"}>} m */
  deliver(m) {
    if (this.paused) this.queue.push(m)
    else this.tell(m)
  }

  /** @param {LiveMessage} m */
  tell(m) {
    for (const fn of [...this.listeners]) {
      try {
        fn(m)
      } catch (err) {
        queueMicrotask(() => { throw err }) // one listener's mistake is not the others' loss
      }
    }
  }

  answered() {
    this.doubt = false
    this.state.heard = Date.now()
  }

  /** heard is told of the answers to all requests of the page. @param {import("./problems.js").Problem | null} p */
  heard(p) {
    const was = this.doubt
    if (!p || p.status > 0) this.answered()
    this.denied = p?.code === "auth_failed"
    if (p?.code === "unreachable") this.doubt = true
    if (was && !this.doubt) this.port?.postMessage({ kick: true }) // the stream may be dead and not know it
    this.show(p?.code === "no_leader" ? { leader: "" } : {})
  }

  tick() {
    this.ticks++
    if (this.ticks % PING === 0) this.port?.postMessage({ ping: true })
    if (this.ticks % POLL === 0 && !globalThis.document?.hidden) this.poll()
    if (this.ticks - this.word > DEAF && this.port) void this.alone()
    this.show()
  }

  async poll() {
    try {
      const a = await this.api.ask("GET", this.api.url("/v1/cluster"), { timeout: TICK * POLL, headers: { "Holt-Zxid": "0" } })
      this.show({ leader: (await a.json()).leader })
    } catch {
      // Heard already.
    }
  }

  /** show says where the page stands, if that is new. @param {Partial<LiveState>} [what] */
  show(what) {
    const old = this.state
    const next = { ...old, ...what }
    next.name = this.name(next)
    this.state = next
    const key = (/** @type {LiveState} */ s) => [s.name, s.zxid, s.leader, s.partial, this.paused, this.waiting].join()
    const now = key(next)
    if (now !== this.shown) this.tell({ kind: "state", state: next })
    this.shown = now
  }

  /** @param {LiveState} s @returns {LiveState["name"]} */
  name(s) {
    if (this.denied || this.link === "denied") return "signed_out"
    if (this.doubt || this.link !== "open") {
      if (Date.now() - s.heard > OFFLINE) return "offline"
      return this.opened ? "resuming" : "connecting"
    }
    return this.resetting ? "reset" : s.leader ? "live" : "no_leader"
  }
}

/** shared is the way to the hub of all tabs, null if there is none; failed is told if it does not start.
 * @param {() => void} failed */
function shared(failed) {
  try {
    const url = String(new URL("./worker.js", import.meta.url))
    const trust = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("holt-worker", { createScriptURL: (/** @type {string} */ s) => s })
    const worker = new SharedWorker(trust ? trust.createScriptURL(url) : url, { type: "module", name: "holt" })
    worker.onerror = failed
    return worker.port
  } catch {
    queueMicrotask(failed)
    return null
  }
}
