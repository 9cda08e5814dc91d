// What happens on the server to what the page shows, while it happens; and whether the page knows.

import { isBelow, parent } from "./path.js"

const DEBOUNCE = 150 // ms in which wishes are gathered,
const APART = 600 // and between two that are sent
const TICK = 1000 // ms; longer where the page is not seen
const POLL = 5000 // ms between two questions to the cluster, while it is seen
const LATE = 3000 // ms without its answer until the page no longer says that it is live
const PING = 5000 // ms between two words to the hub
const DEAF = 1 // words without an answer until it is left
const ASLEEP = 15000 // ms between two ticks after which no connection is trusted
const OFFLINE = 10000 // ms without an answer
const LIMIT = 10000 // events that wait while paused; more become a reset
const RECENT = 10000 // events that are remembered, since a hub repeats what one tab lacks to all

/** Live follows what the parts of the page wish. Every event behind a wish's since is told, or a reset: read again. What a new wish
 * brings to light may be told late, but nothing is told twice within RECENT events. */
export class Live {
  /** @param {import("./api.js").Api} api @param {MessagePort} [port] of a hub, in tests @param {string} [version] of the page, which its hub shares */
  constructor(api, port, version) {
    this.api = api
    this.paused = false
    this.waiting = 0
    this.state = /** @type {LiveState} */ ({ name: "connecting", zxid: 0, leader: "?", partial: false, heard: Date.now() })
    this.wishes = /** @type {Map<string, Wish>} */ (new Map())
    this.listeners = /** @type {Set<(m: LiveMessage) => void>} */ (new Set())
    this.paths = new Set()
    this.recursive = /** @type {string[]} */ ([])
    this.since = Infinity // of what the hub was not told yet,
    this.asked = Infinity // and of what it was, and has not told
    this.sent = 0 // when it was
    this.told = new Set()
    this.queue = /** @type {LiveMessage[]} */ ([])
    this.link = "connecting"
    this.opened = false
    this.doubt = false // whether the last request got no answer
    this.denied = false
    this.resetting = false
    this.ticked = this.polled = this.pinged = Date.now()
    this.unanswered = 0
    this.shown = "" // what listeners know of the state
    this.timer = 0
    api.heard = (p) => this.heard(p)
    this.port = this.join(port || shared(() => this.alone(), version))
    if (!port) this.watchPage()
    this.ticking = setInterval(() => this.tick(), TICK)
    this.want("", null)
  }

  /** want is what a part of the page wishes to be followed, the most needed first. @param {string} owner @param {Wish | null} wish */
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
    this.timer = 0
    if (!this.port) return
    this.sent = Date.now()
    const since = Math.min(this.since, this.opened ? this.state.zxid : this.api.zxid)
    this.port.postMessage({ wish: { paths: [...this.paths], recursive: this.recursive.length > 0, since } })
    this.asked = Math.min(this.asked, since)
    this.since = Infinity
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

  /** reloaded says that after a reset all that is shown was read again. */
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

  /** alone takes a hub of its own, where there is none to share, or it is silent. */
  async alone() {
    const { Hub } = await import("./worker.js").catch(() => ({ Hub: null }))
    if (!Hub) return // tick tries again
    this.unanswered = 0
    this.since = Math.min(this.since, this.asked)
    this.port?.postMessage({ bye: true })
    this.port?.close()
    const { port1, port2 } = new MessageChannel()
    new Hub().add(port1)
    this.port = this.join(port2)
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
    document.addEventListener("visibilitychange", () => {
      this.polled = this.pinged = 0
      this.tick()
    })
  }

  /** @param {any} m of the hub */
  take(m) {
    this.unanswered = 0
    if (m.lost) return this.send()
    if (m.link) {
      this.link = m.link
      this.opened ||= m.link === "open"
      if (m.whole) this.asked = Infinity
      const { leader } = this.state // newer than what the hub knows
      return this.show({ partial: m.partial, leader: leader === "?" ? m.leader : leader })
    }
    const { zxid, leader = this.state.leader, events, reason } = m.data
    this.answered()
    if (reason === "restored") this.api.zxid = zxid // what was seen is no more
    this.api.saw(zxid)
    if (m.name === "reset") this.reset(zxid, reason)
    else if (events) this.events(zxid, events)
    this.show({ leader, zxid: reason ? zxid : Math.max(zxid, this.state.zxid) })
  }

  /** @param {number} zxid @param {string} reason */
  reset(zxid, reason) {
    this.told.clear()
    this.resetting = true
    this.queue = []
    this.waiting = 0
    this.deliver({ kind: "reset", zxid, reason }, 1)
  }

  /** @param {number} zxid @param {ZnodeEvent[]} all */
  events(zxid, all) {
    const events = all.filter((e) => {
      const key = `${zxid} ${e.type} ${e.path}`
      return this.fits(e) && !this.told.has(key) && this.told.add(key)
    })
    for (const key of this.told) {
      if (this.told.size <= RECENT) break
      this.told.delete(key)
    }
    if (this.paused && this.waiting + events.length > LIMIT) this.reset(zxid, "paused")
    else if (events.length) this.deliver({ kind: "events", zxid, events }, events.length)
  }

  /** @param {string} path */
  covered(path) {
    return this.recursive.some((r) => isBelow(path, r))
  }

  /** fits says whether this page wishes to hear of it: the stream of all tabs tells more. @param {ZnodeEvent} e */
  fits({ type, path }) {
    const moved = type === "NodeCreated" || type === "NodeDeleted" // what recursive streams say of the parent's children
    return this.covered(path) || this.paths.has(path) || (moved && this.paths.has(parent(path)))
  }

  /** @param {LiveMessage} m @param {number} n events */
  deliver(m, n) {
    if (!this.paused) return this.tell(m)
    this.queue.push(m)
    this.waiting += n
  }

  /** @param {LiveMessage} m */
  tell(m) {
    if (m.kind === "reset") this.resetting = true
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
    else if (p.code === "unreachable") this.doubt = true
    this.denied = p?.code === "auth_failed"
    if (was && !this.doubt) this.port?.postMessage({ kick: true }) // the stream may be dead and not know it
    this.show(p?.code === "no_leader" ? { leader: "" } : {})
  }

  tick() {
    const now = Date.now()
    const seen = !globalThis.document?.hidden
    if (seen && now - this.ticked > ASLEEP) {
      this.port?.postMessage({ kick: true })
      this.doubt = true
      this.polled = 0
    }
    this.ticked = now
    if (now - this.pinged >= PING) {
      this.pinged = now
      this.port?.postMessage({ ping: true })
      if (this.unanswered++ > DEAF) this.alone()
    }
    if (seen && now - this.polled >= POLL) {
      this.polled = now
      this.poll()
    }
    this.show()
  }

  async poll() {
    try {
      const was = this.state.leader
      const { leader } = await this.api.get("/v1/cluster", undefined, { timeout: LATE, headers: { "Holt-Zxid": "0" } })
      if (this.state.leader === was) this.show({ leader }) // else the stream knows it better
    } catch {
      // Heard already.
    }
  }

  /** show says where the page stands, if that is new. @param {Partial<LiveState>} [what] */
  show(what) {
    const s = (this.state = { ...this.state, ...what })
    s.name = this.name(s)
    const key = JSON.stringify([s.name, s.zxid, s.leader, s.partial, this.paused, this.waiting])
    if (key === this.shown) return
    this.shown = key
    this.tell({ kind: "state", state: s })
  }

  /** @param {LiveState} s @returns {LiveState["name"]} */
  name(s) {
    if (this.denied || this.link === "denied") return "signed_out"
    if (this.doubt || this.unanswered > 1 || this.link !== "open") return Date.now() - s.heard > OFFLINE ? "offline" : this.opened ? "resuming" : "connecting"
    return this.resetting ? "reset" : s.leader ? "live" : "no_leader"
  }
}

/** shared is the way to the hub of all tabs, or null; failed is told if there is none. @param {() => void} failed @param {string} [version] */
function shared(failed, version) {
  try {
    const url = String(new URL("./worker.js", import.meta.url))
    const trust = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("holt-worker", { createScriptURL: () => url })
    const worker = new SharedWorker(trust ? trust.createScriptURL(url) : url, { type: "module", name: `holt ${version}` })
    worker.onerror = failed
    return worker.port
  } catch {
    queueMicrotask(failed)
    return null
  }
}
