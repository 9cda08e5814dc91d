// The rows of open directories, as they are on the server. What is told to have changed is read again, from a state as new.

import { base, join, parent, sequence } from "./path.js"
import { REPLAY } from "./worker.js"

const PAGE = 200 // rows
const PAGES = 60 // of all directories; those not seen for longest go
const SORT_MAX = 5000 // children, where not sorted by name; they are read all at once
const SORTED_MAX = 12000 // of all directories sorted so
const LOADS = 4 // pages that are asked for at once,
const ASKED = 64 // and that wait for it; more are asked for when they are drawn again
const FEW = 8 // rows that are read one by one; more are read by pages
const ROUND = 300 // ms from one round of reads to the next, or three times as long as one takes
const AGAIN = 5000 // ms at most until what failed is tried again
const RANKS = 200 // places of rows that are not here

const keys = /** @type {Record<Sort["by"], (r: Row) => number>} */ ({
  name: () => 0, created: (r) => r.stat.czxid, modified: (r) => r.stat.mzxid, version: (r) => r.stat.version,
  children: (r) => r.stat.num_children, size: (r) => r.stat.data_length, sequence: (r) => sequence(r.name) })

/** Dir is a Directory. Sorted by name it has pages of PAGE rows, else one of all. @implements {Directory} */
class Dir {
  /** @param {Store} store @param {string} path */
  constructor(store, path) {
    this.store = store
    this.path = path
    this.status = /** @type {Directory["status"]} */ ("loading")
    this.problem = /** @type {unknown} */ (null)
    this.count = 0
    this.said = 0 // the count that listeners know
    this.zxid = -1 // of the newest read; -1: what is here is not to be trusted
    this.stat = /** @type {Stat | null} */ (null)
    this.sort = /** @type {Sort} */ ({ by: "name", descending: false })
    this.pages = /** @type {Map<number, {rows: Row[], zxid: number}>} */ (new Map())
    this.order = /** @type {Row[] | null} */ (null) // where not by name
    this.rows = /** @type {Map<string, Row>} */ (new Map())
    this.places = /** @type {Map<string, number>} */ (new Map()) // in pages, or in order
    this.ranks = /** @type {Map<string, number>} */ (new Map())
    this.told = 0 // the zxid at which a child last came or went
    this.changed = /** @type {Map<string, number>} */ (new Map()) // by name: the zxid of a change to be read
    this.dirty = /** @type {string[]} */ ([]) // names whose rows changed here
    this.epoch = 0 // reads of an earlier one do not count
    this.reads = 0 // under way
    this.failures = 0
    this.busy = false
    this.rest = 0 // when the next round may begin
    this.timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined)
  }

  get size() {
    return this.sort.by === "name" ? PAGE : SORT_MAX
  }

  /** @param {number} i @returns {Row | undefined} */
  rowAt(i) {
    if (this.order || i < 0 || i >= this.count) return this.order?.[i]
    const n = this.sort.descending ? this.count - 1 - i : i
    const page = this.pages.get(Math.floor(n / PAGE))
    if (page) this.store.touch(this, Math.floor(n / PAGE))
    else this.store.ask(this, Math.floor(n / PAGE))
    return page?.rows[n % PAGE]
  }

  /** @param {string} name */
  indexOf(name) {
    const n = this.places.get(name) ?? this.ranks.get(name)
    if (n === undefined && this.status === "ready" && !this.order) void this.store.rank(this, name)
    return n === undefined || n < 0 || this.order || !this.sort.descending ? n ?? -1 : this.count - 1 - n
  }

  loadedRows() {
    return this.order || [...this.pages.values()].flatMap((p) => p.rows)
  }

  stale() {
    return [...this.pages.keys()].filter((k) => /** @type {any} */ (this.pages.get(k)).zxid < this.told)
  }

  /** behind says whether there is something to read. */
  behind() {
    return this.status !== "gone" && (this.zxid < this.told || this.status === "failed" || this.changed.size > 0 || this.stale().length > 0)
  }

  /** @param {number} k of a page */
  drop(k) {
    for (const { name } of this.pages.get(k)?.rows || []) this.rows.delete(name), this.places.delete(name)
    this.pages.delete(k)
  }

  distrust() {
    this.epoch++
    this.zxid = -1
    this.told = 0
    this.changed.clear()
    for (const x of [...this.pages.values(), ...this.rows.values()]) x.zxid = -1
  }

  /** row makes what was read a row: the same one, if there is one. @param {any} child @param {number} zxid @returns {Row} */
  row(child, zxid) {
    const old = this.rows.get(child.name)
    if (old && old.zxid > zxid) return old
    const was = old ? JSON.stringify([old.stat, old.mode, old.ttl_ms]) : ""
    const row = Object.assign(old || { path: join(this.path, child.name), flash: 0 }, child, { zxid })
    if (was !== JSON.stringify([row.stat, row.mode, row.ttl_ms])) {
      this.dirty.push(row.name)
      if (old || (this.zxid >= 0 && row.stat.czxid > this.zxid)) row.flash = performance.now()
    }
    if ((this.changed.get(row.name) || 0) <= zxid) this.changed.delete(row.name)
    return row
  }

  /** put takes in what was read, and says whether rows have other places now.
   * @param {{k: number, zxid: number, children: any[], stat: Stat}[]} got */
  put(got) {
    const order = this.order
    let moved = false
    const fresh = got.filter((g) => g.zxid >= (this.pages.get(g.k)?.zxid ?? -1)).map((g) => ({ ...g, rows: g.children.map((c) => this.row(c, g.zxid)) }))
    for (const { k, rows } of fresh) {
      const old = this.pages.get(k)?.rows
      moved ||= !!old && (old.length !== rows.length || rows.some((r, i) => r !== old[i]))
      this.drop(k)
    }
    for (const { k, rows, zxid, stat } of fresh) {
      this.pages.set(k, { rows, zxid })
      rows.forEach((r, i) => { this.rows.set(r.name, r), this.places.set(r.name, k * PAGE + i) })
      this.settle(stat, zxid)
    }
    this.arrange()
    return moved || (!!order && !!this.order?.some((r, i) => r !== order[i]))
  }

  /** settle takes in a read of the directory itself. @param {Stat} stat @param {number} zxid */
  settle(stat, zxid) {
    if (stat.pzxid > this.told) this.told = stat.pzxid, this.ranks.clear()
    if (zxid < this.zxid) return
    this.zxid = zxid
    this.stat = stat
    this.count = stat.num_children
    if (this.status === "ready") return
    this.status = "ready"
    this.problem = null
    this.store.say("status", this.path)
  }

  arrange() {
    this.order = null
    if (this.sort.by === "name" || !this.pages.size) return
    const key = keys[this.sort.by]
    this.order = this.loadedRows().sort((a, b) => (key(a) - key(b)) * (this.sort.descending ? -1 : 1))
    this.order.forEach((r, i) => this.places.set(r.name, i))
  }
}

export class Store {
  /** @param {import("./api.js").Api} api @param {import("./live.js").Live} live */
  constructor(api, live) {
    this.api = api
    this.live = live
    this.dirs = /** @type {Map<string, Dir>} */ (new Map())
    this.shown = /** @type {Set<string>} */ (new Set())
    this.followers = /** @type {Map<string, Set<(c: ZnodeChange) => void>>} */ (new Map())
    this.listeners = /** @type {Set<(c: StoreChange) => void>} */ (new Set())
    this.recent = /** @type {Map<string, [Dir, number]>} */ (new Map()) // pages, the last seen last
    this.asked = /** @type {Map<string, [Dir, number]>} */ (new Map()) // the next last
    this.loading = /** @type {Set<string>} */ (new Set())
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
    this.plan(d)
  }

  /** @param {string} path */
  close(path) {
    const d = this.dirs.get(path)
    if (!d) return
    this.dirs.delete(path)
    clearTimeout(d.timer)
    this.forget(d)
    this.want()
    this.settled()
  }

  /** @param {string} path @returns {Directory | undefined} */
  directory(path) {
    return this.dirs.get(path)
  }

  /** refresh reads again what is seen of a directory. @param {string} path */
  refresh(path) {
    const d = this.dirs.get(path)
    if (!d) return
    d.distrust()
    d.rest = 0
    this.plan(d)
  }

  /** sortBy sorts a directory, or says why it does not. @param {string} path @param {Sort} sort */
  sortBy(path, sort) {
    const d = this.dirs.get(path)
    if (!d) return "It is not open."
    const was = d.size
    if (sort.by !== "name") {
      if (d.count > SORT_MAX) return `More than ${SORT_MAX} children are sorted by their names only.`
      let all = d.count
      for (const o of this.dirs.values()) if (o !== d && o.size !== PAGE) all += o.count
      if (all > SORTED_MAX) return "Too many rows are sorted already: close something, or sort by name."
    }
    d.sort = { ...sort }
    if (d.size !== was) {
      this.forget(d)
      this.refresh(path)
    } else d.arrange()
    this.say("shape", path)
    return ""
  }

  /** visible says what is on the screen: it is followed, from when it was read. @param {string[]} paths */
  visible(paths) {
    let since = Infinity
    const now = this.live.state.zxid
    for (const path of paths) {
      const d = this.dirs.get(parent(path))
      const row = d?.rows.get(base(path))
      if (!d || !row || this.shown.has(path)) continue
      if (row.zxid >= now - REPLAY) since = Math.min(since, row.zxid)
      else this.doubt(d, row.name, now)
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
    for (const fn of [...this.listeners]) fn({ kind, path, names })
  }

  /** @param {number} [since] of what is new in it */
  want(since = Infinity) {
    this.live.want("store", { paths: [...this.followers.keys(), ...this.dirs.keys(), ...this.shown], since })
  }

  /** @param {ZnodeEvent} e @param {number} zxid */
  event({ type, path }, zxid) {
    const kind = /** @type {const} */ ({ NodeCreated: "created", NodeDeleted: "deleted", NodeDataChanged: "data", NodeChildrenChanged: "children" })[type]
    this.tell(path, kind, zxid)
    if (kind === "created" || kind === "deleted") this.tell(parent(path), "children", zxid) // recursive streams do not say it
  }

  /** @param {string} path @param {ZnodeChange["type"]} type @param {number} zxid */
  tell(path, type, zxid) {
    for (const fn of [...(this.followers.get(path) || [])]) fn({ type, zxid })
    const d = this.dirs.get(path)
    const up = this.dirs.get(parent(path))
    if (d && type === "created" && d.status === "gone") d.status = "loading"
    if (d && type === "deleted") this.gone(d)
    else if (d && type !== "data") this.reshape(d, zxid)
    if (up && (type === "data" || type === "children")) this.doubt(up, base(path), zxid)
  }

  /** reshape notes that a child came or went. @param {Dir} d @param {number} zxid */
  reshape(d, zxid) {
    if (zxid <= d.told) return
    d.told = zxid
    d.ranks.clear()
    this.plan(d)
  }

  /** doubt notes that a row changed. One that is not here yet may be in a read under way. @param {Dir} d @param {string} name @param {number} zxid */
  doubt(d, name, zxid) {
    const row = d.rows.get(name)
    if (row ? zxid <= row.zxid : !d.reads) return
    d.changed.set(name, Math.max(zxid, d.changed.get(name) || 0))
    this.plan(d)
  }

  /** @param {number} zxid */
  reset(zxid) {
    this.resetting = true
    for (const d of this.dirs.values()) {
      d.distrust()
      this.plan(d)
    }
    for (const fns of [...this.followers.values()]) for (const fn of [...fns]) fn({ type: "reset", zxid })
    this.settled()
  }

  /** settled ends a reset once all that is open was read again. */
  settled() {
    if (!this.resetting || [...this.dirs.values()].some((d) => d.zxid < 0 && d.status !== "gone")) return
    this.resetting = false
    this.live.reloaded()
  }

  /** @param {Dir} d */
  gone(d) {
    d.epoch++
    d.status = "gone"
    this.say("status", d.path)
    this.settled()
  }

  /** @param {Dir} d */
  forget(d) {
    for (const k of [...d.pages.keys()]) this.drop(d, k)
    d.order = null
  }

  /** @param {Dir} d @param {number} k */
  drop(d, k) {
    this.recent.delete(k + d.path)
    d.drop(k)
  }

  /** touch notes that a page is seen. @param {Dir} d @param {number} k */
  touch(d, k) {
    this.recent.delete(k + d.path)
    this.recent.set(k + d.path, [d, k])
    for (const [dir, n] of this.recent.values()) {
      if (this.recent.size <= PAGES) break
      this.drop(dir, n)
    }
  }

  /** ask loads a page that is drawn and not here. @param {Dir} d @param {number} k */
  ask(d, k) {
    const key = k + d.path
    if (this.loading.has(key) || d.status === "gone") return
    this.asked.delete(key)
    this.asked.set(key, [d, k])
    for (const old of this.asked.keys()) if (this.asked.size > ASKED) this.asked.delete(old)
    this.pump()
  }

  pump() {
    while (this.loading.size < LOADS && this.asked.size) {
      const [key, [d, k]] = /** @type {[string, [Dir, number]]} */ ([...this.asked].pop())
      this.asked.delete(key)
      if (this.dirs.get(d.path) !== d || d.pages.has(k) || d.size !== PAGE) continue
      this.loading.add(key)
      void this.work(d, () => this.load(d, [k])).finally(() => {
        this.loading.delete(key)
        this.pump()
      })
    }
  }

  /** plan lets a round of reads begin when it may. @param {Dir} d */
  plan(d) {
    if (d.busy || d.timer !== undefined || this.dirs.get(d.path) !== d) return
    d.timer = setTimeout(() => {
      d.timer = undefined
      void this.round(d)
    }, Math.max(0, d.rest - Date.now()))
  }

  /** round reads what is old and seen, and forgets what is old and not seen. @param {Dir} d */
  async round(d) {
    d.busy = true
    const began = Date.now()
    const page = (/** @type {string} */ name) => Math.floor((d.places.get(name) ?? -1) / d.size)
    const seen = new Set([...this.shown].filter((p) => parent(p) === d.path).map((p) => page(base(p))))
    await this.work(d, async () => {
      const pages = new Set(d.stale())
      for (const k of pages) if (!seen.has(k) && d.size === PAGE) pages.delete(k), this.drop(d, k)
      if (d.changed.size > FEW) for (const name of d.changed.keys()) if (d.rows.has(name)) pages.add(page(name))
      if (!pages.size && (d.zxid < d.told || d.status !== "ready")) pages.add(0)
      if (pages.size) await this.load(d, [...pages])
      for (const name of d.changed.keys()) if (!d.rows.has(name) && d.reads < 2) d.changed.delete(name)
      await this.reread(d, [...d.changed.keys()].filter((name) => d.rows.has(name)).slice(0, FEW))
    })
    d.busy = false
    d.rest = Date.now() + Math.max(ROUND, 3 * (Date.now() - began), Math.min(AGAIN, d.failures && ROUND * 2 ** d.failures))
    if (d.behind()) this.plan(d)
    this.settled()
  }

  /** work does reads, and says if they fail. @param {Dir} d @param {() => Promise<void>} reads */
  async work(d, reads) {
    const epoch = d.epoch
    d.reads++
    try {
      await reads()
      d.failures = 0
    } catch (err) {
      if (epoch === d.epoch && this.dirs.get(d.path) === d) this.failed(d, err)
    }
    d.reads--
  }

  /** @param {Dir} d @param {unknown} err */
  failed(d, err) {
    if (/** @type {any} */ (err).code === "no_node") return this.gone(d)
    d.failures++
    d.status = "failed"
    d.problem = err
    d.rest = Date.now() + ROUND
    this.say("status", d.path)
    this.plan(d)
  }

  /** read reads children with their stats; nothing, if it came too late to count.
   * @param {Dir} d @param {Record<string, string | number>} query @param {number} [k] */
  async read(d, query, k = 0) {
    const epoch = d.epoch
    const a = await this.api.ask("GET", this.api.url("/v1/children", d.path, { ...query, include: "stat" }))
    const body = await a.json()
    return epoch === d.epoch && this.dirs.get(d.path) === d ? [{ ...body, k, zxid: a.zxid }] : []
  }

  /** load reads pages and puts them in place together. @param {Dir} d @param {number[]} pages */
  async load(d, pages) {
    const size = d.size
    const got = (await Promise.all(pages.map((k) => this.read(d, { limit: size, offset: k * size }, k)))).flat()
    if (size !== d.size || !got.length) return
    const moved = d.put(got)
    if (size === PAGE) for (const k of pages) this.touch(d, k)
    else if (d.count > SORT_MAX) this.sortBy(d.path, { by: "name", descending: false })
    this.changed(d, moved)
  }

  /** reread reads single rows. @param {Dir} d @param {string[]} names */
  async reread(d, names) {
    const order = d.order
    await Promise.all(names.map(async (name) => {
      for (const g of await this.read(d, { prefix: name, limit: 1 })) {
        d.settle(g.stat, g.zxid)
        if (g.children[0]?.name === name && d.rows.has(name)) d.row(g.children[0], g.zxid)
        else d.changed.delete(name) // it is gone, which the directory's pzxid says too
      }
    }))
    if (order) d.arrange()
    if (names.length) this.changed(d, !!order?.some((r, i) => r !== d.order?.[i]))
  }

  /** @param {Dir} d @param {boolean} moved */
  changed(d, moved) {
    const names = d.dirty.splice(0)
    if (moved || d.count !== d.said) this.say("shape", d.path)
    d.said = d.count
    if (names.length) this.say("rows", d.path, names)
    if (d.behind()) this.plan(d)
  }

  /** rank asks for the place of a row that is not here. @param {Dir} d @param {string} name */
  async rank(d, name) {
    d.ranks.set(name, -1)
    for (const old of d.ranks.keys()) if (d.ranks.size > RANKS) d.ranks.delete(old)
    await this.work(d, async () => {
      for (const g of await this.read(d, { prefix: name, limit: 1 })) {
        d.settle(g.stat, g.zxid)
        if (g.children[0]?.name === name && d.ranks.has(name)) d.ranks.set(name, g.offset)
      }
      this.say("rows", d.path, [name])
    })
  }
}
