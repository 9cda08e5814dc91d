// The children of one open znode. What is told to have changed is read again, from a state that is as new.

import { base, join, parent, sequence } from "./path.js"

export const PAGE = 200 // rows
export const SORT_MAX = 5000 // children, where not sorted by name: they are read all at once
const FEW = 8 // rows that are read one by one; more are read by pages
const ROUND = 300 // ms from one round of reads to the next, or three times as long as one takes
const AGAIN = 5000 // ms at most until what failed is tried again
const RANKS = 200 // places of rows that are not here

const keys = /** @type {Record<Sort["by"], (r: Row) => number>} */ ({
  name: () => 0, created: (r) => r.stat.czxid, modified: (r) => r.stat.mzxid, version: (r) => r.stat.version,
  children: (r) => r.stat.num_children, size: (r) => r.stat.data_length, sequence: (r) => sequence(r.name) })

const content = (/** @type {Row} */ r) => JSON.stringify([r.stat, r.mode, r.ttl_ms])

/** Dir is a Directory. By name it has pages of PAGE rows, in other orders one of all. @implements {Directory} */
export class Dir {
  /** @param {import("./store.js").Store} store @param {string} path */
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
    this.places = new Map() // of rows: in pages, or in order
    this.ranks = /** @type {Map<string, {at: number, zxid: number}>} */ (new Map()) // the places of others, by name; -1: none
    this.unsure = new Set() // of ranks: those from before the last round
    this.ranked = 0 // what was told when they were asked for
    this.told = 0 // the zxid at which a child last came or went
    this.changed = /** @type {Map<string, number>} */ (new Map()) // the zxids of changes to be read, by name
    this.dirty = /** @type {string[]} */ ([]) // names whose rows are new here
    this.epoch = 0 // answers to reads of an earlier one do not count
    this.reads = 0 // under way
    this.failures = 0
    this.busy = this.closed = false
    this.rest = 0 // when the next round may begin
    this.timer = 0
  }

  get size() {
    return this.sort.by === "name" ? PAGE : SORT_MAX
  }

  /** @param {number} i @returns {Row | undefined} */
  rowAt(i) {
    if (this.order || i < 0 || i >= this.count) return this.order?.[i]
    const n = this.sort.descending ? this.count - 1 - i : i
    const k = Math.floor(n / PAGE)
    const page = this.pages.get(k)
    if (page) this.store.touch(this, k)
    else void this.store.ask(this, k)
    return page?.rows[n % PAGE]
  }

  /** @param {string} name */
  indexOf(name) {
    const n = this.places.get(name) ?? this.ranks.get(name)?.at ?? -1
    if (!this.places.has(name) && this.status === "ready" && !this.order && (!this.ranks.has(name) || this.unsure.delete(name))) void this.rank(name)
    return n < 0 || this.order || !this.sort.descending ? n : this.count - 1 - n
  }

  loadedRows() {
    return this.order || [...this.pages.values()].flatMap((p) => p.rows)
  }

  stale() {
    return [...this.pages].filter(([, p]) => p.zxid < this.told).map(([k]) => k)
  }

  close() {
    this.closed = true
    this.epoch++
    clearTimeout(this.timer)
    this.forget()
  }

  forget() {
    for (const k of [...this.pages.keys()]) this.store.drop(this, k)
    this.rows.clear()
    this.places.clear()
    this.order = null
  }

  /** drop lets go of a page, and of its rows but those that moved to another. @param {number} k */
  drop(k) {
    for (const { name } of this.pages.get(k)?.rows || []) if (this.page(name) === k) this.rows.delete(name), this.places.delete(name)
    this.pages.delete(k)
  }

  /** page is the one a row is in, or -1. @param {string} name */
  page(name) {
    return Math.floor((this.places.get(name) ?? -1) / this.size)
  }

  /** distrust takes nothing that is here for true. */
  distrust() {
    this.epoch++
    this.zxid = this.ranked = -1
    this.told = this.rest = 0
    this.changed.clear()
    for (const x of [...this.pages.values(), ...this.rows.values(), ...this.ranks.values()]) x.zxid = -1
    this.plan()
  }

  /** @param {Sort} sort */
  resort(sort) {
    const { size } = this
    this.sort = { ...sort }
    if (size !== this.size) {
      this.forget()
      this.distrust()
    } else this.arrange()
    this.store.say("shape", this.path)
  }

  gone() {
    this.epoch++
    this.status = "gone"
    this.store.say("status", this.path)
    this.store.settled()
  }

  /** reshape notes that a child came or went. @param {number} zxid */
  reshape(zxid) {
    if (zxid <= this.told) return
    this.told = zxid
    this.plan()
  }

  /** doubt notes that a row changed. One that is not here may be in a read under way. @param {string} name @param {number} zxid */
  doubt(name, zxid) {
    const row = this.rows.get(name)
    if (row ? zxid <= row.zxid : !this.reads) return
    this.changed.set(name, Math.max(zxid, this.changed.get(name) || 0))
    this.plan()
  }

  /** row makes what was read a row: the same one, if there is one. @param {any} child @param {number} zxid @returns {Row} */
  row(child, zxid) {
    const old = this.rows.get(child.name)
    if (old && old.zxid > zxid) return old
    const was = old && content(old)
    const row = Object.assign(old || { path: join(this.path, child.name), flash: 0 }, child, { zxid })
    if (was !== content(row)) {
      this.dirty.push(row.name)
      if (old || (this.zxid >= 0 && row.stat.czxid > this.zxid)) row.flash = performance.now()
    }
    if ((this.changed.get(row.name) || 0) <= zxid) this.changed.delete(row.name)
    return row
  }

  /** settle takes in what a read says of the directory itself. @param {Stat} stat @param {number} zxid */
  settle(stat, zxid) {
    this.reshape(stat.pzxid)
    if (zxid < this.zxid) return
    this.zxid = zxid
    this.stat = stat
    this.count = stat.num_children
    if (this.status === "ready") return
    this.status = "ready"
    this.problem = null
    this.store.say("status", this.path)
  }

  /** arrange sorts, and says whether a row has another place now. */
  arrange() {
    const old = this.order
    this.order = null
    if (this.size === PAGE || !this.pages.size) return false
    const key = keys[this.sort.by]
    const order = this.loadedRows().sort((a, b) => (key(a) - key(b)) * (this.sort.descending ? -1 : 1))
    this.order = order
    order.forEach((r, i) => this.places.set(r.name, i))
    return !!old && order.some((r, i) => r !== old[i])
  }

  /** plan lets a round of reads begin when it may. */
  plan() {
    if (this.busy || this.closed) return
    this.timer ||= setTimeout(() => this.round(), Math.max(0, this.rest - Date.now()))
  }

  /** behind says whether there is something to read. */
  behind() {
    return this.status !== "gone" && (this.status !== "ready" || this.zxid < this.told || this.changed.size > 0 || this.stale().length > 0)
  }

  /** round reads what is old and seen, and lets go of what is old and not seen. */
  async round() {
    this.timer = 0
    this.busy = true
    const began = Date.now()
    const known = () => [...this.changed.keys()].filter((name) => this.rows.has(name))
    const seen = new Set([...this.store.shown].filter((p) => parent(p) === this.path).map((p) => this.page(base(p))))
    await this.work(async () => {
      const pages = new Set(this.stale())
      for (const k of pages) if (!seen.has(k) && this.size === PAGE) pages.delete(k), this.store.drop(this, k)
      const names = known()
      if (names.length > FEW) for (const name of names) pages.add(this.page(name))
      if (!pages.size && (this.zxid < this.told || this.status !== "ready")) pages.add(0)
      if (pages.size) await this.load([...pages])
      for (const name of this.changed.keys()) if (!this.rows.has(name) && this.reads < 2) this.changed.delete(name)
      await this.reread(known().slice(0, FEW))
    })
    this.busy = false
    if (this.told > this.ranked && this.ranks.size) {
      this.unsure = new Set(this.ranks.keys())
      this.store.say("rows", this.path, [])
    }
    this.ranked = this.told
    const now = Date.now()
    this.rest = now + Math.max(ROUND, 3 * (now - began), this.failures && Math.min(AGAIN, ROUND * 2 ** this.failures))
    if (this.behind()) this.plan()
    this.store.settled()
  }

  /** work does reads, and says if they fail. @param {() => Promise<void>} reads */
  async work(reads) {
    const { epoch } = this
    this.reads++
    try {
      await reads()
      this.failures = 0
    } catch (err) {
      if (epoch === this.epoch) this.failed(err)
    }
    this.reads--
  }

  /** @param {any} err */
  failed(err) {
    if (err.code === "no_node") return err.told.zxid < this.told ? undefined : this.gone() // it may have been made since
    this.failures++
    this.status = "failed"
    this.problem = err
    this.rest = Date.now() + ROUND
    this.store.say("status", this.path)
    this.plan()
  }

  /** read reads children; nothing, if the answer came too late to count. @param {Record<string, string | number>} query @param {number} [k] */
  async read(query, k = 0) {
    const { epoch } = this
    const { api } = this.store
    const a = await api.ask("GET", api.url("/v1/children", this.path, { ...query, include: "stat" }))
    const body = await a.json()
    return epoch === this.epoch ? [{ ...body, k, zxid: a.zxid }] : []
  }

  /** load reads pages and puts them in place together. @param {number[]} pages */
  async load(pages) {
    const { size } = this
    const got = (await Promise.all(pages.map((k) => this.read({ limit: size, offset: k * size }, k)))).flat()
    if (size !== this.size) return
    let moved = false
    for (const g of got) {
      const old = this.pages.get(g.k)?.rows
      g.rows = g.children.map((/** @type {any} */ c) => this.row(c, g.zxid))
      moved ||= !!old && (old.length !== g.rows.length || old.some((r, i) => r !== g.rows[i]))
    }
    for (const { k } of got) this.drop(k)
    for (const { k, rows, zxid, stat } of got) {
      this.pages.set(k, { rows, zxid })
      for (const [i, r] of rows.entries()) {
        this.rows.set(r.name, r)
        if (!((this.pages.get(this.page(r.name))?.zxid ?? -1) > zxid)) this.places.set(r.name, k * PAGE + i) // else it moved since
      }
      this.settle(stat, zxid)
      if (size === PAGE) this.store.touch(this, k)
    }
    if (this.arrange()) moved = true
    if (this.size !== PAGE && this.count > SORT_MAX) this.resort({ by: "name", descending: false })
    this.tell(moved)
  }

  /** reread reads single rows. @param {string[]} names */
  async reread(names) {
    await Promise.all(names.map(async (name) => {
      for (const g of await this.read({ prefix: name, limit: 1 })) {
        this.settle(g.stat, g.zxid)
        if (g.children[0]?.name === name && this.rows.has(name)) this.row(g.children[0], g.zxid)
        else this.changed.delete(name) // it is gone, which the directory's pzxid says too
      }
    }))
    if (names.length) this.tell(this.arrange())
  }

  /** @param {boolean} moved */
  tell(moved) {
    const names = this.dirty.splice(0)
    if (moved || this.count !== this.said) this.store.say("shape", this.path)
    this.said = this.count
    if (names.length) this.store.say("rows", this.path, names)
    if (this.behind()) this.plan()
  }

  /** rank asks for the place of a row that is not here. @param {string} name */
  async rank(name) {
    if (!this.ranks.has(name)) this.ranks.set(name, { at: -1, zxid: -1 })
    for (const old of this.ranks.keys()) if (this.ranks.size > RANKS) this.ranks.delete(old)
    let known = false
    await this.work(async () => {
      for (const g of await this.read({ prefix: name, limit: 1 })) {
        known = true
        this.settle(g.stat, g.zxid)
        const rank = this.ranks.get(name)
        if (rank && g.zxid >= rank.zxid) Object.assign(rank, { at: g.children[0]?.name === name ? g.offset : -1, zxid: g.zxid })
      }
      this.store.say("rows", this.path, [name])
    })
    if (!known) this.ranks.delete(name) // it is asked for again when it is drawn
  }
}
