// One stream for all tabs of the page: a hub in a SharedWorker, or in the page itself where there is none.

import { mistake } from "./path.js"
import { Stream } from "./stream.js"

const PATHS = 512 // in a stream, and
const URL_BYTES = 24 << 10 // of them; what is more is not followed
const TABS = 64
const SILENCE = 180000 // ms after which a tab is taken for gone; one that was only asleep says so
export const REPLAY = 1000 // zxids that are told again; who needs more reads again

/** Hub joins what the tabs wish, and tells each of them all of it.
 *
 * To it: {wish: {paths, recursive, since}}, the most needed first; {ping}; {kick}; {bye}.
 * From it: {name, data} of the server; {link, zxid, leader, partial}; {lost}, which asks for the wish again. */
export class Hub {
  constructor() {
    /** @type {Map<MessagePort, {wish: Required<Wish>, heard: number}>} */
    this.tabs = new Map()
    this.link = "connecting"
    this.leader = ""
    this.key = "" // of what the stream follows
    /** @type {Set<string>} */
    this.paths = new Set()
    this.stream = new Stream((name, data) => {
      if (data.leader !== undefined) this.leader = data.leader
      for (const port of this.tabs.keys()) port.postMessage({ name, data })
    }, (link) => {
      this.link = link
      for (const port of this.tabs.keys()) this.tell(port)
    })
  }

  /** @param {MessagePort} port */
  add(port) {
    port.onmessage = ({ data }) => {
      const tab = this.tabs.get(port)
      if (tab) tab.heard = Date.now()
      if (data.wish) this.wish(port, data.wish)
      else if (data.bye) this.leave(port)
      else if (data.kick) this.stream.kick()
      else if (tab) this.tell(port)
      else port.postMessage({ lost: true })
      this.sweep()
    }
  }

  /** tell says where the stream is. @param {MessagePort} port */
  tell(port) {
    const tab = this.tabs.get(port)
    const partial = Boolean(tab?.wish.paths.some((p) => followable(p) && !this.paths.has(p)))
    port.postMessage({ link: this.link, zxid: this.stream.zxid, leader: this.leader, partial })
  }

  /** @param {MessagePort} port @param {Required<Wish>} wish */
  wish(port, wish) {
    const at = this.stream.zxid
    if (wish.since < at - REPLAY) {
      port.postMessage({ name: "reset", data: { zxid: at, reason: "away", events: [] } })
      wish = { ...wish, since: at }
    }
    this.tabs.set(port, { wish, heard: Date.now() })
    this.follow(wish.since)
    this.tell(port)
  }

  /** @param {MessagePort} port */
  leave(port) {
    this.tabs.delete(port)
    if (this.tabs.size) return this.follow(Infinity)
    this.stream.stop()
    this.link = "connecting"
    this.key = ""
  }

  sweep() {
    for (const [port, tab] of this.tabs) {
      if (Date.now() - tab.heard > SILENCE || this.tabs.size > TABS) this.leave(port)
    }
  }

  /** follow makes the stream what the tabs wish. @param {number} since */
  follow(since) {
    const wishes = [...this.tabs.values()].map((t) => t.wish)
    const { paths, recursive } = union(wishes)
    const key = JSON.stringify([recursive, ...[...paths].sort()])
    if (key === this.key && since >= (this.stream.since ?? this.stream.zxid)) return
    this.key = key
    this.paths = new Set(paths)
    this.stream.follow(paths, recursive, since)
  }
}

/** union is what all wish, the first of each before the second of any, as much as a stream follows; the root if nobody wishes
 * anything, since a quiet stream tells of the server. @param {Wish[]} wishes */
export function union(wishes) {
  /** @type {Set<string>} */
  const all = new Set()
  for (let i = 0, more = true; more; i++) {
    more = false
    for (const { paths } of wishes) {
      if (i < paths.length) {
        more = true
        if (followable(paths[i])) all.add(paths[i])
      }
    }
  }
  const paths = []
  let bytes = 0
  for (const p of all) {
    bytes += encodeURIComponent(p).length + 6
    if (paths.length === PATHS || bytes > URL_BYTES) break
    paths.push(p)
  }
  return { paths: paths.length ? paths : ["/"], recursive: wishes.some((w) => w.recursive) }
}

/** followable says whether the server takes a path. One that it refuses would cost all tabs their stream. @param {string} path */
function followable(path) {
  try {
    return !mistake(path) && encodeURIComponent(path).replace(/%../g, "%").length <= 4096 && path.split("/").length <= 129
  } catch {
    return false
  }
}

if ("SharedWorkerGlobalScope" in globalThis) {
  const hub = new Hub()
  const scope = /** @type {SharedWorkerGlobalScope} */ (/** @type {unknown} */ (globalThis))
  scope.onconnect = (event) => hub.add(event.ports[0])
}
