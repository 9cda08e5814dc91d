// One stream for all tabs of the page: a hub in a SharedWorker, or in the page itself where there is none.

import { mistake } from "./path.js"
import { Stream } from "./stream.js"

const PATHS = 512 // in a stream,
const BYTES = 24 << 10 // of its URL; what is more is not followed
const TABS = 64
const SILENCE = 180000 // ms after which a tab is taken for gone; one that was asleep is asked to come back
const REPLAY = 20000 // zxids that are told again; who lacks more reads again

/** Hub joins what the tabs wish, and tells each of them all of it. To it: {wish: {paths, recursive, since}}, {ping}, {kick}, {bye}.
 * From it: {name, data} of the server; {link, zxid, leader, partial, whole}, whole if all that was wished for is told; {lost} asks for the wish again. */
export class Hub {
  constructor() {
    this.tabs = /** @type {Map<MessagePort, {wish: Required<Wish>, heard: number}>} */ (new Map())
    this.link = "connecting"
    this.leader = ""
    this.key = "" // of what is followed
    this.paths = new Set()
    this.stream = new Stream((name, data) => {
      this.leader = data.leader ?? this.leader
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
      for (const [p, { heard }] of this.tabs) if (Date.now() - heard > SILENCE || this.tabs.size > TABS) this.leave(p)
    }
  }

  /** tell says where the stream is. @param {MessagePort} port */
  tell(port) {
    const partial = this.tabs.get(port)?.wish.paths.some((p) => followable(p) && !this.paths.has(p))
    port.postMessage({ link: this.link, zxid: this.stream.zxid, leader: this.leader, partial, whole: this.stream.since === undefined })
  }

  /** @param {MessagePort} port @param {Required<Wish>} wish */
  wish(port, wish) {
    const { zxid } = this.stream
    const away = wish.since < zxid - REPLAY
    if (away) port.postMessage({ name: "reset", data: { zxid, reason: "away" } })
    this.tabs.set(port, { wish, heard: Date.now() })
    this.follow(away ? zxid : wish.since)
    this.tell(port)
  }

  /** @param {MessagePort} port */
  leave(port) {
    if (!this.tabs.delete(port)) return
    if (this.tabs.size) return this.follow(Infinity)
    this.stream.stop()
    this.link = "connecting"
    this.key = ""
  }

  /** follow makes the stream what the tabs wish. @param {number} since */
  follow(since) {
    const { paths, recursive } = union([...this.tabs.values()].map((t) => t.wish))
    const key = JSON.stringify([recursive, [...paths].sort()])
    if (key === this.key && since >= (this.stream.since ?? this.stream.zxid)) return
    this.key = key
    this.paths = new Set(paths)
    this.stream.follow(paths, recursive, since)
  }
}

/** union is what all wish, the first of each before the second of any, as much as a stream follows; the root where nobody wishes
 * anything, since a quiet stream tells of the server. @param {Wish[]} wishes */
export function union(wishes) {
  const all = /** @type {Set<string>} */ (new Set())
  const longest = Math.max(0, ...wishes.map((w) => w.paths.length))
  for (let i = 0; i < longest; i++) for (const { paths } of wishes) if (i < paths.length && followable(paths[i])) all.add(paths[i])
  let bytes = 0
  const paths = [...all].slice(0, PATHS).filter((p) => (bytes += encodeURIComponent(p).length + 6) <= BYTES)
  return { paths: paths.length ? paths : ["/"], recursive: wishes.some((w) => w.recursive) }
}

/** followable says whether a server takes a path: one that it does not would cost all tabs their stream. @param {string} path */
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
