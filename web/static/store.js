// The rows of open directories, as they are on the server; and who wants to hear of which znode.

import { base, parent } from "./path.js"
import { Dir, PAGE, SORT_MAX } from "./directory.js"

const PAGES = 60 // of all directories; those not seen for longest go
const FRESH = 1000 // zxids; what a row missed in more it does not learn from the stream, but is read again
const SORTED_MAX = 12000 // rows of all directories that are not sorted by name
const PAUSE = 1000 // ms until a page is asked for again that could not be had
const LOADS = 4 // pages that are asked for at once; what is drawn then is asked for when it is drawn again

export class Store {
  /** @param {import("./api.js").Api} api @param {import("./live.js").Live} live */
  constructor(api, live) {
    this.api = api
    this.live = live
    this.dirs = /** @type {Map<string, Dir>} */ (new Map())
    this.shown = /** @type {Set<string>} */ (new Set())
    this.known = /** @type {Set<string>} */ (new Set()) // of shown: whose rows are here
    this.followers = /** @type {Map<string, Set<(c: ZnodeChange) => void>>} */ (new Map())
    this.listeners = /** @type {Set<(c: StoreChange) => void>} */ (new Set())
    this.recent = /** @type {Map<string, [Dir, number]>} */ (new Map()) // pages, the last seen last
    this.loading = new Set()
    this.resetting = false
    live.listen((m) => {
      if (m.kind === "events") for (const e of m.events) this.event(e, m.zxid)
      else if (m.kind === "reset") this.reset(m.zxid)
    })
  }

  /** open begins to keep the children of a znode. @param {string} path */
  open(path) {
    if (this.dirs.has(path)) return
    const d = new Dir(this, path)
    this.dirs.set(path, d)
    this.want(this.api.zxid) // what is read below is not older
    d.plan()
  }

  /** @param {string} path */
  close(path) {
    this.dirs.get(path)?.close()
    this.dirs.delete(path)
    this.want()
    this.settled()
  }

  /** @param {string} path @returns {Directory | undefined} */
  directory(path) {
    return this.dirs.get(path)
  }

  /** refresh reads again what is seen of a directory. @param {string} path */
  refresh(path) {
    this.dirs.get(path)?.distrust()
  }

  /** sortBy sorts a directory, or says why it does not. @param {string} path @param {Sort} sort */
  sortBy(path, sort) {
    const d = this.dirs.get(path)
    if (!d) return "It is not open."
    if (sort.by !== "name") {
      if (d.count > SORT_MAX) return `More than ${SORT_MAX} children are sorted by their names only.`
      let all = d.count
      for (const o of this.dirs.values()) if (o !== d && o.size !== PAGE) all += o.count
      if (all > SORTED_MAX) return "Too many rows are sorted already: close something, or sort by name."
    }
    d.resort(sort)
    return ""
  }

  /** visible says what is on the screen: it is followed, from when it was read. @param {string[]} paths */
  visible(paths) {
    let since = Infinity
    const { zxid } = this.live.state
    const { known } = this
    this.known = new Set()
    for (const path of paths) {
      const d = this.dirs.get(parent(path))
      const row = d?.rows.get(base(path))
      if (!d || !row || (this.known.add(path), known.has(path))) continue
      if (row.zxid >= zxid - FRESH) since = Math.min(since, row.zxid)
      else d.doubt(row.name, zxid)
    }
    this.shown = new Set(paths)
    this.want(since)
  }

  /** follow tells what happens to one znode from now on: what is read after the call is not older.
   * @param {string} path @param {(c: ZnodeChange) => void} fn @returns {() => void} */
  follow(path, fn) {
    const fns = this.followers.get(path) || new Set()
    this.followers.set(path, fns.add(fn))
    this.want(this.api.zxid)
    return () => {
      fns.delete(fn)
      if (!fns.size && this.followers.get(path) === fns) this.followers.delete(path)
      this.want()
    }
  }

  /** @param {(c: StoreChange) => void} fn @returns {() => void} */
  listen(fn) {
    this.listeners.add(fn)
    return () => this.listeners.delete(fn)
  }

  /** @param {StoreChange["kind"]} kind @param {string} path @param {string[]} [names] */
  say(kind, path, names) {
    for (const fn of [...this.listeners]) {
      try {
        fn({ kind, path, names })
      } catch (err) {
        queueMicrotask(() => { throw err }) // it would be taken for a read that failed
      }
    }
  }

  /** @param {number} [since] of what is new in it */
  want(since = Infinity) {
    this.live.want("store", { paths: [...this.followers.keys(), ...this.dirs.keys(), ...this.shown], since })
  }

  /** @param {ZnodeEvent} e @param {number} zxid */
  event({ type, path }, zxid) {
    const kind = /** @type {const} */ ({ NodeCreated: "created", NodeDeleted: "deleted", NodeDataChanged: "data", NodeChildrenChanged: "children" })[type]
    this.happened(path, kind, zxid)
    if (kind === "created" || kind === "deleted") this.happened(parent(path), "children", zxid) // recursive streams do not say it
  }

  /** @param {string} path @param {ZnodeChange["type"]} type @param {number} zxid */
  happened(path, type, zxid) {
    for (const fn of [...(this.followers.get(path) || [])]) fn({ type, zxid })
    const d = this.dirs.get(path)
    if (d && type === "created" && d.status === "gone") d.status = "loading"
    if (d && type === "deleted" && d.zxid >= 0 && zxid > d.zxid) d.gone() // else a read says whether it was made again
    else if (type !== "data") d?.reshape(zxid)
    if (type === "data" || type === "children") this.dirs.get(parent(path))?.doubt(base(path), zxid)
  }

  /** @param {number} zxid */
  reset(zxid) {
    this.resetting = true
    for (const d of this.dirs.values()) d.distrust()
    for (const fns of [...this.followers.values()]) for (const fn of [...fns]) fn({ type: "reset", zxid })
    this.settled()
  }

  /** settled ends a reset once all that is open was read again. */
  settled() {
    if (!this.resetting || [...this.dirs.values()].some((d) => d.zxid < 0 && d.status !== "gone")) return
    this.resetting = false
    this.live.reloaded()
  }

  /** drop lets go of a page. @param {Dir} d @param {number} k */
  drop(d, k) {
    this.recent.delete(k + d.path)
    d.drop(k)
  }

  /** touch notes that a page is seen. @param {Dir} d @param {number} k */
  touch(d, k) {
    this.recent.delete(k + d.path)
    this.recent.set(k + d.path, [d, k])
    for (const [dir, n] of this.recent.values()) if (this.recent.size > PAGES) this.drop(dir, n)
  }

  /** ask loads a page that is drawn and not here. @param {Dir} d @param {number} k */
  async ask(d, k) {
    const key = k + d.path
    if (this.loading.has(key) || this.loading.size >= LOADS || d.status === "gone" || d.size !== PAGE) return
    this.loading.add(key)
    await d.work(() => d.load([k]))
    if (d.failures) await new Promise((wake) => setTimeout(wake, PAUSE))
    this.loading.delete(key)
    this.say("rows", d.path) // so that it is drawn again
  }
}
